// The phone's page. What is true comes from the server, as one view after the other;
// what the person does goes back as one action after the other.

import { Deck } from "/deck.js";
import { act, listen, load } from "./channel.js";
import { gestures } from "./gestures.js";
import { ask, scan, sheets, submitted } from "./sheets.js";

const find = (id) => document.getElementById(id);
const touch = matchMedia("(pointer: coarse)");
const room = find("room");
const deck = new Deck(room);

const WHERE = {
  here: () => "On this phone",
  meeting: () => "Looking for the screen …",
  approving: () => "Waiting for you",
  moving: ({ place }) => `Going to ${place} …`,
  away: ({ place }) => `On ${place}`,
  returning: ({ place }) => `Coming back from ${place} …`,
  stuck: ({ place }) => `Still on ${place}`,
  leaving: ({ place }) => `On this phone; ${place} is being cleared …`,
};
const BUSY = ["meeting", "moving", "returning", "leaving"];

let view = null;
let local = ""; // a sentence that only this page knows

// -- down

async function open() {
  listen(draw, () => {
    document.body.dataset.state = "loading";
    find("where").textContent = "The presenter was ended. Start it again.";
  });
  const answer = await load("/document.pdf");
  try {
    await deck.open(await answer.arrayBuffer());
  } catch {
    return say("This document is damaged or locked, so it cannot be shown.");
  }
  await deck.show(1);
  const { width, height } = room.getBoundingClientRect();
  find("stage").style.aspectRatio = `${width} / ${height}`;
  deck.redraw();
  act("opened", deck.pages);
  if (view) draw(view);
}

function draw(next) {
  const before = view;
  view = next;
  document.body.dataset.state = view.state;
  find("where").textContent = WHERE[view.state](view);
  drawPage();
  drawText(before?.text);
  drawDeeds();
  ask(view.asked, before?.asked);
}

function drawPage() {
  const page = Math.min(Math.max(view.page, 1), deck.pages || 1);
  if (deck.pages && deck.page !== page) deck.show(page);
  find("count").textContent = `${page} / ${deck.pages || "–"}`;
  find("back").disabled = page <= 1;
  find("next").disabled = page >= deck.pages;
  find("hint").textContent = touch.matches ? "Swipe to turn; hold and drag to point" : "Drag on the page to point";
  const dot = find("dot");
  dot.hidden = !view.pointer;
  if (view.pointer) {
    const [x, y] = view.pointer;
    Object.assign(dot.style, { left: `${x * 100}%`, top: `${y * 100}%` });
  }
}

function drawText(before) {
  const field = find("text");
  if (before !== view.text && field !== document.activeElement) field.value = view.text;
  offer();
}

// What stands there already can only be taken away.
function offer() {
  const stands = Boolean(view?.text) && find("text").value === view.text;
  find("put").textContent = stands ? "Clear" : "Write";
}

function drawDeeds() {
  const { state } = view;
  say(state === "here" ? local : "");
  find("rival").hidden = !view.rival || state !== "away";
  find("note").textContent = view.note;
  find("note").hidden = !view.note || state !== "here";
  find("progress").hidden = !BUSY.includes(state);
  if (state === "moving") find("progress").value = view.progress;
  else find("progress").removeAttribute("value");
  find("show").hidden = state !== "here";
  find("take").hidden = state !== "away";
  find("stuck").hidden = state !== "stuck";
  find("beside").hidden = !view.can_scan;
  if (state !== "here" && find("scan").open) find("scan").close();
}

function say(sentence) {
  local = sentence;
  const problem = sentence || view?.problem || "";
  find("problem").textContent = problem;
  find("problem").hidden = !problem;
}

// -- what the person does

const turn = (by) => {
  const page = (view?.page ?? 1) + by;
  if (page >= 1 && page <= deck.pages) act("turn", page);
};

const deeds = {
  back: () => turn(-1),
  next: () => turn(1),
  show: scan,
  take: () => act("back"),
  again: () => act("again"),
  reclaim: () => act("reclaim"),
};
for (const [id, deed] of Object.entries(deeds)) find(id).addEventListener("click", deed);

sheets({ app: "Presenter, with this document and its page", say });
submitted("write", () => {
  act("write", find("put").textContent === "Clear" ? "" : find("text").value);
  find("text").blur();
});
find("text").addEventListener("input", offer);

const KEYS = { ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1 };

addEventListener("keydown", (event) => {
  if (event.target.matches("input") || document.querySelector("dialog[open]")) return;
  if (event.key === " " && event.target.matches("button")) return; // presses it
  const by = KEYS[event.key];
  if (by) { event.preventDefault(); turn(by); }
});

gestures(room, { point: (at) => act("point", at), turn });
addEventListener("resize", () => deck.redraw());
open();
