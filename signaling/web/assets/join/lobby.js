// @ts-check
/** Before the call: who you are about to talk to, your own picture, **Join**, your place in line. */
import { DeviceCard } from "../shared/devicecard.js";
import { announce, button, h, heading, put, text } from "../shared/dom.js";
import { t } from "./strings.js";

/** @typedef {{position: number, estimate_s?: number, agents: number, ringing: boolean}} QueuePlace */

export class Lobby {
  /** @type {HTMLElement} */ element;
  card;
  #media;
  #title = heading(t.loading);
  #lead = h("p", { class: "lead" });
  #eyebrow = h("p", { class: "eyebrow" });
  #about = h("dl", { class: "about", hidden: true });
  #hint = h("p", { class: "hint", hidden: true });
  #problem = h("p", { class: "note-line", role: "alert", hidden: true });
  #join;
  #leave;
  #queue = h("div", { class: "queue", hidden: true });
  /** @type {import("../shared/session.js").Welcome | null} */ #welcome = null;
  #queued = false;

  /**
   * @param {import("../shared/media.js").Media} media
   * @param {{join: () => void, leave: () => void}} on
   */
  constructor(media, on) {
    this.#media = media;
    this.card = new DeviceCard({ media, t, textOnly: true });
    this.#join = button(t.join, on.join, { kind: "accent big" });
    this.#join.disabled = true;
    this.#leave = button(t.leave, on.leave, { kind: "quiet" });
    this.#leave.hidden = true;
    this.element = h(
      "section",
      { class: "lobby", "data-screen": "lobby" },
      h("header", { class: "lobby-head" }, this.#eyebrow, this.#title, this.#lead),
      this.card.element,
      h("div", { class: "lobby-act" }, this.#queue, this.#about, this.#problem, this.#hint, this.#join, this.#leave),
    );
    media.addEventListener("change", () => this.#render());
  }

  /** @param {import("../shared/session.js").Welcome} welcome */
  welcome(welcome) {
    this.#welcome = welcome;
    const { order, product } = welcome.context;
    const lines = [product, order && t.order(order)].filter(Boolean);
    this.#about.hidden = lines.length === 0;
    put(this.#about, h("dt", {}, t.about), ...lines.map((line) => h("dd", {}, line)));
    text(this.#eyebrow, welcome.shop);
    this.#join.disabled = false;
    this.#render();
  }

  /** Before **Join**, or after leaving. @param {boolean} left */
  lobby(left) {
    this.#queued = false;
    this.problem(left ? t.left : "");
    this.#render();
  }

  /** @param {QueuePlace} place */
  queue(place) {
    const first = !this.#queued;
    this.#queued = true;
    this.problem("");
    const title = place.ringing ? t.ringing : place.position === 1 ? t.next : t.place(place.position);
    const wait = place.agents === 0 ? (place.position === 1 ? t.nobody : t.nobodyPlace)
      : place.ringing ? (this.#instant ? t.ringingInstant : t.ringingText)
      : place.estimate_s === undefined ? t.noEstimate : t.estimate(place.estimate_s);
    if (this.#title.textContent !== title || first) announce(`${title}. ${wait}`);
    text(this.#title, title);
    text(this.#lead, wait);
    this.#queue.classList.toggle("ringing", place.ringing);
    const ahead = Math.min(place.position - 1, MOST_DOTS);
    put(
      this.#queue,
      h(
        "div",
        { class: "dots", "aria-hidden": "true" },
        ...Array.from({ length: ahead }, () => h("i")),
        h("i", { class: "me" }),
      ),
      h("p", {}, t.keepOpen),
      this.#instant && !place.ringing && h("p", {}, t.instant),
    );
    this.#render();
  }

  /** Media flows to the server while it rings: the person is told. */
  get #instant() {
    return this.#welcome?.media_policy === "instant";
  }

  /** Words from the server about a message it could not serve. @param {string} words */
  problem(words) {
    text(this.#problem, words);
    this.#problem.hidden = !words;
  }

  #render() {
    const welcome = this.#welcome;
    if (!welcome) return;
    if (!this.#queued) {
      text(this.#title, t.talkTo(welcome.host));
      const name = welcome.context.name;
      const lead = `${name ? `${t.hello(name)} ` : ""}${name ? lower(t.lobbyText(welcome.shop)) : t.lobbyText(welcome.shop)}`;
      text(this.#lead, this.#instant ? `${lead} ${t.instant}` : lead);
    }
    this.#queue.hidden = !this.#queued;
    this.#join.hidden = this.#queued;
    this.#leave.hidden = !this.#queued;
    const choice = this.#media.choice;
    const hint = this.#media.phase === "ready" && choice !== "video" ? (choice === "audio" ? t.joinAudio : t.joinText) : "";
    text(this.#hint, hint);
    this.#hint.hidden = !hint || this.#queued;
  }
}

/** More people than this in line are shown as this many. */
const MOST_DOTS = 8;

/** @param {string} sentence */
function lower(sentence) {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}
