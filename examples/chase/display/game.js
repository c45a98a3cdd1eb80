// The state of the map part: what it was restored with, and what each packet makes of it.
// Everything in it comes from strangers; it is bounded here, and written as text only.

const PLAYERS = 64;
const PIECES = 32;
const PHASES = ["lobby", "x", "agents", "travel", "over"];

export class Game {
  round = round({});
  players = new Map(); // by id, in the order of coming
  seen = null;
  over = null;
  stations = new Map(); // of the city: who was not heard of stands at his station
  #pieces = new Map(); // of a city that is not complete

  constructor(data, clock) {
    this.clock = clock;
    this.round = round(data?.round, clock());
    for (const one of listed(data?.players)) this.#add(one);
    this.seen = data?.seen ? seen(data.seen) : null;
    this.over = data?.over ? over(data.over, data.over.text) : null;
    for (const [at, text] of Object.entries(data?.pieces ?? {})) this.#pieces.set(Number(at), String(text));
  }

  // What is to be drawn anew: "city" (its text is the second), "people", "spots" (only the
  // places on the map), "round", or nothing.
  apply({ name, attributes, text }) {
    switch (name) {
      case "city":
        return ["city", this.#piece(attributes, text)];
      case "player":
        this.#add({ ...attributes, here: attributes.here !== "no" });
        return ["people"];
      case "position":
        return this.#move(attributes) ? ["spots"] : [];
      case "seen":
        this.seen = seen(attributes);
        return ["people"];
      case "round":
        this.round = round(attributes, this.clock());
        return ["round"];
      case "over":
        this.over = over(attributes, text);
        return ["round"];
    }
    return [];
  }

  get left() {
    return Math.max(0, Math.ceil((this.round.until - this.clock()) / 1000));
  }

  get people() {
    return [...this.players.values()].map((player) => {
      const [lon, lat] = player.role === "x" ? [] : this.stations.get(player.station)?.point ?? [];
      return { ...player, lon: player.lon ?? lon ?? null, lat: player.lat ?? lat ?? null };
    });
  }

  get data() {
    const { until, ...rest } = this.round;
    return {
      round: { ...rest, left: until ? this.left : 0 },
      players: this.people,
      seen: this.seen,
      over: this.over,
      pieces: Object.fromEntries(this.#pieces),
    };
  }

  #add(values) {
    const id = text(values.id, 40);
    const before = this.players.get(id) ?? {};
    if (!id || (!("id" in before) && this.players.size >= PLAYERS)) return;
    this.players.set(id, {
      id,
      name: text(values.name, 24),
      role: values.role === "x" ? "x" : "agent",
      number: whole(values.number),
      here: values.here !== false,
      station: text(values.station, 40),
      target: text(values.target, 40),
      // who is not on the way stands at his station
      lon: degrees(values.lon, 180) ?? (values.target ? before.lon : null) ?? null,
      lat: degrees(values.lat, 90) ?? (values.target ? before.lat : null) ?? null,
    });
  }

  #move({ player, lon, lat }) {
    const moved = this.players.get(player);
    const [x, y] = [degrees(lon, 180), degrees(lat, 90)];
    if (!moved || x === null || y === null) return false;
    Object.assign(moved, { lon: x, lat: y });
    return true;
  }

  // The whole city, once all of it is there; else null. With its first piece another game
  // begins.
  #piece({ at, of }, text) {
    const [index, count] = [whole(at), whole(of)];
    if (index >= count || count > PIECES) return null;
    if (index === 0) {
      this.#pieces.clear();
      this.players.clear();
      [this.round, this.seen, this.over] = [round({}), null, null];
    }
    this.#pieces.set(index, String(text));
    if (this.#pieces.size < count) return null;
    const pieces = Array.from({ length: count }, (_, number) => this.#pieces.get(number) ?? "");
    this.#pieces.clear();
    return pieces.join("");
  }
}

function round(values, now = 0) {
  const left = whole(values?.left);
  return {
    number: whole(values?.number),
    of: whole(values?.of),
    phase: PHASES.includes(values?.phase) ? values.phase : "lobby",
    shows: whole(values?.shows),
    until: left ? now + left * 1000 : 0,
  };
}

const seen = (values) => {
  const [lon, lat] = [degrees(values.lon, 180), degrees(values.lat, 90)];
  if (lon === null || lat === null) return null;
  return { round: whole(values.round), station: text(values.station, 40), name: text(values.name, 40), lon, lat };
};

const over = ({ winner, by, name, round: last }, sentence) => ({
  winner: winner === "x" ? "x" : "agent",
  by: text(by, 40),
  name: text(name, 24),
  round: whole(last),
  text: text(sentence, 280),
});

const listed = (value) => (Array.isArray(value) ? value : []);
const text = (value, length) => String(value ?? "").slice(0, length);
const whole = (value) => Math.min(Math.max(Math.trunc(Number(value)) || 0, 0), 9_999);

function degrees(value, most) {
  const number = value === null || value === "" || value === undefined ? NaN : Number(value);
  return Math.abs(number) <= most ? number : null;
}
