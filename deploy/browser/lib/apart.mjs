// Programs of a benchmark that stand for a machine of their own.

import { fork, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { adopt } from "./scratch.mjs";

const REAL_TIME = ["chrt", "--rr", "1"];
/** Above Chromium's threads, which raise themselves to -8. */
const RAISED = ["nice", "-n", "-10"];

let prefix;

/**
 * What to start a program with that shares its processors with browsers here and has its own elsewhere. In the
 * scheduler's real-time class, as the emulator is: where sessions are groups of their own (`sched_autogroup_enabled`)
 * niceness counts within one only, and each browser is another.
 */
export function ownMachine() {
  if (!prefix) {
    const allowed = spawnSync(REAL_TIME[0], [...REAL_TIME.slice(1), "true"]).status === 0;
    if (!allowed) console.error("no real-time priority for servers: they wait for the browsers' threads");
    prefix = allowed ? REAL_TIME : RAISED;
  }
  return prefix;
}

/** Starts the program `url`, and resolves with it and the first thing it says. */
export async function apart(url, ...args) {
  const [execPath, ...execArgv] = [...ownMachine(), process.execPath];
  const child = adopt(fork(fileURLToPath(url), args, { execPath, execArgv }));
  const first = await new Promise((done, failed) => {
    child.once("message", done);
    child.once("exit", (code) => failed(new Error(`${url} ended with ${code}`)));
  });
  return { child, first };
}
