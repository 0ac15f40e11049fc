// @ts-check
/** What the link carried, for the person who answers. */
import { h } from "../shared/dom.js";
import { t } from "./strings.js";

/**
 * @param {Record<string, any>} context `signaling_wire::claims::Context`
 * @param {"video" | "audio" | "text"} media
 */
export function contextList(context, media) {
  const rows = /** @type {[string, string | undefined][]} */ ([
    [t.order, context.order],
    [t.product, context.product],
    [t.language, context.language && languageName(context.language)],
    ...Object.entries(context.extra ?? {}),
    [t.page, context.page],
    [t.bringsLabel, t.brings[media]],
  ]);
  return h(
    "dl",
    { class: "context" },
    ...rows.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value)))),
  );
}

/** @param {string} tag BCP 47 @returns {string} */
function languageName(tag) {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
