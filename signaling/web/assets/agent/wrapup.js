// @ts-check
/** After the call: outcome, note, and where the time went when the call was set up. */
import { button, clock, h, heading, put, text } from "../shared/dom.js";
import { t } from "./strings.js";

/** As in `signaling_wire::limits::MAX_NOTE`. */
const MAX_NOTE = 4_000;
/** @typedef {{side?: "shopper" | "agent", stage: string, at_ms: number}} Entry */

export class WrapUp {
  /** @type {HTMLElement} */ element;
  /** @type {string | null} */ call = null;
  #title = heading("");
  #lead = h("p", { class: "lead" });
  #left = h("p", { class: "hint" });
  #note = h("textarea", { rows: 4, maxlength: MAX_NOTE, id: "note", placeholder: t.noteHint });
  #about = h("div", { class: "card" });
  #timeline = h("section", { class: "card timeline", hidden: true, "aria-label": t.timeline });
  #done;
  /** @type {HTMLInputElement[]} */ #radios = [];
  #timer = 0;
  /** May come before the screen does. @type {{call: string, entries: Entry[]} | null} */ #times = null;

  /** @param {(call: string, outcome: string, note: string) => void} done */
  constructor(done) {
    this.#done = button(t.done, () => {
      const outcome = this.#radios.find((radio) => radio.checked)?.value;
      if (this.call && outcome) done(this.call, outcome, this.#note.value.trim());
    }, { kind: "accent big" });
    const choices = t.outcomes.map(([value, name, what]) => {
      const radio = h("input", { type: "radio", name: "outcome", value, on: { change: () => { this.#done.disabled = false; } } });
      this.#radios.push(radio);
      return h("label", { class: "choice" }, radio, h("span", {}, h("strong", {}, name), h("small", {}, what)));
    });
    this.element = h(
      "section",
      { class: "wrapup", "data-screen": "wrapup", hidden: true },
      h(
        "div",
        { class: "card wrapup-form" },
        this.#title, this.#lead,
        h("fieldset", { class: "choices" }, h("legend", {}, t.outcome), ...choices),
        h("label", { class: "field" }, h("span", {}, t.note), this.#note),
        h("div", { class: "wrapup-actions" }, this.#done, this.#left),
      ),
      h("div", { class: "wrapup-side" }, this.#about, this.#timeline),
    );
  }

  /**
   * @param {{call: string, left: number, peer: string | null, lines: string[], about: HTMLElement | null}} what
   */
  start({ call, left, peer, lines, about }) {
    if (this.call !== call) {
      this.call = call;
      this.#note.value = "";
      for (const radio of this.#radios) radio.checked = false;
      this.#done.disabled = true;
      this.#timeline.hidden = true;
      text(this.#title, peer ? t.wrapUp(peer) : t.wrapUpPlain);
      text(this.#lead, lines.join(" "));
      this.#about.hidden = !about;
      if (about) put(this.#about, h("h2", {}, t.context), about);
      this.#showTimes();
    }
    const until = performance.now() + left * 1_000;
    clearInterval(this.#timer);
    const tick = () => text(this.#left, t.endsIn(clock((until - performance.now()) / 1_000)));
    tick();
    this.#timer = setInterval(tick, 1_000);
  }

  stop() {
    clearInterval(this.#timer);
    this.call = null;
  }

  /** @param {string} call @param {Entry[]} entries */
  timeline(call, entries) {
    this.#times = { call, entries };
    this.#showTimes();
  }

  #showTimes() {
    const times = this.#times;
    if (!times || times.call !== this.call || times.entries.length === 0) return;
    this.#timeline.hidden = false;
    const sorted = [...times.entries].sort((a, b) => a.at_ms - b.at_ms);
    put(
      this.#timeline,
      h("h2", {}, t.timeline),
      h("p", { class: "hint" }, t.timelineNote),
      h(
        "table",
        {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t.stage), h("th", { scope: "col" }, t.side), h("th", { scope: "col", class: "number" }, t.fromAccept))),
        h("tbody", {}, ...sorted.map((entry) => h(
          "tr",
          {},
          h("td", {}, entry.stage.replaceAll("_", " ")),
          h("td", { class: "hint" }, t.sides[entry.side ?? "server"]),
          h("td", { class: "number" }, `${Math.round(entry.at_ms)} ms`),
        ))),
      ),
    );
  }
}
