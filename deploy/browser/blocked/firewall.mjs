// A firewall between a person and the server: what it does not let through is dropped without a word,
// as firewalls do it.

import { execFileSync } from "node:child_process";
import { lookup } from "node:dns/promises";

import { setLink } from "../lib/lab.mjs";

const ip = (...args) => execFileSync("ip", args, { stdio: ["ignore", "pipe", "inherit"] });

export class Firewall {
  #services;
  /** How to undo what is blocked. */
  #undo = [];

  /** @param {Record<string, {address: string, port: number}>} services what can be blocked by its name, TCP ports */
  constructor(services) {
    this.#services = services;
    // The server's namespace is ours alone. What is for itself is looked up first, and without asking;
    // make room for rules before that.
    ip("rule", "add", "pref", "10", "table", "local");
    ip("rule", "del", "pref", "0");
  }

  /** Blocks `{ shopper: ["udp", "media"] }`: all UDP, and the service of that name. */
  async block(blocked) {
    for (const [host, whats] of Object.entries(blocked)) {
      if (whats.includes("udp")) {
        setLink(`${host}.access`, { block: "udp" });
        this.#undo.push(() => setLink(`${host}.access`, { block: "none" }));
      }
      for (const what of whats.filter((name) => name !== "udp")) {
        const { address: from } = await lookup(host);
        const { address: to, port } = this.#services[what];
        const rule = ["from", from, "to", to, "ipproto", "tcp", "dport", String(port), "blackhole"];
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
