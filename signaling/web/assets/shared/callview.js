// @ts-check
/**
 * The call screen of both pages: the other side large, oneself small, the controls, the chat.
 *
 * @typedef {{microphone: boolean, camera: boolean, screen: boolean}} MediaState
 * @typedef {{
 *   call: string, epoch: number, peer: string, peer_media: MediaState, peer_connected: boolean,
 *   video_paused?: {incoming: boolean, outgoing: boolean},
 *   media: "video" | "audio" | "text", elapsed_s: number,
 *   chat: import("./chat.js").ChatLine[], context: Record<string, any>,
 * }} Call
 */
import { Chat } from "./chat.js";
import { announce, button, clock, feed, h, heading, icon, initials, put, rename, text } from "./dom.js";
import { firstSound, WakeLock } from "./frames.js";
import { Remote } from "./remote.js";

/** Seconds after which a side that has said nothing about its camera has none. */
const SETTLED = 2;

/** How long a passing notice stays, in milliseconds: two sentences to read. */
const SAY_FOR = 8_000;

export class CallView {
  /** @type {HTMLElement} */ element;
  /** @type {Call | null} */ call = null;
  /** @type {Chat} */ chat;

  #o;
  #parts;
  #lock = new WakeLock();
  #remote = new Remote();
  /** @type {MediaState} */ #peerMedia = { microphone: false, camera: false, screen: false };
  #peerConnected = true;
  #linkUp = true;
  /** Which pictures the network keeps back. */
  #paused = { incoming: false, outgoing: false };
  /** A frame of this call is on the screen. */
  #pictured = false;
  /** None has been yet. */
  #first = true;
  /** The other side said so; before their first word nothing is known. */
  #peerCameraOff = false;
  #startedAt = 0;
  #ticker = 0;
  #stopListening = () => {};

  /**
   * @param {{
   *   role: "shopper" | "agent",
   *   media: import("./media.js").Media,
   *   leg: import("./leg.js").Leg,
   *   stages: import("./stages.js").Stages,
   *   send: (message: import("./socket.js").Message) => boolean,
   *   hangUp: () => void,
   *   t: typeof import("./strings.js").shared,
   *   side?: HTMLElement,
   * }} options `side` is shown above the chat
   */
  constructor(options) {
    this.#o = options;
    const { media, t, side } = options;
    this.chat = new Chat(options);
    const p = {
      cover: h("div", { class: "cover" }),
      title: heading(""),
      timer: h("span", { class: "timer", role: "timer", "aria-label": t.duration }, "0:00"),
      own: h("span", { class: "net" }),
      peer: h("span", { class: "net of-peer" }),
      self: h("video", { class: "self", playsinline: true, "aria-label": t.ownPicture }),
      notice: h("p", { class: "call-notice", hidden: true }),
      resume: button(t.continue, () => void media.recover(), { kind: "accent", class: "sheet" }),
      mute: button(t.mute, () => void media.setMicrophone(!media.state.microphone), { kind: "control", icon: "mic" }),
      camera: button(t.cameraOff, () => void media.setCamera(!media.video), { kind: "control", icon: "camera" }),
      flip: button(t.flip, () => void media.flip(), { kind: "control", icon: "flip" }),
      share: button(t.share, () => void this.#share(), { kind: "control", icon: "screen" }),
      hangUp: button(t.hangUp, options.hangUp, { kind: "control danger", icon: "hang-up" }),
    };
    this.#parts = p;
    // Own sound must never come back; `muted` as an attribute would not do that.
    p.self.muted = true;
    this.#remote.element.append(p.cover);
    feed(p.self, media.preview);
    p.resume.hidden = true;
    const shares = options.role === "agent" && "getDisplayMedia" in (navigator.mediaDevices ?? {});
    this.element = h(
      "section",
      { class: "call", "data-screen": "call", hidden: true },
      h(
        "div",
        { class: "stage" },
        this.#remote.element,
        h("header", { class: "call-bar" }, p.title, p.timer, p.peer, p.own),
        p.self, p.notice, this.#remote.hear, p.resume,
        h("div", { class: "controls", role: "group", "aria-label": t.controls }, p.mute, p.camera, p.flip, shares && p.share, p.hangUp),
      ),
      h("aside", { class: "side" }, side, this.chat.element),
    );
    media.addEventListener("change", () => this.#mediaChanged());
    p.self.addEventListener("fed", () => this.#mediaChanged());
    this.#mediaChanged();
  }

  /** A call starts, or the page came back to one. @param {Call} call */
  start(call) {
    const { leg, stages, t } = this.#o;
    const same = this.call?.call === call.call;
    this.#flows();
    this.call = call;
    this.#peerMedia = call.peer_media;
    this.#peerCameraOff = !call.peer_media.camera && call.elapsed_s > SETTLED;
    this.#peerConnected = call.peer_connected;
    this.#paused = call.video_paused ?? { incoming: false, outgoing: false };
    this.#startedAt = performance.now() - call.elapsed_s * 1_000;
    const p = this.#parts;
    text(p.title, call.peer);
    this.chat.start(call.peer, call.chat);
    this.#lock.set(true);
    if (!same) {
      this.#first = true;
      this.quality({ own: "good", peer: "good" });
      this.#awaitPicture();
      this.#stopListening = firstSound(() => leg.receivers[0], () => {
        stages.mark("first_audio");
        stages.flush();
      });
      this.#ticker = setInterval(() => this.#tick(), 1_000);
      announce(t.peerJoined(call.peer));
    }
    this.#tick();
    this.#remote.play(t.hear(call.peer));
    this.#tellMedia();
    this.#render();
  }

  /** The call is over. */
  end() {
    clearInterval(this.#ticker);
    this.#stopListening();
    this.call = null;
    this.#lock.set(false);
    this.chat.clear();
    this.#o.media.unshare();
    this.#remote.stop();
  }

  /** @param {MediaStream} stream */
  attach(stream) {
    this.#remote.attach(stream);
  }

  /** Gets another connection ready and shows it from its first picture on. @param {import("./connection.js").Connection | null} connection */
  change(connection) {
    this.#flows = () => {};
    if (!connection) return this.#remote.keep();
    const picture = this.#peerMedia.camera && !this.#paused.incoming;
    this.#flows = this.#remote.change(connection, picture, (media) => this.#o.leg.promote(media));
  }
  /** The server says that media flows on the newest connections. */ #flows = () => {};

  /** @param {boolean} connected */
  peer(connected) {
    if (!this.call || connected === this.#peerConnected) return;
    this.#peerConnected = connected;
    const { t } = this.#o;
    announce(connected ? t.peerBack(this.call.peer) : t.peerAway(this.call.peer));
    this.#render();
  }

  /** The network keeps pictures back, or lets them through again; sound goes on. @param {{incoming: boolean, outgoing: boolean}} state */
  paused({ incoming, outgoing }) {
    const before = this.#paused;
    this.#paused = { incoming, outgoing };
    if (!this.call) return;
    const { t } = this.#o;
    if (before.incoming && !incoming) this.#awaitPicture();
    const words = this.#pausedWords();
    if (words) announce(words);
    else if (before.incoming || before.outgoing) this.say(before.incoming ? t.pictureBack : t.ownPictureBack(this.call.peer));
    this.#render();
  }

  /** Why there is no picture although the cameras are on. */
  #pausedWords() {
    const { t, media } = this.#o;
    const peer = this.call?.peer ?? "";
    const incoming = this.#paused.incoming && this.#peerMedia.camera;
    const outgoing = this.#paused.outgoing && media.state.camera;
    if (incoming && outgoing) return t.pausedBoth;
    return incoming ? t.pausedIn(peer) : outgoing ? t.pausedOut(peer) : "";
  }

  /** Words that matter now, for a while. @param {string} words */
  say(words) {
    this.#said = words;
    announce(words);
    this.#render();
    clearTimeout(this.#saidTimer);
    this.#saidTimer = setTimeout(() => {
      this.#said = "";
      this.#render();
    }, SAY_FOR);
  }
  #said = "";
  #saidTimer = 0;

  /** @param {MediaState} state */
  peerMedia(state) {
    this.#peerMedia = state;
    const cameBack = state.camera && this.#peerCameraOff;
    this.#peerCameraOff = !state.camera;
    if (cameBack) this.#awaitPicture();
    this.#render();
  }

  /** Whether something comes from the other side all the time. A screen that stands still sends next to nothing. */
  get peerFlows() {
    const { microphone, camera, screen } = this.#peerMedia;
    return this.#peerConnected && (microphone || (camera && !screen && !this.#paused.incoming));
  }

  /** Whether sound and picture can flow on this side. @param {boolean} up */
  link(up) {
    if (this.#linkUp === up) return;
    this.#linkUp = up;
    if (this.call) announce(up ? this.#o.t.backOnline : this.#o.t.mediaReconnecting);
    this.#render();
  }

  /** @param {import("./quality.js").Words} words */
  quality(words) {
    const { t } = this.#o;
    const { own, peer } = this.#parts;
    const name = this.call?.peer ?? "";
    const ownWord = this.#linkUp ? words.own : "reconnecting";
    const peerWord = this.#peerConnected ? words.peer : "reconnecting";
    pill(own, ownWord, t.ownPill(t.network[ownWord]), t.ownNetwork(t.network[ownWord]));
    pill(peer, peerWord, t.peerPill(name, t.network[peerWord]), t.peerNetwork(name, t.network[peerWord]));
    this.#words = words;
  }
  /** @type {import("./quality.js").Words} */ #words = { own: "good", peer: "good" };

  /** Once per picture: the cover goes when a frame is really on the screen. */
  #awaitPicture() {
    this.#pictured = false;
    this.#remote.awaitPicture((at) => {
      this.#pictured = true;
      this.#first = false;
      this.#render();
      this.#o.stages.mark("first_frame", at);
      this.#o.stages.flush();
    });
  }

  async #share() {
    const { media } = this.#o;
    if (media.screen) media.unshare();
    else await media.share();
  }

  /** Both sides have had the time to say what they send. */
  #settled() {
    return performance.now() - this.#startedAt > SETTLED * 1_000;
  }

  #tick() {
    if (this.#parts.notice.hidden && !this.#peerMedia.microphone) this.#render();
    text(this.#parts.timer, clock((performance.now() - this.#startedAt) / 1_000));
  }

  #mediaChanged() {
    const { media, t } = this.#o;
    const p = this.#parts;
    const state = media.state;
    rename(p.mute, state.microphone ? t.mute : t.unmute, state.microphone ? "mic" : "mic-off");
    rename(p.camera, media.video ? t.cameraOff : t.cameraOn, media.video ? "camera" : "camera-off");
    rename(p.share, media.screen ? t.unshare : t.share);
    p.mute.classList.toggle("off", !state.microphone);
    p.camera.classList.toggle("off", !media.video);
    p.share.classList.toggle("on", media.screen !== null);
    p.flip.hidden = media.cameras < 2 || !media.video;
    p.self.hidden = !media.video;
    p.self.classList.toggle("mirrored", media.mirrored);
    if (media.video) p.self.play().catch(() => {});
    p.resume.hidden = media.phase !== "interrupted";
    if (this.call) this.#tellMedia();
    this.#render();
  }

  /** The last state told for this call, as JSON. */
  #told = "";

  #tellMedia() {
    if (!this.call) return;
    const state = JSON.stringify([this.call.call, this.#o.media.state]);
    if (state === this.#told) return;
    if (this.#o.send({ type: "media", ...this.#o.media.state })) this.#told = state;
  }

  /** After a reconnect the server is told again, with the next start or change. */
  untold() {
    this.#told = "";
  }

  #render() {
    if (!this.call) return;
    this.quality(this.#words);
    const { t, media } = this.#o;
    const { peer } = this.call;
    const p = this.#parts;
    this.#remote.fit(this.#peerMedia.screen);
    const off = this.#peerCameraOff;
    const kept = this.#paused.incoming && !off;
    p.cover.hidden = this.#pictured && !off && !kept;
    p.cover.classList.toggle("pending", !off && !kept);
    this.element.classList.toggle("first", this.#first && !off && !kept);
    if (!p.cover.hidden) {
      put(
        p.cover,
        h("span", { class: "avatar", "aria-hidden": "true" }, initials(peer)),
        h("p", {}, off ? t.peerCameraOff(peer) : kept ? t.soundOnly : t.connecting),
      );
    }
    const notice = this.#said ? this.#said
      : !this.#linkUp ? t.mediaReconnecting
      : !this.#peerConnected ? t.peerAway(peer)
      : media.phase === "interrupted" ? t.interrupted
      : this.#pausedWords() ? this.#pausedWords()
      : media.screen ? t.sharing
      : !this.#peerMedia.microphone && this.#settled() ? t.peerMuted(peer)
      : "";
    p.notice.hidden = !notice;
    text(p.notice, notice);
  }
}

/**
 * One word about a network: short for eyes, a sentence for ears.
 * @param {HTMLElement} element
 * @param {import("./quality.js").Word} word
 * @param {string} short
 * @param {string} sentence
 */
function pill(element, word, short, sentence) {
  if (element.title === sentence) return;
  element.dataset.word = word;
  element.title = sentence;
  put(element, icon("signal"), h("span", { class: "visually-hidden" }, sentence), h("span", { "aria-hidden": "true" }, short));
}
