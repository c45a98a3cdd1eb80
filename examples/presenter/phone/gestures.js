// What a finger or a mouse does on a page of the document: a flick turns, holding and
// dragging points. A mouse never flicks, so it points at once.

const HOLD = 180; // ms on the spot, after which a finger points
const SLIP = 24; // px that a finger may move before that is a flick
const FLICK = 48; // px of a flick that turns
const POINTS = 33; // ms between two spots that are told

export function gestures(room, { point, turn }) {
  let start = null; // of the finger that is down
  let pointing = false;
  let told = -Infinity;
  let hold = 0;

  const spot = ({ clientX, clientY }) => {
    const { left, top, width, height } = room.getBoundingClientRect();
    const fraction = (at, size) => Math.min(Math.max(at / size, 0), 1);
    return [fraction(clientX - left, width), fraction(clientY - top, height)];
  };

  const begin = (event) => {
    clearTimeout(hold);
    pointing = true;
    told = performance.now();
    point(spot(event));
  };

  const end = () => {
    clearTimeout(hold);
    if (pointing) point(null);
    start = null;
    pointing = false;
  };

  room.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    room.setPointerCapture(event.pointerId);
    start = event;
    if (event.pointerType === "mouse") begin(event);
    else hold = setTimeout(begin, HOLD, event);
  });

  room.addEventListener("pointermove", (event) => {
    if (!start || event.pointerId !== start.pointerId) return;
    if (pointing) {
      if (performance.now() - told < POINTS) return;
      told = performance.now();
      point(spot(event));
    } else if (Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > SLIP) {
      clearTimeout(hold);
    }
  });

  room.addEventListener("pointerup", (event) => {
    if (!start || event.pointerId !== start.pointerId) return;
    const [x, y] = [event.clientX - start.clientX, event.clientY - start.clientY];
    const flick = !pointing && Math.abs(x) > FLICK && Math.abs(x) > 1.5 * Math.abs(y);
    end();
    if (flick) turn(x < 0 ? 1 : -1);
  });

  for (const kind of ["pointercancel", "lostpointercapture"]) {
    room.addEventListener(kind, (event) => start && event.pointerId === start.pointerId && end());
  }
}
