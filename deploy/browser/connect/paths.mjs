// One call by each path. Each returns what both screens saw, counted from the click.

import assert from "node:assert/strict";

import { sleep, until } from "../lib/until.mjs";
import { acceptAtOnce } from "./watch.mjs";

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
    seat.page.evaluate((at, ms) => window.__watch.measure(at, ms), clicked, watchMs);
  const [onShopper, onAgent] = await Promise.all([measure(shopper), measure(agent)]);
  return { shopper: onShopper, agent: onAgent, later: Math.max(onShopper.at, onAgent.at) };
}

/** Both screens count from here: a console stays open from call to call. */
const begin = ({ shopper, agent }) =>
  Promise.all([shopper, agent].map((seat) => seat.page.evaluate(() => window.__watch.begin())));

const connected = (seat) =>
  until(`${seat.side}: the leg`, () =>
    seat.page.evaluate(() => window.__probe.pcs.some((pc) => pc.connectionState === "connected")),
  );

/**
 * An available agent whose console stays open from call to call, and a shopper who has just come:
 * both legs are connected.
 */
async function ready({ server, cookies }, { shopper, agent }) {
  const { url } = await server.link();
  await shopper.page.goto("about:blank");
  const visits = [shopper.page.goto(url, { waitUntil: "load" })];
  const desk = `${server.origin}/agent`;
  if (!agent.page.url().startsWith(desk)) {
    // Cookies know no ports: each server's own has to be put back.
    await agent.browser.setCookie(...cookies);
    visits.push(agent.page.goto(desk, { waitUntil: "load" }));
  }
  await Promise.all(visits);
  await agent.says(/You are (available|on a break)/);
  if (await agent.has("button", "Go available")) await agent.press("Go available");
  await Promise.all([shopper, agent].flatMap((seat) => [seat.preview(), connected(seat)]));
}

/** After a run that failed: no call goes on, and the next run loads its pages anew. */
export async function recover({ shopper, agent }) {
  if (await agent.has("button", "Hang up")) {
    await agent.press("Hang up");
    await agent.wrapUp("");
  }
  await Promise.all([shopper, agent].map((seat) => seat.page.goto("about:blank")));
}

/** Ends the call, and reads its record. */
async function record({ server }, agent) {
  const { call } = (await agent.heard("call_started")).at(-1);
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

/** Rings, lets a person's moment pass, checks what has been sent until then, and accepts. */
async function accepted(desk, world, watchMs, check) {
  const { shopper, agent } = world;
  await ready(desk, world);
  await shopper.press("Join");
  await agent.find("button", "Accept");
  await sleep(800 + Math.random() * 400);
  await begin(world);
  await check();
  await agent.press("Accept");
  const result = await screens(world, await clickOn(agent, "Accept"), watchMs);
  return { ...result, timeline: await record(desk, agent) };
}

/** The agent's press on Accept, legs warm, nothing sent before. */
export const warm = (world, watchMs) =>
  accepted(world.desks.private, world, watchMs, () => world.shopper.isSilent());

/** The same where media flows to the node from the ring on, and to nobody else. */
export const instant = (world, watchMs) =>
  accepted(world.desks.instant, world, watchMs, async () => {
    const { shopper, agent } = world;
    assert.ok((await shopper.stats()).packetsSent > 0, "the shopper's page sends nothing while it rings");
    const { packetsReceived } = await agent.stats();
    await sleep(100);
    const since = (await agent.stats()).packetsReceived - packetsReceived;
    assert.equal(since, 0, "the agent's page receives media before Accept");
  });

/** The shopper's press on Join, with an agent whose page accepts by itself. */
export async function cold(world, watchMs) {
  const { shopper, agent, desks } = world;
  await ready(desks.private, world);
  await agent.page.evaluate(acceptAtOnce);
  await begin(world);
  await shopper.isSilent();
  await shopper.press("Join");
  const result = await screens(world, await clickOn(shopper, "Join"), watchMs);
  return { ...result, timeline: await record(desks.private, agent) };
}

/** The same people without us: the press on Call, browser to browser. */
export async function direct(world, watchMs) {
  const { shopper, agent, relay } = world;
  await Promise.all([shopper, agent].map((seat) => seat.page.goto(relay.origin, { waitUntil: "load" })));
  for (const seat of [shopper, agent]) {
    await until(`${seat.side}: the direct page`, async () => (await seat.page.title()) === "ready");
  }
  await begin(world);
  await shopper.isSilent();
  await agent.press("Call");
  const result = await screens(world, await clickOn(agent, "Call"), watchMs);
  const sides = await Promise.all([shopper, agent].map((seat) => seat.stats()));
  for (const stats of sides) assert.equal(stats.dtls, "connected");
  return result;
}
