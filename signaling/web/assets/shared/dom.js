// @ts-check
/** A few lines instead of a framework: making elements, showing screens, telling screen readers. */
import { FILLED, PATHS } from "./icons.js";

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * An element with attributes, listeners and children. Strings become text, never markup.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [attributes] `on` holds listeners, `false` leaves an attribute out
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") {
      for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  put(element, ...children);
  return element;
}

/** Replaces what is inside. @param {Element} element @param {...Child} children */
export function put(element, ...children) {
  element.replaceChildren(...children.filter((child) => child || child === "").map((child) => /** @type {Node | string} */ (child)));
}

const SVG = "http://www.w3.org/2000/svg";

/** An icon; decoration only, the words are next to it. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "path"));
  draw(svg, name);
  return svg;
}

/** @param {SVGElement} svg @param {string} name */
function draw(svg, name) {
  svg.setAttribute("class", FILLED.has(name) ? "icon filled" : "icon");
  svg.firstElementChild?.setAttribute("d", PATHS[name]);
}

/**
 * A button with a visible name.
 * @param {string} name
 * @param {() => void} press
 * @param {{kind?: string, icon?: string, class?: string}} [look]
 */
export function button(name, press, look = {}) {
  return h(
    "button",
    { type: "button", class: `button ${look.kind ?? ""} ${look.class ?? ""}`.trim(), on: { click: press } },
    look.icon && icon(look.icon),
    h("span", {}, name),
  );
}

/**
 * Changes a button's name and icon.
 * @param {HTMLButtonElement} element
 * @param {string} name
 * @param {string} [iconName]
 */
export function rename(element, name, iconName) {
  const label = element.querySelector("span");
  if (label && label.textContent !== name) label.textContent = name;
  const svg = element.querySelector("svg");
  if (svg && iconName) draw(svg, iconName);
}

/** @param {Element} element @param {string} text */
export function text(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

let spoken = 0;

/** Says it to screen readers, politely; the region is in the page's HTML. @param {string} message */
export function announce(message) {
  const region = document.getElementById("live");
  if (!region) return;
  region.textContent = message;
  const turn = ++spoken;
  // Emptied later, so that the same words are news the next time.
  setTimeout(() => turn === spoken && (region.textContent = ""), 5_000);
}

/**
 * Shows one of the screens in `main` (one marked `data-once` is gone after it) and moves the focus to its heading, as a new page would.
 * @param {HTMLElement} screen
 */
export function show(screen) {
  const main = document.querySelector("main");
  if (!main || (screen.isConnected && !screen.hidden)) return;
  for (const other of /** @type {HTMLElement[]} */ ([...main.children])) {
    if (other === screen) continue;
    if (other.dataset.once !== undefined) other.remove();
    else other.hidden = true;
  }
  if (!screen.isConnected) main.append(screen);
  screen.hidden = false;
  document.body.dataset.screen = screen.dataset.screen ?? "";
  scrollTo(0, 0);
  screen.querySelector("h1")?.focus({ preventScroll: true });
}

/** A heading that can take the focus when its screen is shown. @param {string} title */
export function heading(title) {
  return h("h1", { tabindex: -1 }, title);
}

/** @param {number} seconds @returns {string} `3:07` or `1:02:09` */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

/** @param {string} name @returns {string} up to two letters for a person without a picture */
export function initials(name) {
  const words = name.trim().split(/\s+/);
  const picked = words.length > 1 ? [words[0], words[words.length - 1]] : words;
  return picked.map((word) => [...word][0] ?? "").join("").toUpperCase();
}

/**
 * Gives a video its stream, but not before the page has loaded: a stream without frames would hold
 * up the load event, and the browser would show the page as loading for ever.
 * @param {HTMLVideoElement} video
 * @param {MediaStream} stream
 */
export function feed(video, stream) {
  const set = () => {
    if (wanted.get(video) !== stream) return;
    video.srcObject = stream;
    video.dispatchEvent(new Event("fed"));
  };
  wanted.set(video, stream);
  if (document.readyState === "complete") set();
  else addEventListener("load", set, { once: true });
}

/** @type {WeakMap<HTMLVideoElement, MediaStream>} */
const wanted = new WeakMap();
