// Synthetic calls beside the one that is watched: what happens to many while nodes are taken away.

import { loadtest } from "../lib/loadtest.mjs";

/** So many calls at a time, for how long new ones begin, and how long each lasts. */
export const COME_AND_GO = { calls: 20, beginFor: 40, hold: "10s..30s" };
/** As many as may move in one drain, all there before it begins, and until it is over. */
export const CROWD = { calls: 110, beginFor: 20, hold: "60s", rate: "20s" };

/** Starts them on the host `agent`; gives what became of them, once all have ended. */
export async function crowd({ server }, { calls, beginFor, hold, rate = "5s" } = COME_AND_GO) {
  const { figures, tally } = await loadtest(
    server,
    "agent",
    ["--stage", `0..${calls}@${rate}`, "--stage", `hold@${Math.max(1, beginFor - Number.parseInt(rate, 10))}s`],
    ["--hold", hold, "--grace", "90s"],
    ["--media", "360p", "--video", "150k"],
    ["--no-thresholds"],
  );
  const { calls_started: started, calls_completed: completed, calls_failed: broken, calls_dropped: dropped, freeze_seconds: freezes } = figures;
  if (tally.errors.length) console.error(JSON.stringify(tally.errors));
  return {
    calls: started.count,
    calls_completed: completed.count,
    calls_failed: broken.of,
    calls_dropped: dropped.of,
    freezes: freezes?.count ?? 0,
    longest_freeze: 1_000 * (freezes?.max ?? 0),
  };
}
