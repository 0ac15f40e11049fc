// @ts-check
/** Every screen that is only words and, where there is one, a way on. */
import { button, h, heading, icon } from "./dom.js";

/**
 * @param {{title: string, text: string, icon?: string, action?: {name: string, press: () => void}}} words
 */
export function words({ title, text, icon: name = "alert", action }) {
  return h(
    "section",
    { class: "words", "data-screen": "words", "data-once": true },
    h("span", { class: "words-icon" }, icon(name)),
    heading(title),
    h("p", { class: "lead" }, text),
    action && button(action.name, action.press, { kind: "accent big" }),
  );
}
