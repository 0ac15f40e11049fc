// Is each side placed on its nearest node, and how long does a call between regions take to connect?
// Started by deploy/regions, inside an emulated network; docs/operations/regions.md says what the
// figures mean.

import { writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { parseArgs } from "node:util";

import { labStats } from "./lib/lab.mjs";
import { connectTimes } from "./regions/calls.mjs";
import { openCluster } from "./regions/cluster.mjs";
import { placements } from "./regions/placements.mjs";
import { narrow, synthetic } from "./regions/synthetic.mjs";

const USAGE = `deploy/regions [options]
  --placements N     pages that measure and are placed (1000)
  --calls N          calls at each distance between nodes (10)
  --distances LIST   round trips between two nodes in ms (15,80,180)
  --synthetic N      synthetic calls at a time, within the regions and between them (60)
  --seconds N        for how long (30)
  --narrow N         calls over a hop of 2 Mbit/s that want 1.5 Mbit/s each (4)
  --check            a short form that fails when something is not as it should be
  --json FILE        everything that was measured
`;
const { values } = parseArgs({
  options: {
    placements: { type: "string" },
    calls: { type: "string" },
    distances: { type: "string", default: "15,80,180" },
    synthetic: { type: "string" },
    seconds: { type: "string" },
    narrow: { type: "string" },
    check: { type: "boolean", default: false },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  process.stdout.write(USAGE);
  process.exit();
}
const count = Number(values.placements ?? (values.check ? 90 : 1_000));
const calls = Number(values.calls ?? (values.check ? 1 : 10));
const distances = values.check ? [80] : values.distances.split(",").map(Number);
const atOnce = Number(values.synthetic ?? (values.check ? 6 : 60));
const seconds = Number(values.seconds ?? (values.check ? 1 : 30));
const tooMany = Number(values.narrow ?? (values.check ? 0 : 4));
/** Of all placements; what the product promises. */
const RIGHT_SHARE = 0.99;
/** Of the few in the short form, in which one that is wrong is more than a hundredth. */
const CHECK_SHARE = 0.97;

const cluster = await openCluster();
try {
  const about = {
    at: new Date().toISOString(),
    commit: process.env.LAB_COMMIT,
    machine: `${cpus().length} × ${cpus()[0].model.trim()}, Linux ${release()}, load ${loadavg()[0].toFixed(1)}`,
  };
  for (const [key, value] of Object.entries(about)) console.log(`${key.padEnd(8)} ${value}`);

  // In this order: the calls of browsers change the distances. What is asked for not at all is left out.
  const phases = [
    ["placed", count, () => placements(cluster, count)],
    ["synthetic", atOnce, () => synthetic(cluster, atOnce, seconds)],
    ["timed", calls, () => connectTimes(cluster, distances, calls)],
    ["narrow", tooMany, () => narrow(cluster, tooMany)],
  ];
  const measured = {};
  for (const [name, , phase] of phases.filter(([, many]) => many > 0)) {
    measured[name] = await phase();
    console.log(`\n${measured[name].table}`);
    if (values.json) writeFileSync(values.json, JSON.stringify({ about, ...measured }, null, 1));
  }
  const lab = labStats();
  console.log(`\nemulator: ${JSON.stringify(lab.event_lateness_us_below)} µs late at most, by share of packets`);
  if (values.json) writeFileSync(values.json, JSON.stringify({ about, ...measured, lab }, null, 1));

  const problems = Object.values(measured).flatMap((phase) => phase.problems);
  const wanted = values.check ? CHECK_SHARE : RIGHT_SHARE;
  const { placed } = measured;
  if (placed && placed.share < wanted) problems.push(`${placed.share} of the placements were right, not ${wanted}`);
  for (const problem of problems) console.log(`PROBLEM ${problem}`);
  if (problems.length > 0) process.exitCode = 1;
} finally {
  await cluster.stop();
}
process.exit();
