// One signaling instance and a media node in each region, inside the emulated network of
// deploy/wan/scenarios/regions.toml.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";

import { SFU } from "../lib/cluster.mjs";
import { ownAddress } from "../lib/lab.mjs";
import { adopt, onFailure } from "../lib/scratch.mjs";
import { Server } from "../lib/server.mjs";
import { until } from "../lib/until.mjs";

const { WAN_BIN } = process.env;
/** The hosts of a region are called `node-a`, `shopper-a`, `agent-a`. */
export const REGIONS = ["a", "b", "c"];
const CONTROL_PORT = 7443;
const MEDIA_PORT = 10_000;

/** A media node in a host of its own. */
class Node {
  #child;
  #log = [];
  #args;
  #env;

  constructor(region, signaling, secret) {
    this.region = region;
    this.#args = [
      ["exec", `node-${region}`, "--", SFU],
      ["--region", region, "--signaling", signaling, "--workers", "1", "--base-port", String(MEDIA_PORT)],
      ["--admin", "127.0.0.1:9091", "--log", "info"],
    ].flat();
    this.#env = { VITRINE_SFU_CLUSTER_SECRET: secret };
    onFailure(`node ${region}`, () => this.#log.join(""));
    this.start();
  }

  /** Starts it, again after `kill`. */
  start() {
    const env = { ...process.env, ...this.#env };
    this.#child = adopt(spawn(WAN_BIN, this.#args, { env, stdio: ["ignore", "pipe", "pipe"] }));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => this.#log.push(text));
    }
  }

  /** Its process: `wan exec` becomes the program, so a signal reaches the node itself. */
  get pid() {
    return this.#child.pid;
  }

  /** Ends it without a word, or with another signal. */
  kill(signal = "SIGKILL") {
    this.#child.kill(signal);
  }

  get log() {
    return this.#log.join("");
  }
}

/** The server and its nodes, ready for calls. `nodes` says in which regions there is one. */
export async function openCluster({ nodes = REGIONS, args = [] } = {}) {
  const address = ownAddress();
  const secret = randomBytes(24).toString("hex");
  const running = nodes.map((region) => new Node(region, `${address}:${CONTROL_PORT}`, secret));
  const server = await Server.start({
    address,
    control: `${address}:${CONTROL_PORT}`,
    args: ["--embedded-node", "false", ...args],
    env: { VITRINE_CLUSTER_SECRET: secret },
  });
  const stop = async () => {
    await server.stop();
    // Asked to stop, a node would wait for its calls to go elsewhere.
    for (const node of running) node.kill();
  };
  try {
    const serving = async () => {
      const { nodes: known } = await server.api("/v1/nodes");
      return known.filter((node) => node.state === "serving").length === nodes.length && known;
    };
    const known = await until("all nodes to register", serving);
    return { server, nodes: running, known, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
