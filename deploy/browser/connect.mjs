// How long from the click on Accept to the first remote frame, on both screens?
//
//   node connect.mjs [--runs 30] [--json FILE]
//
// Two Chromium processes on this machine against the release server, legs warm, cameras granted.
// The click is the event's own time stamp; the frame is the time the browser presented the first
// remote frame that it received after the click (requestVideoFrameCallback).

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { Seat } from "./lib/seat.mjs";
import { Server } from "./lib/server.mjs";
import { sleep, until } from "./lib/until.mjs";

const { values: options } = parseArgs({
  options: { runs: { type: "string", default: "30" }, json: { type: "string" } },
});
const runs = Number(options.runs);

/** Runs in the page: notes each click on a button and each remote frame presented, on one clock. */
function watch() {
  const clicks = [];
  const frames = [];
  addEventListener(
    "click",
    (event) => {
      const name = event.target.closest("button")?.textContent.trim();
      clicks.push({ name, at: performance.timeOrigin + event.timeStamp });
    },
    true,
  );
  const watched = new WeakSet();
  const follow = (video) => {
    video.requestVideoFrameCallback((_, frame) => {
      // Only frames that came over the network have a receive time: the preview is left out.
      if (frame.receiveTime !== undefined) {
        frames.push({
          at: performance.timeOrigin + frame.presentationTime,
          received: performance.timeOrigin + frame.receiveTime,
          height: frame.height,
        });
      }
      follow(video);
    });
  };
  const look = () => {
    for (const video of document.querySelectorAll("video")) {
      if (watched.has(video)) continue;
      watched.add(video);
      follow(video);
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  Object.defineProperty(window, "__watch", { value: { clicks, frames } });
}

const firstFrameAfter = (seat, clicked) =>
  until(
    `${seat.side}: the first frame`,
    () =>
      seat.page.evaluate((t) => window.__watch.frames.find((f) => f.received > t), clicked),
    Boolean,
    20_000,
  );

async function oneCall(server, shopper, agent) {
  const { url } = await server.link();
  await shopper.page.goto("about:blank");
  await shopper.page.goto(url, { waitUntil: "load" });
  await shopper.preview();
  await shopper.press("Join");
  await agent.find("button", "Accept");
  // A person takes a moment; the leg of a page opened just now is warm by then.
  await sleep(800 + Math.random() * 400);
  await agent.press("Accept");
  const clicked = await agent.page.evaluate(
    () => window.__watch.clicks.findLast((click) => click.name?.startsWith("Accept")).at,
  );
  const [onShopper, onAgent] = await Promise.all([
    firstFrameAfter(shopper, clicked),
    firstFrameAfter(agent, clicked),
  ]);
  await agent.press("Hang up");
  await agent.wrapUp("");
  const result = { shopper: onShopper.at - clicked, agent: onAgent.at - clicked };
  return { ...result, both: Math.max(result.shopper, result.agent) };
}

/** The value below which `share` of the sorted values lie (nearest rank). */
const percentile = (sorted, share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];

const server = await Server.start();
const [shopper, agent] = await Promise.all([
  Seat.open("shopper", "about:blank"),
  Seat.open("agent", "about:blank"),
]);
try {
  for (const seat of [shopper, agent]) await seat.page.evaluateOnNewDocument(watch);
  await agent.page.goto(await server.signIn());
  await agent.press("Go available");
  await agent.preview();
  const results = [];
  for (let run = 0; run < runs; run += 1) {
    results.push(await oneCall(server, shopper, agent));
    process.stderr.write(`\r${run + 1}/${runs}`);
  }
  process.stderr.write("\n");

  const summary = {};
  for (const side of ["shopper", "agent", "both"]) {
    const sorted = results.map((result) => result[side]).sort((a, b) => a - b);
    summary[side] = {
      p50: Math.round(percentile(sorted, 0.5)),
      p95: Math.round(percentile(sorted, 0.95)),
      max: Math.round(sorted.at(-1)),
    };
  }
  console.log(`Accept to first remote frame, milliseconds, ${runs} calls on loopback`);
  console.log("screen        p50    p95    max");
  for (const [side, { p50, p95, max }] of Object.entries(summary)) {
    const cells = [p50, p95, max].map((value) => String(value).padStart(6)).join(" ");
    console.log(`${(side === "both" ? "later of both" : side).padEnd(13)}${cells}`);
  }
  if (options.json) writeFileSync(options.json, JSON.stringify({ runs, summary, results }, null, 2));
} finally {
  await Promise.all([shopper.close(), agent.close()]);
  await server.stop();
}
