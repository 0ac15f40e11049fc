// @ts-check
/**
 * How far the media nodes are: one connectivity check after the other to each of them, over
 * connections that carry nothing and are thrown away. The node answers and does nothing else.
 *
 * Needs no permission, no certificate on the node, and nobody waits for it: the page has its leg by
 * then, and gets another if a nearer node turns up.
 *
 * @typedef {{node: string, region: string, addresses: string[], ufrag: string, pwd: string}} Candidate
 * @typedef {{node: string, rtt_ms: number}} Measured
 */

/** A node that has not answered by then is no near one. */
const WITHIN = 2_000;
/** Answers that are enough: the best of them counts, as a check may have waited in the browser. */
const ENOUGH = 3;
/** After the first answer there may be no more: a browser sends the next one only now and then. */
const LINGER = 250;
const LOOK_EVERY = 20;
/** Where none has answered the page tries again, each time after twice as long: its network may be coming up. */
const AGAIN_AFTER = { first: 1_000, last: 16_000 };

/** What a page knows about how far the nodes are. */
export class Nearest {
  /** Goes into every offer of a leg. @type {Measured[]} */ measured = [];
  /** @type {Candidate[]} */ #candidates = [];
  #running = false;
  #again = false;
  #untold = false;
  #on;

  /**
   * @param {{
   *   send: (message: import("./socket.js").Message) => boolean,
   *   leg: () => string | null,
   *   idle: () => boolean,
   * }} on `leg` is the one that carries; `idle`: no call would notice that it is replaced
   */
  constructor(on) {
    this.#on = on;
    addEventListener("online", () => void this.#measure());
    /** @type {any} */ (navigator).connection?.addEventListener?.("change", () => void this.#measure());
  }

  /** @param {Candidate[]} candidates what the server wants measured; nothing to choose between: none */
  welcomed(candidates) {
    const known = new Set(this.#candidates.map(({ ufrag }) => ufrag));
    const same = candidates.length === known.size && candidates.every(({ ufrag }) => known.has(ufrag));
    this.#candidates = candidates;
    if (same) return this.tell();
    this.measured = [];
    void this.#measure();
  }

  /** Tells the server what it has not heard, once there is a leg that it is about. */
  tell() {
    const leg = this.#on.leg();
    if (!this.#untold || !leg || !this.#on.idle()) return;
    this.#untold = !this.#on.send({ type: "measured", leg, measured: this.measured });
  }

  async #measure() {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    let pause = AGAIN_AFTER.first;
    while (this.#again && this.#candidates.length > 0) {
      this.#again = false;
      const measured = await measure(this.#candidates);
      if (measured.length === 0) {
        if (pause > AGAIN_AFTER.last) continue;
        await new Promise((done) => setTimeout(done, pause));
        pause *= 2;
        this.#again = true;
        continue;
      }
      this.measured = measured;
      this.#untold = true;
      this.tell();
    }
    this.#running = false;
  }
}

/**
 * The round trips to those that answer, all at the same time.
 * @param {Candidate[]} candidates
 * @returns {Promise<Measured[]>}
 */
async function measure(candidates) {
  const measured = await Promise.all(candidates.map((candidate) => roundTrip(candidate).catch(() => null)));
  return candidates.flatMap(({ node }, i) => {
    const rtt = measured[i];
    return rtt === null ? [] : [{ node, rtt_ms: Math.round(rtt * 10) / 10 }];
  });
}

/**
 * Of a browser that checks once and then rests, a second connection: one answer alone may have waited, and the
 * one check may have been lost.
 * @param {Candidate} candidate
 * @returns {Promise<number | null>} milliseconds
 */
async function roundTrip(candidate) {
  const first = (await attempt(candidate)) ?? (await attempt(candidate));
  if (!first || first.answers >= ENOUGH) return first && first.rtt;
  const second = await attempt(candidate);
  return Math.min(first.rtt, second?.rtt ?? Infinity);
}

/** @param {Candidate} candidate the best round trip in ms, and of how many answers; null: none came */
async function attempt(candidate) {
  const pc = new RTCPeerConnection();
  try {
    pc.createDataChannel("");
    await pc.setLocalDescription(await pc.createOffer());
    let connectedAt = 0;
    pc.oniceconnectionstatechange = () => {
      if (pc.iceConnectionState === "connected") connectedAt ||= performance.now();
    };
    await pc.setRemoteDescription({ type: "answer", sdp: answer(candidate) });
    const asked = performance.now();
    let [best, answers] = [Infinity, 0];
    while (performance.now() - asked < WITHIN) {
      const now = await answered(pc);
      best = Math.min(best, now.rtt);
      answers = now.answers;
      if (answers >= ENOUGH || (connectedAt && performance.now() - connectedAt > LINGER)) break;
      await new Promise((done) => setTimeout(done, LOOK_EVERY));
    }
    if (best < Infinity) return { rtt: best, answers };
    // No figure from this browser: from the first check to its answer, with what the page takes.
    return connectedAt ? { rtt: connectedAt - asked, answers } : null;
  } finally {
    pc.close();
  }
}

/** @param {RTCPeerConnection} pc the best round trip so far in ms, and of how many answers */
async function answered(pc) {
  let [rtt, answers] = [Infinity, 0];
  for (const stat of (await pc.getStats()).values()) {
    if (stat.type !== "candidate-pair" || !(stat.responsesReceived > 0)) continue;
    answers = Math.max(answers, stat.responsesReceived);
    if (stat.currentRoundTripTime !== undefined) rtt = Math.min(rtt, stat.currentRoundTripTime * 1_000);
  }
  return { rtt, answers };
}

/**
 * What an ICE-lite node would answer that waits for nothing: as the side that would begin the DTLS
 * handshake it keeps the browser from beginning one.
 * @param {Candidate} candidate
 */
function answer({ addresses, ufrag, pwd }) {
  return [
    "v=0",
    "o=- 1 1 IN IP4 0.0.0.0",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0",
    "a=ice-lite",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    "c=IN IP4 0.0.0.0",
    "a=mid:0",
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    `a=fingerprint:sha-256 ${Array(32).fill("00").join(":")}`,
    "a=setup:active",
    "a=sctp-port:5000",
    ...addresses.map((address, i) => {
      const at = address.lastIndexOf(":");
      const ip = address.slice(0, at).replace(/[[\]]/g, "");
      return `a=candidate:${i + 1} 1 udp ${2_130_706_431 - i} ${ip} ${address.slice(at + 1)} typ host`;
    }),
    "a=end-of-candidates",
    "",
  ].join("\r\n");
}
