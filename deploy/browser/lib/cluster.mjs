// Signaling without a media node of its own, and media nodes beside it, as a bigger shop runs them.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { dirname, join } from "node:path";

import { adopt, onFailure, scratch } from "./scratch.mjs";
import { BINARY, freePort, Server } from "./server.mjs";
import { until } from "./until.mjs";

/** The media node under test: `VITRINE_SFU_BIN`, or what was built beside the server. */
export const SFU = process.env.VITRINE_SFU_BIN ?? join(dirname(BINARY), "sfu");

/** One media node. */
export class Node {
  #child = null;
  #log = [];
  #exit = null;

  /** `control` is where signaling's control listener is, or what stands in front of it. */
  constructor(name, { secretFile, control, args = [], through = (program) => program }) {
    Object.assign(this, { name, secretFile, control, args, through });
    this.idFile = join(mkdtempSync(join(scratch, `node-${name}-`)), "id");
    onFailure(`node ${name}`, () => this.log);
  }

  /** Starts it, again after an end, and waits until signaling has registered it. */
  async start() {
    if (!existsSync(SFU)) throw new Error(`${SFU} is missing: run "cargo build --release -p sfu-node" first`);
    this.adminPort = await freePort();
    this.#exit = null;
    const args = [
      ["--signaling", this.control],
      ["--cluster-secret-file", this.secretFile],
      ["--node-id-file", this.idFile],
      ["--region", this.name],
      ["--base-port", "0"],
      ["--bind", "127.0.0.1"],
      ["--workers", "1"],
      ["--admin", `127.0.0.1:${this.adminPort}`],
    ].flat();
    const options = new Map();
    for (let i = 0; i < args.length; i += 2) options.set(args[i], args[i + 1]);
    for (let i = 0; i < this.args.length; i += 2) options.set(this.args[i], this.args[i + 1]);
    // The node takes no variable of its prefix that is not a setting.
    const env = { ...process.env, VITRINE_SFU_BIN: undefined };
    this.#child = adopt(
      spawn(this.through(SFU), [...options].flat(), { env, stdio: ["ignore", "pipe", "pipe"] }),
    );
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => this.#log.push(text));
    }
    this.#child.once("exit", (code, signal) => {
      this.#exit = signal ?? code;
    });
    await until(`node ${this.name} to be registered`, async () => {
      if (this.#exit !== null) throw new Error(`node ${this.name} ended with ${this.#exit}\n${this.log}`);
      return (await fetch(`http://127.0.0.1:${this.adminPort}/readyz`)).ok;
    });
    return this;
  }

  get log() {
    return this.#log.join("");
  }

  get running() {
    return this.#child !== null && this.#exit === null;
  }

  /** How it ended, once it has. */
  get exit() {
    return this.#exit;
  }

  /** Sends it a signal; with SIGKILL it is gone when this returns. */
  async kill(signal = "SIGKILL") {
    this.#child.kill(signal);
    if (signal === "SIGKILL") await until(`node ${this.name} to be dead`, () => this.#exit !== null);
  }

  /** One request to its admin listener. */
  admin(path, method = "GET") {
    return fetch(`http://127.0.0.1:${this.adminPort}${path}`, { method });
  }

  /** A figure from its metrics; 0 when it is not there. */
  async figure(name) {
    const text = await (await this.admin("/metrics")).text();
    const line = text.split("\n").find((one) => one.startsWith(`${name} `));
    return line ? Number(line.split(" ")[1]) : 0;
  }

  async stop() {
    if (this.running) await this.kill("SIGKILL");
  }
}

/** Signaling and `names.length` nodes, all registered. */
export async function cluster(t, names, { signaling = [], node = {} } = {}) {
  const controlPort = await freePort("udp");
  const server = await Server.start({
    control: `127.0.0.1:${controlPort}`,
    args: ["--embedded-node", "false", ...signaling],
    ready: false,
  });
  t.after(() => server.stop());
  const secretFile = join(server.dataDir, "cluster-secret");
  const nodes = names.map((name) => new Node(name, { secretFile, control: `127.0.0.1:${controlPort}`, ...node }));
  t.after(() => Promise.all(nodes.map((one) => one.stop())));
  await Promise.all(nodes.map((one) => one.start()));
  return { server, nodes, controlPort };
}

/** The node that carries the call. */
export async function carrier(nodes) {
  for (const node of nodes) if (node.running && (await node.figure("sfu_calls")) > 0) return node;
  return null;
}
