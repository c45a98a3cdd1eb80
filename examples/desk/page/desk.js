// The page of one device: it shows the parts of the talk that run there, and, on the
// device that has the talk, where the others are. All that is true comes from the server.

import { act, listen, load } from "./channel.js";
import { Deck } from "./deck.js";
import { gestures } from "./gestures.js";

const find = (id) => document.getElementById(id);
const PARTS = { slides: drawSlides, notes: drawNotes, timer: drawTimer, remote: drawRemote };
const deck = new Deck(find("room"));

let view = null;
let came = 0; // when the view did, by this page's clock
let opened = ""; // which document the deck has

// -- down

function draw(next) {
  view = next;
  came = performance.now();
  const here = Object.keys(PARTS).filter((part) => view.parts[part]);
  document.body.dataset.state = here.length ? "away" : "here";
  document.body.dataset.parts = here.join(" ");
  find("where").textContent = view.device;
  find("nothing").hidden = here.length > 0;
  for (const [part, drawn] of Object.entries(PARTS)) {
    find(part).hidden = !view.parts[part];
    if (view.parts[part]) drawn(view.parts[part]);
  }
  find("problem").textContent = view.problem;
  find("problem").hidden = !view.problem;
  drawPlaces(view.places);
  drawTimes();
}

async function drawSlides({ document: id, page, pointer }) {
  if (id !== opened) await open(id);
  if (!deck.pages) return;
  const wanted = Math.min(Math.max(page, 1), deck.pages);
  if (deck.page !== wanted) await deck.show(wanted);
  const dot = find("dot");
  dot.hidden = !pointer;
  if (pointer) Object.assign(dot.style, { left: `${pointer[0] * 100}%`, top: `${pointer[1] * 100}%` });
}

async function open(id) {
  opened = id;
  try {
    act("counted", await deck.open(await (await load("/document.pdf")).arrayBuffer()));
    deck.page = 0; // none of this document is drawn yet
  } catch {
    find("problem").textContent = "This document is damaged or locked, so it cannot be shown.";
    find("problem").hidden = false;
  }
}

function drawNotes({ now, next }) {
  find("now").textContent = now || "No notes to this page.";
  find("now").classList.toggle("none", !now);
  find("next").textContent = next && `Next: ${next}`;
}

function drawTimer({ runs }) {
  find("timer").querySelector(".run").textContent = runs ? "Pause" : "Start";
}

function drawRemote({ page, pages }) {
  find("count").textContent = `${page} / ${pages || "–"}`;
  find("back").disabled = page <= 1;
  find("forth").disabled = pages > 0 && page >= pages;
}

// The server says what the clock read when it sent the view; this page goes on from there.
function drawTimes() {
  for (const part of ["timer", "remote"]) {
    const clock = view?.parts[part];
    if (!clock) continue;
    const seconds = Math.floor(clock.elapsed + (clock.runs ? (performance.now() - came) / 1000 : 0));
    const two = (number) => String(number).padStart(2, "0");
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    find(part).querySelector(".time").textContent =
      hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
  }
}

// -- where everything is: only the device that has the talk knows, and decides

function drawPlaces(places) {
  find("places").hidden = !places;
  if (!places || find("places").contains(document.activeElement)) return; // is being chosen
  find("places").replaceChildren(...places.parts.map((place) => row(place, places.devices)));
}

// A list for each device that shows the part, and one more to show it elsewhere as well.
function row({ part, on, busy }, devices) {
  const fieldset = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = part;
  fieldset.disabled = busy;
  const lists = on.map((from) => {
    const there = devices.includes(from) ? devices : [from, ...devices];
    const others = there.filter((name) => name === from || !on.includes(name));
    const options = others.map((name) => new Option(name, name, false, name === from));
    if (on.length > 1) options.push(new Option("Not there", ""));
    return list(`Which device has the ${part}`, options, (to) =>
      to ? act("move", { part, from, to }) : act("drop", { part, on: from }));
  });
  const free = devices.filter((name) => !on.includes(name));
  const more = [new Option("also on …", ""), ...free.map((name) => new Option(name))];
  if (free.length) lists.push(list(`Show the ${part} also on`, more, (to) => to && act("add", { part, on: to })));
  fieldset.append(legend, ...lists);
  return fieldset;
}

function list(name, options, chosen) {
  const select = document.createElement("select");
  select.setAttribute("aria-label", name);
  select.append(...options);
  select.addEventListener("change", () => {
    select.blur();
    chosen(select.value);
  });
  return select;
}

// -- what the person does

const page = () => (view?.parts.remote ?? view?.parts.slides)?.page ?? 1;

// Taps that come faster than the pages count all the same: each goes on from the last.
let led = { page: 0, until: 0 };
function turn(by) {
  if (!(view?.parts.remote ?? view?.parts.slides)) return;
  const from = performance.now() < led.until ? led.page : page();
  led = { page: Math.max(from + by, 1), until: performance.now() + 500 };
  act("turn", led.page);
}

const clock = () => view?.parts.timer ?? view?.parts.remote;

find("back").addEventListener("click", () => turn(-1));
find("forth").addEventListener("click", () => turn(1));
find("timer").querySelector(".run").addEventListener("click", () => act(clock()?.runs ? "pause" : "run"));
find("timer").querySelector(".reset").addEventListener("click", () => act("reset"));

const KEYS = { ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1 };
addEventListener("keydown", (event) => {
  if (event.target.matches("select, button")) return;
  const by = KEYS[event.key];
  if (by) { event.preventDefault(); turn(by); }
});

gestures(find("room"), { point: (at) => act("point", at), turn });
new ResizeObserver(() => deck.page && deck.redraw()).observe(find("stage"));
setInterval(drawTimes, 250);
listen(draw, () => {
  document.body.dataset.state = "loading";
  find("where").textContent = "This device was ended.";
});
