// How long from the press to the first remote frame, on both screens? Started by deploy/connect,
// inside an emulated network; docs/operations/connect-benchmark.md says what the figures mean.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";

import { boundsTable } from "./connect/bounds.mjs";
import { check } from "./connect/check.mjs";
import { drops } from "./connect/drops.mjs";
import { merge, pictureKept } from "./connect/figures.mjs";
import { measure } from "./connect/measure.mjs";
import { parseOptions, USAGE } from "./connect/options.mjs";
import { report } from "./connect/report.mjs";
import { openWorld } from "./connect/world.mjs";
import { labStats } from "./lib/lab.mjs";
import { BINARY } from "./lib/server.mjs";

const options = parseOptions(process.argv.slice(2));
if (options.help) {
  process.stdout.write(USAGE);
  process.exit();
}

const print = ({ about, paths, blocks, failures }) => {
  for (const [key, value] of Object.entries(about)) console.log(`${key.padEnd(11)} ${value}`);
  console.log(`\n${report(blocks, paths)}\n`);
  const { good, of } = pictureKept(blocks);
  if (of > 0) console.log(`picture as promised: on ${good} of ${of} screens watched${good < of ? "  BROKEN" : ""}`);
  console.log(`failed runs: ${failures.length}`);
  return good === of;
};

const read = (files) => files.map((file) => JSON.parse(readFileSync(file, "utf8")));
if (options.bounds) {
  console.log(boundsTable(read(options.bounds)));
  process.exit();
}
if (options.report) {
  const files = read(options.report);
  print({
    about: files.at(-1).about,
    paths: [...new Set(files.flatMap(({ paths }) => paths))],
    blocks: merge(files),
    failures: files.flatMap(({ failures }) => failures),
  });
  process.exit();
}

const mode = options.drops ? "drops" : options.check ? "check" : "measure";
/** The paths that a mode opens servers for. */
const needs = { drops: ["warm"], check: ["direct", "warm", "instant", "cold"], measure: options.paths };
const world = await openWorld({ ...options, paths: needs[mode] });
try {
  const about = {
    at: new Date().toISOString(),
    commit: process.env.LAB_COMMIT,
    server: execFileSync(BINARY, ["--version"], { encoding: "utf8" }).trim(),
    shopper: await world.shopper.browser.version(),
    agent: await world.agent.browser.version(),
    machine: `${cpus().length} × ${cpus()[0].model.trim()}, Linux ${release()}`,
    camera: options.clip,
    accessKbps: options.rate,
  };
  let { blocks, failures, ok = failures.length === 0 } = await { drops, check, measure }[mode](world, options);
  const lab = labStats();
  if (mode === "measure") ok = print({ about, paths: options.paths, blocks: merge([{ blocks }]), failures }) && ok;
  console.log(`emulator: ${JSON.stringify(lab.event_lateness_us_below)} µs late at most, by share of packets`);
  if (options.json) {
    writeFileSync(options.json, JSON.stringify({ about, paths: needs[mode], failures, blocks, lab }, null, 1));
  }
  if (!ok) process.exitCode = 1;
} finally {
  await world.close();
}
// A helper of a browser's that lives on (Firefox is driven through one) must not keep this waiting.
process.exit();
