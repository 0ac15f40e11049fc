//! Times in which nothing at all came through.
//!
//! A queue that overflows still drains, and a policer lets through what its rate allows: some packets
//! arrive however full a way is. Where none of many does, the way itself was gone (a phone changes
//! its cell), and what it carries afterwards is not told by what was lost meanwhile.

use std::time::{Duration, Instant};

/// So much sending without a single arrival is a silence…
const SILENCE: Duration = Duration::from_millis(150);
/// …if it was so many packets: of two losses in ten this many in a row are one in ten million.
const PACKETS: u32 = 10;
/// A way that falls silent again sooner than this carries little: a rate of 50 kbit/s has only one packet
/// arrive in a fifth of a second.
const APART: Duration = Duration::from_secs(2);

/// Packets lost one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) packets: u32,
    pub(super) bytes: u64,
    since: Instant,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Silence {
    run: Option<Run>,
    /// When the packet was sent that ended the latest one.
    ended: Option<Instant>,
}

impl Silence {
    /// A packet was lost.
    pub(super) fn lost(&mut self, sent_at: Instant, size: u16) {
        let run = self.run.get_or_insert(Run { packets: 0, bytes: 0, since: sent_at });
        run.packets += 1;
        run.bytes += u64::from(size);
    }

    /// A packet arrived: the losses before it, if they say something about how full the way is.
    pub(super) fn came(&mut self, sent_at: Instant) -> Option<Run> {
        let run = self.run.take()?;
        let is_silence =
            run.packets >= PACKETS && sent_at.saturating_duration_since(run.since) >= SILENCE;
        if !is_silence {
            return Some(run);
        }
        let again =
            self.ended.is_some_and(|ended| run.since.saturating_duration_since(ended) < APART);
        self.ended = Some(sent_at);
        again.then_some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loses `packets` of 1,200 bytes, `gap` apart, and lets the next one through. Returns what counts.
    fn lose(silence: &mut Silence, at: &mut Instant, packets: u32, gap: Duration) -> u32 {
        for _ in 0..packets {
            silence.lost(*at, 1_200);
            *at += gap;
        }
        silence.came(*at).map_or(0, |run| run.packets)
    }

    #[test]
    fn losses_count_unless_nothing_came_for_long() {
        let (mut silence, mut at) = (Silence::default(), Instant::now());
        let ms = Duration::from_millis;
        assert_eq!(lose(&mut silence, &mut at, 30, ms(4)), 30, "120 ms");
        assert_eq!(lose(&mut silence, &mut at, 9, ms(50)), 9, "few packets");
        assert_eq!(lose(&mut silence, &mut at, 40, ms(5)), 0, "200 ms");
        assert!(silence.came(at).is_none());
    }

    #[test]
    fn a_way_that_falls_silent_again_and_again_is_full() {
        let (mut silence, mut at) = (Silence::default(), Instant::now());
        let gap = Duration::from_millis(10);
        assert_eq!(lose(&mut silence, &mut at, 20, gap), 0);
        assert_eq!(lose(&mut silence, &mut at, 20, gap), 20);
        assert_eq!(lose(&mut silence, &mut at, 20, gap), 20);
        at += APART;
        assert_eq!(lose(&mut silence, &mut at, 20, gap), 0);
    }
}
