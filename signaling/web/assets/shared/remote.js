// @ts-check
/**
 * The other side's picture and sound: playing them as soon as the browser lets us, first frame included,
 * and changing from one connection to the next without a gap.
 */
import { button, feed, h, rename } from "./dom.js";
import { nextFrame } from "./frames.js";
import { prime } from "./primed.js";

/** Between two looks whether sound has come. */
const LISTEN_EVERY = 50;
/** How long a picture is waited for once there is sound: it may be kept back by the network. */
const PICTURE_WITHIN = 1_000;
/** How long anything is waited for once the server says that it flows. */
const ANYTHING_WITHIN = 2_000;

export class Remote {
  /** Shown when the browser wants a touch before it plays sound. */
  hear = button("", () => this.#unmute(), { kind: "accent", icon: "sound", class: "sheet" });
  element;
  #video = screen(false);
  /** Under the other one, getting ready. */ #spare = screen(true);
  #wanted = false;
  #stopWaiting = () => {};
  #stopPreparing = () => {};
  #whole = false;

  constructor() {
    this.element = h("div", { class: "remotes" }, this.#spare, this.#video);
    this.hear.hidden = true;
    for (const video of [this.#video, this.#spare]) {
      video.addEventListener("fed", () => {
        if (video !== this.#video) return;
        if (this.#primed) video.play().catch(() => {});
        this.play();
      });
      video.addEventListener("resize", () => this.fit(this.#whole));
    }
    // Any touch of the page will do; the sheet only says so.
    for (const type of ["pointerdown", "keydown"]) {
      addEventListener(type, () => !this.hear.hidden && this.#unmute(), { passive: true });
    }
  }

  /** @param {MediaStream} stream */
  attach(stream) {
    const video = this.#video;
    this.#primed?.ready();
    // In a call there is something to show.
    this.#primed = this.#wanted ? null : prime(video, stream);
    if (this.#primed) video.muted = true;
    feed(video, this.#primed?.stream ?? stream);
  }
  /** Plays nothing, without sound, until a call starts. @type {ReturnType<typeof prime>} */ #primed = null;

  /**
   * Gets another connection ready beneath the one that is shown, and shows it once something comes.
   * @param {import("./connection.js").Connection} connection
   * @param {boolean} picture whether the other side's camera is on
   * @param {(media: boolean) => void} then it is shown; whether something came
   * @returns {() => void} the server says that it flows
   */
  change(connection, picture, then) {
    this.#stopPreparing();
    const { stream } = connection;
    const spare = this.#spare;
    if (!stream) return () => {};
    spare.muted = true;
    spare.hidden = false;
    feed(spare, stream);
    spare.play().catch(() => {});
    let sound = 0;
    let flows = 0;
    const shown = (/** @type {boolean} */ media) => {
      this.#stopPreparing();
      this.#swap();
      then(media);
    };
    const stopFrames = nextFrame(spare, () => shown(true));
    const timer = setInterval(() => {
      const [audio] = connection.receivers;
      const now = performance.now();
      if (audio?.getSynchronizationSources().length) sound ||= now;
      if (sound && (!picture || now - sound > PICTURE_WITHIN)) shown(true);
      else if (flows && now - flows > ANYTHING_WITHIN) shown(sound > 0);
    }, LISTEN_EVERY);
    this.#stopPreparing = () => {
      stopFrames();
      clearInterval(timer);
      this.#stopPreparing = () => {};
    };
    return () => {
      flows ||= performance.now();
    };
  }

  /** What was being made ready is of no use. */
  keep() {
    this.#stopPreparing();
    empty(this.#spare);
  }

  /** @param {string} [ask] words for the sheet; a call has started */
  play(ask) {
    if (ask) {
      this.#wanted = true;
      rename(this.hear, ask);
      if (this.#primed) {
        this.#primed.ready();
        this.#primed = null;
        this.#video.muted = false;
      }
    }
    if (this.#wanted && this.#video.srcObject) void this.#try();
  }

  stop() {
    this.#wanted = false;
    this.#stopWaiting();
    this.#awaited = null;
    this.keep();
    this.hear.hidden = true;
    this.#video.pause();
  }

  /** Calls back once, with the next frame on the screen. @param {(at: number) => void} then */
  awaitPicture(then) {
    this.#stopWaiting();
    this.#awaited = then;
    this.#stopWaiting = nextFrame(this.#video, (at) => {
      this.#awaited = null;
      then(at);
    });
  }
  /** @type {((at: number) => void) | null} */ #awaited = null;

  /**
   * A screen, and a portrait phone on a landscape screen, are shown whole; else the picture fills
   * the stage.
   * @param {boolean} screen
   */
  fit(screen) {
    this.#whole = screen;
    for (const video of [this.#video, this.#spare]) {
      const portrait = video.videoHeight > video.videoWidth;
      video.classList.toggle("whole", screen || (portrait && innerWidth > innerHeight));
    }
  }

  /** The spare one is the picture from now on. */
  #swap() {
    const former = this.#video;
    const { muted } = former;
    this.#video = this.#spare;
    this.#spare = former;
    this.#video.muted = muted;
    this.#video.classList.remove("spare");
    former.classList.add("spare");
    former.muted = true;
    empty(former);
    this.fit(this.#whole);
    if (this.#awaited) this.awaitPicture(this.#awaited);
    this.play();
  }

  async #try() {
    const video = this.#video;
    try {
      await video.play();
      this.hear.hidden = !video.muted;
    } catch (error) {
      if (/** @type {DOMException} */ (error).name !== "NotAllowedError" || video.muted) return;
      video.muted = true;
      this.hear.hidden = false;
      await this.#try();
    }
  }

  #unmute() {
    this.#video.muted = false;
    void this.#try();
  }
}

/** @param {boolean} spare */
function screen(spare) {
  return h("video", { class: spare ? "remote spare" : "remote", playsinline: true, disablepictureinpicture: true, hidden: spare });
}

/** @param {HTMLVideoElement} video */
function empty(video) {
  video.hidden = true;
  video.pause();
  video.srcObject = null;
}
