// A PDF as large and as sharp as its surroundings allow, one page at a time.

import * as pdfjs from "./vendor/pdf.min.mjs";

const here = (path) => new URL(path, import.meta.url).href;
pdfjs.GlobalWorkerOptions.workerSrc = here("./vendor/pdf.worker.min.mjs");
const worker = new pdfjs.PDFWorker(); // warm before there is a document

const OPTIONS = {
  isEvalSupported: false,
  enableXfa: false,
  stopAtErrors: false,
  disableAutoFetch: true,
  disableRange: true,
  disableStream: true,
  maxImageSize: 64e6, // pixels: a picture that decodes to more is left out
  cMapUrl: here("./vendor/cmaps/"),
  iccUrl: here("./vendor/iccs/"),
  standardFontDataUrl: here("./vendor/standard_fonts/"),
  wasmUrl: here("./vendor/wasm/"),
};

export class Deck {
  page = 0;
  pages = 0;
  #room;
  #document = null;
  #drawn = new Map(); // page to the promise of its canvas

  constructor(room) {
    this.#room = room;
  }

  async open(bytes) {
    await this.#document?.loadingTask.destroy();
    this.#drawn.clear();
    const data = new Uint8Array(bytes);
    this.#document = await pdfjs.getDocument({ ...OPTIONS, data, worker }).promise;
    this.pages = this.#document.numPages;
    return this.pages;
  }

  // Shows a page; a later call overtakes an earlier one that is still drawing.
  async show(number) {
    this.page = number;
    const canvas = await this.#draw(number);
    if (this.page !== number) return;
    this.#room.querySelector("canvas")?.remove();
    this.#room.prepend(canvas);
    this.#room.dataset.page = number;
    this.#room.setAttribute("aria-label", `Page ${number} of ${this.pages}`);
    Object.assign(this.#room.style, { width: canvas.dataset.width, height: canvas.dataset.height });
    for (const page of this.#drawn.keys()) if (Math.abs(page - number) > 1) this.#drawn.delete(page);
    if (number < this.pages) this.#draw(number + 1).catch(() => {});
  }

  redraw() {
    this.#drawn.clear();
    return this.#document ? this.show(this.page) : undefined;
  }

  #draw(number) {
    if (!this.#drawn.has(number)) this.#drawn.set(number, this.#render(number));
    return this.#drawn.get(number);
  }

  async #render(number) {
    const page = await this.#document.getPage(number);
    const { width, height } = page.getViewport({ scale: 1 });
    const { clientWidth, clientHeight } = this.#room.parentElement;
    const fit = Math.min(clientWidth / width, clientHeight / height);
    const viewport = page.getViewport({ scale: fit * devicePixelRatio });
    const canvas = document.createElement("canvas");
    // whole pixels that are drawn wholly: a part of one shows the white below as a line
    canvas.width = Math.max(1, Math.floor(viewport.width));
    canvas.height = Math.max(1, Math.floor(viewport.height));
    const length = (pixels) => `${pixels / devicePixelRatio}px`;
    Object.assign(canvas.dataset, { width: length(canvas.width), height: length(canvas.height) });
    // "print" draws without waiting for frames, which a page that is not seen has none of
    await page.render({ canvas, viewport, intent: "print" }).promise;
    return canvas;
  }
}
