// Do the load test's figures agree with a browser's? Two real Chromiums and synthetic callers make
// calls through the same server, over a way that does exactly the same to each of them.
// Started by deploy/accuracy; docs/operations/loadtest.md tells what came of it.

import { execFileSync, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, networkInterfaces, release } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { openWay, WAY } from "./accuracy/way.mjs";
import { percentile } from "./connect/figures.mjs";
import { scratch } from "./lib/scratch.mjs";
import { Seat } from "./lib/seat.mjs";
import { BINARY, Server } from "./lib/server.mjs";
import { sleep, until } from "./lib/until.mjs";
import { ours } from "./picture/calls.mjs";
import { CAMERA, installCamera } from "./picture/camera.mjs";

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "50" },
    runs: { type: "string", default: "1" },
    calls: { type: "string", default: "5" },
    json: { type: "string" },
    help: { type: "boolean" },
  },
});
if (options.help) {
  process.stdout.write(`deploy/accuracy [options]

  --seconds N   length of each call (50: all outages)
  --runs N      calls of the two Chromiums, one after the other (1)
  --calls N     synthetic calls beside each (5)
  --json FILE   every figure
`);
  process.exit();
}
const [seconds, runs, calls] = [options.seconds, options.runs, options.calls].map(Number);
const LOADTEST = process.env.LOADTEST_BIN ?? join(BINARY, "../loadtest");

/** Two ports in a row that nobody has: those of the node's first two workers. */
async function twoPorts() {
  const bind = (port) =>
    new Promise((done, failed) => {
      const socket = createSocket("udp4").once("error", failed);
      socket.bind(port, "127.0.0.1", () => done(socket));
    });
  return until("two ports in a row", async () => {
    const first = await bind(0);
    const second = await bind(first.address().port + 1).finally(() => first.close());
    const { port } = second.address();
    second.close();
    return [port - 1, port];
  });
}

/** The synthetic callers' run; its report. */
async function synthetic(server) {
  const json = join(mkdtempSync(join(scratch, "run-")), "run.json");
  const key = readFileSync(join(server.dataDir, "api-key"), "utf8").trim();
  const child = spawn(
    LOADTEST,
    ["run", "steady", "--url", `http://127.0.0.1:${server.port}`, "--stage", `${calls}@${seconds}s`, "--max-calls", `${calls}`, "--hold", `${seconds}s`]
      .concat(["--warm-up", "0s", "--no-thresholds", "--progress", "plain", "--out", `json=${json}`]),
    { env: { ...process.env, VITRINE_API_KEY: key }, stdio: ["ignore", "inherit", "inherit"] },
  );
  await new Promise((done) => child.once("exit", done));
  return JSON.parse(readFileSync(json, "utf8"));
}

/** What one Chromium says about what it received. */
function received({ frames, samples }, encoder) {
  const last = samples.at(-1);
  const { in_audio: audio, in_video: video } = last;
  if (audio.packetsReceived < 40 * seconds) throw new Error("the page has opened another leg: its figures are of a part of the call");
  // From drawing the picture to its last packet, without the encoder's mean work on it.
  const work = (1_000 * encoder.totalEncodeTime) / encoder.framesEncoded;
  return {
    audioLost: audio.packetsLost,
    audioExpected: audio.packetsLost + audio.packetsReceived,
    videoLost: video.packetsLost,
    videoRepeats: video.retransmittedPacketsReceived ?? 0,
    videoExpected: video.packetsLost + video.packetsReceived,
    freezes: video.freezeCount,
    frozen: video.totalFreezesDuration,
    watched: (frames.at(-1)[0] - frames[0][0]) / 1_000,
    latency: percentile(frames.map(([, , , , age]) => age), 0.5) - work,
    work,
    encoder: { ...encoder, fps: frames.length / ((frames.at(-1)[0] - frames[0][0]) / 1_000) },
  };
}

const ports = await twoPorts();
const entrances = await twoPorts();
// Browsers do not speak from the loopback interface.
const [host = { address: "127.0.0.1" }] = Object.values(networkInterfaces())
  .flat()
  .filter(({ family, internal }) => family === "IPv4" && !internal);
const way = await openWay(host.address, entrances, ports);
const seats = [];
let server;
try {
  server = await Server.start({ mediaPort: ports[0], mediaAddress: `${host.address}:${entrances[0]}`, args: ["--media-tcp-port", "0"] });
  for (const [index, side] of ["shopper", "agent"].entries()) {
    const seat = await Seat.open(side, "about:blank", { viewport: { width: 800, height: 600 } });
    seats.push(seat);
    await seat.page.evaluateOnNewDocument(installCamera, { ...CAMERA, seed: index + 1 });
  }
  const [shopper, agent] = seats;
  await agent.page.goto(await server.signIn());
  await agent.find("button", "Go available");
  const world = { server, shopper, agent, cookies: await agent.browser.cookies() };
  const browsers = [];
  const reports = [];
  for (let run = 0; run < runs; run += 1) {
    await ours.prepare(world);
    await Promise.all(seats.map((seat) => seat.page.evaluate(() => window.__camera.begin())));
    await ours.press(world);
    const beside = synthetic(server);
    await sleep(seconds * 1_000);
    const seen = await Promise.all(seats.map((seat) => seat.page.evaluate(() => window.__camera.end())));
    reports.push(await beside);
    await ours.end(world);
    const encoders = seen.map(({ samples }) => samples.at(-1).out_video);
    browsers.push(received(seen[0], encoders[1]), received(seen[1], encoders[0]));
  }
  const about = {
    at: new Date().toISOString(),
    commit: process.env.LAB_COMMIT,
    browser: await agent.browser.version(),
    machine: `${cpus().length} × ${cpus()[0].model.trim()}, Linux ${release()}`,
    load: loadavg()[0],
    way: WAY,
    verdicts: reports.map(({ verdict }) => verdict),
  };
  const figures = reports.map((report) => report.figures);
  if (options.json) writeFileSync(options.json, JSON.stringify({ about, browsers, figures }));
  process.stdout.write(`${JSON.stringify(about)}\n${table(browsers, figures)}\n`);
} finally {
  await Promise.all(seats.map((seat) => seat.close()));
  await server?.stop();
  way.close();
}

/** Browser and load test, figure by figure. */
function table(browsers, figures) {
  const sum = (list, name) => list.reduce((all, one) => all + one[name], 0);
  const share = (name) => sum(figures.map((each) => each[name]), "of") / sum(figures.map((each) => each[name]), "all");
  const freezes = figures.map((each) => each.freeze_seconds);
  const mean = sum(freezes.map(({ count, avg }) => ({ total: count * avg })), "total") / sum(freezes, "count");
  const latency = percentile(figures.map((each) => each.video_latency_seconds.p50), 0.5);
  const receivers = 2 * calls * runs;
  const rows = [
    ["audio lost, %", 100 * (sum(browsers, "audioLost") / sum(browsers, "audioExpected")), 100 * share("audio_loss")],
    ["freezes for each receiver", sum(browsers, "freezes") / browsers.length, sum(freezes, "count") / receivers],
    ["one freeze, mean, ms", (1_000 * sum(browsers, "frozen")) / sum(browsers, "freezes"), 1_000 * mean],
    ["frozen, % of the time", 100 * (sum(browsers, "frozen") / sum(browsers, "watched")), 100 * share("frozen")],
    ["latency p50, ms", percentile(browsers.map((each) => each.latency), 0.5), 1_000 * latency],
  ];
  const cell = (value) => value.toFixed(2).padStart(10);
  const lines = [`${"".padEnd(28)}  Chromium   loadtest    differ %   (${browsers.length} and ${receivers} receivers)`];
  for (const [name, theirs, ours] of rows) lines.push(`${name.padEnd(28)}${cell(theirs)} ${cell(ours)}  ${cell(100 * (ours / theirs - 1))}`);
  return lines.join("\n");
}
