// @ts-check
/** Noticing the first picture and the first sound that really arrive. */

/** What is no wider than this is no picture: the empty frame of a track that falls silent, or a primed video's (`primed.js`). */
export const NO_PICTURE = 16;

/**
 * Calls back with the next frame that is presented.
 * @param {HTMLVideoElement} video
 * @param {(at: number) => void} then
 * @param {number} [least] frames that are no wider are none
 * @returns {() => void} to stop waiting
 */
export function nextFrame(video, then, least = NO_PICTURE) {
  if ("requestVideoFrameCallback" in video) {
    let id = 0;
    const wait = () => {
      id = video.requestVideoFrameCallback((now, frame) => {
        if (frame.width > least && video.videoWidth > 0) then(frame.presentationTime ?? now);
        else wait();
      });
    };
    wait();
    return () => video.cancelVideoFrameCallback(id);
  }
  // Older Firefox: count what has been painted.
  const painted = () => /** @type {HTMLVideoElement} */ (video).getVideoPlaybackQuality().totalVideoFrames;
  const before = painted();
  let id = 0;
  const look = () => {
    if (painted() > before) then(performance.now());
    else id = requestAnimationFrame(look);
  };
  id = requestAnimationFrame(look);
  return () => cancelAnimationFrame(id);
}

/** Louder than this is a sound, not the encoder's silence. */
const AUDIBLE = 0.0005;
const LOOK_EVERY = 40;

/**
 * Calls back once something can be heard.
 * @param {() => RTCRtpReceiver | undefined} receiver
 * @param {() => void} then
 * @returns {() => void} to stop waiting
 */
export function firstSound(receiver, then) {
  const timer = setInterval(() => {
    const sources = receiver()?.getSynchronizationSources() ?? [];
    if (!sources.some((source) => (source.audioLevel ?? 0) > AUDIBLE)) return;
    clearInterval(timer);
    then();
  }, LOOK_EVERY);
  return () => clearInterval(timer);
}

/** Keeps a phone's screen on while `on` is true; the browser lets go whenever the page is hidden. */
export class WakeLock {
  /** @type {WakeLockSentinel | null} */ #lock = null;
  #on = false;

  constructor() {
    document.addEventListener("visibilitychange", () => void this.#apply());
  }

  /** @param {boolean} on */
  set(on) {
    this.#on = on;
    void this.#apply();
  }

  async #apply() {
    try {
      if (!this.#on) {
        await this.#lock?.release();
        this.#lock = null;
      } else if (document.visibilityState === "visible" && (!this.#lock || this.#lock.released)) {
        this.#lock = (await navigator.wakeLock?.request("screen")) ?? null;
      }
    } catch {
      // Refused on low battery; the call goes on.
    }
  }
}
