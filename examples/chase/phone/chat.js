// What is said. Whoever reads older lines stays there; else the last one is in sight.

import { act } from "./channel.js";
import { submitted } from "./sheets.js";

const find = (id) => document.getElementById(id);
let read = 0; // how many lines there were when the person last looked
let last = "";
let looking = false;

export function drawChat({ you, lines }, visible) {
  const opened = visible && !looking;
  looking = visible;
  if (visible) read = lines.length;
  const unread = Math.max(0, lines.length - read);
  find("unread").hidden = !unread;
  find("unread").textContent = unread > 99 ? "99+" : unread;
  const list = find("lines");
  const low = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const now = JSON.stringify(lines);
  if (now !== last) list.replaceChildren(...lines.map((line) => entry(line, line.player === you)));
  last = now;
  if (low || opened) list.scrollTop = list.scrollHeight;
}

function entry({ name, number, text }, mine) {
  const item = document.createElement("li");
  const words = document.createElement("span");
  words.dir = "auto";
  words.textContent = text;
  if (number === null) {
    item.className = "game";
    item.append(words);
    return item;
  }
  const who = document.createElement("bdi");
  who.textContent = number ? name : `${name} (Mr. X)`;
  item.style.setProperty("--hue", (25 + number * 137.5) % 360);
  item.classList.toggle("mine", mine);
  item.classList.toggle("x", number === 0);
  item.append(who, words);
  return item;
}

submitted("say", () => {
  const text = find("text").value.trim();
  if (text) act("say", text);
  find("text").value = "";
});
