// The whole call, both roles, two Chromium processes: what the buttons say, and what really arrives.

import assert from "node:assert/strict";
import { test } from "node:test";

import { FAKE_SCREEN, SIDES } from "../lib/media.mjs";
import { inCall, rung } from "../lib/scenes.mjs";
import { Server } from "../lib/server.mjs";
import { until } from "../lib/until.mjs";

test("a shopper and an agent have a call", { timeout: 180_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const link = await server.link({ context: { name: "Mali", order: "A-1042", product: "Blue kettle" } });
  const { shopper, agent } = await rung(t, server, { link: link.url });

  await t.test("the ring carries the link's context, and nothing is sent before Accept", async () => {
    for (const words of ["Mali", "A-1042", "Blue kettle"]) await agent.says(words);
    await shopper.isSilent();
    await agent.isSilent();
  });

  await t.test("each side sees and hears the other", async () => {
    await inCall(shopper, agent);
    await shopper.meets();
    await agent.meets();
    for (const seat of [shopper, agent]) {
      const stats = await seat.stats();
      assert.equal(stats.dtls, "connected");
      assert.equal(stats.srtp, "SRTP_AEAD_AES_128_GCM");
      assert.equal(stats.connections, 1, "one peer connection for audio and video");
      assert.ok(stats.audioPacketsReceived > 20, "audio packets keep coming");
    }
  });

  await t.test("chat goes both ways", async () => {
    await shopper.chat("Is it 220 volts?");
    await agent.says("Is it 220 volts?");
    await agent.chat("Yes, it is.");
    await shopper.says("Yes, it is.");
  });

  await t.test("mute and camera off reach the other side", async () => {
    await shopper.press("Mute");
    await agent.hearsNothing();
    await shopper.press("Unmute");
    await agent.hears(SIDES.shopper.hz);

    await shopper.press("Camera off");
    await agent.seesNoPicture();
    await shopper.press("Camera on");
    await agent.sees(SIDES.shopper.rgb);
  });

  await t.test("the agent shares a screen and comes back", async () => {
    await agent.press("Share screen");
    await shopper.sees(FAKE_SCREEN);
    await agent.press("Stop sharing");
    await shopper.sees(SIDES.agent.rgb);
  });

  await t.test("wrap-up and satisfaction land in the record", async () => {
    const [{ call }] = await shopper.heard("call_started");
    await agent.press("Hang up");
    await agent.wrapUp("Sent the manual.");
    await shopper.rate();
    const record = await until(
      "the record to be complete",
      () => server.api(`/v1/calls/${call}`),
      (body) => body.satisfaction && body.wrap_up,
    );
    assert.match(JSON.stringify(record.wrap_up), /Sent the manual\./);
    assert.ok(record.satisfaction.score >= 1 && record.satisfaction.score <= 5);
    assert.match(JSON.stringify(record), /first_frame/, "stage timings are in the record");
  });

  await t.test("after it, nothing is sent any more", async () => {
    const before = [await shopper.stats(), await agent.stats()];
    await new Promise((done) => setTimeout(done, 1_500));
    const after = [await shopper.stats(), await agent.stats()];
    after.forEach((stats, i) => {
      assert.equal(stats.packetsSent, before[i].packetsSent, "RTP after the call");
    });
    assert.deepEqual(
      await agent.page.evaluate(() => window.__probe.pcs.map((pc) => pc.connectionState)),
      ["closed", "connected"],
      "the console has another leg for the next call",
    );
  });

  await shopper.isClean([server.origin]);
  await agent.isClean([server.origin]);
});

test("who has not said their name is the shopper", { timeout: 120_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const { shopper, agent } = await rung(t, server);
  await agent.says("Shopper is calling");
  await inCall(shopper, agent);
  await agent.says(/Shopper: (Good|Fair|Weak)/);
});
