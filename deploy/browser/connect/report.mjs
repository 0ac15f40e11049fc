// Figures as text.

import { describeLoad } from "../lib/load.mjs";
import { STAGE_NAMES, summarise } from "./figures.mjs";

const cell = (value, width = 6) => (Number.isFinite(value) ? String(Math.round(value)) : "–").padStart(width);
const three = ({ p50, p95, max }) => `${cell(p50)}${cell(p95)}${cell(max)}`;
const condition = ({ rtt, loss }) => `${cell(rtt, 5)}${(loss ? `${loss} %` : "").padStart(6)}`;
const plain = ({ rtt, loss }) => `RTT ${rtt} ms${loss ? `, ${loss} % loss` : ""}`;

/** The table of the issue: path by round-trip time. */
function callTable(blocks, paths) {
  const lines = ["Press → first remote frame presented, milliseconds: p50, p95, max", ""];
  lines.push(
    `${"path".padEnd(9)}${"RTT".padStart(5)}${"loss".padStart(6)}${"n".padStart(5)}  ${"shopper's screen".padStart(18)}  ` +
      `${"agent's screen".padStart(18)}  ${"later of both".padStart(18)}  to direct: p50   p95`,
  );
  for (const path of paths.filter((name) => name !== "link")) {
    for (const block of blocks) {
      const summary = block.summaries[path];
      if (!summary?.n) continue;
      const base = block.summaries.direct?.later;
      const ratio =
        base === undefined
          ? ""
          : `${(summary.later.p50 / base.p50).toFixed(2).padStart(14)}${(summary.later.p95 / base.p95).toFixed(2).padStart(6)}`;
      lines.push(
        `${path.padEnd(9)}${condition(block)}${cell(summary.n, 5)}  ${three(summary.shopper)}  ${three(summary.agent)}  ` +
          `${three(summary.later)}  ${ratio}`,
      );
    }
  }
  return lines.join("\n");
}

function linkTable(blocks) {
  const rows = blocks.filter((block) => block.summaries.link?.link);
  if (rows.length === 0) return "";
  const lines = [
    "Tap on the link: from the start of the navigation, empty cache, TLS 1.3, milliseconds: p50, p95, max",
    "",
    `  RTT  loss    n          page usable    connected (TLS)            HTML came     Join answers      preview shown`,
  ];
  for (const block of rows) {
    const { n, link } = block.summaries.link;
    lines.push(
      `${condition(block)}${cell(n, 5)}  ${["at", "tls", "html", "join", "preview"].map((key) => three(link[key])).join("  ")}`,
    );
  }
  return lines.join("\n");
}

/** Stage medians, a row for each screen. */
function stageTable(blocks, paths) {
  const lines = ["Stages from the calls' records, medians, milliseconds", ""];
  lines.push(`${"path".padEnd(9)}  RTT  loss  screen   ${STAGE_NAMES.map((name) => name.padStart(name.length + 2)).join("")}`);
  for (const path of paths) {
    for (const block of blocks) {
      const { columns } = block.summaries[path]?.stages ?? {};
      for (const side of columns ? ["shopper", "agent"] : []) {
        const values = STAGE_NAMES.map((name) => cell(columns[side][name], name.length + 2));
        lines.push(`${path.padEnd(9)}${condition(block)}  ${side.padEnd(8)}${values.join("")}`);
      }
    }
  }
  return lines.length > 3 ? lines.join("\n") : "";
}

function markTable(path, block) {
  const { marks } = block.summaries[path].stages;
  const lines = [`Marks of the calls' records, ${path}, ${plain(block)}: medians, milliseconds from the press on Accept`];
  for (const [name, value] of Object.entries(marks)) lines.push(`${cell(value, 8)}  ${name}`);
  return lines.join("\n");
}

/** Whether the picture is more than a thumbnail. */
function pictureTable(blocks, paths) {
  const lines = [
    "Picture of the runs that were watched: kB of video that had come when the first frame was shown, and its",
    "lines (medians); lines after 1 s (median, least); kbit/s in the third second (median, least); runs with a",
    "gap over 200 ms in the first five seconds; longest gap, milliseconds; runs with at least 480 lines, 1 Mbit/s",
    "and no such gap",
    "",
    "path       RTT  loss  screen      kB  first   1 s  least  kbit/s  least  freezes  longest   good",
  ];
  for (const path of paths) {
    for (const block of blocks) {
      for (const side of ["shopper", "agent"]) {
        const seen = block.summaries[path]?.picture?.[side];
        if (!seen) continue;
        lines.push(
          `${path.padEnd(9)}${condition(block)}  ${side.padEnd(8)}${cell(seen.firstKilobytes)}${cell(seen.firstLines, 7)}${cell(seen.linesAfter1s.p50)}` +
            `${cell(seen.linesAfter1s.min, 7)}${cell(seen.kbpsAfter2s.p50, 8)}${cell(seen.kbpsAfter2s.min, 7)}` +
            `${`${seen.runsWithFreeze}/${seen.of}`.padStart(9)}${cell(seen.longestGap, 9)}${`${seen.good}/${seen.of}`.padStart(7)}`,
        );
      }
    }
  }
  return lines.length > 6 ? lines.join("\n") : "";
}

/** All tables of blocks that `merge` has put together. */
export function report(blocks, paths, { marks = true } = {}) {
  for (const block of blocks) {
    block.summaries = Object.fromEntries(paths.map((path) => [path, summarise(block.results[path] ?? [])]));
  }
  const told = marks
    ? blocks.flatMap((block) =>
        ["warm", "instant", "cold"].filter((path) => block.summaries[path]?.stages).map((path) => markTable(path, block)),
      )
    : [];
  const loads = blocks.flatMap((block) => block.loads.map((load) => `${plain(block).padEnd(20)} ${describeLoad(load)}`));
  return [
    callTable(blocks, paths),
    linkTable(blocks),
    stageTable(blocks, paths),
    pictureTable(blocks, paths),
    ["Load of the machine, by block", "", ...loads].join("\n"),
    ...told,
  ]
    .filter(Boolean)
    .join("\n\n");
}
