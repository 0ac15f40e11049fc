// Starts the release server on free ports with its own data directory.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { ownMachine } from "./apart.mjs";
import { adopt, onFailure, scratch } from "./scratch.mjs";
import { until } from "./until.mjs";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");

/** The server under test: `VITRINE_BIN`, or the checkout's release build. */
export const BINARY = process.env.VITRINE_BIN ?? join(ROOT, "target/release/signaling");

/** Below what the system gives to whoever asks for any port: nothing takes it before its owner does. */
const PORTS = { from: 15_000, to: 32_000 };

/** A TCP (or UDP) port that was free a moment ago. */
export async function freePort(kind = "tcp") {
  for (;;) {
    const port = PORTS.from + Math.floor(Math.random() * (PORTS.to - PORTS.from));
    if (await isFree(kind, port)) return port;
  }
}

function isFree(kind, port) {
  return new Promise((done) => {
    const probe = kind === "udp" ? createSocket("udp4") : createServer();
    const free = () => probe.close(() => done(true));
    probe.once("error", () => done(false));
    if (kind === "udp") probe.bind(port, "127.0.0.1", free);
    else probe.listen(port, "127.0.0.1", free);
  });
}

/** A running server. */
export class Server {
  #child;
  #log = [];
  #exit = null;
  #how = [];
  #printedUsed = false;
  #agents = 1;
  #waitReady = true;
  /** What it is started with. */
  #prefix = [];

  /**
   * Starts a server and waits until it is ready, unless it has no node yet. `dataDir` continues with
   * older data; `address` is where browsers reach it, `publicUrl` under which name when a proxy stands
   * in front; `control` is where nodes dial; `mediaAddress` is where pages reach the node's `mediaPort`;
   * `apart`: it stands for a machine of its own.
   */
  static async start({
    dataDir = mkdtempSync(join(scratch, "data-")),
    address = "127.0.0.1",
    publicUrl,
    control = "127.0.0.1:0",
    mediaPort = 0,
    mediaAddress = address === "127.0.0.1" ? undefined : address,
    args = [],
    env = {},
    ready = true,
    apart = false,
  } = {}) {
    if (!existsSync(BINARY)) {
      throw new Error(`${BINARY} is missing: run "cargo build --release" first`);
    }
    const server = new Server();
    server.dataDir = dataDir;
    server.address = address;
    if (apart) server.#prefix = ownMachine();
    server.port = await freePort();
    server.adminPort = await freePort();
    onFailure(`server on port ${server.port}`, () => server.log);
    server.#spawn(
      [
        ["--data-dir", dataDir],
        ["--listen", `${address}:${server.port}`],
        ["--public-url", publicUrl ?? `http://${address === "127.0.0.1" ? "localhost" : address}:${server.port}`],
        ["--admin-listen", `127.0.0.1:${server.adminPort}`],
        ["--control-listen", control],
        ["--media-port", `${mediaPort}`],
        mediaAddress ? ["--media-addresses", mediaAddress] : [],
      ].flat().concat(args),
      env,
    );
    server.#waitReady = ready;
    try {
      await server.#ready();
    } catch (error) {
      await server.stop();
      throw new Error(`${error.message}\n--- server log ---\n${server.log}`);
    }
    return server;
  }

  /** Ends it and starts it again: same addresses, same data. */
  async restart() {
    await this.stop();
    this.#exit = null;
    this.#spawn(...this.#how);
    await this.#ready();
  }

  #spawn(args, env) {
    this.#how = [args, env];
    const [program, ...rest] = [...this.#prefix, BINARY];
    this.#child = adopt(
      spawn(program, [...rest, ...args], {
        cwd: this.dataDir,
        env: { ...process.env, ...env },
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => this.#log.push(text));
    }
    this.#child.once("exit", (code, signal) => {
      this.#exit = signal ?? code;
    });
  }

  /** The addresses it prints, and readiness of its node. */
  async #ready() {
    const printed = (pattern) =>
      until(`the server to print ${pattern}`, () => {
        if (this.#exit !== null) throw new Error(`the server ended with ${this.#exit}`);
        return this.log.match(pattern)?.[0];
      });
    this.agentUrl = await printed(/https?:\/\/\S+\/agent#signin=\S+/);
    this.shopperUrl = await printed(/https?:\/\/\S+\/join#\S+/);
    if (!this.#waitReady) return;
    await until("the server to be ready", async () => {
      const response = await fetch(`http://127.0.0.1:${this.adminPort}/readyz`);
      return response.ok;
    });
  }

  /** Everything it printed. */
  get log() {
    return this.#log.join("");
  }

  /** Its public address. */
  get origin() {
    return new URL(this.agentUrl).origin;
  }

  /** One API request; throws what the server says when it refuses. */
  async api(path, body) {
    const key = this.#key();
    const response = await fetch(`http://${this.address}:${this.port}${path}`, {
      method: body ? "POST" : "GET",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** The API key: a file, or in the database that instances share. */
  #key() {
    const file = join(this.dataDir, "api-key");
    if (existsSync(file)) return readFileSync(file, "utf8").trim();
    const [args, env] = this.#how;
    const data = args.slice(args.indexOf("--data-dir"), args.indexOf("--data-dir") + 2);
    return execFileSync(BINARY, ["api-key", ...data], { env: { ...process.env, ...env } }).toString().trim();
  }

  /** A new shopper link. */
  link(order = {}) {
    return this.api("/v1/links", order);
  }

  /** A sign-in address: the printed one first, then one for a new agent each time. */
  async signIn() {
    if (!this.#printedUsed) {
      this.#printedUsed = true;
      return this.agentUrl;
    }
    this.#agents += 1;
    const { id } = await this.api("/v1/agents", { name: `Agent ${this.#agents}` });
    const { url } = await this.api(`/v1/agents/${id}/sign-in-link`, {});
    return url;
  }

  /** Kills it, as a crash would; `start` brings it back. */
  async kill() {
    this.#child.kill("SIGKILL");
    await until("the server to be dead", () => this.#exit !== null);
  }

  /** Starts it again after its end. */
  async start() {
    this.#exit = null;
    this.#spawn(...this.#how);
    await this.#ready();
  }

  /** A figure from its metrics; null while it cannot be asked or does not have it. */
  async figure(name) {
    const text = await fetch(`http://127.0.0.1:${this.adminPort}/metrics`).then((answer) => answer.text(), () => "");
    const line = text.split("\n").find((one) => one.startsWith(`${name} `));
    return line ? Number(line.split(" ")[1]) : null;
  }

  /** Interrupts it, as Ctrl-C does, and returns how it ended. */
  async stop() {
    if (this.#exit === null) {
      this.#child.kill("SIGINT");
      await until("the server to end", () => this.#exit !== null, Boolean, 10_000).catch(() =>
        this.#child.kill("SIGKILL"),
      );
    }
    return this.#exit;
  }
}
