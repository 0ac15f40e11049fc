// How long from the click to the first remote frame, on both screens? Started by deploy/connect,
// inside an emulated network; docs/operations/connect-benchmark.md says what the figures mean.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { parseArgs } from "node:util";

import { cold, direct, instant, recover, warm } from "./connect/paths.mjs";
import { startRelay } from "./connect/relay.mjs";
import { pictureTable, stageTable, summarise, table } from "./connect/report.mjs";
import { watch } from "./connect/watch.mjs";
import { labStats, ownAddress, setLink } from "./lib/lab.mjs";
import { makeScene } from "./lib/media.mjs";
import { scratch } from "./lib/scratch.mjs";
import { Seat } from "./lib/seat.mjs";
import { BINARY, Server } from "./lib/server.mjs";

const USAGE = `deploy/connect [options]

  --runs N        runs of each path at each round-trip time (50)
  --rtt LIST      round-trip times, ms, between any two hosts (0,50,100,200)
  --paths LIST    of direct, warm, cold, instant (all); ratios need direct
  --rate KBPS     each browser's access link, both ways; 0: no limit (5000)
  --watch SECONDS how long the picture is watched, on all paths but cold (5)
  --json FILE     every run and every figure
`;
const PATHS = { direct, warm, cold, instant };
/** Failed runs after which the rest would say nothing either. */
const MAX_FAILURES = 5;

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "50" },
    rtt: { type: "string", default: "0,50,100,200" },
    paths: { type: "string", default: "direct,warm,cold,instant" },
    rate: { type: "string", default: "5000" },
    watch: { type: "string", default: "5" },
    json: { type: "string" },
    help: { type: "boolean" },
  },
});
if (options.help) {
  process.stdout.write(USAGE);
  process.exit();
}
const number = (name, text, least) => {
  const value = Number(text);
  if (text === "" || !Number.isFinite(value) || value < least) throw new Error(`--${name}: ${text} will not do`);
  return value;
};
const runs = number("runs", options.runs, 1);
const rate = number("rate", options.rate, 0);
const watchMs = number("watch", options.watch, 3) * 1_000;
const rtts = options.rtt.split(",").map((rtt) => number("rtt", rtt, 0));
const paths = options.paths.split(",");
for (const path of paths) if (!PATHS[path]) throw new Error(`--paths: there is no path "${path}"`);

/** Runs of one path in a row: its console stays open for that long. */
const IN_A_ROW = 10;

/** All runs at one round-trip time, the paths in turn so that a busy minute hits each alike. */
async function block(world, rtt, failures) {
  setLink("*<->*", { rtt_ms: rtt });
  const results = Object.fromEntries(paths.map((path) => [path, []]));
  const loadBefore = loadavg()[0];
  const one = async (path) => {
    try {
      results[path].push(await PATHS[path](world, path === "cold" ? 0 : watchMs));
    } catch (error) {
      failures.push({ rtt, path, error: error.message });
      process.stderr.write(`\n${path} at ${rtt} ms: ${error.message}\n`);
      if (failures.length > MAX_FAILURES) throw new Error("too many failed runs");
      await recover(world);
    }
  };
  for (let done = 0; done < runs; done += IN_A_ROW) {
    const end = Math.min(runs, done + IN_A_ROW);
    for (const path of paths) {
      for (let run = done; run < end; run += 1) {
        await one(path);
        process.stderr.write(`\rRTT ${rtt} ms, ${path}: ${run + 1}/${runs}    `);
      }
    }
  }
  process.stderr.write("\n");
  const summaries = Object.fromEntries(paths.map((path) => [path, summarise(results[path])]));
  return { rtt, load: [loadBefore, loadavg()[0]], summaries, results };
}

const address = ownAddress();
const relay = await startRelay(address);
/** A server for each policy that a path needs, and the agent's session there. */
const desks = {};
const seats = [];
try {
  desks.private = { server: await Server.start({ address }) };
  if (paths.includes("instant")) {
    desks.instant = { server: await Server.start({ address, args: ["--media-policy", "instant"] }) };
  }
  const origins = [relay.origin, ...Object.values(desks).map(({ server }) => server.origin)];
  for (const [index, side] of ["shopper", "agent"].entries()) {
    if (rate > 0) setLink(`${side}.access`, { rate_kbps: rate });
    const seat = await Seat.open(side, "about:blank", {
      host: side,
      video: makeScene(scratch, side, index + 1),
      // A camera needs a secure page; a certificate would be one more thing to set up.
      args: [`--unsafely-treat-insecure-origin-as-secure=${origins}`],
    });
    seats.push(seat);
    await seat.page.evaluateOnNewDocument(watch);
  }
  const [shopper, agent] = seats;
  for (const desk of Object.values(desks)) {
    await agent.page.goto(await desk.server.signIn());
    await agent.find("button", "Go available");
    desk.cookies = await agent.browser.cookies();
  }

  const about = {
    at: new Date().toISOString(),
    commit: process.env.CONNECT_COMMIT,
    server: execFileSync(BINARY, ["--version"], { encoding: "utf8" }).trim(),
    browser: await agent.browser.version(),
    node: process.version,
    machine: `${cpus().length} × ${cpus()[0].model.trim()}, Linux ${release()}`,
    accessKbps: rate,
    runs,
  };
  const failures = [];
  const blocks = [];
  for (const rtt of rtts) blocks.push(await block({ desks, relay, shopper, agent }, rtt, failures));

  for (const [key, value] of Object.entries(about)) console.log(`${key.padEnd(11)} ${value}`);
  console.log(`\n${table(blocks, paths)}\n`);
  console.log("direct:  browser to browser, cold, camera open, from the press on Call");
  console.log("warm:    private, from the press on Accept; nothing leaves the shopper's page before (asserted)");
  console.log("instant: from the press on Accept; media at the node from the ring on, at nobody's page (asserted)");
  console.log("cold:    from the press on Join; a script in the agent's page presses Accept at once\n");
  console.log(`${pictureTable(blocks, paths)}\n`);
  for (const { rtt, summaries } of blocks) {
    for (const path of ["warm", "instant"]) {
      if (summaries[path]?.n) console.log(`${stageTable(path, rtt, summaries[path])}\n`);
    }
  }
  const lab = labStats();
  console.log(`emulator: ${JSON.stringify(lab.event_lateness_us_below)} µs late at most, by share of packets`);
  console.log(`failed runs: ${failures.length}`);
  if (options.json) {
    writeFileSync(options.json, JSON.stringify({ about, failures, blocks, lab }, null, 1));
  }
  if (failures.length > 0) process.exitCode = 1;
} finally {
  await Promise.all(seats.map((seat) => seat.close()));
  relay.stop();
  await Promise.all(Object.values(desks).map(({ server }) => server.stop()));
}
