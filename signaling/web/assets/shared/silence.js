// @ts-check
/**
 * Notices that nothing comes from the node any more, long before ICE does: media comes fifty times a
 * second, and reports on what this page sends at least ten times.
 */

/** Between two looks, in milliseconds. */
const LOOK_EVERY = 100;
/** A look that comes later than this: the page slept, and its counters say nothing about the time. */
const LATE = 250;
/** Looks in a row that found something before a silence means something. */
const REGULAR = 5;
/** Silence that is worth a word, and between two words. */
const SAY_AFTER = 500;
const SAY_EVERY = 250;
/** Silence after which the costlier counters are read. */
const DOUBT_AFTER = 200;

export class Silence {
  #leg;
  #socket;
  #timer = 0;
  #lookedAt = 0;
  #seen = "";
  #counted = -1;
  #reading = false;
  #heard = 0;
  #silentMs = 0;
  #saidMs = 0;
  /** Of which leg all this is. @type {string | null} */ #of = null;

  /**
   * @param {import("./leg.js").Leg} leg
   * @param {import("./socket.js").Socket} socket
   */
  constructor(leg, socket) {
    this.#leg = leg;
    this.#socket = socket;
  }

  start() {
    this.stop();
    this.#lookedAt = performance.now();
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY);
  }

  stop() {
    clearInterval(this.#timer);
    this.#reset(null);
  }

  /** @param {string | null} of */
  #reset(of) {
    // A leg that has taken a call over from another begins where that one was: its node may die at once.
    if (!of || !this.#of) this.#heard = 0;
    this.#of = of;
    this.#seen = "";
    this.#counted = -1;
    this.#hears();
  }

  #hears() {
    if (this.#silentMs >= SAY_AFTER) {
      this.#leg.silent(false);
      // What comes from the node says that the network is back, sooner than any timer.
      this.#socket.hurry();
    }
    this.#silentMs = 0;
    this.#saidMs = 0;
  }

  #look() {
    const now = performance.now();
    const since = now - this.#lookedAt;
    this.#lookedAt = now;
    const { id } = this.#leg;
    if (id !== this.#of) return this.#reset(id);
    if (!id || since > LATE) return;
    const seen = sources(this.#leg.receivers);
    if (seen && seen !== this.#seen) {
      this.#seen = seen;
      this.#heard = Math.min(this.#heard + 1, REGULAR);
      return this.#hears();
    }
    this.#silentMs += since;
    if (this.#silentMs >= DOUBT_AFTER || !seen) void this.#count();
    if (this.#silentMs < SAY_AFTER || this.#heard < REGULAR) return;
    // It may be this page's network, and then the line is as dead.
    if (this.#saidMs === 0) this.#socket.doubt();
    this.#leg.silent(true);
    if (this.#silentMs - this.#saidMs < SAY_EVERY) return;
    this.#saidMs = this.#silentMs;
    this.#socket.send({ type: "leg_silent", leg: id, for_ms: Math.round(this.#silentMs) });
  }

  /** Reports of the node on what this page sends are no media, but they are signs of life. */
  async #count() {
    if (this.#reading) return;
    this.#reading = true;
    const of = this.#of;
    try {
      const report = await this.#leg.stats();
      if (!report || of !== this.#of) return;
      const counted = received(report);
      if (counted !== this.#counted) {
        const first = this.#counted < 0;
        this.#counted = counted;
        if (first) return;
        this.#heard = Math.min(this.#heard + 1, REGULAR);
        this.#hears();
      }
    } finally {
      this.#reading = false;
    }
  }
}

/** What the receivers have played last; empty when they play nothing. @param {RTCRtpReceiver[]} receivers */
function sources(receivers) {
  return receivers
    .flatMap((receiver) => receiver.getSynchronizationSources())
    .map(({ source, timestamp, rtpTimestamp }) => `${source}:${timestamp}:${rtpTimestamp}`)
    .join();
}

/** Everything that has come in, whatever the browser calls it. @param {RTCStatsReport} report */
function received(report) {
  let sum = 0;
  report.forEach((/** @type {any} */ s) => {
    if (s.type === "transport" || s.type === "inbound-rtp" || s.type === "candidate-pair") {
      sum += (s.packetsReceived ?? 0) + (s.bytesReceived ?? 0) + (s.responsesReceived ?? 0);
    } else if (s.type === "remote-inbound-rtp") sum += s.roundTripTimeMeasurements ?? 0;
  });
  return sum;
}
