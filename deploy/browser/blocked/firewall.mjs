// A firewall between a person and the server: what it does not let through is dropped without a word,
// as firewalls do it.

import { execFileSync } from "node:child_process";
import { lookup } from "node:dns/promises";

import { setLink } from "../lib/lab.mjs";

const ip = (...args) => execFileSync("ip", args, { stdio: ["ignore", "pipe", "inherit"] });

export class Firewall {
  #mediaPort;
  /** How to undo what is blocked. */
  #undo = [];

  /** @param {number} mediaPort the media's TCP port */
  constructor(mediaPort) {
    this.#mediaPort = String(mediaPort);
    // The server's namespace is ours alone. What is for itself is looked up first, and without asking;
    // make room for rules before that.
    ip("rule", "add", "pref", "10", "table", "local");
    ip("rule", "del", "pref", "0");
  }

  /** Blocks `{ shopper: ["udp", "media"] }`: all UDP, and the media's TCP port. */
  async block(blocked) {
    for (const [host, whats] of Object.entries(blocked)) {
      if (whats.includes("udp")) {
        setLink(`${host}.access`, { block: "udp" });
        this.#undo.push(() => setLink(`${host}.access`, { block: "none" }));
      }
      if (whats.includes("media")) {
        const { address } = await lookup(host);
        const rule = ["from", address, "ipproto", "tcp", "dport", this.#mediaPort, "blackhole"];
        ip("rule", "add", "pref", "1", ...rule);
        this.#undo.push(() => ip("rule", "del", "pref", "1", ...rule));
      }
    }
  }

  /** Lets everything through again. */
  open() {
    for (const undo of this.#undo.splice(0)) undo();
  }
}
