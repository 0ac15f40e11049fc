// Makes what the fake cameras and microphones play: a flat colour with a moving bar, and a beeping
// tone. Each side has its own colour and pitch, so that a test can tell whose media it receives.

import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** What each side's camera shows and microphone plays. `rgb` is what a viewer should decode. */
export const SIDES = {
  shopper: { rgb: [24, 88, 208], hz: 440 },
  agent: { rgb: [192, 32, 160], hz: 880 },
};

/** What Chromium's fake screen shows: green with a small white figure. */
export const FAKE_SCREEN = [6, 149, 2];

/** The usual picture, and one that an encoder on a shared core keeps up with thirty times a second. */
const USUAL = { width: 640, height: 360, fps: 20 };
export const LIGHT = { width: 320, height: 180, fps: 30 };
/** A clip is this long. */
const SECONDS = 2;
const SAMPLE_RATE = 48_000;

/** BT.601 limited range, as fake capture and WebRTC codecs assume. */
function toYuv([r, g, b]) {
  return [
    16 + (65.738 * r + 129.057 * g + 25.064 * b) / 256,
    128 + (-37.945 * r - 74.494 * g + 112.439 * b) / 256,
    128 + (112.439 * r - 94.154 * g - 18.285 * b) / 256,
  ].map(Math.round);
}

/** A Y4M clip: the colour, and a thin bar that moves so that every frame differs. */
function y4m(rgb, { width, height, fps }) {
  const [y, u, v] = toYuv(rgb);
  const chroma = (width / 2) * (height / 2);
  const parts = [Buffer.from(`YUV4MPEG2 W${width} H${height} F${fps}:1 Ip A1:1 C420jpeg\n`)];
  const frames = fps * SECONDS;
  for (let frame = 0; frame < frames; frame += 1) {
    const luma = Buffer.alloc(width * height, y);
    const bar = Math.floor((frame / frames) * width);
    for (let row = 0; row < height; row += 1) {
      luma.fill(225, row * width + bar, row * width + Math.min(bar + 12, width));
    }
    parts.push(Buffer.from("FRAME\n"), luma, Buffer.alloc(chroma, u), Buffer.alloc(chroma, v));
  }
  return Buffer.concat(parts);
}

/** What a phone's camera may send. */
export const SCENES = {
  "480p": { width: 640, height: 480, fps: 30, frames: 45 },
  "720p": { width: 1280, height: 720, fps: 30, frames: 45 },
};

/**
 * Writes a clip that costs about as many bits as a person in a kitchen and returns its path: a
 * textured picture that a hand moves in a small circle, with the noise of a camera. `seed` makes
 * two sides differ.
 */
export function makeScene(dir, side, seed, { width, height, fps, frames } = SCENES["720p"]) {
  let state = seed;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const reach = 24;
  const wide = width + 2 * reach;
  const texture = new Uint8Array(wide * (height + 2 * reach));
  const waves = Array.from({ length: 24 }, () => ({
    x: (random() - 0.5) * 0.3,
    y: (random() - 0.5) * 0.3,
    phase: random() * 6.3,
  }));
  for (let i = 0; i < texture.length; i += 1) {
    const x = i % wide;
    const y = Math.floor(i / wide);
    let sum = 0;
    for (const wave of waves) sum += Math.sin(wave.x * x + wave.y * y + wave.phase);
    texture[i] = Math.max(16, Math.min(235, 125 + sum * 12));
  }
  const grain = Int8Array.from({ length: 65_537 }, () => Math.round((random() + random() - 1) * 6));
  const chroma = Buffer.alloc((width / 2) * (height / 2), seed % 2 ? 118 : 138);
  const parts = [Buffer.from(`YUV4MPEG2 W${width} H${height} F${fps}:1 Ip A1:1 C420jpeg\n`)];
  for (let frame = 0; frame < frames; frame += 1) {
    const angle = (frame / frames) * 2 * Math.PI;
    const left = Math.round(reach * (1 + Math.cos(angle)));
    const top = Math.round(reach * (1 + Math.sin(angle)));
    const luma = Buffer.alloc(width * height);
    let noise = Math.floor(random() * grain.length);
    for (let y = 0; y < height; y += 1) {
      const from = (y + top) * wide + left;
      for (let x = 0; x < width; x += 1) {
        luma[y * width + x] = texture[from + x] + grain[noise];
        noise = noise + 1 === grain.length ? 0 : noise + 1;
      }
    }
    parts.push(Buffer.from("FRAME\n"), luma, chroma, chroma);
  }
  const path = join(dir, `${side}-scene.y4m`);
  writeFileSync(path, Buffer.concat(parts));
  return path;
}

/** A WAV clip, 16 bit mono. It beeps: noise suppression takes a steady tone for noise. */
function wav(hz) {
  const samples = SAMPLE_RATE * 2;
  const data = Buffer.alloc(samples * 2);
  for (let i = 0; i < samples; i += 1) {
    const within = (i / SAMPLE_RATE) % 0.5;
    const fade = Math.min(1, Math.max(0, Math.min(within, 0.35 - within) / 0.02));
    const value = 0.6 * fade * Math.sin((2 * Math.PI * hz * i) / SAMPLE_RATE);
    data.writeInt16LE(Math.round(value * 32_767), i * 2);
  }
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + data.length, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(SAMPLE_RATE, 24);
  header.writeUInt32LE(SAMPLE_RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}

/** Writes one side's clips into `dir` and returns their paths. */
export function makeClips(dir, side, picture = USUAL) {
  const { rgb, hz } = SIDES[side];
  const video = join(dir, `${side}.y4m`);
  const audio = join(dir, `${side}.wav`);
  writeFileSync(video, y4m(rgb, picture));
  writeFileSync(audio, wav(hz));
  return { video, audio };
}
