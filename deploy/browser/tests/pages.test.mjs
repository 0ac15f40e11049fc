// What a page costs before anything is seen, and that it asks nobody but its own server.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Seat } from "../lib/seat.mjs";
import { Server } from "../lib/server.mjs";

/** Bytes on the wire before the first paint: a phone on a slow network should not wait. */
const BUDGET = 150_000;

for (const side of ["shopper", "agent"]) {
  test(`the ${side}'s page is light`, { timeout: 60_000 }, async (t) => {
    const server = await Server.start();
    t.after(() => server.stop());
    const seat = await Seat.open(side, "about:blank");
    t.after(() => seat.close());
    const cdp = await seat.page.createCDPSession();
    await cdp.send("Network.enable");
    await cdp.send("Network.setCacheDisabled", { cacheDisabled: true });
    let total = 0;
    const finished = [];
    cdp.on("Network.loadingFinished", ({ encodedDataLength, timestamp }) => {
      total += encodedDataLength;
      finished.push({ encodedDataLength, timestamp });
    });

    await seat.page.goto(side === "shopper" ? server.shopperUrl : await server.signIn());
    await seat.find("button", side === "shopper" ? "Join" : "Go available");
    const paint = await seat.page.evaluate(
      () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime,
    );
    assert.ok(paint > 0, "the page painted something");
    t.diagnostic(`${side}: ${total} bytes in ${finished.length} responses, first paint ${paint} ms`);
    assert.ok(total < BUDGET, `${total} bytes until the page can be used`);

    const heading = await seat.page.$("::-p-aria([role=\"heading\"])");
    assert.ok(heading, "there is a heading to land on");
    const language = await seat.page.evaluate(() => document.documentElement.lang);
    assert.match(language, /^[a-z]{2}/, "the page says its language");
    await seat.isClean([server.origin]);
  });
}

test("a page of another site cannot frame or script ours", { timeout: 60_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  for (const path of ["/join", "/agent"]) {
    const { headers } = await fetch(`${server.origin}${path}`);
    const policy = headers.get("content-security-policy") ?? "";
    assert.match(policy, /default-src 'none'|default-src 'self'/);
    assert.match(policy, /frame-ancestors/);
    assert.doesNotMatch(policy, /script-src[^;]*'unsafe-(inline|eval)'/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("referrer-policy"), "no-referrer");
  }
});
