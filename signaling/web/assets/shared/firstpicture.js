// @ts-check
/**
 * The picture that leaves first. To give a sender its camera takes a swap of tracks and then the wait for
 * the camera's next picture; both stand between the press and the other side's screen. Where the browser
 * lets a page make its own track (MediaStreamTrackGenerator), the sender has one from the start that holds
 * no picture, so nothing leaves; at the press it is handed the camera's latest.
 */

/** The latest picture that each preview gave, by its time stamp. @type {WeakMap<HTMLVideoElement, number>} */
const given = new WeakMap();

/** Even, as the planes of colour have half the lines. */
const LESS = 2;

export class FirstPicture {
  #track;
  #writer;

  /** @param {any} track */
  constructor(track) {
    this.#track = track;
    this.#writer = track.writable.getWriter();
  }

  /** @returns {FirstPicture | null} none where the browser cannot */
  static make() {
    const Generator = /** @type {any} */ (globalThis).MediaStreamTrackGenerator;
    if (!Generator || !("VideoFrame" in globalThis)) return null;
    try {
      return new FirstPicture(new Generator({ kind: "video" }));
    } catch {
      return null;
    }
  }

  /** @returns {MediaStreamTrack} silent until `show` */
  get track() {
    return this.#track;
  }

  /**
   * @param {HTMLVideoElement} preview plays the camera: its picture is encoded now, if it has one
   * @param {boolean} less two lines less than the camera's: what comes after it gets an encoder of its own
   * @returns {boolean} whether it had
   */
  show(preview, less) {
    // A page that nobody sees may have an old one.
    if (document.hidden || preview.paused || preview.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || preview.videoWidth === 0) return false;
    try {
      const { videoWidth: width, videoHeight: height } = preview;
      const frame = new VideoFrame(preview, less ? { visibleRect: { x: 0, y: 0, width, height: height - LESS } } : {});
      if (given.get(preview) === frame.timestamp) {
        // The preview stands still: what it holds may be old, and the encoder takes no picture twice.
        frame.close();
        return false;
      }
      given.set(preview, frame.timestamp);
      // The track takes the frame over, and closes it.
      this.#writer.write(frame).catch(() => frame.close());
      return true;
    } catch (error) {
      console.info("vitrine: the first picture is the camera's next", error);
      return false;
    }
  }
}
