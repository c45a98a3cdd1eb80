// What is told beside the map: the round, Mr. X, and who is where.

import { write } from "./people.js";

const find = (id) => document.getElementById(id);

const PHASES = {
  lobby: "Waiting for players",
  x: "Mr. X chooses",
  agents: "Agents choose",
  travel: "All are on the way",
  over: "The game is over",
};
const SOME = 7; // players whose places have room beside their names
const MANY = 22; // players who have room in two columns

export function drawRound({ round, over, left }) {
  document.body.dataset.phase = over ? "over" : round.phase;
  find("round").hidden = !round.number;
  find("number").textContent = round.number;
  find("of").textContent = round.of ? `of ${round.of}` : "";
  find("phase").textContent = over ? PHASES.over : PHASES[round.phase];
  drawLeft({ round, over, left });
  find("shows").hidden = !round.shows || Boolean(over);
  find("shows").textContent = round.shows === round.number ? "Mr. X appears after this round" : `Mr. X appears after round ${round.shows}`;
  find("over").hidden = !over;
  if (!over) return;
  find("over").dataset.winner = over.winner;
  find("winner").textContent = over.winner === "x" ? "Mr. X has won" : "The agents have won";
  find("story").textContent = over.text;
}

export function drawLeft({ round, over, left }) {
  find("left").hidden = !round.until || Boolean(over);
  find("left").textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

export function drawPeople(players, seen, stations) {
  const all = [...players].sort((a, b) => (a.here === b.here ? a.number - b.number : b.here - a.here));
  const list = find("players");
  document.body.dataset.crowd = all.length > MANY ? "many" : all.length > SOME ? "some" : "few";
  while (list.children.length > all.length) list.lastChild.remove();
  while (list.children.length < all.length) list.append(row());
  all.forEach((player, index) => {
    const item = list.children[index];
    write(item, player);
    item.lastChild.textContent = where(player, seen, stations);
    item.classList.toggle("gone", !player.here);
  });
  count(list);
}

function where({ role, here, station, target }, seen, stations) {
  if (!here) return "has left";
  if (role === "x") return seen ? `seen at ${seen.name || "an unknown place"}` : "not seen yet";
  const [at, to] = [station, target].map((id) => stations.get(id)?.name);
  return to ? `→ ${to}` : at ?? "";
}

// What has no room is counted, so that nobody thinks that these are all.
function count(list) {
  find("more").textContent = "";
  const { bottom, right } = list.getBoundingClientRect();
  const hidden = [...list.children].filter((item) => {
    const box = item.getBoundingClientRect();
    return box.bottom > bottom + 1 || box.right > right + 1;
  }).length;
  find("more").textContent = hidden ? `and ${hidden} more` : "";
}

function row() {
  const item = document.createElement("li");
  item.append(document.createElement("b"), document.createElement("bdi"), document.createElement("span"));
  return item;
}
