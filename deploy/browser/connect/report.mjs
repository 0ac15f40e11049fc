// Figures from runs, as text.

/** The value below which `share` of the values lie (nearest rank). */
export function percentile(values, share) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

const median = (values) => percentile(values, 0.5);

const spread = (values) => ({
  p50: percentile(values, 0.5),
  p95: percentile(values, 0.95),
  max: percentile(values, 1),
});

/** Stages before the click: what opening the leg takes, as durations within one page. */
const OPENING = [
  ["socket → welcome", "socket", "welcome"],
  ["offer → answer", "leg_offer", "leg_answer"],
  ["answer → ICE", "leg_answer", "ice"],
  ["ICE → DTLS", "ice", "dtls"],
];

const ONCE = new Set(["page_ready", "socket", "welcome", "leg_offer", "leg_answer", "ice", "dtls"]);

function stages(runs) {
  const at = new Map();
  const opening = new Map();
  const add = (map, key, value) => map.set(key, [...(map.get(key) ?? []), value]);
  for (const { timeline = [] } of runs) {
    const times = new Map();
    for (const { side = "server", stage, at_ms: ms } of timeline) {
      times.set(`${side} ${stage}`, ms);
      if (!ONCE.has(stage)) add(at, `${side}: ${stage.replaceAll("_", " ")}`, ms);
    }
    for (const side of ["shopper", "agent"]) {
      for (const [title, from, to] of OPENING) {
        const took = times.get(`${side} ${to}`) - times.get(`${side} ${from}`);
        if (Number.isFinite(took)) add(opening, `${side}: ${title}`, took);
      }
    }
  }
  const medians = (map) => Object.fromEntries([...map].map(([key, values]) => [key, median(values)]));
  const ordered = Object.entries(medians(at)).sort(([, a], [, b]) => a - b);
  return { opening: medians(opening), call: Object.fromEntries(ordered) };
}

function picture(runs, side) {
  const seen = runs.map((run) => run[side]).filter((screen) => screen.lines);
  if (seen.length === 0) return undefined;
  const of = (pick) => seen.map(pick);
  return {
    firstKilobytes: median(of((screen) => screen.bytes / 1_000)),
    firstLines: median(of((screen) => screen.lines.first)),
    linesAfter1s: { p50: median(of((screen) => screen.lines.second)), min: percentile(of((screen) => screen.lines.second), 0) },
    kbpsAfter2s: { p50: median(of((screen) => screen.kbps)), min: percentile(of((screen) => screen.kbps), 0) },
    runsWithFreeze: seen.filter((screen) => screen.freezes > 0).length,
    longestGap: Math.max(...of((screen) => screen.longestGap)),
    of: seen.length,
  };
}

/** Everything about the runs of one path at one round-trip time. */
export function summarise(runs) {
  return {
    n: runs.length,
    shopper: spread(runs.map((run) => run.shopper.at)),
    agent: spread(runs.map((run) => run.agent.at)),
    later: spread(runs.map((run) => run.later)),
    stages: stages(runs),
    picture: { shopper: picture(runs, "shopper"), agent: picture(runs, "agent") },
  };
}

const cell = (value, width = 6) => (value === undefined ? "–" : String(Math.round(value))).padStart(width);
const three = ({ p50, p95, max }) => `${cell(p50)}${cell(p95)}${cell(max)}`;

/** The table of the issue: path by round-trip time. */
export function table(blocks, paths) {
  const lines = ["Click → first remote frame presented, milliseconds: p50, p95, max", ""];
  lines.push(
    `${"path".padEnd(9)}${"RTT".padStart(5)}${"n".padStart(5)}  ${"shopper's screen".padStart(18)}  ` +
      `${"agent's screen".padStart(18)}  ${"later of both".padStart(18)}  p50 and p95 to direct`,
  );
  for (const path of paths) {
    for (const { rtt, load, summaries } of blocks) {
      const summary = summaries[path];
      if (!summary?.n) continue;
      const base = summaries.direct?.later;
      const ratio = base && `${(summary.later.p50 / base.p50).toFixed(2)}  ${(summary.later.p95 / base.p95).toFixed(2)}`;
      lines.push(
        `${path.padEnd(9)}${cell(rtt, 5)}${cell(summary.n, 5)}  ${three(summary.shopper)}  ${three(summary.agent)}  ` +
          `${three(summary.later)}  ${(ratio ?? "").padEnd(12)} load ${load.map((value) => value.toFixed(1)).join(" → ")}`,
      );
    }
  }
  return lines.join("\n");
}

/** Stage medians of one path at one round-trip time. */
export function stageTable(path, rtt, { stages: { opening, call } }) {
  const lines = [`Stages, ${path}, RTT ${rtt} ms: medians from the call records, milliseconds`];
  lines.push("  opening the leg, before the click (duration)");
  for (const [name, value] of Object.entries(opening)) lines.push(`  ${cell(value)}  ${name}`);
  lines.push("  from the press on Accept");
  for (const [name, value] of Object.entries(call)) lines.push(`  ${cell(value)}  ${name}`);
  return lines.join("\n");
}

/** Whether the picture is more than a thumbnail. */
export function pictureTable(blocks, paths) {
  const lines = [
    "Picture: kB of video that had come when the first frame was shown, and its lines (medians); lines",
    "after 1 s (median, least); kbit/s in the third second (median, least); runs with a gap over 200 ms",
    "while watched; longest gap, milliseconds",
    "",
    "path       RTT  screen      kB  first   1 s  least  kbit/s  least  freezes  longest",
  ];
  for (const path of paths) {
    for (const { rtt, summaries } of blocks) {
      for (const side of ["shopper", "agent"]) {
        const seen = summaries[path]?.picture?.[side];
        if (!seen) continue;
        lines.push(
          `${path.padEnd(9)}${cell(rtt, 5)}  ${side.padEnd(8)}${cell(seen.firstKilobytes)}${cell(seen.firstLines, 7)}${cell(seen.linesAfter1s.p50)}` +
            `${cell(seen.linesAfter1s.min, 7)}${cell(seen.kbpsAfter2s.p50, 8)}${cell(seen.kbpsAfter2s.min, 7)}` +
            `${`${seen.runsWithFreeze}/${seen.of}`.padStart(9)}${cell(seen.longestGap, 9)}`,
        );
      }
    }
  }
  return lines.join("\n");
}
