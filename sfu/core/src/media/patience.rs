//! How long a viewer's jitter buffer is asked to wait (`playout-delay`).
//!
//! Chromium's buffer waits for the greatest round trip that it remembers once packets are repeated, and for
//! the spread of what was repaired on the publisher's way, which it takes for jitter. Both are more than a
//! repair takes, so where repairs are frequent it is told a limit as well.

use std::time::Duration;

/// The extension counts in this unit.
const UNIT: Duration = Duration::from_millis(10);
/// No limit: libwebrtc's own most, in the unit.
const NO_LIMIT: u16 = 1_000;
/// A wait that is shorter by less than this is not worth a change.
const WORTH_SHORTENING: u16 = 4;
/// With a limit the buffer also has to make even what the way itself does, and to decode.
const ROOM: Duration = Duration::from_millis(20);

/// How long repairs take; zero where nearly none is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Repairs {
    /// On the publisher's way: the viewer's browser cannot know.
    pub(super) before: Duration,
    /// On the viewer's own.
    pub(super) own: Duration,
}

/// What the viewer was told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Patience {
    /// The least and the most, in units; `None` as long as there was no reason to tell anything.
    told: Option<(u16, u16)>,
}

impl Patience {
    /// The extension's value for the next packet. The buffer keeps to it until it is told another,
    /// and any packet may be lost: once begun, all carry it.
    pub(super) fn tell(&mut self, repairs: Repairs) -> Option<[u8; 3]> {
        let (least, most) = if repairs == Repairs::default() {
            (0, NO_LIMIT)
        } else {
            // With a least of zero a limit this low would turn the buffer off.
            (units(repairs.before).max(1), units(repairs.before + repairs.own + ROOM))
        };
        let told = match self.told {
            None if most == NO_LIMIT => return None,
            Some(told) => (steady(told.0, least), steady(told.1, most)),
            None => (least, most),
        };
        self.told = Some(told);
        let bits = u32::from(told.0) << 12 | u32::from(told.1);
        let [_, value @ ..] = bits.to_be_bytes();
        Some(value)
    }
}

fn units(wait: Duration) -> u16 {
    (wait.as_millis() / UNIT.as_millis()).min(u128::from(NO_LIMIT)) as u16
}

fn steady(told: u16, wanted: u16) -> u16 {
    if wanted < told && wanted != 0 && told - wanted < WORTH_SHORTENING { told } else { wanted }
}
