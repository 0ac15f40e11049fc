// The emulated network this process runs in: `deploy/connect` starts it inside the host `server`.

import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { scratch } from "./scratch.mjs";

const { WAN_BIN, WAN_HOST, WAN_IP } = process.env;

/** The address of the host this process runs in; throws when it runs in none. */
export function ownAddress() {
  if (!WAN_BIN || !WAN_HOST || !WAN_IP) {
    throw new Error("this runs in an emulated network: start it with deploy/connect");
  }
  return WAN_IP;
}

const wan = (...args) => execFileSync(WAN_BIN, args, { encoding: "utf8" });

/** Changes links from now on: `setLink("*<->*", { rtt_ms: 100 })`. */
export function setLink(link, settings) {
  wan("set", link, ...Object.entries(settings).map(([key, value]) => `${key}=${value}`));
}

/** Counters of the emulator. */
export const labStats = () => JSON.parse(wan("stats"));

const quoted = (word) => `'${word.replaceAll("'", `'\\''`)}'`;

/** A program that runs `program` inside `host`, with the descriptors it was given. */
export function insideOf(host, program) {
  const path = join(scratch, `in-${host}`);
  writeFileSync(path, `#!/bin/sh\nexec ${[WAN_BIN, "exec", host, "--", program].map(quoted).join(" ")} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}
