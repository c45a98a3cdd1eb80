// The app's half of the page API: docs/app-pages.md. Served on every app's origin as
// /mobility.js. The shell that frames us is the only one that we listen to.

const SHELL = "$shell";
const TOUCHES = 1_000; // ms between two that are reported

// Throw one from restore() with the sentence that the visitor shall read.
export class Refused extends Error {}

export function app({ restore, packet, snapshot, start, stop }) {
  const tell = (mobility, rest = {}) => parent.postMessage({ mobility, ...rest }, SHELL);

  const verbs = {
    async restore({ state }) {
      try {
        await restore(state);
        tell("restored");
      } catch (error) {
        console.error(error);
        const text = error instanceof Refused ? error.message : "";
        tell("refused", { text });
      }
    },
    packet: (message) => packet?.(message.packet),
    start: () => start?.(),
    stop: () => stop?.(),
    async snapshot({ id }) {
      tell("snapshot", { id, state: await snapshot() });
    },
  };

  // One after the other: a packet never overtakes the restore before it.
  let last = Promise.resolve();
  addEventListener("message", ({ source, origin, data }) => {
    if (source !== parent || origin !== SHELL) return;
    const verb = Object.hasOwn(verbs, data?.mobility) && verbs[data.mobility];
    if (verb) last = last.then(() => verb(data)).catch((error) => console.error(error));
  });

  let touched = -Infinity;
  for (const kind of ["pointerdown", "keydown", "wheel"]) {
    addEventListener(kind, () => {
      if (performance.now() - touched < TOUCHES) return;
      touched = performance.now();
      tell("touch");
    }, { capture: true, passive: true });
  }
  addEventListener("contextmenu", (event) => event.preventDefault());

  tell("ready");
  return {
    send: (name, attributes = {}, text = "", children = []) =>
      tell("packet", { packet: { name, attributes, text, children } }),
    changed: () => tell("changed"),
  };
}
