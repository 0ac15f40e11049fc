// The command line of deploy/connect.

import { parseArgs } from "node:util";

import { SCENES } from "../lib/media.mjs";

export const USAGE = `deploy/connect [options]

  --runs N          runs of each path under each condition (50)
  --rtt LIST        round-trip times, ms, between any two hosts (0,50,100,200)
  --loss LIST       packets lost on each way between any two hosts, percent (0)
  --paths LIST      of direct, warm, instant, cold, link (all); ratios need direct
  --clip NAME       what both cameras show: ${Object.keys(SCENES).join(" or ")}, 30 frames/s (480p)
  --firefox SIDE    shopper or agent uses Firefox
  --rate KBPS       each browser's access link, both ways; 0: no limit (5000)
  --watched N       in the first N runs of each cell the picture is watched (10)
  --watch SECONDS   for so long (5)
  --hold SECONDS    every call goes on for so long (0)
  --json FILE       every run and every figure
  --drops           instead: what the loss of exactly one packet costs (warm only)
  --check           instead: the short form for CI, with bounds (docs/decisions/0019)
  --report LIST     prints what such files hold, put together, and measures nothing
  --bounds LIST     how far the check's ratios stray, from such files
`;

export const PATHS = ["direct", "warm", "instant", "cold", "link"];

const number = (name, text, least) => {
  const value = Number(text);
  if (text === "" || !Number.isFinite(value) || value < least) throw new Error(`--${name}: ${text} will not do`);
  return value;
};
const numbers = (name, text, least) => text.split(",").map((part) => number(name, part, least));
const one = (name, value, of) => {
  if (value !== undefined && !of.includes(value)) throw new Error(`--${name}: ${value} is not one of ${of.join(", ")}`);
  return value;
};

export function parseOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      runs: { type: "string", default: "50" },
      rtt: { type: "string", default: "0,50,100,200" },
      loss: { type: "string", default: "0" },
      paths: { type: "string", default: PATHS.join() },
      clip: { type: "string", default: "480p" },
      firefox: { type: "string" },
      rate: { type: "string", default: "5000" },
      watched: { type: "string", default: "10" },
      watch: { type: "string", default: "5" },
      hold: { type: "string", default: "0" },
      json: { type: "string" },
      drops: { type: "boolean", default: false },
      check: { type: "boolean", default: false },
      bounds: { type: "string" },
      report: { type: "string" },
      help: { type: "boolean" },
    },
  });
  const paths = values.paths.split(",");
  for (const path of paths) one("paths", path, PATHS);
  return {
    help: values.help,
    drops: values.drops,
    check: values.check,
    bounds: values.bounds?.split(","),
    report: values.report?.split(","),
    json: values.json,
    runs: number("runs", values.runs, 1),
    rtts: numbers("rtt", values.rtt, 0),
    losses: numbers("loss", values.loss, 0),
    paths,
    clip: one("clip", values.clip, Object.keys(SCENES)),
    firefox: one("firefox", values.firefox, ["shopper", "agent"]),
    rate: number("rate", values.rate, 0),
    watched: number("watched", values.watched, 0),
    holdMs: number("hold", values.hold, 0) * 1_000,
    // The bit rate is that of the third second.
    watchMs: number("watch", values.watch, 3) * 1_000,
  };
}
