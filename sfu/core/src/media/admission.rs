//! Which packets of a stream may wait to be sent, and what is dropped instead (decision 0014).

use super::{Counters, backlog::Queued, send::SendStream};
use crate::api::MediaKind;

/// What became of a packet that was to be forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forwarded {
    /// It waits to be sent.
    Queued {
        /// The first one since forwarding began.
        first: bool,
    },
    /// It cannot be used before a key frame, or was dropped with everything up to the next one.
    NeedsKeyFrame,
    /// Not forwarded; it was counted.
    Dropped,
}

/// How much may wait to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowance {
    /// So many bytes.
    Bytes(usize),
    /// Nothing is taken: the viewer gets no video for now.
    Paused,
    /// Nothing is taken: nobody knows whether anything arrives.
    Blind,
}

impl SendStream {
    /// Decides whether a packet may wait to be sent. `supersedes`: a key frame makes those that wait before it useless.
    pub(super) fn admit(
        &mut self,
        mut queued: Queued,
        starts_key_frame: bool,
        allowance: Allowance,
        supersedes: bool,
        counters: &mut Counters,
    ) -> Result<Queued, Forwarded> {
        let Queued { position, timestamp, .. } = queued;
        if self.kind == MediaKind::Audio {
            if self.backlog.len() >= self.cache.slots() {
                counters.overflowed += 1;
                return Err(Forwarded::Dropped);
            }
            return Ok(queued);
        }
        let room = match allowance {
            Allowance::Bytes(bytes) => bytes,
            Allowance::Paused => {
                counters.dropped_paused += 1 + self.drop_to_key_frame(false);
                return Err(Forwarded::Dropped);
            }
            Allowance::Blind => {
                counters.dropped_blind += 1 + self.drop_to_key_frame(false);
                return Err(Forwarded::Dropped);
            }
        };
        // A frame may announce itself in more than one packet.
        if starts_key_frame && self.key.is_none_or(|(at, of)| position > at && of != timestamp) {
            if let Some(from) = self.waits_from.take() {
                self.numbering.omit(from, position, 0);
            }
            if supersedes {
                counters.dropped_superseded += self.backlog.supersede(&mut self.numbering);
            }
            self.key = Some((position, timestamp));
            self.first_key.get_or_insert(position);
            self.backlog.key_frame_begins();
        }
        if self.waits_from.is_some_and(|from| position >= from) {
            counters.before_key_frame += 1;
            return Err(Forwarded::NeedsKeyFrame);
        }
        // A picture before the newest key frame is of no use, nor the rest of one that was shed.
        if self.key.is_some_and(|(key, _)| position < key)
            || self.numbering.number(position).is_none()
        {
            if self.backlog.highest_sent() < Some(position) {
                self.numbering.omit(position, position + 1, 0);
            }
            counters.dropped_late += 1;
            return Err(Forwarded::Dropped);
        }
        queued.key_frame = self.key.is_some_and(|(_, of)| of == timestamp);
        if self.backlog.sheds(&queued, room) {
            self.backlog.shed(&queued, &mut self.numbering);
            counters.dropped_layer += 1;
            return Err(Forwarded::Dropped);
        }
        if self.backlog.len() >= self.cache.slots() {
            counters.dropped_queue += 1 + self.drop_to_key_frame(true);
            return Err(Forwarded::NeedsKeyFrame);
        }
        if self.backlog.is_over(room) {
            counters.dropped_layer += self.backlog.relieve(room, &mut self.numbering);
            if self.backlog.sheds(&queued, room) {
                self.backlog.shed(&queued, &mut self.numbering);
                counters.dropped_layer += 1;
                return Err(Forwarded::Dropped);
            }
        }
        if self.backlog.is_over(room) && !queued.key_frame {
            counters.dropped_queue += 1 + self.drop_to_key_frame(true);
            return Err(Forwarded::NeedsKeyFrame);
        }
        Ok(queued)
    }

    /// Drops what waits and everything to come up to the next key frame. A key frame that waits
    /// is worth sending still, if `keep_key_frame`. Returns how many packets were waiting.
    pub(super) fn drop_to_key_frame(&mut self, keep_key_frame: bool) -> u64 {
        if self.waits_from.is_some() && self.backlog.is_empty() {
            return 0;
        }
        let dropped = self.backlog.clear(keep_key_frame);
        let last = self.backlog.last().max(self.backlog.highest_sent());
        let from = last
            .map_or(self.source.map_or(self.highest + 1, |s| s.first_position()), |last| last + 1);
        self.waits_from = Some(self.waits_from.map_or(from, |known| known.min(from)));
        dropped
    }
}
