// Calls between regions, each side next to its node, with the nodes at several distances.

import { setLink } from "../lib/lab.mjs";
import { Seat } from "../lib/seat.mjs";
import { sleep, until } from "../lib/until.mjs";
import { percentile } from "./figures.mjs";

const SIDES = ["shopper", "agent"];
/** From the last measurement to a leg that is warm elsewhere, with room for a busy machine. */
const SETTLE = 2_500;

/** From a person to the node of their own region, there and back. */
const NEAR = 15;

/** The ways of two regions to each other: this far between the nodes, and people behind them. */
function distance(a, b, rtt) {
  setLink(`node-${a}<->node-${b}`, { rtt_ms: rtt });
  for (const person of ["shopper", "agent"]) {
    setLink(`node-${a}<->${person}-${b}`, { rtt_ms: rtt + NEAR });
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

/** So many calls at each distance between the nodes of a and c, and as many on node a alone. */
export async function connectTimes({ server }, distances, count) {
  const origin = server.origin;
  const lines = ["connect: from Accept to the first frame, the later of both screens", ""];
  const problems = [];
  const rows = [];
  const run = async (what, agentRegion) => {
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
    const later = all.map(({ first }) => Math.max(...first));
    const on = new Set(all.map(({ places }) => places.map((place) => place?.region ?? "?").join("+")));
    for (const { places } of all) {
      const wanted = ["a", agentRegion];
      places.forEach((place, i) => {
        if (place?.region !== wanted[i]) problems.push(`${what}: the ${SIDES[i]} was on ${place?.region}: ${place?.why}`);
      });
    }
    rows.push({ what, all });
    lines.push(`${what.padEnd(28)} n ${all.length}  p50 ${percentile(later, 0.5).toFixed(0)} ms  p95 ${percentile(later, 0.95).toFixed(0)} ms  nodes ${[...on].join(" ")}`);
  };
  await run("both on node a (15 ms)", "a");
  for (const rtt of distances) {
    distance("a", "c", rtt);
    await run(`nodes ${rtt} ms apart`, "c");
  }
  return { rows, problems, table: lines.join("\n") };
}

