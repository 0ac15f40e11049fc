// A person at a page: presses what has a role and an accessible name, reads what is written, and
// measures what arrives. Nothing here knows the page's markup.

import assert from "node:assert/strict";

import { chromium, firefox } from "./browsers.mjs";
import { SIDES } from "./media.mjs";
import { kill } from "./scratch.mjs";
import { sameColour, sleep, until } from "./until.mjs";

/** What a browser may take to end by itself. */
const CLOSING_MS = 5_000;

/** What a page may take to show something, on a machine that runs two browsers and has no processor to spare. */
const APPEARS_MS = 20_000;

const LAUNCH = { chromium, firefox };

export class Seat {
  /** Opens a browser and, in it, `url`. */
  static async open(side, url, { browser = "chromium", ...options } = {}) {
    const seat = Object.assign(new Seat(), await LAUNCH[browser](side, options));
    seat.other = side === "shopper" ? "agent" : "shopper";
    seat.kind = browser;
    await seat.page.goto(url, { waitUntil: "load" });
    return seat;
  }

  /** The element with this role and accessible name, once it is there and visible. */
  find(role, name, timeout = APPEARS_MS) {
    return this.page
      .waitForSelector(`::-p-aria([name="${name}"][role="${role}"])`, { visible: true, timeout })
      .catch(() => {
        throw new Error(`${this.side}: no visible ${role} named "${name}"`);
      });
  }

  /** Whether that element is there now. */
  async has(role, name) {
    const handle = await this.page.$(`::-p-aria([name="${name}"][role="${role}"])`);
    return handle !== null && (await handle.isVisible());
  }

  /** Waits until that element is gone. */
  gone(role, name) {
    return until(`${this.side}: ${role} "${name}" to go`, async () => !(await this.has(role, name)));
  }

  /** Presses a button once it can be pressed. */
  async press(name, timeout = APPEARS_MS) {
    await until(
      `${this.side}: to press "${name}"`,
      async () => {
        const button = await this.find("button", name, 8_000);
        if (await button.evaluate((el) => el.disabled)) return false;
        await button.click();
        return true;
      },
      Boolean,
      timeout,
    );
  }

  /** Types into the text field with this name. */
  async type(name, text) {
    const field = await this.find("textbox", name);
    await field.click();
    await this.page.keyboard.type(text);
  }

  /** All text a person can read on the page. */
  text() {
    return this.page.evaluate(() => document.body.innerText);
  }

  /** Waits until the page says `words` (a text or a pattern). */
  says(words, timeout) {
    const has = (text) => (words instanceof RegExp ? words.test(text) : text.includes(words));
    return until(`${this.side}: the page to say ${words}`, () => this.text(), has, timeout);
  }

  /** Sends a chat message. */
  async chat(words) {
    await this.type("Message", words);
    await this.press("Send");
  }

  /** Chooses one of several. */
  async choose(name) {
    const option = await this.page.waitForSelector(`::-p-aria([name="${name}"][role="radio"])`);
    // The label is what a person sees and presses.
    await (await option.evaluateHandle((el) => el.labels?.[0] ?? el)).click();
  }

  /** Shopper: answers the question after the call, with two taps. */
  async rate(score = "Very good") {
    await this.choose(score);
    await this.press("Done");
    await this.says("Thank you");
  }

  /** Agent: says how the call went. */
  async wrapUp(note, outcome = "Resolved They have what they wanted") {
    await this.choose(outcome);
    if (note) await this.type("Note", note);
    await this.press("Done");
  }

  /** Waits until the other side's camera is off: the page says so and nothing is decoded. */
  async seesNoPicture() {
    await this.says("camera is off");
    await until(
      `${this.side}: frames to stop`,
      async () => {
        const { framesDecoded } = await this.stats();
        await new Promise((done) => setTimeout(done, 500));
        return (await this.stats()).framesDecoded - framesDecoded;
      },
      (frames) => frames === 0,
    );
  }

  /** The messages of this type that signaling sent to the page since it was loaded. */
  heard(type) {
    return this.page.evaluate((t) => window.__probe.heard.filter((m) => m.type === t), type);
  }

  /** The page hears this as if signaling had said it. */
  hear(message) {
    return this.page.evaluate((m) => window.__probe.hear(m), message);
  }

  /** Waits until the person sees their own camera. */
  preview() {
    return until(`${this.side}: the preview`, () =>
      this.page.evaluate(() =>
        [...document.querySelectorAll("video")].some(
          (video) => video.checkVisibility() && video.videoWidth > 0 && !video.paused,
        ),
      ),
    );
  }

  picture() {
    return this.page.evaluate(() => window.__probe.picture());
  }

  stats() {
    return this.page.evaluate(() => window.__probe.stats());
  }

  tone(ms = 1_200) {
    return this.page.evaluate((duration) => window.__probe.tone(duration), ms);
  }

  /** Waits until the remote picture is decoded, shown, and has this colour. */
  async sees(rgb, timeout) {
    const good = (picture) =>
      picture?.shownWidth >= 160 && picture.uncovered > 0.5 && sameColour(picture.rgb, rgb);
    const picture = await until(`${this.side}: to see ${rgb}`, () => this.picture(), good, timeout);
    const { framesDecoded } = await this.stats();
    await until(
      `${this.side}: the picture to move`,
      () => this.stats(),
      (stats) => stats.framesDecoded >= framesDecoded + 5,
    );
    return picture;
  }

  /** Waits until it hears this pitch. */
  hears(hz, timeout) {
    const good = (tone) => tone.level > 0.02 && Math.abs(tone.hz - hz) < 20;
    return until(`${this.side}: to hear ${hz} Hz`, () => this.tone(), good, timeout);
  }

  /** Waits until it hears nothing. */
  hearsNothing() {
    const good = (tone) => tone.level < 0.01;
    return until(`${this.side}: to hear silence`, () => this.tone(600), good);
  }

  /** Sees and hears the other side's camera and microphone. */
  async meets({ timeout, sound = true } = {}) {
    const { rgb, hz } = SIDES[this.other];
    await this.sees(rgb, timeout);
    if (sound) await this.hears(hz, timeout);
  }

  /** Nothing of its camera or microphone has left the page. */
  async isSilent() {
    const { packetsSent } = await this.stats();
    assert.equal(packetsSent, 0, `${this.side}: ${packetsSent} RTP packets left the page`);
  }

  /** Nothing went wrong in the page, and it asked nobody but its own server. */
  async isClean(origins) {
    assert.deepEqual(this.log.errors, [], `${this.side}: page errors`);
    const bad = this.log.console.filter((line) => /^(error|warn)/.test(line));
    assert.deepEqual(bad, [], `${this.side}: console`);
    const violations = await this.page.evaluate(() => window.__probe.violations);
    assert.deepEqual(violations, [], `${this.side}: content security policy`);
    const strangers = this.log.requests.filter((url) => {
      const { protocol, origin } = new URL(url);
      return !["data:", "blob:"].includes(protocol) && !origins.includes(origin);
    });
    assert.deepEqual(strangers, [], `${this.side}: third-party requests`);
  }

  /** Ends its browser; one that does not answer any more, by force. */
  async close() {
    const closed = this.browser.close().then(() => true, () => true);
    if (!(await Promise.race([closed, sleep(CLOSING_MS)]))) kill(this.browser.process());
  }
}
