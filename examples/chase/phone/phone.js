// The page of somebody who plays. What is true comes from the server, as one view after the
// other; what the person does goes back as one action after the other.

import { ask, scan, sheets } from "./sheets.js";
import { act, listen, load } from "./channel.js";
import { drawChat } from "./chat.js";
import { City } from "./city.js";
import { drawMembers } from "./members.js";
import { People } from "./people.js";
import { drawPlaces, open } from "./places.js";

const find = (id) => document.getElementById(id);
const PARTS = ["map", "members", "chat"];
const PHASES = {
  lobby: "Waiting for players",
  x: "Mr. X chooses",
  agents: "Agents choose",
  travel: "All are on the way",
  over: "The game is over",
};

const room = find("room");
const city = new City(find("city"));
const people = new People(room, city);

let view = null;
let local = ""; // a sentence that only this page knows
let shown = "members";
let asked = 0; // which city was asked for
let until = 0; // when the round is closed

// -- down

function draw(next) {
  const before = view;
  view = next;
  document.body.dataset.state = view.state;
  drawRound(before?.members);
  if (view.map) drawMap();
  if (view.members) drawMembers(view.members);
  if (view.chat) drawChat(view.chat, shown === "chat");
  drawParts();
  drawDeeds();
  ask(view.asked, before?.asked);
}

function drawRound(before) {
  const { round = {}, over, city: name, you } = view.members ?? view.map ?? {};
  const { number, of, phase, left } = round;
  find("round").textContent = number ? `Round ${number} of ${of}` : name || "Chase";
  if (JSON.stringify(before?.round) !== JSON.stringify(round)) until = performance.now() + left * 1_000;
  const mine = Boolean(!over && view.members?.turn?.go.length);
  const turn = `Your turn: choose a ride${shown === "members" ? "" : " under Players"}`;
  find("phase").textContent = over ? over.text : mine ? turn : you === "" ? "Not joined" : PHASES[phase] ?? "";
  document.body.classList.toggle("mine", mine);
  tick();
}

function tick() {
  const { round, over } = view?.members ?? view?.map ?? {};
  const left = Math.max(0, Math.ceil((until - performance.now()) / 1_000));
  find("left").hidden = !round?.left || Boolean(over);
  find("left").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

function drawMap() {
  if (view.map.city !== asked) fetchCity();
  people.draw(view.map.players, view.map.seen, own());
}

// Where we are ourselves; of Mr. X only his own phone knows it.
function own() {
  const { turn, players, you } = view.members ?? {};
  const point = players?.find(({ id }) => id === you)?.role === "x" && city.stations.get(turn?.target || turn?.station)?.point;
  return point ? { lon: point[0], lat: point[1] } : null;
}

async function fetchCity() {
  asked = view.map.city;
  if (!asked) return;
  const answer = await load("/city.geojson");
  if (answer.ok) city.read(await answer.json());
  resize();
}

function resize() {
  if (!city.open || !room.clientWidth) return;
  city.draw(room.clientWidth, room.clientHeight, parseFloat(getComputedStyle(room).fontSize));
  if (view?.map) people.redraw(view.map.players, view.map.seen, own());
}

function drawParts() {
  for (const part of PARTS) {
    const here = Boolean(view[part]);
    find(part).hidden = part !== shown || !here;
    find(`tab-${part}`).setAttribute("aria-selected", part === shown);
    find(`tab-${part}`).classList.toggle("elsewhere", !here);
  }
  if (shown === "chat") find("unread").hidden = true;
  drawPlaces(view, shown);
}

function drawDeeds() {
  say(local);
  find("note").textContent = view.note;
  find("note").hidden = !view.note;
  find("progress").hidden = !view.busy;
  find("beside").hidden = !view.can_scan;
  if (view.state !== "here" && find("scan").open) find("scan").close();
}

function say(sentence) {
  local = sentence;
  const problem = sentence || view?.problem || "";
  find("problem").textContent = problem;
  find("problem").hidden = !problem;
}

// -- what the person does

for (const part of PARTS) {
  find(`tab-${part}`).addEventListener("click", () => {
    shown = part;
    if (!view) return;
    drawRound(view.members);
    drawParts();
    if (part === "map") resize();
    if (view.chat) drawChat(view.chat, part === "chat");
  });
}

find("where").addEventListener("click", () => open(view, shown));
find("scan-one").addEventListener("click", () => {
  find("put").close();
  act("choose", shown);
  scan();
});

sheets({ app: "Chase: the parts of it that you put there", say });
addEventListener("resize", resize);
setInterval(tick, 1_000);
listen(draw, () => {
  document.body.dataset.state = "loading";
  find("round").textContent = "The game was ended here. Start it again.";
});
