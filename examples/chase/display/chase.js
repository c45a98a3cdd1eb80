// The map part of a chase on a public display. The game's service says who is where; this
// page only shows it. The namespace of the packets is the app's URI, which the SDK adds.

import { app, Refused } from "/mobility.js";
import { drawLeft, drawPeople, drawRound } from "./board.js";
import { City } from "./city.js";
import { Game } from "./game.js";
import { People } from "./people.js";

const FILE = "city.geojson";

const room = document.getElementById("map");
const city = new City(document.getElementById("city"));
const people = new People(room, city);
const clock = () => performance.now();
let game = new Game(null, clock);
let ticking = 0;
let text = null; // of a city that came after the state

app({
  restore({ part, data, files }) {
    if (part !== "map") throw new Refused("This screen shows the map of a chase only.");
    if (files[FILE]) read(new TextDecoder().decode(files[FILE]));
    game = new Game(data, clock);
    draw();
  },
  packet(packet) {
    const [what, more] = game.apply(packet);
    if (what === "city") another(more);
    if (what === "round") drawRound(game);
    if (what === "people") drawPlayers();
    if (what === "spots") people.draw(game.people, game.seen);
  },
  start() {
    ticking = setInterval(() => drawLeft(game), 1_000);
  },
  stop: () => clearInterval(ticking),
  snapshot() {
    const files = text === null ? undefined : { [FILE]: new TextEncoder().encode(text).buffer };
    return { data: game.data, ...(files && { files }) };
  },
});

function read(text) {
  try {
    city.read(JSON.parse(text));
  } catch (error) {
    console.error(error);
    throw new Refused("This city cannot be drawn.");
  }
}

function another(whole) {
  if (whole) read(whole);
  text = whole ?? text;
  draw();
}

function draw() {
  game.stations = city.stations;
  document.getElementById("where").textContent = city.name;
  document.body.classList.toggle("drawn", city.open);
  if (city.open) city.draw(room.clientWidth, room.clientHeight, parseFloat(getComputedStyle(room).fontSize));
  people.redraw(game.people, game.seen);
  drawRound(game);
  drawPeople(game.people, game.seen, city.stations);
}

function drawPlayers() {
  people.draw(game.people, game.seen);
  drawPeople(game.people, game.seen, city.stations);
}

addEventListener("resize", draw);
