// Draws a view. Everything a visitor named goes in as text, never as markup.

const find = (id) => document.getElementById(id);
const motion = matchMedia("(prefers-reduced-motion: reduce)");
let timers = [];

export function draw(view, venue) {
  timers.forEach(clearTimeout);
  timers = [];
  const covered = view.screen === "running" || view.screen === "countdown";
  write({ ...venue, apps: (venue.apps ?? []).join(" · "), device: view.device ?? "" });
  document.body.dataset.screen = view.screen;
  document.body.classList.toggle("covered", Boolean(covered && view.frame));
  for (const section of document.querySelectorAll("[data-on]")) {
    section.hidden = section.dataset.on !== (view.screen === "countdown" ? "visiting" : view.screen);
  }
  drawCode(view);
  drawDigits(view.digits ?? "");
  drawChip(view);
  drawCountdown(view);
  find("rival").hidden = !view.rival;
}

function write(texts) {
  for (const place of document.querySelectorAll("[data-text]")) {
    place.textContent = texts[place.dataset.text] ?? "";
  }
}

function drawCode({ code, seconds }) {
  const svg = find("code");
  const size = code?.size ?? 1;
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.firstElementChild.setAttribute("d", code?.path ?? "");
  stale(!code);
  // a code that was not renewed in time is no code
  if (code) timers.push(setTimeout(stale, seconds * 1000, true));
}

function stale(is) {
  find("code").classList.toggle("stale", is);
  find("renewing").hidden = !is;
}

function drawDigits(digits) {
  const place = find("digits");
  place.setAttribute("aria-label", [...digits].join(" "));
  [...place.children].forEach((tile, index) => (tile.textContent = digits[index] ?? ""));
}

function drawChip({ screen, device, offline }) {
  const chip = find("chip");
  chip.hidden = screen !== "running" || !device;
  chip.classList.toggle("cut", Boolean(offline));
}

function drawCountdown({ screen, seconds }) {
  const overlay = find("countdown");
  overlay.hidden = screen !== "countdown";
  if (overlay.hidden) return;
  const end = performance.now() + seconds * 1000;
  const tick = () => {
    const left = Math.max(0, end - performance.now());
    find("seconds").textContent = Math.ceil(left / 1000);
    if (left > 0) timers.push(setTimeout(tick, left % 1000 || 1000));
  };
  tick();
  // the arc runs out by itself; without motion it stands still and the number counts
  const arc = find("arc");
  arc.getAnimations().forEach((animation) => animation.cancel());
  if (!motion.matches) {
    const frames = { strokeDashoffset: [0, 1] };
    arc.animate(frames, { duration: seconds * 1000, fill: "forwards" });
  }
}
