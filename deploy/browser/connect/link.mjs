// The tap on the link: how long until the page can be used?

import { installProbe } from "../lib/inpage.mjs";
import { watch } from "./watch.mjs";

/**
 * Opens a link as a phone does that has never been there: no cache, no cookie, no connection. From
 * the start of the navigation until **Join** can be pressed and the preview's first frame is shown.
 */
export async function link({ desks, shopper, agent, viewports }) {
  await Promise.all([shopper, agent].map((seat) => seat.page.goto("about:blank")));
  const { url } = await desks.link.server.link();
  const context = await shopper.browser.createBrowserContext();
  try {
    const page = await context.newPage();
    await page.setViewport(viewports.shopper);
    await page.evaluateOnNewDocument(installProbe);
    await page.evaluateOnNewDocument(watch);
    await page.goto(url, { waitUntil: "domcontentloaded" });
    return { link: await page.evaluate(() => window.__watch.usable()) };
  } finally {
    await context.close();
  }
}
