// The two calls that are compared: ours, and browser to browser. Each has a `prepare` that brings it
// to the press that starts it, a `press`, and an `end`.

import { sleep, until } from "../lib/until.mjs";

/** A person looks who calls before they press. */
const LOOKS_MS = 1_500;

const connected = (seat) =>
  until(`${seat.side}: the leg`, () =>
    seat.page.evaluate(() => window.__probe.pcs.some((pc) => pc.connectionState === "connected")),
  );

/** Through the server: both legs connected, it rings; the press is on Accept. */
export const ours = {
  async prepare({ server, cookies, shopper, agent }) {
    const { url } = await server.link();
    const visits = [shopper.page.goto(url, { waitUntil: "load" })];
    if (!agent.page.url().startsWith(`${server.origin}/agent`)) {
      await agent.browser.setCookie(...cookies);
      visits.push(agent.page.goto(`${server.origin}/agent`, { waitUntil: "load" }));
    }
    await Promise.all(visits);
    await agent.says(/You are (available|on a break)/);
    if (await agent.has("button", "Go available")) await agent.press("Go available");
    await Promise.all([shopper, agent].flatMap((seat) => [seat.preview(), connected(seat)]));
    await shopper.press("Join");
    await agent.find("button", "Accept");
    await sleep(LOOKS_MS);
  },
  press: ({ agent }) => agent.press("Accept"),
  async end({ shopper, agent }) {
    const paused = await Promise.all([shopper, agent].map((seat) => seat.heard("video_paused")));
    await agent.press("Hang up");
    await agent.wrapUp("");
    return { paused: { shopper: paused[0].length, agent: paused[1].length } };
  },
};

/** Chrome's own congestion control end to end; the press is on Call. */
export const direct = {
  async prepare({ relay, shopper, agent }) {
    for (const seat of [shopper, agent]) {
      await seat.page.goto(relay.origin, { waitUntil: "load" });
      await until(`${seat.side}: the direct page`, async () => (await seat.page.title()) === "ready");
    }
    await sleep(LOOKS_MS);
  },
  press: ({ agent }) => agent.press("Call"),
  async end({ shopper, agent }) {
    await Promise.all([shopper, agent].map((seat) => seat.page.goto("about:blank")));
    return {};
  },
};
