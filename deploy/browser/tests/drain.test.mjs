// A media node that is drained, or told to stop, in the middle of a call: the call moves to another
// node, and nobody notices.

import assert from "node:assert/strict";
import { test } from "node:test";

import { carrier, cluster } from "../lib/cluster.mjs";
import { longestGap } from "../lib/frames.mjs";
import { talking } from "../lib/scenes.mjs";
import { Seat } from "../lib/seat.mjs";
import { sleep, until } from "../lib/until.mjs";

/** Breaking before making costs more than this on the fastest machine; deploy/survive measures what a move costs. */
const UNNOTICED = 500;

/** A page opens another leg in a moment. A leg whose page is gone would stay for 30 s (RFC 7675). */
const EMPTY_WITHIN = 5_000;

/** Nobody's picture or sound stood still after `at`. */
async function unnoticed(seats, at) {
  for (const seat of seats) {
    const { frames, sounds } = await seat.page.evaluate(() => window.__frames);
    for (const [what, times] of Object.entries({ frames, sounds })) {
      const gap = longestGap(times, at);
      assert.ok(gap.ms < UNNOTICED, `${seat.side}: no ${what} for ${gap.ms} ms, ${gap.start - at} ms after the drain`);
    }
  }
}

test("a call moves off a node that drains", { timeout: 120_000 }, async (t) => {
  const { server, nodes } = await cluster(t, ["a", "b"]);
  const { shopper, agent } = await talking(t, server, { shopper: { frames: true }, agent: { frames: true } });
  const seats = [shopper, agent];
  const [{ call }] = await agent.heard("call_started");
  await sleep(1_000);

  await t.test("POST /admin/drain", async () => {
    const drained = await until("the node of the call", () => carrier(nodes));
    const at = Date.now();
    assert.equal((await drained.admin("/admin/drain", "POST")).status, 200);
    await until("the node to be empty", () => drained.figure("sfu_legs"), (legs) => legs === 0);
    await sleep(500);
    await unnoticed(seats, at);
    const ready = await drained.admin("/readyz");
    assert.deepEqual([ready.status, (await ready.json()).state], [503, "draining"]);
    await drained.admin("/admin/drain", "DELETE");
    assert.ok((await drained.admin("/readyz")).ok, "and takes legs again");
  });

  await t.test("SIGTERM", async () => {
    const stopped = await until("the node of the call", () => carrier(nodes));
    const at = Date.now();
    await stopped.kill("SIGTERM");
    await until("the node to end", () => stopped.exit !== null);
    assert.equal(stopped.exit, 0);
    await sleep(500);
    await unnoticed(seats, at);
  });

  await Promise.all(seats.map((seat) => seat.meets()));
  const { ended_at: ended } = await server.api(`/v1/calls/${call}`);
  assert.equal(ended, null, "the same call goes on");
  for (const seat of seats) await seat.isClean([server.origin]);
});

test("pages without a call leave a node that drains, and those that have gone do not hold it", { timeout: 120_000 }, async (t) => {
  const { server, nodes } = await cluster(t, ["a", "b"]);
  const { shopper, agent } = await talking(t, server);
  await agent.press("Hang up");
  await agent.wrapUp();
  await shopper.rate();
  const idle = await Seat.open("shopper", (await server.link()).url);
  t.after(() => idle.close());
  await idle.find("button", "Join");
  await until("every page to have a leg", () => legsOn(nodes), (legs) => legs >= 2);
  const { url } = await server.link();
  for (const drained of nodes) {
    await shopper.page.goto(url, { waitUntil: "load" });
    await shopper.find("button", "Join");
    await shopper.page.goto("about:blank");
    await drained.admin("/admin/drain", "POST");
    await until("the node to be empty", () => drained.figure("sfu_legs"), (legs) => legs === 0, EMPTY_WITHIN);
    await drained.admin("/admin/drain", "DELETE");
  }
});

const legsOn = async (nodes) => (await Promise.all(nodes.map((node) => node.figure("sfu_legs")))).reduce((a, b) => a + b);
