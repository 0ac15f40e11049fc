//! What a viewer's jitter buffer is asked to wait for at least (`playout-delay`).

use std::time::Duration;

/// The extension counts in this unit.
const UNIT: Duration = Duration::from_millis(10);
/// The most that the buffer may wait is its own affair: libwebrtc's own most, in the unit. Zero for
/// both would turn the buffer off.
const NO_LIMIT: u16 = 1_000;
/// A wait that is shorter by less than this is not worth a change.
const WORTH_SHORTENING: u16 = 4;

/// What the viewer was told.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Patience {
    /// In units; `None` as long as there was no reason to tell anything.
    told: Option<u16>,
}

impl Patience {
    /// The extension's value for the next packet. The buffer keeps to it until it is told another,
    /// and any packet may be lost: once begun, all carry it.
    pub(super) fn tell(&mut self, wait: Duration) -> Option<[u8; 3]> {
        let wait = (wait.as_millis() / UNIT.as_millis()).min(u128::from(NO_LIMIT)) as u16;
        let told = match self.told {
            None if wait == 0 => return None,
            Some(told) if wait < told && wait != 0 && told - wait < WORTH_SHORTENING => told,
            _ => wait,
        };
        self.told = Some(told);
        let bits = u32::from(told) << 12 | u32::from(NO_LIMIT);
        let [_, value @ ..] = bits.to_be_bytes();
        Some(value)
    }
}
