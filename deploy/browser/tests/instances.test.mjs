// Three signaling instances over one PostgreSQL: the agent's page is connected to one, the shopper's to
// another. Each of the two instance is killed in mid-call, and so is the database; the call does not notice.

import assert from "node:assert/strict";
import { test } from "node:test";

import { longestGap } from "../lib/frames.mjs";
import { instances, leader, ready } from "../lib/instances.mjs";
import { talking } from "../lib/scenes.mjs";
import { Seat } from "../lib/seat.mjs";
import { sleep, until } from "../lib/until.mjs";

/** Far more than a takeover needs, on whatever machine; what it takes is reported. */
const BACK_WITHIN = 20_000;
/** How long the database is away: longer than a lease and than the longest wait between two tries. */
const DATABASE_AWAY = 1_000 * Number(process.env.DATABASE_AWAY_S ?? 8);

/** What carries the call of a page: a page that keeps it has not opened anything else. */
const connections = (seat) => seat.page.evaluate(() => window.__probe.pcs.length);

/** Waits until each page has been welcomed once more, and reports how long that took. */
async function welcomedAgain(t, what, seats, before, at) {
  const took = await Promise.all(
    seats.map(async (seat, i) => {
      const welcomes = () => seat.heard("welcome");
      const again = await until(`${seat.side}: to be back`, welcomes, (w) => w.length > before[i], BACK_WITHIN);
      assert.equal(again.at(-1).leg_alive, true, `${seat.side}: keeps its leg`);
      return Date.now() - at;
    }),
  );
  t.diagnostic(`${what}: welcomed again after ${took.join(" and ")} ms`);
}

test("a call outlives its signaling instances and their database", { timeout: 180_000 + DATABASE_AWAY }, async (t) => {
  const { database, servers, fronts } = await instances(t, 3);
  const first = await until("an instance to lead", () => leader(servers));
  const others = servers.filter((server) => server !== first);
  const [follower] = others;
  const [agents, shoppers] = [first, follower].map((server) => fronts[servers.indexOf(server)]);
  const frames = { frames: true };
  const { shopper, agent } = await talking(t, first, {
    signIn: agents.through(await first.signIn()),
    link: shoppers.through(first.shopperUrl),
    shopper: frames,
    agent: frames,
  });
  const seats = [shopper, agent];
  const [{ call }] = await agent.heard("call_started");
  const carrying = await Promise.all(seats.map(connections));

  const undisturbed = async (what, at) => {
    await sleep(1_000);
    const gaps = [];
    for (const seat of seats) {
      const seen = await seat.page.evaluate(() => window.__frames);
      gaps.push(Math.round(longestGap(seen.frames, at - 200).ms));
      assert.equal((await seat.heard("call_ended")).length, 0);
    }
    t.diagnostic(`${what}: longest time without a new picture ${gaps.join(" and ")} ms`);
    assert.deepEqual(await Promise.all(seats.map(connections)), carrying, "nobody opened anything new");
  };
  const counts = () => Promise.all(seats.map(async (seat) => (await seat.heard("welcome")).length));

  await t.test("the instance that follows is killed", async () => {
    const [before] = await counts();
    const at = Date.now();
    await follower.kill();
    await welcomedAgain(t, "follower killed", [shopper], [before], at);
    await undisturbed("follower killed", at);
    await shopper.chat("One");
    await agent.says("One");
    await follower.start();
    await ready(follower);
  });

  let second;
  await t.test("the instance that leads is killed", async () => {
    const before = await counts();
    const at = Date.now();
    await first.kill();
    second = await until("another one to lead", () => leader(others), Boolean, BACK_WITHIN);
    t.diagnostic(`leader killed: another leads after ${Date.now() - at} ms`);
    await welcomedAgain(t, "leader killed", seats, before, at);
    await undisturbed("leader killed", at);
    await agent.chat("Two");
    await shopper.says("Two");
    await first.start();
    await ready(first);
  });

  await t.test("the database is away", async () => {
    const waiting = await Seat.open("shopper", shoppers.through((await first.link()).url));
    t.after(() => waiting.close());
    await waiting.preview();
    const at = Date.now();
    assert.equal(await database.stop(), "stopped");
    await shopper.chat("Three");
    await agent.says("Three");
    await waiting.press("Join");
    const refused = await until("the page to be refused", () => waiting.heard("problem"), (p) => p.length > 0);
    assert.deepEqual([refused[0].status, refused[0].code, refused[0].retry_after], [503, "unavailable", 5]);
    for (const server of servers) {
      const [live, isReady] = await Promise.all(
        ["livez", "readyz"].map((path) => fetch(`http://127.0.0.1:${server.adminPort}/${path}`)),
      );
      assert.deepEqual([live.status, isReady.status], [200, 503]);
      assert.match(await isReady.text(), /the store cannot be written/);
    }
    await sleep(DATABASE_AWAY);
    await undisturbed("database away", at);
    assert.equal(await database.start(), "started");
    for (const server of servers) await ready(server);
    assert.equal(await leader(servers), second, "nobody took over from a leader that was there");
    // The desk finds out within five seconds that it can store again; the page was told as much.
    const joins = async () => {
      if ((await waiting.heard("queue")).length > 0) return true;
      await waiting.press("Join", 1_000).catch(() => {});
      await sleep(1_000);
      return false;
    };
    await until("the page to be in the queue", joins, Boolean, 20_000);
  });

  await agent.press("Hang up");
  await shopper.gone("button", "Hang up");
  const record = await until(
    "the end to be stored",
    () => first.api(`/v1/calls/${call}`),
    ({ state }) => state === "ended",
  );
  assert.deepEqual([record.epoch, record.chat_count, record.end_reason], [1, 3, "agent_hung_up"], "bridged once");
});
