// coturn, as docs/operations/blocked-udp.md sets it up: TURN over TLS at port 443 of an address of its own,
// time-limited credentials, and nothing but our own node behind it. TURN over TCP as well.

import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";

import { adopt, onFailure } from "../lib/scratch.mjs";
import { certificate } from "../lib/tls.mjs";
import { until } from "../lib/until.mjs";

/** Beside the media's, which has that port too. */
const ADDRESS = "203.0.113.20";
const TLS_PORT = 443;
const TCP_PORT = 3478;

export class Coturn {
  secret = randomBytes(16).toString("hex");
  #child;
  #log = [];

  /** What it listens on, for a firewall. */
  static tcp = { address: ADDRESS, port: TCP_PORT };

  /** For a node at this address. */
  static async start(node) {
    const coturn = new Coturn();
    execFileSync("ip", ["addr", "add", `${ADDRESS}/24`, "dev", "eth0"]);
    const { key, cert, trust } = certificate(ADDRESS);
    coturn.trust = trust;
    coturn.urls = `turn:${ADDRESS}:${TCP_PORT}?transport=tcp,turns:${ADDRESS}:${TLS_PORT}?transport=tcp`;
    const args = [
      ["-n", "--no-cli", "--no-dtls", "--no-udp", "--no-multicast-peers"],
      ["--listening-ip", ADDRESS, "--relay-ip", ADDRESS, "--listening-port", String(TCP_PORT)],
      ["--tls-listening-port", String(TLS_PORT), "--cert", cert, "--pkey", key],
      ["--use-auth-secret", "--static-auth-secret", coturn.secret, "--realm", "vitrine"],
      ["--denied-peer-ip", "0.0.0.0-255.255.255.255", "--allowed-peer-ip", node],
      ["--pidfile", "/dev/null", "--log-file", "stdout"],
    ];
    coturn.#child = adopt(spawn("turnserver", args.flat(), { stdio: ["ignore", "pipe", "pipe"] }));
    for (const stream of [coturn.#child.stdout, coturn.#child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => coturn.#log.push(text));
    }
    coturn.#child.once("error", (error) => coturn.#log.push(`${error.message}: apt-get install coturn\n`));
    onFailure("coturn", () => coturn.log);
    for (const port of [TCP_PORT, TLS_PORT]) await until(`coturn to listen at ${port}`, () => reachable(port));
    return coturn;
  }

  get log() {
    return this.#log.join("");
  }

  stop() {
    this.#child.kill("SIGKILL");
  }
}

const reachable = (port) =>
  new Promise((done) => {
    const socket = connect(port, ADDRESS, () => {
      socket.destroy();
      done(true);
    });
    socket.on("error", () => done(false));
  });
