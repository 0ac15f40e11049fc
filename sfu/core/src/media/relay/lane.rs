//! What was sent over the hop and may be asked for again.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::api::MediaKind;

/// Packets kept at most: more than a second of each kind at what a page sends.
const VIDEO: usize = 384;
const AUDIO: usize = 96;
/// Kept for this long: later the other node has given up asking.
const KEPT_FOR: Duration = Duration::from_millis(1_500);
/// Repeats may take this share of what is sent for the first time…
const REPEAT_SHARE: usize = 4;
/// …and this much at once, in bytes.
const REPEAT_BURST: usize = 64_000;

/// The number of the first packet.
pub(super) const FIRST: u16 = 0;

/// One kind of media on its way to the other node.
#[derive(Debug)]
pub(super) struct Lane {
    most: usize,
    next: u16,
    kept: VecDeque<Kept>,
    /// Bytes that may be repeated.
    budget: usize,
}

#[derive(Debug)]
struct Kept {
    data: Bytes,
    at: Instant,
    repeated: Option<Instant>,
}

impl Lane {
    pub(super) fn new(kind: MediaKind) -> Self {
        let most = match kind {
            MediaKind::Audio => AUDIO,
            MediaKind::Video => VIDEO,
        };
        Self { most, next: FIRST, kept: VecDeque::new(), budget: REPEAT_BURST }
    }

    /// The number of the next packet.
    pub(super) fn number(&self) -> u16 {
        self.next
    }

    /// The next packet has been sent.
    pub(super) fn sent(&mut self, now: Instant, data: Bytes) {
        self.budget = (self.budget + data.len() / REPEAT_SHARE).min(REPEAT_BURST);
        let is_old = |kept: &Kept| now.saturating_duration_since(kept.at) > KEPT_FOR;
        if self.kept.len() >= self.most || self.kept.front().is_some_and(is_old) {
            self.kept.pop_front();
        }
        self.kept.push_back(Kept { data, at: now, repeated: None });
        self.next = self.next.wrapping_add(1);
    }

    /// A packet to send again. `None` if it is gone, was repeated within `rtt`, or too much was
    /// asked for.
    pub(super) fn repeat(&mut self, now: Instant, number: u16, rtt: Duration) -> Option<Bytes> {
        let behind = usize::from(self.next.wrapping_sub(number));
        let place = self.kept.len().checked_sub(behind)?;
        let kept = self.kept.get_mut(place)?;
        let is_on_its_way = kept.repeated.is_some_and(|at| now.saturating_duration_since(at) < rtt);
        if is_on_its_way || kept.data.len() > self.budget {
            return None;
        }
        self.budget -= kept.data.len();
        kept.repeated = Some(now);
        Some(kept.data.clone())
    }
}
