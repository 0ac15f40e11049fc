// The shopper's whole way with the keyboard alone.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Seat } from "../lib/seat.mjs";
import { Server } from "../lib/server.mjs";

/** Most stops of the Tab key that any page may need to reach any control. */
const MAX_STOPS = 40;

/** Tabs until the element with this role and name has the focus; a person must see where it is. */
async function tabTo(seat, role, name) {
  await seat.find(role, name);
  for (let stop = 0; stop < MAX_STOPS; stop += 1) {
    await seat.page.keyboard.press("Tab");
    const wanted = await seat.page.$(`::-p-aria([name="${name}"][role="${role}"])`);
    const state = await wanted?.evaluate((el) => {
      const style = getComputedStyle(el);
      return {
        focused: document.activeElement === el,
        marked: style.outlineStyle !== "none" || style.boxShadow !== "none",
      };
    });
    if (state?.focused) {
      assert.ok(state.marked, `the focus on "${name}" cannot be seen`);
      return;
    }
  }
  assert.fail(`"${name}" is not reached by the Tab key`);
}

test("a shopper needs no pointer", { timeout: 120_000 }, async (t) => {
  const server = await Server.start();
  t.after(() => server.stop());
  const [shopper, agent] = await Promise.all([
    Seat.open("shopper", server.shopperUrl),
    Seat.open("agent", await server.signIn()),
  ]);
  t.after(() => Promise.all([shopper.close(), agent.close()]));
  const { keyboard } = shopper.page;
  await agent.press("Go available");

  await shopper.preview();
  await tabTo(shopper, "button", "Join");
  await keyboard.press("Enter");
  await agent.press("Accept");

  await tabTo(shopper, "button", "Mute");
  await keyboard.press("Space");
  await shopper.find("button", "Unmute");
  await agent.hearsNothing();

  await tabTo(shopper, "textbox", "Message");
  await keyboard.type("Typed, not tapped");
  await keyboard.press("Enter");
  await agent.says("Typed, not tapped");

  await tabTo(shopper, "button", "Hang up");
  await keyboard.press("Enter");
  await agent.gone("button", "Hang up");
});
