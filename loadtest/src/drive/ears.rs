//! What one leg hears, from its tracks to its judge.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use signaling_wire::ids::CallId;

use super::{Clock, Events, LegNews, Told, clock::micros};
use crate::{
    flow::Input,
    media::{CallTag, Judge, Kind},
};

/// Judges what the tracks of a leg receive.
#[derive(Debug)]
pub(super) struct Ears {
    clock: Clock,
    events: Events,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// No call yet. The other side may have started a moment earlier, and its media may overtake
    /// our `call_started`: packets are kept and judged when the call is known.
    Early(Vec<(u64, Kind, Bytes)>),
    Judging(Box<Judge>),
}

/// Packets kept before the call is known: a few seconds of media. More than that is not early.
const MAX_EARLY: usize = 500;

impl Ears {
    pub(super) fn new(clock: Clock, events: Events) -> Self {
        Self { clock, events, state: Mutex::new(State::Early(Vec::new())) }
    }

    /// A packet arrived on the track of `kind`.
    pub(super) fn packet(&self, kind: Kind, payload: Bytes) {
        let now_us = micros(self.clock.now());
        let news = match &mut *self.lock() {
            State::Early(packets) => {
                if packets.len() < MAX_EARLY {
                    packets.push((now_us, kind, payload));
                }
                Vec::new()
            }
            State::Judging(judge) => judge.packet(now_us, kind, &payload),
        };
        for news in news {
            self.events.tell(Input::Media(news));
        }
    }

    /// From here on the media of `call` is right, and nothing else.
    pub(super) fn start(&self, call: CallId) {
        let mut judge = Judge::new(CallTag::from(call), self.events.side());
        let mut state = self.lock();
        if let State::Early(packets) = &*state {
            for (at_us, kind, payload) in packets {
                for news in judge.packet(*at_us, *kind, payload) {
                    self.events.tell(Input::Media(news));
                }
            }
        }
        *state = State::Judging(Box::new(judge));
    }

    /// No more media is expected.
    pub(super) fn stop(&self) {
        let now = self.clock.now();
        if let State::Judging(judge) = &mut *self.lock() {
            judge.picture_mut().stop(now);
        }
        self.tell_fresh();
    }

    /// Tells what arrived and was seen since the last time.
    pub(super) fn tell_fresh(&self) {
        let at = self.clock.now();
        let fresh = match &mut *self.lock() {
            State::Early(_) => return,
            State::Judging(judge) => judge.take_fresh(micros(at)),
        };
        let (streams, picture) = fresh;
        self.events.report(Told::Leg(LegNews::Fresh { at, streams, picture }));
    }

    /// The verdict so far, if there was a call.
    pub(super) fn with_judge<T>(&self, read: impl FnOnce(&Judge) -> T) -> Option<T> {
        match &*self.lock() {
            State::Early(_) => None,
            State::Judging(judge) => Some(read(judge)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is valid after any panic: it is only ever replaced as a whole or counted up.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
