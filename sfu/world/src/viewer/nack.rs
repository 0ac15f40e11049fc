//! Which packets of the video are missing (`NackRequester`).

use std::{collections::BTreeMap, time::Duration};

use sfu_core::rtp::{SequenceUnwrapper, Unwrapped};

use crate::time::{Time, millis};

/// Missing packets are gone through this often.
const PERIOD: Duration = millis(20);
const MOST_TRIES: u8 = 10;
/// More missing packets than this, and a key frame is asked for.
const MOST_MISSING: usize = 1_000;

#[derive(Debug, Clone, Copy)]
struct Missing {
    tries: u8,
    asked: Option<Time>,
}

/// Whether a packet is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It had not been asked for.
    New,
    /// It had.
    AskedFor,
    /// It came before, or belongs to no stream.
    Known,
}

/// The missing packets.
#[derive(Debug, Clone, Default)]
pub struct Nacks {
    unwrapper: SequenceUnwrapper,
    missing: BTreeMap<u64, Missing>,
    due: Time,
    /// Too much is missing: only a key frame helps.
    pub overflowed: bool,
    asked: u64,
}

impl Nacks {
    /// A packet of the video, on its first way or repeated.
    pub fn on_packet(&mut self, sequence: u16, key: bool) -> News {
        let before = self.unwrapper.highest();
        let sequence = match self.unwrapper.unwrap(sequence) {
            Unwrapped::Known(sequence) | Unwrapped::Restarted(sequence) => sequence,
            Unwrapped::Stray => return News::Known,
        };
        let news = match before {
            None => News::New,
            Some(highest) if sequence > highest => {
                let fresh = Missing { tries: 0, asked: None };
                self.missing.extend((highest + 1..sequence).map(|missing| (missing, fresh)));
                if self.missing.len() > MOST_MISSING {
                    self.missing.clear();
                    self.overflowed = true;
                }
                if sequence > highest + 1 {
                    // New gaps are asked for at once.
                    self.due = Time::ZERO;
                }
                News::New
            }
            Some(_) => match self.missing.remove(&sequence) {
                Some(Missing { tries: 0, .. }) => News::New,
                Some(_) => News::AskedFor,
                None => News::Known,
            },
        };
        if key {
            self.missing = self.missing.split_off(&sequence);
        }
        news
    }

    /// When [`Self::collect`] has something to do.
    pub fn due(&self) -> Time {
        let any = self.missing.values().any(|missing| missing.tries < MOST_TRIES);
        if any { self.due } else { Time::NEVER }
    }

    /// The packets to ask for now.
    pub fn collect(&mut self, now: Time, rtt: Duration) -> Vec<u16> {
        self.due = now + PERIOD;
        let mut asked = Vec::new();
        self.missing.retain(|&sequence, missing| {
            if missing.asked.is_some_and(|at| now.since(at) < rtt) {
                return true;
            }
            // Not asked for any more; should it come after all, it is still of use.
            if missing.tries >= MOST_TRIES {
                return true;
            }
            missing.tries += 1;
            missing.asked = Some(now);
            asked.push(sequence as u16);
            true
        });
        self.asked += asked.len() as u64;
        asked
    }
}
