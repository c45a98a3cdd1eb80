// How the code of a screen gets into this page: a camera, another window of this machine,
// a picture, or what somebody pasted. Pictures are read by the phone's own server.

const EVERY = 250; // ms between two pictures of a video
const find = (id) => document.getElementById(id);

export class Scanner {
  #dialog = find("scan");
  #video = find("video");
  #read;
  #found;

  constructor({ read, found }) {
    this.#read = read;
    this.#found = found;
    const media = navigator.mediaDevices;
    find("camera").addEventListener("click", () =>
      this.#watch(() => media.getUserMedia({ video: { facingMode: "environment" } })),
    );
    find("beside").addEventListener("click", () =>
      this.#watch(() => media.getDisplayMedia({ video: true, preferCurrentTab: false })),
    );
    find("picture").addEventListener("change", ({ target }) => this.#look(target.files[0]));
    find("use").addEventListener("click", () => this.#use(find("code").value));
    find("code").addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.#use(find("code").value);
    });
    this.#dialog.addEventListener("paste", ({ clipboardData }) => {
      if (clipboardData.files[0]) this.#look(clipboardData.files[0]);
    });
    this.#dialog.addEventListener("close", () => this.#stop());
  }

  open() {
    const screen = find("screen");
    screen.parentElement.hidden = !screen.getAttribute("href");
    find("code").value = find("picture").value = "";
    this.#say("");
    this.#dialog.showModal();
  }

  #use(code) {
    if (!code.trim()) return this.#say("Paste the code of the screen first.");
    this.#dialog.close();
    this.#found(code);
  }

  async #look(picture) {
    if (!picture) return;
    const { code, error } = await this.#read(picture);
    code ? this.#use(code) : this.#say(error);
  }

  async #watch(open) {
    this.#stop();
    let stream;
    try {
      stream = await open();
    } catch {
      return this.#say("There is no camera, or it may not be used. Paste the code instead.");
    }
    this.#say("");
    this.#video.srcObject = stream;
    this.#video.hidden = false;
    await this.#video.play();
    while (this.#dialog.open && this.#video.srcObject === stream) {
      const { code } = await this.#read(await this.#frame());
      if (code && this.#video.srcObject === stream) return this.#use(code);
      await new Promise((resolve) => setTimeout(resolve, EVERY));
    }
    for (const track of stream.getTracks()) track.stop();
  }

  #frame() {
    const canvas = document.createElement("canvas");
    canvas.width = this.#video.videoWidth;
    canvas.height = this.#video.videoHeight;
    canvas.getContext("2d").drawImage(this.#video, 0, 0);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
  }

  #stop() {
    for (const track of this.#video.srcObject?.getTracks() ?? []) track.stop();
    this.#video.srcObject = null;
    this.#video.hidden = true;
  }

  #say(text) {
    find("scan-error").textContent = text;
    find("scan-error").hidden = !text;
  }
}
