// A camera that is refused or not there is not the end: there is always a way into the call.

import assert from "node:assert/strict";
import { test } from "node:test";

import { inCall } from "../lib/scenes.mjs";
import { Seat } from "../lib/seat.mjs";
import { Server } from "../lib/server.mjs";
import { SIDES } from "../lib/media.mjs";

const CASES = [
  { devices: "denied", words: /block|denied|allow|permission/i },
  { devices: "missing", words: /no camera|not find|found|missing|connected/i },
];

for (const { devices, words } of CASES) {
  test(`the shopper's devices are ${devices}`, { timeout: 120_000 }, async (t) => {
    const server = await Server.start();
    t.after(() => server.stop());
    const [shopper, agent] = await Promise.all([
      Seat.open("shopper", server.shopperUrl, { devices }),
      Seat.open("agent", await server.signIn()),
    ]);
    t.after(() => Promise.all([shopper.close(), agent.close()]));

    await shopper.says(words);
    await agent.press("Go available");
    await shopper.press("Use text only");
    await shopper.press("Join");
    await inCall(shopper, agent);
    await shopper.sees(SIDES.agent.rgb);
    await shopper.hears(SIDES.agent.hz);
    await shopper.chat("I have no camera.");
    await agent.says("I have no camera.");
    const { packetsSent } = await shopper.stats();
    assert.equal(packetsSent, 0, "there is nothing to send");
    await shopper.isClean([server.origin]);
  });
}
