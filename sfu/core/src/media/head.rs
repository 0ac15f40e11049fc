//! The very first packets of a publisher's stream of video, and that they were lost.
//!
//! A gap shows between two packets. What is lost before the first one that comes shows only in that this one does not
//! begin a frame; without its beginning the key frame cannot be shown, and a new one takes a round trip, and
//! often 300 ms more (`asks.rs`). So the node asks for the numbers before it, and what comes meanwhile is kept
//! (`kept.rs`) and goes on behind what was missing.

use std::time::{Duration, Instant};

use super::{
    Incoming, Kept, MediaLeg, control::REPAIR_SLACK, leg::ControlDue, receive::ReceiveStream,
};
use crate::api::MediaKind;

/// So many packets before the first one are asked for. How many there were nobody knows; browsers pass over numbers that
/// they have never sent.
pub(super) const ASKED: u64 = 34;
/// An answer that is not there so long after a round trip may not come: a key frame is asked for as well.
const UNANSWERED_AFTER: Duration = Duration::from_millis(40);

/// What has come of a stream's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Head {
    /// No packet yet.
    #[default]
    Unseen,
    /// The first packet, or it is not waited for any more.
    There,
    /// A later one, at this moment.
    Missing(Instant),
}

/// What to do with a packet that has just come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onward {
    /// Send it on, or keep it where nobody watches.
    Go,
    /// Keep it: the stream's beginning is missing, and has been asked for.
    Wait,
    /// Keep it, and send on what is kept now: it is the beginning that was missing.
    GoWithKept,
}

impl ReceiveStream {
    /// Looks at a packet of video. `true` if it is the first one to come, and not the stream's first.
    pub(super) fn look_for_head(
        &mut self,
        now: Instant,
        sequence: u64,
        starts_key_frame: bool,
    ) -> bool {
        if starts_key_frame {
            self.head = Head::There;
            return false;
        }
        let missed = self.head == Head::Unseen;
        if missed {
            self.head = Head::Missing(now);
            // So few are never too many to be asked for.
            let _ = self.missing.skipped(now, sequence.saturating_sub(ASKED), sequence);
        }
        missed
    }
}

impl MediaLeg {
    /// What to do with a packet that [`Self::receive_rtp`] has given.
    pub fn onward(&mut self, now: Instant, incoming: &Incoming) -> Onward {
        if incoming.kind() == MediaKind::Audio {
            return Onward::Go;
        }
        let rtt = self.rtt();
        let Some(stream) = &mut self.inbound.streams[MediaKind::Video as usize] else {
            return Onward::Go;
        };
        match stream.head {
            Head::Missing(since) if now < since + 2 * rtt + REPAIR_SLACK => {
                if now >= since + rtt + UNANSWERED_AFTER {
                    self.inbound.key_frame_asks.want(now);
                    self.control_due = ControlDue::Unknown;
                }
                Onward::Wait
            }
            Head::Missing(_) => {
                stream.head = Head::There;
                self.inbound.kept = Kept::default();
                Onward::Go
            }
            _ if self.inbound.kept.waits_for_head() => Onward::GoWithKept,
            _ => Onward::Go,
        }
    }

    /// Whether the beginning of what the peer sends was lost and may come yet.
    pub(super) fn lacks_head(&self) -> bool {
        let stream = self.inbound.streams[MediaKind::Video as usize].as_ref();
        stream.is_some_and(|stream| matches!(stream.head, Head::Missing(_)))
    }
}
