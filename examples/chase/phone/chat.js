// What is said. Lines are only ever added, so that what is being read stays where it is.

import { act } from "./channel.js";
import { submitted } from "./sheets.js";

const find = (id) => document.getElementById(id);
let read = 0; // how many lines there were when the person last looked
let last = "";

export function drawChat({ you, lines }, visible) {
  if (visible) read = lines.length;
  const unread = Math.max(0, lines.length - read);
  find("unread").hidden = !unread;
  find("unread").textContent = unread > 99 ? "99+" : unread;
  const now = JSON.stringify(lines);
  if (now === last) return;
  last = now;
  const list = find("lines");
  const low = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.replaceChildren(...lines.map((line) => entry(line, line.player === you)));
  if (low || visible) list.scrollTop = list.scrollHeight;
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
