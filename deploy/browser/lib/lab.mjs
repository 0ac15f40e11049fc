// The emulated network this process runs in: `deploy/connect` starts it inside the host `server`.

import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { basename, join } from "node:path";

import { adopt, scratch } from "./scratch.mjs";
import { until } from "./until.mjs";

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

/** One packet will be lost: the `nth` of a class from now on. The classes are in `deploy/wan/README.md`. */
export const dropOnce = (link, what, nth = 1) => wan("drop", link, what, String(nth));

/** Loses nothing of that any more; says how many were asked for (`armed`) and came (`dropped`). */
export const forgetDrops = () => JSON.parse(wan("drop", "*.access", "none"));

/** Counters of the emulator. */
export const labStats = () => JSON.parse(wan("stats"));

const quoted = (word) => `'${word.replaceAll("'", `'\\''`)}'`;

/** A program that runs `program` inside `host`, with the descriptors it was given. */
export function insideOf(host, program) {
  const path = join(scratch, `in-${host}-${basename(program)}`);
  // Written once: another one that begins at the same time must not find it empty.
  if (existsSync(path)) return path;
  writeFileSync(path, `#!/bin/sh\nexec ${[WAN_BIN, "exec", host, "--", program].map(quoted).join(" ")} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

const passOn = (near, far) => {
  for (const socket of [near, far]) socket.on("error", () => [near, far].forEach((one) => one.destroy()));
  near.pipe(far).pipe(near);
};

/** Runs inside a host: what comes in by a file's socket goes to a port of the host's loopback. */
const DOOR = `
  const { connect, createServer } = require("node:net");
  const [file, port] = process.argv.slice(1);
  const passOn = ${passOn};
  createServer((near) => passOn(near, connect(port, "127.0.0.1"))).listen(file);
`;

/**
 * A free port that leads to the same port of the host's own loopback: for a browser that is driven
 * over TCP. It goes through a file, not through the emulated network.
 */
export async function loopbackOf(host) {
  const file = join(scratch, `loopback-${host}`);
  const here = createServer((near) => passOn(near, connect(file)));
  await new Promise((done) => here.listen(0, "127.0.0.1", done));
  here.unref();
  const { port } = here.address();
  adopt(spawn(WAN_BIN, ["exec", host, "--", process.execPath, "-e", DOOR, file, String(port)], { stdio: "inherit" }));
  await until(`the way to ${host}'s loopback`, () => existsSync(file));
  return port;
}
