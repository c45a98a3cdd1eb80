// A city as SVG, from GeoJSON. It is drawn anew for each size, in pixels of the screen: so
// lines and letters are as thick as has to be from afar, whatever the city's extent.

import { placed } from "./labels.js";

const SVG = "http://www.w3.org/2000/svg";
const LAYERS = ["water", "park", "side", "main", "rail", "bus", "tram"]; // the lowest first
const MARGIN = 3.4; // of the room's units, so that nobody stands half outside
const STATIONS = 200;

export class City {
  name = "";
  stations = new Map(); // id to {name, point}
  #svg;
  #shapes = []; // {layer, points, closed}
  #box = null;
  #place = () => [0, 0];

  constructor(svg) {
    this.#svg = svg;
  }

  get open() {
    return this.#box !== null;
  }

  // Throws RangeError if there is nothing in it that could be drawn.
  read(collection) {
    const features = list(collection?.features);
    const shapes = features.flatMap(shape);
    const stations = features.flatMap(station).slice(0, STATIONS);
    const points = [...shapes.flatMap((one) => one.points), ...stations.map(([, { point }]) => point)];
    if (!points.length) throw new RangeError("There is no city in it.");
    this.#box = bounds(points);
    this.#shapes = shapes;
    this.stations = new Map(stations);
    this.name = text(collection.name, 40);
  }

  // Fit it into the room; `unit` is in pixels.
  draw(width, height, unit) {
    this.#place = projection(this.#box, width, height, MARGIN * unit);
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const spots = [...this.stations.values()].map(({ name, point }) => ({ name, at: this.at(point) }));
    this.#svg.replaceChildren(
      ...LAYERS.map((layer) => element("path", { class: layer, d: this.#path(layer) })),
      ...spots.map(({ at: [cx, cy] }) => element("circle", { class: "station", cx, cy })),
      ...placed(spots, { width, height, unit }).map(({ name, x, y }) => label(name, x, y)),
    );
  }

  // Where a point of the city is in the room, in pixels.
  at(point) {
    return this.#place(point);
  }

  #path(layer) {
    return this.#shapes.filter((one) => one.layer === layer).map(({ points, closed }) => {
      const spots = points.map((point) => this.at(point).map((value) => value.toFixed(1)).join(" "));
      return `M${spots.join("L")}${closed ? "Z" : ""}`;
    }).join("");
  }
}

// Longitudes shrink towards the poles; over the extent of a city that is all that matters.
function projection({ west, south, east, north }, width, height, margin) {
  const shrink = Math.max(Math.cos(((south + north) / 2) * (Math.PI / 180)), 0.01);
  const [wide, high] = [Math.max((east - west) * shrink, 1e-6), Math.max(north - south, 1e-6)];
  const scale = Math.max(Math.min((width - 2 * margin) / wide, (height - 2 * margin) / high), 0);
  const [left, top] = [(width - wide * scale) / 2, (height - high * scale) / 2];
  return ([lon, lat]) => [left + (lon - west) * shrink * scale, top + (north - lat) * scale];
}

function bounds(points) {
  const box = { west: Infinity, south: Infinity, east: -Infinity, north: -Infinity };
  for (const [lon, lat] of points) {
    box.west = Math.min(box.west, lon);
    box.east = Math.max(box.east, lon);
    box.south = Math.min(box.south, lat);
    box.north = Math.max(box.north, lat);
  }
  return box;
}

// -- what is in the file; whatever else is in it is left out

function shape({ properties, geometry } = {}) {
  const { type, coordinates } = geometry ?? {};
  const layer = { street: properties?.class === "main" ? "main" : "side", line: properties?.by, park: "park", water: "water" }[properties?.kind];
  if (!LAYERS.includes(layer)) return [];
  const closed = type === "Polygon";
  const points = list(closed ? coordinates?.[0] : coordinates).filter(isPoint);
  return (closed || type === "LineString") && points.length > 1 ? [{ layer, points, closed }] : [];
}

function station({ properties, geometry } = {}) {
  const point = geometry?.coordinates;
  if (properties?.kind !== "station" || geometry?.type !== "Point" || !isPoint(point)) return [];
  return [[String(properties.id), { name: text(properties.name, 40), point }]];
}

const list = (value) => (Array.isArray(value) ? value : []);
const text = (value, length) => String(value ?? "").slice(0, length);
const isPoint = (point) =>
  Array.isArray(point) && Math.abs(point[0]) <= 180 && Math.abs(point[1]) <= 90;

function label(name, x, y) {
  const place = element("text", { class: "name", x, y });
  place.textContent = name;
  return place;
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
