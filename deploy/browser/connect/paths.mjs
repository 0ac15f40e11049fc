// One call by each path. Each returns what both screens saw, counted from the press.

import assert from "node:assert/strict";

import { sleep, until } from "../lib/until.mjs";

/** What a person lets pass before a press: the pages are at rest, and frames have no fixed phase to it. */
const moment = () => sleep(600 + Math.random() * 400);
/** So long before a press nothing is asked of the pages any more, ms, and nothing until both screens have their frame. */
const UNASKED = 200;
/** A finger or a mouse button is down for so long, ms; the click is when it comes up. */
const PRESSED = 60;
/** A call lasts at least so long, ms: who presses Hang up in the moment of the first frame would cut the pages' own notes off. */
const LEAST_CALL = 500;

/** Calls a function of `__watch` in the page. */
const ask = (seat, name, ...args) => {
  seat.doing = [name, ...args].join(" ");
  return seat.page.evaluate((called, given) => window.__watch[called](...given), name, args).catch((error) => {
    throw new Error(`${seat.side}: ${error.message}`);
  });
};

/**
 * A real press, through the browser's input, and what both screens show from then on, counted from the event's
 * own time stamp. The pages are asked before, and answer when it is over.
 */
async function pressed(world, seat, name, watchMs, check) {
  const { shopper, agent, holdMs, beforePress } = world;
  const { x, y } = await ask(seat, "place", name);
  await seat.page.mouse.move(x, y);
  await moment();
  await Promise.all([shopper, agent].map((one) => ask(one, "begin", watchMs > 0)));
  await check();
  const answers = Promise.all([shopper, agent].map((one) => ask(one, "measure", name, watchMs)));
  // It may fail before anybody waits for it.
  answers.catch(() => {});
  await sleep(UNASKED);
  await seat.page.mouse.down();
  await sleep(PRESSED);
  await beforePress?.();
  await seat.page.mouse.up();
  const screens = await answers;
  const { clicked } = screens[seat === shopper ? 0 : 1];
  const [onShopper, onAgent] = screens.map(({ clicked: _, ...screen }, i) => {
    const since = { ...screen, at: screen.at - clicked, received: screen.received - clicked };
    assert.ok(since.received > 0, `${["shopper", "agent"][i]}: a remote frame came before the press`);
    return since;
  });
  await sleep(Math.max(LEAST_CALL, holdMs - watchMs));
  return { clicked, shopper: onShopper, agent: onAgent, later: Math.max(onShopper.at, onAgent.at) };
}

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

/** Presses what is not measured. */
async function press(seat, name) {
  const { x, y } = await ask(seat, "place", name);
  await seat.page.mouse.click(x, y);
}

/** An available agent, and a shopper who has just come: both see themselves, both legs are connected. */
async function ready(desk, world, { auto = false } = {}) {
  const { url } = await desk.server.link();
  await world.shopper.page.goto("about:blank");
  await Promise.all([atTheDesk(desk, world, auto), world.shopper.page.goto(url, { waitUntil: "load" })]);
  await Promise.all([both(world, "preview"), both(world, "connected")]);
}

async function wrapUp(agent) {
  await ask(agent, "choose");
  await ask(agent, "press", "Done");
}

/** Leaves whatever a failed run has left: the next one loads its pages anew. */
export async function leave({ shopper, agent }) {
  const inCall = await agent.has("button", "Hang up");
  if (inCall) await ask(agent, "press", "Hang up");
  if (inCall || (await agent.has("button", "Done"))) await wrapUp(agent);
  await Promise.all([shopper, agent].map((seat) => seat.page.goto("about:blank")));
}

/** Ends the call; its id and the stages of its record. */
async function record({ server }, agent) {
  const { call } = (await agent.heard("call_started")).at(-1);
  await ask(agent, "press", "Hang up");
  await wrapUp(agent);
  // The pages' last stages are on their way.
  const { timeline } = await until(
    "the call's record",
    () => server.api(`/v1/calls/${call}`),
    ({ timeline: entries }) =>
      ["agent", "shopper"].every((side) =>
        entries.some((entry) => entry.side === side && entry.stage === "first_frame"),
      ),
  );
  return { call, timeline };
}

/** The node had nothing of the shopper before it joined the legs, by its own clock. */
function assertPrivate(timeline) {
  const at = (stage) => timeline.find((entry) => entry.stage === stage)?.at_ms;
  for (const kind of ["audio", "video"]) {
    const first = at(`first_${kind}_packet_of_shopper`);
    assert.ok(!(first < at("bridge")), `the shopper's ${kind} was at the node ${at("bridge") - first} ms before the call`);
  }
}

/** Rings, and is accepted. `check`: what has been sent until then. */
async function accepted(desk, world, watchMs, check) {
  const { shopper, agent } = world;
  await ready(desk, world);
  await press(shopper, "Join");
  const result = await pressed(world, agent, "Accept", watchMs, check);
  return { ...result, ...(await record(desk, agent)) };
}

/** The agent's press on Accept, legs warm, nothing sent before. */
export async function warm(world, watchMs) {
  const result = await accepted(world.desks.private, world, watchMs, () => world.shopper.isSilent());
  assertPrivate(result.timeline);
  return result;
}

/** The same where media flows to the node from the ring on, and to nobody else. */
export const instant = (world, watchMs) =>
  accepted(world.desks.instant, world, watchMs, async () => {
    const { shopper, agent } = world;
    assert.ok((await shopper.stats()).packetsSent > 0, "the shopper's page sends nothing while it rings");
    const { payloadReceived } = await agent.stats();
    await sleep(100);
    const since = (await agent.stats()).payloadReceived - payloadReceived;
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
  const result = await pressed(world, shopper, "Join", watchMs, () => shopper.isSilent());
  const recorded = await record(desks.private, agent);
  assertPrivate(recorded.timeline);
  return { ...result, ...recorded };
}

/** The same people without us: the press on Call, browser to browser. */
export async function direct(world, watchMs) {
  const { shopper, agent, relay } = world;
  await Promise.all([shopper, agent].map((seat) => seat.page.goto(relay.origin, { waitUntil: "load" })));
  await both(world, "preview");
  await Promise.all([shopper, agent].map((seat) => ask(seat, "place", "Call")));
  const result = await pressed(world, agent, "Call", watchMs, () => shopper.isSilent());
  const sides = await Promise.all([shopper, agent].map((seat) => seat.stats()));
  for (const stats of sides) assert.equal(stats.dtls, "connected");
  return result;
}
