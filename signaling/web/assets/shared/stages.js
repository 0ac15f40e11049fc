// @ts-check
/**
 * When the page reached which stage of setting up a call, for the call's record.
 *
 * @typedef {"page_ready" | "socket" | "welcome" | "leg_offer" | "leg_answer" | "ice" | "dtls"
 *   | "join" | "ring" | "accept" | "call_started" | "tracks_attached" | "first_frame"
 *   | "first_audio"} Stage
 */

/** Stages that belong to one call rather than to the page. @type {ReadonlySet<Stage>} */
const OF_CALL = new Set([
  "join", "ring", "accept", "call_started", "tracks_attached", "first_frame", "first_audio",
]);

export class Stages {
  /** @type {Map<Stage, number>} */ #marks = new Map();
  /** @type {Set<Stage>} */ #sent = new Set();
  /** @type {string | null} */ #call = null;
  #send;

  /** @param {(message: import("./socket.js").Message) => boolean} send */
  constructor(send) {
    this.#send = send;
  }

  /**
   * Notes the first time a stage is reached.
   * @param {Stage} stage
   * @param {number} [at] milliseconds since navigation start
   */
  mark(stage, at = performance.now()) {
    if (!this.#marks.has(stage)) this.#marks.set(stage, at);
  }

  /** Notes a stage again: a new leg or a new socket replaces what the old one reached. @param {Stage} stage */
  renew(stage) {
    this.#marks.set(stage, performance.now());
    this.#sent.delete(stage);
  }

  /** Forgets the last call's stages: another one is on its way. */
  forget() {
    this.#call = null;
    for (const stage of OF_CALL) this.#marks.delete(stage);
    this.#sent.clear();
  }

  /** From now on marks belong to this call, the page's own included. @param {string} call */
  belong(call) {
    if (this.#call === call) return;
    this.#call = call;
    this.#sent.clear();
  }

  /** Sends what has not been sent. */
  flush() {
    const fresh = [...this.#marks].filter(([stage]) => !this.#sent.has(stage));
    if (fresh.length === 0) return;
    const marks = fresh.map(([stage, at_ms]) => ({ stage, at_ms: Math.round(at_ms * 10) / 10 }));
    const message = { type: "stages", marks, ...(this.#call ? { call: this.#call } : {}) };
    if (this.#send(message)) for (const [stage] of fresh) this.#sent.add(stage);
  }
}
