// @ts-check
/** Own picture, microphone meter, choice of devices, and words for whatever keeps them away. */
import { chosen, list } from "./devices.js";
import { announce, button, feed, h, icon, put, rename, text } from "./dom.js";
import { Meter } from "./meter.js";

/** @typedef {import("./devices.js").Kind} Kind */

export class DeviceCard {
  /** @type {HTMLElement} */ element;
  #o;
  #parts;
  #meter;
  #noted = "";

  /**
   * @param {{
   *   media: import("./media.js").Media,
   *   t: typeof import("./strings.js").shared,
   *   textOnly: boolean,
   * }} options `textOnly`: whether going on without sound makes sense on this page
   */
  constructor(options) {
    this.#o = options;
    const { media, t } = options;
    const p = {
      preview: h("div", { class: "preview" }),
      video: h("video", { class: "preview-video", playsinline: true, "aria-label": t.ownPicture }),
      empty: h("p", { class: "preview-empty" }),
      mute: button(t.mute, () => void media.setMicrophone(!media.microphoneOn), { kind: "control", icon: "mic" }),
      camera: button(t.cameraOff, () => void media.setCamera(!media.cameraOn), { kind: "control", icon: "camera" }),
      bar: h("span", { class: "meter-bar" }),
      meter: h("div", { class: "meter", role: "meter", "aria-label": t.micLevel, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0 }),
      heard: h("span", { class: "meter-text" }),
      note: h("div", { class: "note", hidden: true }),
      cameras: h("select", { on: { change: () => this.#chosen("video", p.cameras) } }),
      microphones: h("select", { on: { change: () => this.#chosen("audio", p.microphones) } }),
    };
    this.#parts = p;
    p.preview.append(p.video, p.empty, h("div", { class: "preview-controls" }, p.mute, p.camera));
    p.meter.append(p.bar);
    p.video.muted = true;
    feed(p.video, media.preview);
    p.video.addEventListener("fed", () => this.#render());
    this.#meter = new Meter((level, heard) => this.#level(level, heard));
    this.element = h(
      "section",
      { class: "devices", "aria-label": t.devices },
      p.preview,
      h("div", { class: "meter-row" }, icon("mic"), p.meter, p.heard),
      p.note,
      h(
        "details",
        { class: "chooser" },
        h("summary", {}, icon("settings"), t.changeDevices),
        h("label", {}, h("span", {}, t.camera), p.cameras),
        h("label", {}, h("span", {}, t.microphone), p.microphones),
      ),
    );
    media.addEventListener("change", () => this.#render());
    this.#render();
  }

  /** The meter costs a little: it runs only while the card can be seen. @param {boolean} on */
  active(on) {
    this.#meter.watch(on ? this.#o.media.audio : null);
    this.#active = on;
  }
  #active = true;

  #render() {
    const { media, t } = this.#o;
    const p = this.#parts;
    const asking = media.phase === "asking";
    rename(p.mute, media.microphoneOn ? t.mute : t.unmute, media.microphoneOn ? "mic" : "mic-off");
    rename(p.camera, media.cameraOn ? t.cameraOff : t.cameraOn, media.cameraOn ? "camera" : "camera-off");
    p.mute.classList.toggle("off", !media.microphoneOn);
    p.camera.classList.toggle("off", !media.cameraOn);
    p.video.hidden = !media.video;
    p.video.classList.toggle("mirrored", media.mirrored);
    if (media.video) p.video.play().catch(() => {});
    // What cannot be had needs words, not switches.
    const lost = { camera: media.problem && !media.video, microphone: media.problem && !media.audio };
    p.camera.hidden = Boolean(lost.camera && media.cameraOn);
    p.mute.hidden = Boolean(lost.microphone && media.microphoneOn);
    p.preview.classList.toggle("empty", !media.video && !asking);
    if (!media.audio || !media.microphoneOn) this.#level(0, false);
    text(p.empty, media.video ? "" : asking ? t.asking : media.cameraOn && media.phase !== "idle" ? t.previewNone : t.previewOff);
    this.#meter.watch(this.#active && media.microphoneOn ? media.audio : null);
    this.#note();
    void this.#devices();
  }

  /** @param {number} level @param {boolean} heard */
  #level(level, heard) {
    const { media, t } = this.#o;
    const p = this.#parts;
    p.bar.style.transform = `scaleX(${level.toFixed(2)})`;
    p.meter.setAttribute("aria-valuenow", String(Math.round(level * 100)));
    text(p.heard, !media.microphoneOn ? t.micOff : !media.audio ? (media.phase === "asking" ? "" : t.micNone) : heard ? t.micHeard : t.micSilent);
  }

  #note() {
    const { media, t, textOnly } = this.#o;
    const { note } = this.#parts;
    const problem = media.problem;
    const key = problem ? `${problem.trouble}/${problem.device}` : "";
    if (key === this.#noted) return;
    this.#noted = key;
    note.hidden = !problem;
    if (!problem) return;
    const words = t.trouble[problem.trouble];
    const title = words.title(t.deviceNames[problem.device]);
    const canRetry = problem.trouble !== "insecure" && problem.trouble !== "unsupported";
    const hasVoice = problem.device !== "microphone" && canRetry;
    put(
      note,
      h("h2", {}, icon("alert"), title),
      h("p", {}, words.text),
      words.steps && h("ol", {}, ...words.steps.map((step) => h("li", {}, step))),
      h(
        "div",
        { class: "note-actions" },
        canRetry && button(t.tryAgain, () => void media.ask(), { kind: "small" }),
        !canRetry && button(t.copyLink, () => void this.#copy(), { kind: "small" }),
        hasVoice && button(t.audioOnly, () => void media.use({ camera: false, microphone: true }), { kind: "small quiet" }),
        textOnly && button(t.textOnly, () => void media.use({ camera: false, microphone: false }), { kind: "small quiet" }),
      ),
    );
    announce(`${title}. ${words.text}`);
  }

  async #copy() {
    await navigator.clipboard?.writeText(location.href).then(() => announce(this.#o.t.copied), () => {});
  }

  /** @param {Kind} kind @param {HTMLSelectElement} select */
  #chosen(kind, select) {
    void this.#o.media.choose(kind, select.value);
  }

  async #devices() {
    const { media, t } = this.#o;
    for (const [kind, select, track] of /** @type {[Kind, HTMLSelectElement, MediaStreamTrack | null][]} */ ([
      ["video", this.#parts.cameras, media.video],
      ["audio", this.#parts.microphones, media.audio],
    ])) {
      const devices = await list(kind);
      const current = track?.getSettings().deviceId ?? chosen()[kind];
      const key = JSON.stringify([devices.map(({ deviceId, label }) => [deviceId, label]), current]);
      if (select.dataset.key === key) continue;
      select.dataset.key = key;
      put(select, ...devices.map((device, i) => h(
        "option",
        { value: device.deviceId, selected: device.deviceId === current },
        device.label || t.device(i + 1),
      )));
      select.disabled = devices.length < 2;
    }
  }
}
