// @ts-check
/**
 * The page's WebSocket: says hello, comes back by itself, notices a dead line. Copies of what somebody waits for go and
 * come on a second one as well (`second.js`), whichever is there first.
 *
 * Messages are typed in Rust: `signaling/wire/src/browser/`.
 * @typedef {{type: string, [field: string]: any}} Message
 * @typedef {"connecting" | "open" | "ready" | "waiting" | "stopped"} SocketState
 */

import { Order } from "./order.js";
import { Second } from "./second.js";

/** First and largest wait before another try, in milliseconds. */
const RETRY_FIRST = 250;
const RETRY_MOST = 8_000;
/** A try that has not opened by then will not. */
const OPEN_WITHIN = 10_000;
/** How often the line is asked whether it lives, and how long the answer may take. */
const PING_EVERY = 10_000;
const PONG_WITHIN = 5_000;
/** The same when there is reason for doubt: the network changed or the page was asleep. */
const DOUBT_WITHIN = 2_000;
/**
 * The same in a call, where a dead line costs somebody their picture: how often, and how long besides
 * what the line usually takes. TCP sends a lost segment again after a round trip and 200 ms.
 */
const EAGER_PING_EVERY = 1_000;
const EAGER_PONG_WITHIN = 1_000;
/** The same when nothing comes from the node of a call either: then it is this page's network, or another one. */
const SUSPECT_WITHIN = 300;
/**
 * In a call a lost line is dialled more often, but not too often: after a dozen failures Chromium itself
 * makes every further try wait for seconds. Whoever knows that the network is back says so (`hurry`).
 */
const EAGER_OPEN_WITHIN = 1_500;
const EAGER_RETRY_MOST = 1_000;
/** A round trip above this was an outage, and says nothing about the next. */
const MOST_TRIP = 500;
/** A try that is older than this may have met a network that was away. */
const STALE_TRY = 300;
/** Round trips of a try: TCP, TLS, the upgrade; and of a ping that is sent again once. */
const OPEN_TRIPS = 5;
const PONG_TRIPS = 3;

/**
 * What somebody waits for is followed by pings, so long after it, ms. A lone small segment that is lost is sent again only
 * by TCP's timer, 200 ms and more after a round trip; the acknowledgements of later ones tell that it is missing: of three
 * at once, of one a quarter of a round trip later (RACK, RFC 8985). The first two go before what a page does next.
 */
const WAITED_FOR = new Set(["leg_offer", "leg_restart", "join", "accept"]);
const FOLLOW_UPS_AFTER = [3, 7, 11];

export class Socket {
  /** @type {SocketState} */ state = "stopped";
  /** Round trip of the last ping in milliseconds. @type {number | null} */ rtt = null;

  /** @type {WebSocket | null} */ #ws = null;
  #eager = false;
  #triedAt = 0;
  #tries = 0;
  #retryTimer = 0;
  #openTimer = 0;
  #pingTimer = 0;
  #pongTimer = 0;
  /** Messages said on this line, but for the hello and pings. */ #said = 0;
  /** @type {Order<Message>} */ #order = new Order();
  #second = new Second((number, message) => {
    if (this.#order.copy(number, message)) this.#take(message);
    this.#takeDue();
  });
  #on;

  /**
   * @param {{
   *   hello: () => Message,
   *   onOpen: () => void,
   *   onMessage: (message: Message) => void,
   *   onState: (state: SocketState) => void,
   * }} on `onOpen` runs in the flight of the hello, before any answer.
   */
  constructor(on) {
    this.#on = on;
    addEventListener("online", () => this.hurry());
    // The first showing of a page is no reason for doubt, only its return from the browser's cache.
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.hurry();
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.hurry();
    });
  }

  start() {
    if (this.state !== "stopped") return;
    this.#tries = 0;
    this.#connect();
  }

  /** Ends it for good, until the next `start`. */
  stop() {
    this.#drop();
    clearTimeout(this.#retryTimer);
    this.#set("stopped");
  }

  /** Whether a call depends on the line. @param {boolean} on */
  eager(on) {
    if (on === this.#eager) return;
    this.#eager = on;
    if (this.state === "open" || this.state === "ready") this.#pingOn();
  }

  /** There is reason to ask whether the line lives. */
  doubt() {
    if (this.state === "open" || this.state === "ready") this.#ping(this.#eagerWithin(EAGER_PONG_WITHIN, PONG_TRIPS));
  }

  /** The way to the node is dead. If the line is as well, another one is dialled at once. */
  suspect() {
    if (this.state !== "open" && this.state !== "ready") return;
    clearTimeout(this.#suspicion);
    this.#suspicion = setTimeout(() => this.redial(), this.#eagerWithin(SUSPECT_WITHIN, PONG_TRIPS));
    this.#ping(PONG_WITHIN);
  }
  #suspicion = 0;

  /** Drops the line and dials again at once, with a fresh hello. */
  redial() {
    this.#drop();
    this.#connect();
  }

  /**
   * Sends now or not at all: whoever needs a message to arrive sends it again after the welcome.
   * @param {Message} message
   * @returns {boolean} whether it left the page
   */
  send(message) {
    if (this.#ws?.readyState !== WebSocket.OPEN) return false;
    this.#ws.send(JSON.stringify(message));
    if (message.type !== "ping") this.#said += 1;
    if (WAITED_FOR.has(message.type)) {
      this.#second.copy(this.#said, message);
      for (const after of FOLLOW_UPS_AFTER) setTimeout(() => this.#ping(PONG_WITHIN), after);
    }
    return true;
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    this.#set("connecting");
    this.#triedAt = performance.now();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const ws = new WebSocket(`${scheme}://${location.host}/ws`);
    this.#ws = ws;
    const within = this.#eager ? this.#eagerWithin(EAGER_OPEN_WITHIN, OPEN_TRIPS) : OPEN_WITHIN;
    this.#openTimer = setTimeout(() => this.#lost(ws), within);
    ws.onopen = () => {
      clearTimeout(this.#openTimer);
      this.send(this.#on.hello());
      this.#said = 0;
      this.#set("open");
      this.#on.onOpen();
      this.#pingOn();
    };
    ws.onmessage = (event) => {
      if (this.#ws === ws) this.#receive(event.data);
    };
    ws.onclose = () => this.#lost(ws);
  }

  /** @param {unknown} data */
  #receive(data) {
    this.#answered();
    /** @type {Message} */ let message;
    try {
      message = JSON.parse(String(data));
    } catch {
      return;
    }
    if (message.type === "pong") {
      this.rtt = performance.now() - message.t;
      return;
    }
    if (this.#order.original()) this.#take(message);
    this.#takeDue();
  }

  /** @param {Message} message */
  #take(message) {
    if (message.type === "welcome") {
      this.#tries = 0;
      this.#set("ready");
      if (message.second) this.#second.open(message.second);
    }
    this.#on.onMessage(message);
  }

  /** Copies that waited for what was said before them. */
  #takeDue() {
    const order = this.#order;
    for (const message of order.due()) {
      // What was taken in may have ended the line.
      if (order === this.#order) this.#take(message);
    }
  }

  #answered() {
    clearTimeout(this.#pongTimer);
    clearTimeout(this.#suspicion);
    this.#pongDue = Infinity;
  }
  #pongDue = Infinity;

  /** @param {number} least @param {number} trips */
  #eagerWithin(least, trips) {
    return least + trips * Math.min(this.rtt ?? 0, MOST_TRIP);
  }

  #pingOn() {
    clearInterval(this.#pingTimer);
    this.#pingTimer = this.#eager
      ? setInterval(() => this.doubt(), EAGER_PING_EVERY)
      : setInterval(() => this.#ping(PONG_WITHIN), PING_EVERY);
  }

  /** @param {number} within */
  #ping(within) {
    if (!this.send({ type: "ping", t: performance.now() })) return;
    const ws = this.#ws;
    const due = performance.now() + within;
    // A later question must not put off the answer to an earlier one.
    if (this.#pongDue <= due) return;
    this.#pongDue = due;
    clearTimeout(this.#pongTimer);
    this.#pongTimer = setTimeout(() => ws && this.#lost(ws), within);
  }

  /** @param {WebSocket} ws */
  #lost(ws) {
    if (this.#ws !== ws) return;
    this.#drop();
    const most = Math.min(this.#eager ? EAGER_RETRY_MOST : RETRY_MOST, RETRY_FIRST * 2 ** this.#tries++);
    // Half fixed, half random: pages that lost the same server do not come back all at once.
    this.#retryTimer = setTimeout(() => this.#connect(), most / 2 + Math.random() * (most / 2));
    this.#set("waiting");
  }

  /** The network may be back, or another one. */
  hurry() {
    this.#second.doubt();
    const tried = performance.now() - this.#triedAt;
    const stale = this.state === "connecting" && tried > this.#eagerWithin(STALE_TRY, OPEN_TRIPS);
    if (stale) this.#drop();
    if (stale || this.state === "waiting") {
      this.#tries = 0;
      this.#connect();
    } else if (this.state === "open" || this.state === "ready") {
      this.#ping(DOUBT_WITHIN);
    }
  }

  #drop() {
    this.#second.close();
    this.#order = new Order();
    clearTimeout(this.#openTimer);
    this.#answered();
    clearInterval(this.#pingTimer);
    const ws = this.#ws;
    this.#ws = null;
    ws?.close();
  }

  /** @param {SocketState} state */
  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.#on.onState(state);
  }
}
