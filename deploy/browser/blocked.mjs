// Calls through networks that let no UDP through, and some that let the media's TCP port through
// neither. Started by deploy/blocked, inside an emulated network.

import { parseArgs } from "node:util";

import { callOver } from "./blocked/call.mjs";
import { Coturn } from "./blocked/coturn.mjs";
import { Firewall } from "./blocked/firewall.mjs";
import { ownAddress, setLink } from "./lib/lab.mjs";
import { Server } from "./lib/server.mjs";

const USAGE = `deploy/blocked [--check] [--rtt MS] [--only TEXT]

  --check    the cases that CI runs
  --only     the cases that have this in their name
  --rtt MS   round trip between each page and the server [default: 60]
`;

const { values: options } = parseArgs({
  options: { check: { type: "boolean" }, rtt: { type: "string", default: "60" }, only: { type: "string", default: "" }, help: { type: "boolean" } },
});
if (options.help) {
  process.stdout.write(USAGE);
  process.exit();
}

/**
 * What is blocked for the shopper, and how the call has to get through. The agent's network lets
 * everything through, but in the last case.
 */
const CASES = [
  { name: "nothing is blocked", blocked: {}, shopper: "udp" },
  { name: "UDP is blocked", blocked: { shopper: ["udp"] }, shopper: "tcp", short: true },
  { name: "UDP is blocked, Firefox", browser: "firefox", blocked: { shopper: ["udp"] }, shopper: "tcp", short: true },
  {
    name: "UDP and the media's TCP port are blocked",
    blocked: { shopper: ["udp", "media"] },
    shopper: "relay tcp",
  },
  {
    name: "only TLS to port 443 of the TURN server gets out",
    blocked: { shopper: ["udp", "media", "turn"] },
    shopper: "relay tls",
    short: true,
  },
  {
    name: "UDP and the media's TCP port are blocked, Firefox",
    browser: "firefox",
    blocked: { shopper: ["udp", "media"] },
    shopper: "relay tcp",
  },
  { name: "UDP is blocked, and 1 Mbit/s is all there is", blocked: { shopper: ["udp"] }, shopper: "tcp", narrow: 1_000 },
  { name: "UDP is blocked on both sides", blocked: { shopper: ["udp"], agent: ["udp"] }, shopper: "tcp", agent: "tcp" },
];

/** As an operator would choose it: what most firewalls let out. */
const MEDIA_TCP_PORT = 443;

const address = ownAddress();
const coturn = await Coturn.start(address);
const server = await Server.start({
  address,
  args: ["--media-bind", address, "--media-tcp-port", String(MEDIA_TCP_PORT), "--turn-urls", coturn.urls],
  env: { VITRINE_TURN_SECRET: coturn.secret },
});
const firewall = new Firewall({ media: { address, port: MEDIA_TCP_PORT }, turn: Coturn.tcp });
let failed = 0;
try {
  setLink("*<->*", { rtt_ms: Number(options.rtt) });
  for (const one of CASES.filter(({ name, short }) => name.includes(options.only) && (short || !options.check))) {
    await firewall.block(one.blocked);
    setLink("shopper.access", { rate_kbps: one.narrow ?? 0 });
    try {
      const seen = await callOver(server, coturn.trust, one);
      console.log(`ok      ${one.name}: ${seen}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${one.name}: ${error.message}`);
    } finally {
      firewall.open();
    }
  }
} finally {
  await server.stop();
  coturn.stop();
}
// Children that drive the browsers would keep it open.
process.exit(failed > 0 ? 1 : 0);
