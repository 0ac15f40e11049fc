// Signaling without a media node of its own, and media nodes beside it, as a bigger shop runs them.

import { spawn } from "node:child_process";
import { lookup } from "node:dns/promises";
import { existsSync, mkdtempSync } from "node:fs";
import { dirname, join } from "node:path";

import { insideOf, ownAddress } from "./lab.mjs";
import { adopt, onFailure, scratch } from "./scratch.mjs";
import { BINARY, freePort, Server } from "./server.mjs";
import { until } from "./until.mjs";

const LOOPBACK = "127.0.0.1";

/** The media node under test: `SFU_BIN`, or what was built beside the server. */
export const SFU = process.env.SFU_BIN || join(dirname(BINARY), "sfu");

/** One media node. */
export class Node {
  #child = null;
  #log = [];
  #exit = null;

  /** `control` is where signaling's control listener is; `host` where it runs in an emulated network. */
  constructor(name, { secretFile, control, host }) {
    Object.assign(this, { name, secretFile, control, host });
    this.idFile = join(mkdtempSync(join(scratch, `node-${name}-`)), "id");
    onFailure(`node ${name}`, () => this.log);
  }

  /** Starts it, again after an end, and waits until signaling has registered it. */
  async start() {
    if (!existsSync(SFU)) throw new Error(`${SFU} is missing: run "cargo build --release -p sfu-node" first`);
    this.address = this.host ? (await lookup(this.host)).address : LOOPBACK;
    this.adminPort = await freePort();
    this.#exit = null;
    const args = [
      ["--signaling", this.control],
      ["--cluster-secret-file", this.secretFile],
      ["--node-id-file", this.idFile],
      ["--region", this.name],
      ["--base-port", "0"],
      ["--relay-port", "0"],
      ["--bind", this.address],
      ["--workers", "1"],
      ["--admin", `${this.address}:${this.adminPort}`],
    ].flat();
    const program = this.host ? insideOf(this.host, SFU) : SFU;
    this.#child = adopt(spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] }));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => this.#log.push(text));
    }
    this.#child.once("exit", (code, signal) => {
      this.#exit = signal ?? code;
    });
    await until(`node ${this.name} to be registered`, async () => {
      if (this.#exit !== null) throw new Error(`node ${this.name} ended with ${this.#exit}\n${this.log}`);
      return (await this.admin("/readyz")).ok;
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
    return fetch(`http://${this.address}:${this.adminPort}${path}`, { method, signal: AbortSignal.timeout(1_000) });
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

/** Signaling and as many nodes, all registered; in an emulated network each on the host of its name. */
export async function openCluster(names, { hosts = false } = {}) {
  const address = hosts ? ownAddress() : LOOPBACK;
  const control = `${address}:${await freePort("udp")}`;
  const server = await Server.start({ address, control, args: ["--embedded-node", "false"], ready: false });
  const secretFile = join(server.dataDir, "cluster-secret");
  const nodes = names.map((name) => new Node(name, { secretFile, control, host: hosts ? name : undefined }));
  const close = () => Promise.all([server.stop(), ...nodes.map((node) => node.stop())]);
  try {
    await Promise.all(nodes.map((node) => node.start()));
  } catch (error) {
    await close();
    throw error;
  }
  return { server, nodes, close };
}

/** The same for one test. */
export async function cluster(t, names) {
  const opened = await openCluster(names);
  t.after(() => opened.close());
  return opened;
}

/** The node that carries the call, of those that can be asked. */
export async function carrier(nodes) {
  for (const node of nodes) {
    if (node.running && (await node.figure("sfu_calls").catch(() => 0)) > 0) return node;
  }
  return null;
}
