// Pictures of both pages in every state: phone and desktop, light and dark.
//
//   node screenshots.mjs DIRECTORY

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { inCall } from "./lib/scenes.mjs";
import { Seat } from "./lib/seat.mjs";
import { Server } from "./lib/server.mjs";
import { sleep, until } from "./lib/until.mjs";

const directory = process.argv[2];
if (!directory) {
  console.error("usage: node screenshots.mjs DIRECTORY");
  process.exit(2);
}
mkdirSync(directory, { recursive: true });

const SIZES = [
  // Not as a touch device: switching that on reloads the page, and the call with it.
  { width: 390, height: 844 },
  { width: 1440, height: 900 },
];

async function shoot(seat, state) {
  for (const size of SIZES) {
    await seat.page.setViewport(size);
    for (const scheme of ["light", "dark"]) {
      await seat.page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
      await sleep(400);
      const name = `${seat.side}-${state}-${size.width}-${scheme}.png`;
      await seat.page.screenshot({ path: join(directory, name) });
    }
  }
}

const server = await Server.start();
const open = [];
const seat = async (...args) => {
  const made = await Seat.open(...args);
  open.push(made);
  return made;
};
try {
  const stranger = await seat("agent", `${server.origin}/agent`);
  await sleep(800);
  await shoot(stranger, "signed-out");
  await stranger.page.goto(`${server.origin}/join#not-a-token`);
  await sleep(800);
  stranger.side = "shopper";
  await shoot(stranger, "bad-link");
  for (const devices of ["denied", "missing"]) {
    const refused = await seat("shopper", (await server.link()).url, { devices });
    await sleep(1_500);
    await shoot(refused, devices);
    await refused.close();
  }

  const context = { name: "Mali", order: "A-1042", product: "Blue kettle", language: "th" };
  const shopper = await seat("shopper", (await server.link({ context })).url);
  const agent = await seat("agent", await server.signIn());
  await shopper.find("button", "Join");
  await sleep(1_000);
  await shoot(shopper, "1-lobby");
  await agent.find("button", "Go available");
  await shoot(agent, "1-break");
  await shopper.press("Join");
  await shopper.find("button", "Leave the queue");
  await shoot(shopper, "2-queue");
  await agent.press("Go available");
  await agent.find("button", "Accept");
  await shoot(agent, "2-ringing");
  await inCall(shopper, agent);
  await Promise.all([shopper.meets(), agent.meets()]);
  await shoot(shopper, "3-call");
  await shoot(agent, "3-call");
  await shopper.chat("Is it 220 volts?");
  await agent.chat("Yes, it is. I have it here, let me show you the label on its foot.");
  await shopper.says("Yes, it is.");
  await shoot(shopper, "4-chat");
  await shoot(agent, "4-chat");
  await agent.hear({ type: "network", own: "good", peer: "weak" });
  await agent.hear({ type: "video_paused", incoming: false, outgoing: true });
  await shopper.hear({ type: "video_paused", incoming: true, outgoing: false });
  await shoot(shopper, "4-sound-only");
  await shoot(agent, "4-sound-only");
  for (const seat of [shopper, agent]) await seat.hear({ type: "video_paused", incoming: false, outgoing: false });
  await until("figures", async () => (await agent.heard("network")).at(-1)?.peer_figures?.page.fps_in > 0);
  await agent.page.evaluate(() => document.querySelector("details.networks summary").click());
  await shoot(agent, "4-figures");
  await agent.press("Camera off");
  await sleep(800);
  await shoot(shopper, "5-camera-off");
  await shopper.press("Hang up");
  await sleep(800);
  await shoot(shopper, "6-satisfaction");
  await shoot(agent, "6-wrap-up");
  await shopper.rate();
  await sleep(800);
  await shoot(shopper, "7-done");
  await agent.wrapUp("Sent the manual.");
  await sleep(800);
  await shoot(agent, "7-available");
} finally {
  await Promise.all(open.map((made) => made.close()));
  await server.stop();
}
