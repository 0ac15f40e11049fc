// @ts-check
/** The other side's picture and sound: playing them as soon as the browser lets us, first frame included. */
import { button, feed, h, rename } from "./dom.js";
import { nextFrame } from "./frames.js";

export class Remote {
  video = h("video", { class: "remote", playsinline: true, disablepictureinpicture: true });
  /** Shown when the browser wants a touch before it plays sound. */
  hear = button("", () => this.#unmute(), { kind: "accent", icon: "sound", class: "sheet" });
  #wanted = false;
  #stopWaiting = () => {};

  constructor() {
    this.hear.hidden = true;
    this.video.addEventListener("fed", () => this.play());
    // Any touch of the page will do; the sheet only says so.
    for (const type of ["pointerdown", "keydown"]) {
      addEventListener(type, () => !this.hear.hidden && this.#unmute(), { passive: true });
    }
  }

  /** @param {MediaStream} stream */
  attach(stream) {
    feed(this.video, stream);
  }

  /** @param {string} [ask] words for the sheet; a call has started */
  play(ask) {
    if (ask) {
      this.#wanted = true;
      rename(this.hear, ask);
    }
    if (this.#wanted && this.video.srcObject) void this.#try();
  }

  stop() {
    this.#wanted = false;
    this.#stopWaiting();
    this.hear.hidden = true;
    this.video.pause();
  }

  /** Calls back once, with the next frame on the screen. @param {(at: number) => void} then */
  awaitPicture(then) {
    this.#stopWaiting();
    this.#stopWaiting = nextFrame(this.video, then);
  }

  /**
   * A screen, and a portrait phone on a landscape screen, are shown whole; else the picture fills
   * the stage.
   * @param {boolean} screen
   */
  fit(screen) {
    const portrait = this.video.videoHeight > this.video.videoWidth;
    this.video.classList.toggle("whole", screen || (portrait && innerWidth > innerHeight));
  }

  async #try() {
    try {
      await this.video.play();
      this.hear.hidden = !this.video.muted;
    } catch (error) {
      if (/** @type {DOMException} */ (error).name !== "NotAllowedError" || this.video.muted) return;
      this.video.muted = true;
      this.hear.hidden = false;
      await this.#try();
    }
  }

  #unmute() {
    this.video.muted = false;
    void this.#try();
  }
}
