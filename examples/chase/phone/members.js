// Who plays, with which ticket they rode last, and what we can do now.

import { act } from "./channel.js";
import { write } from "./people.js";
import { submitted } from "./sheets.js";

const find = (id) => document.getElementById(id);
const TICKETS = { tram: "Tram", bus: "Bus", rail: "Rail", foot: "Wait", black: "Black ticket" };
let drawn = ""; // the rides that are there: a tap must not miss its button

export function drawMembers({ you, players, tickets, turn, seen, over, no }) {
  find("join").hidden = Boolean(you) && !over;
  drawTurn(over ? null : turn, players.find(({ id }) => id === you)?.role);
  find("no").textContent = no;
  find("no").hidden = !no;
  const rode = new Map(tickets.map((ticket) => [ticket.player, ticket]));
  const rows = [...players].sort((a, b) => b.here - a.here || a.number - b.number);
  const list = find("players");
  while (list.children.length > rows.length) list.lastChild.remove();
  while (list.children.length < rows.length) list.append(row());
  rows.forEach((player, index) => {
    const item = list.children[index];
    write(item, player);
    item.children[2].textContent = story(player, rode.get(player.id), seen);
    item.classList.toggle("gone", !player.here);
    item.classList.toggle("you", player.id === you);
  });
}

function story({ role, here }, ticket, seen) {
  if (!here) return "has left";
  const rode = ticket ? `${ticket.by === "foot" ? "Waited" : TICKETS[ticket.by] ?? "?"} in round ${ticket.round}` : "";
  return role === "x" && seen ? [`seen at ${seen.name} in round ${seen.round}`, rode].filter(Boolean).join(" · ") : rode;
}

function drawTurn(turn, role) {
  find("turn").hidden = !turn?.name;
  if (!turn?.name) return;
  const going = turn.go.length ? "" : turn.target ? ", on the way" : "";
  find("at").textContent = `You are ${role === "x" ? "Mr. X, " : ""}at ${turn.name}${going}`;
  const now = JSON.stringify(turn);
  if (now !== drawn) find("rides").replaceChildren(...turn.go.map(ride));
  drawn = now;
}

function ride({ to, name, by, left }) {
  const button = document.createElement("button");
  button.className = Object.hasOwn(TICKETS, by) ? by : "";
  const [what, where] = [document.createElement("small"), document.createElement("bdi")];
  what.textContent = by === "foot" ? TICKETS.foot : `${TICKETS[by] ?? by} · ${left} left`;
  where.textContent = by === "foot" ? "Stay here" : name;
  button.append(where, what);
  button.addEventListener("click", () => act("move", { to, by }));
  return button;
}

function row() {
  const item = document.createElement("li");
  item.append(document.createElement("b"), document.createElement("bdi"), document.createElement("span"));
  return item;
}

submitted("join", () => act("join", find("player").value));
