// A media node that is killed, or frozen, in the middle of a call: the call goes on over another one,
// by itself, as the same call.

import assert from "node:assert/strict";
import { test } from "node:test";

import { carrier, cluster } from "../lib/cluster.mjs";
import { longestGap } from "../lib/frames.mjs";
import { rung, talking } from "../lib/scenes.mjs";
import { sleep, until } from "../lib/until.mjs";

/** Nobody should have to wait longer, on whatever machine; deploy/survive measures how long it takes. */
const RECOVERED_WITHIN = 5_000;

/** Both legs are on the first node, whatever the pages measure; the others are there afterwards. */
async function together(nodes, open) {
  const [, ...others] = nodes;
  for (const node of others) await node.admin("/admin/drain", "POST");
  const seats = await open();
  for (const node of others) await node.admin("/admin/drain", "DELETE");
  return seats;
}

/** Whether pictures and sound come again on both screens after `at`. */
async function recovered(seats, at) {
  for (const seat of seats) {
    const { frames, sounds } = await until(
      `${seat.side}: to see and hear again`,
      () => seat.page.evaluate(() => window.__frames),
      ({ frames, sounds }) => [frames, sounds].every((times) => times.filter((time) => time > at + 500).length > 5),
      RECOVERED_WITHIN + 5_000,
    );
    for (const times of [frames, sounds]) {
      const gap = longestGap(times, at - 200);
      assert.ok(gap.end - at < RECOVERED_WITHIN, `${seat.side}: back after ${gap.end - at} ms`);
    }
  }
}

test("a call outlives its node", { timeout: 120_000 }, async (t) => {
  const { server, nodes } = await cluster(t, ["a", "b"]);
  const { shopper, agent } = await talking(t, server, { shopper: { frames: true }, agent: { frames: true } });
  const seats = [shopper, agent];
  const [{ call }] = await agent.heard("call_started");

  await t.test("killed with SIGKILL", async () => {
    const victim = await until("the node of the call", () => carrier(nodes));
    await sleep(1_000);
    const at = Date.now();
    await victim.kill("SIGKILL");
    await recovered(seats, at);
    await victim.start();
  });

  await t.test("killed when it has just taken the call over", async () => {
    const drained = await until("the node of the call", () => carrier(nodes));
    const victim = nodes.find((node) => node !== drained);
    await drained.admin("/admin/drain", "POST");
    await until("the node to be empty", () => drained.figure("sfu_legs"), (legs) => legs === 0);
    await drained.admin("/admin/drain", "DELETE");
    const at = Date.now();
    await victim.kill("SIGKILL");
    await recovered(seats, at);
    await victim.start();
  });

  await t.test("frozen with SIGSTOP, and it does not take the call back when it wakes", async () => {
    const victim = await until("the node of the call", () => carrier(nodes));
    await sleep(1_000);
    const at = Date.now();
    await victim.kill("SIGSTOP");
    await recovered(seats, at);
    await victim.kill("SIGCONT");
    await until("the node to have let go of the call", () => victim.figure("sfu_legs"), (legs) => legs === 0);
    await Promise.all(seats.map((seat) => seat.meets()));
  });

  const { epoch, ended_at: ended, id } = await server.api(`/v1/calls/${call}`);
  assert.deepEqual([id, ended], [call, null], "one record, and the call goes on");
  assert.ok(epoch >= 3, `bridged ${epoch} times`);
  for (const seat of seats) {
    assert.equal((await seat.heard("call_ended")).length, 0);
    await seat.isClean([server.origin]);
  }
});

test("a call outlives a node that dies before it has carried anything", { timeout: 60_000 }, async (t) => {
  const { server, nodes } = await cluster(t, ["a", "b"]);
  const { shopper, agent } = await together(nodes, () => rung(t, server, { shopper: { frames: true }, agent: { frames: true } }));
  const [victim] = nodes;
  await agent.press("Accept");
  await until("the call to start", () => agent.heard("call_started"), (started) => started.length > 0);
  const at = Date.now();
  await victim.kill("SIGKILL");
  await recovered([shopper, agent], at);
  const [{ call }] = await agent.heard("call_started");
  const { ended_at: ended } = await server.api(`/v1/calls/${call}`);
  assert.equal(ended, null, "the same call goes on");
});
