"""A hostile app: it leaves a canary wherever a browser lets it."""

from __future__ import annotations

INDEX = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Hostile</title>
<p id="text"></p>
<img id="image" alt="">
<script type="module" src="hostile.js"></script>
</html>
"""

# Shows what the session brought, and tries all places of the app's own origin. In an
# incognito window most of them refuse.
SCRIPT = """
import { app } from "/mobility.js";

let kept;
app({
  async restore({ data, files }) {
    kept = { data, files };
    document.title = window.name = data.canary;
    document.getElementById("text").textContent = data.canary;
    const url = URL.createObjectURL(new Blob([files.image], { type: "image/png" }));
    const image = document.getElementById("image");
    image.src = url;
    await image.decode();
    URL.createObjectURL(new Blob([files.pdf], { type: "application/pdf" }));
    history.pushState(data, "", `/?${data.canary}`);
    new BroadcastChannel("canary").onmessage = () => {};
    for (const plant of [
      () => { localStorage.canary = data.canary; },
      () => { document.cookie = `canary=${data.canary}; SameSite=None; Secure`; },
      () => caches.open(data.canary),
      () => indexedDB.open(data.canary),
      () => navigator.serviceWorker.register("/sw.js"),
      () => navigator.clipboard.writeText(data.canary),
    ]) {
      try { await plant(); } catch (error) { console.log(error.name); }
    }
  },
  snapshot: () => kept,
});
"""

# As if it had broken out: the same on the origin of the screen's own page.
PLANT = """async (canary) => {
  localStorage.canary = sessionStorage.canary = window.name = canary;
  document.cookie = `canary=${canary}; max-age=9999`;
  await (await caches.open(canary)).put("/canary", new Response(canary));
  await new Promise((done) => {
    const opened = indexedDB.open(canary);
    opened.onupgradeneeded = () => opened.result.createObjectStore("canary");
    opened.onsuccess = () => { opened.result.close(); done(); };
  });
  const policy = trustedTypes.createPolicy("canary", { createScriptURL: (url) => url });
  const worker = policy.createScriptURL("/static/frames.js");
  await navigator.serviceWorker.register(worker, { type: "module" });
  const channel = new BroadcastChannel("canary");
  channel.onmessage = ({ data }) => data === "who" && channel.postMessage(canary);
  history.pushState({ canary }, "", `/?${canary}`);
  const download = document.createElement("a");
  download.href = URL.createObjectURL(new Blob([canary]));
  download.download = `${canary}.txt`;
  document.body.append(download);
  download.click();
  const field = document.createElement("input");
  field.id = "field";
  field.value = canary;
  document.body.append(field);
  field.focus();
  field.select();
  return download.href;
}"""

FIND = """async ({ canary, blob }) => {
  const has = (text) => String(text).includes(canary);
  const field = document.getElementById("field")
    ?? document.body.appendChild(document.createElement("input"));
  Object.assign(field, { id: "field", value: "" }).focus();
  const answered = new Promise((resolve) => {
    const channel = new BroadcastChannel("canary");
    channel.onmessage = ({ data }) => resolve(has(data));
    channel.postMessage("who");
    setTimeout(resolve, 300, false);
  });
  const found = {
    "localStorage": has(localStorage.canary),
    "sessionStorage": has(sessionStorage.canary),
    "cookie": has(document.cookie),
    "cache": has(await caches.keys()),
    "indexedDB": has((await indexedDB.databases()).map(({ name }) => name)),
    "service worker": (await navigator.serviceWorker.getRegistrations()).length > 0,
    "window.name": has(window.name),
    "history.state": has(JSON.stringify(history.state)),
    "page": has(document.documentElement.outerHTML),
    "blob": has(await fetch(blob).then((answer) => answer.text(), String)),
    "broadcast": await answered,
  };
  return Object.keys(found).filter((place) => found[place]);
}"""
PASTED = "() => document.getElementById('field').value"
PLACES = {
    *("localStorage", "sessionStorage", "cookie", "cache", "indexedDB"),
    *("service worker", "window.name", "history.state", "page", "broadcast"),
    *("history", "clipboard"),
}
