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

/// First words of channels that are not bridged here yet: the other node was told earlier. Kept so
/// many, for so long, so that media begins without another round trip.
const MAX_EARLY: usize = 256;
const EARLY_FOR: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Routes {
    workers: HashMap<ChannelId, Port>,
    early: VecDeque<Early>,
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
        if !relay::is_control(data) {
            return Route::Unknown;
        }
        self.early.retain(|early| early.channel != channel);
        if self.early.len() >= MAX_EARLY {
            self.early.pop_front();
        }
        self.early.push_back(Early { channel, at: now, data: data.clone() });
        Route::Kept
    }

    /// How many channels are bridged here.
    pub(super) fn len(&self) -> usize {
        self.workers.len()
    }

    /// A channel is bridged on this worker from now on. What it has heard already is returned.
    pub(super) fn add(&mut self, now: Instant, channel: ChannelId, port: Port) -> Option<Bytes> {
        self.workers.insert(channel, port);
        self.early.retain(|early| now.saturating_duration_since(early.at) <= EARLY_FOR);
        let place = self.early.iter().position(|early| early.channel == channel)?;
        self.early.remove(place).map(|early| early.data)
    }

    pub(super) fn remove(&mut self, channel: ChannelId) {
        self.workers.remove(&channel);
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
    fn first_words_of_a_channel_wait_for_its_bridge() {
        let now = Instant::now();
        let mut routes = Routes::default();
        assert_eq!(routes.find(now, &datagram(1, 7)), Route::Unknown, "media is not kept");
        assert_eq!(routes.find(now, &datagram(CONTROL, 7)), Route::Kept);
        assert_eq!(routes.find(now, &datagram(CONTROL, 7)), Route::Kept);
        assert_eq!(routes.add(now, ChannelId(7), Port(1)), Some(datagram(CONTROL, 7)));
        assert_eq!(routes.find(now, &datagram(1, 7)), Route::Worker(Port(1), ChannelId(7)));
        routes.remove(ChannelId(7));
        assert_eq!(routes.find(now, &datagram(1, 7)), Route::Unknown);
        assert_eq!(routes.find(now, &Bytes::from_static(&[99])), Route::Malformed);
    }

    #[test]
    fn first_words_are_bounded_in_number_and_time() {
        let now = Instant::now();
        let mut routes = Routes::default();
        for channel in 0..=MAX_EARLY as u64 {
            routes.find(now, &datagram(CONTROL, channel));
        }
        assert_eq!(routes.add(now, ChannelId(0), Port(0)), None, "pushed out");
        assert!(routes.add(now, ChannelId(1), Port(0)).is_some());
        assert_eq!(routes.add(now + EARLY_FOR * 2, ChannelId(2), Port(0)), None, "too old");
    }
}
