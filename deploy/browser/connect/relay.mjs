// The other end of `direct.html`.

import { apart } from "../lib/apart.mjs";

/** Starts a relay on `address` and returns its origin. */
export async function startRelay(address) {
  const { child, first: origin } = await apart(new URL("relay-process.mjs", import.meta.url), address);
  return { origin, stop: () => child.kill() };
}
