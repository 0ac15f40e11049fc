// Several signaling instances over one PostgreSQL, a media node beside them, and a front for each
// side's pages that sends them to the instance they like best.

import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { Node } from "./cluster.mjs";
import { balancer } from "./proxy.mjs";
import { scratch } from "./scratch.mjs";
import { freePort, Server } from "./server.mjs";
import { until } from "./until.mjs";

const SCRIPT = resolve(dirname(fileURLToPath(import.meta.url)), "../../postgres");

/** A PostgreSQL of its own, which a test can take down. It ends when this process does. */
export async function postgres(t) {
  const child = spawn(SCRIPT, { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value;
  const ended = new Promise((done) => child.once("exit", done));
  t.after(() => {
    child.stdin.end();
    return ended;
  });
  const url = await line();
  const say = async (command) => {
    child.stdin.write(`${command}\n`);
    return line();
  };
  return { url, stop: () => say("stop"), start: () => say("start") };
}

/** `count` instances, a node that dials all of them, and a front for each that prefers it. */
export async function instances(t, count) {
  const database = await postgres(t);
  const secret = "a secret that all of the cluster know";
  const secretFile = join(mkdtempSync(join(scratch, "secret-")), "cluster-secret");
  writeFileSync(secretFile, secret, { mode: 0o600 });
  const controls = [];
  for (let i = 0; i < count; i += 1) controls.push(`127.0.0.1:${await freePort("udp")}`);
  const servers = [];
  for (const control of controls) {
    const server = await Server.start({
      control,
      args: ["--embedded-node", "false"],
      env: { VITRINE_STORE: database.url, VITRINE_CLUSTER_SECRET: secret },
      ready: false,
    });
    t.after(() => server.stop());
    servers.push(server);
  }
  const node = new Node("a", { secretFile, control: controls.join(",") });
  t.after(() => node.stop());
  await node.start();
  const fronts = [];
  for (const server of servers) {
    const others = servers.filter((other) => other !== server);
    const front = await balancer([server, ...others].map(({ port }) => port));
    t.after(() => front.close());
    fronts.push({ ...front, through: (url) => url.replace(/:\d+\//, `:${front.port}/`) });
  }
  for (const server of servers) await ready(server);
  return { database, servers, node, fronts };
}

/** Waits until an instance takes new calls. */
export function ready(server, timeout) {
  const asked = () => fetch(`http://127.0.0.1:${server.adminPort}/readyz`).then((answer) => answer.ok);
  return until("the instance to be ready", asked, Boolean, timeout);
}

/** The instance that has the desk. */
export async function leader(servers) {
  for (const server of servers) if ((await server.figure("signaling_leader")) === 1) return server;
  return null;
}
