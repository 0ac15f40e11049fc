// coturn, as docs/operations/blocked-udp.md sets it up: TURN over TCP, time-limited credentials, and
// nothing but our own node behind it.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { connect } from "node:net";

import { adopt, onFailure } from "../lib/scratch.mjs";
import { until } from "../lib/until.mjs";

/** Beside the media's 443. */
const PORT = 5349;

export class Coturn {
  secret = randomBytes(16).toString("hex");
  #child;
  #log = [];

  static async start(address) {
    const coturn = new Coturn();
    coturn.url = `turn:${address}:${PORT}?transport=tcp`;
    const args = [
      ["-n", "--no-cli", "--no-tls", "--no-dtls", "--no-udp", "--no-multicast-peers"],
      ["--listening-ip", address, "--relay-ip", address, "--listening-port", String(PORT)],
      ["--use-auth-secret", "--static-auth-secret", coturn.secret, "--realm", "vitrine"],
      ["--denied-peer-ip", "0.0.0.0-255.255.255.255", "--allowed-peer-ip", address],
      ["--pidfile", "/dev/null", "--log-file", "stdout"],
    ];
    coturn.#child = adopt(spawn("turnserver", args.flat(), { stdio: ["ignore", "pipe", "pipe"] }));
    for (const stream of [coturn.#child.stdout, coturn.#child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => coturn.#log.push(text));
    }
    coturn.#child.once("error", (error) => coturn.#log.push(`${error.message}: apt-get install coturn\n`));
    onFailure("coturn", () => coturn.log);
    await until("coturn to listen", () => reachable(address));
    return coturn;
  }

  get log() {
    return this.#log.join("");
  }

  stop() {
    this.#child.kill("SIGKILL");
  }
}

const reachable = (host) =>
  new Promise((done) => {
    const socket = connect(PORT, host, () => {
      socket.destroy();
      done(true);
    });
    socket.on("error", () => done(false));
  });
