// @ts-check
/**
 * Notices that nothing comes from the node any more, long before ICE does: media comes fifty times a
 * second, and reports on what this page sends at least ten times. So whoever sends hears something, from
 * the start of the call on; whoever only listens, once the other side has been heard.
 */

/** Between two looks, in milliseconds. */
const LOOK_EVERY = 100;
/** A look that comes later than this: the page slept, and its counters say nothing about the time. */
const LATE = 250;
/** Looks that found something before the silence of a side that only listens means something. */
const REGULAR = 5;
/** Silence that is worth a word, and between two words. */
const SAY_AFTER = 500;
const SAY_EVERY = 250;
/** As long again at the start of a call: encoders start, and the first answer takes a round trip or two. */
const START = 300;
const START_TRIPS = 2;
/** A round trip above this was an outage. */
const MOST_TRIP = 300;
/** Silence after which the costlier counters are read. */
const DOUBT_AFTER = 200;

export class Silence {
  #leg;
  #socket;
  #expects;
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
   * @param {() => {own: boolean, peer: boolean}} expects which side sends all the time
   */
  constructor(leg, socket, expects) {
    this.#leg = leg;
    this.#socket = socket;
    this.#expects = expects;
  }

  /** A call runs. It may be said again: what was heard in it so far is not forgotten, its node may die at once. */
  start() {
    if (this.#timer) return;
    this.#heard = 0;
    this.#lookedAt = performance.now();
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY);
    this.#begin();
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#of = null;
    this.#hears();
  }

  /** Whether something has to come. */
  get #due() {
    const { own, peer } = this.#expects();
    // ICE has asked and got no answer.
    return own || (peer && this.#heard === REGULAR) || this.#leg.state === "broken";
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

  /** Something may come from now on. */
  #begin() {
    this.#hears();
    this.#silentMs = -START - START_TRIPS * Math.min(this.#socket.rtt ?? 0, MOST_TRIP);
  }

  #look() {
    const now = performance.now();
    const since = now - this.#lookedAt;
    this.#lookedAt = now;
    const { id, state } = this.#leg;
    if (id !== this.#of) {
      // The first leg of a call is the one that it starts with.
      if (this.#of) this.#hears();
      this.#of = id;
      this.#seen = "";
      this.#counted = -1;
    }
    if (!id || state === "opening" || since > LATE) return;
    const seen = sources(this.#leg.receivers);
    if (seen && seen !== this.#seen) {
      this.#seen = seen;
      this.#heard = Math.min(this.#heard + 1, REGULAR);
      return this.#hears();
    }
    if (!this.#due) return this.#begin();
    this.#silentMs += since;
    if (this.#silentMs >= DOUBT_AFTER || !seen) void this.#count();
    if (this.#silentMs < SAY_AFTER) return;
    // It may be this page's network, and then the line is as dead.
    if (this.#saidMs === 0) this.#socket.suspect();
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
