// Calls between regions, each side next to its node, with the nodes at several distances.

import { setLink } from "../lib/lab.mjs";
import { Seat } from "../lib/seat.mjs";
import { sleep, until } from "../lib/until.mjs";
import { percentile } from "./figures.mjs";

const SIDES = ["shopper", "agent"];
/** From the last measurement to a leg that is warm elsewhere, with room for a busy machine. */
const SETTLE = 2_500;

/** A link between nodes takes a way that has become longer for a queue, until it has forgotten the shorter one. */
const FORGOTTEN = 21_000;

/** From a person to the node of their own region, there and back. */
const NEAR = 15;

/** The ways of two regions to each other: this far between the nodes, and people behind them. Signaling is in `a`. */
function distance(a, b, rtt) {
  for (const node of [`node-${a}`, "server"]) setLink(`${node}<->node-${b}`, { rtt_ms: rtt });
  for (const person of ["shopper", "agent"]) {
    for (const node of [`node-${a}`, "server"]) setLink(`${node}<->${person}-${b}`, { rtt_ms: rtt + NEAR });
    setLink(`node-${b}<->${person}-${a}`, { rtt_ms: rtt + NEAR });
  }
}

async function open(side, region, origin) {
  return Seat.open(side, "about:blank", {
    host: `${side}-${region}`,
    observed: false,
    args: [`--unsafely-treat-insecure-origin-as-secure=${origin}`],
  });
}

/** One call; milliseconds from the press on **Accept** to the first frame on each screen, and where each side was. */
async function call(server, shopper, agent) {
  const { url } = await server.link({ synthetic: true });
  await shopper.page.goto("about:blank");
  await shopper.page.goto(url);
  await shopper.preview();
  await sleep(SETTLE);
  await shopper.press("Join");
  await agent.press("Accept");
  await Promise.all([shopper.meets({ sound: false }), agent.meets({ sound: false })]);
  const [{ call: id }] = await agent.heard("call_started").then((heard) => heard.slice(-1));
  const told = (record) =>
    SIDES.every((side) => record.timeline.some((one) => one.side === side && one.stage === "first_frame")) && record;
  const record = await until("both pages to report their first frame", async () => told(await server.api(`/v1/calls/${id}`)));
  await agent.press("Hang up");
  await agent.wrapUp();
  await agent.says("Available");
  const at = (side) => record.timeline.find((one) => one.side === side && one.stage === "first_frame").at_ms;
  const place = (side) => record.places.find((one) => one.side === side);
  return { id, first: SIDES.map(at), places: SIDES.map(place) };
}

/** What both sides' first frames came to: the later of both screens, and each of them. */
function figuresOf(all) {
  const of = (values) => ({ p50: percentile(values, 0.5), p95: percentile(values, 0.95), max: Math.max(...values) });
  const [shopper, agent] = SIDES.map((_, i) => of(all.map(({ first }) => first[i])));
  return { ...of(all.map(({ first }) => Math.max(...first))), shopper, agent };
}

/** What of each distance may be added to a call on one node: one round trip between the nodes. */
function tableOf(rows) {
  const ms = (value) => value.toFixed(0);
  const base = rows[0].figures;
  const lines = [
    "connect: from Accept to the first frame, in ms; each person 15 ms from their node, signaling 15 ms from node a",
    "",
    "nodes apart        n  later screen p50/p95/max  shopper's p50  agent's p50  beyond one node p50/p95  allowed       on",
  ];
  for (const { what, rtt, figures, all } of rows) {
    const { p50, p95, max, shopper, agent } = figures;
    const beyond = [p50 - base.p50, p95 - base.p95];
    const on = new Set(all.map(({ places }) => places.map((place) => place?.region ?? "?").join("+")));
    lines.push(
      [
        what.padEnd(16),
        String(all.length).padStart(3),
        `${ms(p50)}/${ms(p95)}/${ms(max)}`.padStart(25),
        ms(shopper.p50).padStart(14),
        ms(agent.p50).padStart(12),
        (rtt === null ? "" : beyond.map(ms).join("/")).padStart(24),
        (rtt === null ? "" : `${rtt} ${beyond[0] <= rtt ? "ok" : "NOT"}/${beyond[1] <= rtt ? "ok" : "NOT"}`).padStart(12),
        ` ${[...on].join(" ")}`,
      ].join(" "),
    );
  }
  return lines.join("\n");
}

/** So many calls at each distance between the nodes of a and c, and as many on node a alone. */
export async function connectTimes({ server }, distances, count) {
  const origin = server.origin;
  const problems = [];
  const rows = [];
  const run = async (what, rtt, agentRegion) => {
    const seats = [await open("shopper", "a", origin), await open("agent", agentRegion, origin)];
    const [shopper, agent] = seats;
    const all = [];
    try {
      await agent.page.goto(await server.signIn());
      await agent.press("Go available");
      for (let i = 0; i < count; i += 1) {
        try {
          all.push(await call(server, shopper, agent));
        } catch (error) {
          problems.push(`${what}: ${error.message}`);
          break;
        }
      }
    } finally {
      await Promise.all(seats.map((seat) => seat.close()));
    }
    for (const { places } of all) {
      const wanted = ["a", agentRegion];
      places.forEach((place, i) => {
        if (place?.region !== wanted[i]) problems.push(`${what}: the ${SIDES[i]} was on ${place?.region}: ${place?.why}`);
      });
    }
    rows.push({ what, rtt, figures: figuresOf(all), all });
  };
  await run("one node", null, "a");
  let before = Infinity;
  for (const rtt of distances) {
    distance("a", "c", rtt);
    if (rtt > before) await sleep(FORGOTTEN);
    before = rtt;
    await run(`${rtt} ms`, rtt, "c");
  }
  return { rows, problems, table: tableOf(rows) };
}
