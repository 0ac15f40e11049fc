// @ts-check
/**
 * The page's leg: its one PeerConnection to a media node.
 *
 * It is opened when the page opens and stays warm. Tracks are attached by `start` and not before,
 * so no camera or microphone packet leaves the page until the call has started.
 *
 * When the path breaks: ICE restart on the same leg first; if that does not help, a new leg. The
 * node is ICE-lite and puts every candidate into its answer, so nothing trickles.
 *
 * @typedef {{audio: MediaStreamTrack | null, video: MediaStreamTrack | null, screen: boolean}} Outgoing
 * @typedef {"opening" | "connected" | "broken"} LegState
 */
import { Tracks } from "./tracks.js";

/** How long ICE may be silent before the page acts. Chromium reports silence after some seconds. */
const SILENCE = 1_500;
/** How long an ICE restart or a new leg may take before a new leg is tried. */
const RESTART_WITHIN = 4_000;
const OPEN_WITHIN = 10_000;
/** After the answer to a restart, the state of ICE is believed again. */
const SETTLE = 500;
/** Wait before a new leg after a refusal: first and most. */
const RETRY_FIRST = 500;
const RETRY_MOST = 8_000;
/** Restarts closer together than this answer the same network change. */
const RESTART_APART = 2_000;

export class Leg {
  /** The leg's id once answered. @type {string | null} */ id = null;
  /** @type {LegState} */ state = "opening";

  /** @type {RTCPeerConnection | null} */ #pc = null;
  /** The offer that has no answer yet. @type {{type: string, attempt: number, sdp: string, leg?: string} | null} */ #pending = null;
  #attempt = 0;
  #refusals = 0;
  #restartedAt = -RESTART_APART;
  #watch = 0;
  #silence = 0;
  #tracks = new Tracks();
  #on;

  /**
   * @param {{
   *   send: (message: import("./socket.js").Message) => boolean,
   *   stages: import("./stages.js").Stages,
   *   onState: (state: LegState) => void,
   *   onRemote: (stream: MediaStream) => void,
   *   onRefused: (problem: {code: string, title: string, hint: string}) => void,
   * }} on
   */
  constructor(on) {
    this.#on = on;
    addEventListener("online", () => this.#networkChanged());
    const connection = /** @type {any} */ (navigator).connection;
    let type = connection?.type;
    connection?.addEventListener?.("change", () => {
      if (connection.type !== type) this.#networkChanged();
      type = connection.type;
    });
  }

  /** @returns {Promise<RTCStatsReport> | null} */
  stats() {
    return this.#pc?.getStats() ?? null;
  }

  /** @returns {RTCRtpReceiver | undefined} */
  get audioReceiver() {
    return this.#pc?.getTransceivers()[0]?.receiver;
  }

  /** Opens a new leg in place of the one there was. */
  async open() {
    this.#discard();
    this.#set("opening");
    const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", rtcpMuxPolicy: "require" });
    this.#pc = pc;
    this.#tracks.bind(pc);
    pc.oniceconnectionstatechange = () => this.#iceChanged(pc);
    pc.onconnectionstatechange = () => this.#connectionChanged(pc);
    await this.#offer(pc, {});
  }

  /** A restart of ICE: same DTLS association, new path. */
  async restart() {
    const pc = this.#pc;
    if (!pc || !this.id || pc.connectionState === "closed") return;
    this.#restartedAt = performance.now();
    if (!connected(pc)) this.#set("broken");
    await this.#offer(pc, { iceRestart: true });
  }

  /** The socket is open (its hello is out): what has no answer goes again in the same flight. */
  socketOpened() {
    if (!this.#pending) return;
    this.#pending.attempt = ++this.#attempt;
    this.#sendPending();
  }

  /** @param {boolean} alive whether the server still knows the leg named in the hello */
  welcomed(alive) {
    if (this.id && !alive) void this.open();
  }

  /** @param {{attempt: number, leg: string, sdp: string}} answer */
  async answered({ attempt, leg, sdp }) {
    const pc = this.#pc;
    if (!pc || !this.#pending || attempt !== this.#attempt) return;
    const restarted = this.#pending.leg !== undefined;
    this.#pending = null;
    this.id = leg;
    try {
      await pc.setRemoteDescription({ type: "answer", sdp });
    } catch (error) {
      console.warn("vitrine: answer not applied", error);
      if (pc === this.#pc) this.#retry();
      return;
    }
    if (pc !== this.#pc) return;
    if (restarted) {
      // A path that was never lost changes no state, so nothing else would report it.
      setTimeout(() => {
        if (pc === this.#pc && pc.connectionState === "connected" && connected(pc)) this.#healed();
      }, SETTLE);
      return;
    }
    this.#on.stages.renew("leg_answer");
    this.#tracks.tune();
    this.#on.onRemote(new MediaStream(pc.getReceivers().map((receiver) => receiver.track)));
  }

  /** @param {{attempt: number, problem: {code: string, title: string, hint: string, retry_after?: number}}} failure */
  refused({ attempt, problem }) {
    if (attempt !== this.#attempt) return;
    this.#pending = null;
    this.#on.onRefused(problem);
    this.#retry(problem.retry_after);
  }

  /** @param {string} leg */
  lost(leg) {
    if (leg === this.id) void this.open();
  }

  /** The call has started: media may leave. @param {Outgoing} outgoing */
  async start(outgoing) {
    await this.#tracks.start(outgoing);
  }

  /** What is sent changed. Before the call has started nothing happens. @param {Outgoing} outgoing */
  async update(outgoing) {
    await this.#tracks.update(outgoing);
  }

  /** What the other side's network takes now. @param {number} kbps */
  cap(kbps) {
    this.#tracks.cap(kbps);
  }

  /** The call is over: nothing leaves any more, the leg stays warm. */
  async stop() {
    await this.#tracks.stop();
  }

  /** For good: the page gave its seat away. */
  close() {
    this.#discard();
  }

  /**
   * @param {RTCPeerConnection} pc
   * @param {RTCOfferOptions} options
   */
  async #offer(pc, options) {
    try {
      await pc.setLocalDescription(await pc.createOffer(options));
    } catch (error) {
      console.warn("vitrine: no offer", error);
      if (pc === this.#pc) this.#retry();
      return;
    }
    if (pc !== this.#pc || !pc.localDescription) return;
    const { sdp } = pc.localDescription;
    const attempt = ++this.#attempt;
    this.#pending = options.iceRestart && this.id
      ? { type: "leg_restart", attempt, leg: this.id, sdp }
      : { type: "leg_offer", attempt, sdp };
    this.#sendPending();
  }

  /** Without a socket nothing is sent and nothing is given up: the old path may still carry. */
  #sendPending() {
    clearTimeout(this.#watch);
    if (!this.#pending || !this.#on.send(this.#pending)) return;
    if (this.#pending.leg) {
      this.#watch = setTimeout(() => void this.open(), RESTART_WITHIN);
    } else {
      this.#on.stages.renew("leg_offer");
      this.#watch = setTimeout(() => this.#retry(), OPEN_WITHIN);
    }
  }

  /** @param {RTCPeerConnection} pc */
  #iceChanged(pc) {
    if (pc !== this.#pc) return;
    clearTimeout(this.#silence);
    switch (pc.iceConnectionState) {
      case "connected":
      case "completed":
        this.#on.stages.renew("ice");
        if (pc.connectionState === "connected") this.#healed();
        break;
      case "disconnected":
        this.#set("broken");
        this.#silence = setTimeout(() => void this.restart(), SILENCE);
        break;
      case "failed":
        if (performance.now() - this.#restartedAt < RESTART_WITHIN) void this.open();
        else void this.restart();
    }
  }

  /** @param {RTCPeerConnection} pc */
  #connectionChanged(pc) {
    if (pc !== this.#pc) return;
    if (pc.connectionState === "connected") {
      if (this.state === "opening") this.#on.stages.renew("dtls");
      this.#healed();
    } else if (pc.connectionState === "failed" && pc.iceConnectionState !== "failed") {
      // DTLS failed: a new path does not help, a new handshake may.
      this.#retry();
    }
  }

  #healed() {
    this.#set("connected");
    // An unanswered restart keeps its watch: connected here may still be the old path.
    if (this.#pending) return;
    clearTimeout(this.#watch);
    this.#refusals = 0;
  }

  #networkChanged() {
    if (performance.now() - this.#restartedAt > RESTART_APART) void this.restart();
  }

  /** @param {number} [afterSeconds] no sooner than this */
  #retry(afterSeconds = 0) {
    const most = Math.min(RETRY_MOST, RETRY_FIRST * 2 ** this.#refusals++);
    const wait = Math.max(afterSeconds * 1_000, most / 2 + Math.random() * (most / 2));
    this.#discard();
    this.#set("broken");
    this.#watch = setTimeout(() => void this.open(), wait);
  }

  #discard() {
    clearTimeout(this.#watch);
    clearTimeout(this.#silence);
    this.#pending = null;
    this.id = null;
    this.#pc?.close();
    this.#pc = null;
  }

  /** @param {LegState} state */
  #set(state) {
    if (this.state === state) return;
    this.state = state;
    this.#on.onState(state);
  }
}

/** @param {RTCPeerConnection} pc */
function connected(pc) {
  return pc.iceConnectionState === "connected" || pc.iceConnectionState === "completed";
}
