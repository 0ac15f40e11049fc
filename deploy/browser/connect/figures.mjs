// From runs to figures.

/** The value below which `share` of the values lie (nearest rank). */
export function percentile(values, share) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export const median = (values) => percentile(values, 0.5);

export const spread = (values) => ({
  p50: percentile(values, 0.5),
  p95: percentile(values, 0.95),
  max: percentile(values, 1),
});

/** The stages of the issue, as durations: from one mark of a call's record to another. */
const STAGES = [
  ["socket", "page_ready", "socket"],
  ["offer", "socket", "leg_offer"],
  ["answer", "leg_offer", "leg_answer"],
  ["ICE", "leg_answer", "ice"],
  ["DTLS", "ice", "dtls"],
];
const CALL_STAGES = [
  ["ring → accept", "agent ring", "agent accept"],
  ["accept → bridge", "agent accept", "server bridged"],
];

/** The first leg's offer leaves in the flight of the hello; a later one is another call's leg, whose socket is old. */
const FIRST_LEG_MS = 200;

/** Durations of one run, by column and side; a side's columns end with what its own screen shows. */
function durations(timeline) {
  const at = new Map(timeline.map(({ side = "server", stage, at_ms: ms }) => [`${side} ${stage}`, ms]));
  for (const side of ["shopper", "agent"]) {
    if (at.get(`${side} leg_offer`) > at.get(`${side} welcome`) + FIRST_LEG_MS) at.delete(`${side} socket`);
  }
  const took = (from, to) => at.get(to) - at.get(from);
  return Object.fromEntries(
    [["shopper", "agent"], ["agent", "shopper"]].map(([side, other]) => {
      const packet = `server first_video_packet_of_${other}`;
      return [
        side,
        {
          ...Object.fromEntries(STAGES.map(([name, from, to]) => [name, took(`${side} ${from}`, `${side} ${to}`)])),
          ...Object.fromEntries(CALL_STAGES.map(([name, from, to]) => [name, took(from, to)])),
          "bridge → packet": took("server bridged", packet),
          "packet → frame": took(packet, `${side} first_frame`),
        },
      ];
    }),
  );
}

export const STAGE_NAMES = [...STAGES, ...CALL_STAGES].map(([name]) => name).concat("bridge → packet", "packet → frame");

function stages(runs) {
  const timelines = runs.map(({ timeline }) => timeline).filter(Boolean);
  if (timelines.length === 0) return undefined;
  const each = timelines.map(durations);
  const columns = Object.fromEntries(
    ["shopper", "agent"].map((side) => [
      side,
      Object.fromEntries(STAGE_NAMES.map((name) => [name, median(each.map((run) => run[side][name]))])),
    ]),
  );
  const marks = new Map();
  for (const { side = "server", stage, at_ms: ms } of timelines.flat()) {
    const name = `${side}: ${stage.replaceAll("_", " ")}`;
    marks.set(name, [...(marks.get(name) ?? []), ms]);
  }
  const call = [...marks].map(([name, values]) => [name, median(values)]).sort(([, a], [, b]) => a - b);
  return { columns, marks: Object.fromEntries(call) };
}

/** What the promise asks of the picture. */
const LINES = 480;
const KBPS = 1_000;
const isGood = ({ lines, kbps, freezes }) => lines.second >= LINES && kbps >= KBPS && freezes === 0;

/** The picture of the runs that were watched. */
function picture(runs, side) {
  const seen = runs.map((run) => run[side]).filter((screen) => screen?.lines);
  if (seen.length === 0) return undefined;
  const of = (pick) => seen.map(pick);
  const typicalAndLeast = (values) => ({ p50: median(values), min: percentile(values, 0) });
  return {
    of: seen.length,
    good: seen.filter(isGood).length,
    firstKilobytes: median(of((screen) => screen.bytes / 1_000)),
    firstLines: median(of((screen) => screen.firstLines)),
    linesAfter1s: typicalAndLeast(of((screen) => screen.lines.second)),
    kbpsAfter2s: typicalAndLeast(of((screen) => screen.kbps)),
    runsWithFreeze: seen.filter((screen) => screen.freezes > 0).length,
    longestGap: Math.max(...of((screen) => screen.longestGap)),
  };
}

/** On how many of the screens that were watched the picture was what the promise asks for. */
export function pictureKept(blocks) {
  const screens = blocks
    .filter(({ loss }) => !loss)
    .flatMap(({ summaries }) => Object.entries(summaries))
    .filter(([path]) => path !== "direct")
    .flatMap(([, { picture: sides }]) => Object.values(sides).filter(Boolean));
  const sum = (of) => screens.reduce((total, screen) => total + screen[of], 0);
  return { good: sum("good"), of: sum("of") };
}

/** Everything about the runs of one path under one condition. */
export function summarise(runs) {
  const calls = runs.filter((run) => run.later !== undefined);
  const links = runs.map((run) => run.link).filter(Boolean);
  return {
    n: runs.length,
    shopper: spread(calls.map((run) => run.shopper.at)),
    agent: spread(calls.map((run) => run.agent.at)),
    later: spread(calls.map((run) => run.later)),
    stages: stages(calls),
    picture: { shopper: picture(calls, "shopper"), agent: picture(calls, "agent") },
    link: links.length === 0 ? undefined : Object.fromEntries(Object.keys(links[0]).map((key) => [key, spread(links.map((one) => one[key]))])),
  };
}

/** Blocks of several measurements, put together by round-trip time and loss. */
export function merge(measurements) {
  const blocks = new Map();
  for (const { rtt, loss, loads, results } of measurements.flatMap(({ blocks: list }) => list)) {
    const key = `${rtt} ${loss}`;
    const block = blocks.get(key) ?? { rtt, loss, loads: [], results: {} };
    block.loads.push(...loads);
    for (const [path, runs] of Object.entries(results)) {
      block.results[path] = [...(block.results[path] ?? []), ...runs];
    }
    blocks.set(key, block);
  }
  return [...blocks.values()].sort((a, b) => a.loss - b.loss || a.rtt - b.rtt);
}
