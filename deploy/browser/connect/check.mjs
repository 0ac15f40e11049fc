// Has connecting become slower? The short form for CI: fails when a path's ratio to the direct call of
// the same minutes exceeds its bound. Where the bounds are from: docs/decisions/0019.

import { describeLoad } from "../lib/load.mjs";
import { median } from "./figures.mjs";
import { block, IN_A_ROW } from "./measure.mjs";

/** Runs of each path: two consoles. */
export const CHECK_RUNS = 2 * IN_A_ROW;
/** A ratio above its bound is measured again; only so many times above is slower. */
export const ATTEMPTS = 3;
/** Single runs may fail (a browser on a small machine); more of them are a fault to look at. */
const MAX_FAILED_RUNS = 2;

/** Largest ratio of the medians, by round-trip time (ms) and path. */
export const BOUNDS = {
  0: { warm: 1.1, instant: 1.05, cold: 1.2 },
  100: { warm: 0.52, instant: 0.42, cold: 0.6 },
};

const later = (runs) => median(runs.map((run) => run.later));

/** Measures these paths and the direct call, prints, and returns those above their bounds. */
async function above(world, rtt, paths, failures) {
  const measured = await block(
    world,
    { rtt, loss: 0, runs: CHECK_RUNS, paths: ["direct", ...paths], watched: 0, watchMs: 0 },
    failures,
  );
  const base = later(measured.results.direct);
  const slow = [];
  for (const path of paths) {
    const took = later(measured.results[path]);
    const ratio = took / base;
    const bound = BOUNDS[rtt][path];
    // Not `>`: without figures there is no ratio, and that is no pass.
    if (!(ratio <= bound)) slow.push(path);
    console.log(
      `RTT ${String(rtt).padStart(3)} ms  ${path.padEnd(8)}${Math.round(took)} ms, direct ${Math.round(base)} ms: ` +
        `ratio ${ratio.toFixed(2)}, bound ${bound}${ratio <= bound ? "" : "  ABOVE"}`,
    );
  }
  console.log(`             ${describeLoad(measured.loads[0])}`);
  return { slow, measured };
}

/** Measures, and says whether all is well. */
export async function check(world) {
  const failures = [];
  const blocks = [];
  const verdict = [];
  for (const [rtt, bounds] of Object.entries(BOUNDS)) {
    let suspects = Object.keys(bounds);
    for (let attempt = 1; attempt <= ATTEMPTS && suspects.length > 0; attempt += 1) {
      if (attempt > 1) console.log(`             measured again: ${suspects.join(", ")}`);
      const { slow, measured } = await above(world, Number(rtt), suspects, failures);
      blocks.push(measured);
      suspects = slow;
    }
    verdict.push(...suspects.map((path) => `${path} at RTT ${rtt} ms`));
  }
  for (const { rtt, path, error } of failures) console.log(`failed run: ${path} at ${rtt} ms: ${error}`);
  if (verdict.length > 0) console.log(`slower than allowed, ${ATTEMPTS} times: ${verdict.join(", ")}`);
  return { blocks, failures, ok: verdict.length === 0 && failures.length <= MAX_FAILED_RUNS };
}
