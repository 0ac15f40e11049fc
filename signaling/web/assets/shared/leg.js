// @ts-check
/**
 * The page's leg: its media on a node, over whatever connections it takes.
 *
 * It is opened when the page opens and stays warm. Tracks are attached by `start` and not before, so
 * no camera or microphone packet leaves the page until the call has started.
 *
 * A connection that is to be replaced, because its node drains, is dead or cannot be reached, goes on
 * while the next one opens beside it. In a call the next one is shown from its first picture on, and
 * the former still sends until the server closes it: the other side may not be as far.
 *
 * @typedef {{
 *   audio: MediaStreamTrack | null, video: MediaStreamTrack | null, screen: boolean, preview: HTMLVideoElement | null,
 * }} Outgoing `preview`: plays the camera
 * @typedef {import("./connection.js").LegState} LegState
 */
import { Connection } from "./connection.js";
import { lookAround } from "./place.js";
import { Relays } from "./relays.js";

/** Wait before another try after one that failed: first and most, and most while a call waits. */
const RETRY_FIRST = 250;
const RETRY_MOST = 8_000;
const RETRY_MOST_IN_CALL = 1_000;
/** Restarts closer together than this answer the same network change. */
const RESTART_APART = 1_000;
/** Silence, beyond what is worth a word, after which the page takes it for its own network's fault. */
const ALONE_AFTER = 1_000;
/** How long a former connection is kept when nobody closes it. */
const FORMER_KEPT = 5_000;

export class Leg {
  /** @type {Connection | null} */ #now = null;
  /** @type {Connection | null} */ #next = null;
  /** @type {Connection | null} */ #former = null;
  #attempt = 0;
  #refusals = 0;
  #retry = 0;
  #formerTimer = 0;
  #open = false;
  #ringing = false;
  /** Nothing comes from the node of the present connection. */ #silent = false;
  /** @type {Outgoing} */ #outgoing = { audio: null, video: null, screen: false, preview: null };
  #relays = new Relays();
  #on;

  /**
   * @param {{
   *   send: (message: import("./socket.js").Message) => boolean,
   *   stages: import("./stages.js").Stages,
   *   onState: (state: LegState) => void,
   *   onRemote: (stream: MediaStream) => void,
   *   onNext: (connection: Connection | null) => void,
   *   onRefused: (problem: {code: string, title: string, hint: string}) => void,
   *   inCall: () => boolean,
   *   measured: () => import("./nearest.js").Measured[],
   *   onMoved: () => void,
   * }} on `onMoved`: this device has other addresses than those that everything of this page goes by; `onNext`: another connection has to be made ready to be shown; none: no more
   */
  constructor(on) {
    this.#on = on;
    addEventListener("online", () => void this.#networkChanged());
    const connection = /** @type {any} */ (navigator).connection;
    let type = connection?.type;
    connection?.addEventListener?.("change", () => {
      if (connection.type !== type) void this.#networkChanged();
      type = connection.type;
    });
  }

  /** The id of the leg that carries, once answered. @returns {string | null} */
  get id() {
    return this.#now?.id ?? null;
  }

  /** @returns {LegState} */
  get state() {
    return this.#now?.state ?? "opening";
  }

  /** Null when there is no connection, or none any more. @returns {Promise<RTCStatsReport | null> | null} */
  stats() {
    return this.#now?.stats() ?? null;
  }

  /** @returns {RTCRtpReceiver[]} */
  get receivers() {
    return this.#now?.receivers ?? [];
  }

  /** Opens a new leg in place of everything there was. */
  async open() {
    this.#discard();
    this.#now = this.#make();
    this.#on.onState("opening");
    await this.#now.open();
  }

  /** Opens another leg beside the one there is. @param {string} leg what is to be replaced */
  move(leg) {
    if (leg === this.id) this.#replace();
  }

  /** Nothing comes from the node, or something again. @param {boolean} silent */
  silent(silent) {
    if (silent === this.#silent) return;
    this.#silent = silent;
    clearTimeout(this.#alone);
    // Were it the node, the server would have said so by then.
    if (!silent) return;
    this.#alone = setTimeout(() => this.#restart(), ALONE_AFTER);
    // Not every change of address is told.
    void this.#mend(() => {});
  }
  #alone = 0;

  /** The socket is open (its hello is out): what has no answer goes again in the same flight. */
  socketOpened() {
    this.#now?.socketOpened();
    this.#next?.socketOpened();
    // Both gone: it was this page's network, and its old path may be gone for good.
    if (this.#silent && this.#on.inCall()) void this.#mend();
  }

  /**
   * @param {boolean} alive whether the server still knows the leg named in the hello
   * @param {RTCIceServer[]} relays
   */
  welcomed(alive, relays) {
    this.#relays.learn(relays);
    // The server keeps the one leg that the hello has named.
    if (this.#next?.id) this.#dropNext();
    if (this.id && !alive) this.#replace();
  }

  /** @param {{attempt: number, leg: string, sdp: string}} answer */
  answered(answer) {
    void this.#awaiting(answer.attempt)?.answered(answer);
  }

  /** @param {{attempt: number, problem: import("./connection.js").Problem}} failure */
  refused({ attempt, problem }) {
    const connection = this.#awaiting(attempt);
    if (connection && !this.#isUp) this.#on.onRefused(problem);
    connection?.refused(problem);
  }

  /** The server has closed a leg. @param {string} leg */
  lost(leg) {
    if (leg === this.#former?.id) this.#dropFormer();
    else if (leg === this.#next?.id) this.#dropNext();
    else if (leg === this.id) this.#replace();
  }

  /** The next connection is shown from now on. @param {boolean} media whether something came on it */
  promote(media) {
    const next = this.#next;
    if (!next) return;
    this.#dropFormer();
    this.#former = this.#now;
    this.#now = next;
    this.#next = null;
    this.#refusals = 0;
    // To a node that says nothing nothing need be sent, and the other side is not there any more.
    if (this.#silent || this.#former?.state !== "connected") this.#dropFormer();
    else this.#formerTimer = setTimeout(() => this.#dropFormer(), FORMER_KEPT);
    this.silent(false);
    if (next.id) this.#on.send({ type: "leg_switched", leg: next.id, media });
    this.#on.onState(next.state);
  }

  /** A call may start soon. Nothing leaves. @param {Outgoing} outgoing @param {boolean} rings @param {boolean} stays */
  prepare(outgoing, rings, stays) {
    this.#outgoing = outgoing;
    this.#now?.tracks.prepare(outgoing, rings, stays);
  }

  /** None may. */
  unprepare() {
    this.#now?.tracks.unprepare();
  }

  /** The call has started: media may leave. @param {Outgoing} outgoing @param {boolean} [ringing] to the node alone */
  async start(outgoing, ringing = false) {
    this.#open = true;
    this.#ringing = ringing;
    this.#outgoing = outgoing;
    await Promise.all(this.#all.map(({ tracks }) => tracks.start(outgoing, ringing)));
  }

  /** What is sent changed. Before the call has started nothing happens. @param {Outgoing} outgoing */
  async update(outgoing) {
    this.#outgoing = outgoing;
    await Promise.all(this.#all.map(({ tracks }) => tracks.update(outgoing)));
  }

  /** What the other side's network takes now. @param {number} kbps */
  cap(kbps) {
    for (const { tracks } of this.#all) tracks.cap(kbps);
  }

  /** This page's network may carry more than is sent over it. @param {number} [upTo] kbit/s, where that is known */
  widen(upTo) {
    void this.#now?.widen(upTo);
  }

  /** The call is over: nothing leaves any more, the leg stays warm. */
  async stop() {
    this.#open = false;
    this.#dropFormer();
    await Promise.all(this.#all.map(({ tracks }) => tracks.stop()));
    this.#promoteIdle();
  }

  /** For good: the page gave its seat away. */
  close() {
    this.#discard();
  }

  get #all() {
    return [this.#now, this.#next, this.#former].filter((connection) => connection !== null);
  }

  get #isUp() {
    return this.#now?.state === "connected" && !this.#silent;
  }

  /** @param {number} attempt */
  #awaiting(attempt) {
    return this.#all.find((connection) => connection.awaits(attempt));
  }

  /** @param {import("./place.js").Place} [place] */
  #make(place) {
    const connection = new Connection({
      send: this.#on.send,
      attempt: () => ++this.#attempt,
      measured: this.#on.measured,
      onStage: (stage, of) => {
        // A leg that takes over in a call is no part of how the call was set up.
        if (of === this.#now) this.#on.stages.renew(stage);
      },
      onAnswer: (of) => {
        if (of === this.#now && of.stream) this.#on.onRemote(of.stream);
        else if (of === this.#next) this.#readyNext(of);
      },
      onState: (of) => {
        if (of === this.#now) {
          if (of.state === "connected") this.#refusals = 0;
          this.#on.onState(of.state);
        } else if (of === this.#next) this.#readyNext(of);
        else if (of === this.#former && of.state === "broken") this.#dropFormer();
      },
      onEnd: (of, afterSeconds) => this.#ended(of, afterSeconds),
    }, this.#relays, place);
    if (this.#open) void connection.tracks.start(this.#outgoing, this.#ringing);
    return connection;
  }

  /** @param {import("./place.js").Place} [place] */
  #replace(place) {
    if (this.#next || !this.#now) return;
    clearTimeout(this.#retry);
    this.#retry = 0;
    this.#next = this.#make(place);
    void this.#next.open();
  }

  /** In a call the next connection waits for its first picture. @param {Connection} next */
  #readyNext(next) {
    if (!this.#on.inCall()) return this.#promoteIdle();
    if (this.#readied === next || !next.stream) return;
    this.#readied = next;
    this.#on.onNext(next);
  }
  /** @type {Connection | null} */ #readied = null;

  /** Nobody looks at it: what is connected is as good as what has shown a picture. */
  #promoteIdle() {
    if (this.#next?.state !== "connected" || this.#on.inCall()) return;
    const { stream } = this.#next;
    this.promote(false);
    this.#dropFormer();
    if (stream) this.#on.onRemote(stream);
  }

  /** @param {Connection} connection @param {number} [afterSeconds] */
  #ended(connection, afterSeconds = 0) {
    switch (connection) {
      case this.#former:
        return this.#dropFormer();
      case this.#next:
        this.#dropNext();
        // Where the present one works, the server asks again.
        if (this.#isUp) return;
        break;
      case this.#now:
        if (this.#next) return;
        break;
      default:
        return;
    }
    const worked = connection.id !== null && afterSeconds === 0 && this.#refusals === 0;
    const inCall = this.#on.inCall();
    const most = Math.min(inCall ? RETRY_MOST_IN_CALL : RETRY_MOST, RETRY_FIRST * 2 ** this.#refusals++);
    const wait = Math.max(afterSeconds * 1_000, most / 2 + Math.random() * (most / 2));
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (this.#on.inCall()) this.#replace();
      else void this.open();
    }, worked ? 0 : wait);
  }

  #networkChanged() {
    this.#relays.forget();
    return this.#mend();
  }

  /**
   * The way may be another one. When the address that the leg goes by is gone, so is the line: both are made anew at
   * once, beside each other; nobody could restart anything before the browser notices as well.
   * @param {() => void} [otherwise] when it is still there, or nobody knows
   */
  async #mend(otherwise = () => this.#restart()) {
    const now = this.#now;
    if (!now || this.#mending) return;
    this.#mending = true;
    try {
      const [address, seen] = await Promise.all([now.address(), lookAround()]);
      const gone = address !== null && seen !== null && !seen.addresses.has(address);
      const here = seen ? [...seen.addresses].sort().join() : "";
      // A next one that was opened since the device has these addresses is on its way.
      const underWay = this.#next !== null && this.#next === this.#moved && here === this.#movedTo;
      if (now !== this.#now || !gone || underWay) {
        seen?.place.leave();
        return underWay ? undefined : otherwise();
      }
      this.#dropNext();
      this.#replace(seen.place);
      [this.#moved, this.#movedTo] = [this.#next, here];
      this.#on.onMoved();
    } finally {
      this.#mending = false;
    }
  }
  #mending = false;
  /** What was opened after a change of address, and from which addresses. @type {Connection | null} */ #moved = null;
  #movedTo = "";

  #restart() {
    const now = this.#now;
    if (now && !this.#next && performance.now() - now.restartedAt > RESTART_APART) void now.restart();
  }

  #dropNext() {
    if (!this.#next) return;
    this.#next.close();
    this.#next = null;
    this.#on.onNext(null);
  }

  #dropFormer() {
    clearTimeout(this.#formerTimer);
    this.#former?.close();
    this.#former = null;
  }

  #discard() {
    clearTimeout(this.#retry);
    clearTimeout(this.#alone);
    this.#dropNext();
    this.#dropFormer();
    this.#now?.close();
    this.#now = null;
    this.#silent = false;
  }
}
