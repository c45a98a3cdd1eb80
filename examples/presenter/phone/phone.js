// The phone's page. What is true comes from the server, as one view after the other;
// what the person does goes back as one action after the other.

import { Deck } from "/deck.js";
import { gestures } from "./gestures.js";

const TOKEN = document.querySelector("meta[name=token]").content;
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

// -- up

// One after the other, so that the end of pointing does not overtake the last spot; of
// spots that wait, only the last one is of use.
let waiting = [];
let posting = false;

function act(action, value = null) {
  const before = waiting.at(-1);
  if (action === "point" && before?.action === "point") waiting.pop();
  waiting.push({ action, value });
  if (!posting) post();
}

async function post() {
  posting = true;
  while (waiting.length) {
    await send("/do", JSON.stringify(waiting.shift())).catch(() => {});
  }
  posting = false;
}

const send = (path, body) => fetch(path, { method: "POST", headers: { "X-Token": TOKEN }, body });

async function upload(photo) {
  const answer = await send("/photo", photo).catch(() => null);
  if (answer?.status === 413) say("This photo is too large. Take a smaller one.");
}

// -- down

async function open() {
  const source = new EventSource(`/events?token=${encodeURIComponent(TOKEN)}`);
  source.onmessage = ({ data }) => draw(JSON.parse(data));
  source.onerror = () => {
    document.body.dataset.state = "loading";
    find("where").textContent = "The presenter was ended. Start it again.";
    for (const sheet of document.querySelectorAll("dialog[open]")) sheet.close();
  };
  const answer = await fetch("/document.pdf", { headers: { "X-Token": TOKEN } });
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
  drawQuestion(before?.asked);
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

function drawQuestion(before) {
  const { asked } = view;
  const sheet = find("ask");
  if (!asked) return sheet.open && sheet.close();
  find("domain").textContent = asked.domain;
  for (const claim of ["name", "operator", "place"]) {
    find(claim).textContent = asked[claim];
    find(claim).parentElement.hidden = !asked[claim];
  }
  find("hours").textContent = asked.hours === 1 ? "one hour" : `${asked.hours} hours`;
  find("tries").hidden = asked.tries === 3;
  find("tries").textContent = `These are not the digits on the screen. ${asked.tries} more ${asked.tries === 1 ? "try" : "tries"}.`;
  // a view comes again as a sign of life, and must not clear what is being typed
  if (sheet.open && before?.tries === asked.tries) return;
  if (!sheet.open) {
    drawLevels(asked);
    sheet.showModal();
  }
  find("pair").value = "";
  find("pair").focus({ preventScroll: true }); // who asks is read first
}

// As a guest, unless the person who reads this chooses otherwise, each time anew.
function drawLevels({ level, levels }) {
  find("levels").replaceChildren(...levels.map((option) => radio(option, option.level === level)));
  find("otherwise").hidden = levels.length < 2;
  find("otherwise").open = false;
  drawLevel();
}

function radio({ level, enters }, checked) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "level", value: level, checked });
  input.addEventListener("change", drawLevel);
  label.append(input, capital(enters));
  return label;
}

const level = () => document.querySelector("[name=level]:checked").value;
const capital = (words) => words[0].toUpperCase() + words.slice(1);

function drawLevel() {
  const { enters, gives, harmless } = view.asked.levels.find((option) => option.level === level());
  find("enters").textContent = capital(enters);
  find("gives").textContent = gives;
  find("level").classList.toggle("wide", !harmless);
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

function leave(sheet, then) {
  find(sheet).close();
  say("");
  then();
}

const deeds = {
  back: () => turn(-1),
  next: () => turn(1),
  show: () => find("scan").showModal(),
  take: () => act("back"),
  again: () => act("again"),
  reclaim: () => act("reclaim"),
  decline: () => act("decline"),
  beside: () => leave("scan", () => act("scan")),
};
for (const [id, deed] of Object.entries(deeds)) find(id).addEventListener("click", deed);

const forms = {
  paste: () => leave("scan", () => { act("visit", find("code").value); find("code").value = ""; }),
  digits: () => act("approve", { digits: find("pair").value, level: level() }),
  write: () => { act("write", find("put").textContent === "Clear" ? "" : find("text").value); find("text").blur(); },
};
for (const [id, deed] of Object.entries(forms)) {
  find(id).addEventListener("submit", (event) => { event.preventDefault(); deed(); });
}

find("text").addEventListener("input", offer);
find("photo").addEventListener("change", ({ target }) => {
  const [photo] = target.files;
  if (photo) leave("scan", () => upload(photo));
  target.value = "";
});
find("scan").querySelector(".close").addEventListener("click", () => find("scan").close());
// Escape must not hide a question that is still open
find("ask").addEventListener("cancel", (event) => { event.preventDefault(); act("decline"); });

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
