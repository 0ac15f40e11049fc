// Many pages measure and are placed: real browsers' connectivity checks, the pages' own module, real
// signaling and nodes. Of a page nothing is shown, so that there can be a thousand.

import { chromium, firefox } from "../lib/browsers.mjs";
import { ownAddress } from "../lib/lab.mjs";
import { percentile } from "./figures.mjs";
import { REGIONS } from "./cluster.mjs";

/** Pages of one browser that measure at the same time. */
const AT_ONCE = 4;
/**
 * Placements between two collections of garbage. Chromium gives a process 500 connections, closed ones included until
 * it collects them, and a placement takes up to eleven: two offers, and three attempts for each of three nodes.
 */
const PORTION = 20;
/** Firefox measures in one region: its figures come another way. */
const KINDS = { a: chromium, b: firefox, c: chromium };

/** Runs in the page: one seat after the other, `lanes` side by side. */
async function visit(tokens, lanes) {
  const { Nearest } = await import("/assets/shared/nearest.js");
  const one = (token) =>
    new Promise((done, failed) => {
      const began = performance.now();
      const ws = new WebSocket(`ws://${location.host}/ws`);
      const say = (message) => ws.send(JSON.stringify(message));
      let nearest, first, took;
      // What it has so far: a failure says where it stopped.
      const seen = { open: false, candidates: null, leg: false, measured: 0, moving: false };
      const give = setTimeout(() => failed(new Error(`no placement within 20 s: ${JSON.stringify(seen)}`)), 20_000);
      const offer = async (attempt) => {
        const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle", rtcpMuxPolicy: "require" });
        for (const kind of ["audio", "video"]) pc.addTransceiver(kind, { direction: "sendrecv" });
        const { sdp } = await pc.createOffer();
        pc.close();
        const { measured } = nearest ?? { measured: [] };
        say({ type: "leg_offer", attempt, sdp, ...(measured.length > 0 ? { measured } : {}) });
      };
      ws.onopen = () => {
        seen.open = true;
        say({ type: "hello", protocol: 1, auth: { kind: "link", token } });
        offer(1).catch(failed);
      };
      ws.onclose = ({ code }) => failed(new Error(`the WebSocket was closed (${code}): ${JSON.stringify(seen)}`));
      ws.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.type === "leg_failed" || message.type === "problem") failed(new Error(data));
        if (message.type === "welcome") {
          seen.candidates = message.candidates?.length ?? 0;
          nearest = new Nearest({
            send: (measured) => {
              took = performance.now() - began;
              seen.measured = measured.measured.length;
              say(measured);
              // The answer to what follows the measurement says whether the leg has to move.
              say({ type: "ping", t: 0 });
              return true;
            },
            leg: () => first?.leg ?? null,
            idle: () => true,
          });
          nearest.welcomed(message.candidates ?? []);
        }
        if (message.type === "leg_answer") {
          const at = { leg: message.leg, ip: message.sdp.match(/^a=candidate:\S+ 1 udp \d+ (\S+) /im)?.[1] };
          if (!first) {
            first = at;
            seen.leg = true;
            nearest?.tell();
          } else end({ moved: true, ip: at.ip });
        }
        if (message.type === "leg_move") {
          seen.moving = true;
          offer(2).catch(failed);
        } else if (message.type === "pong" && !seen.moving) {
          setTimeout(() => !seen.moving && end({ moved: false, ip: first.ip }), 0);
        }
      };
      const end = (how) => {
        clearTimeout(give);
        ws.close();
        done({ ...how, took, measured: nearest.measured });
      };
    });
  const results = [];
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (let token = tokens.pop(); token; token = tokens.pop()) {
        results.push(await one(token).catch((error) => ({ error: String(error.message ?? error) })));
      }
    }),
  );
  return results;
}

/** So many placements, evenly over the regions. */
export async function placements({ server, known }, count) {
  const origin = server.origin;
  const ips = Object.fromEntries(known.map(({ region, addresses }) => [region, addresses[0].replace(/:\d+$/, "")]));
  const rows = await Promise.all(
    REGIONS.map(async (region, index) => {
      const kind = KINDS[region];
      const { browser, page } = await kind("shopper", {
        host: `shopper-${region}`,
        devices: "missing",
        observed: false,
        args: [`--unsafely-treat-insecure-origin-as-secure=${origin}`, "--js-flags=--expose-gc"],
        prefs: { "dom.securecontext.allowlist": ownAddress() },
      });
      try {
        const share = Math.floor(count / REGIONS.length) + (index < count % REGIONS.length ? 1 : 0);
        const tokens = [];
        for (let i = 0; i < share; i += 1) tokens.push((await server.link({ synthetic: true })).url.split("#")[1]);
        const all = [];
        while (tokens.length > 0) {
          await page.goto(origin);
          all.push(...(await page.evaluate(visit, tokens.splice(0, PORTION), AT_ONCE)));
          await page.evaluate(() => globalThis.gc?.());
        }
        return { region, browser: await browser.version(), all };
      } finally {
        await browser.close().catch(() => {});
      }
    }),
  );
  const lines = ["placements   right  moved  measured own region p50/p95  done after p50/p95", ""];
  const problems = [];
  let right = 0;
  let total = 0;
  for (const { region, browser, all } of rows) {
    const good = all.filter(({ ip }) => ip === ips[region]);
    const own = known.find((node) => node.region === region).id;
    const rtts = all.flatMap(({ measured = [] }) => measured.filter(({ node }) => node === own).map(({ rtt_ms }) => rtt_ms));
    const took = all.flatMap(({ took: ms }) => (ms ? [ms] : []));
    const errors = all.filter(({ error }) => error);
    right += good.length;
    total += all.length;
    const of = (values) => `${percentile(values, 0.5).toFixed(0)}/${percentile(values, 0.95).toFixed(0)} ms`;
    lines.push(
      [
        `region ${region}  ${String(good.length).padStart(4)}/${all.length}`,
        String(all.filter(({ moved }) => moved).length).padStart(6),
        of(rtts).padStart(18),
        of(took).padStart(24),
        `   ${browser}`,
      ].join(" "),
    );
    for (const error of new Set(errors.map((one) => one.error))) problems.push(`region ${region}: ${error}`);
  }
  const share = right / total;
  lines[1] = `all        ${String(right).padStart(4)}/${total}  ${(share * 100).toFixed(2)} %`;
  return { share, right, total, rows, problems, table: lines.join("\n") };
}
