//! Calls whose other leg is on another node.

use std::time::Instant;

use super::Core;
use crate::{
    api::{CallId, CallStep, ChannelId, Epoch, Event, Hop, LegId},
    leg::Far,
    media::{
        Feedback,
        relay::{Channel, Received, Relayed},
    },
};

use super::bridge::{Call, Ends};

impl Core {
    pub(super) fn bridge_remote(
        &mut self,
        call: CallId,
        epoch: Epoch,
        leg: LegId,
        remote: LegId,
        hop: Hop,
    ) {
        let Some(&key) = self.by_id.get(&leg) else { return };
        if !self.replaces(call, epoch) {
            return;
        }
        self.unbridge_leg(key);
        self.calls.insert(call, Call { epoch, ends: Ends::One(key) });
        let id = ChannelId::of(call, epoch);
        self.channels.insert(id, key);
        let leg = &mut self.legs[key];
        let mut channel = Channel::new(self.now, id, hop, self.hops_up.contains(&hop));
        let begins = channel.takes_media(self.now);
        channel.limit(self.hop_limits.get(&hop).copied());
        leg.channel = Some(Box::new(channel));
        leg.bridge(self.now, call, epoch, Far::Remote(remote));
        let leg = leg.id;
        self.events.push_back(Event::Call { call, epoch, leg, step: CallStep::Bridged });
        if begins {
            self.send_kept(key);
        }
        // The channel opens with what the viewer here wants.
        self.exchange_feedback(key);
        self.advance_channel(key);
        self.touched(key);
    }

    /// Holds the publishers of all calls over a hop to a bitrate.
    pub(super) fn limit_hop(&mut self, hop: Hop, bitrate: Option<u64>) {
        match bitrate {
            Some(bitrate) => self.hop_limits.insert(hop, bitrate),
            None => self.hop_limits.remove(&hop),
        };
        let keys: Vec<usize> = self.channels.values().copied().collect();
        for key in keys {
            let leg = &mut self.legs[key];
            let Some(channel) = leg.channel.as_mut().filter(|channel| channel.hop() == hop) else {
                continue;
            };
            if let Some(max_bitrate) = channel.limit(bitrate) {
                let feedback = Feedback { key_frame: false, max_bitrate: Some(max_bitrate) };
                leg.media.apply_feedback(self.now, feedback);
                self.touched(key);
            }
        }
    }

    /// Takes a datagram from another node for the call of `channel`. Whatever it contains ends as
    /// a counter at worst.
    pub fn handle_relayed(&mut self, now: Instant, channel: ChannelId, data: &[u8]) {
        self.now = now;
        self.relay.counters.datagrams_in += 1;
        self.relay.counters.bytes_in += data.len() as u64;
        let Some(&key) = self.channels.get(&channel) else {
            self.relay.counters.unknown_channel += 1;
            return;
        };
        let leg = &mut self.legs[key];
        let Some(channel) = &mut leg.channel else { return };
        match channel.receive(now, data, &mut self.relay) {
            Err(_) => self.relay.counters.malformed += 1,
            Ok(Received::Nothing) => {}
            Ok(Received::Packet { incoming, lost }) => {
                leg.media.forward(now, &incoming, data);
                if lost {
                    leg.media.need_key_frame(now);
                }
            }
            Ok(Received::Packets(kept)) => {
                for (incoming, packet) in kept.packets() {
                    leg.media.forward(now, incoming, packet);
                }
            }
            Ok(Received::Feedback(feedback)) => leg.media.apply_feedback(now, feedback),
            Ok(Received::Opened(feedback)) => self.opened(key, feedback),
        }
        self.advance_channel(key);
        self.touched(key);
    }

    /// The other node takes media. A publisher that was sending before is seen at once, without a
    /// round trip for a key frame.
    fn opened(&mut self, key: usize, feedback: Feedback) {
        let starts_with_kept = self.send_kept(key);
        let feedback = Feedback { key_frame: feedback.key_frame && !starts_with_kept, ..feedback };
        self.legs[key].media.apply_feedback(self.now, feedback);
    }

    /// Sends what the publisher sent before there was anybody to see it; whether there was something.
    pub(super) fn send_kept(&mut self, key: usize) -> bool {
        let leg = &mut self.legs[key];
        let Some(channel) = &mut leg.channel else { return false };
        let kept = leg.media.take_kept(self.now);
        let mut sent = false;
        for (incoming, packet) in kept.packets() {
            channel.send(self.now, incoming, packet, &mut self.relay);
            sent = true;
        }
        sent
    }

    /// Has a leg's channel say what is due.
    pub(super) fn advance_channel(&mut self, key: usize) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        let Some(channel) = &mut leg.channel else { return };
        if channel.next_timeout() <= self.now && channel.handle_timeout(self.now, &mut self.relay) {
            leg.media.need_key_frame(self.now);
        }
    }

    /// The next datagram for another node. To be drained like [`Core::poll_transmit`].
    pub fn poll_relayed(&mut self) -> Option<Relayed> {
        self.relay.pop()
    }
}
