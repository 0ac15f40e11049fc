// Runs inside each page before its own scripts: a camera whose every picture says when it was made,
// and a reader of what the remote picture says.

/** The camera's picture. Small, because two encoders and two decoders share the machine. */
export const CAMERA = { width: 640, height: 480, fps: 30, block: 32 };

/**
 * Injected with `evaluateOnNewDocument`; must not refer to anything outside itself.
 *
 * The code is 32 square blocks in two rows: the time in milliseconds, modulo 2^24, and a check byte.
 * Blocks of 32 × 32 pixels survive an encoder that goes down to a quarter of the size.
 */
export function installCamera({ width, height, fps, block: BLOCK, seed, layers }) {
  const COLUMNS = 16;
  const ROWS = 2;
  const PERIOD = 2 ** 24;
  const [DARK, LIGHT] = [32, 224];
  /** A frame that says it is older than this has been read wrongly. */
  const TOO_OLD = 30_000;

  const clock = () => performance.timeOrigin + performance.now();
  const check = (time) => ((time >> 16) ^ (time >> 8) ^ time ^ 0xa5) & 0xff;

  /** What costs about as many bits as a person in a kitchen: texture, motion, the noise of a camera. */
  const scene = () => {
    let state = seed;
    const random = () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 2 ** 32;
    };
    const reach = 16;
    const wide = width + 2 * reach;
    const texture = new Uint8Array(wide * (height + 2 * reach));
    const waves = Array.from({ length: 24 }, () => ({
      x: (random() - 0.5) * 0.4,
      y: (random() - 0.5) * 0.4,
      phase: random() * 6.3,
    }));
    for (let i = 0; i < texture.length; i += 1) {
      let sum = 0;
      for (const wave of waves) sum += Math.sin(wave.x * (i % wide) + wave.y * Math.floor(i / wide) + wave.phase);
      texture[i] = Math.max(16, Math.min(235, 125 + sum * 12));
    }
    const grain = Int8Array.from({ length: 65_537 }, () => Math.round((random() + random() - 1) * 6));
    return Array.from({ length: fps }, (_, frame) => {
      const angle = (frame / fps) * 2 * Math.PI;
      const left = Math.round(reach * (1 + Math.cos(angle)));
      const top = Math.round(reach * (1 + Math.sin(angle)));
      const luma = new Uint8Array(width * height);
      let noise = Math.floor(random() * grain.length);
      for (let y = 0; y < height; y += 1) {
        for (let x = 0; x < width; x += 1) {
          luma[y * width + x] = texture[(y + top) * wide + left + x] + grain[noise];
          noise = noise + 1 === grain.length ? 0 : noise + 1;
        }
      }
      return luma;
    });
  };

  const stamp = (picture, time) => {
    const bits = (time << 8) | check(time);
    for (let i = 0; i < COLUMNS * ROWS; i += 1) {
      const value = (bits >>> (31 - i)) & 1 ? LIGHT : DARK;
      const left = (i % COLUMNS) * BLOCK;
      const top = Math.floor(i / COLUMNS) * BLOCK;
      for (let y = top; y < top + BLOCK; y += 1) picture.fill(value, y * width + left, y * width + left + BLOCK);
    }
  };

  const made = { frames: 0, late: 0 };
  let track;
  const camera = () => {
    if (track && track.readyState === "live") return track.clone();
    track = new MediaStreamTrackGenerator({ kind: "video" });
    const writer = track.writable.getWriter();
    const pictures = scene();
    const picture = new Uint8Array(width * height * 1.5).fill(seed % 2 ? 118 : 138);
    const start = performance.now();
    const next = async (count) => {
      picture.set(pictures[count % pictures.length]);
      const now = clock();
      stamp(picture, Math.floor(now) % PERIOD);
      const frame = new VideoFrame(picture, {
        format: "I420",
        codedWidth: width,
        codedHeight: height,
        timestamp: Math.round(performance.now() * 1_000),
      });
      made.frames += 1;
      // Whoever was late skips pictures rather than hurry.
      const due = Math.max(count + 1, Math.ceil(((performance.now() - start) * fps) / 1_000));
      made.late += due - count - 1;
      setTimeout(() => void next(due), start + (due * 1_000) / fps - performance.now());
      await writer.write(frame).catch(() => frame.close());
    };
    void next(0);
    return track.clone();
  };

  const devices = Object.getPrototypeOf(navigator.mediaDevices ?? {});
  const native = devices.getUserMedia;
  if (native) {
    devices.getUserMedia = async function getUserMedia(constraints) {
      const { video, ...rest } = constraints ?? {};
      const stream = rest.audio ? await native.call(this, rest) : new MediaStream();
      if (video) stream.addTrack(camera());
      return stream;
    };
  }

  if (layers) {
    const { addTransceiver } = RTCPeerConnection.prototype;
    RTCPeerConnection.prototype.addTransceiver = function layered(kind, init) {
      const sendEncodings = init?.sendEncodings?.map((encoding) => ({ ...encoding, scalabilityMode: layers }));
      return addTransceiver.call(this, kind, kind === "video" && sendEncodings ? { ...init, sendEncodings } : init);
    };
  }

  const canvas = document.createElement("canvas");
  canvas.width = COLUMNS * 4;
  canvas.height = ROWS * 4;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  /** The time in the picture, or null when it cannot be read. */
  const read = (video) => {
    const [w, h] = [video.videoWidth / width, video.videoHeight / height];
    context.drawImage(video, 0, 0, COLUMNS * BLOCK * w, ROWS * BLOCK * h, 0, 0, canvas.width, canvas.height);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    let bits = 0;
    for (let i = 0; i < COLUMNS * ROWS; i += 1) {
      const left = (i % COLUMNS) * 4;
      const top = Math.floor(i / COLUMNS) * 4;
      let sum = 0;
      for (const [x, y] of [[1, 1], [2, 1], [1, 2], [2, 2]]) {
        const at = ((top + y) * canvas.width + left + x) * 4;
        sum += data[at] + data[at + 1] + data[at + 2];
      }
      const level = sum / 12;
      if (level > 100 && level < 156) return null;
      bits = (bits << 1) | (level > 128 ? 1 : 0);
    }
    const time = (bits >>> 8) & (PERIOD - 1);
    return (bits & 0xff) === check(time) ? time : null;
  };

  let frames = [];
  let unread = 0;
  const follow = (video) => {
    video.requestVideoFrameCallback((_, { receiveTime, presentationTime, width: w, height: h }) => {
      // Only frames that came over the network have a receive time: the preview is left out.
      if (receiveTime !== undefined && h > 0) {
        const at = performance.timeOrigin + presentationTime;
        const time = read(video);
        const age = time === null ? NaN : (Math.floor(at) - time + PERIOD) % PERIOD;
        const received = performance.timeOrigin + receiveTime;
        if (age < TOO_OLD) frames.push([at, at - Math.floor(at) + age, w, h, received - Math.floor(at) + age]);
        else {
          unread += 1;
          frames.push([at, null, w, h]);
        }
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
  };
  setInterval(look, 50);

  const FIGURES = {
    "inbound-rtp": [
      "bytesReceived", "headerBytesReceived", "packetsReceived", "packetsLost", "packetsDiscarded", "framesDecoded", "framesDropped",
      "keyFramesDecoded", "freezeCount", "totalFreezesDuration", "pauseCount", "totalPausesDuration", "nackCount", "pliCount",
      "jitterBufferDelay", "jitterBufferEmittedCount", "jitterBufferTargetDelay", "jitterBufferMinimumDelay", "totalAssemblyTime", "framesAssembledFromMultiplePackets",
      "retransmittedPacketsReceived", "retransmittedBytesReceived", "concealedSamples", "silentConcealedSamples",
      "totalSamplesReceived", "fecPacketsReceived",
    ],
    "outbound-rtp": ["bytesSent", "packetsSent", "totalPacketSendDelay", "targetBitrate", "framesEncoded", "keyFramesEncoded", "qualityLimitationReason", "qualityLimitationDurations", "framesPerSecond", "frameHeight", "scalabilityMode", "totalEncodeTime"],
    "remote-inbound-rtp": ["roundTripTime"],
  };
  const PREFIX = { "inbound-rtp": "in", "outbound-rtp": "out", "remote-inbound-rtp": "told" };
  /** The figures of the live connection, now. */
  const sample = async () => {
    const pc = window.__probe.pcs.findLast(({ connectionState }) => connectionState === "connected");
    if (!pc) return null;
    const result = { at: clock() };
    for (const stat of (await pc.getStats()).values()) {
      const wanted = FIGURES[stat.type];
      if (wanted) {
        result[`${PREFIX[stat.type]}_${stat.kind}`] = Object.fromEntries(
          wanted.filter((name) => stat[name] !== undefined).map((name) => [name, stat[name]]),
        );
      } else if (stat.type === "candidate-pair" && stat.nominated && stat.state === "succeeded") {
        result.pair = { out: stat.availableOutgoingBitrate, rtt: stat.currentRoundTripTime };
      }
    }
    return result;
  };
  let samples = [];
  let sampling = 0;
  const begin = () => {
    frames = [];
    samples = [];
    unread = 0;
    Object.assign(made, { frames: 0, late: 0 });
    clearInterval(sampling);
    sampling = setInterval(async () => {
      const now = await sample();
      if (now) samples.push(now);
    }, 1_000);
  };
  const end = () => {
    clearInterval(sampling);
    return { frames, samples, unread, made: { ...made } };
  };
  Object.defineProperty(window, "__camera", { value: { begin, end, sample } });
}
