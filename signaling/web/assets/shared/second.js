// @ts-check
/**
 * The page's second connection. What somebody waits for goes on it as well: a packet that TCP has to send again holds up
 * one connection, seldom both. It has no life of its own: it is opened for a welcome and closed with the first one, and
 * when it cannot be had the page goes on without.
 *
 * @typedef {import("./socket.js").Message} Message
 */

/** So long after the welcome, ms: what the page opens with goes first. */
const SETTLE = 200;
/** How often it is asked whether it lives, and how long the answer may take; the latter also when there is reason for doubt. */
const PING_EVERY = 10_000;
const PONG_WITHIN = 5_000;
const DOUBT_WITHIN = 2_000;
const OPEN_WITHIN = 10_000;
/** First and largest wait before another try, ms. Nobody waits for it. */
const RETRY_FIRST = 1_000;
const RETRY_MOST = 60_000;
/** The server's word for a key that it does not know: the first connection ends, or is at another instance. */
const NOT_HERE = 4404;
/** So often another instance may be met by chance before the page is content with one connection. */
const MOST_REFUSALS = 4;

export class Second {
  /** @type {WebSocket | null} */ #ws = null;
  #key = "";
  #attached = false;
  #tries = 0;
  #refusals = 0;
  #timer = 0;
  #pingTimer = 0;
  #pongTimer = 0;
  #onCopy;

  /** @param {(number: number, message: Message) => void} onCopy */
  constructor(onCopy) {
    this.#onCopy = onCopy;
  }

  /** @param {string} key from the welcome */
  open(key) {
    this.close();
    this.#key = key;
    this.#tries = this.#refusals = 0;
    this.#timer = setTimeout(() => this.#connect(), SETTLE);
  }

  /** Until the next `open`. A browser opens one connection at a time: a try that hangs would hold up the first one's. */
  close() {
    clearTimeout(this.#timer);
    this.#drop();
  }

  /** Sends a copy, if there is a way for it. @param {number} number @param {Message} message */
  copy(number, message) {
    if (this.#attached) this.#ws?.send(JSON.stringify({ type: "copy", number, message }));
  }

  /** There is reason to ask whether it lives. */
  doubt() {
    if (this.#attached) this.#ping(DOUBT_WITHIN);
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const ws = new WebSocket(`${scheme}://${location.host}/ws/second`);
    this.#ws = ws;
    this.#pongTimer = setTimeout(() => this.#lost(ws), OPEN_WITHIN);
    ws.onopen = () => {
      clearTimeout(this.#pongTimer);
      this.#pongTimer = 0;
      ws.send(JSON.stringify({ type: "attach", key: this.#key }));
      this.#attached = true;
      this.#pingTimer = setInterval(() => this.#ping(PONG_WITHIN), PING_EVERY);
    };
    ws.onmessage = ({ data }) => this.#ws === ws && this.#receive(data);
    ws.onclose = ({ code }) => {
      if (code === NOT_HERE) this.#refusals += 1;
      this.#lost(ws);
    };
  }

  /** @param {unknown} data */
  #receive(data) {
    clearTimeout(this.#pongTimer);
    this.#pongTimer = 0;
    this.#tries = 0;
    /** @type {Message} */ let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      return;
    }
    if (message.type === "copy") this.#onCopy(message.number, message.message);
  }

  /** @param {number} within */
  #ping(within) {
    const ws = this.#ws;
    if (!ws || this.#pongTimer) return;
    ws.send(JSON.stringify({ type: "ping", t: performance.now() }));
    this.#pongTimer = setTimeout(() => this.#lost(ws), within);
  }

  /** @param {WebSocket} ws */
  #lost(ws) {
    if (this.#ws !== ws) return;
    this.#drop();
    if (this.#refusals >= MOST_REFUSALS) return;
    const wait = Math.min(RETRY_MOST, RETRY_FIRST * 2 ** this.#tries++);
    // Half fixed, half random: pages that lost the same server do not come back all at once.
    this.#timer = setTimeout(() => this.#connect(), wait / 2 + Math.random() * (wait / 2));
  }

  #drop() {
    clearInterval(this.#pingTimer);
    clearTimeout(this.#pongTimer);
    this.#pongTimer = 0;
    this.#attached = false;
    const ws = this.#ws;
    this.#ws = null;
    ws?.close();
  }
}
