// How far does the check's ratio stray when nothing has changed? From measured runs, by bootstrap:
// the check draws two consoles of each path, five calls on each, and divides the medians; here the
// same is drawn many times from what was measured. Consoles first, then the calls on them: calls of
// one console resemble each other.

import { ATTEMPTS, BOUNDS } from "./check.mjs";
import { median, percentile } from "./figures.mjs";
import { IN_A_ROW } from "./measure.mjs";

const DRAWS = 20_000;
const CONSOLES = 2;

/** The same draws each time: a bound can be found again. (mulberry32) */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The runs of one path, by the console they were on. */
function consoles(measurements, rtt, path) {
  return measurements
    .flatMap(({ blocks }) => blocks)
    .filter((block) => block.rtt === rtt && !block.loss)
    .flatMap(({ results }) => {
      const groups = [];
      for (const { run, later } of results[path] ?? []) (groups[Math.floor(run / IN_A_ROW)] ??= []).push(later);
      return groups.filter(Boolean);
    });
}

/** A table of the ratio's spread, and of how often each bound would call a false alarm. */
export function boundsTable(measurements) {
  const random = generator(1);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const drawn = (groups, slower = 0) =>
    median(
      Array.from({ length: CONSOLES }, () => pick(groups)).flatMap((group) =>
        Array.from({ length: IN_A_ROW }, () => pick(group) + slower),
      ),
    );
  const lines = [
    `${DRAWS} draws of ${CONSOLES} × ${IN_A_ROW} runs; a false alarm is ${ATTEMPTS} draws above the bound; "seen" is how often`,
    "a path that has become slower by so much is found",
    "",
    "path       RTT  runs  direct  ratio: p50    p95    p99  p99.9  bound  false alarms  seen: +50 ms  +100 ms",
  ];
  const share = (part) => `${(part * 100).toFixed(part < 0.001 ? 3 : 1)} %`;
  for (const [rtt, bounds] of Object.entries(BOUNDS)) {
    for (const [path, bound] of Object.entries(bounds)) {
      const [own, direct] = [path, "direct"].map((name) => consoles(measurements, Number(rtt), name));
      if (own.length === 0 || direct.length === 0) continue;
      const ratios = (slower) => Array.from({ length: DRAWS }, () => drawn(own, slower) / drawn(direct));
      const above = (list) => (list.filter((ratio) => ratio > bound).length / DRAWS) ** ATTEMPTS;
      const as = ratios(0);
      const figures = [0.5, 0.95, 0.99, 0.999].map((at) => percentile(as, at).toFixed(2).padStart(7)).join("");
      lines.push(
        `${path.padEnd(9)}${rtt.padStart(5)}${String(own.flat().length).padStart(6)}${String(direct.flat().length).padStart(8)}     ${figures}` +
          `${String(bound).padStart(7)}${share(above(as)).padStart(14)}${share(above(ratios(50))).padStart(14)}${share(above(ratios(100))).padStart(9)}`,
      );
    }
  }
  return lines.join("\n");
}
