// @ts-check
/**
 * Whose network is in the way: one sentence, and the figures behind it for whoever asks.
 *
 * @typedef {"good" | "fair" | "weak"} Word
 * @typedef {{
 *   node: {rtt_ms: number, loss_up: number, loss_down: number, up_kbps: number, down_kbps: number, estimate_kbps: number, queue_ms: number},
 *   page: import("../shared/quality.js").PageQuality,
 * }} Figures
 * @typedef {{region: string, why: string}} Place
 * @typedef {{own: Word, peer: Word, own_figures?: Figures, peer_figures?: Figures, own_place?: Place, peer_place?: Place}} Told
 */
import { announce, h, icon, put, text } from "../shared/dom.js";
import { t } from "./strings.js";

/** @type {Word[]} */
const FROM_GOOD = ["good", "fair", "weak"];

/** Rows of the table: a name and what a side's figures say. @type {[string, (figures: Figures) => string][]} */
const ROWS = [
  [t.figureNames.roundTrip, ({ node }) => t.inMs(node.rtt_ms)],
  [t.figureNames.lostUp, ({ node }) => t.inPercent(node.loss_up)],
  [t.figureNames.lostDown, ({ node }) => t.inPercent(node.loss_down)],
  [t.figureNames.up, ({ node }) => t.inRate(node.up_kbps)],
  [t.figureNames.down, ({ node }) => t.inRate(node.down_kbps)],
  [t.figureNames.room, ({ node }) => t.inRate(node.estimate_kbps)],
  [t.figureNames.queue, ({ node }) => t.inMs(node.queue_ms)],
  [t.figureNames.picture, ({ page }) => t.inPicture(page.height_in, page.fps_in)],
  [t.figureNames.frozen, ({ page }) => t.inSeconds(page.freeze_seconds)],
  [t.figureNames.concealed, ({ page }) => t.inPercent(page.concealed)],
];

export class Networks {
  /** @type {HTMLElement} */ element;
  #sentence = h("span", {});
  #cells = ROWS.map(() => ({ own: h("td", { class: "number" }), peer: h("td", { class: "number" }) }));
  #summary = h("summary", {}, icon("signal"), this.#sentence);
  #peer = h("th", { scope: "col", class: "number" }, t.peer);
  #places = { own: h("dd", {}), peer: h("dd", {}) };
  #peerPlace = h("dt", {}, t.peer);

  constructor() {
    const rows = ROWS.map(([name], i) => h("tr", {}, h("th", { scope: "row" }, name), this.#cells[i].own, this.#cells[i].peer));
    this.element = h(
      "details",
      { class: "networks" },
      this.#summary,
      h(
        "table",
        {},
        h("caption", { class: "visually-hidden" }, t.networks),
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, t.figure)), h("th", { scope: "col", class: "number" }, t.you), this.#peer)),
        h("tbody", {}, ...rows),
      ),
      h("p", {}, t.places),
      h("dl", {}, h("dt", {}, t.you), this.#places.own, this.#peerPlace, this.#places.peer),
    );
    this.#say(t.networksUnknown, "good");
  }

  /** A call starts, or goes on. @param {string} peer */
  start(peer) {
    for (const name of [this.#peer, this.#peerPlace]) text(name, peer.split(" ")[0]);
  }

  /** @param {Told} told */
  show({ own, peer, own_figures, peer_figures, own_place, peer_place }) {
    const worst = FROM_GOOD[Math.max(FROM_GOOD.indexOf(own), FROM_GOOD.indexOf(peer))];
    const sentence = worst === "good" ? t.networksGood
      : own === peer ? t.bothNetworks[/** @type {"fair" | "weak"} */ (worst)]
      : own === worst ? t.yourNetwork(t.networkIs[worst])
      : t.shoppersNetwork(t.networkIs[worst]);
    if (this.#say(sentence, worst) && worst === "weak") announce(sentence);
    if (!this.element.isConnected) return;
    ROWS.forEach(([, of], i) => {
      text(this.#cells[i].own, own_figures ? of(own_figures) : "–");
      text(this.#cells[i].peer, peer_figures ? of(peer_figures) : "–");
    });
    text(this.#places.own, own_place ? t.inPlace(own_place.region, own_place.why) : "–");
    text(this.#places.peer, peer_place ? t.inPlace(peer_place.region, peer_place.why) : "–");
  }

  /** @param {string} sentence @param {Word} word @returns {boolean} whether it is new */
  #say(sentence, word) {
    if (this.#sentence.textContent === sentence) return false;
    this.element.dataset.word = word;
    put(this.#sentence, sentence);
    return true;
  }
}
