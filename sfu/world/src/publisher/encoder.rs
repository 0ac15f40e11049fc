//! A video encoder in real-time mode, in the loop: its sizes follow the target within a frame or
//! two, with noise, and a key frame is several times as large as the mean.

use crate::{
    page::frame::{FrameInfo, Temporal},
    random::Random,
    time::Time,
};

/// Frames per second.
pub const FPS: f64 = 30.0;
/// A key frame is this many times the mean frame. libvpx bounds it at 9 with Chromium's buffers
/// (`MaxIntraTarget`); a camera picture stays below.
const KEY_FRAME: (f64, f64) = (5.0, 9.0);
/// The pages begin with pictures made at this bitrate, each a key frame (`tracks.js`): what they had held, and the camera's first.
pub(super) const FIRST_PICTURES: u32 = 3;
const FIRST_PICTURES_BITRATE: f64 = 250_000.0;
/// Deviation of a frame's size around its target.
const NOISE: f64 = 0.15;
/// The content's difficulty wanders by this much, with this memory from frame to frame.
const DIFFICULTY: f64 = 0.12;
const MEMORY: f64 = 0.95;
/// What was spent too much is saved over this many frames…
const REPAY_FRAMES: f64 = 15.0;
/// …from each at most this share.
const REPAY_MOST: f64 = 0.4;
/// With this many seconds of bitrate spent in advance, the encoder drops a frame (libvpx's
/// `rc_dropframe_thresh` with a buffer of 600 ms).
const DROP_DEBT: f64 = 0.5;
/// How far the encoder goes towards a new target with each frame.
const REACTION: f64 = 0.7;
/// Base layer's share of two frames with two layers.
const BASE_SHARE: f64 = 0.6;
/// Bytes of the smallest frame.
const SMALLEST: f64 = 120.0;
/// Lowest target in bit/s (Chromium's for VP8).
pub(super) const MIN_BITRATE: f64 = 30_000.0;

/// Temporal layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layers {
    /// Every frame refers to the one before.
    L1T1,
    /// Every second frame can be left out.
    L1T2,
}

/// The encoder.
#[derive(Debug, Clone)]
pub(super) struct Encoder {
    random: Random,
    layers: Layers,
    max: f64,
    rate: f64,
    difficulty: f64,
    /// Bytes spent in advance.
    debt: f64,
    number: u32,
    /// Place in the pattern of layers.
    phase: u8,
    base_index: u8,
    last_base: u32,
    last_upper: u32,
    key_wanted: bool,
}

impl Encoder {
    /// An encoder that goes no higher than `max` bit/s.
    pub(super) fn new(random: Random, layers: Layers, max: f64, start: f64) -> Self {
        Self {
            random,
            layers,
            max,
            rate: start.min(max),
            difficulty: 0.0,
            debt: 0.0,
            number: 0,
            phase: 0,
            base_index: 0,
            last_base: 0,
            last_upper: 0,
            key_wanted: true,
        }
    }

    /// The next frame is a key frame.
    pub(super) fn want_key_frame(&mut self) {
        self.key_wanted = true;
    }

    /// Encodes a picture: the frame and its bytes. `None`: the encoder drops it.
    pub(super) fn encode(&mut self, now: Time, target: f64) -> Option<(FrameInfo, usize)> {
        let target = target.clamp(MIN_BITRATE, self.max);
        self.rate += (target - self.rate) * REACTION;
        let begins = self.number < FIRST_PICTURES;
        self.key_wanted |= begins;
        let rate = if begins { FIRST_PICTURES_BITRATE.min(self.rate) } else { self.rate };
        let mean = rate / 8.0 / FPS;
        self.difficulty = self.difficulty * MEMORY
            + self.random.normal() * DIFFICULTY * (1.0 - MEMORY * MEMORY).sqrt();
        if !self.key_wanted && self.debt > DROP_DEBT * self.rate / 8.0 {
            self.debt -= mean;
            return None;
        }
        let frame = self.next_frame(now);
        let budget = match (frame.key, frame.temporal) {
            (true, _) => mean * self.random.between(KEY_FRAME.0, KEY_FRAME.1),
            (false, None) => mean,
            (false, Some(Temporal { layer: 0, .. })) => mean * 2.0 * BASE_SHARE,
            (false, Some(_)) => mean * 2.0 * (1.0 - BASE_SHARE),
        };
        let noise = (1.0 + NOISE * self.random.normal() + self.difficulty).max(0.2);
        let repay = (self.debt / REPAY_FRAMES).clamp(-budget * REPAY_MOST, budget * REPAY_MOST);
        let size = (if frame.key { budget } else { budget * noise - repay }).max(SMALLEST);
        // What a frame of two layers spends above the mean the next one has below.
        let fair = if frame.key { mean } else { budget };
        self.debt = (self.debt + size - fair).max(-mean);
        Some((frame, size as usize))
    }

    fn next_frame(&mut self, now: Time) -> FrameInfo {
        self.number += 1;
        let number = self.number;
        let key = std::mem::take(&mut self.key_wanted);
        if key {
            self.phase = 0;
        }
        let (phase, captured) = (self.phase, now.as_micros());
        let (last_base, last_upper) = (self.last_base, self.last_upper);
        let needs = |first, second| if key { [0, 0] } else { [first, second] };
        match self.layers {
            Layers::L1T1 => {
                self.last_base = number;
                let needs = needs(last_base, 0);
                FrameInfo { number, key, discardable: false, temporal: None, needs, captured }
            }
            // Base, upper on the base, base, upper on both: libvpx's pattern for two layers.
            Layers::L1T2 => {
                self.phase = (phase + 1) % 4;
                let base = phase % 2 == 0;
                if base {
                    self.base_index = self.base_index.wrapping_add(1);
                    self.last_base = number;
                } else {
                    self.last_upper = number;
                }
                let sync = phase == 1;
                let temporal =
                    Temporal { layer: u8::from(!base), sync, base_index: self.base_index };
                let needs = needs(last_base, if phase == 3 { last_upper } else { 0 });
                let (discardable, temporal) = (phase == 3, Some(temporal));
                FrameInfo { number, key, discardable, temporal, needs, captured }
            }
        }
    }
}
