// A page that is reloaded, or whose socket is away for a while, comes back into the same call.

import assert from "node:assert/strict";
import { test } from "node:test";

import { cuttable } from "../lib/proxy.mjs";
import { talking } from "../lib/scenes.mjs";
import { Server } from "../lib/server.mjs";
import { sleep, until } from "../lib/until.mjs";

/** How long a socket is away: longer than a lift ride or a change of cell. */
const AWAY_MS = 20_000;

const callOf = async (seat) => {
  const started = await seat.heard("call_started");
  const welcomed = (await seat.heard("welcome")).map((m) => m.phase);
  return [...started, ...welcomed].map((m) => m.call).filter(Boolean).at(-1);
};

test("a reload of either page resumes the call", { timeout: 120_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const { shopper, agent } = await talking(t, server);
  const call = await callOf(agent);

  for (const [reloads, stays] of [
    [shopper, agent],
    [agent, shopper],
  ]) {
    await t.test(`${reloads.side} reloads`, async () => {
      await reloads.page.reload({ waitUntil: "load" });
      await reloads.find("button", "Hang up");
      await Promise.all([reloads.meets({ timeout: 20_000 }), stays.meets({ timeout: 20_000 })]);
      assert.equal(await callOf(reloads), call, "it is the same call");
      assert.equal((await stays.heard("call_ended")).length, 0);
    });
  }
});

test("a call goes on after a restart of the server", { timeout: 120_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const { shopper, agent } = await talking(t, server);
  const call = await callOf(agent);

  await server.restart();

  for (const seat of [shopper, agent]) {
    await until(
      `${seat.side}: to be welcomed again`,
      () => seat.heard("welcome"),
      (welcomes) => welcomes.length >= 2,
      30_000,
    );
  }
  await Promise.all([shopper.meets({ timeout: 30_000 }), agent.meets({ timeout: 30_000 })]);
  assert.equal(await callOf(shopper), call, "it is the same call");
  await shopper.chat("Still there?");
  await agent.says("Still there?");
  assert.equal((await agent.heard("call_ended")).length, 0);
});

for (const side of ["shopper", "agent"]) {
  test(`the ${side}'s socket is away for 20 s`, { timeout: 120_000 }, async (t) => {
    const server = await Server.start();
    t.after(() => server.stop());
    const proxy = await cuttable(server.port);
    t.after(() => proxy.close());
    const through = (url) => url.replace(`:${server.port}`, `:${proxy.port}`);
    const options = { [side]: {} };
    if (side === "shopper") options.link = through(server.shopperUrl);
    else options.signIn = through(await server.signIn());
    const { shopper, agent } = await talking(t, server, options);
    const [away, stays] = side === "shopper" ? [shopper, agent] : [agent, shopper];
    const call = await callOf(away);

    proxy.cut();
    const { framesDecoded } = await away.stats();
    await sleep(AWAY_MS);
    assert.ok(
      (await away.stats()).framesDecoded > framesDecoded + 100,
      "media does not depend on the socket",
    );
    proxy.mend();

    await until("the page to come back", () => proxy.open, (open) => open > 0, 20_000);
    await away.chat("I am back.");
    await stays.says("I am back.");
    await Promise.all([away.meets(), stays.meets()]);
    assert.equal(await callOf(away), call, "it is the same call");
    assert.equal((await stays.heard("call_ended")).length, 0);
  });
}
