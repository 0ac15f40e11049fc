// @ts-check
/** It rings: who, why, what about, how long they waited, how long is left. */
import { announce, button, clock, h, heading, initials, put, rename, text } from "../shared/dom.js";
import { contextList } from "./context.js";
import { t } from "./strings.js";

/**
 * @typedef {{
 *   offer: string, call: string, left_ms: number, name: string, media: "video" | "audio" | "text",
 *   waited_s: number, context: Record<string, any>, why: string,
 * }} Offer
 */

export class RingScreen {
  /** @type {HTMLElement} */ element;
  /** @type {Offer | null} */ offer = null;
  #body = h("div", { class: "ring-body" });
  #left = h("p", { class: "ring-left" });
  #bar = h("span", { class: "ring-bar" });
  #accept;
  #decline;
  #timer = 0;

  /** @param {{accept: (offer: Offer) => void, decline: (offer: Offer) => void}} on */
  constructor(on) {
    this.#accept = button(t.accept, () => {
      if (!this.offer || this.#accept.disabled) return;
      on.accept(this.offer);
      this.#busy(true);
    }, { kind: "accent big", icon: "phone" });
    this.#accept.setAttribute("aria-keyshortcuts", "A");
    this.#decline = button(t.decline, () => this.offer && on.decline(this.offer), { kind: "big" });
    this.#decline.setAttribute("aria-keyshortcuts", "D");
    this.element = h(
      "section",
      { class: "ring card", "data-screen": "ring", hidden: true },
      this.#body,
      h("div", { class: "ring-count" }, h("div", { class: "ring-track", "aria-hidden": "true" }, this.#bar), this.#left),
      h("div", { class: "ring-actions" }, this.#decline, this.#accept),
    );
  }

  accept() {
    this.#accept.click();
  }

  decline() {
    this.#decline.click();
  }

  /** @param {Offer} offer */
  start(offer) {
    this.offer = offer;
    this.#busy(false);
    put(
      this.#body,
      h("p", { class: "eyebrow" }, t.incoming),
      h(
        "div",
        { class: "ring-who" },
        h("span", { class: "avatar", "aria-hidden": "true" }, initials(offer.name)),
        h("div", {}, heading(t.from(offer.name)), h("p", { class: "lead" }, `${t.waited(clock(offer.waited_s))} · ${offer.why}`)),
      ),
      contextList(offer.context, offer.media),
    );
    const until = performance.now() + offer.left_ms;
    clearInterval(this.#timer);
    const tick = () => {
      const left = Math.max(0, until - performance.now());
      text(this.#left, t.left(Math.ceil(left / 1_000)));
      this.#bar.style.transform = `scaleX(${(left / offer.left_ms).toFixed(3)})`;
    };
    tick();
    this.#timer = setInterval(tick, 250);
    announce(`${t.from(offer.name)}. ${t.left(Math.ceil(offer.left_ms / 1_000))}`);
  }

  stop() {
    clearInterval(this.#timer);
    this.offer = null;
  }

  /** The server refused: the buttons are there again. */
  release() {
    this.#busy(false);
  }

  /** @param {boolean} busy */
  #busy(busy) {
    this.#accept.disabled = this.#decline.disabled = busy;
    rename(this.#accept, busy ? t.accepting : t.accept);
  }
}
