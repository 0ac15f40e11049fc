// One run, which may fail and must end.

import { leave } from "./paths.mjs";

/** A run that takes longer than this will not end: several times what the slowest has taken, ms. */
const RUN_LIMIT = 60_000;
/** Pages that cannot be left within this are lost, and their browsers with them, ms. */
const LEAVE_LIMIT = 10_000;

const within = (ms, what, promise) => {
  let timer;
  const late = new Promise((_, failed) => {
    timer = setTimeout(() => failed(new Error(`${what()} within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

/** Makes the world fit for the next run, with new browsers if need be. */
async function recover(world) {
  const left = leave(world);
  left.catch(() => {});
  try {
    await within(LEAVE_LIMIT, () => "not left", left);
  } catch (error) {
    process.stderr.write(`new browsers: ${error.message}\n`);
    await world.renew();
  }
}

/** What `run` gives; when it fails, or does not end, the world is fit for the next one. */
export async function attempt(world, run) {
  const started = run();
  // When its time is over nobody waits for its end any more.
  started.catch(() => {});
  try {
    const doing = () => [world.shopper, world.agent].map(({ side, doing: what }) => `${side}: ${what ?? "nothing"}`).join(", ");
    return await within(RUN_LIMIT, () => `no end (asked last: ${doing()})`, started);
  } catch (error) {
    await recover(world);
    throw error;
  }
}
