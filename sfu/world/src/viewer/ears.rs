//! The audio's jitter buffer, as NetEq has it: what is not there when it is to be heard is
//! concealed.

use std::{collections::VecDeque, time::Duration};

use crate::{
    publisher::AUDIO_PERIOD,
    time::{Time, millis},
};

/// Recent delays that the target is taken from: ten seconds.
const WINDOW: usize = 500;
/// Share of packets that are to be in time (`DelayManager`'s quantile)…
const QUANTILE: f64 = 0.95;
/// …and then the next whole packet.
const BUCKET: f64 = 0.020;
/// The buffer never aims higher than this.
const LONGEST: f64 = 0.500;
/// The first packet waits this long.
const FIRST_WAIT: Duration = millis(40);
/// Time stretching moves the delay by at most this much a second.
const STRETCH: f64 = 0.2;
/// Packets looked at for their delays at a time.
const EVERY: u32 = 25;

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// Packets played.
    pub played: u64,
    /// Packets concealed.
    pub concealed: u64,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Ears {
    /// Arrived and not played, as offset from `next`.
    buffered: VecDeque<bool>,
    /// Number of the packet that is played next.
    next: u32,
    play_at: Option<Time>,
    /// Delay against each packet's own time, newest last, seconds.
    delays: VecDeque<f64>,
    target: f64,
    since: u32,
    /// Packets' worth that was concealed since the last packet was played, in case it was lost.
    expanded: u32,
    pub(super) heard: Heard,
}

impl Ears {
    /// A packet, by its number.
    pub(super) fn on_packet(&mut self, now: Time, number: u32) {
        let delay = now.as_secs() - f64::from(number) * AUDIO_PERIOD.as_secs_f64();
        self.delays.push_back(delay);
        if self.delays.len() > WINDOW {
            self.delays.pop_front();
        }
        self.since += 1;
        if self.since >= EVERY || self.delays.len() < EVERY as usize {
            self.since = 0;
            self.retarget();
        }
        if self.play_at.is_none() {
            self.next = number;
            self.play_at = Some(now + FIRST_WAIT);
        }
        self.buffer(number);
    }

    /// The copy of an earlier packet.
    pub(super) fn on_copy(&mut self, number: u32) {
        if self.play_at.is_some() {
            self.buffer(number);
        }
    }

    fn buffer(&mut self, number: u32) {
        if let Some(offset) = number.checked_sub(self.next).filter(|&offset| offset < 3_000) {
            let offset = offset as usize;
            if self.buffered.len() <= offset {
                self.buffered.resize(offset + 1, false);
            }
            self.buffered[offset] = true;
        }
    }

    fn retarget(&mut self) {
        let mut sorted: Vec<f64> = self.delays.iter().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = ((sorted.len() - 1) as f64 * QUANTILE) as usize;
        let buckets = ((sorted[at] - sorted[0]) / BUCKET).floor() + 1.0;
        self.target = (buckets * BUCKET).min(LONGEST) + sorted[0];
    }

    pub(super) fn due(&self) -> Time {
        self.play_at.unwrap_or(Time::NEVER)
    }

    /// Plays what is due.
    pub(super) fn play(&mut self, now: Time) {
        while let Some(at) = self.play_at.filter(|&at| at <= now) {
            // What was lost has been concealed while nothing was there: on to what came.
            while self.expanded > 0 && self.buffered.front() == Some(&false) {
                self.buffered.pop_front();
                self.next += 1;
                self.expanded -= 1;
            }
            let own = f64::from(self.next) * AUDIO_PERIOD.as_secs_f64();
            let delay = at.as_secs() - own;
            match self.buffered.pop_front() {
                Some(true) => {
                    self.heard.played += 1;
                    self.next += 1;
                    self.expanded = 0;
                }
                Some(false) => {
                    self.heard.concealed += 1;
                    self.next += 1;
                }
                // The packet may only be late: it is played when it comes, and the delay has grown.
                None => {
                    self.heard.concealed += 1;
                    self.expanded += 1;
                }
            }
            let most = STRETCH * AUDIO_PERIOD.as_secs_f64();
            let step = AUDIO_PERIOD.as_secs_f64() + (self.target - delay).clamp(-most, most);
            self.play_at = Some(at + Duration::from_secs_f64(step));
        }
    }
}
