// What both pages say about the networks: whose is weak, and that a picture is kept back. Signaling's
// words are put into the page's mouth: the network of this test is good.

import assert from "node:assert/strict";
import { test } from "node:test";

import { talking } from "../lib/scenes.mjs";
import { Server } from "../lib/server.mjs";
import { until } from "../lib/until.mjs";

test("both pages say what the networks do to the call", { timeout: 120_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const link = await server.link({ context: { name: "Mali" } });
  const { shopper, agent } = await talking(t, server, { link: link.url });

  await t.test("the console has both sides' figures, from the node and from the pages", async () => {
    await agent.says("Both connections", 10_000);
    const heard = await until(
      "figures of both pages",
      async () => (await agent.heard("network")).at(-1),
      (network) => network?.own_figures?.page.fps_in > 0 && network.peer_figures?.page.fps_in > 0,
    );
    assert.ok(heard.peer_figures.node.estimate_kbps > 0);
    assert.ok(heard.peer_figures.node.up_kbps > 0);
    const [toShopper] = await shopper.heard("network");
    assert.equal(toShopper.peer_figures, undefined, "figures are for the agent");
    await agent.page.evaluate(() => document.querySelector("details.networks summary").click());
    await agent.says("Round trip");
  });

  await t.test("the console says whose connection is weak", async () => {
    await agent.hear({ type: "network", own: "good", peer: "weak" });
    assert.match(await agent.text(), /The shopper’s connection is weak/);
    await agent.hear({ type: "network", own: "weak", peer: "good" });
    assert.match(await agent.text(), /Your connection is weak/);
  });

  await t.test("both say when the network keeps a picture back, and when it lets it through", async () => {
    await shopper.hear({ type: "video_paused", incoming: true, outgoing: false });
    await agent.hear({ type: "video_paused", incoming: false, outgoing: true });
    await shopper.says(/Your connection is too weak for video right now/);
    await shopper.says("Sound only for now");
    await agent.says(/Mali’s connection is too weak for video right now. They still hear you/);
    await shopper.hear({ type: "video_paused", incoming: false, outgoing: false });
    await agent.hear({ type: "video_paused", incoming: false, outgoing: false });
    await shopper.says("the picture is back");
    await agent.says("they see you again");
    await until("the cover to go", async () => !(await shopper.text()).includes("Sound only"));
  });

  await t.test("a cap reaches the encoder and is lifted again", async () => {
    const cap = (seat) =>
      seat.page.evaluate(() => {
        const [pc] = window.__probe.pcs.filter(({ connectionState }) => connectionState === "connected");
        return pc.getSenders().find(({ track }) => track?.kind === "video").getParameters().encodings[0];
      });
    await shopper.hear({ type: "video_cap", kbps: 150 });
    await until("the cap", () => cap(shopper), ({ maxBitrate, maxFramerate }) => maxBitrate === 150_000 && maxFramerate === 15);
    await shopper.hear({ type: "video_cap", kbps: 9_000 });
    const lifted = await until("no cap", () => cap(shopper), ({ maxBitrate }) => maxBitrate === 2_500_000);
    assert.equal(lifted.maxFramerate, undefined);
    assert.equal(lifted.scalabilityMode, "L1T1");
  });

  await t.test("a network that may carry more is tried, within the page", async () => {
    const described = () =>
      shopper.page.evaluate(() => {
        const [pc] = window.__probe.pcs.filter(({ connectionState }) => connectionState === "connected");
        return { sdp: pc.remoteDescription.sdp, ice: pc.iceConnectionState, signaling: pc.signalingState };
      });
    // What the encoder is given depends on this machine.
    await shopper.page.evaluate(() => {
      const [pc] = window.__probe.pcs.filter(({ connectionState }) => connectionState === "connected");
      pc.getStats = async () => {
        const report = new Map(await RTCPeerConnection.prototype.getStats.call(pc));
        for (const [id, stat] of report) {
          if (stat.type === "outbound-rtp" && stat.kind === "video") report.set(id, { ...stat, targetBitrate: 600_000 });
        }
        return report;
      };
      // The node may ask on its own meanwhile: what is allowed need not stay.
      window.__allowed = [];
      const allow = pc.setRemoteDescription.bind(pc);
      pc.setRemoteDescription = (description) => {
        window.__allowed.push(...(/b=AS:\d+/.exec(description.sdp) ?? []));
        return allow(description);
      };
    });
    const allowed = () => shopper.page.evaluate(() => window.__allowed);
    const before = await described();
    await shopper.hear({ type: "video_room" });
    await until("the limit", allowed, (limits) => limits.includes("b=AS:1200"));
    const after = await until("it to hold", described, ({ sdp, signaling }) => sdp.includes("b=AS") && signaling === "stable");
    assert.ok(after.sdp.indexOf("b=AS") > after.sdp.indexOf("m=video"), "sound has no limit");
    const ufrag = ({ sdp }) => /a=ice-ufrag:(\S+)/.exec(sdp)[1];
    assert.equal(ufrag(after), ufrag(before), "the path stays");
    const shown = () => agent.page.evaluate(() => document.querySelector("video").currentTime);
    const then = await shown();
    await until("pictures after it", shown, (now) => now > then + 0.5);
    assert.equal((await described()).ice, before.ice);
    await shopper.hear({ type: "video_room", up_to_kbps: 900 });
    await until("what the network carries", allowed, (limits) => limits.includes("b=AS:900"));
    await shopper.page.evaluate(() => {
      for (const pc of window.__probe.pcs) {
        delete pc.getStats;
        delete pc.setRemoteDescription;
      }
    });
  });

  await t.test("redundant audio is agreed on, and one layer of video", async () => {
    const sdp = await shopper.page.evaluate(() => window.__probe.pcs.at(-1).remoteDescription.sdp);
    const [first] = /m=audio \d+ \S+ (\d+)/.exec(sdp).slice(1);
    assert.ok(sdp.includes(`a=rtpmap:${first} red/48000/2`), "what is first is sent");
    assert.ok(!sdp.includes("#dependency-descriptor-rtp-header-extension"), "one layer depends on nothing");
  });
});
