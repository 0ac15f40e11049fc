// @ts-check
/** The ring: two soft tones every two seconds, made here, so that no sound file is loaded. */

const EVERY = 2_000;
/** Hertz and the second each tone starts at. */
const TONES = [[659.25, 0], [880, 0.18]];
const LOUD = 0.18;

export class Ring {
  /** @type {AudioContext | null} */ #context = null;
  #timer = 0;
  #blink = 0;
  #title = "";

  /** Browsers let a page make sound only after a touch: call this in one. */
  unlock() {
    this.#context ??= new AudioContext();
    void this.#context.resume();
  }

  /** @param {string} title shown in turn with the page's own, for a tab in the background */
  start(title) {
    this.stop();
    this.unlock();
    this.#title = document.title;
    this.#sound();
    this.#timer = setInterval(() => this.#sound(), EVERY);
    document.title = title;
    this.#blink = setInterval(() => {
      document.title = document.title === title ? this.#title : title;
    }, 1_000);
    navigator.vibrate?.([200, 100, 200]);
  }

  /** Once: a call has started by itself. */
  chime() {
    this.unlock();
    this.#sound();
  }

  stop() {
    clearInterval(this.#timer);
    clearInterval(this.#blink);
    if (this.#title) document.title = this.#title;
    this.#title = "";
  }

  #sound() {
    const context = this.#context;
    if (context?.state !== "running") return;
    for (const [pitch, after] of TONES) {
      const at = context.currentTime + after;
      const tone = context.createOscillator();
      const volume = context.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0, at);
      volume.gain.linearRampToValueAtTime(LOUD, at + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.001, at + 0.6);
      tone.connect(volume).connect(context.destination);
      tone.start(at);
      tone.stop(at + 0.65);
    }
  }
}
