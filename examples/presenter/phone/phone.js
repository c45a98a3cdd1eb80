// The phone: shows the document, and where it is. What happens is decided by remote.py;
// this page draws what it says, and tells it what the user does.

import { Deck } from "/deck.js";
import { Scanner } from "/scan.js";

const TOKEN = document.querySelector("meta[name=token]").content;
const POINTS = 33; // ms between two pointer packets
const find = (id) => document.getElementById(id);
const deck = new Deck(find("slide"));
let view = { step: "here", page: 1 };

function post(path, body) {
  return fetch(path, { method: "POST", headers: { "X-Token": TOKEN }, body });
}

const wish = (what, rest = {}) => post("/do", JSON.stringify({ do: what, ...rest }));

// -- what is drawn

const DOING = {
  meeting: () => "Asking the screen who it is …",
  approving: () => "Waiting for you …",
  moving: () => `On its way to ${view.screen} …`,
  returning: () => "Coming back …",
};

function draw(next) {
  view = next;
  document.body.dataset.step = view.step;
  const there = view.step === "away" || view.step === "stuck";
  find("where").textContent = there ? `On ${view.screen}` : "On this phone";
  find("count").textContent = deck.pages ? `${view.page} / ${deck.pages}` : "";
  find("back").disabled = !turnable() || view.page <= 1;
  find("next").disabled = !turnable() || view.page >= deck.pages;
  say("error", view.error);
  say("notice", view.notice);
  drawDot(view.pointer);
  drawBusy();
  drawQuestion(view.question);
  if (deck.pages && deck.page !== view.page) deck.show(Math.min(view.page, deck.pages));
}

function turnable() {
  return view.step === "here" || view.step === "away";
}

function say(id, text) {
  find(id).textContent = text ?? "";
  find(id).hidden = !text;
}

function drawDot(at) {
  find("dot").hidden = !at;
  if (at) Object.assign(find("dot").style, { left: `${at[0] * 100}%`, top: `${at[1] * 100}%` });
}

function drawBusy() {
  find("doing").textContent = DOING[view.step]?.() ?? "";
  const bar = find("progress");
  if (view.step === "moving" && view.progress) bar.value = view.progress;
  else bar.removeAttribute("value");
}

function drawQuestion(question) {
  const dialog = find("approve");
  if (!question) return dialog.close();
  for (const key of ["domain", "name", "operator", "place", "lifetime"]) {
    find(key).textContent = question[key];
    const row = find(key).closest("dl div");
    if (row) row.hidden = !question[key];
  }
  find("rivals").hidden = !question.rivals;
  const left = question.tries === 1 ? "one more try" : `${question.tries} more tries`;
  say("wrong", question.tries < 3 ? `Those are not the digits on the screen: ${left}.` : "");
  if (dialog.open) return;
  find("digits").value = "";
  dialog.showModal();
  find("digits").focus();
}

// -- what the user does

function turn(page) {
  if (!turnable() || page < 1 || page > deck.pages) return;
  wish("turn", { page });
}

find("back").addEventListener("click", () => turn(view.page - 1));
find("next").addEventListener("click", () => turn(view.page + 1));
addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "ArrowRight" || event.key === "PageDown") turn(view.page + 1);
  if (event.key === "ArrowLeft" || event.key === "PageUp") turn(view.page - 1);
});

const slide = find("slide");
let pointed = -Infinity;

function point(event) {
  if (view.step !== "away" || !event.buttons) return;
  if (performance.now() - pointed < POINTS) return;
  pointed = performance.now();
  const { left, top, width, height } = slide.getBoundingClientRect();
  const within = (value) => Math.min(Math.max(value, 0), 1);
  const x = within((event.clientX - left) / width);
  const y = within((event.clientY - top) / height);
  drawDot([x, y]);
  wish("point", { x, y });
}

function stopPointing() {
  if (pointed === -Infinity) return;
  pointed = -Infinity;
  drawDot(null);
  wish("point");
}

slide.addEventListener("pointerdown", (event) => {
  slide.setPointerCapture(event.pointerId);
  point(event);
});
slide.addEventListener("pointermove", point);
for (const kind of ["pointerup", "pointercancel"]) slide.addEventListener(kind, stopPointing);

const scanner = new Scanner({
  read: async (picture) => (await post("/photo", picture)).json(),
  found: (code) => wish("show", { code }),
});
find("show").addEventListener("click", () => scanner.open());
find("takeback").addEventListener("click", () => wish("take back"));
find("again").addEventListener("click", () => wish("take back"));
find("reclaim").addEventListener("click", () => wish("reclaim"));

find("answer").addEventListener("submit", (event) => {
  event.preventDefault();
  wish("answer", { digits: find("digits").value });
  find("approve").close();
});
const decline = () => wish("answer", { digits: null });
find("decline").addEventListener("click", () => {
  decline();
  find("approve").close();
});
find("approve").addEventListener("cancel", decline);

// -- begin

const answer = await fetch("/document", { headers: { "X-Token": TOKEN } });
try {
  await deck.open(await answer.arrayBuffer());
} catch {
  say("error", "This document is damaged or locked, so it cannot be shown.");
}
new ResizeObserver(() => deck.redraw()).observe(find("stage"));
new EventSource(`/events?token=${encodeURIComponent(TOKEN)}`).onmessage = ({ data }) =>
  draw(JSON.parse(data));
