// @ts-check
/**
 * One PeerConnection to a media node, from its offer to its end. A page has one that carries and, while
 * it moves to another node, a second one beside it (`leg.js`).
 *
 * When the path breaks: ICE restart on the same node first; if that does not help, the connection is
 * given up. The node is ICE-lite and puts every candidate into its answer, by UDP and by TCP, so
 * nothing trickles. Where neither gets through, a restart goes through a relay, if there is one.
 *
 * @typedef {"opening" | "connected" | "broken"} LegState
 * @typedef {{code: string, title: string, hint: string, retry_after?: number}} Problem
 */
import { Place, addressIn } from "./place.js";
import { Tracks } from "./tracks.js";
import { allowing, encoderTarget, steps } from "./uplink.js";

/** How long ICE may be silent before the page acts. Chromium reports silence after some seconds. */
const SILENCE = 500;
/** How long an ICE restart or a new connection may take before it is given up. */
const RESTART_WITHIN = 3_000;
const OPEN_WITHIN = 10_000;
/** After the answer to a restart, the state of ICE is believed again. */
const SETTLE = 500;
/** So long after the answer without a path, the network lets none through: a round trip or two. */
const DIRECT_WITHIN = 1_500;

export class Connection {
  /** The leg's id once answered. @type {string | null} */ id = null;
  /** @type {LegState} */ state = "opening";
  /** What comes in, once answered. @type {MediaStream | null} */ stream = null;
  tracks;

  #pc;
  /** The offer that has no answer yet. @type {{type: string, attempt: number, sdp: string, leg?: string} | null} */ #pending = null;
  /** The latest answer. */ #answer = "";
  /** Offers take turns: what answers one must not be taken for the answer to another. */ #turns = Promise.resolve();
  #restartedAt = -Infinity;
  #watch = 0;
  #silence = 0;
  #direct = 0;
  #on;
  #relays;
  #place;

  /**
   * @param {{
   *   send: (message: import("./socket.js").Message) => boolean,
   *   attempt: () => number,
   *   measured: () => import("./nearest.js").Measured[],
   *   onState: (connection: Connection) => void,
   *   onStage: (stage: import("./stages.js").Stage, connection: Connection) => void,
   *   onAnswer: (connection: Connection) => void,
   *   onEnd: (connection: Connection, afterSeconds?: number) => void,
   * }} on `onEnd`: it is of no more use; not before so many seconds another try
   * @param {import("./relays.js").Relays} relays
   * @param {Place} [place] where it is made; it leaves there with it
   */
  constructor(on, relays, place = new Place()) {
    this.#on = on;
    this.#relays = relays;
    this.#place = place;
    const pc = place.connection(relays.configuration());
    this.#pc = pc;
    this.tracks = new Tracks(pc, () => this.#end());
    pc.oniceconnectionstatechange = () => this.#iceChanged();
    pc.onconnectionstatechange = () => this.#connectionChanged();
  }

  /**
   * Null once it is closed: what was asked in a frame that is gone is never answered, and whoever waits for it
   * would look no more.
   * @returns {Promise<RTCStatsReport | null>}
   */
  stats() {
    if (this.#closed) return Promise.resolve(null);
    return new Promise((done, refused) => {
      this.#asked.add(done);
      this.#pc.getStats().then(done, refused).finally(() => this.#asked.delete(done));
    });
  }
  /** Who waits for figures. @type {Set<(report: null) => void>} */ #asked = new Set();

  /** @returns {RTCRtpReceiver[]} */
  get receivers() {
    return this.#pc.getReceivers();
  }

  /** The address of this device that it uses, if it uses one. */
  async address() {
    const report = await this.stats();
    return report && addressIn(report);
  }

  /** When a restart was begun last, by the page's clock. */
  get restartedAt() {
    return this.#restartedAt;
  }

  async open() {
    await this.#offer({});
  }

  /** A restart of ICE: same DTLS association, new path. */
  async restart() {
    if (!this.id || this.#pc.connectionState === "closed") return;
    this.#restartedAt = performance.now();
    if (!this.#iceConnected) {
      this.#set("broken");
      this.#pc.setConfiguration(this.#relays.configuration(true));
    }
    await this.#offer({ iceRestart: true });
  }

  /** The socket is open (its hello is out): what has no answer goes again in the same flight. */
  socketOpened() {
    if (!this.#pending) return;
    this.#pending.attempt = this.#on.attempt();
    this.#sendPending();
  }

  /** Whether an offer with this number waits for its answer. @param {number} attempt */
  awaits(attempt) {
    return this.#pending?.attempt === attempt;
  }

  /** @param {{leg: string, sdp: string}} answer */
  async answered({ leg, sdp }) {
    const restarted = this.#pending?.leg !== undefined;
    this.#pending = null;
    this.#answer = sdp;
    this.id = leg;
    try {
      await this.#pc.setRemoteDescription({ type: "answer", sdp });
    } catch (error) {
      console.warn("vitrine: answer not applied", error);
      return this.#end();
    }
    if (restarted) {
      // A path that was never lost changes no state, so nothing else would report it.
      setTimeout(() => {
        if (this.#pc.connectionState === "connected" && this.#iceConnected) this.#healed();
      }, SETTLE);
      return;
    }
    this.#direct = setTimeout(() => {
      if (this.#iceConnected || !this.#relays.left) return;
      this.#relays.need();
      void this.restart();
    }, DIRECT_WITHIN);
    this.#on.onStage("leg_answer", this);
    this.tracks.tune();
    this.stream = new MediaStream(this.receivers.map((receiver) => receiver.track));
    this.#on.onAnswer(this);
  }

  /** The node, or signaling, says no. @param {Problem} problem */
  refused({ retry_after }) {
    // That the old node cannot be asked says nothing about another one.
    const later = this.#pending?.leg === undefined ? retry_after : 0;
    this.#pending = null;
    this.#end(later);
  }

  close() {
    clearTimeout(this.#watch);
    clearTimeout(this.#silence);
    clearTimeout(this.#direct);
    this.#pending = null;
    this.#closed = true;
    this.tracks.close();
    this.#pc.close();
    this.#place.leave();
    for (const done of this.#asked) done(null);
  }
  #closed = false;

  /** This page's network may carry more than the browser sends: it is to try. @param {number} [upTo] for so many kbit/s at most */
  async widen(upTo) {
    if (!this.#answer || this.state !== "connected" || !this.tracks.knowsModes) return;
    const report = await this.stats();
    if (!report) return;
    const target = encoderTarget(report);
    const { share, wanted } = this.tracks;
    for (const kbps of steps(target / share, wanted, upTo)) await this.#inTurn(() => this.#allow(kbps));
  }

  /** A round of offer and answer within the page. @param {number} kbps */
  async #allow(kbps) {
    if (this.#closed || this.#pending || this.#pc.signalingState !== "stable") return;
    try {
      await this.#pc.setLocalDescription(await this.#pc.createOffer());
      await this.#pc.setRemoteDescription({ type: "answer", sdp: allowing(this.#answer, kbps) });
    } catch (error) {
      if (!this.#closed) console.warn("vitrine: bitrate not allowed", error);
    }
  }

  /** @param {() => Promise<void>} task */
  #inTurn(task) {
    this.#turns = this.#turns.then(task);
    return this.#turns;
  }

  /** @param {RTCOfferOptions} options */
  #offer(options) {
    return this.#inTurn(() => this.#makeOffer(options));
  }

  /** @param {RTCOfferOptions} options */
  async #makeOffer(options) {
    try {
      await this.#pc.setLocalDescription(await this.#pc.createOffer(options));
    } catch (error) {
      if (this.#closed) return;
      console.warn("vitrine: no offer", error);
      return this.#end();
    }
    if (this.#closed || !this.#pc.localDescription) return;
    const { sdp } = this.#pc.localDescription;
    const measured = this.#on.measured();
    const attempt = this.#on.attempt();
    this.#pending = options.iceRestart && this.id
      ? { type: "leg_restart", attempt, leg: this.id, sdp }
      : { type: "leg_offer", attempt, sdp, ...(measured.length > 0 ? { measured } : {}) };
    this.#sendPending();
  }

  /** Without a socket nothing is sent and nothing is given up: the old path may still carry. */
  #sendPending() {
    clearTimeout(this.#watch);
    if (!this.#pending || !this.#on.send(this.#pending)) return;
    if (!this.#pending.leg) this.#on.onStage("leg_offer", this);
    this.#watch = setTimeout(() => this.#end(), this.#pending.leg ? RESTART_WITHIN : OPEN_WITHIN);
  }

  get #iceConnected() {
    return this.#pc.iceConnectionState === "connected" || this.#pc.iceConnectionState === "completed";
  }

  #iceChanged() {
    if (this.#closed) return;
    clearTimeout(this.#silence);
    switch (this.#pc.iceConnectionState) {
      case "connected":
      case "completed":
        this.#on.onStage("ice", this);
        if (this.#pc.connectionState === "connected") this.#healed();
        break;
      case "disconnected":
        this.#set("broken");
        this.#silence = setTimeout(() => void this.restart(), SILENCE);
        break;
      case "failed":
        if (performance.now() - this.#restartedAt < RESTART_WITHIN) this.#end();
        else void this.restart();
    }
  }

  #connectionChanged() {
    if (this.#closed) return;
    if (this.#pc.connectionState === "connected") {
      if (this.state === "opening") this.#on.onStage("dtls", this);
      this.#healed();
    } else if (this.#pc.connectionState === "failed" && this.#pc.iceConnectionState !== "failed") {
      // DTLS failed, or the node has closed it: a new path does not help.
      this.#end();
    }
  }

  #healed() {
    this.#set("connected");
    // An unanswered restart keeps its watch: connected here may still be the old path.
    if (!this.#pending) clearTimeout(this.#watch);
  }

  /** @param {number} [afterSeconds] */
  #end(afterSeconds) {
    if (this.#closed) return;
    clearTimeout(this.#watch);
    this.#set("broken");
    this.#on.onEnd(this, afterSeconds);
  }

  /** @param {LegState} state */
  #set(state) {
    if (this.#closed || this.state === state) return;
    this.state = state;
    this.#on.onState(this);
  }
}
