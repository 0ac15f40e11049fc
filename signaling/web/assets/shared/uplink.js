// @ts-check
/**
 * Lets the browser find out that this page's network carries more than it did.
 *
 * Chromium's own estimate grows by some percent a second and does not probe; after a rise of the network that
 * takes half a minute. But it probes, with a burst of 15 ms, whatever a remote description allows (`b=AS`, RFC
 * 8866 §5.8) beyond what the one before did. The node sees when it is worth it (`video_room`). A renegotiation
 * that stays in the page does the rest: no message, no key frame, some milliseconds.
 */

/** So many times what is used now is tried. */
const FACTOR = 2;
/** At least so much, bit/s. */
const LEAST = 800_000;
/** No less than this factor of what is used is worth a try. */
const MORE = 1.1;
/** An encoder with this share of what it can use needs no more; nor is more allowed than this factor of it. */
const ENOUGH = 0.9;
const MOST = 1.2;

/**
 * What to allow instead, in kbit/s, one after the other: only more than before makes a browser probe, so the
 * first is a little less than the second. Nothing where the encoder has enough.
 * @param {number} target what the encoder is given, bit/s
 * @param {number} wanted what it can use
 * @param {number} [upTo] what the node has seen that the network carries, kbit/s
 * @returns {number[]}
 */
export function steps(target, wanted, upTo = Infinity) {
  if (!(target > 0) || target >= ENOUGH * wanted || 1_000 * upTo < MORE * target) return [];
  const allowed = Math.round(Math.min(Math.max(FACTOR * target, LEAST), MOST * wanted, 1_000 * upTo) / 1_000);
  return [allowed - 1, allowed];
}

/**
 * An answer that allows its video so many kbit/s.
 * @param {string} sdp
 * @param {number} kbps
 */
export function allowing(sdp, kbps) {
  // A section's lines are in the order m, i, c, b, a (RFC 8866 §5).
  return sdp.replace(/^m=video .*\r\n(?:[ic]=.*\r\n)*/m, `$&b=AS:${kbps}\r\n`);
}

/**
 * What the video encoder is given, bit/s; 0 where the browser does not say.
 * @param {RTCStatsReport} report
 */
export function encoderTarget(report) {
  let target = 0;
  report.forEach((/** @type {any} */ s) => {
    if (s.type === "outbound-rtp" && s.kind === "video") target += s.targetBitrate ?? 0;
  });
  return target;
}
