// @ts-check
/**
 * What the page sees of the call's quality: numbers for the record, one word for people. The server
 * hears of both sides from the node and from both pages; what it says goes before what this page
 * can guess.
 *
 * @typedef {"good" | "fair" | "weak" | "reconnecting"} Word
 * @typedef {{
 *   rtt_ms: number, loss_in: number, video_in_kbps: number, video_out_kbps: number, fps_in: number,
 *   height_in: number, freezes: number, freeze_seconds: number, concealed: number, limited: boolean,
 * }} PageQuality
 * @typedef {{own: Word, peer: Word}} Words
 */

/** Between two reports, in milliseconds. */
const EVERY = 3_000;
/** How long the server's last words count: three of its rounds. */
const HEARD_FOR = 6_000;

export class Quality {
  #timer = 0;
  #first = 0;
  /** @type {Counters | null} */ #last = null;
  #stats;
  #on;
  /** What the server said last, and when. @type {{words: Words, at: number} | null} */ #heard = null;

  /**
   * @param {() => Promise<RTCStatsReport> | null} stats
   * @param {(quality: PageQuality, words: Words) => void} on
   */
  constructor(stats, on) {
    this.#stats = stats;
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
    this.#heard = null;
  }

  /** What the server says of both sides. @param {Word} own @param {Word} peer @returns {Words} */
  heard(own, peer) {
    const words = { own, peer };
    this.#heard = { words, at: performance.now() };
    return words;
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
      concealed: samples > 0 ? round(Math.min(1, Math.max(0, now.concealed - last.concealed) / samples), 4) : 0,
      limited: now.limited,
    };
    const heard = this.#heard && performance.now() - this.#heard.at < HEARD_FOR ? this.#heard.words : null;
    this.#on(quality, heard ?? { own: ownWord(quality, now), peer: "good" });
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
        // Silence that is made up is nothing lost: with nobody speaking, nothing need be sent.
        now.concealed += (s.concealedSamples ?? 0) - (s.silentConcealedSamples ?? 0);
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

/** This side's network, as far as the page can tell by itself. @param {PageQuality} q @param {Counters} now @returns {Word} */
function ownWord(q, now) {
  const loss = Math.max(q.loss_in, now.lossOut);
  if (loss > 0.08 || q.rtt_ms > 600 || q.concealed > 0.12) return "weak";
  if (loss > 0.02 || q.rtt_ms > 250 || q.concealed > 0.03) return "fair";
  return "good";
}

/** @param {number} value @param {number} [digits] */
function round(value, digits = 1) {
  const scale = 10 ** digits;
  return Number.isFinite(value) ? Math.round(value * scale) / scale : 0;
}
