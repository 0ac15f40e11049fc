// The instant policy: media flows to the node from the ring on, and is shown to nobody before Accept.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Seat } from "../lib/seat.mjs";
import { Server } from "../lib/server.mjs";
import { sleep, until } from "../lib/until.mjs";

/** Waits until media leaves the page. */
const sends = (seat) =>
  until(
    `${seat.side}: to send`,
    () => seat.stats(),
    ({ packetsSent }) => packetsSent > 20,
  );

/** Waits until nothing leaves the page any more. */
const stops = (seat) =>
  until(
    `${seat.side}: to stop sending`,
    async () => {
      const { packetsSent } = await seat.stats();
      await sleep(700);
      return (await seat.stats()).packetsSent - packetsSent;
    },
    (packets) => packets === 0,
  );

async function open(t, policy) {
  const server = await Server.start({ args: ["--media-policy", policy] });
  t.after(() => server.stop());
  const [agent, shopper] = await Promise.all([
    Seat.open("agent", await server.signIn()),
    Seat.open("shopper", server.shopperUrl),
  ]);
  t.after(() => Promise.all([agent.close(), shopper.close()]));
  await agent.press("Go available");
  await Promise.all([agent.preview(), shopper.preview()]);
  return { agent, shopper };
}

const TOLD = "go to our server";

test("instant: media flows from the ring on and is seen after Accept", { timeout: 120_000 }, async (t) => {
  const { agent, shopper } = await open(t, "instant");
  await shopper.says(TOLD);
  await shopper.isSilent();

  await shopper.press("Join");
  await agent.find("button", "Accept");
  await Promise.all([sends(agent), sends(shopper)]);
  await shopper.says("Nobody sees or hears you before they answer");
  for (const seat of [agent, shopper]) {
    const { payloadReceived } = await seat.stats();
    assert.equal(payloadReceived, 0, `${seat.side}: received media before Accept`);
  }

  await agent.press("Accept");
  await Promise.all([agent.meets(), shopper.meets()]);
  await agent.press("Hang up");
  await Promise.all([stops(agent), stops(shopper)]);
});

test("instant: nothing is sent after a ring that was declined", { timeout: 120_000 }, async (t) => {
  const { agent, shopper } = await open(t, "instant");
  await shopper.press("Join");
  await agent.find("button", "Accept");
  await Promise.all([sends(agent), sends(shopper)]);
  await agent.press("Decline");
  await Promise.all([stops(agent), stops(shopper)]);
  await shopper.find("button", "Leave the queue");
});

test("private: nothing is sent while it rings", { timeout: 120_000 }, async (t) => {
  const { agent, shopper } = await open(t, "private");
  await shopper.press("Join");
  await agent.find("button", "Accept");
  await shopper.says("Your camera and microphone go on when they answer");
  await sleep(1_500);
  await Promise.all([agent.isSilent(), shopper.isSilent()]);
  assert.ok(!(await shopper.text()).includes(TOLD));
  await agent.press("Accept");
  await Promise.all([agent.meets(), shopper.meets()]);
});
