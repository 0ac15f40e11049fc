// @ts-check
/** The chat of a call: what was said, what is still on its way, and the line to write in. */
import { announce, h, icon, put } from "./dom.js";

/** @typedef {{seq: number, from: "shopper" | "agent", client_id: number, text: string, at_ms: number}} ChatLine */

/** As in `signaling_wire::limits::MAX_CHAT`. */
const MAX_CHAT = 2_000;

export class Chat {
  /** @type {HTMLElement} */ element;

  #log;
  #input;
  /** Lines on the screen, by number. @type {Map<number, HTMLElement>} */ #shown = new Map();
  /** Own lines not yet confirmed, by the page's counter. @type {Map<number, {text: string, row: HTMLElement}>} */ #pending = new Map();
  #next = 1;
  #peer = "";
  #o;

  /**
   * @param {{
   *   role: "shopper" | "agent",
   *   send: (message: import("./socket.js").Message) => boolean,
   *   t: typeof import("./strings.js").shared,
   * }} options
   */
  constructor(options) {
    this.#o = options;
    const { t } = options;
    this.#log = h("div", { class: "chat-log", role: "log", "aria-label": t.chat, tabindex: 0 });
    this.#input = h("textarea", {
      class: "chat-input", rows: 1, maxlength: MAX_CHAT, "aria-label": t.message,
      placeholder: t.messageHint, autocomplete: "off", enterkeyhint: "send",
      on: { keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event), input: () => this.#grow() },
    });
    const form = h(
      "form",
      { class: "chat-form", on: { submit: (/** @type {Event} */ event) => { event.preventDefault(); this.#submit(); } } },
      this.#input,
      h("button", { type: "submit", class: "button chat-send" }, icon("send"), h("span", {}, t.send)),
    );
    this.element = h("section", { class: "chat", "aria-label": t.chat }, this.#log, form);
  }

  /** Begins with what was said so far. @param {string} peer @param {ChatLine[]} lines */
  start(peer, lines) {
    this.#peer = peer;
    this.#shown.clear();
    // What is on its way stays: a reconnect must not lose it.
    put(this.#log, h("p", { class: "chat-empty" }, this.#o.t.chatEmpty), ...[...this.#pending.values()].map(({ row }) => row));
    for (const line of lines) this.add(line, false);
    const own = lines.filter((line) => line.from === this.#o.role).map((line) => line.client_id);
    this.#next = Math.max(this.#next, ...own.map((id) => id + 1));
    this.resend();
  }

  /** Forgets the call. */
  clear() {
    this.#pending.clear();
    this.#shown.clear();
    this.#next = 1;
    this.#input.value = "";
    put(this.#log);
  }

  /** @param {ChatLine} line @param {boolean} [news] */
  add(line, news = true) {
    const own = line.from === this.#o.role;
    if (own) {
      this.#pending.get(line.client_id)?.row.remove();
      this.#pending.delete(line.client_id);
    }
    if (this.#shown.has(line.seq)) return;
    const row = this.#row(line.text, own, false);
    this.#shown.set(line.seq, row);
    const waiting = this.#pending.values().next().value;
    this.#log.insertBefore(row, waiting?.row ?? null);
    this.#scroll();
    if (news && !own) announce(`${this.#peer}: ${line.text}`);
  }

  /** After a reconnect: what was not confirmed goes again; the server stores it once. */
  resend() {
    for (const [client_id, { text }] of this.#pending) this.#o.send({ type: "chat", client_id, text });
  }

  #submit() {
    const text = this.#input.value.trim();
    if (!text) return;
    const client_id = this.#next++;
    const row = this.#row(text, true, true);
    this.#pending.set(client_id, { text, row });
    this.#log.append(row);
    this.#input.value = "";
    this.#grow();
    this.#scroll();
    this.#o.send({ type: "chat", client_id, text });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#submit();
  }

  /** The line grows with what is written, up to a few rows. */
  #grow() {
    this.#input.rows = Math.min(4, this.#input.value.split("\n").length);
  }

  #scroll() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  /** @param {string} text @param {boolean} own @param {boolean} pending */
  #row(text, own, pending) {
    const { t } = this.#o;
    return h(
      "div",
      { class: `chat-line ${own ? "own" : "peer"}${pending ? " pending" : ""}` },
      h("span", { class: "visually-hidden" }, `${own ? t.you : this.#peer}: `),
      h("span", { class: "chat-text" }, text),
      pending && h("span", { class: "chat-state" }, t.sending),
    );
  }
}
