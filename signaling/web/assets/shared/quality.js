// @ts-check
/**
 * What the page sees of the call's quality: numbers for the record, one word for people.
 *
 * @typedef {"good" | "fair" | "weak" | "reconnecting"} Word
 * @typedef {{
 *   rtt_ms: number, loss_in: number, video_in_kbps: number, video_out_kbps: number, fps_in: number,
 *   height_in: number, freezes: number, freeze_seconds: number, concealed: number,
 * }} PageQuality
 * @typedef {{own: Word, peer: Word}} Words
 */

/** Between two reports, in milliseconds. */
const EVERY = 3_000;

export class Quality {
  #timer = 0;
  #first = 0;
  /** @type {Counters | null} */ #last = null;
  #stats;
  #screen;
  #on;

  /**
   * @param {() => Promise<RTCStatsReport> | null} stats
   * @param {() => boolean} screen whether the other side shows a screen
   * @param {(quality: PageQuality, words: Words) => void} on
   */
  constructor(stats, screen, on) {
    this.#stats = stats;
    this.#screen = screen;
    this.#on = on;
  }

  start() {
    this.stop();
    // A first look soon, so that the first report covers the start of the call.
    this.#first = setTimeout(() => void this.#look(), 200);
    this.#timer = setInterval(() => void this.#look(), EVERY);
  }

  stop() {
    clearTimeout(this.#first);
    clearInterval(this.#timer);
    this.#last = null;
  }

  async #look() {
    const report = await this.#stats();
    if (!report) return;
    const now = read(report);
    const last = this.#last;
    this.#last = now;
    if (!last || now.at <= last.at || now.received < last.received) return;
    const seconds = (now.at - last.at) / 1_000;
    const packets = Math.max(0, now.received - last.received);
    const lost = Math.max(0, now.lost - last.lost);
    const samples = now.samples - last.samples;
    /** @type {PageQuality} */
    const quality = {
      rtt_ms: round(now.rtt * 1_000),
      loss_in: packets + lost > 0 ? round(lost / (packets + lost), 4) : 0,
      video_in_kbps: round(((now.bytesIn - last.bytesIn) * 8) / 1_000 / seconds),
      video_out_kbps: round(((now.bytesOut - last.bytesOut) * 8) / 1_000 / seconds),
      fps_in: round(Math.max(0, now.frames - last.frames) / seconds),
      height_in: now.height,
      freezes: Math.max(0, now.freezes - last.freezes),
      freeze_seconds: round(Math.max(0, now.frozen - last.frozen), 2),
      concealed: samples > 0 ? round(Math.min(1, (now.concealed - last.concealed) / samples), 4) : 0,
    };
    this.#on(quality, { own: ownWord(quality, now), peer: this.#screen() ? "good" : peerWord(quality) });
  }
}

/**
 * @typedef {{
 *   at: number, rtt: number, received: number, lost: number, bytesIn: number, bytesOut: number,
 *   frames: number, height: number, freezes: number, frozen: number, concealed: number,
 *   samples: number, lossOut: number, limited: boolean,
 * }} Counters
 * @param {RTCStatsReport} report
 * @returns {Counters}
 */
function read(report) {
  const now = {
    at: 0, rtt: 0, received: 0, lost: 0, bytesIn: 0, bytesOut: 0, frames: 0, height: 0, freezes: 0,
    frozen: 0, concealed: 0, samples: 0, lossOut: 0, limited: false,
  };
  // After an ICE restart the old pair stays in the report; Firefox does not name the current one.
  let selected = "";
  report.forEach((/** @type {any} */ s) => {
    if (s.type === "transport") selected = s.selectedCandidatePairId ?? selected;
  });
  report.forEach((/** @type {any} */ s) => {
    now.at = Math.max(now.at, s.timestamp);
    if (s.type === "candidate-pair" && (selected ? s.id === selected : s.nominated && s.state === "succeeded")) {
      now.rtt = s.currentRoundTripTime ?? now.rtt;
    } else if (s.type === "inbound-rtp") {
      now.received += s.packetsReceived ?? 0;
      now.lost += s.packetsLost ?? 0;
      if (s.kind === "video") {
        now.bytesIn += s.bytesReceived ?? 0;
        now.frames += s.framesDecoded ?? 0;
        now.height = s.frameHeight ?? now.height;
        now.freezes += s.freezeCount ?? 0;
        now.frozen += s.totalFreezesDuration ?? 0;
      } else {
        now.concealed += s.concealedSamples ?? 0;
        now.samples += s.totalSamplesReceived ?? 0;
      }
    } else if (s.type === "outbound-rtp" && s.kind === "video") {
      now.bytesOut += s.bytesSent ?? 0;
      now.limited ||= s.qualityLimitationReason === "bandwidth";
    } else if (s.type === "remote-inbound-rtp") {
      now.lossOut = Math.max(now.lossOut, s.fractionLost ?? 0);
    }
  });
  return now;
}

/** This side's network: what it costs to reach the node, and what gets lost on the way. @param {PageQuality} q @param {Counters} now @returns {Word} */
function ownWord(q, now) {
  const loss = Math.max(q.loss_in, now.lossOut);
  if (loss > 0.08 || q.rtt_ms > 600 || q.concealed > 0.15 || (now.limited && q.video_out_kbps < 150)) return "weak";
  if (loss > 0.02 || q.rtt_ms > 300 || q.concealed > 0.05 || (now.limited && q.video_out_kbps < 400)) return "fair";
  return "good";
}

/**
 * The other side's, as far as the picture of their camera tells: what is lost on our own way is not
 * theirs. A screen that stands still sends next to nothing and tells nothing.
 * @param {PageQuality} q
 * @returns {Word}
 */
function peerWord(q) {
  const ours = q.loss_in > 0.02;
  if (q.video_in_kbps < 1 || ours) return "good";
  if (q.freeze_seconds > 1 || q.fps_in < 5) return "weak";
  if (q.freezes > 0 || q.fps_in < 12) return "fair";
  return "good";
}

/** @param {number} value @param {number} [digits] */
function round(value, digits = 1) {
  const scale = 10 ** digits;
  return Number.isFinite(value) ? Math.round(value * scale) / scale : 0;
}
