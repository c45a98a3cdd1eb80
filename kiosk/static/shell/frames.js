// The frames of the apps. Each has an origin that is used once, so a frame that is taken
// away is followed by a last visit to its origin, which clears what it stored there.

const WIPE = 3_000; // ms
const RATE = 240; // messages a second of one app: twice what the daemon passes on
const LARGEST = 4_000_000; // bytes of a message: a state of 1.5 MB in base64, and then some
const SANDBOX = "allow-scripts allow-same-origin";
// Names of origins that are in use: no content, and all that a crash leaves behind.
const LEDGER = "frames";

export class Frames {
  #root;
  #up;
  #frames = new Map();

  constructor(root, up) {
    this.#root = root;
    this.#up = up;
    addEventListener("message", (event) => this.#hear(event));
  }

  load(name, src) {
    remember(name, src);
    const element = iframe(src);
    const frame = { element, origin: new URL(src).origin, queue: [], ready: false };
    this.#frames.set(name, { ...frame, since: 0, said: 0 });
    this.#root.append(element);
  }

  // What is told to a page that is still loading waits until it is ready.
  tell(name, message, transfer = []) {
    const frame = this.#frames.get(name);
    if (!frame) return;
    const act = () => frame.element.contentWindow?.postMessage(message, frame.origin, transfer);
    frame.queue ? frame.queue.push(act) : act();
  }

  restore({ frame: name, part, data, files }) {
    const frame = this.#frames.get(name);
    if (!frame) return;
    // later messages queue behind the files
    const ready = !frame.queue;
    frame.queue ??= [];
    const bodies = Object.entries(files).map(async ([file, href]) => {
      const answer = await fetch(href);
      if (!answer.ok) throw new Error("a file is gone");
      return [file, await answer.arrayBuffer()];
    });
    const fetched = Promise.all(bodies).then(
      (entries) => () => {
        const state = { part, data, files: Object.fromEntries(entries) };
        const transfer = entries.map(([, body]) => body);
        frame.element.contentWindow?.postMessage({ mobility: "restore", state }, frame.origin, transfer);
      },
      () => () => this.#say({ type: "refused", frame: name, text: "The screen could not read the files." }),
    );
    frame.queue.push(fetched);
    if (ready) this.#flush(frame);
  }

  start(name) {
    const frame = this.#frames.get(name);
    if (!frame) return;
    for (const other of this.#frames.values()) other.element.classList.remove("top");
    frame.element.classList.add("running", "top");
    frame.element.inert = false;
    this.tell(name, { mobility: "start" });
    frame.element.focus();
  }

  stop(name) {
    const frame = this.#frames.get(name);
    if (!frame) return;
    frame.element.classList.remove("running", "top");
    frame.element.inert = true;
    this.tell(name, { mobility: "stop" });
  }

  async wipe(name) {
    const frame = this.#frames.get(name);
    if (!frame) return;
    this.#frames.delete(name);
    frame.element.remove();
    // what a browser did not clear is not called clean: then the daemon hears nothing
    if (await cleared(name, frame.origin)) this.#say({ type: "wiped", frame: name });
  }

  // Take everything away at once. The origins are cleared when the daemon is back.
  clear() {
    for (const { element } of this.#frames.values()) element.remove();
    this.#frames.clear();
  }

  async sweep() {
    const left = Object.entries(ledger()).filter(([name]) => !this.#frames.has(name));
    const swept = await Promise.all(left.map(([name, origin]) => cleared(name, origin)));
    if (swept.every(Boolean)) this.#say({ type: "swept" });
  }

  #hear(event) {
    for (const [name, frame] of this.#frames) {
      if (event.source === frame.element.contentWindow && event.origin === frame.origin) {
        // what JSON cannot say, or is too large or too much, is the app's own loss
        if (within(frame)) this.#said(name, frame, event.data).catch(console.warn);
      }
    }
  }

  async #said(name, frame, message) {
    switch (message?.mobility) {
      case "ready":
        return frame.ready || this.#flush(Object.assign(frame, { ready: true }));
      case "restored":
      case "changed":
        return this.#say({ type: message.mobility, frame: name });
      case "refused":
        return this.#say({ type: "refused", frame: name, text: String(message.text ?? "") });
      case "packet":
        return this.#say({ type: "packet", frame: name, packet: message.packet });
      case "snapshot":
        return this.#say(await snapshot(name, message));
      case "touch":
        return this.#say({ type: "touch" });
    }
  }

  #say(message) {
    const text = JSON.stringify(message);
    if (new Blob([text]).size > LARGEST) throw new RangeError("This is too large for the screen.");
    this.#up(text);
  }

  async #flush(frame) {
    while (frame.queue?.length) (await frame.queue.shift())();
    frame.queue = null;
  }
}

function within(frame) {
  const now = performance.now();
  if (now - frame.since > 1_000) Object.assign(frame, { since: now, said: 0 });
  frame.said += 1;
  return frame.said <= RATE;
}

function iframe(src) {
  const element = document.createElement("iframe");
  element.setAttribute("sandbox", SANDBOX);
  element.allow = "";
  element.inert = true;
  element.title = "What the visitor shows";
  element.src = src;
  return element;
}

async function snapshot(name, { id, state }) {
  const message = { type: "snapshot", frame: name, id, data: state?.data ?? null };
  if (state?.files) {
    const size = new Blob(Object.values(state.files)).size;
    if (size > LARGEST) throw new RangeError("This state is too large for the screen.");
    const entries = Object.entries(state.files).map(async ([file, body]) => [file, await base64(body)]);
    message.files = Object.fromEntries(await Promise.all(entries));
  }
  return message;
}

function base64(body) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(new Blob([body]));
  });
}

// Visit an origin for the last time: the answer has Clear-Site-Data, and the page says
// when the browser has obeyed.
function cleared(name, origin) {
  return new Promise((resolve) => {
    const element = iframe(`${origin}/mobility-wipe`);
    const done = (obeyed) => {
      clearTimeout(timer);
      removeEventListener("message", heard);
      element.remove();
      if (obeyed) forget(name);
      resolve(obeyed);
    };
    const heard = (event) => {
      if (event.source === element.contentWindow && event.data?.mobility === "wiped") done(true);
    };
    const timer = setTimeout(done, WIPE, false);
    addEventListener("message", heard);
    element.className = "wiping";
    document.body.append(element);
  });
}

const ledger = () => JSON.parse(localStorage.getItem(LEDGER) ?? "{}");
const write = (names) => localStorage.setItem(LEDGER, JSON.stringify(names));
const remember = (name, src) => write({ ...ledger(), [name]: new URL(src).origin });

function forget(name) {
  const { [name]: _, ...rest } = ledger();
  write(rest);
}
