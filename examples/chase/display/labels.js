// Where the names of stations go: beside their dot, over no other dot and no other name.
// A name that finds no room is left out; a player who stands there still has it in the list.

const SIZE = 1.25; // units of a letter's height, as in map.css
const DOT = 0.8; // units around the middle of a station
const GAP = 0.35;

const brush = document.createElement("canvas").getContext("2d");

export function placed(spots, { width, height, unit }) {
  brush.font = `500 ${SIZE * unit}px ${getComputedStyle(document.body).fontFamily}`;
  const taken = spots.map(({ at: [x, y] }) => box(x - DOT * unit, y - DOT * unit, 2 * DOT * unit, 2 * DOT * unit));
  return spots.flatMap(({ name, at }) => {
    const size = [brush.measureText(name).width, SIZE * 1.2 * unit];
    const free = name && around(at, size, unit).find(
      (area) => within(area, width, height, GAP * unit) && !taken.some((other) => meet(area, other)));
    if (!free) return [];
    taken.push(free);
    return [{ name, x: free.left, y: free.bottom - 0.3 * SIZE * unit }];
  });
}

// Right, left, above and below, the best first.
function around([x, y], [wide, high], unit) {
  const off = (DOT + GAP) * unit;
  return [
    box(x + off, y - high / 2, wide, high),
    box(x - off - wide, y - high / 2, wide, high),
    box(x - wide / 2, y - off - high, wide, high),
    box(x - wide / 2, y + off, wide, high),
  ];
}

const box = (left, top, wide, high) => ({ left, top, right: left + wide, bottom: top + high });
const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
const within = ({ left, top, right, bottom }, width, height, edge) =>
  left >= edge && top >= edge && right <= width - edge && bottom <= height - edge;
