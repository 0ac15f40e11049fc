// When the other side's picture and sound come, frame by frame, whatever connection and element carry
// them. Times are milliseconds since the epoch, so that they can be compared with what a test did.

/** Injected with `evaluateOnNewDocument`, after the probe; must not refer to anything outside itself. */
export function installFrames() {
  const { pcs } = window.__probe;
  /** A test runs for minutes at 20 frames a second. */
  const MOST = 100_000;
  /** Our pages' videos play a transparent picture of this width before a call (`primed.js`). */
  const NO_PICTURE = 16;
  const frames = [];
  const sounds = [];
  const watched = new WeakSet();
  const absolute = (at) => performance.timeOrigin + at;
  const note = (list, at) => {
    if (list.length < MOST) list.push(at);
  };

  const remoteTracks = () =>
    new Set(
      pcs
        .filter((pc) => pc.connectionState !== "closed")
        .flatMap((pc) => pc.getReceivers().map(({ track }) => track.id)),
    );

  /** Whether a person sees this element: nothing but controls lies over its middle. */
  const onTop = (video) => {
    const box = video.getBoundingClientRect();
    const under = document.elementsFromPoint(box.left + box.width / 2, box.top + box.height / 3);
    return under.find((element) => element.tagName === "VIDEO") === video;
  };

  const watch = (video) => {
    watched.add(video);
    const next = () =>
      video.requestVideoFrameCallback((now, frame) => {
        const remote = video.srcObject?.getVideoTracks?.().some((track) => remoteTracks().has(track.id));
        if (remote && frame.width > NO_PICTURE) {
          if (onTop(video)) note(frames, absolute(now));
          // The page waited for this frame to show it: it does so before the next one is painted.
          else setTimeout(() => onTop(video) && note(frames, absolute(performance.now())));
        }
        next();
      });
    next();
  };

  let lastSound = "";
  setInterval(() => {
    for (const video of document.querySelectorAll("video")) if (!watched.has(video)) watch(video);
    const heard = pcs
      .filter((pc) => pc.connectionState !== "closed")
      .flatMap((pc) => pc.getReceivers().filter(({ track }) => track.kind === "audio"))
      .flatMap((receiver) => receiver.getSynchronizationSources().map((s) => `${s.source}:${s.rtpTimestamp}`))
      .join();
    if (heard !== lastSound) note(sounds, absolute(performance.now()));
    lastSound = heard;
  }, 20);

  Object.defineProperty(window, "__frames", { value: { frames, sounds } });
}

/** The longest time without one between `from` and `to`, and when it ended. */
export function longestGap(times, from, to = Infinity) {
  let longest = { start: from, end: from, ms: 0 };
  let last = times.findLast((at) => at <= from) ?? from;
  for (const at of times) {
    if (at <= from) continue;
    if (last >= to) break;
    const ms = at - last;
    if (ms > longest.ms) longest = { start: last, end: at, ms };
    last = at;
  }
  return longest;
}
