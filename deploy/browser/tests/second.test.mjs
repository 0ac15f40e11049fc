// A call starts although the first connection of both pages holds back what the start waits for, as it does while TCP
// sends a lost segment again: the copies on the second connections are there.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ringing } from "../lib/scenes.mjs";
import { Seat } from "../lib/seat.mjs";
import { Server } from "../lib/server.mjs";
import { until } from "../lib/until.mjs";

/** In the page, before its own scripts: `window.holdBack()` stops its first connection, both ways, until `window.letGo()`. */
function install() {
  const waiting = [];
  let held = false;
  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(url) {
      super(url);
      if (!url.endsWith("/ws")) return;
      this.addEventListener("message", (event) => {
        if (!held) return;
        event.stopImmediatePropagation();
        waiting.push(() => this.dispatchEvent(new MessageEvent("message", { data: event.data })));
      });
      const send = this.send.bind(this);
      this.send = (data) => (held ? waiting.push(() => send(data)) : send(data));
    }
  };
  window.holdBack = () => (held = true);
  window.letGo = () => {
    held = false;
    waiting.splice(0).forEach((go) => go());
  };
}

test("a call starts by the second connections while the first ones stand still", { timeout: 60_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const [shopper, agent] = await Promise.all(["shopper", "agent"].map((side) => Seat.open(side, "about:blank")));
  t.after(() => Promise.all([shopper.close(), agent.close()]));
  for (const { page } of [shopper, agent]) await page.evaluateOnNewDocument(install);
  await Promise.all([
    shopper.page.goto(server.shopperUrl, { waitUntil: "load" }),
    agent.page.goto(await server.signIn(), { waitUntil: "load" }),
  ]);
  await until("both second connections", () => server.figure("signaling_ws_second_connections"), (count) => count === 2);
  await ringing(shopper, agent);

  await Promise.all([shopper, agent].map(({ page }) => page.evaluate(() => window.holdBack())));
  await agent.press("Accept");
  await Promise.all([shopper.find("button", "Hang up"), agent.find("button", "Hang up")]);
  await Promise.all([shopper, agent].map(({ page }) => page.evaluate(() => window.letGo())));

  // What was late changes nothing, and what follows is in order.
  await agent.chat("hello");
  await shopper.says("hello");
  await Promise.all([shopper.meets(), agent.meets()]);
  assert.equal((await agent.heard("problem")).length, 0);
  const first = await server.figure('signaling_ws_copies_total{came="first"}');
  assert.ok(first >= 1, "the accept came as a copy first");
  await shopper.press("Hang up");
  await agent.says("How did it go");
});
