//! Wall-clock time in RTCP, and how a publisher's clock maps to it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds from 1900, where NTP time begins, to 1970.
const NTP_UNIX_OFFSET: u64 = 2_208_988_800;
/// A publisher's clock that seems to have moved by more than this, in NTP units, was set anew.
const CLOCK_STEP: i64 = 2 << 32;
/// A shorter way than ever is believed at once; a longer one moves the mapping by this share,
/// which follows a drifting clock and ignores jitter.
const DRIFT_SHARE: i64 = 64;

/// Turns the node's monotonic time into NTP time, 32.32 fixed point.
#[derive(Debug, Clone, Copy)]
pub(super) struct NtpClock {
    instant: Instant,
    ntp: u64,
}

impl NtpClock {
    /// `now` and `wall` are the same moment.
    pub(super) fn new(now: Instant, wall: SystemTime) -> Self {
        let since_epoch = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since_epoch.as_secs().wrapping_add(NTP_UNIX_OFFSET) << 32;
        Self { instant: now, ntp: seconds | fraction(since_epoch) }
    }

    pub(super) fn ntp(&self, at: Instant) -> u64 {
        let elapsed = at.saturating_duration_since(self.instant);
        self.ntp.wrapping_add((elapsed.as_secs() << 32) | fraction(elapsed))
    }

    /// The moment of an NTP time, if it is not before the clock was made.
    fn instant(&self, ntp: u64) -> Option<Instant> {
        let elapsed = ntp.wrapping_sub(self.ntp);
        if elapsed > i64::MAX as u64 {
            return None;
        }
        let nanos = ((elapsed & 0xffff_ffff) * 1_000_000_000) >> 32;
        self.instant.checked_add(Duration::new(elapsed >> 32, nanos as u32))
    }
}

fn fraction(duration: Duration) -> u64 {
    (u64::from(duration.subsec_nanos()) << 32) / 1_000_000_000
}

/// The middle 32 bits of an NTP time, as report blocks have it.
pub(super) fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// So long in units of 1/65,536 s, as report blocks have it.
pub(super) fn units(duration: Duration) -> u32 {
    (duration.as_micros() * 65_536 / 1_000_000) as u32
}

/// So many units of a report block.
pub(super) fn from_units(units: u32) -> Duration {
    Duration::from_micros(u64::from(units) * 1_000_000 / 65_536)
}

/// A moment in the node's time and in a stream's timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RtpClock {
    at: Instant,
    timestamp: u32,
}

impl RtpClock {
    pub(super) fn new(at: Instant, timestamp: u32) -> Self {
        Self { at, timestamp }
    }

    /// How long before `now` its moment was, and the timestamp then.
    pub(super) fn told(&self, now: Instant) -> (Duration, u32) {
        (now.saturating_duration_since(self.at), self.timestamp)
    }

    /// The stream's timestamp at `now`.
    pub(super) fn timestamp(&self, now: Instant, clock_rate: u32) -> u32 {
        self.timestamp.wrapping_add(ticks(now.saturating_duration_since(self.at), clock_rate))
    }
}

/// A duration in timestamp units. Wraps as timestamps do.
pub(super) fn ticks(duration: Duration, clock_rate: u32) -> u32 {
    (duration.as_nanos() * u128::from(clock_rate) / 1_000_000_000) as u32
}

/// Places a publisher's wall clock in the node's. One for all streams of a leg: what counts for
/// lip-sync is that audio and video are shifted by the same amount.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct PeerClock {
    /// The node's NTP time less the peer's, transit included.
    offset: Option<i64>,
}

impl PeerClock {
    /// Takes a sender report: at NTP time `ntp` of the peer the stream's timestamp was `timestamp`.
    pub(super) fn on_sender_report(
        &mut self,
        node: &NtpClock,
        now: Instant,
        ntp: u64,
        timestamp: u32,
    ) -> Option<RtpClock> {
        let measured = node.ntp(now).wrapping_sub(ntp) as i64;
        let offset = match self.offset {
            Some(known) => {
                let change = measured.wrapping_sub(known);
                if change <= 0 || change > CLOCK_STEP {
                    measured
                } else {
                    known + change / DRIFT_SHARE
                }
            }
            None => measured,
        };
        self.offset = Some(offset);
        let at = node.instant(ntp.wrapping_add(offset as u64))?;
        Some(RtpClock::new(at, timestamp))
    }
}
