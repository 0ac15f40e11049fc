// What is done to a call, once.

import { carrier } from "../lib/cluster.mjs";
import { setLink } from "../lib/lab.mjs";
import { Seat } from "../lib/seat.mjs";
import { sleep, until } from "../lib/until.mjs";
import { back, forget, inside, stops, WATCHED } from "./call.mjs";
import { CROWD, crowd } from "./crowd.mjs";

/** Between two trials: the encoders have settled, and the phase of no timer is always the same. */
const settle = () => sleep(700 + Math.random() * 500);
const CUT = { block: "all" };
const MENDED = { block: "none" };

const carrying = ({ nodes }) => until("the node of the call", () => carrier(nodes));

/** `kill -9` of the node that carries the call. */
export async function kill(world) {
  const node = await carrying(world);
  await forget(world);
  const at = Date.now();
  await node.kill("SIGKILL");
  const result = await back(world, at);
  await node.start();
  await settle();
  return result;
}

/** The same where the shopper sends nothing and only watches. */
export async function killWatched(world) {
  const [shopper] = world.seats;
  for (const name of ["Mute", "Camera off"]) if (await shopper.has("button", name)) await shopper.press(name);
  await sleep(2_000);
  const node = await carrying(world);
  await forget(world);
  const at = Date.now();
  await node.kill("SIGKILL");
  const result = await back(world, at, [shopper]);
  await node.start();
  await settle();
  return result;
}

/** The node is frozen for `ms`, and wakes. */
export async function freeze(world, ms) {
  const node = await carrying(world);
  await forget(world);
  const at = Date.now();
  await node.kill("SIGSTOP");
  const result = await back(world, at);
  await sleep(Math.max(0, at + ms - Date.now()));
  const woken = Date.now();
  await node.kill("SIGCONT");
  await until("the node to have let go", () => node.figure("sfu_legs"), (legs) => legs === 0);
  await sleep(1_000);
  const after = await stops(world, woken, Date.now());
  await settle();
  return { ...result, after_waking: Math.max(...Object.values(after)) };
}

/** The node and signaling cannot hear each other: nothing must happen to the call. */
export async function cutFromSignaling(world) {
  const node = await carrying(world);
  const before = await epochs(world);
  await forget(world);
  const at = Date.now();
  setLink(`server<->${node.name}`, CUT);
  await sleep(8_000);
  const { nodes } = await world.server.api("/v1/nodes");
  const offered = nodes.filter(({ region, state }) => region === node.name && state === "serving");
  setLink(`server<->${node.name}`, MENDED);
  await until("the node to be registered again", async () => (await node.admin("/readyz")).ok);
  await sleep(2_000);
  const longest = Math.max(...Object.values(await stops(world, at, Date.now())));
  const after = await epochs(world);
  await settle();
  return { longest_stop: longest, bridged_again: after - before, offered_meanwhile: offered.length };
}

/** Nobody's browser reaches the node, which speaks with signaling. */
export async function cutFromPages(world, sides = ["shopper", "agent"]) {
  const node = await carrying(world);
  await forget(world);
  const at = Date.now();
  for (const side of sides) setLink(`${side}<->${node.name}`, CUT);
  const result = await back(world, at);
  for (const side of sides) setLink(`${side}<->${node.name}`, MENDED);
  await settle();
  return result;
}

/** The node is drained and serves again. */
export async function move(world) {
  const node = await carrying(world);
  await forget(world);
  const from = Date.now();
  await sleep(1_000);
  const at = Date.now();
  await node.admin("/admin/drain", "POST");
  await until("the node to be empty", () => node.figure("sfu_legs"), (legs) => legs === 0, 20_000);
  const took = Date.now() - at;
  await sleep(1_000);
  const [quiet, moved] = [await stops(world, from, at), await stops(world, at, Date.now() - 200)];
  await node.admin("/admin/drain", "DELETE");
  await sleep(300 + Math.random() * 300);
  return { ...moved, took, before: Math.max(quiet.shopper_frames, quiet.agent_frames) };
}

/** Every node is stopped with SIGTERM and started again, one after the other. */
export async function roll(world) {
  await forget(world);
  const at = Date.now();
  for (const node of world.nodes) {
    await node.kill("SIGTERM");
    await until("the node to end", () => node.exit !== null, Boolean, 30_000);
    if (node.exit !== 0) throw new Error(`node ${node.name} ended with ${node.exit}`);
    await node.start();
    await sleep(500);
  }
  const result = await stops(world, at, Date.now() - 200);
  await settle();
  return result;
}

/** The same while a crowd of synthetic callers comes and goes. */
export async function rollUnderLoad(world) {
  const gone = crowd(world);
  // As many as there will be are there.
  await sleep(8_000);
  return { ...(await roll(world)), ...(await gone) };
}

/** All calls of a crowd are on one node, which is drained. */
export async function drainCrowd(world) {
  const [node, ...others] = world.nodes;
  for (const other of others) await other.admin("/admin/drain", "POST");
  const gone = crowd(world, CROWD);
  await until("the crowd to be there", () => node.figure("sfu_calls"), (calls) => calls > CROWD.calls, 60_000);
  for (const other of others) await other.admin("/admin/drain", "DELETE");
  await sleep(5_000);
  const calls = await node.figure("sfu_calls");
  await forget(world);
  const at = Date.now();
  await node.admin("/admin/drain", "POST");
  await until("the node to be empty", () => node.figure("sfu_legs"), (legs) => legs === 0, 60_000);
  const took = Date.now() - at;
  await sleep(1_000);
  const watched = await stops(world, at, Date.now() - 200);
  await node.admin("/admin/drain", "DELETE");
  return { ...watched, moved: calls, took, ...(await gone) };
}

/** The shopper's network is away for `seconds`; counted from its return. */
export async function outage(world, seconds) {
  await forget(world);
  setLink("shopper.access", CUT);
  await sleep(seconds * 1_000);
  setLink("shopper.access", MENDED);
  const result = await back(world, Date.now());
  await settle();
  return result;
}

const PHONE = ["10.77.0.14/24", "10.78.0.60/24"];

/** The shopper's phone goes from one network to another: its address is gone, it has a new one. */
export async function changeAddress(world, turn) {
  const [from, to] = turn % 2 === 0 ? PHONE : [...PHONE].reverse();
  await forget(world);
  const at = Date.now();
  inside("shopper", "sh", "-c", `ip addr del ${from} dev eth0; ip addr add ${to} dev eth0; ip route replace default dev eth0`);
  const result = await back(world, at);
  await settle();
  return result;
}

/** The shopper's page is loaded again. */
export async function reload(world) {
  const [shopper] = world.seats;
  const at = Date.now();
  await shopper.page.reload({ waitUntil: "load" });
  const loaded = Date.now();
  const result = await back(world, at);
  await settle();
  const { shopper_frames: frames, agent_frames: theirs } = result;
  return { shopper_frames: frames, agent_frames: theirs, loaded: loaded - at };
}

/** The shopper opens the link on another device, which has the call from then on. */
export async function secondDevice(world) {
  const [first] = world.seats;
  const args = [`--unsafely-treat-insecure-origin-as-secure=${world.server.origin}`];
  const second = await Seat.open("shopper", "about:blank", { host: "shopper", args, ...WATCHED });
  const at = Date.now();
  await second.page.goto(world.url, { waitUntil: "load" });
  const loaded = Date.now();
  world.seats[0] = world.shopper = second;
  const result = await back(world, at);
  await first.says("open somewhere else");
  await first.close();
  world.extra.push(second);
  await settle();
  return { shopper_frames: result.shopper_frames, agent_frames: result.agent_frames, loaded: loaded - at };
}

async function epochs(world) {
  const { call } = (await world.agent.heard("call_started")).at(-1);
  return (await world.server.api(`/v1/calls/${call}`)).epoch;
}
