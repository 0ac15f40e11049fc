//! Work on handshakes, spread over time.
//!
//! A step of a handshake takes as long as forwarding a hundred packets. Steps wait here and are
//! taken a few at a time, so that a storm of new legs does not keep running calls waiting.

use std::{collections::VecDeque, time::Instant};

use super::Core;
use crate::api::{LegId, Path};

/// Steps taken in one call of [`Core::handle_timeout`]. One takes up to 100 µs, so media waits for
/// them no longer than 0.2 ms at a time.
const STEPS_AT_ONCE: usize = 2;
/// Steps that may wait: 50 ms of work, after which a peer's DTLS would repeat its flight anyway.
const MAX_STEPS: usize = 512;
/// Of these, from one leg: a browser's longest flight has five datagrams.
const MAX_STEPS_OF_LEG: u8 = 8;

/// Something to do for a leg's DTLS association.
#[derive(Debug)]
struct Step {
    leg: LegId,
    what: What,
}

#[derive(Debug)]
enum What {
    /// Make the ClientHello. The path is the one that was validated first.
    Start(Path),
    /// Take a datagram.
    Datagram(Vec<u8>),
}

/// Steps in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    steps: VecDeque<Step>,
}

impl Handshakes {
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl Core {
    /// A check on this path was validated: the leg's handshake can begin, unless it has.
    pub(super) fn start_handshake(&mut self, key: usize, path: Path) {
        let leg = &self.legs[key];
        if leg.awaits_handshake() && leg.dtls_steps == 0 {
            self.postpone(key, What::Start(path));
        }
    }

    /// A DTLS datagram has come on a validated path.
    pub(super) fn postpone_dtls(&mut self, key: usize, data: &[u8]) {
        self.postpone(key, What::Datagram(data.to_vec()));
    }

    fn postpone(&mut self, key: usize, what: What) {
        let leg = &mut self.legs[key];
        if self.handshakes.steps.len() >= MAX_STEPS || leg.dtls_steps >= MAX_STEPS_OF_LEG {
            self.stats.dropped.handshake_queue_full += 1;
            return;
        }
        leg.dtls_steps += 1;
        self.handshakes.steps.push_back(Step { leg: leg.id, what });
    }

    /// Takes the next steps.
    pub(super) fn advance_handshakes(&mut self, now: Instant) {
        for _ in 0..STEPS_AT_ONCE {
            let Some(Step { leg, what }) = self.handshakes.steps.pop_front() else { return };
            // It may be gone.
            let Some(&key) = self.by_id.get(&leg) else { continue };
            let leg = &mut self.legs[key];
            leg.dtls_steps = leg.dtls_steps.saturating_sub(1);
            match what {
                What::Start(path) => {
                    if leg.awaits_handshake() {
                        let profiles = self.profiles.for_address(now, path.remote.ip());
                        leg.connect(&self.config.certificate, profiles, now);
                    }
                }
                What::Datagram(data) => {
                    if !leg.handle_dtls(now, &data) {
                        self.stats.dropped.dtls += 1;
                    }
                }
            }
            let event = leg.drive_dtls(now);
            self.leg_event(key, event);
            self.touched(key);
        }
    }
}
