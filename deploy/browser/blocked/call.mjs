// One call, and over what each page's media goes.

import assert from "node:assert/strict";

import { ownAddress } from "../lib/lab.mjs";
import { makeScene, SCENES, SIDES } from "../lib/media.mjs";
import { inCall } from "../lib/scenes.mjs";
import { scratch } from "../lib/scratch.mjs";
import { Seat } from "../lib/seat.mjs";
import { sleep, until } from "../lib/until.mjs";

/** On a narrow way: until the bitrates have found their place, and how long is looked at then. */
const SETTLES_IN = 15_000;
const WATCHED_FOR = 20_000;
/** Fewer pictures a second are no picture. */
const MOVES = 10;

/** Runs in the page: how long its leg took to open, once it has. */
function opened() {
  const { pcs, openedAfter } = window.__probe;
  return openedAfter.get(pcs.findLast(({ connectionState }) => connectionState === "connected"));
}

/** Runs in the page: how its leg reaches the node. */
async function way() {
  const pc = window.__probe.pcs.findLast(({ connectionState }) => connectionState === "connected");
  const stats = await pc.getStats();
  const all = [...stats.values()];
  const transport = all.find(({ type }) => type === "transport");
  const pair =
    stats.get(transport?.selectedCandidatePairId) ??
    all.find(({ type, selected, nominated, state }) => type === "candidate-pair" && (selected ?? (nominated && state === "succeeded")));
  if (!pair) return undefined;
  const { candidateType, protocol, relayProtocol } = stats.get(pair.localCandidateId);
  return candidateType === "relay" ? `relay ${relayProtocol}` : protocol;
}

/** Runs in the page: what it has of the other side's picture. */
async function pictured() {
  const pc = window.__probe.pcs.findLast(({ connectionState }) => connectionState === "connected");
  const { framesDecoded, totalFreezesDuration, frameHeight, bytesReceived } = [...(await pc.getStats()).values()].find(
    ({ type, kind }) => type === "inbound-rtp" && kind === "video",
  );
  return { framesDecoded, totalFreezesDuration, frameHeight, bytesReceived };
}

/** What both see on a way that is too narrow for what they send. */
async function narrowPictures(seats) {
  await sleep(SETTLES_IN);
  const look = () => Promise.all(seats.map((seat) => seat.page.evaluate(pictured)));
  const before = await look();
  await sleep(WATCHED_FOR);
  const words = (await look()).map((now, i) => {
    const of = (figure) => (now[figure] - before[i][figure]) / (WATCHED_FOR / 1_000);
    assert.ok(of("framesDecoded") >= MOVES, `${seats[i].side}: ${of("framesDecoded")} pictures a second`);
    const kbps = (of("bytesReceived") * 8) / 1_000;
    return `${seats[i].side} ${of("framesDecoded").toFixed(0)}/s of ${now.frameHeight} lines, ${kbps.toFixed(0)} kbit/s, frozen ${(of("totalFreezesDuration") * 100).toFixed(1)} %`;
  });
  return `; ${words.join("; ")}`;
}

async function openSeat(side, url, browser, trusted, trust, video) {
  const options =
    browser === "firefox"
      ? { browser, prefs: { "dom.securecontext.allowlist": ownAddress() } }
      : { args: [`--unsafely-treat-insecure-origin-as-secure=${trusted}`, trust], video };
  return Seat.open(side, url, { host: side, ...options });
}

/** Has a call and says how it went; `trust` makes Chromium trust the TURN server. */
export async function callOver(server, trust, { narrow, browser, shopper: shopperWay, agent: agentWay = "udp" }) {
  const { url } = await server.link();
  const scene = (side, seed) => (narrow ? makeScene(scratch, side, seed, SCENES["480p"]) : undefined);
  const seats = await Promise.all([
    openSeat("shopper", url, browser, server.origin, trust, scene("shopper", 1)),
    openSeat("agent", await server.signIn(), undefined, server.origin, trust, scene("agent", 2)),
  ]);
  const [shopper, agent] = seats;
  try {
    await agent.press("Go available");
    await Promise.all(seats.map((seat) => seat.preview()));
    const took = await until("the shopper's leg to connect", () => shopper.page.evaluate(opened), Boolean, 20_000);
    await shopper.press("Join");
    await agent.find("button", "Accept");
    await inCall(shopper, agent);
    if (!narrow) await shopper.sees(SIDES.agent.rgb);
    if (!narrow && browser !== "firefox") await agent.sees(SIDES.shopper.rgb);
    await agent.hears(SIDES.shopper.hz);
    const ways = await Promise.all(seats.map((seat) => seat.page.evaluate(way)));
    assert.deepEqual(ways, [shopperWay, agentWay], "the ways of the media");
    const pictures = narrow ? await narrowPictures(seats) : "";
    const { framesDecoded } = await agent.stats();
    await agent.press("Hang up");
    return `shopper over ${ways[0]} (leg open after ${Math.round(took)} ms), agent over ${ways[1]}, ${framesDecoded} frames at the agent's${pictures}`;
  } finally {
    await Promise.all(seats.map((seat) => seat.close()));
  }
}
