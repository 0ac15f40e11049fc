// Many calls within the regions and between them, by synthetic callers: each side of a call sends from
// the address of its own region.

import { lookup } from "node:dns/promises";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { setLink } from "../lib/lab.mjs";
import { loadtest } from "../lib/loadtest.mjs";
import { scratch } from "../lib/scratch.mjs";
import { REGIONS } from "./cluster.mjs";

/** The regions of shopper and agent. */
const WITHIN = REGIONS.map((region) => [region, region]);
const BETWEEN = REGIONS.map((region, i) => [region, REGIONS[(i + 1) % REGIONS.length]]);
/** The host whose namespace has the callers' addresses of all regions. */
const CALLERS = `callers-${REGIONS[0]}`;
/** Until all calls are there, and how long each lasts; less in a short run. */
const RAMP_SECONDS = 4;
const HOLD_SECONDS = { least: 3, most: 8 };

/** Figures that a report has by side only where a threshold asks for them; no step of a call takes as long. */
const BY_SIDE = ["shopper", "agent"].flatMap((side) => [50, 95].map((part) => `connect_seconds{side:${side}}:p(${part})<10`));

/** What a generator is given: calls from one region to another. */
async function scenario([shopper, agent], { stages, hold, video }) {
  const addresses = await Promise.all(
    REGIONS.filter((region) => region === shopper || region === agent).map(
      async (region) => `${region} = "${(await lookup(`callers-${region}`)).address}"`,
    ),
  );
  const path = join(scratch, `${shopper}-${agent}-${video}.toml`);
  const text = `
    name = "${shopper}-${agent}"
    thresholds = ${JSON.stringify(["calls_failed:rate==0", "calls_misplaced:rate==0", "leaked_packets:count==0", ...BY_SIDE])}
    [load]
    stages = ${JSON.stringify(stages)}
    [call]
    hold = "${hold}s"
    [media]
    profile = "360p"
    video = "${video}k"
    [[places]]
    shopper = "${shopper}"
    agent = "${agent}"
    [from]
    ${addresses.join("\n    ")}
  `;
  writeFileSync(path, text);
  return path;
}

/** What of a report is in the tables. */
function told({ verdict, thresholds, figures, tally }) {
  const share = (name) => figures[name]?.of ?? 0;
  return {
    verdict: verdict.is,
    calls: figures.calls_started?.count ?? 0,
    completed: figures.calls_completed?.count ?? 0,
    failed: share("calls_failed"),
    sides: figures.calls_misplaced?.all ?? 0,
    misplaced: share("calls_misplaced"),
    leaked: figures.leaked_packets?.count ?? 0,
    connect: figures.connect_seconds,
    bySide: BY_SIDE.map((asked) => thresholds.find(({ threshold }) => threshold === asked)?.actual),
    audio: figures.audio_loss,
    video: figures.video_loss,
    audioLatency: figures.audio_latency_seconds,
    frozen: figures.frozen?.rate ?? 0,
    errors: tally.errors,
  };
}

const ms = (seconds) => (seconds === undefined ? "-" : (seconds * 1_000).toFixed(0));
const percent = (share) => (share ? `${(share.rate * 100).toFixed(3)} %` : "-");

function problemsOf(what, row) {
  const problems = [];
  if (row.calls === 0) problems.push(`${what}: no call was made`);
  if (row.failed > 0) problems.push(`${what}: ${row.failed} of ${row.calls} calls failed: ${JSON.stringify(row.errors)}`);
  if (row.misplaced > 0) problems.push(`${what}: ${row.misplaced} sides were misplaced`);
  if (row.completed > 0 && row.sides === 0) problems.push(`${what}: where the calls were placed is not known`);
  if (row.leaked > 0) problems.push(`${what}: ${row.leaked} packets of other calls`);
  return problems;
}

/** So many calls at a time for `seconds`, evenly over the ways within the regions and between them. */
export async function synthetic({ server }, atOnce, seconds) {
  const each = Math.max(1, Math.round(atOnce / (WITHIN.length + BETWEEN.length)));
  const stages = [`0..${each}@${Math.min(RAMP_SECONDS, seconds)}s`, `hold@${seconds}s`];
  const hold = Math.min(HOLD_SECONDS.most, Math.max(HOLD_SECONDS.least, seconds));
  const rows = await Promise.all(
    [...WITHIN, ...BETWEEN].map(async (pair) => {
      const path = await scenario(pair, { stages, hold, video: 500 });
      return { pair: pair.join("-"), ...told(await loadtest(server, CALLERS, path, "--threads", "1")) };
    }),
  );
  const sum = (key) => rows.reduce((all, row) => all + row[key], 0);
  const lines = [
    `synthetic calls, ${each} at a time on each way, 500 kbit/s of video: shopper-agent, Accept to picture p50/p95 in ms`,
    "",
    "      calls failed misplaced     shopper      agent    n    sound lost  picture lost  leaked  generator",
  ];
  for (const row of rows) {
    const [shopper, agent] = [row.bySide.slice(0, 2), row.bySide.slice(2)].map((side) => side.map(ms).join("/"));
    lines.push(
      [
        row.pair.padEnd(5),
        String(row.calls).padStart(5),
        String(row.failed).padStart(6),
        `${row.misplaced}/${row.sides}`.padStart(9),
        shopper.padStart(10),
        agent.padStart(10),
        `n ${row.connect?.count ?? 0}`.padStart(6),
        percent(row.audio).padStart(12),
        percent(row.video).padStart(13),
        String(row.leaked).padStart(7),
        `  ${row.verdict}`,
      ].join(" "),
    );
  }
  lines.push(`all   ${String(sum("calls")).padStart(5)} ${String(sum("failed")).padStart(6)} ${`${sum("misplaced")}/${sum("sides")}`.padStart(9)}`);
  return { rows, problems: rows.flatMap((row) => problemsOf(row.pair, row)), table: lines.join("\n") };
}

/** What the hop carries each way in the narrow phase, and what each call would send. */
const HOP_KBPS = 2_000;
const VIDEO_KBPS = 1_500;
/** How long the calls have to find their shares, and how long they are watched then. */
const SETTLE_SECONDS = 20;
const WATCH_SECONDS = 30;

/** As equal as possible: 1. One takes all: 1/n (Jain's index). */
const fairness = (values) =>
  values.reduce((sum, x) => sum + x, 0) ** 2 / (values.length * values.reduce((sum, x) => sum + x * x, 0));

/** So many calls over a hop between two nodes that is too narrow for them. */
export async function narrow({ server }, count) {
  const [from, to] = [REGIONS[0], REGIONS[2]];
  const hop = `node-${from}<->node-${to}`;
  setLink(hop, { rate_kbps: HOP_KBPS });
  const lasts = SETTLE_SECONDS + WATCH_SECONDS;
  const path = await scenario([from, to], { stages: ["1@1s"], hold: lasts, video: VIDEO_KBPS });
  const rows = await Promise.all(
    Array.from({ length: count }, async () => {
      const report = await loadtest(server, CALLERS, path, "--threads", "1", "--max-calls", "1", "--grace", `${lasts + 10}s`);
      // Both sides of the call are in it; the hop carries one each way.
      const points = Object.entries(report.tally.series.points).map(([second, { bytes }]) => [Number(second), bytes]);
      const last = Math.max(...points.filter(([, bytes]) => bytes > 0).map(([second]) => second));
      const watched = points.filter(([second]) => second < last - 1 && second >= last - 1 - WATCH_SECONDS);
      const kbps = (watched.reduce((sum, [, bytes]) => sum + bytes, 0) * 8) / 1_000 / WATCH_SECONDS / 2;
      return { kbps, ...told(report) };
    }),
  );
  setLink(hop, { rate_kbps: 0 });
  const problems = rows.flatMap((row, i) => problemsOf(`narrow hop, call ${i + 1}`, row));
  const all = rows.reduce((sum, { kbps }) => sum + kbps, 0);
  const lines = [
    `${count} calls of ${VIDEO_KBPS} kbit/s over a hop of ${HOP_KBPS} kbit/s each way: payload that arrived, mean of both sides`,
    "",
    "call  kbit/s  sound lost  sound late p50/p99 ms  picture lost  still",
  ];
  rows.forEach((row, i) => {
    lines.push(
      [
        String(i + 1).padStart(4),
        row.kbps.toFixed(0).padStart(7),
        percent(row.audio).padStart(11),
        `${ms(row.audioLatency?.p50)}/${ms(row.audioLatency?.p99)}`.padStart(22),
        percent(row.video).padStart(13),
        `${(row.frozen * 100).toFixed(1)} %`.padStart(6),
      ].join(" "),
    );
  });
  lines.push(`all   ${all.toFixed(0)} kbit/s, ${((all / HOP_KBPS) * 100).toFixed(0)} % of the hop; fairness ${fairness(rows.map(({ kbps }) => kbps)).toFixed(3)}`);
  return { rows, problems, table: lines.join("\n") };
}
