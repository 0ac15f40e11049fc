// Synthetic calls beside the one that is watched: what happens to many while nodes are taken away.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { insideOf } from "../lib/lab.mjs";
import { adopt, scratch } from "../lib/scratch.mjs";
import { BINARY } from "../lib/server.mjs";

const LOADTEST = process.env.LOADTEST_BIN || join(dirname(BINARY), "loadtest");

/** Calls at a time, and for how long new ones begin. Each lasts about as long as a node takes to be renewed. */
const CALLS = 20;
const BEGIN_FOR = 40;

/** Starts them on the host `agent`; gives what became of them, once all have ended. */
export function crowd({ server }) {
  if (!existsSync(LOADTEST)) throw new Error(`${LOADTEST} is missing: run "cargo build --release -p loadtest" first`);
  const out = join(scratch, "crowd.json");
  const args = [
    ["run", "--url", server.origin],
    ["--allow", new URL(server.origin).hostname],
    ["--api-key-file", join(server.dataDir, "api-key")],
    ["--stage", `0..${CALLS}@5s`, "--stage", `hold@${BEGIN_FOR - 5}s`],
    ["--hold", "10s..30s", "--grace", "40s"],
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
        longest_freeze: 1_000 * (freezes?.max ?? 0),
      });
    });
  });
}
