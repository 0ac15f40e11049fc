// Everything a run needs: the servers, the direct call's relay, two people's browsers.

import { sleep } from "../lib/until.mjs";
import { ownAddress, setLink } from "../lib/lab.mjs";
import { makeScene, SCENES } from "../lib/media.mjs";
import { scratch } from "../lib/scratch.mjs";
import { Seat } from "../lib/seat.mjs";
import { Server } from "../lib/server.mjs";
import { tlsProxy } from "../lib/tls.mjs";
import { startRelay } from "./relay.mjs";
import { watch } from "./watch.mjs";

/** What each person looks at: a phone, and a desk's window. */
const VIEWPORTS = {
  shopper: { width: 390, height: 844 },
  agent: { width: 1280, height: 800 },
};

/** A browser that has just started is busy with itself. */
const settle = () => sleep(1_000);

const SIDES = Object.keys(VIEWPORTS);

async function openSeat(side, index, { clip, firefox, trusted, trust }) {
  const common = { host: side, observed: false, viewport: VIEWPORTS[side] };
  const options =
    firefox === side
      ? {
          ...common,
          browser: "firefox",
          prefs: {
            // A camera needs a secure page; a certificate would be one more thing to set up.
            "dom.securecontext.allowlist": ownAddress(),
            // Time stamps as exact as Chromium's.
            "privacy.reduceTimerPrecision": false,
          },
        }
      : {
          ...common,
          video: makeScene(scratch, side, index + 1, SCENES[clip]),
          args: [`--unsafely-treat-insecure-origin-as-secure=${trusted}`, trust].filter(Boolean),
        };
  const seat = await Seat.open(side, "about:blank", options);
  await seat.page.evaluateOnNewDocument(watch);
  return seat;
}

/**
 * `paths` says which servers are needed: each policy has one of its own, and the tap on the link
 * one with TLS in front.
 */
export async function openWorld({ paths, rate, clip, firefox, holdMs = 0 }) {
  const address = ownAddress();
  const opened = [];
  const close = async () => {
    for (const end of opened.reverse()) await end();
  };
  try {
    const relay = await startRelay(address);
    opened.push(() => relay.stop());
    const desks = {};
    const open = async (name, options = {}) => {
      const server = await Server.start({ address, apart: true, ...options });
      opened.push(() => server.stop());
      desks[name] = { server };
      return server;
    };
    await open("private");
    if (paths.includes("instant")) await open("instant", { args: ["--media-policy", "instant"] });
    const trusted = [relay.origin, ...Object.values(desks).map(({ server }) => server.origin)];
    let trust;
    if (paths.includes("link")) {
      const proxy = await tlsProxy(address);
      opened.push(() => proxy.stop());
      const { port } = await open("link", { publicUrl: proxy.origin });
      proxy.lead(port);
      trust = proxy.trust;
    }
    for (const side of SIDES) if (rate > 0) setLink(`${side}.access`, { rate_kbps: rate });
    const world = { desks, relay, holdMs, viewports: VIEWPORTS, close };
    const sit = async () => {
      for (const [index, side] of SIDES.entries()) {
        world[side] = await openSeat(side, index, { clip, firefox, trusted, trust });
      }
    };
    const leave = () => Promise.all(SIDES.map((side) => world[side]?.close()));
    world.renew = async () => {
      await leave();
      await sit();
      await settle();
    };
    opened.push(leave);
    await sit();
    const { agent } = world;
    for (const [name, desk] of Object.entries(desks)) {
      if (name === "link") continue;
      await agent.page.goto(await desk.server.signIn());
      await agent.find("button", "Go available");
      desk.cookies = await agent.browser.cookies();
    }
    await agent.page.goto("about:blank");
    await settle();
    return world;
  } catch (error) {
    await close();
    throw error;
  }
}
