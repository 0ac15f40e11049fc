// @ts-check
/** Between calls: available or on a break, who waits, one's own picture. And the bar on top. */
import { DeviceCard } from "../shared/devicecard.js";
import { button, clock, h, heading, icon, put, text } from "../shared/dom.js";
import { t } from "./strings.js";

/** Answering automatically is wanted in this tab, and in no other: a new one begins without it. */
const AUTO_KEY = "vitrine.auto-accept";
const auto = {
  get: () => {
    try {
      return sessionStorage.getItem(AUTO_KEY) === "on";
    } catch {
      return false;
    }
  },
  set: (/** @type {boolean} */ on) => {
    try {
      if (on) sessionStorage.setItem(AUTO_KEY, "on");
      else sessionStorage.removeItem(AUTO_KEY);
    } catch {
      // Storage may be off; the choice then lasts as long as the page.
    }
  },
};

export class Desk {
  /** @type {HTMLElement} */ element;
  card;
  /** @type {string} */ presence = "break";
  #title = heading("");
  #text = h("p", { class: "lead" });
  #waiting = h("p", { class: "waiting" });
  #note = h("p", { class: "note-line", role: "status", hidden: true });
  #pill = h("span", { class: "pill" });
  #line = h("span", { class: "hint" });
  #who = h("span", { class: "who" });
  #shop = h("span", { class: "shop" });
  #available;
  #break;
  #auto;
  #badge = h("span", { class: "state-icon", "aria-hidden": "true" });
  #keys = h(
    "div",
    { class: "keys" },
    h("h2", {}, t.shortcuts),
    h("ul", {}, ...t.keys.map(([key, what]) => h("li", {}, h("kbd", {}, key), what))),
    h("p", { class: "hint" }, t.shortcutsNote),
  );

  /**
   * @param {import("../shared/media.js").Media} media
   * @param {{available: () => void, takeBreak: () => void, auto: () => void}} on
   */
  constructor(media, on) {
    this.card = new DeviceCard({ media, t, textOnly: false });
    this.#available = button(t.goAvailable, on.available, { kind: "accent big" });
    this.#break = button(t.takeBreak, on.takeBreak, { kind: "big" });
    this.#auto = h("input", { type: "checkbox", checked: auto.get(), "aria-label": t.auto, "aria-describedby": "auto-hint", on: { change: () => {
      auto.set(this.#auto.checked);
      on.auto();
    } } });
    const choice = h(
      "label", { class: "choice auto" }, this.#auto, h("span", {}, h("strong", {}, t.auto), h("small", { id: "auto-hint" }, t.autoHint)),
    );
    this.element = h(
      "section",
      { class: "desk", "data-screen": "desk", hidden: true },
      h("div", { class: "card desk-state" }, this.#badge, this.#title, this.#text, this.#waiting, this.#note, h("div", { class: "desk-actions" }, this.#available, this.#break), choice, this.#keys),
      h("div", { class: "card" }, this.card.element),
    );
    const top = /** @type {HTMLElement} */ (document.getElementById("top"));
    put(top, this.#shop, this.#pill, this.#line, this.#who);
  }

  /** Calls start without a ring. */
  get auto() {
    return this.#auto.checked;
  }

  /** @param {import("../shared/session.js").Welcome} welcome */
  welcome(welcome) {
    text(this.#shop, welcome.shop);
    text(this.#who, welcome.name);
    /** @type {HTMLElement} */ (document.getElementById("top")).hidden = false;
    document.title = `${t.title} · ${welcome.shop}`;
  }

  /** @param {string} presence */
  be(presence) {
    this.presence = presence;
    const free = presence === "available";
    const word = t.presence[presence] ?? presence;
    this.#pill.dataset.presence = presence;
    put(this.#pill, h("span", { class: "visually-hidden" }, t.presenceLabel(word)), h("span", { "aria-hidden": "true" }, word));
    text(this.#title, free ? t.availableTitle : t.breakTitle);
    text(this.#text, free ? t.availableText : t.breakText);
    put(this.#badge, icon(free ? "phone" : "cup"));
    this.element.classList.toggle("free", free);
    this.#available.hidden = free;
    this.#break.hidden = !free;
  }

  /** @param {number} waiting @param {number} longest seconds */
  waiting(waiting, longest) {
    text(this.#line, waiting === 0 ? "" : t.waiting(waiting));
    text(this.#waiting, waiting === 0 ? t.waitingNone : `${t.waiting(waiting)} · ${t.longest(clock(longest))}`);
    this.#waiting.classList.toggle("some", waiting > 0);
  }

  /** @param {string} words */
  note(words) {
    text(this.#note, words);
    this.#note.hidden = !words;
  }
}
