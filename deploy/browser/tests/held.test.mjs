// The first picture is made while it rings, and stays in the page until the call starts.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import vm from "node:vm";

import { SIDES } from "../lib/media.mjs";
import { inCall, ringing, rung } from "../lib/scenes.mjs";
import { Seat } from "../lib/seat.mjs";
import { Server } from "../lib/server.mjs";
import { until } from "../lib/until.mjs";

const encodes = (seat) =>
  until(
    `${seat.side}: to make pictures`,
    () => seat.stats(),
    ({ framesEncoded }) => framesEncoded > 1,
  );

test("the first picture is made while it rings, and stays in the page", { timeout: 60_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const { shopper, agent } = await rung(t, server);
  await Promise.all([encodes(shopper), encodes(agent)]);
  await Promise.all([shopper.isSilent(), agent.isSilent()]);
  await inCall(shopper, agent);
  await Promise.all([shopper.meets(), agent.meets()]);
});

test("of a camera that is off when the call starts nothing is shown", { timeout: 60_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const { shopper, agent } = await rung(t, server);
  await encodes(shopper);
  await shopper.press("Camera off");
  await inCall(shopper, agent);
  await agent.hears(SIDES.shopper.hz);
  const { framesDecoded } = await agent.stats();
  assert.equal(framesDecoded, 0, "a picture of a camera that was off");
});

test("a page whose worker dies goes on without it", { timeout: 60_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const [shopper, agent] = await Promise.all([Seat.open("shopper", "about:blank"), Seat.open("agent", await server.signIn())]);
  t.after(() => Promise.all([shopper.close(), agent.close()]));
  await shopper.page.evaluateOnNewDocument(() => {
    window.Worker = class extends Worker {
      constructor(address) {
        super(address);
        window.endWorker = () => {
          this.terminate();
          this.dispatchEvent(new Event("error"));
        };
      }
    };
  });
  await shopper.page.goto(server.shopperUrl, { waitUntil: "load" });
  await ringing(shopper, agent);
  await shopper.page.evaluate(() => window.endWorker());
  await inCall(shopper, agent);
  await Promise.all([shopper.meets(), agent.meets()]);
});

/** The page's worker with an encoder and a network of ours: what leaves when pictures came at these times, ms. */
async function leaves(times) {
  const left = [];
  const port = { postMessage: () => {} };
  let now = 0;
  let transform;
  const source = await readFile(new URL("../../../signaling/web/assets/shared/held-worker.js", import.meta.url), "utf8");
  vm.runInNewContext(source, {
    performance: { now: () => now },
    addEventListener: (_, listener) => (transform = listener),
    postMessage: () => {},
  });
  const encoder = new TransformStream();
  const network = new WritableStream({ write: (frame) => void left.push(frame.at) });
  transform({ transformer: { options: { port }, readable: encoder.readable, writable: network } });
  const writer = encoder.writable.getWriter();
  for (now of times) await writer.write({ type: "key", at: now });
  await new Promise(setImmediate);
  assert.deepEqual(left, [], "before it may");
  port.onmessage({ data: "pass" });
  await new Promise(setImmediate);
  return left;
}

test("the two latest pictures leave, the older one first, and none that shows something else by now", async () => {
  assert.deepEqual(await leaves([0, 125, 250]), [125, 250]);
  assert.deepEqual(await leaves([0]), [0]);
  assert.deepEqual(await leaves([0, 450]), [450]);
});
