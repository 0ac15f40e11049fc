// One call by each path. Each returns what both screens saw, counted from the click.

import assert from "node:assert/strict";

import { sleep, until } from "../lib/until.mjs";
import { acceptAtOnce } from "./watch.mjs";

/** A run that has shown nothing by then has failed. */
const GIVE_UP_MS = 20_000;

/** The time of the last press on the button of this name; a button may also show its key. */
const clickOn = (seat, name) =>
  until(`${seat.side}: the click on ${name}`, () =>
    seat.page.evaluate(
      (wanted) => window.__watch.clicks.findLast(({ name }) => name?.startsWith(wanted))?.at,
      name,
    ),
  );

async function screens({ shopper, agent }, clicked, watchMs) {
  const measure = (seat) =>
    Promise.race([
      seat.page.evaluate((at, ms) => window.__watch.measure(at, ms), clicked, watchMs),
      sleep(GIVE_UP_MS + watchMs).then(() => {
        throw new Error(`${seat.side}: no remote frame within ${GIVE_UP_MS} ms`);
      }),
    ]);
  const [onShopper, onAgent] = await Promise.all([measure(shopper), measure(agent)]);
  return { shopper: onShopper, agent: onAgent, later: Math.max(onShopper.at, onAgent.at) };
}

const connected = (seat) =>
  until(`${seat.side}: the leg`, () =>
    seat.page.evaluate(() => window.__probe.pcs.some((pc) => pc.connectionState === "connected")),
  );

/** An available agent at a page just loaded, a shopper in the lobby; both legs are connected. */
async function ready({ server, shopper, agent }) {
  const { url } = await server.link();
  await shopper.page.goto("about:blank");
  await Promise.all([
    agent.page.goto(`${server.origin}/agent`, { waitUntil: "load" }),
    shopper.page.goto(url, { waitUntil: "load" }),
  ]);
  await until("the console", () => agent.says(/You are (available|on a break)/).then(() => true));
  if (await agent.has("button", "Go available")) await agent.press("Go available");
  await Promise.all([shopper, agent].flatMap((seat) => [seat.preview(), connected(seat)]));
}

/** Ends the call, and reads its record. */
async function record({ server, agent }) {
  const [{ call }] = await agent.heard("call_started");
  await agent.press("Hang up");
  await agent.wrapUp("");
  // The pages' last stages are on their way.
  const { timeline } = await until(
    "the call's record",
    () => server.api(`/v1/calls/${call}`),
    ({ timeline: entries }) =>
      ["agent", "shopper"].every((side) =>
        entries.some((entry) => entry.side === side && entry.stage === "first_frame"),
      ),
  );
  return timeline;
}

/** The agent's press on Accept, legs warm, nothing sent before. */
export async function warm(world, watchMs) {
  await ready(world);
  await world.shopper.press("Join");
  await world.agent.find("button", "Accept");
  // A person takes a moment.
  await sleep(800 + Math.random() * 400);
  await world.shopper.isSilent();
  await world.agent.press("Accept");
  const result = await screens(world, await clickOn(world.agent, "Accept"), watchMs);
  return { ...result, timeline: await record(world) };
}

/** The shopper's press on Join, with an agent whose page accepts by itself. */
export async function cold(world, watchMs) {
  await ready(world);
  await world.agent.page.evaluate(acceptAtOnce);
  await world.shopper.isSilent();
  await world.shopper.press("Join");
  const result = await screens(world, await clickOn(world.shopper, "Join"), watchMs);
  return { ...result, timeline: await record(world) };
}

/** The same people without us: the press on Call, browser to browser. */
export async function direct(world, watchMs) {
  const { shopper, agent, relay } = world;
  for (const seat of [shopper, agent]) {
    await seat.page.goto(relay.origin, { waitUntil: "load" });
    await until(`${seat.side}: the direct page`, async () => (await seat.page.title()) === "ready");
  }
  await shopper.isSilent();
  await agent.press("Call");
  const result = await screens(world, await clickOn(agent, "Call"), watchMs);
  const sides = await Promise.all([shopper, agent].map((seat) => seat.stats()));
  for (const stats of sides) assert.equal(stats.dtls, "connected");
  await Promise.all([shopper, agent].map((seat) => seat.page.goto("about:blank")));
  return result;
}
