// The same call between Firefox and Chromium, each in both roles.

import assert from "node:assert/strict";
import { test } from "node:test";

import { SIDES } from "../lib/media.mjs";
import { inCall, rung } from "../lib/scenes.mjs";
import { Server } from "../lib/server.mjs";
import { sameColour, until } from "../lib/until.mjs";

/** Firefox's fake camera changes its colour all the time and is never ours. */
async function seesFirefox(seat) {
  const first = await until(
    `${seat.side}: to see Firefox's camera`,
    () => seat.picture(),
    (picture) => picture && !sameColour(picture.rgb, SIDES[seat.side].rgb),
  );
  await until(
    `${seat.side}: the colour to change`,
    () => seat.picture(),
    (picture) => picture && !sameColour(picture.rgb, first.rgb, 8),
  );
}

for (const side of ["shopper", "agent"]) {
  test(`Firefox is the ${side}`, { timeout: 180_000 }, async (t) => {
    const server = await Server.start();
    t.after(() => server.stop());
    const seats = await rung(t, server, { [side]: { browser: "firefox" } });
    const fox = seats[side];
    const chrome = seats[fox.other];
    await fox.isSilent();
    await chrome.isSilent();

    await inCall(seats.shopper, seats.agent);
    await fox.sees(SIDES[chrome.side].rgb);
    await seesFirefox(chrome);
    await chrome.hears(SIDES[side].hz);
    // Without a sound card Firefox plays nothing into a page's audio graph; its own figures tell.
    const energy = async () => (await fox.stats()).audioEnergy;
    const before = await energy();
    await until(`${side}: audio energy to grow`, energy, (now) => now > before + 0.01);

    await fox.chat("Hello from Firefox");
    await chrome.says("Hello from Firefox");
    await chrome.chat("Hello from Chromium");
    await fox.says("Hello from Chromium");

    await chrome.press("Mute");
    await until(
      `${side}: audio energy to stop`,
      async () => {
        const start = await energy();
        await new Promise((done) => setTimeout(done, 600));
        return (await energy()) - start;
      },
      (grown) => grown < 0.001,
    );

    await fox.press("Hang up");
    await chrome.gone("button", "Hang up");
    assert.deepEqual(fox.log.errors, []);
  });
}
