// Where most tests start: two people at their pages, ringing or in a call.

import { Seat } from "./seat.mjs";
import { until } from "./until.mjs";

/** Opens both pages; the agent is available, the shopper has joined, and it rings. */
export async function rung(t, server, { link, signIn, shopper: shopperOptions, agent: agentOptions } = {}) {
  const [shopper, agent] = await Promise.all([
    Seat.open("shopper", link ?? server.shopperUrl, shopperOptions),
    Seat.open("agent", signIn ?? (await server.signIn()), agentOptions),
  ]);
  t.after(() => Promise.all([shopper.close(), agent.close()]));
  return ringing(shopper, agent);
}

/** The same, of pages that are open. */
export async function ringing(shopper, agent) {
  await agent.press("Go available");
  await Promise.all([shopper.preview(), agent.preview()]);
  await shopper.press("Join");
  await agent.find("button", "Accept");
  return { shopper, agent };
}

/** The agent accepts, and both pages say so. */
export async function inCall(shopper, agent) {
  await agent.press("Accept");
  await Promise.all([shopper.find("button", "Hang up"), agent.find("button", "Hang up")]);
}

/** Two people who see and hear each other. */
export async function talking(t, server, options) {
  return met(await rung(t, server, options));
}

async function met(seats) {
  await inCall(seats.shopper, seats.agent);
  await Promise.all([seats.shopper.meets({ sound: false }), seats.agent.meets({ sound: false })]);
  return seats;
}

/** The same, each on a node of their own: the shopper's link names the region that the agent's page is not in. */
export async function talkingApart(t, { server, nodes }) {
  const agent = await Seat.open("agent", await server.signIn());
  t.after(() => agent.close());
  const legs = () => Promise.all(nodes.map((node) => node.figure("sfu_legs")));
  const ofAgent = await until("the agent's leg", legs, (counts) => counts.some((count) => count > 0));
  const { name: region } = nodes[ofAgent.indexOf(0)];
  const shopper = await Seat.open("shopper", (await server.link({ region })).url);
  t.after(() => shopper.close());
  return met(await ringing(shopper, agent));
}
