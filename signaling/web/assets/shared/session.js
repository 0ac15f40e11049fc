// @ts-check
/**
 * What both pages are made of: one socket, one leg, one camera and microphone, one call screen.
 * A page adds its credentials and its own screens around the call.
 *
 * @typedef {import("./socket.js").Message} Message
 * @typedef {{code: string, title: string, hint: string, status: number, stage: string, retry_after?: number}} Problem
 * @typedef {{
 *   protocol: number, role: "shopper" | "agent", name: string, shop: string, host: string,
 *   seat?: string, second?: string, media_policy?: "private" | "instant", leg_alive: boolean, phase: {phase: string, [field: string]: any},
 *   context: Record<string, any>, language?: string, candidates?: import("./nearest.js").Candidate[],
 *   ice_servers?: RTCIceServer[],
 * }} Welcome
 */
import { CallView } from "./callview.js";
import { announce, feed, h, show, text } from "./dom.js";
import { Leg } from "./leg.js";
import { Media } from "./media.js";
import { Nearest } from "./nearest.js";
import { Quality } from "./quality.js";
import { Silence } from "./silence.js";
import { Socket } from "./socket.js";
import { Stages } from "./stages.js";

const PROTOCOL = 1;
/** A short gap is nobody's business; a longer one gets a banner. */
const BANNER_AFTER = 1_200;
/**
 * So long after the press the agent's own media is attached, ms. The message goes first: what an encoder's making
 * takes of the processors stood between the press and the server, and everything waits for that.
 */
const MESSAGE_FIRST = 10;
/**
 * Where media flows while it rings, the node has pictures to begin with: this page's next one is made so long after the
 * call has started, ms. It would take the processors from showing the other side's.
 */
const SHOWN_FIRST = 60;
/**
 * In the moment in which a call starts the browser may take a page that is late for a way that is narrow, and has no reason
 * of its own to look again for seconds: where media has flowed before, it is made to so long after the start, ms.
 */
const LOOKED_AGAIN = [300, 700, 1_200];

export class Session {
  media = new Media();
  /** @type {Socket} */ socket;
  /** @type {Stages} */ stages;
  /** @type {Leg} */ leg;
  /** @type {CallView} */ view;

  #o;
  #quality;
  #silent;
  #nearest;
  #bannerTimer = 0;

  /**
   * @param {{
   *   role: "shopper" | "agent",
   *   t: typeof import("./strings.js").shared,
   *   auth: () => Record<string, string>,
   *   onWelcome: (welcome: Welcome) => void,
   *   onMessage: (message: Message) => void,
   *   onProblem: (problem: Problem) => void,
   *   onBye: (reason: string) => void,
   *   side?: HTMLElement,
   * }} options
   */
  constructor(options) {
    this.#o = options;
    const { role, t, side } = options;
    const send = (/** @type {Message} */ message) => this.socket.send(message);
    this.socket = new Socket({
      hello: () => ({
        type: "hello", protocol: PROTOCOL, auth: options.auth(), ...(this.leg.id ? { leg: this.leg.id } : {}),
      }),
      onOpen: () => {
        this.stages.renew("socket");
        this.leg.socketOpened();
      },
      onMessage: (message) => this.#receive(message),
      onState: () => {
        // Without the line the page would not hear that the ring is over.
        if (this.socket.state !== "ready") this.ring(false);
        this.#banner();
      },
    });
    this.stages = new Stages(send);
    this.leg = new Leg({
      send,
      stages: this.stages,
      onState: (state) => {
        this.view.link(state === "connected");
        if (state === "connected") {
          this.#refused = false;
          this.stages.flush();
          this.#nearest.tell();
          this.#banner();
        }
      },
      onRemote: (stream) => this.view.attach(stream),
      onNext: (connection) => this.view.change(connection),
      inCall: () => this.view.call !== null,
      measured: () => this.#nearest.measured,
      onMoved: () => this.socket.redial(),
      onRefused: () => {
        this.#refused = true;
        this.#banner();
      },
    });
    this.view = new CallView({
      role, t, side, send, media: this.media, leg: this.leg, stages: this.stages,
      hangUp: () => this.#hangUp(),
    });
    this.#silent = new Silence(this.leg, this.socket, () => ({ own: this.media.flows, peer: this.view.peerFlows }));
    this.#nearest = new Nearest({
      send,
      leg: () => this.leg.id,
      idle: () => !this.view.call && !this.#flowsEarly,
    });
    this.#quality = new Quality(() => this.leg.stats(), (quality, words) => {
      send({ type: "quality", ...quality });
      this.view.quality(words);
    });
    this.#mirror.muted = true;
    feed(this.#mirror, this.media.preview);
    this.media.addEventListener("change", () => {
      if (this.media.video) this.#mirror.play().catch(() => {});
      void this.leg.update(this.#outgoing);
    });
    for (const event of ["online", "offline"]) addEventListener(event, () => this.#banner());
    // A page that goes says so to its node, which would else keep its leg for as long as the leg's consent
    // lasts; the browser may keep the page, and its connections with it, for somebody who comes back.
    addEventListener("pagehide", () => this.leg.close());
    addEventListener("pageshow", ({ persisted }) => {
      if (persisted && this.socket.state !== "stopped") void this.leg.open();
    });
  }

  /** Dials, and opens the leg meanwhile: its offer leaves in the flight of the hello. */
  start() {
    this.socket.start();
    void this.leg.open();
  }

  /** The page is no longer part of it. */
  stop() {
    this.socket.stop();
    this.leg.close();
    this.media.stop();
    this.#quality.stop();
    this.#silent.stop();
    this.#banner();
  }

  /**
   * Whether it rings. Where the policy is *instant*, media flows to the node while it does, which
   * shows it to nobody before the call starts.
   * @param {boolean} rings
   */
  ring(rings) {
    const flows = rings && this.#instant;
    if (!this.view.call && !this.#flowsEarly && !flows) {
      if (rings) this.expect(true);
      else this.leg.unprepare();
    }
    if (flows === this.#flowsEarly || this.view.call) return;
    if (!flows) return this.#silence();
    this.#flowsEarly = true;
    void this.leg.start(this.#outgoing, true);
  }

  /** A call may start at any moment: the first picture is made, and stays in the page. @param {boolean} [rings] */
  expect(rings = false) {
    this.leg.prepare(this.#outgoing, rings, !this.#instant);
  }

  /**
   * This person has accepted: their media leaves right behind the message and is at the node when the
   * call starts there. It is shown to nobody before, and ends when the server says no.
   */
  accepted() {
    if (this.#flowsEarly || this.view.call) return;
    this.#flowsEarly = true;
    setTimeout(() => this.#flowsEarly && this.#attach(), MESSAGE_FIRST);
  }

  /** Media may flow from here on; a call that is resumed comes here too. @param {import("./callview.js").Call} call */
  startCall(call) {
    this.stages.belong(call.call);
    call.peer ||= this.#o.t.peer;
    const flows = this.#flowsEarly && this.#instant;
    this.#flowsEarly = false;
    // Tracks first: the screen can wait a millisecond, the other side's picture should not.
    if (flows) this.#takeOver(call.call);
    else this.#attach();
    this.view.start(call);
    this.view.link(this.leg.state === "connected");
    show(this.view.element);
    this.#quality.start();
    this.#silent.start();
    this.socket.eager(true);
  }

  /** Holds the camera's latest picture. Never on a screen: one that has left the screen may stand still. */
  #mirror = h("video", { playsinline: true });

  get #outgoing() {
    return { ...this.media.outgoing, preview: this.#mirror };
  }

  #attach() {
    void this.leg.start(this.#outgoing).then(() => {
      if (this.media.audio || this.media.video) this.stages.mark("tracks_attached");
    });
  }

  /** From what flowed while it rang to the call's media. @param {string} call */
  #takeOver(call) {
    const later = (/** @type {number} */ ms, /** @type {() => void} */ then) =>
      setTimeout(() => this.view.call?.call === call && then(), ms);
    later(SHOWN_FIRST, () => this.#attach());
    for (const ms of LOOKED_AGAIN) later(ms, () => this.leg.widen());
  }

  /** Nothing leaves the page any more. */
  endCall() {
    this.socket.eager(false);
    this.#quality.stop();
    this.#silent.stop();
    this.view.end();
    this.stages.flush();
    this.#silence();
  }

  /**
   * What leaves the page ends. A console, which waits for the next call, opens its next leg at once: what
   * the browser has learnt in a call (a frame rate, a bitrate, a delay) would spoil the start of the next.
   */
  #silence() {
    this.#flowsEarly = false;
    void this.leg.stop();
    if (this.#o.role !== "agent") return;
    this.stages.forget();
    void this.leg.open();
  }

  #refused = false;
  #instant = false;
  /** Media flows although there is no call yet. */ #flowsEarly = false;
  /** A call this person has left while the line was down. @type {string | null} */ #left = null;

  #hangUp() {
    if (this.socket.send({ type: "hang_up" })) return;
    this.#left = this.view.call?.call ?? null;
    void this.leg.stop();
    this.view.say(this.#o.t.hangingUp);
  }

  /** @param {Message} message */
  #receive(message) {
    switch (message.type) {
      case "welcome":
        return this.#welcome(/** @type {any} */ (message));
      case "leg_answer":
        return this.leg.answered(/** @type {any} */ (message));
      case "leg_failed":
        return this.leg.refused(/** @type {any} */ (message));
      case "leg_lost":
        return this.leg.lost(message.leg);
      case "leg_move":
        return this.leg.move(message.leg);
      case "call_started":
        this.stages.mark("call_started");
        this.startCall(/** @type {any} */ (message));
        return this.#o.onMessage(message);
      case "peer":
        return this.view.peer(message.connected);
      case "peer_media":
        return this.view.peerMedia(/** @type {any} */ (message));
      case "video_paused":
        return this.view.paused(/** @type {any} */ (message));
      case "video_cap":
        return this.leg.cap(message.kbps);
      case "video_room":
        return this.leg.widen(message.up_to_kbps);
      case "network":
        this.view.quality(this.#quality.heard(message.own, message.peer));
        return this.#o.onMessage(message);
      case "chat":
        return this.view.chat.add(/** @type {any} */ (message));
      case "problem":
        if (this.view.call) this.view.say(`${message.title}. ${message.hint}`);
        return this.#o.onProblem(/** @type {any} */ (message));
      case "bye":
        return this.#o.onBye(message.reason);
      default:
        return this.#o.onMessage(message);
    }
  }

  /** @param {Welcome} welcome */
  #welcome(welcome) {
    this.stages.renew("welcome");
    this.leg.welcomed(welcome.leg_alive, welcome.ice_servers ?? []);
    this.#nearest.welcomed(welcome.candidates ?? []);
    this.#instant = welcome.media_policy === "instant";
    this.view.untold();
    if (welcome.phase.phase === "in_call" && welcome.phase.call === this.#left) this.#hangUp();
    else if (welcome.phase.phase === "in_call") this.startCall(/** @type {any} */ (welcome.phase));
    else if (this.view.call) this.endCall();
    this.#o.onWelcome(welcome);
    this.stages.flush();
  }

  /** One line on top of the page while something is being repaired. */
  #banner() {
    const banner = /** @type {HTMLElement} */ (document.getElementById("banner"));
    const { t } = this.#o;
    const { state } = this.socket;
    const wrong = state === "stopped" ? "" : !navigator.onLine ? t.offline
      : state !== "ready" ? t.reconnecting
      : this.#refused ? t.noNode : "";
    if (!wrong) {
      if (!banner.hidden) announce(t.backOnline);
      banner.hidden = true;
      clearTimeout(this.#bannerTimer);
      this.#bannerTimer = 0;
      return;
    }
    if (banner.hidden) {
      // Tries that fail in between must not put it off.
      this.#bannerTimer ||= setTimeout(() => {
        banner.hidden = false;
        this.#banner();
      }, BANNER_AFTER);
    } else if (banner.textContent !== wrong) {
      text(banner, wrong);
      announce(wrong);
    }
  }
}
