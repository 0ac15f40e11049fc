// A module of the pages without a page: what is pure arithmetic needs no browser.

import { readFile } from "node:fs/promises";

/** The module at this path below the pages' `assets`; it imports nothing. */
export async function pageModule(path) {
  const source = await readFile(new URL(`../../../signaling/web/assets/${path}`, import.meta.url), "utf8");
  return import(`data:text/javascript,${encodeURIComponent(source)}`);
}
