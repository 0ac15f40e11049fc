// A call between two media nodes: each page stays on its own, and the nodes carry it between them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { cluster } from "../lib/cluster.mjs";
import { talkingApart } from "../lib/scenes.mjs";
import { until } from "../lib/until.mjs";

test("agent and shopper on two nodes", { timeout: 120_000 }, async (t) => {
  const { server, nodes } = await cluster(t, ["a", "b"]);
  const { shopper, agent } = await talkingApart(t, { server, nodes });
  const seats = [shopper, agent];
  const [{ call }] = await agent.heard("call_started");
  const relayed = () => Promise.all(nodes.map((node) => node.figure("sfu_relay_calls")));

  await t.test("see and hear each other", async () => {
    await until("both nodes to carry the call", relayed, (calls) => calls.every((one) => one === 1));
    await Promise.all(seats.map((seat) => seat.meets()));
    const { epoch, timeline } = await server.api(`/v1/calls/${call}`);
    assert.equal(epoch, 1, "nobody had to move");
    for (const step of ["bridged", "first_key_frame_of_shopper", "first_key_frame_of_agent"]) {
      assert.ok(JSON.stringify(timeline ?? {}).includes(step), `${step} is in the record`);
    }
  });

  await t.test("and again after one has reloaded the page", async () => {
    await shopper.page.reload();
    await until("the next bridge", () => server.api(`/v1/calls/${call}`), ({ epoch }) => epoch >= 2);
    await Promise.all(seats.map((seat) => seat.meets()));
  });

  for (const seat of seats) await seat.isClean([server.origin]);
});
