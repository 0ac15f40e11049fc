// @ts-check
/**
 * A video that plays before there is anything to play.
 *
 * To show the first picture of a stream a browser goes through the page: the element learns that it can play, makes a
 * layer, and the page is laid out and committed. On a busy machine the first picture is gone by then, and the next one is
 * waited for. So where a page can make a track of its own, the element plays a picture of nothing (transparent) while
 * nobody waits; the other side's tracks then take its place in the same stream, and their first picture needs no more of
 * the page than any other.
 */
import { NO_PICTURE, nextFrame } from "./frames.js";

/** The browser has had the time to show nothing, ms; a page that nobody sees shows nothing at all. */
const SHOWN_WITHIN = 500;

/**
 * @param {HTMLVideoElement} video
 * @param {MediaStream} stream what it is to show
 * @returns {{stream: MediaStream, ready: () => void} | null} what it has to be fed, and how to say that it is
 *   needed now; none where the browser cannot
 */
export function prime(video, stream) {
  const Generator = /** @type {any} */ (globalThis).MediaStreamTrackGenerator;
  if (!Generator || !("VideoFrame" in globalThis)) return null;
  const track = new Generator({ kind: "video" });
  const own = new MediaStream([track]);
  let isReady = false;
  const ready = () => {
    if (isReady) return;
    isReady = true;
    stop();
    clearTimeout(timer);
    // In this order the stream is never without a picture, which would take the layer away.
    for (const one of stream.getTracks()) own.addTrack(one);
    own.removeTrack(track);
    track.stop();
  };
  const stop = nextFrame(video, ready, 0);
  const timer = setTimeout(ready, SHOWN_WITHIN);
  const pixels = new Uint8Array(NO_PICTURE * NO_PICTURE * 4);
  const nothing = new VideoFrame(pixels, { format: "RGBA", codedWidth: NO_PICTURE, codedHeight: NO_PICTURE, timestamp: 0 });
  track.writable.getWriter().write(nothing).catch(() => nothing.close());
  return { stream: own, ready };
}
