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
import { LOADTEST } from "./lib/loadtest.mjs";
import { scratch } from "./lib/scratch.mjs";
import { Seat } from "./lib/seat.mjs";
import { Server } from "./lib/server.mjs";
import { sleep, until } from "./lib/until.mjs";
import { ours } from "./picture/calls.mjs";
import { installCamera } from "./picture/camera.mjs";

/** As many pictures a second as a synthetic caller's, small enough that a browser keeps to it on a part of a core. */
const CAMERA = { width: 320, height: 180, fps: 25, block: 16 };
/** What a browser makes of that camera: as many packets a picture, as many pictures touched by a loss. */
const VIDEO = "1250k";
/** A freeze is put down to the outage of this length when it is no shorter than… and no longer than, ms. */
const BAND = [-60, 90];

const { values: options } = parseArgs({
  options: {
    seconds: { type: "string", default: "55" },
    runs: { type: "string", default: "1" },
    calls: { type: "string", default: "3" },
    json: { type: "string" },
    help: { type: "boolean" },
  },
});
if (options.help) {
  process.stdout.write(`deploy/accuracy [options]

  --seconds N   length of each call (55: all outages)
  --runs N      calls of the two Chromiums, one after the other (1)
  --calls N     synthetic calls beside each (3)
  --json FILE   every figure
`);
  process.exit();
}
const [seconds, runs, calls] = [options.seconds, options.runs, options.calls].map(Number);

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
      .concat(["--warm-up", "0s", "--no-thresholds", "--video", VIDEO, "--progress", "plain", "--out", `json=${json}`]),
    { env: { ...process.env, VITRINE_API_KEY: key }, stdio: ["ignore", "inherit", "inherit"] },
  );
  await new Promise((done) => child.once("exit", done));
  return JSON.parse(readFileSync(json, "utf8"));
}

/** The length of each freeze, ms: what `totalFreezesDuration` grew by from one second to the next. */
function freezesOf(samples) {
  const grown = samples.slice(1).map(({ in_video: now }, i) => {
    const { in_video: before } = samples[i];
    const count = now.freezeCount - before.freezeCount;
    return Array(count).fill((1_000 * (now.totalFreezesDuration - before.totalFreezesDuration)) / count);
  });
  return grown.flat();
}

/** What one Chromium says about what it received. */
function received({ frames, samples }, encoder) {
  const last = samples.at(-1);
  const { in_audio: audio, in_video: video } = last;
  if (audio.packetsReceived < 40 * seconds) throw new Error("the page has opened another leg: its figures are of a part of the call");
  return {
    each: freezesOf(samples.filter(({ in_video: video }) => video?.freezeCount !== undefined)),
    audioLost: audio.packetsLost,
    audioExpected: audio.packetsLost + audio.packetsReceived,
    videoLost: video.packetsLost,
    videoRepeats: video.retransmittedPacketsReceived ?? 0,
    videoExpected: video.packetsLost + video.packetsReceived,
    freezes: video.freezeCount,
    frozen: video.totalFreezesDuration,
    watched: (frames.at(-1)[0] - frames[0][0]) / 1_000,
    // From drawing the picture to its last packet: the encoder's work on it is part of it.
    delay: percentile(frames.map(([, , , , age]) => age), 0.5),
    work: (1_000 * encoder.totalEncodeTime) / encoder.framesEncoded,
    fps: video.framesDecoded / ((frames.at(-1)[0] - frames[0][0]) / 1_000),
    encoder,
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
    const seat = await Seat.open(side, "about:blank", { viewport: { width: 360, height: 480 } });
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
  const freezes = reports.flatMap(({ tally }) =>
    tally.all
      .filter(({ metric }) => metric === "freeze_seconds")
      .flatMap(({ trend }) => trend.values.flatMap(([micros, times]) => Array(times).fill(micros / 1_000))),
  );
  if (options.json) writeFileSync(options.json, JSON.stringify({ about, browsers, figures, freezes }));
  process.stdout.write(`${JSON.stringify(about)}\n${table(browsers, figures, freezes)}\n`);
} finally {
  await Promise.all(seats.map((seat) => seat.close()));
  await server?.stop();
  way.close();
}

/** Browser and load test, figure by figure. */
function table(browsers, figures, freezes) {
  const sum = (list, name) => list.reduce((all, one) => all + one[name], 0);
  const share = (name) => sum(figures.map((each) => each[name]), "of") / sum(figures.map((each) => each[name]), "all");
  const mean = (list) => list.reduce((all, one) => all + one, 0) / list.length;
  const theirs = browsers.flatMap(({ each }) => each);
  const receivers = 2 * calls * runs;
  const near = (list, outage) => list.filter((length) => length >= outage + BAND[0] && length < outage + BAND[1]);
  const outages = [...new Set(WAY.outages.map(([, length]) => length))].map((outage) => [
    `freeze of an outage of ${outage} ms`,
    ...[theirs, freezes].map((list) => mean(near(list, outage))),
    `${near(theirs, outage).length} and ${near(freezes, outage).length}`,
  ]);
  const rows = [
    ["pictures decoded a second", mean(browsers.map(({ fps }) => fps)), NaN],
    ["video packets a picture", mean(browsers.map(({ videoExpected, encoder }) => videoExpected / encoder.framesEncoded)), NaN],
    ["audio lost, %", 100 * (sum(browsers, "audioLost") / sum(browsers, "audioExpected")), 100 * share("audio_loss")],
    ["freezes for each receiver", theirs.length / browsers.length, freezes.length / receivers],
    ["one freeze, mean, ms", mean(theirs), mean(freezes)],
    ...outages,
    ["frozen, % of the time", 100 * (sum(browsers, "frozen") / sum(browsers, "watched")), 100 * share("frozen")],
    ["video delay p50, ms", percentile(browsers.map((each) => each.delay), 0.5), 1_000 * percentile(figures.map((each) => each.video_latency_seconds.p50), 0.5)],
  ];
  const cell = (value) => (Number.isNaN(value) ? "" : value.toFixed(2)).padStart(10);
  const lines = [`${"".padEnd(32)}  Chromium   loadtest   differ    differ %   (${browsers.length} and ${receivers} receivers)`];
  for (const [name, of, ours, n = ""] of rows) lines.push(`${name.padEnd(32)}${cell(of)} ${cell(ours)} ${cell(ours - of)} ${cell(100 * (ours / of - 1))}  ${n}`);
  return lines.join("\n");
}
