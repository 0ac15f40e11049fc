// Synthetic calls beside the browsers: `loadtest run` on a host of the emulated network.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { insideOf } from "./lab.mjs";
import { adopt, scratch } from "./scratch.mjs";
import { BINARY } from "./server.mjs";

/** The program: beside the server's. */
export const LOADTEST = process.env.LOADTEST_BIN || join(dirname(BINARY), "loadtest");

/** Runs it with these arguments against `server`, and resolves with its report once the last call is over. */
export async function loadtest(server, host, ...args) {
  if (!existsSync(LOADTEST)) throw new Error(`${LOADTEST} is missing: run "cargo build --release -p loadtest" first`);
  const out = join(mkdtempSync(join(scratch, "loadtest-")), "report.json");
  const all = [
    ["run", ...args.flat()],
    ["--url", server.origin, "--allow", new URL(server.origin).hostname],
    ["--api-key-file", join(server.dataDir, "api-key")],
    ["--progress", "none", "--out", `json=${out}`],
  ].flat();
  const child = adopt(spawn(insideOf(host, LOADTEST), all, { stdio: ["ignore", "ignore", "pipe"] }));
  const said = [];
  child.stderr.on("data", (text) => said.push(text));
  await new Promise((done) => child.once("close", done));
  if (!existsSync(out)) throw new Error(`loadtest: ${said.join("")}`);
  return JSON.parse(readFileSync(out, "utf8"));
}
