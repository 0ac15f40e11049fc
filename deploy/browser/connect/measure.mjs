// Runs of every path under every condition, with what the machine did meanwhile.

import { setLink } from "../lib/lab.mjs";
import { watchLoad } from "../lib/load.mjs";
import { attempt } from "./attempt.mjs";
import { link } from "./link.mjs";
import { cold, direct, instant, warm } from "./paths.mjs";

const RUN = { direct, warm, instant, cold, link };
/** Failed runs after which the rest would say nothing either. */
const MAX_FAILURES = 5;
/** Runs of one path in a row: its console stays open for that long. */
export const IN_A_ROW = 5;

/** All runs under one condition, the paths in turn so that a busy minute hits each alike. */
export async function block(world, { rtt, loss, runs, paths, watched, watchMs }, failures) {
  setLink("*<->*", { rtt_ms: rtt, loss_pct: loss });
  const results = Object.fromEntries(paths.map((path) => [path, []]));
  // Started by the emulator, which is ours too.
  const load = watchLoad(process.ppid);
  const one = async (path, run) => {
    try {
      const result = await attempt(world, () => RUN[path](world, run < watched ? watchMs : 0));
      results[path].push({ run, ...result });
    } catch (error) {
      failures.push({ rtt, loss, path, run, error: error.message });
      process.stderr.write(`\n${path} at ${rtt} ms: ${error.message}\n`);
      if (failures.length > MAX_FAILURES) throw new Error("too many failed runs");
    }
  };
  for (let done = 0; done < runs; done += IN_A_ROW) {
    const end = Math.min(runs, done + IN_A_ROW);
    for (const path of paths) {
      for (let run = done; run < end; run += 1) {
        await one(path, run);
        if (process.stderr.isTTY) process.stderr.write(`\rRTT ${rtt} ms, loss ${loss} %, ${path}: ${run + 1}/${runs}    `);
      }
    }
  }
  return { rtt, loss, loads: [load()], results };
}

export async function measure(world, options) {
  const blocks = [];
  const failures = [];
  for (const loss of options.losses) {
    for (const rtt of options.rtts) blocks.push(await block(world, { ...options, rtt, loss }, failures));
  }
  return { blocks, failures };
}
