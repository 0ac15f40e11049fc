// What the link does. Rates in kbit/s of IP bytes, times in seconds from the press that starts the
// call; RFC 8867 and docs/operations/picture-benchmark.md say why these.

/** A slide from one rate to another in steps of a second. */
function slide(from, to, start, seconds) {
  return Array.from({ length: seconds }, (_, i) => [
    start + i + 1,
    { rate_kbps: Math.round(from + ((to - from) * (i + 1)) / seconds) },
  ]);
}

/** Up and down between two rates, each half a period. */
function oscillation(rates, period, seconds) {
  return Array.from({ length: (2 * seconds) / period }, (_, i) => [
    (i * period) / 2,
    { rate_kbps: rates[i % 2] },
  ]);
}

/** Losses in runs, as where Wi-Fi is crowded. */
const BURSTS = "{ loss_pct = 1, mean_len = 4 }";

export const CASES = {
  "5.1": {
    title: "RFC 8867 5.1: 1 → 2.5 → 0.6 → 1 Mbit/s",
    seconds: 100,
    steps: [
      [0, { rate_kbps: 1_000 }],
      [40, { rate_kbps: 2_500 }],
      [60, { rate_kbps: 600 }],
      [80, { rate_kbps: 1_000 }],
    ],
  },
  rise: {
    title: "500 kbit/s → 3 Mbit/s",
    seconds: 60,
    steps: [
      [0, { rate_kbps: 500 }],
      [15, { rate_kbps: 3_000 }],
    ],
  },
  start: {
    title: "the start on 500 kbit/s",
    seconds: 12,
    steps: [[0, { rate_kbps: 500 }]],
  },
  slide: {
    title: "3 → 0.7 Mbit/s within 40 s",
    seconds: 60,
    steps: [[0, { rate_kbps: 3_000 }], ...slide(3_000, 700, 10, 40)],
  },
  oscillation: {
    title: "0.8 ↔ 2.5 Mbit/s every 10 s, 1 % lost in runs of 4",
    seconds: 80,
    steps: [[0, { burst: BURSTS }], ...oscillation([800, 2_500], 20, 80)],
  },
  outage: {
    title: "2.5 Mbit/s, nothing for 6 s",
    seconds: 50,
    steps: [
      [0, { rate_kbps: 2_500 }],
      [15, { block: "all" }],
      [21, { block: "none" }],
    ],
  },
  loss: {
    title: "1 Mbit/s, 10 % lost",
    seconds: 60,
    steps: [[0, { rate_kbps: 1_000, loss_pct: 10 }]],
  },
};

/** A case with its times multiplied by `factor`. */
export function paced({ seconds, steps, ...rest }, factor) {
  return { ...rest, seconds: seconds * factor, steps: steps.map(([at, change]) => [at * factor, change]) };
}

/** Mean capacity of a case in kbit/s. */
export function capacity({ seconds, steps }) {
  let sum = 0;
  let rate = 0;
  let open = true;
  const changes = [...steps, [seconds, {}]];
  for (let i = 0; i + 1 < changes.length; i += 1) {
    const [at, change] = changes[i];
    rate = change.rate_kbps ?? rate;
    if (change.block) open = change.block === "none";
    sum += open ? rate * (changes[i + 1][0] - at) : 0;
  }
  return sum / seconds;
}
