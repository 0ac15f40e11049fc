// One temporary directory for a test file, and every process it started: gone when it ends, also
// when it ends badly.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Removed when this process exits. */
export const scratch = mkdtempSync(join(tmpdir(), "vitrine-browser-"));

const children = new Set();
const logs = [];

/** `log()` is printed when the test file has failed. */
export function onFailure(title, log) {
  logs.push({ title, log });
}

/** Ends `child`, and the processes of its group if it leads one, with this process, whatever happens. */
export function adopt(child) {
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/** Ends it at once, and the processes of its group: without its first one some of a browser's would linger. */
export function kill(child) {
  child.kill("SIGKILL");
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It leads no group, or all of it is gone.
  }
}

process.on("exit", () => {
  if (process.exitCode) {
    for (const { title, log } of logs) console.error(`--- ${title} ---\n${log()}`);
  }
  for (const child of children) kill(child);
  rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(1));
