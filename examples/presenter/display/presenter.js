// Presents a PDF on a public display. The document is the state; page and pointer are
// packets. The namespace of the packets is the app's URI, which the SDK adds.

import { app, Refused } from "/mobility.js";
import { Deck } from "./deck.js";

const FILE = "document.pdf";

const slide = document.getElementById("slide");
const dot = document.getElementById("dot");
const note = document.getElementById("note");
const deck = new Deck(slide);
let pointer = null;

const { send, changed } = app({
  async restore({ data, files }) {
    const pages = await deck.open(files[FILE]).catch(() => {
      throw new Refused("This document is damaged or locked, so it cannot be shown here.");
    });
    await deck.show(whole(data?.page, pages) ?? 1);
    point(data?.pointer ?? null);
    write(data?.text);
  },
  packet({ name, attributes, text }) {
    if (name === "turn") return deck.show(whole(Number(attributes.page), deck.pages) ?? deck.page);
    if (name === "point") point("x" in attributes ? attributes : null);
    if (name === "write") write(text);
  },
  start: () => send("pages", { count: String(deck.pages) }),
  snapshot: () => ({ data: { page: deck.page, pages: deck.pages, pointer, text: note.textContent } }),
});

function whole(page, pages) {
  return Number.isInteger(page) ? Math.min(Math.max(page, 1), pages) : null;
}

// Fractions of the page, so that it is the same spot on every screen.
function point(at) {
  const [x, y] = [Number(at?.x), Number(at?.y)];
  const on = at !== null && x >= 0 && x <= 1 && y >= 0 && y <= 1;
  pointer = on ? { x, y } : null;
  dot.hidden = !on;
  if (on) Object.assign(dot.style, { left: `${x * 100}%`, top: `${y * 100}%` });
}

function write(text) {
  note.textContent = String(text ?? "").slice(0, 200);
  note.hidden = !note.textContent;
}

// -- whoever stands at the display

async function turn(page) {
  if (!deck.pages || page < 1 || page > deck.pages) return;
  send("turn", { page: String(page) });
  await deck.show(page);
  changed();
}

const KEYS = {
  ArrowRight: () => deck.page + 1,
  ArrowDown: () => deck.page + 1,
  PageDown: () => deck.page + 1,
  " ": () => deck.page + 1,
  ArrowLeft: () => deck.page - 1,
  ArrowUp: () => deck.page - 1,
  PageUp: () => deck.page - 1,
  Home: () => 1,
  End: () => deck.pages,
};

addEventListener("keydown", (event) => {
  const to = KEYS[event.key];
  if (!to) return;
  event.preventDefault();
  turn(to());
});
document.getElementById("next").addEventListener("click", () => turn(deck.page + 1));
document.getElementById("back").addEventListener("click", () => turn(deck.page - 1));
addEventListener("resize", () => deck.redraw());
