// Where the parts of the game are, and where they can go.

import { act } from "./channel.js";

const find = (id) => document.getElementById(id);
const TITLES = { map: "The map", members: "The list of players", chat: "The chat" };
const named = (part) => TITLES[part].toLowerCase();
let asked = ""; // the part that the open sheet is about

export function drawPlaces(view, part) {
  const places = view.parts[part];
  const away = places.filter(({ here }) => !here).map(({ name }) => name);
  const here = places.some((place) => place.here);
  const names = [...(here ? ["this phone"] : []), ...away];
  find("what").textContent = away.length ? `${TITLES[part]} is on` : "";
  find("places").textContent = away.length ? joined(names) : `Show ${named(part)} on …`;
  find("where").classList.toggle("away", away.length > 0);
  find("away").hidden = here;
  find("away").textContent = here ? "" : `${TITLES[part]} is on ${joined(away)}.`;
  if (find("put").open) drawTargets(view);
}

export function open(view, part) {
  asked = part;
  find("put-title").textContent = `Where shall ${named(part)} be?`;
  drawTargets(view);
  find("put").showModal();
}

let drawn = ""; // what the sheet shows: a tap must not miss its button

function drawTargets({ parts, targets, busy }) {
  const now = JSON.stringify([asked, parts[asked], targets, busy]);
  if (now === drawn) return;
  drawn = now;
  const on = new Set(parts[asked].map(({ id }) => id));
  find("targets").replaceChildren(...targets.map((target) => row(target, on, busy)));
}

function row({ id, name }, on, busy) {
  const item = document.createElement("li");
  const title = document.createElement("bdi");
  title.textContent = id === "" ? "This phone" : name;
  item.append(title);
  item.classList.toggle("on", on.has(id));
  item.append(...deeds(id, on).map((how) => button(how, id, name, busy)));
  return item;
}

// What is at several places has nowhere to move from; but home it comes from all of them.
function deeds(id, on) {
  if (on.has(id)) return on.size > 1 ? ["drop"] : [];
  return [...(on.size > 1 && id ? [] : ["move"]), ...(id ? ["add"] : [])];
}

const DEEDS = {
  move: { words: "Move", label: (name) => `Move it to ${name}` },
  add: { words: "Add", label: (name) => `Show it on ${name} as well` },
  drop: { words: "Stop", label: (name) => `Take it from ${name}` },
};

function button(how, id, name, busy) {
  const made = document.createElement("button");
  made.textContent = DEEDS[how].words;
  made.setAttribute("aria-label", DEEDS[how].label(name));
  made.disabled = busy;
  made.addEventListener("click", () => {
    find("put").close();
    act("put", { part: asked, on: id, how });
  });
  return made;
}

const joined = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);

find("put-close").addEventListener("click", () => find("put").close());
