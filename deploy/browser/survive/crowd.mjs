// Synthetic calls beside the one that is watched: what happens to many while nodes are taken away.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { insideOf } from "../lib/lab.mjs";
import { adopt, scratch } from "../lib/scratch.mjs";
import { BINARY } from "../lib/server.mjs";

const LOADTEST = process.env.LOADTEST_BIN || join(dirname(BINARY), "loadtest");

/** So many calls at a time, for how long new ones begin, and how long each lasts. */
export const COME_AND_GO = { calls: 20, beginFor: 40, hold: "10s..30s" };
/** As many as may move in one drain, all there before it begins, and until it is over. */
export const CROWD = { calls: 110, beginFor: 20, hold: "60s", rate: "20s" };

/** Starts them on the host `agent`; gives what became of them, once all have ended. */
export function crowd({ server }, { calls, beginFor, hold, rate = "5s" } = COME_AND_GO) {
  if (!existsSync(LOADTEST)) throw new Error(`${LOADTEST} is missing: run "cargo build --release -p loadtest" first`);
  const out = join(scratch, "crowd.json");
  const args = [
    ["run", "--url", server.origin],
    ["--allow", new URL(server.origin).hostname],
    ["--api-key-file", join(server.dataDir, "api-key")],
    ["--stage", `0..${calls}@${rate}`, "--stage", `hold@${Math.max(1, beginFor - Number.parseInt(rate, 10))}s`],
    ["--hold", hold, "--grace", "90s"],
    ["--media", "360p", "--video", "150k"],
    ["--progress", "none", "--no-thresholds", "--out", `json=${out}`],
  ].flat();
  const child = adopt(spawn(insideOf("agent", LOADTEST), args, { stdio: ["ignore", "ignore", "pipe"] }));
  const said = [];
  child.stderr.on("data", (text) => said.push(text));
  return new Promise((done, failed) => {
    child.once("exit", () => {
      if (!existsSync(out)) return failed(new Error(`loadtest: ${said.join("")}`));
      const { figures, tally } = JSON.parse(readFileSync(out, "utf8"));
      const { calls_started: started, calls_completed: completed, calls_failed: broken, calls_dropped: dropped, freeze_seconds: freezes } = figures;
      if (tally.errors.length) console.error(JSON.stringify(tally.errors));
      done({
        calls: started.count,
        calls_completed: completed.count,
        calls_failed: broken.of,
        calls_dropped: dropped.of,
        freezes: freezes?.count ?? 0,
        longest_freeze: 1_000 * (freezes?.max ?? 0),
      });
    });
  });
}
