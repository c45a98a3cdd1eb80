// To the phone's own server, and from it: one view after the other comes down, and what
// the person does goes up, one action after the other.

const TOKEN = document.querySelector("meta[name=token]").content;

export const send = (path, body) => fetch(path, { method: "POST", headers: { "X-Token": TOKEN }, body });
export const load = (path) => fetch(path, { headers: { "X-Token": TOKEN } });

// One after the other, so that the end of pointing does not overtake the last spot; of
// spots that wait, only the last one is of use.
const waiting = [];
let posting = false;

export function act(action, value = null) {
  if (action === "point" && waiting.at(-1)?.action === "point") waiting.pop();
  waiting.push({ action, value });
  if (!posting) post();
}

async function post() {
  posting = true;
  while (waiting.length) {
    await send("/do", JSON.stringify(waiting.shift())).catch(() => {});
  }
  posting = false;
}

// Calls `draw` with each view, and `lost` when there is nobody any more who could say one.
export function listen(draw, lost) {
  const source = new EventSource(`/events?token=${encodeURIComponent(TOKEN)}`);
  source.onmessage = ({ data }) => draw(JSON.parse(data));
  source.onerror = () => {
    lost();
    for (const sheet of document.querySelectorAll("dialog[open]")) sheet.close();
  };
}
