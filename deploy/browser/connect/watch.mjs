// Runs inside each page, next to the probe: finds buttons, notes presses on them and the frames that
// are presented. It must not disturb what it measures: it waits on events, asks for no frame of its
// own, and lets go of a video once it knows enough.

/** Injected with `evaluateOnNewDocument`; must not refer to anything outside itself. */
export function watch() {
  const FREEZE_MS = 200;
  /** Our pages' videos play a transparent picture of this width before a call (`primed.js`). */
  const NO_PICTURE = 16;
  /** A call that has shown nothing by then has failed. */
  const GIVE_UP_MS = 20_000;
  /** What no event announces (a style, a state of a connection) is looked at this often. */
  const LOOK_MS = 50;

  const within = (ms, what, promise) =>
    Promise.race([promise, new Promise((_, failed) => setTimeout(() => failed(new Error(`no ${what} within ${ms} ms`)), ms))]);

  /** Resolves with the first value of `look` that is not nothing. */
  const seen = (look) =>
    new Promise((done) => {
      const observer = new MutationObserver(() => again());
      const timer = setInterval(() => again(), LOOK_MS);
      const again = () => {
        const value = look();
        if (value === undefined || value === false) return;
        observer.disconnect();
        clearInterval(timer);
        done(value);
      };
      observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
      again();
    });

  const clicks = [];
  addEventListener(
    "click",
    (event) => {
      const name = event.target.closest?.("button")?.textContent.trim();
      // Pages of different processes share the machine's clock.
      if (event.isTrusted) clicks.push({ name, at: performance.timeOrigin + event.timeStamp });
    },
    true,
  );

  /** The button a person would press; it may also show its key. */
  const pressable = (name) =>
    [...document.querySelectorAll("button")].find(
      (button) => button.textContent.trim().startsWith(name) && button.checkVisibility() && !button.disabled,
    );
  const button = (name) => within(GIVE_UP_MS, `button "${name}"`, seen(() => pressable(name)));

  /** Where to press that button, once it can be pressed. */
  const place = async (name) => {
    const found = await button(name);
    found.scrollIntoView({ block: "nearest" });
    const { left, top, width, height } = found.getBoundingClientRect();
    return { x: left + width / 2, y: top + height / 2 };
  };

  /** Which of these buttons can be pressed first. */
  const oneOf = (names) => within(GIVE_UP_MS, names.join(" or "), seen(() => names.find(pressable)));

  /** Presses by script: for what is not measured. */
  const press = async (name) => (await button(name)).click();

  /** Chooses the first of several. */
  const choose = async () => {
    const radio = await within(
      GIVE_UP_MS,
      "choice",
      seen(() => [...document.querySelectorAll("input[type=radio]")].find((one) => one.labels[0]?.checkVisibility())),
    );
    radio.click();
  };

  /** Ticks a box of this name, or takes the tick off. */
  const tick = async (name, on) => {
    const box = await within(
      GIVE_UP_MS,
      `box "${name}"`,
      seen(() => [...document.querySelectorAll("input[type=checkbox]")].find((one) => one.ariaLabel === name)),
    );
    if (box.checked !== on) box.click();
  };

  /** The leg, or the direct connection, is up. */
  const connected = () =>
    within(GIVE_UP_MS, "connection", seen(() => window.__probe.pcs.some((pc) => pc.connectionState === "connected")));

  /** How long the leg took to open. */
  const opening = async () => {
    await connected();
    return window.__probe.pcs.map((pc) => window.__probe.openedAfter.get(pc)).find((ms) => ms !== undefined);
  };

  const frames = [];
  let frameCame = () => {};
  let previewed;
  const ownPicture = new Promise((done) => (previewed = done));
  const preview = () => within(GIVE_UP_MS, "preview", ownPicture);
  /** Frames are wanted: all of them, or the first only. */
  let wanted = "none";

  const isRemote = (video) => {
    const tracks = video.srcObject?.getVideoTracks?.() ?? [];
    const receivers = window.__probe.pcs.flatMap((pc) => pc.getReceivers().map(({ track }) => track.id));
    return tracks.some(({ id }) => receivers.includes(id));
  };
  const followed = new WeakSet();
  const follow = (video) => {
    if (followed.has(video)) return;
    followed.add(video);
    video.requestVideoFrameCallback((now, frame) => {
      followed.delete(video);
      const at = performance.timeOrigin + (frame.presentationTime ?? now);
      if (frame.width <= NO_PICTURE) return follow(video);
      if (isRemote(video)) {
        // Frames of a video that is not on the page's screen are no picture yet.
        if (!video.checkVisibility()) return follow(video);
        // Only Chromium says when a frame's last packet came.
        const received = performance.timeOrigin + (frame.receiveTime ?? frame.presentationTime ?? now);
        const { width, height } = frame;
        if (wanted !== "none") frames.push({ at, received, width, height });
        frameCame();
        if (wanted === "all") follow(video);
      } else {
        previewed(at);
      }
    });
  };
  const followAll = () => document.querySelectorAll("video").forEach(follow);
  // A video is followed when it comes into the document and when it gets another stream.
  new MutationObserver((changes) => {
    for (const node of changes.flatMap(({ addedNodes }) => [...addedNodes])) {
      if (node.localName === "video") follow(node);
      else node.querySelectorAll?.("video").forEach(follow);
    }
  }).observe(document, { subtree: true, childList: true });
  for (const type of ["loadedmetadata", "emptied"]) {
    addEventListener(type, ({ target }) => target.localName === "video" && follow(target), true);
  }

  /** The first remote frame since `begin`. */
  const firstFrame = () =>
    within(
      GIVE_UP_MS,
      "remote frame",
      new Promise((done) => {
        frameCame = () => {
          if (frames.length === 0) return;
          if (wanted === "first") wanted = "none";
          done(frames[0]);
        };
        frameCame();
      }),
    );

  /** What came so far, and what had to be asked for again, both ways. */
  const received = async () => {
    let bytes = 0;
    const asks = { repeats: 0, nacks: 0, plis: 0, peerNacks: 0, peerPlis: 0 };
    for (const pc of window.__probe.pcs) {
      if (pc.connectionState === "closed") continue;
      for (const stat of (await pc.getStats()).values()) {
        if (stat.kind !== "video") continue;
        if (stat.type === "inbound-rtp") {
          bytes += stat.bytesReceived;
          asks.repeats += stat.retransmittedPacketsReceived ?? 0;
          asks.nacks += stat.nackCount ?? 0;
          asks.plis += stat.pliCount ?? 0;
        } else if (stat.type === "outbound-rtp") {
          asks.peerNacks += stat.nackCount ?? 0;
          asks.peerPlis += stat.pliCount ?? 0;
        }
      }
    }
    return { bytes, asks, at: performance.now() };
  };

  const until = (at) =>
    new Promise((done) => setTimeout(done, at - performance.timeOrigin - performance.now()));

  let before = { bytes: 0, asks: {} };
  /** Forgets what was before: a console stays open from call to call. */
  const begin = async (every) => {
    clicks.length = 0;
    frames.length = 0;
    wanted = every ? "all" : "first";
    if (every) before = await received();
    followAll();
  };

  /**
   * The first remote frame from now on, and the picture of the `ms` after it. Asked before the press, so that
   * nothing need be asked while the call connects. With when the button of that name was pressed here, if it was.
   */
  const measure = async (name, ms) => {
    const first = await firstFrame();
    const clicked = clicks.findLast((click) => click.name?.startsWith(name))?.at;
    const result = { clicked, at: first.at, received: first.received, firstLines: first.height };
    if (ms === 0) return result;
    const now = await received();
    const bytes = now.bytes - before.bytes;
    const asks = Object.fromEntries(Object.entries(now.asks).map(([name, count]) => [name, count - before.asks[name]]));
    await until(first.at + 2_000);
    const second = await received();
    await until(first.at + 3_000);
    const third = await received();
    const end = first.at + ms;
    await until(end);
    wanted = "none";
    const shown = frames.filter((frame) => frame.at >= first.at && frame.at <= end);
    const times = [...shown.map((frame) => frame.at), end];
    const gaps = times.slice(1).map((at, i) => at - times[i]);
    return {
      ...result,
      bytes,
      asks,
      lines: {
        second: shown.findLast((frame) => frame.at <= first.at + 1_000).height,
        end: shown.at(-1).height,
      },
      kbps: ((third.bytes - second.bytes) * 8) / (third.at - second.at),
      frames: shown.length,
      freezes: gaps.filter((gap) => gap > FREEZE_MS).length,
      longestGap: Math.max(...gaps),
    };
  };

  /** When the page could be used, from the start of the navigation: **Join** answers, the preview shows. */
  const usable = async () => {
    const start = performance.timeOrigin;
    const joinable = button("Join").then(() => performance.now());
    const shown = preview().then((at) => at - start);
    const [join, picture] = await Promise.all([joinable, shown]);
    const [navigation] = performance.getEntriesByType("navigation");
    return { at: Math.max(join, picture), join, preview: picture, tls: navigation.connectEnd, html: navigation.responseEnd };
  };

  Object.defineProperty(window, "__watch", {
    value: { begin, measure, place, oneOf, press, choose, tick, connected, opening, preview, usable },
  });
}
