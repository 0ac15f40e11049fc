// One call, and over what each page's media goes.

import assert from "node:assert/strict";

import { ownAddress } from "../lib/lab.mjs";
import { SIDES } from "../lib/media.mjs";
import { inCall } from "../lib/scenes.mjs";
import { Seat } from "../lib/seat.mjs";
import { until } from "../lib/until.mjs";

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

async function openSeat(side, url, browser, trusted, trust) {
  const options =
    browser === "firefox"
      ? { browser, prefs: { "dom.securecontext.allowlist": ownAddress() } }
      : { args: [`--unsafely-treat-insecure-origin-as-secure=${trusted}`, trust] };
  return Seat.open(side, url, { host: side, ...options });
}

/** Has a call and says how it went; `trust` makes Chromium trust the TURN server. */
export async function callOver(server, trust, { browser, shopper: shopperWay, agent: agentWay = "udp" }) {
  const { url } = await server.link();
  const seats = await Promise.all([
    openSeat("shopper", url, browser, server.origin, trust),
    openSeat("agent", await server.signIn(), undefined, server.origin, trust),
  ]);
  const [shopper, agent] = seats;
  try {
    await agent.press("Go available");
    await Promise.all(seats.map((seat) => seat.preview()));
    const took = await until("the shopper's leg to connect", () => shopper.page.evaluate(opened), Boolean, 20_000);
    await shopper.press("Join");
    await agent.find("button", "Accept");
    await inCall(shopper, agent);
    await shopper.sees(SIDES.agent.rgb);
    if (browser !== "firefox") await agent.sees(SIDES.shopper.rgb);
    await agent.hears(SIDES.shopper.hz);
    const ways = await Promise.all(seats.map((seat) => seat.page.evaluate(way)));
    assert.deepEqual(ways, [shopperWay, agentWay], "the ways of the media");
    const { framesDecoded } = await agent.stats();
    await agent.press("Hang up");
    return `shopper over ${ways[0]} (leg open after ${Math.round(took)} ms), agent over ${ways[1]}, ${framesDecoded} frames at the agent's`;
  } finally {
    await Promise.all(seats.map((seat) => seat.close()));
  }
}
