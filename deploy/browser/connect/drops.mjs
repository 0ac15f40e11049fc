// What does the loss of exactly one packet, or of a whole first picture, cost? Each is lost once, by the emulator, and
// the run is compared with runs of the same minutes in which nothing is lost.

import { dropOnce, forgetDrops, setLink } from "../lib/lab.mjs";
import { describeLoad, watchLoad } from "../lib/load.mjs";
import { attempt } from "./attempt.mjs";
import { median, percentile } from "./figures.mjs";
import { opening, warm } from "./paths.mjs";

/** What recovery may cost over the round trip. */
const ALLOWANCE_MS = 150;
const MAX_FAILURES = 5;

/** Ways to lose something while the shopper's leg opens. */
const OPENING = [
  { what: "STUN check, first", on: "shopper.up", class: "stun-request" },
  { what: "STUN response, first", on: "shopper.down", class: "stun-response" },
  { what: "DTLS ClientHello", on: "shopper.down", class: "dtls-client-hello" },
  { what: "DTLS ServerHello flight", on: "shopper.up", class: "dtls-server-hello" },
  { what: "DTLS Finished of the node", on: "shopper.down", class: "dtls", nth: 2 },
];
/** Ways to lose something from the press on Accept on, and whose screen waits for it. */
const CALL = [
  { what: "accept (WebSocket)", on: "agent.up", class: "tcp-data", screen: "later" },
  { what: "call_started to the agent", on: "agent.down", class: "tcp-data", screen: "agent" },
  { what: "call_started to the shopper", on: "shopper.down", class: "tcp-data", screen: "later" },
  { what: "key frame, 1st packet, up", on: "shopper.up", class: "rtp-large", screen: "agent" },
  { what: "key frame, 1st packet, down", on: "agent.down", class: "rtp-large", screen: "agent" },
  { what: "key frame, 3rd packet, down", on: "agent.down", class: "rtp-large", nth: 3, screen: "agent" },
  // Eight packets are a first picture of 480 lines. To the viewer it goes twice, between two packets of sound or so and
  // behind an empty one.
  { what: "first picture as a whole, up", on: "shopper.up", class: "rtp-large", count: 8, screen: "agent" },
  { what: "first picture as a whole, down", on: "agent.down", class: "rtp", count: 20, screen: "agent" },
];

const arm = ({ on, class: kind, nth = 1, count = 1 }) => {
  for (let packet = nth; packet < nth + count; packet += 1) dropOnce(on, kind, packet);
};

async function onBlock(world, { rtt, runs, failures }) {
  setLink("*<->*", { rtt_ms: rtt, loss_pct: 0 });
  const load = watchLoad(process.ppid);
  const clean = { opening: [], shopper: [], agent: [], later: [] };
  const lost = new Map([...OPENING, ...CALL].map((loss) => [loss, { took: [], unseen: 0 }]));

  const one = async (loss, run) => {
    try {
      const beforePress = loss && (() => arm(loss));
      const result = await attempt(world, () => run({ ...world, beforePress }));
      const { dropped } = forgetDrops();
      if (loss && dropped === 0) lost.get(loss).unseen += 1;
      return loss && dropped === 0 ? undefined : result;
    } catch (error) {
      forgetDrops();
      failures.push({ rtt, path: loss?.what ?? "nothing lost", error: error.message });
      process.stderr.write(`\n${loss?.what ?? "nothing lost"} at ${rtt} ms: ${error.message}\n`);
      if (failures.length > MAX_FAILURES) throw new Error("too many failed runs");
      return undefined;
    }
  };
  const call = async (given) => {
    const { shopper, agent, later } = await warm(given, 0);
    return { shopper: shopper.at, agent: agent.at, later };
  };

  for (let run = 0; run < runs; run += 1) {
    for (const loss of [undefined, ...OPENING]) {
      const took = await one(loss, opening);
      if (took !== undefined) (loss ? lost.get(loss).took : clean.opening).push(took);
    }
    for (const loss of [undefined, ...CALL]) {
      const took = await one(loss, call);
      if (took === undefined) continue;
      if (loss) lost.get(loss).took.push(took[loss.screen]);
      else for (const screen of ["shopper", "agent", "later"]) clean[screen].push(took[screen]);
    }
    if (process.stderr.isTTY) process.stderr.write(`\rRTT ${rtt} ms: ${run + 1}/${runs}    `);
  }
  const rows = [...lost].map(([loss, { took, unseen }]) => {
    const without = clean[loss.screen ?? "opening"];
    return { ...loss, took, unseen, without, cost: median(took) - median(without), bound: rtt + ALLOWANCE_MS };
  });
  return { rtt, rows, load: load() };
}

function table({ rtt, rows, load }) {
  const cell = (value, width = 7) => (Number.isFinite(value) ? String(Math.round(value)) : "–").padStart(width);
  const lines = [
    `One packet or picture lost, RTT ${rtt} ms, warm: milliseconds from the leg's making to connected, or from Accept to the frame`,
    "",
    `${"lost".padEnd(32)}${"on".padEnd(14)}${"n".padStart(4)}  nothing lost   lost: p50    p95   costs  bound`,
  ];
  for (const { what, on, took, without, cost, bound, unseen } of rows) {
    lines.push(
      `${what.padEnd(32)}${on.padEnd(14)}${cell(took.length, 4)}${cell(median(without), 14)}${cell(median(took), 12)}` +
        `${cell(percentile(took, 0.95))}${cell(cost, 8)}${cell(bound)}  ${cost <= bound ? "ok" : "OVER"}` +
        (unseen ? `  (${unseen} times no such packet came)` : ""),
    );
  }
  return [...lines, "", describeLoad(load)].join("\n");
}

/** Measures, prints, and returns everything. */
export async function drops(world, { rtts, runs }) {
  const failures = [];
  const blocks = [];
  for (const rtt of rtts) blocks.push(await onBlock(world, { rtt, runs, failures }));
  for (const block of blocks) console.log(`${table(block)}\n`);
  return { blocks, failures };
}
