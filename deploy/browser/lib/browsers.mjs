// Starts real browsers with fake cameras and microphones.

import { existsSync, mkdtempSync } from "node:fs";
import { join } from "node:path";

import puppeteer from "puppeteer-core";

import { installFrames } from "./frames.mjs";
import { installProbe } from "./inpage.mjs";
import { insideOf, loopbackOf } from "./lab.mjs";
import { makeClips, SIDES } from "./media.mjs";
import { adopt, scratch } from "./scratch.mjs";

const found = (candidates) => candidates.find((path) => path && existsSync(path));
const CHROMIUM = found([process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome"]);
const FIREFOX = found([process.env.FIREFOX, "/usr/bin/firefox-esr", "/usr/bin/firefox"]);

/** Everything a page said and asked for. */
function record(page) {
  const log = { console: [], errors: [], requests: [] };
  page.on("console", (message) => log.console.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => log.errors.push(`uncaught: ${error.message}`));
  page.on("request", (request) => log.requests.push(request.url()));
  page.on("requestfailed", (request) => {
    log.errors.push(`failed: ${request.url()} ${request.failure()?.errorText}`);
  });
  return log;
}

async function prepared(browser, side, viewport, observed = true, frames = false) {
  adopt(browser.process());
  const [page] = await browser.pages();
  const log = observed ? record(page) : undefined;
  await page.setViewport(viewport ?? { width: 1280, height: 800 });
  await page.evaluateOnNewDocument(installProbe);
  if (frames) await page.evaluateOnNewDocument(installFrames);
  return { browser, page, log, side };
}

/**
 * One Chromium process. `devices` is "granted" (a fake camera and microphone that play the side's
 * clip), "denied" (they exist, the person says no) or "missing" (there are none). `video` is another
 * clip for the camera, `picture` another size of the usual one; `host` is where it runs in an emulated network. Not `observed`, it reports
 * neither requests nor console, which costs it time. With `frames` it notes when they come.
 */
export async function chromium(
  side,
  { devices = "granted", viewport, args = [], video, picture, host, observed = true, frames = false } = {},
) {
  if (!CHROMIUM) throw new Error("chromium is not installed: run deploy/test");
  const flags = [
    "--disable-quic",
    "--no-first-run",
    "--disable-gpu",
    // Several pages share two cores with their server; a page in the background is still a page.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    ...args,
  ];
  if (devices !== "missing") {
    const clips = makeClips(scratch, side, picture);
    flags.push(
      "--use-fake-device-for-media-stream",
      `--use-file-for-fake-video-capture=${video ?? clips.video}`,
      `--use-file-for-fake-audio-capture=${clips.audio}`,
    );
  }
  if (devices === "granted") flags.push("--use-fake-ui-for-media-stream");
  if (devices === "denied") flags.push("--deny-permission-prompts");
  if (process.getuid?.() === 0) flags.push("--no-sandbox");
  const browser = await puppeteer.launch({
    executablePath: host ? insideOf(host, CHROMIUM) : CHROMIUM,
    // A namespace shares no loopback with this process: the browser is driven over descriptors.
    pipe: host !== undefined,
    headless: true,
    userDataDir: mkdtempSync(join(scratch, `chromium-${side}-`)),
    args: flags,
    defaultViewport: null,
    networkEnabled: observed,
    issuesEnabled: observed,
  });
  return prepared(browser, side, viewport, observed, frames);
}

/**
 * One Firefox process. Its own fake camera and microphone; the tone has the side's pitch. `prefs`
 * are further settings; `host` is where it runs in an emulated network.
 */
export async function firefox(side, { viewport, host, prefs = {}, observed = true, frames = false } = {}) {
  if (!FIREFOX) throw new Error("firefox-esr is not installed: run deploy/test");
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: host ? insideOf(host, FIREFOX) : FIREFOX,
    debuggingPort: host ? await loopbackOf(host) : 0,
    headless: true,
    userDataDir: mkdtempSync(join(scratch, `firefox-${side}-`)),
    defaultViewport: null,
    extraPrefsFirefox: {
      "media.navigator.streams.fake": true,
      "media.navigator.permission.disabled": true,
      "media.navigator.audio.fake_frequency": SIDES[side].hz,
      // The server is on this machine; Firefox leaves loopback out otherwise.
      "media.peerconnection.ice.loopback": true,
      "media.autoplay.default": 0,
      "media.autoplay.blocking_policy": 0,
      "media.autoplay.block-webaudio": false,
      ...prefs,
    },
  });
  return prepared(browser, side, viewport, observed, frames);
}
