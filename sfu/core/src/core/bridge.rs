//! Two legs joined into a call.

use super::Core;
use crate::{
    api::{CallId, CallStep, Epoch, Event, LegId},
    leg::Far,
    media::MediaEvent,
};

/// A call on this worker.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    pub(super) epoch: Epoch,
    pub(super) ends: Ends,
}

/// Keys of the legs of a call that are here.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ends {
    /// Both.
    Two([usize; 2]),
    /// One; the other is on another node.
    One(usize),
}

impl Core {
    pub(super) fn bridge(&mut self, call: CallId, epoch: Epoch, legs: [LegId; 2]) {
        let [Some(&a), Some(&b)] = legs.map(|leg| self.by_id.get(&leg)) else { return };
        if a == b || !self.replaces(call, epoch) {
            return;
        }
        // A leg carries one call at a time, and the latest bridge is what signaling wants.
        self.unbridge_leg(a);
        self.unbridge_leg(b);
        self.calls.insert(call, Call { epoch, ends: Ends::Two([a, b]) });
        for (key, peer) in [(a, b), (b, a)] {
            self.legs[key].bridge(self.now, call, epoch, Far::Here(peer));
            let leg = self.legs[key].id;
            self.events.push_back(Event::Call { call, epoch, leg, step: CallStep::Bridged });
        }
        for (publisher, viewer) in [(a, b), (b, a)] {
            if self.start_with_kept(publisher, viewer) {
                self.legs[viewer].media.joins_running();
            }
        }
        for key in [a, b] {
            self.touched(key);
        }
    }

    /// Whether a bridge is newer than what there is of its call, which ends in that case.
    pub(super) fn replaces(&mut self, call: CallId, epoch: Epoch) -> bool {
        let Some(former) = self.calls.get(&call).map(|known| known.epoch) else { return true };
        if former < epoch {
            self.unbridge(call, former);
        }
        former < epoch
    }

    /// A publisher that was sending before the bridge is seen at once, without a round trip for a
    /// key frame. Whether there was one.
    pub(super) fn start_with_kept(&mut self, publisher: usize, viewer: usize) -> bool {
        let kept = self.legs[publisher].media.take_kept(self.now);
        let mut started = false;
        for (incoming, packet) in kept.packets() {
            self.legs[viewer].media.forward(self.now, incoming, packet);
            started = true;
        }
        started
    }

    /// Ends a bridge, unless it is newer than `epoch`.
    pub(super) fn unbridge(&mut self, call: CallId, epoch: Epoch) {
        if self.calls.get(&call).is_none_or(|known| known.epoch > epoch) {
            return;
        }
        let Some(ended) = self.calls.remove(&call) else { return };
        let (two, one);
        let keys: &[usize] = match ended.ends {
            Ends::Two(keys) => {
                two = keys;
                &two
            }
            Ends::One(key) => {
                one = [key];
                &one
            }
        };
        for &key in keys {
            let Some(leg) = self.legs.get_mut(key) else { continue };
            if let Some(channel) = leg.channel.take() {
                self.channels.remove(&channel.id());
            }
            if let Some((call, quality)) = leg.unbridge(self.now) {
                self.events.push_back(Event::Quality { call, leg: leg.id, quality });
            }
            self.touched(key);
        }
    }

    /// Ends the bridge that a leg is part of.
    pub(super) fn unbridge_leg(&mut self, key: usize) {
        if let Some(bridged) = self.legs.get(key).and_then(|leg| leg.bridged) {
            self.unbridge(bridged.call, bridged.epoch);
        }
    }

    /// Carries what the viewer at `key` wants to the publisher it watches: once everything that has come for it
    /// has been sent, since a batch may hold many packets for it, and the key frame that the first of them lacks.
    pub(super) fn exchange_feedback(&mut self, key: usize) {
        let viewer = &mut self.legs[key];
        let Some(feedback) = viewer.media.take_feedback(self.now) else { return };
        match viewer.bridged.map(|bridged| bridged.far) {
            Some(Far::Here(publisher)) => {
                self.legs[publisher].media.apply_feedback(self.now, feedback);
                self.touched(publisher);
            }
            Some(Far::Remote(_)) => {
                if let Some(channel) = &mut viewer.channel {
                    channel.tell(self.now, feedback);
                }
                self.advance_channel(key);
            }
            None => {}
        }
    }

    /// Tells the shell what the leg at `key` has seen of its publisher and of its own way.
    pub(super) fn media_events(&mut self, key: usize) {
        while let Some(event) = self.legs[key].media.poll_event() {
            let Some(bridged) = self.legs[key].bridged else { continue };
            let step = match event {
                MediaEvent::FirstPacket(kind) => CallStep::FirstPacket(kind),
                MediaEvent::FirstKeyFrame => CallStep::FirstKeyFrame,
                MediaEvent::Video(state) => {
                    let (call, leg) = (bridged.call, self.legs[key].id);
                    self.events.push_back(Event::Video { call, leg, state });
                    continue;
                }
                MediaEvent::Room { up_to } => {
                    let (call, leg) = (bridged.call, self.legs[key].id);
                    self.events.push_back(Event::Room { call, leg, up_to });
                    continue;
                }
            };
            let leg = match bridged.far {
                Far::Here(publisher) => self.legs[publisher].id,
                Far::Remote(publisher) => publisher,
            };
            let (call, epoch) = (bridged.call, bridged.epoch);
            self.events.push_back(Event::Call { call, epoch, leg, step });
        }
    }
}
