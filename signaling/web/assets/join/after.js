// @ts-check
/** After the call: a score and **Done**, two taps. */
import { announce, button, clock, h, heading } from "../shared/dom.js";
import { t } from "./strings.js";

/** As in `signaling_wire::limits::MAX_NOTE`. */
const MAX_NOTE = 4_000;

/**
 * The question.
 * @param {{peer: string | null, duration: number | null, reason: string | null}} call
 * @param {(score: number, comment: string) => void} answer
 * @param {() => void} skip
 */
export function question({ peer, duration, reason }, answer, skip) {
  let score = 0;
  const done = button(t.done, () => answer(score, comment.value.trim()), { kind: "accent big" });
  done.disabled = true;
  const comment = h("textarea", { rows: 2, maxlength: MAX_NOTE, id: "comment" });
  const scores = t.scores.map((name, i) => {
    const input = h("input", {
      type: "radio", name: "score", value: i + 1,
      on: { change: () => { score = i + 1; done.disabled = false; } },
    });
    return h("label", { class: `score score-${i + 1}` }, input, h("span", { class: "face", "aria-hidden": "true" }, String(i + 1)), h("span", { class: "score-name" }, name));
  });
  const title = peer ? t.questionWith(peer) : t.question;
  const lines = [reason && t.ended[reason], duration !== null && t.lasted(clock(duration))].filter(Boolean);
  announce(title);
  return h(
    "section",
    { class: "after", "data-screen": "after", "data-once": true },
    heading(title),
    ...lines.map((line) => h("p", { class: "lead" }, String(line))),
    h("fieldset", { class: "scores" }, h("legend", { class: "visually-hidden" }, title), ...scores),
    h("label", { class: "comment" }, h("span", {}, t.comment), comment),
    h("div", { class: "after-actions" }, done, button(t.skip, skip, { kind: "quiet" })),
  );
}
