// Two people in a call that is to survive, and what is seen and heard on their screens meanwhile.

import { execFileSync } from "node:child_process";

import { openCluster } from "../lib/cluster.mjs";
import { longestGap } from "../lib/frames.mjs";
import { labStats, setLink } from "../lib/lab.mjs";
import { LIGHT } from "../lib/media.mjs";
import { inCall } from "../lib/scenes.mjs";
import { Seat } from "../lib/seat.mjs";
import { sleep, until } from "../lib/until.mjs";

const { WAN_BIN } = process.env;
const NODES = ["a", "b", "c"];
/** How long a screen may take to come back before it counts as never. */
const NEVER_AFTER = 10_000;
/** Pictures and sounds in a row that mean it is back, and not the last of what was on its way. */
const STEADY_FOR = 700;

/** The leg of a page that has gone without a word ends with its consent (RFC 7675), 30 s later. */
const GATHERED_WITHIN = 45_000;

/** Two of them and all else share a few cores: what they show is small, so that it is shown in time. */
export const WATCHED = { observed: false, frames: true, picture: LIGHT, viewport: { width: 480, height: 720 } };

/** Runs a command in a host of the emulated network. */
export const inside = (host, ...command) => execFileSync(WAN_BIN, ["exec", host, "--", ...command], { encoding: "utf8" });

/** Signaling, three nodes, two browsers. */
export async function openWorld({ rtt }) {
  const cluster = await openCluster(NODES, { hosts: true });
  const opened = [cluster.close];
  const close = async () => {
    for (const end of opened.reverse()) await end();
  };
  try {
    if (rtt > 0) for (const side of ["shopper", "agent"]) setLink(`${side}.access`, { delay_ms: rtt / 2 });
    const args = [`--unsafely-treat-insecure-origin-as-secure=${cluster.server.origin}`];
    const seats = [];
    for (const side of ["shopper", "agent"]) {
      const seat = await Seat.open(side, "about:blank", { host: side, args, ...WATCHED });
      opened.push(() => seat.close());
      seats.push(seat);
    }
    const [shopper, agent] = seats;
    // Devices that are opened meanwhile.
    const extra = [];
    opened.push(() => Promise.all(extra.map((seat) => seat.close())));
    await agent.page.goto(await cluster.server.signIn());
    return { ...cluster, shopper, agent, seats, extra, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A new call between the two. */
export async function call(world) {
  const { server, shopper, agent } = world;
  const { url } = await server.link();
  world.url = url;
  await shopper.page.goto("about:blank");
  await shopper.page.goto(url, { waitUntil: "load" });
  if (await agent.has("button", "Go available")) await agent.press("Go available");
  await Promise.all([shopper.preview(), agent.preview()]);
  await shopper.press("Join");
  await inCall(shopper, agent);
  await Promise.all([shopper.meets({ sound: false }), agent.meets({ sound: false })]);
  await gather(world);
  const heard = await agent.heard("call_started");
  return { id: heard.at(-1).call, before: heard.length };
}

/** Brings both sides to one node, as most trials want to know which one it is. */
async function gather({ nodes }) {
  const [stays, ...others] = nodes;
  for (const node of others) await node.admin("/admin/drain", "POST");
  for (const node of others) {
    await until(`node ${node.name} to be empty`, () => node.figure("sfu_legs"), (legs) => legs === 0, GATHERED_WITHIN);
  }
  for (const node of others) await node.admin("/admin/drain", "DELETE");
  await until("the call to be gathered", () => stays.figure("sfu_legs"), (legs) => legs === 2, GATHERED_WITHIN);
}

/** Ends it; throws if it was not one call, with one record, all the time. */
export async function hangUp({ server, agent }, { id, before }) {
  const record = await server.api(`/v1/calls/${id}`);
  if (record.ended_at !== null) throw new Error(`${id} has ended: ${JSON.stringify(record)}`);
  const since = (await agent.heard("call_started")).slice(before);
  if (since.some((started) => started.call !== id)) throw new Error("another call was started");
  const ended = await agent.heard("call_ended");
  if (ended.some(({ call: over }) => over === id)) throw new Error(`${id} has ended for the agent`);
  await agent.press("Hang up");
  await agent.wrapUp();
  await until("the end in the record", () => server.api(`/v1/calls/${id}`), ({ ended_at: at }) => at !== null);
  return { epoch: record.epoch };
}

/** What both screens have seen and heard since it was last forgotten. */
export const seen = ({ seats }) => Promise.all(seats.map((seat) => seat.page.evaluate(() => window.__frames)));

/** Forgets what has been seen so far. */
export const forget = ({ seats }) =>
  Promise.all(seats.map((seat) => seat.page.evaluate(() => {
    for (const list of Object.values(window.__frames)) list.splice(0, Math.max(0, list.length - 40));
  })));

/** When picture and sound of these screens were back after `at`, in ms; null for what never came. */
export async function back(world, at, seats = world.seats) {
  const steady = (times) => times.filter((time) => time > at + STEADY_FOR / 2).length > 8;
  const watched = { seats };
  await until("the screens to be back", () => seen(watched), (all) => all.every(({ frames, sounds }) => steady(frames) && steady(sounds)), NEVER_AFTER).catch(() => {});
  // A second stop right after the first one belongs to it.
  await sleep(STEADY_FOR);
  const result = {};
  for (const [index, { frames, sounds }] of (await seen(watched)).entries()) {
    const { side } = seats[index];
    for (const [what, times] of Object.entries({ frames, sounds })) {
      result[`${side}_${what}`] = steady(times) ? Math.max(0, longestGap(times, at - 100).end - at) : null;
    }
  }
  return result;
}

/** The longest stop of each picture and sound between two times. */
export async function stops(world, from, to) {
  const result = {};
  for (const [index, { frames, sounds }] of (await seen(world)).entries()) {
    const { side } = world.seats[index];
    for (const [what, times] of Object.entries({ frames, sounds })) result[`${side}_${what}`] = longestGap(times, from, to).ms;
  }
  return result;
}

/** How late the emulator was, for trust in what was measured. */
export const lateness = () => labStats().event_lateness_us_below;
