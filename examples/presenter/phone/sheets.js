// The two sheets of a visit: which screen it shall be, and whether it is let in. Their
// markup is sheets.html, which the server puts into the page.

import { act, send } from "./channel.js";

const find = (id) => document.getElementById(id);
let options = []; // how the screen that asks can be let in

// To be called once. `app` is what goes to the screen; `say` shows a sentence about it,
// or none.
export function sheets({ app, say }) {
  find("app").textContent = app;
  const leave = (then) => {
    find("scan").close();
    say("");
    then();
  };
  find("beside").addEventListener("click", () => leave(() => act("scan")));
  find("decline").addEventListener("click", () => act("decline"));
  find("scan").querySelector(".close").addEventListener("click", () => find("scan").close());
  // Escape must not hide a question that is still open
  find("ask").addEventListener("cancel", (event) => {
    event.preventDefault();
    act("decline");
  });
  submitted("paste", () => leave(() => { act("visit", find("code").value); find("code").value = ""; }));
  submitted("digits", () => act("approve", { digits: find("pair").value, level: level() }));
  find("photo").addEventListener("change", ({ target }) => {
    const [photo] = target.files;
    if (photo) leave(() => upload(photo, say));
    target.value = "";
  });
}

export const scan = () => find("scan").showModal();

// Draws who asks, if somebody does. `before` is what was drawn last.
export function ask(asked, before) {
  const sheet = find("ask");
  if (!asked) return sheet.open && sheet.close();
  find("domain").textContent = asked.domain;
  for (const claim of ["name", "operator", "place"]) {
    find(claim).textContent = asked[claim];
    find(claim).parentElement.hidden = !asked[claim];
  }
  find("hours").textContent = asked.hours === 1 ? "one hour" : `${asked.hours} hours`;
  find("tries").hidden = asked.tries === 3;
  find("tries").textContent = `These are not the digits on the screen. ${asked.tries} more ${asked.tries === 1 ? "try" : "tries"}.`;
  // a view comes again as a sign of life, and must not clear what is being typed
  if (sheet.open && before?.tries === asked.tries) return;
  if (!sheet.open) {
    drawLevels(asked);
    sheet.showModal();
  }
  find("pair").value = "";
  find("pair").focus({ preventScroll: true }); // who asks is read first
}

export function submitted(id, deed) {
  find(id).addEventListener("submit", (event) => {
    event.preventDefault();
    deed();
  });
}

async function upload(photo, say) {
  const answer = await send("/photo", photo).catch(() => null);
  if (answer?.status === 413) say("This photo is too large. Take a smaller one.");
}

// As a guest, unless the person who reads this chooses otherwise, each time anew.
function drawLevels({ level, levels }) {
  options = levels;
  find("levels").replaceChildren(...levels.map((option) => radio(option, option.level === level)));
  find("otherwise").hidden = levels.length < 2;
  find("otherwise").open = false;
  drawLevel();
}

function radio({ level, enters }, checked) {
  const label = document.createElement("label");
  const input = Object.assign(document.createElement("input"), { type: "radio", name: "level", value: level, checked });
  input.addEventListener("change", drawLevel);
  label.append(input, capital(enters));
  return label;
}

const level = () => document.querySelector("[name=level]:checked").value;
const capital = (words) => words[0].toUpperCase() + words.slice(1);

function drawLevel() {
  const { enters, gives, harmless } = options.find((option) => option.level === level());
  find("enters").textContent = capital(enters);
  find("gives").textContent = gives;
  find("level").classList.toggle("wide", !harmless);
}
