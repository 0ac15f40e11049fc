// One call by each path. Each returns what both screens saw, counted from the press.

import assert from "node:assert/strict";

import { sleep, until } from "../lib/until.mjs";

/** What a person lets pass before a press: the pages are at rest, and frames have no fixed phase to it. */
const moment = () => sleep(600 + Math.random() * 400);

/** Calls a function of `__watch` in the page. */
const ask = (seat, name, ...args) =>
  seat.page.evaluate((called, given) => window.__watch[called](...given), name, args).catch((error) => {
    throw new Error(`${seat.side}: ${error.message}`);
  });

/** A real press, through the browser's input: returns its time stamp. */
async function press(seat, name) {
  const { x, y } = await ask(seat, "place", name);
  await seat.page.mouse.click(x, y);
  return until(
    `${seat.side}: the press on ${name}`,
    () =>
      seat.page.evaluate(
        (wanted) => window.__watch.clicks.findLast((click) => click.name?.startsWith(wanted))?.at,
        name,
      ),
  );
}

async function screens({ shopper, agent, holdMs }, clicked, watchMs) {
  const [onShopper, onAgent] = await Promise.all(
    [shopper, agent].map((seat) => ask(seat, "measure", clicked, watchMs)),
  );
  if (holdMs > watchMs) await sleep(holdMs - watchMs);
  return { shopper: onShopper, agent: onAgent, later: Math.max(onShopper.at, onAgent.at) };
}

/** Both screens count from here: a console stays open from call to call. */
const begin = ({ shopper, agent }, watchMs) =>
  Promise.all([shopper, agent].map((seat) => ask(seat, "begin", watchMs > 0)));

const both = ({ shopper, agent }, name) => Promise.all([shopper, agent].map((seat) => ask(seat, name)));

/** The agent's console, open and available; it stays so from call to call. `auto`: it answers by itself. */
async function atTheDesk({ server, cookies }, { agent }, auto) {
  const desk = `${server.origin}/agent`;
  if (!agent.page.url().startsWith(desk)) {
    // Cookies know no ports: each server's own has to be put back.
    await agent.browser.setCookie(...cookies);
    await agent.page.goto(desk, { waitUntil: "load" });
  }
  const found = await ask(agent, "oneOf", ["Go available", "Take a break"]);
  if (found === "Go available") await ask(agent, "press", found);
  await ask(agent, "tick", "Answer calls automatically", auto);
}

/** An available agent, and a shopper who has just come: both see themselves, both legs are connected. */
async function ready(desk, world, { auto = false } = {}) {
  const { url } = await desk.server.link();
  await world.shopper.page.goto("about:blank");
  await Promise.all([atTheDesk(desk, world, auto), world.shopper.page.goto(url, { waitUntil: "load" })]);
  await Promise.all([both(world, "preview"), both(world, "connected")]);
}

/** Leaves whatever a failed run has left: the next one loads its pages anew. */
export async function recover({ shopper, agent }) {
  if (await agent.has("button", "Hang up")) await ask(agent, "press", "Hang up");
  await Promise.all([shopper, agent].map((seat) => seat.page.goto("about:blank")));
}

/** Ends the call, and reads its record. */
async function record({ server }, agent) {
  const { call } = (await agent.heard("call_started")).at(-1);
  await ask(agent, "press", "Hang up");
  await ask(agent, "choose");
  await ask(agent, "press", "Done");
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
  const { shopper, agent, beforePress } = world;
  await ready(desk, world);
  await press(shopper, "Join");
  await ask(agent, "place", "Accept");
  await moment();
  await begin(world, watchMs);
  await check();
  await beforePress?.();
  const result = await screens(world, await press(agent, "Accept"), watchMs);
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

/** How long the shopper's leg takes to open, from its making: a page that has just been loaded. */
export async function opening(world) {
  const { shopper, agent, desks, beforePress } = world;
  const { url } = await desks.private.server.link();
  await Promise.all([shopper, agent].map((seat) => seat.page.goto("about:blank")));
  await beforePress?.();
  await shopper.page.goto(url, { waitUntil: "load" });
  return ask(shopper, "opening");
}

/** The shopper's press on Join, with an agent who has calls answered automatically. */
export async function cold(world, watchMs) {
  const { shopper, agent, desks } = world;
  await ready(desks.private, world, { auto: true });
  await moment();
  await begin(world, watchMs);
  await shopper.isSilent();
  const result = await screens(world, await press(shopper, "Join"), watchMs);
  return { ...result, timeline: await record(desks.private, agent) };
}

/** The same people without us: the press on Call, browser to browser. */
export async function direct(world, watchMs) {
  const { shopper, agent, relay } = world;
  await Promise.all([shopper, agent].map((seat) => seat.page.goto(relay.origin, { waitUntil: "load" })));
  await both(world, "preview");
  await Promise.all([shopper, agent].map((seat) => ask(seat, "place", "Call")));
  await moment();
  await begin(world, watchMs);
  await shopper.isSilent();
  const result = await screens(world, await press(agent, "Call"), watchMs);
  const sides = await Promise.all([shopper, agent].map((seat) => seat.stats()));
  for (const stats of sides) assert.equal(stats.dtls, "connected");
  return result;
}
