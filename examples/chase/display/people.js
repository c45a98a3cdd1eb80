// Who is where: a token for each player, over the drawn city. The browser glides them by
// itself, away from the thread of scripts; the city under them is not painted again.

const CROWD = 12; // players with their names at their tokens; of more, only the numbers
const SOON = 250; // ms of the shortest glide
const LATE = 6_000; // and of the longest

export class People {
  #room;
  #city;
  #tokens = new Map(); // id of a player to {element, at, moved}
  #seen;
  #own;

  constructor(room, city) {
    this.#room = room;
    this.#city = city;
    this.#own = this.#mark("token own", "i");
    this.#seen = this.#mark("token seen", "i", "b", "span");
    this.#seen.children[1].textContent = "X";
  }

  // Draws all anew where they are: after a change of size nobody glides.
  redraw(players, seen, own) {
    for (const token of this.#tokens.values()) token.at = null;
    this.draw(players, seen, own);
  }

  // `own` is where whoever looks at it is himself, if only he may know that.
  draw(players, seen, own = null) {
    if (!this.#city.open) return;
    const there = players.filter(({ role, here, lon }) => role !== "x" && here && lon !== null);
    const ids = new Set(there.map(({ id }) => id));
    for (const [id, { element }] of this.#tokens) {
      if (!ids.has(id)) element.remove(), this.#tokens.delete(id);
    }
    this.#room.classList.toggle("crowd", there.length > CROWD);
    const size = this.#unit() * (there.length > CROWD ? 2 : 2.8);
    for (const [player, at] of apart(there, (player) => this.#city.at([player.lon, player.lat]), size)) {
      this.#put(player, at);
    }
    this.#point(this.#seen, seen);
    if (seen) this.#seen.lastChild.textContent = `Round ${seen.round}`;
    this.#point(this.#own, own);
  }

  #put(player, at) {
    const token = this.#tokens.get(player.id) ?? this.#enter(player.id);
    write(token.element, player);
    if (token.at && token.at[0] === at[0] && token.at[1] === at[1]) return;
    const now = performance.now();
    // as long as the last step took to come, so that the next one finds it arrived
    const time = token.at ? Math.min(Math.max(now - token.moved, SOON), LATE) : 0;
    Object.assign(token, { at, moved: now });
    token.element.style.transitionDuration = `${time}ms`;
    token.element.style.transform = `translate(${at[0].toFixed(1)}px, ${at[1].toFixed(1)}px)`;
    token.element.classList.toggle("turned", at[0] > this.#room.clientWidth - 14 * this.#unit());
  }

  #enter(id) {
    const element = this.#mark("token player", "b", "bdi");
    element.hidden = false;
    const token = { element, at: null, moved: performance.now() };
    this.#tokens.set(id, token);
    return token;
  }

  #point(element, spot) {
    element.hidden = spot === null;
    if (spot === null) return;
    const [x, y] = this.#city.at([spot.lon, spot.lat]);
    element.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
  }

  #mark(kind, ...parts) {
    const element = document.createElement("div");
    element.className = kind;
    element.hidden = true;
    element.append(...parts.map((part) => document.createElement(part)));
    this.#room.append(element);
    return element;
  }

  #unit() {
    return parseFloat(getComputedStyle(this.#room).fontSize);
  }
}

// The same colour and number wherever a player is named: in an element of which the first
// child has the number, and the second the name.
export function write(element, { role, number, name }) {
  element.children[0].textContent = role === "x" ? "X" : number;
  element.children[1].textContent = name;
  element.classList.toggle("x", role === "x");
  element.style.setProperty("--hue", (25 + number * 137.5) % 360);
}

// Those who stand at the same spot stand around it.
function apart(players, place, size) {
  const spots = new Map();
  for (const player of players) {
    const at = place(player);
    const key = at.map((value) => Math.round(value)).join();
    spots.set(key, [...(spots.get(key) ?? []), [player, at]]);
  }
  return [...spots.values()].flatMap((group) => (group.length < 2 ? group : ring(group, size)));
}

function ring(group, size) {
  const radius = Math.max(0.62 * size, (group.length * size * 0.8) / (2 * Math.PI));
  return group.map(([player, [x, y]], index) => {
    const angle = (index / group.length) * 2 * Math.PI - Math.PI / 2;
    return [player, [x + radius * Math.cos(angle), y + radius * Math.sin(angle)]];
  });
}
