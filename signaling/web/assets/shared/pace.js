// @ts-check
/**
 * How many pictures a second the browser's encoder reckons with.
 *
 * Chromium shares what a second may cost among as many pictures as came in each of the last three. Where eight a second
 * came while it rang, the camera's thirty are then given nearly four times their share each: three seconds in which the
 * encoder makes up to four times what it may, and pictures wait for half a second in front of the network. So it is
 * allowed less by as much as it reckons with fewer.
 */

/** The pictures of so long are counted, ms. */
const COUNTED = 3_000;
/** Where a camera does not say. */
const USUAL = 30;

export class Pace {
  /** When the single pictures of the last while were given to the encoder, ms. @type {number[]} */
  #single = [];
  /** Since when there have been pictures, and the camera's, ms. */
  #first = 0;
  #live = Infinity;
  /** The camera's, a second. */
  #rate = USUAL;

  /** The encoder has been given a single picture. */
  given() {
    const now = performance.now();
    this.#single = this.#single.filter((at) => at > now - COUNTED);
    if (this.#single.length === 0) this.#first = now;
    this.#single.push(now);
  }

  /** The encoder has the camera from now on. @param {MediaStreamTrack} camera */
  flows(camera) {
    if (this.#live === Infinity) this.#live = performance.now();
    this.#rate = camera.getSettings().frameRate || USUAL;
  }

  /** The encoder has the camera no more. */
  rests() {
    this.#live = Infinity;
  }

  /**
   * What it reckons with, as a part of what it gets from the camera.
   * @param {number} most pictures a second that it may get
   */
  share(most) {
    const now = performance.now();
    const since = Math.max(now - COUNTED, this.#first);
    const single = this.#single.filter((at) => at > since - 1).length;
    if (this.#live === Infinity || single === 0) return 1;
    const rate = Math.min(most, this.#rate);
    const live = ((now - this.#live) / 1_000) * rate;
    return Math.min(1, ((single + live) * 1_000) / ((now - since) * rate));
  }
}
