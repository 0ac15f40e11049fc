// Does a call survive what happens to its nodes and its networks? Started by deploy/survive, inside an
// emulated network; docs/operations/failover.md says what the figures mean.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { parseArgs } from "node:util";

import { BINARY } from "./lib/server.mjs";
import { call, hangUp, lateness, openWorld } from "./survive/call.mjs";
import * as trials from "./survive/trials.mjs";

const USAGE = `deploy/survive [options]

  --kills N     kill -9 of the call's node (100)
  --moves N     drain of the call's node (100)
  --rolls N     SIGTERM and start of all three nodes, one after the other; and again under load;
                and a drain of 110 synthetic calls at once (3)
  --cases N     runs of each of the other cases: one side only watches, frozen, cut off from signaling, from the pages (5)
  --network N   runs of each of 1, 5 and 25 s without network, change of address, reload, another device (5)
  --only TEXT   only what has this in its name
  --rtt MS      round trip between the browsers and everything else (0)
  --json FILE   every run and every figure
  --report FILE what such files say together, one after the other; nothing is run
`;

const { values: options } = parseArgs({
  options: {
    kills: { type: "string", default: "100" },
    moves: { type: "string", default: "100" },
    rolls: { type: "string", default: "3" },
    cases: { type: "string", default: "5" },
    network: { type: "string", default: "5" },
    only: { type: "string", default: "" },
    rtt: { type: "string", default: "0" },
    json: { type: "string" },
    report: { type: "string", multiple: true },
    help: { type: "boolean" },
  },
});
if (options.help) {
  process.stdout.write(USAGE);
  process.exit();
}
const [kills, moves, rolls, cases, network, rtt] = ["kills", "moves", "rolls", "cases", "network", "rtt"].map((name) => Number(options[name]));

/** What is done, how often, and up to how many ms everybody may miss something; none: no bound is stated. */
const PLAN = [
  ["kill -9", kills, trials.kill],
  ["drain", moves, trials.move],
  ["rolling restart of 3", rolls, trials.roll],
  ["the same under load", rolls, trials.rollUnderLoad],
  ["kill -9, one only watches", cases, trials.killWatched],
  ["drain of 110 calls", rolls, trials.drainCrowd],
  ["frozen 1.5 s", cases, (world) => trials.freeze(world, 1_500)],
  ["frozen 8 s", cases, (world) => trials.freeze(world, 8_000)],
  ["cut off from signaling", cases, trials.cutFromSignaling],
  ["cut off from both pages", cases, (world) => trials.cutFromPages(world)],
  ["cut off from one page", cases, (world) => trials.cutFromPages(world, ["shopper"])],
  ["1 s without network", network, (world) => trials.outage(world, 1)],
  ["5 s without network", network, (world) => trials.outage(world, 5)],
  ["25 s without network", network, (world) => trials.outage(world, 25)],
  ["change of address", network, trials.changeAddress],
  ["reload", network, trials.reload],
  ["another device", network, trials.secondDevice],
];

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)];

/** One line for each figure of a trial. */
function lines(name, runs) {
  const figures = [...new Set(runs.flatMap((run) => Object.keys(run)))];
  return figures.map((figure) => {
    const values = runs.map((run) => run[figure]);
    const sorted = values.filter((value) => typeof value === "number").sort((a, b) => a - b);
    const never = values.filter((value) => value === null).length;
    const show = (value) => (value === undefined ? "-" : value.toFixed(0)).padStart(7);
    return `${name.padEnd(26)} ${figure.padEnd(18)} ${String(values.length).padStart(4)} ${show(at(sorted, 0.5))} ${show(at(sorted, 0.95))} ${show(sorted.at(-1))} ${never ? `${never} never` : ""}`;
  });
}

/** What was found, of all runs. */
function table(results) {
  const rows = Object.entries(results).map(([name, runs]) => lines(name, runs).join("\n"));
  return [`${"milliseconds".padEnd(45)}    n     p50     p95     max`, ...rows].join("\n");
}

if (options.report) {
  const together = {};
  for (const file of options.report) {
    const { about, results } = JSON.parse(readFileSync(file, "utf8"));
    console.log(`${file}: ${about.at}, commit ${about.commit}`);
    for (const [name, runs] of Object.entries(results)) (together[name] ??= []).push(...runs);
  }
  console.log(`\n${table(together)}`);
  process.exit();
}

const about = {
  at: new Date().toISOString(),
  commit: process.env.LAB_COMMIT,
  server: execFileSync(BINARY, ["--version"], { encoding: "utf8" }).trim(),
  machine: `${cpus().length} × ${cpus()[0].model.trim()}, Linux ${release()}`,
  rtt_ms: rtt,
};
const results = {};
let failed = 0;
let late = {};

/** One kind of trial, all in one call of a world of its own. */
async function attempt([name, runs, trial]) {
  const world = await openWorld({ rtt });
  try {
    about.browser = await world.agent.browser.version();
    const talk = await call(world);
    const made = (results[name] = []);
    for (let i = 0; i < runs; i += 1) {
      const result = await trial(world, i);
      made.push(result);
      process.stderr.write(`${name} ${i + 1}/${runs} load ${loadavg()[0].toFixed(1)} ${JSON.stringify(result)}\n`);
      if (options.json) writeFileSync(options.json, JSON.stringify({ about, results }));
    }
    const { epoch } = await hangUp(world, talk);
    process.stderr.write(`${name}: one call, one record, ${epoch} bridges\n`);
  } catch (error) {
    failed = 1;
    console.error(name, error);
    console.error(world.server.log.split("\n").slice(-60).join("\n"));
  } finally {
    late = lateness();
    await world.close();
  }
}

for (const kind of PLAN) {
  const [name, runs] = kind;
  if (runs > 0 && name.includes(options.only)) await attempt(kind);
}
for (const [key, value] of Object.entries(about)) console.log(`${key.padEnd(9)} ${value}`);
console.log(`\n${table(results)}`);
console.log(`\nemulator: ${JSON.stringify(late)} µs late at most, by share of packets`);
process.exitCode = failed;
