// @ts-check
/**
 * Encoded pictures that stay in the page until they may leave it.
 *
 * To make an encoder and a key frame takes longer than anything else between the start of a call and its first packet, and
 * it is asked of both pages at once. Where the browser lets a page stand between its encoder and the network
 * (`RTCRtpScriptTransform`), that is done while it rings, and the picture waits here; then it only has to leave.
 */

/** A picture that has been held for longer is shown to nobody, ms: it is not how it looks there now. */
const HELD_MOST = 500;
/** An encoder that is being made has a picture ready within this, ms. */
const MADE_WITHIN = 60;
/** A worker that has not been heard of so long after it was needed will not be, ms. */
const LISTENS_WITHIN = 1_000;

const WORKER = new URL("./held-worker.js", import.meta.url).href;

/**
 * The one worker of the page. Pictures come through it or not at all, so who relies on it is told when it is lost.
 * @type {"none" | {worker: Worker, listens: boolean, lost: Set<() => void>} | undefined}
 */
let half;

function ask() {
  if (half) return half;
  if (!("RTCRtpScriptTransform" in globalThis)) return (half = "none");
  try {
    const types = /** @type {any} */ (globalThis).trustedTypes;
    const policy = types?.createPolicy("vitrine-worker", { createScriptURL: () => WORKER });
    const made = { worker: new Worker(policy ? policy.createScriptURL("") : WORKER), listens: false, lost: new Set() };
    made.worker.addEventListener("message", () => (made.listens = true), { once: true });
    made.worker.addEventListener("error", () => lose(made));
    return (half = made);
  } catch (error) {
    console.info("vitrine: pictures are made when they are needed", error);
    return (half = "none");
  }
}

/** @param {Exclude<typeof half, "none" | undefined>} made */
function lose(made) {
  if (half !== made) return;
  half = "none";
  console.warn("vitrine: pictures are made when they are needed");
  for (const tell of made.lost) tell();
}

export class Held {
  /** The worker's half. @type {MessagePort} */ #port;
  #of;
  #onLost;
  #passes = false;
  /** Runs until the worker must have been heard of. */ #wait = 0;
  /** When the encoder was given the latest picture, and when the worker had it, ms. */
  #given = -Infinity;
  #has = -Infinity;

  /**
   * @param {Exclude<typeof half, "none" | undefined>} of
   * @param {RTCRtpSender} sender
   * @param {() => void} onLost
   */
  constructor(of, sender, onLost) {
    this.#of = of;
    this.#onLost = onLost;
    const { port1, port2 } = new MessageChannel();
    sender.transform = new RTCRtpScriptTransform(of.worker, { port: port2 }, [port2]);
    port1.onmessage = () => (this.#has = performance.now());
    this.#port = port1;
    of.lost.add(onLost);
  }

  /**
   * @param {RTCRtpSender} sender of a connection that has not offered yet: later ones take no transform
   * @param {() => void} onLost nothing comes out of the sender any more
   * @returns {Held | null} none where the browser cannot
   */
  static make(sender, onLost) {
    const of = ask();
    return of === "none" ? null : new Held(of, sender, onLost);
  }

  /** For good. */
  close() {
    clearTimeout(this.#wait);
    this.#of.lost.delete(this.#onLost);
    this.#port.close();
  }

  /** Whether what is encoded now stays here. */
  get holds() {
    return !this.#passes;
  }

  /** The encoder has been given a picture. */
  given() {
    this.#given = performance.now();
  }

  /** Whether there is a late picture, or will be in a moment. */
  get isLate() {
    const now = performance.now();
    return this.holds && (now - this.#has < HELD_MOST || now - this.#given < MADE_WITHIN);
  }

  /** What is held leaves, and what comes from now on passes. */
  pass() {
    this.#passes = true;
    this.#forget("pass");
    if (!this.#of.listens) this.#wait ||= setTimeout(() => this.#of.listens || lose(this.#of), LISTENS_WITHIN);
  }

  /** What is held is forgotten; what comes from now on stays here. */
  hold() {
    this.#passes = false;
    this.#forget("hold");
  }

  /** @param {"pass" | "hold"} what */
  #forget(what) {
    this.#given = this.#has = -Infinity;
    this.#port.postMessage(what);
  }
}
