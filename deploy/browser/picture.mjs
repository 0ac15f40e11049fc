// What picture and sound do two people get over a bad network, through our server and directly?
// Started by deploy/picture, inside an emulated network; docs/operations/picture-benchmark.md says
// what the figures mean.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { parseArgs } from "node:util";

import { startRelay } from "./connect/relay.mjs";
import { labStats, ownAddress, setLink } from "./lib/lab.mjs";
import { Seat } from "./lib/seat.mjs";
import { BINARY, Server } from "./lib/server.mjs";
import { sleep, until } from "./lib/until.mjs";
import { direct, ours } from "./picture/calls.mjs";
import { CAMERA, installCamera } from "./picture/camera.mjs";
import { CASES, capacity, paced } from "./picture/cases.mjs";
import { ratios, screen, table } from "./picture/report.mjs";

const USAGE = `deploy/picture [options]

  --cases LIST    of ${Object.keys(CASES).join(", ")} (all)
  --calls LIST    of ours, direct (both); ratios need both
  --runs N        runs of each case by each call (1)
  --link up|down|access   which of the shopper's links is narrow (access: both)
  --layers MODE           another scalability mode for our call than the pages ask for
  --pace FACTOR   stretches the schedules, below 1 for a quick look (1)
  --json FILE     every run and every figure
`;
const CALLS = { ours, direct };
const LINKS = { up: "shopper.up", down: "shopper.down", access: "shopper.access" };
/** RFC 8867: what may wait in front of the narrow link. */
const QUEUE_MS = 300;
const CLEAR = { rate_kbps: 0, queue_ms: QUEUE_MS, loss_pct: 0, burst: "{ loss_pct = 0, mean_len = 1 }", block: "none" };

const { values: options } = parseArgs({
  options: {
    cases: { type: "string", default: Object.keys(CASES).join(",") },
    calls: { type: "string", default: "ours,direct" },
    runs: { type: "string", default: "1" },
    link: { type: "string", default: "access" },
    layers: { type: "string" },
    pace: { type: "string", default: "1" },
    json: { type: "string" },
    help: { type: "boolean" },
  },
});
if (options.help) {
  process.stdout.write(USAGE);
  process.exit();
}
const chosen = (text, of, name) =>
  text.split(",").map((key) => {
    if (!of[key]) throw new Error(`--${name}: there is no "${key}"`);
    return key;
  });
const number = (name, text) => {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name}: ${text} will not do`);
  return value;
};
const cases = chosen(options.cases, CASES, "cases");
const calls = chosen(options.calls, CALLS, "calls");
const [link] = chosen(options.link, LINKS, "link").map((key) => LINKS[key]);
const runs = number("runs", options.runs);
const pace = number("pace", options.pace);

/** One call under one case's schedule. */
async function run(world, call, { seconds, steps }) {
  const seats = [world.shopper, world.agent];
  const begins = Object.assign({}, ...steps.filter(([at]) => at === 0).map(([, change]) => change));
  // A line is as narrow before the call as at its beginning. Losses and outages begin with it: pages and legs would not be there.
  setLink("shopper.access", CLEAR);
  if (begins.rate_kbps) setLink(link, { rate_kbps: begins.rate_kbps });
  await CALLS[call].prepare(world);
  setLink(link, begins);
  await Promise.all(seats.map((seat) => seat.page.evaluate(() => window.__camera.begin())));
  const start = Date.now();
  const load = cpuTimes();
  await CALLS[call].press(world);
  for (const [at, change] of steps) {
    if (at === 0) continue;
    await sleep(start + at * 1_000 - Date.now());
    setLink(link, change);
  }
  await sleep(start + seconds * 1_000 - Date.now());
  const end = Date.now();
  const busy = busyShare(load, cpuTimes());
  const seen = await Promise.all(seats.map((seat) => seat.page.evaluate(() => window.__camera.end())));
  setLink("shopper.access", CLEAR);
  await until("the pages to breathe", () => seats[0].page.evaluate(() => true));
  const more = await CALLS[call].end(world);
  return { shopper: screen(seen[0], start, end), agent: screen(seen[1], start, end), busy, load: loadavg()[0], ...more };
}

function cpuTimes() {
  const sum = { idle: 0, all: 0 };
  for (const { times } of cpus()) {
    sum.idle += times.idle;
    sum.all += Object.values(times).reduce((a, b) => a + b, 0);
  }
  return sum;
}

/** Share of all processors that was not idle. */
const busyShare = (before, after) => 1 - (after.idle - before.idle) / Math.max(1, after.all - before.all);

const address = ownAddress();
const relay = await startRelay(address);
const seats = [];
let server;
try {
  server = await Server.start({ address, apart: true });
  const origins = [relay.origin, server.origin];
  for (const [index, side] of ["shopper", "agent"].entries()) {
    const seat = await Seat.open(side, "about:blank", {
      host: side,
      // A camera needs a secure page; a certificate would be one more thing to set up.
      args: [`--unsafely-treat-insecure-origin-as-secure=${origins}`],
      viewport: { width: 480, height: 640 },
    });
    seats.push(seat);
    await seat.page.evaluateOnNewDocument(installCamera, { ...CAMERA, seed: index + 1, layers: options.layers });
  }
  const [shopper, agent] = seats;
  await agent.page.goto(await server.signIn());
  await agent.find("button", "Go available");
  const world = { server, relay, shopper, agent, cookies: await agent.browser.cookies() };

  const about = {
    at: new Date().toISOString(),
    commit: process.env.LAB_COMMIT,
    server: execFileSync(BINARY, ["--version"], { encoding: "utf8" }).trim(),
    browser: await agent.browser.version(),
    machine: `${cpus().length} × ${cpus()[0].model.trim()}, Linux ${release()}`,
    camera: `${CAMERA.width} × ${CAMERA.height}, ${CAMERA.fps} pictures a second`,
    narrow: `${link}, queue ${QUEUE_MS} ms`,
    runs,
    pace,
  };
  const results = [];
  for (const name of cases) {
    const scaled = paced(CASES[name], pace);
    const result = { name, title: scaled.title, capacity: capacity(scaled), calls: {} };
    results.push(result);
    for (let i = 0; i < runs; i += 1) {
      for (const call of calls) {
        process.stderr.write(`${name}, ${call}, ${i + 1}/${runs}\n`);
        const made = await run(world, call, scaled);
        (result.calls[call] ??= []).push(made);
        if (options.json) writeFileSync(options.json, JSON.stringify({ about, results, lab: labStats() }));
      }
    }
  }
  for (const [key, value] of Object.entries(about)) console.log(`${key.padEnd(9)} ${value}`);
  console.log(`\n${table(results)}\n`);
  console.log(`${ratios(results)}\n`);
  for (const { name, calls: made } of results) {
    for (const [call, all] of Object.entries(made)) {
      for (const { busy, shopper: s, agent: a, paused } of all) {
        const late = [s, a].map(({ sent }) => `${sent.pictures.toFixed(1)} made, ${sent.cpuLimitedSeconds.toFixed(1)} s held back by the processor`);
        const words = paused ? `; told of paused pictures: shopper ${paused.shopper}, agent ${paused.agent}` : "";
        console.log(`${name} ${call}: processors ${(busy * 100).toFixed(0)} % busy; shopper ${late[0]}; agent ${late[1]}; unread ${s.unread + a.unread}${words}`);
      }
    }
  }
  console.log(`emulator: ${JSON.stringify(labStats().event_lateness_us_below)} µs late at most, by share of packets`);
} finally {
  await Promise.all(seats.map((seat) => seat.close()));
  relay.stop();
  await server?.stop();
}
