// Runs inside each page, next to the probe: notes clicks on buttons and remote frames presented.

/** Injected with `evaluateOnNewDocument`; must not refer to anything outside itself. */
export function watch() {
  const FREEZE_MS = 200;
  /** A call that has shown nothing by then has failed. */
  const GIVE_UP_MS = 20_000;
  const clicks = [];
  const frames = [];
  const waiting = new Set();
  addEventListener(
    "click",
    (event) => {
      const name = event.target.closest?.("button")?.textContent.trim();
      // Pages of different processes share the machine's clock.
      clicks.push({ name, at: performance.timeOrigin + event.timeStamp });
    },
    true,
  );

  const follow = (video) => {
    video.requestVideoFrameCallback((_, frame) => {
      // Only frames that came over the network have a receive time: the preview is left out.
      if (frame.receiveTime !== undefined && frame.height > 0) {
        const { width, height } = frame;
        const seen = {
          at: performance.timeOrigin + frame.presentationTime,
          received: performance.timeOrigin + frame.receiveTime,
          width,
          height,
        };
        frames.push(seen);
        for (const wait of waiting) wait(seen);
      }
      follow(video);
    });
  };
  const watched = new WeakSet();
  const look = () => {
    for (const video of document.querySelectorAll("video")) {
      if (watched.has(video)) continue;
      watched.add(video);
      follow(video);
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);

  const firstAfter = (clicked) => {
    const seen = frames.find((frame) => frame.received > clicked);
    if (seen) return seen;
    return new Promise((done, failed) => {
      setTimeout(() => failed(new Error(`no remote frame within ${GIVE_UP_MS} ms`)), GIVE_UP_MS);
      const wait = (frame) => {
        if (frame.received <= clicked) return;
        waiting.delete(wait);
        done(frame);
      };
      waiting.add(wait);
    });
  };

  const received = async () => {
    let bytes = 0;
    for (const pc of window.__probe.pcs) {
      if (pc.connectionState === "closed") continue;
      for (const stat of (await pc.getStats()).values()) {
        if (stat.type === "inbound-rtp" && stat.kind === "video") bytes += stat.bytesReceived;
      }
    }
    return { bytes, at: performance.now() };
  };

  const until = (at) =>
    new Promise((done) => setTimeout(done, at - performance.timeOrigin - performance.now()));

  let bytesBefore = 0;
  /** Forgets what was before: a console stays open from call to call. */
  const begin = async () => {
    clicks.length = 0;
    frames.length = 0;
    bytesBefore = (await received()).bytes;
  };

  /** The first remote frame received after the click, and the picture of the `ms` after it. */
  const measure = async (clicked, ms) => {
    const first = await firstAfter(clicked);
    const bytes = (await received()).bytes - bytesBefore;
    const result = { at: first.at - clicked, received: first.received - clicked, bytes };
    if (ms === 0) return result;
    await until(first.at + 2_000);
    const before = await received();
    await until(first.at + 3_000);
    const after = await received();
    const end = first.at + ms;
    await until(end);
    const shown = frames.filter((frame) => frame.at >= first.at && frame.at <= end);
    const times = [...shown.map((frame) => frame.at), end];
    const gaps = times.slice(1).map((at, i) => at - times[i]);
    return {
      ...result,
      lines: {
        first: first.height,
        second: shown.findLast((frame) => frame.at <= first.at + 1_000).height,
        end: shown.at(-1).height,
      },
      kbps: ((after.bytes - before.bytes) * 8) / (after.at - before.at),
      frames: shown.length,
      freezes: gaps.filter((gap) => gap > FREEZE_MS).length,
      longestGap: Math.max(...gaps),
    };
  };

  Object.defineProperty(window, "__watch", { value: { clicks, begin, measure } });
}

/** Runs in the agent's page: presses Accept the moment it can be pressed, once. */
export function acceptAtOnce() {
  const press = () => {
    const accept = [...document.querySelectorAll("button")].find(
      (button) => button.textContent.trim().startsWith("Accept") && button.checkVisibility() && !button.disabled,
    );
    if (!accept) return;
    observer.disconnect();
    accept.click();
  };
  const observer = new MutationObserver(press);
  observer.observe(document, { subtree: true, childList: true, attributes: true });
}
