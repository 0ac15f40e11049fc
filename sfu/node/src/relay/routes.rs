//! Which worker a channel of this link is on.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;
use sfu_core::{
    api::{ChannelId, Port},
    relay,
};

/// What comes on channels that are not bridged here yet: the other node was told earlier. Kept so
/// many first words and packets of media (16 key frames), for so long, so that media begins without another round trip.
const MAX_EARLY: usize = 256;
const MAX_EARLY_MEDIA: usize = 512;
/// Channels that have ended of late: what is still under way on them waits for nothing.
const MAX_ENDED: usize = 64;
const EARLY_FOR: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Routes {
    workers: HashMap<ChannelId, Port>,
    early: VecDeque<Early>,
    early_media: VecDeque<Early>,
    ended: VecDeque<ChannelId>,
}

#[derive(Debug)]
struct Early {
    channel: ChannelId,
    at: Instant,
    data: Bytes,
}

/// Where a datagram goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// To this worker.
    Worker(Port, ChannelId),
    /// Nowhere yet; kept.
    Kept,
    /// Nowhere: the channel is not bridged here.
    Unknown,
    /// Nowhere: it is none.
    Malformed,
}

impl Routes {
    pub(super) fn find(&mut self, now: Instant, data: &Bytes) -> Route {
        let Some(channel) = relay::channel_of(data) else { return Route::Malformed };
        if let Some(&port) = self.workers.get(&channel) {
            return Route::Worker(port, channel);
        }
        if self.ended.contains(&channel) {
            return Route::Unknown;
        }
        let (early, most) = if relay::is_control(data) {
            // The latest says all.
            self.early.retain(|early| early.channel != channel);
            (&mut self.early, MAX_EARLY)
        } else {
            (&mut self.early_media, MAX_EARLY_MEDIA)
        };
        if early.len() >= most {
            early.pop_front();
        }
        early.push_back(Early { channel, at: now, data: data.clone() });
        Route::Kept
    }

    /// How many channels are bridged here.
    pub(super) fn len(&self) -> usize {
        self.workers.len()
    }

    /// A channel is bridged on this worker from now on. What it has heard already is returned, its words first.
    pub(super) fn add(&mut self, now: Instant, channel: ChannelId, port: Port) -> Vec<Bytes> {
        self.workers.insert(channel, port);
        let mut heard = Vec::new();
        for early in [&mut self.early, &mut self.early_media] {
            early.retain(|early| now.saturating_duration_since(early.at) <= EARLY_FOR);
            heard.extend(
                early
                    .iter()
                    .filter(|early| early.channel == channel)
                    .map(|early| early.data.clone()),
            );
            early.retain(|early| early.channel != channel);
        }
        heard
    }

    pub(super) fn remove(&mut self, channel: ChannelId) {
        self.workers.remove(&channel);
        if self.ended.len() >= MAX_ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(channel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(kind: u8, channel: u64) -> Bytes {
        [&[kind][..], &channel.to_be_bytes()].concat().into()
    }

    const CONTROL: u8 = 3;

    #[test]
    fn what_comes_before_the_bridge_of_a_channel_waits_for_it() {
        let now = Instant::now();
        let mut routes = Routes::default();
        assert_eq!(routes.find(now, &datagram(1, 7)), Route::Kept);
        assert_eq!(routes.find(now, &datagram(1, 8)), Route::Kept);
        assert_eq!(routes.find(now, &datagram(CONTROL, 7)), Route::Kept);
        assert_eq!(routes.find(now, &datagram(CONTROL, 7)), Route::Kept);
        let early = [datagram(CONTROL, 7), datagram(1, 7)];
        assert_eq!(routes.add(now, ChannelId(7), Port(1)), early);
        assert_eq!(routes.find(now, &datagram(1, 7)), Route::Worker(Port(1), ChannelId(7)));
        routes.remove(ChannelId(7));
        assert_eq!(routes.find(now, &datagram(1, 7)), Route::Unknown, "it has ended");
        assert_eq!(routes.find(now, &Bytes::from_static(&[99])), Route::Malformed);
    }

    #[test]
    fn what_waits_is_bounded_in_number_and_time() {
        let now = Instant::now();
        let mut routes = Routes::default();
        for channel in 0..=MAX_EARLY as u64 {
            routes.find(now, &datagram(CONTROL, channel));
        }
        for _ in 0..=MAX_EARLY_MEDIA {
            routes.find(now, &datagram(1, 1));
        }
        assert!(routes.add(now, ChannelId(0), Port(0)).is_empty(), "pushed out");
        assert_eq!(routes.add(now, ChannelId(1), Port(0)).len(), 1 + MAX_EARLY_MEDIA);
        assert!(routes.add(now + EARLY_FOR * 2, ChannelId(2), Port(0)).is_empty(), "too old");
    }
}
