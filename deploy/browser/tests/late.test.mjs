// The message that says that a call has started is late; the other side's media is not.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Seat } from "../lib/seat.mjs";
import { Server } from "../lib/server.mjs";
import { sleep, until } from "../lib/until.mjs";

/** Injected: holds `call_started` back until `__release`. */
function holdBack() {
  const held = [];
  let released = false;
  const { set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
  Object.defineProperty(WebSocket.prototype, "onmessage", {
    set(handler) {
      set.call(this, (event) => {
        if (!released && JSON.parse(event.data).type === "call_started") held.push(() => handler(event));
        else handler(event);
      });
    },
  });
  window.__release = () => {
    released = true;
    for (const deliver of held) deliver();
  };
}

test("a shopper sends as soon as the agent's media is there, and not for long when nobody says why", { timeout: 60_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const agent = await Seat.open("agent", await server.signIn());
  const shopper = await Seat.open("shopper", "about:blank");
  t.after(() => Promise.all([agent.close(), shopper.close()]));
  await shopper.page.evaluateOnNewDocument(holdBack);
  await shopper.page.goto(server.shopperUrl);
  await agent.press("Go available");
  await Promise.all([agent.preview(), shopper.preview()]);
  await shopper.press("Join");
  await agent.find("button", "Accept");
  await shopper.isSilent();

  await agent.press("Accept");
  const sent = async () => (await shopper.stats()).packetsSent;
  await until("the shopper: to send", sent, (packets) => packets > 10);
  assert.equal(await shopper.has("button", "Hang up"), false, "nobody has told the page of a call");
  const more = async () => {
    const before = await sent();
    await sleep(700);
    return (await sent()) - before;
  };
  await until("the shopper: to stop sending", more, (packets) => packets === 0);

  await shopper.page.evaluate(() => window.__release());
  await Promise.all([shopper.meets({ sound: false }), agent.meets({ sound: false })]);
});
