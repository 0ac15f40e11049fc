// Figures from a run, as numbers and as text.

import { percentile } from "../connect/figures.mjs";

/** A gap between two pictures from which people see the picture stand. */
const GAP_MS = 200;

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

const difference = (samples, kind, name) =>
  (samples.at(-1)?.[kind]?.[name] ?? 0) - (samples[0]?.[kind]?.[name] ?? 0);

/** Bytes of video without repeats. Forward error correction, which a direct call has, cannot be told from it. */
const fresh = (video) => (video?.bytesReceived ?? 0) - (video?.retransmittedBytesReceived ?? 0);

/** What one screen showed from `start` to `end` (milliseconds of the machine's clock). */
export function screen({ frames, samples, unread, made }, start, end) {
  const within = frames.filter(([at]) => at >= start && at <= end);
  const ages = within.map(([, age]) => age).filter(Number.isFinite);
  const times = [start, ...within.map(([at]) => at), end];
  const gaps = times.slice(1).map((at, i) => at - times[i]);
  // The first second has nothing before it to count from: the connection was made in it.
  const seconds = (end - start) / 1_000;
  const last = samples.at(-1) ?? {};
  const audio = last.in_audio ?? {};
  const frozen = gaps.filter((gap) => gap > GAP_MS);
  const targets = samples.map((sample) => sample.out_video?.targetBitrate).filter(Number.isFinite);
  return {
    kbps: (fresh(last.in_video) * 8) / 1_000 / seconds,
    fps: within.length / seconds,
    lines: percentile(within.map(([, , , height]) => height), 0.5),
    latency: { p50: percentile(ages, 0.5), p95: percentile(ages, 0.95), max: percentile(ages, 1) },
    freezes: last.in_video?.freezeCount ?? 0,
    freezeSeconds: last.in_video?.totalFreezesDuration ?? 0,
    gaps: frozen.length,
    gapSeconds: frozen.reduce((sum, gap) => sum + gap, 0) / 1_000,
    longestGap: Math.max(...gaps),
    /** When the picture stood, seconds from the start, and for how long. */
    stood: gaps.flatMap((gap, i) => (gap > GAP_MS ? [[(times[i] - start) / 1_000, gap / 1_000]] : [])),
    firstFrame: within.length > 0 ? within[0][0] - start : NaN,
    concealed: ((audio.concealedSamples ?? 0) - (audio.silentConcealedSamples ?? 0)) / Math.max(1, audio.totalSamplesReceived ?? 0),
    received: {
      decoded: (last.in_video?.framesDecoded ?? 0) / seconds,
      dropped: last.in_video?.framesDropped ?? 0,
      keyFrames: last.in_video?.keyFramesDecoded ?? 0,
      plis: last.in_video?.pliCount ?? 0,
      nacks: last.in_video?.nackCount ?? 0,
      /** Mean wait of a picture in the browser's jitter buffer, ms. */
      buffered: (1_000 * (last.in_video?.jitterBufferDelay ?? 0)) / Math.max(1, last.in_video?.jitterBufferEmittedCount ?? 0),
      /** What the browser aims at for it, ms. */
      target: (1_000 * (last.in_video?.jitterBufferTargetDelay ?? 0)) / Math.max(1, last.in_video?.jitterBufferEmittedCount ?? 0),
      /** Mean time from a picture's first packet to its last, ms. */
      assembled: (1_000 * (last.in_video?.totalAssemblyTime ?? 0)) / Math.max(1, last.in_video?.framesAssembledFromMultiplePackets ?? 0),
      repeats: last.in_video?.retransmittedPacketsReceived ?? 0,
      /** Round trip that the browser knows of, median, ms. */
      rtt: 1_000 * percentile(samples.map((sample) => sample.told_video?.roundTripTime ?? NaN).filter(Number.isFinite), 0.5),
    },
    lost: difference(samples, "in_video", "packetsLost") / Math.max(1, difference(samples, "in_video", "packetsReceived")),
    unread,
    /** Of this side's own camera and encoder. */
    sent: {
      /** What its encoder was given, kbit/s: neither repeats nor forward error correction. */
      target: mean(targets) / 1_000,
      pictures: made.frames / seconds,
      encoded: (last.out_video?.framesEncoded ?? 0) / seconds,
      keyFrames: last.out_video?.keyFramesEncoded ?? 0,
      late: made.late,
      cpuLimitedSeconds: last.out_video?.qualityLimitationDurations?.cpu ?? 0,
      mode: last.out_video?.scalabilityMode,
    },
    series: samples.slice(1).map((sample, i) => {
      const before = samples[i].in_video ?? {};
      const video = sample.in_video ?? {};
      const grown = (name, kind = "in_video") => (sample[kind]?.[name] ?? 0) - (samples[i][kind]?.[name] ?? 0);
      /** Mean of a buffer's delay since the sample before, ms. */
      const delay = (name, kind) => (1_000 * grown(name, kind)) / Math.max(1, grown("jitterBufferEmittedCount", kind));
      return {
        t: (sample.at - start) / 1_000,
        kbps: Math.max(0, ((fresh(video) - fresh(before)) * 8) / (sample.at - samples[i].at)),
        age: percentile(within.filter(([at]) => at > samples[i].at && at <= sample.at).map(([, age]) => age), 0.95),
        target: (sample.out_video?.targetBitrate ?? 0) / 1_000,
        /** How long packets waited in the sending browser, ms. */
        waited: (1_000 * grown("totalPacketSendDelay", "out_video")) / Math.max(1, grown("packetsSent", "out_video")),
        available: (sample.pair?.out ?? 0) / 1_000,
        /** What the jitter buffer aims at, ms. */
        aim: delay("jitterBufferTargetDelay"),
        /** The same without what sound makes it wait, how long pictures were in it, and how long sound was in its own, ms. */
        aimAlone: delay("jitterBufferMinimumDelay"),
        held: delay("jitterBufferDelay"),
        soundHeld: delay("jitterBufferDelay", "in_audio"),
        frozen: grown("totalFreezesDuration"),
        nacks: grown("nackCount"),
        repeats: grown("retransmittedPacketsReceived"),
        plis: grown("pliCount"),
        keyFrames: grown("keyFramesDecoded"),
      };
    }),
  };
}

const cell = (value, width = 7, digits = 0) =>
  (Number.isFinite(value) ? value.toFixed(digits) : "–").padStart(width);

const DIRECTIONS = { shopper: "to shopper", agent: "to agent" };
/** Who sends what a side sees. */
const SENDER = { shopper: "agent", agent: "shopper" };

/** One line for each case, call and direction. */
export function table(results) {
  const lines = [
    "                                    video          encoder   shown   freezes        gaps > 200 ms        from camera to screen, ms   sound",
    "case         call    direction   kbit/s   share  kbit/s     fps    seconds    n   seconds  longest       p50     p95     max   made up %",
  ];
  for (const { name, capacity, calls } of results) {
    for (const [call, runs] of Object.entries(calls)) {
      for (const run of runs) {
        for (const [side, direction] of Object.entries(DIRECTIONS)) {
          const s = run[side];
          lines.push(
            `${name.padEnd(12)} ${call.padEnd(7)} ${direction.padEnd(10)}${cell(s.kbps, 8)}${cell(s.kbps / capacity, 8, 2)}${cell(run[SENDER[side]].sent.target, 8)}${cell(s.fps, 8, 1)}` +
              `${cell(s.freezeSeconds, 11, 1)}${cell(s.freezes, 5)}${cell(s.gapSeconds, 10, 1)}${cell(s.longestGap / 1_000, 9, 1)}` +
              `${cell(s.latency.p50, 10)}${cell(s.latency.p95, 8)}${cell(s.latency.max, 8)}${cell(s.concealed * 100, 12, 1)}`,
          );
        }
      }
    }
  }
  return lines.join("\n");
}

/** Ours to direct: what the issue asks for. */
export function ratios(results) {
  const lines = [
    "ours to direct, means of the runs: bit rate (goal ≥ 0.9), what the encoder was given, p95 from camera to screen (goal ≤ 1),",
    "seconds frozen ours − direct (goal ≤ 0), sound made up ours − direct in points",
    "",
    "case         direction    bit rate encoder   p95    frozen    sound",
  ];
  for (const { name, calls } of results) {
    if (!calls.ours?.length || !calls.direct?.length) continue;
    for (const [side, direction] of Object.entries(DIRECTIONS)) {
      const of = (call, pick, at = side) => mean(calls[call].map((run) => pick(run[at])));
      const ratio = (pick, at) => of("ours", pick, at) / of("direct", pick, at);
      const less = (pick) => of("ours", pick) - of("direct", pick);
      lines.push(
        `${name.padEnd(12)} ${direction.padEnd(10)}${cell(ratio((s) => s.kbps), 10, 2)}${cell(ratio((s) => s.sent.target, SENDER[side]), 8, 2)}${cell(ratio((s) => s.latency.p95), 8, 2)}` +
          `${cell(less((s) => s.freezeSeconds), 9, 1)}${cell(less((s) => s.concealed * 100), 9, 1)}`,
      );
    }
  }
  return lines.join("\n");
}
