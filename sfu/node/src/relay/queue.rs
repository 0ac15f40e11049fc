//! What waits for a link: audio first, and nothing that has waited too long.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;
use sfu_core::relay::{Class, Relayed};

/// A datagram that has waited this long for the link is dropped: the viewer's node asks for what
/// it still wants, and a queue would only grow.
const MAX_WAIT: Duration = Duration::from_millis(50);
/// Datagrams of one class that may wait: what a thousand calls send in [`MAX_WAIT`].
const MAX_WAITING: usize = 10_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Queue {
    urgent: VecDeque<Waiting>,
    video: VecDeque<Waiting>,
    /// Datagrams that have waited too long, or found no room.
    pub(super) dropped: u64,
}

#[derive(Debug)]
struct Waiting {
    since: Instant,
    data: Bytes,
}

impl Queue {
    pub(super) fn push(&mut self, since: Instant, relayed: Relayed) {
        let queue = match relayed.class {
            Class::Urgent => &mut self.urgent,
            Class::Video => &mut self.video,
        };
        if queue.len() >= MAX_WAITING {
            queue.pop_front();
            self.dropped += 1;
        }
        queue.push_back(Waiting { since, data: relayed.data });
    }

    /// The next datagram, and since when it waits.
    pub(super) fn pop(&mut self, now: Instant) -> Option<Bytes> {
        for queue in [&mut self.urgent, &mut self.video] {
            while let Some(Waiting { since, data }) = queue.pop_front() {
                if now.saturating_duration_since(since) <= MAX_WAIT {
                    return Some(data);
                }
                self.dropped += 1;
            }
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.video.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use sfu_core::api::Hop;

    use super::*;

    fn relayed(class: Class, byte: u8) -> Relayed {
        Relayed { hop: Hop(0), class, data: Bytes::copy_from_slice(&[byte]) }
    }

    #[test]
    fn audio_overtakes_video_and_old_datagrams_are_dropped() {
        let start = Instant::now();
        let mut queue = Queue::default();
        queue.push(start, relayed(Class::Video, 1));
        queue.push(start + MAX_WAIT, relayed(Class::Video, 2));
        queue.push(start + MAX_WAIT, relayed(Class::Urgent, 3));
        let now = start + MAX_WAIT + Duration::from_millis(1);
        let order: Vec<u8> = std::iter::from_fn(|| queue.pop(now)).map(|data| data[0]).collect();
        assert_eq!(order, [3, 2]);
        assert_eq!(queue.dropped, 1);
        assert!(queue.is_empty());
    }

    #[test]
    fn full_queue_drops_its_oldest() {
        let start = Instant::now();
        let mut queue = Queue::default();
        for _ in 0..MAX_WAITING {
            queue.push(start, relayed(Class::Video, 1));
        }
        queue.push(start, relayed(Class::Video, 2));
        assert_eq!(queue.dropped, 1);
        assert_eq!(std::iter::from_fn(|| queue.pop(start)).last().as_deref(), Some(&[2][..]));
    }
}
