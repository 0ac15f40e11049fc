// Waiting for something to become true, with words for when it does not.

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Polls `probe` until `accept` likes its value; throws with the last value seen. */
export async function until(what, probe, accept = Boolean, timeout = 15_000) {
  const end = Date.now() + timeout;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (accept(last)) return last;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) {
      const seen = last instanceof Error ? last.message : JSON.stringify(last);
      throw new Error(`timed out after ${timeout} ms waiting for ${what}; last seen: ${seen}`);
    }
    await sleep(50);
  }
}

/** Whether two colours are close enough to be the same flat colour through a codec. */
export function sameColour(a, b, tolerance = 45) {
  return Boolean(a) && a.every((value, i) => Math.abs(value - b[i]) <= tolerance);
}
