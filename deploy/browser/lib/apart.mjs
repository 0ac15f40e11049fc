// A helper process of a benchmark that stands for a machine of its own: with the priority of the server.

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

import { adopt } from "./scratch.mjs";

/**
 * What shares its processors with browsers here has its own elsewhere. Their threads raise themselves
 * (Chromium's to -8); this is above them.
 */
export const SERVER_NICE = -10;

/** Starts the program `url`, and resolves with it and the first thing it says. */
export async function apart(url, ...args) {
  const child = adopt(
    fork(fileURLToPath(url), args, {
      execPath: "nice",
      execArgv: ["-n", `${SERVER_NICE}`, process.execPath],
    }),
  );
  const first = await new Promise((done, failed) => {
    child.once("message", done);
    child.once("exit", (code) => failed(new Error(`${url} ended with ${code}`)));
  });
  return { child, first };
}
