// @ts-check
/**
 * This person's camera, microphone and shared screen.
 *
 * Events: `change` whenever anything a page shows has changed.
 *
 * @typedef {import("./devices.js").Kind} Kind
 * @typedef {import("./devices.js").Problem} Problem
 * @typedef {"idle" | "asking" | "ready" | "interrupted"} MediaPhase
 */
import { list, otherCamera, permissionStatus, remember, request } from "./devices.js";

export class Media extends EventTarget {
  /** @type {MediaPhase} */ phase = "idle";
  /** What keeps a wanted device away. @type {Problem | null} */ problem = null;
  /** @type {MediaStreamTrack | null} */ audio = null;
  /** @type {MediaStreamTrack | null} */ video = null;
  /** @type {MediaStreamTrack | null} */ screen = null;
  /** Own picture for previews; the same object for ever. */
  preview = new MediaStream();
  /** Wanted by the person: the buttons. */
  microphoneOn = true;
  cameraOn = true;
  /** Number of cameras, once known. */
  cameras = 0;
  /** The front camera is shown like a mirror. */
  get mirrored() {
    return this.#facing === "user";
  }

  /** @type {"user" | "environment"} */ #facing = "user";
  /** Counts requests: a late answer to an old one is thrown away. */
  #turn = 0;
  #recovered = -Infinity;

  constructor() {
    super();
    navigator.mediaDevices?.addEventListener?.("devicechange", () => void this.#count());
    for (const kind of /** @type {Kind[]} */ (["audio", "video"])) {
      void permissionStatus(kind).then((status) => {
        status?.addEventListener("change", () => {
          // Somebody followed the advice and opened the lock: go on by ourselves.
          if (status.state === "granted" && this.problem) void this.ask();
        });
      });
    }
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && this.phase === "interrupted") void this.recover();
    });
  }

  /** What the other side would get now. */
  get outgoing() {
    return { audio: this.audio, video: this.screen ?? this.video, screen: this.screen !== null };
  }

  /** Whether something leaves the page all the time. A screen that stands still sends next to nothing. */
  get flows() {
    const { audio, video, screen } = this.outgoing;
    return runs(audio) || (!screen && runs(video));
  }

  /** What the other side is told. */
  get state() {
    return {
      microphone: this.audio !== null && this.microphoneOn,
      camera: this.screen !== null || this.video !== null,
      screen: this.screen !== null,
    };
  }

  /** What this person could bring to a call. @returns {"video" | "audio" | "text"} */
  get choice() {
    if (this.video || (this.cameraOn && this.phase === "asking")) return "video";
    if (this.audio || (this.microphoneOn && this.phase === "asking")) return "audio";
    return "text";
  }

  /** Asks for what is wanted and not there. */
  async ask() {
    const want = { audio: this.microphoneOn && !this.audio, video: this.cameraOn && !this.video };
    const turn = ++this.#turn;
    this.problem = null;
    if (!want.audio && !want.video) return this.#settle();
    this.phase = "asking";
    this.#changed();
    const found = await request(want, this.#facing);
    if (turn !== this.#turn) {
      found.audio?.stop();
      found.video?.stop();
      return;
    }
    this.problem = found.problem;
    if (found.audio) this.#take("audio", found.audio);
    if (found.video) this.#take("video", found.video);
    await this.#count();
    this.#settle();
  }

  /** Goes on without what cannot be had. @param {{camera: boolean, microphone: boolean}} use */
  async use({ camera, microphone }) {
    this.cameraOn = camera;
    this.microphoneOn = microphone;
    if (!camera) this.#release("video");
    if (!microphone) this.#release("audio");
    await this.ask();
  }

  /** Muting keeps the device open, so that speaking again is instant. @param {boolean} on */
  async setMicrophone(on) {
    this.microphoneOn = on;
    if (this.audio) this.audio.enabled = on;
    if (on && !this.audio) await this.ask();
    else this.#changed();
  }

  /** Switching off releases the camera: its light goes out. @param {boolean} on */
  async setCamera(on) {
    this.cameraOn = on;
    if (on) return this.ask();
    this.#turn++;
    this.#release("video");
    this.#settle();
  }

  async flip() {
    if (!this.video) return;
    const turn = ++this.#turn;
    const current = this.video.getSettings().deviceId;
    const facing = this.#facing === "user" ? "environment" : "user";
    this.#release("video");
    const track = await otherCamera(current, facing);
    if (turn !== this.#turn) return track?.stop();
    if (track) {
      this.#facing = track.getSettings().facingMode === "environment" ? "environment" : "user";
      this.#take("video", track);
      this.#changed();
    } else {
      await this.ask();
    }
  }

  /** @param {Kind} kind @param {string} id */
  async choose(kind, id) {
    remember(kind, id);
    this.#release(kind);
    await this.ask();
  }

  /** @returns {Promise<boolean>} whether a screen is shared now */
  async share() {
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({
        video: { frameRate: { ideal: 15, max: 30 }, width: { max: 1920 } },
        audio: false,
      });
      const [track] = stream.getVideoTracks();
      track.contentHint = "detail";
      track.onended = () => this.unshare();
      this.screen = track;
      this.#changed();
      return true;
    } catch {
      // The person closed the browser's chooser: their decision, not a fault.
      return false;
    }
  }

  unshare() {
    this.screen?.stop();
    this.screen = null;
    this.#changed();
  }

  /** Gets back what the system took away (a phone call, another app). */
  async recover() {
    this.#release("audio");
    this.#release("video");
    await this.ask();
  }

  /** Releases everything; `ask` brings it back. */
  stop() {
    this.#turn++;
    this.unshare();
    this.#release("audio");
    this.#release("video");
    this.phase = "idle";
    this.problem = null;
    this.#changed();
  }

  /** @param {Kind} kind @param {MediaStreamTrack} track */
  #take(kind, track) {
    this.#release(kind);
    this[kind] = track;
    if (kind === "audio") track.enabled = this.microphoneOn;
    if (kind === "video") this.preview.addTrack(track);
    track.onended = () => this.#ended(kind, track);
    track.onmute = () => {
      this.phase = "interrupted";
      this.#changed();
    };
    track.onunmute = () => this.#settle();
  }

  /** @param {Kind} kind */
  #release(kind) {
    const track = this[kind];
    if (!track) return;
    track.onended = track.onmute = track.onunmute = null;
    track.stop();
    if (kind === "video") this.preview.removeTrack(track);
    this[kind] = null;
  }

  /** A device was unplugged or taken: once by ourselves, then the person decides. @param {Kind} kind @param {MediaStreamTrack} track */
  #ended(kind, track) {
    if (this[kind] !== track) return;
    this.#release(kind);
    const again = performance.now() - this.#recovered > 5_000;
    this.#recovered = performance.now();
    if (again) void this.ask();
    else {
      this.problem = { trouble: "busy", device: kind === "video" ? "camera" : "microphone" };
      this.#settle();
    }
  }

  async #count() {
    this.cameras = (await list("video")).length;
    this.#changed();
  }

  #settle() {
    const muted = this.audio?.muted || this.video?.muted;
    this.phase = muted ? "interrupted" : this.audio || this.video || this.problem ? "ready" : "idle";
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Whether a device feeds this track. @param {MediaStreamTrack | null} track */
function runs(track) {
  return track !== null && track.readyState === "live" && !track.muted;
}
