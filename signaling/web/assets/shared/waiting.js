// @ts-check
/**
 * What waits in this browser in front of the network.
 *
 * A browser lets packets go at 1.1 times what it believes its network carries, and its encoder makes 1.0 times of that, or
 * more. So what has once come to wait, the first pictures of a call on a narrow network or what was made just before that became
 * narrow, waits for seconds, and everything made meanwhile is as late on the other side's screen. The encoder gets
 * less until it has left.
 */

/** Packets that wait longer than this, ms, are worth smaller pictures… */
const LONG = 60;
/** …until they wait no longer than this. */
const SHORT = 20;
/** The encoder gets this share of what leaves… */
const SHARE = 0.6;
/** …but so much always, bit/s: with less there is nothing to be seen. */
const LEAST = 100_000;
/**
 * Below this, bit/s, what the browser believes in is the node's word, and not what has grown from what was sent: calls begin
 * with 1.5 Mbit/s. Of it sound takes so much.
 */
const NARROW = 1_200_000;
const SOUND = 80_000;

export class Waiting {
  /** What had left at the last look. `at` in ms, `delay` in seconds, of all packets together. */
  #last = { at: -Infinity, packets: 0, bytes: 0, delay: 0 };
  #limit = Infinity;
  #takes = Infinity;

  /** Most that the encoder may use for now, bit/s. */
  get limit() {
    return this.#limit;
  }

  /** What a narrow network takes of video, bit/s. */
  get takes() {
    return this.#takes;
  }

  /**
   * Where a browser does not say how long packets have waited, nothing is limited.
   * @param {RTCStatsReport} report of the sender of video
   */
  look(report) {
    report.forEach((/** @type {any} */ s) => {
      if (s.type === "outbound-rtp" && s.totalPacketSendDelay !== undefined) {
        this.#see({ at: s.timestamp, packets: s.packetsSent, bytes: s.bytesSent, delay: s.totalPacketSendDelay });
      } else if (s.type === "candidate-pair" && s.nominated) {
        const network = s.availableOutgoingBitrate;
        this.#takes = network < NARROW ? Math.max(LEAST, network - SOUND) : Infinity;
      }
    });
  }

  /** What the browser believes in does not count until it is looked at again. */
  forget() {
    this.#takes = Infinity;
  }

  /** Nothing is sent. */
  rest() {
    this.#limit = this.#takes = Infinity;
    this.#last.at = -Infinity;
  }

  /** @param {{at: number, packets: number, bytes: number, delay: number}} now */
  #see(now) {
    const last = this.#last;
    this.#last = now;
    const packets = now.packets - last.packets;
    if (packets <= 0) return;
    const waited = (1_000 * (now.delay - last.delay)) / packets;
    const draining = this.#limit < Infinity;
    if (waited <= (draining ? SHORT : LONG)) {
      this.#limit = Infinity;
      return;
    }
    // Something left all the time, if that was watched from its beginning.
    const leaves = ((now.bytes - last.bytes) * 8_000) / (now.at - last.at);
    if (leaves > 0) this.#limit = Math.max(LEAST, Math.round(SHARE * leaves));
  }
}
