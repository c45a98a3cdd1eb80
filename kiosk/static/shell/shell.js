// The screen's own page: it draws what the daemon says, and keeps the frames of apps.
// Events come down as server-sent events; messages go up as POSTs, one after another.

import { Frames } from "./frames.js";
import { draw } from "./view.js";

const TOKEN = document.querySelector("meta[name=token]").content;
const SILENCE = 16_000; // ms without a pulse: the daemon hangs or is gone
const RETRY = 1_000;
const TOUCHES = 1_000; // ms between two that are reported
const BATCH = 1_000_000; // characters that go up at once, unless one message has more

let page = ""; // which page we are to the daemon; empty while it is away
let venue = {};
let replaced = false;
let renewing = false; // the daemon ends on purpose, and comes back as a new process

// -- up

let waiting = []; // messages as JSON
let posting = false;
let singly = 0; // how many of the next go alone: one of them is not understood

function up(message) {
  if (!page) return;
  waiting.push(message);
  if (!posting) post();
}

function batch() {
  let [count, size] = [0, 0];
  do size += waiting[count++].length;
  while (!singly && count < Math.min(waiting.length, 32) && size + waiting[count].length < BATCH);
  singly = Math.max(0, singly - 1);
  return waiting.splice(0, count);
}

async function post() {
  posting = true;
  while (waiting.length && page) {
    const messages = batch();
    try {
      const answer = await fetch("/up", {
        method: "POST",
        headers: { "X-Token": TOKEN },
        body: `{"page":"${page}","messages":[${messages}]}`,
      });
      if (answer.status === 409 || answer.status === 403) lost();
      if (answer.status === 400 && messages.length > 1) {
        waiting.unshift(...messages);
        singly = messages.length;
      }
    } catch {
      lost();
    }
  }
  posting = false;
}

// -- down

const frames = new Frames(document.getElementById("frames"), up);

const verbs = {
  hello(message) {
    page = message.page;
    venue = message.venue;
    document.title = venue.name;
    frames.sweep(); // origins that a crash left behind
  },
  view: ({ view }) => draw(view, venue),
  load: ({ frame, src }) => frames.load(frame, src),
  restore: (message) => frames.restore(message),
  packet: ({ frame, packet }) => frames.tell(frame, { mobility: "packet", packet }),
  snapshot: ({ frame, id }) => frames.tell(frame, { mobility: "snapshot", id }),
  start: ({ frame }) => frames.start(frame),
  stop: ({ frame }) => frames.stop(frame),
  wipe: ({ frame }) => frames.wipe(frame),
  pulse() {},
  renew() {
    renewing = true;
  },
  replaced() {
    replaced = true;
    lost();
    draw({ screen: "replaced" }, venue);
  },
};

let source = null;
let silence = 0;

function open() {
  source = new EventSource(`/events?token=${encodeURIComponent(TOKEN)}`);
  source.onmessage = ({ data }) => {
    listen();
    const message = JSON.parse(data);
    verbs[message.type]?.(message);
  };
  source.onerror = lost;
  listen();
}

function listen() {
  clearTimeout(silence);
  silence = setTimeout(lost, SILENCE);
}

// Without the daemon nobody would take a visitor's content away: we do, at once.
function lost() {
  clearTimeout(silence);
  source?.close();
  page = "";
  waiting = [];
  frames.clear();
  if (replaced) return;
  draw({ screen: renewing ? "wiping" : "away" }, venue);
  setTimeout(again, renewing ? 0 : RETRY);
}

// A restarted daemon has another token, so the page itself is loaded again.
async function again() {
  try {
    await fetch("/", { method: "HEAD", signal: AbortSignal.timeout(5_000) });
    location.reload();
  } catch {
    setTimeout(again, RETRY);
  }
}

// -- somebody uses the screen

let touched = -Infinity;

export function touch() {
  if (replaced) return location.reload();
  if (performance.now() - touched < TOUCHES) return;
  touched = performance.now();
  up(JSON.stringify({ type: "touch" }));
}

for (const kind of ["pointerdown", "keydown", "wheel"]) {
  addEventListener(kind, touch, { passive: true });
}
addEventListener("contextmenu", (event) => event.preventDefault());

open();
