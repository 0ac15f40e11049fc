// Who rings, and what happens when nobody takes it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Seat } from "../lib/seat.mjs";
import { Server } from "../lib/server.mjs";

test("a declined shopper goes to the next agent", { timeout: 120_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const [first, second, shopper] = await Promise.all([
    Seat.open("agent", await server.signIn()),
    Seat.open("agent", await server.signIn()),
    Seat.open("shopper", server.shopperUrl),
  ]);
  t.after(() => Promise.all([first, second, shopper].map((seat) => seat.close())));

  await first.press("Go available");
  await shopper.press("Join");
  await first.press("Decline");
  await first.gone("button", "Accept");
  await shopper.find("button", "Leave the queue");

  await second.press("Go available");
  await second.press("Accept");
  await shopper.find("button", "Hang up");
  await shopper.meets({ sound: false });
});

test("a shopper sees their place, and can leave it", { timeout: 120_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const [one, two] = await Promise.all([
    Seat.open("shopper", (await server.link()).url),
    Seat.open("shopper", (await server.link()).url),
  ]);
  t.after(() => Promise.all([one.close(), two.close()]));

  await one.press("Join");
  await one.find("button", "Leave the queue");
  await two.press("Join");
  await two.says("You are number 2 in line");
  await one.press("Leave the queue");
  await two.says("You are next");
});

test("a console that answers automatically is in the call without a ring", { timeout: 120_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const [agent, shopper] = await Promise.all([
    Seat.open("agent", await server.signIn()),
    Seat.open("shopper", server.shopperUrl),
  ]);
  t.after(() => Promise.all([agent.close(), shopper.close()]));
  await agent.press("Go available");
  await (await agent.find("checkbox", "Answer calls automatically")).click();
  await Promise.all([agent.preview(), shopper.preview()]);
  await Promise.all([agent.isSilent(), shopper.isSilent()]);

  await shopper.press("Join");
  await Promise.all([agent.meets({ sound: false }), shopper.meets({ sound: false })]);
  assert.equal((await agent.heard("offer")).length, 0);
});
