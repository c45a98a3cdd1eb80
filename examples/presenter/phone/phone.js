// The phone's page. What is true comes from the server, as one view after the other;
// what the person does goes back as one action after the other.

import { Deck } from "/deck.js";

const TOKEN = document.querySelector("meta[name=token]").content;
const POINTS = 33; // ms between two that are sent
const find = (id) => document.getElementById(id);
const room = find("room");
const deck = new Deck(room);

const WHERE = {
  here: () => "On this phone",
  meeting: () => "Looking for the screen …",
  approving: () => "Waiting for you",
  moving: (view) => `Going to ${view.place} …`,
  away: (view) => `On ${view.place}`,
  returning: (view) => `Coming back from ${view.place} …`,
  stuck: (view) => `${view.place} does not answer`,
};

let view = null;

// -- up

// One after the other: the end of pointing must not overtake the last point.
let last = Promise.resolve();

function act(action, value = null) {
  last = last.then(() => post(action, value)).catch(console.error);
}

async function post(action, value) {
  const answer = await fetch("/do", {
    method: "POST",
    headers: { "X-Token": TOKEN, "Content-Type": "application/json" },
    body: JSON.stringify({ action, value }),
  });
  const { problem } = answer.ok ? await answer.json() : {};
  if (problem) tell(problem);
}

// -- down

async function open() {
  const answer = await fetch(`/document.pdf?token=${encodeURIComponent(TOKEN)}`);
  await deck.open(await answer.arrayBuffer()).catch(() => tell("This document cannot be read."));
  const source = new EventSource(`/events?token=${encodeURIComponent(TOKEN)}`);
  source.onmessage = ({ data }) => draw(JSON.parse(data));
  source.onerror = () => {
    document.body.dataset.state = "loading";
    find("where").textContent = "The presenter was ended.";
  };
}

function draw(next) {
  const before = view;
  view = next;
  document.body.dataset.state = view.state;
  find("where").textContent = WHERE[view.state](view);
  drawPage(before);
  drawDeeds();
  drawQuestion(before?.asked);
}

function drawPage(before) {
  const page = Math.min(Math.max(view.page, 1), deck.pages || 1);
  if (deck.pages && deck.page !== page) deck.show(page);
  find("count").textContent = `${page} / ${deck.pages || "–"}`;
  find("back").disabled = page <= 1;
  find("next").disabled = page >= deck.pages;
  const dot = find("dot");
  dot.hidden = !view.pointer;
  if (view.pointer) {
    const [x, y] = view.pointer;
    Object.assign(dot.style, { left: `${x * 100}%`, top: `${y * 100}%` });
  }
  if (!before || before.text !== view.text) find("text").value = view.text;
}

function drawDeeds() {
  const { state } = view;
  tell(view.problem);
  find("note").textContent = view.note;
  find("note").hidden = !view.note || state !== "here";
  find("progress").hidden = state !== "moving" && state !== "returning" && state !== "meeting";
  if (state === "moving") find("progress").value = view.progress;
  else find("progress").removeAttribute("value");
  find("show").hidden = state !== "here";
  find("take").hidden = state !== "away";
  find("stuck").hidden = state !== "stuck";
  find("beside").hidden = !view.can_scan;
  if (state !== "here" && find("scan").open) find("scan").close();
}

function drawQuestion(before) {
  const { asked } = view;
  const sheet = find("ask");
  if (!asked) return sheet.open && sheet.close();
  find("domain").textContent = asked.domain;
  find("name").textContent = asked.operator ? `${asked.name} (${asked.operator})` : asked.name;
  find("place").textContent = asked.place;
  find("at").hidden = !asked.place;
  find("hours").textContent = asked.hours;
  const wrong = asked.tries < 3;
  find("tries").hidden = !wrong;
  find("tries").textContent = wrong
    ? `These are not the digits on the screen. ${asked.tries} more ${asked.tries === 1 ? "try" : "tries"}.`
    : "";
  // a view comes again as a sign of life, and must not clear what is being typed
  if (sheet.open && before?.tries === asked.tries) return;
  if (!sheet.open) sheet.showModal();
  find("pair").value = "";
  find("pair").focus();
}

function tell(problem) {
  find("problem").textContent = problem;
  find("problem").hidden = !problem;
}

// -- what the person does

const turn = (by) => {
  const page = (view?.page ?? 1) + by;
  if (page >= 1 && page <= deck.pages) act("turn", page);
};

find("back").addEventListener("click", () => turn(-1));
find("next").addEventListener("click", () => turn(1));
find("show").addEventListener("click", () => { tell(""); find("scan").showModal(); });
find("take").addEventListener("click", () => act("back"));
find("again").addEventListener("click", () => act("again"));
find("reclaim").addEventListener("click", () => act("reclaim"));
find("beside").addEventListener("click", () => { find("scan").close(); act("scan"); });
find("decline").addEventListener("click", () => act("decline"));
find("scan").querySelector(".close").addEventListener("click", () => find("scan").close());
// Escape must not hide a question that is still open
find("ask").addEventListener("cancel", (event) => { event.preventDefault(); act("decline"); });

submit("paste", () => { find("scan").close(); act("visit", find("code").value); find("code").value = ""; });
submit("digits", () => act("approve", find("pair").value));
submit("write", () => act("write", find("text").value));

function submit(id, deed) {
  find(id).addEventListener("submit", (event) => { event.preventDefault(); deed(); });
}

addEventListener("keydown", (event) => {
  if (event.target.matches("input") || document.querySelector("dialog[open]")) return;
  const by = { ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1 }[event.key];
  if (by) { event.preventDefault(); turn(by); }
});

let pointed = 0;

room.addEventListener("pointerdown", (event) => { room.setPointerCapture(event.pointerId); point(event, true); });
room.addEventListener("pointermove", (event) => room.hasPointerCapture(event.pointerId) && point(event, false));
for (const kind of ["pointerup", "pointercancel"]) {
  room.addEventListener(kind, () => act("point", null));
}

function point(event, first) {
  if (!first && event.timeStamp - pointed < POINTS) return;
  pointed = event.timeStamp;
  const box = room.getBoundingClientRect();
  const fraction = (at, start, size) => Math.min(Math.max((at - start) / size, 0), 1);
  act("point", [fraction(event.clientX, box.left, box.width), fraction(event.clientY, box.top, box.height)]);
}

addEventListener("resize", () => deck.redraw());
open();
