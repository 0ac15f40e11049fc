//! How much may be under way to another node.
//!
//! The media on a link is governed already: each call's viewer tells its publisher what its way can
//! carry. What is left to decide here is what a link does when it, and not a page's way, is too
//! narrow. Loss alone says little (a radio link loses 1 % at any rate), so the window follows what
//! has been delivered, and shrinks when a queue stands or a tenth is lost.

use std::{
    any::Any,
    sync::Arc,
    time::{Duration, Instant},
};

use quinn::{
    Connection,
    congestion::{Controller, ControllerFactory},
};
use quinn_proto::RttEstimator;

/// Before anything is known: 40 Mbit/s at 200 ms.
const INITIAL: u64 = 1 << 20;
/// Never less: the audio of a dozen calls at 200 ms. A floor above what a way carries would keep its queue full for
/// ever, and nothing would wait here that could tell that the way is narrow.
const FLOOR: u64 = 16 << 10;
/// Nor less than this where nothing was lost: what looks like a queue may be a processor that is late.
const LOSSLESS_FLOOR: u64 = 128 << 10;
/// Never more: 2.5 Gbit/s at 200 ms.
const CEILING: u64 = 64 << 20;
/// Loss up to this share is not congestion.
const LOSS: f64 = 0.10;
/// A queue of this length is: it is all that a call may wait for a link.
const QUEUE: Duration = Duration::from_millis(50);
/// A round is at least this long: shorter ones hold too few packets to judge.
const ROUND: Duration = Duration::from_millis(25);
/// The shortest round trip is forgotten after this time, so that another way is noticed.
const FORGET: Duration = Duration::from_secs(10);
/// Growth a round while the window is in use, and what a congested link is left of what it carried.
const GROWTH: f64 = 1.25;
const BACKOFF: f64 = 0.9;

/// Makes [`Media`] controllers.
#[derive(Debug)]
pub(super) struct MediaConfig;

impl ControllerFactory for MediaConfig {
    fn build(self: Arc<Self>, now: Instant, _mtu: u16) -> Box<dyn Controller> {
        Box::new(Media::new(now))
    }
}

/// What a connection's controller knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// When the window was in use last: what waits at other times waits for a processor.
    pub(super) in_use: Option<Instant>,
    /// What the window lets out, in bytes a second.
    pub(super) rate: f64,
}

/// Asks a connection's controller.
pub(super) fn seen(connection: &Connection) -> Option<Seen> {
    let media = connection.congestion_state().into_any().downcast::<Media>().ok()?;
    let rate = media.window as f64 / connection.rtt().max(ROUND).as_secs_f64();
    Some(Seen { in_use: media.in_use, rate })
}

/// See the module.
#[derive(Debug, Clone)]
struct Media {
    window: u64,
    in_use: Option<Instant>,
    /// The shortest round trips of this and of the former span of [`FORGET`].
    shortest: [Option<Duration>; 2],
    span_began: Instant,
    round: Round,
}

/// What happened in one round trip.
#[derive(Debug, Clone, Copy)]
struct Round {
    began: Instant,
    acked: u64,
    lost: u64,
    shortest: Option<Duration>,
    /// The window was in use.
    full: bool,
}

impl Round {
    fn new(began: Instant) -> Self {
        Self { began, acked: 0, lost: 0, shortest: None, full: false }
    }
}

impl Media {
    fn new(now: Instant) -> Self {
        Self {
            window: INITIAL,
            in_use: None,
            shortest: [None; 2],
            span_began: now,
            round: Round::new(now),
        }
    }

    fn shortest(&self) -> Option<Duration> {
        self.shortest.into_iter().flatten().min()
    }

    fn acked(&mut self, now: Instant, sent: Instant, bytes: u64) {
        self.round.acked += bytes;
        let round_trip = now.saturating_duration_since(sent);
        if now.saturating_duration_since(self.span_began) >= FORGET {
            self.shortest = [None, self.shortest[0]];
            self.span_began = now;
        }
        for shortest in [&mut self.shortest[0], &mut self.round.shortest] {
            *shortest = Some(shortest.map_or(round_trip, |known| known.min(round_trip)));
        }
    }

    fn end_round(&mut self, now: Instant) {
        let (Some(shortest), Some(of_round)) = (self.shortest(), self.round.shortest) else {
            return;
        };
        let lasted = now.saturating_duration_since(self.round.began);
        if lasted < shortest.max(ROUND) {
            return;
        }
        let Round { acked, lost, full, .. } = std::mem::replace(&mut self.round, Round::new(now));
        let loss = lost as f64 / (acked + lost).max(1) as f64;
        if loss > LOSS || of_round.saturating_sub(shortest) > QUEUE {
            let delivered = acked as f64 / lasted.as_secs_f64();
            let floor = if lost > 0 { FLOOR } else { LOSSLESS_FLOOR };
            let carried = (BACKOFF * delivered * shortest.max(ROUND).as_secs_f64()) as u64;
            self.window = carried.max(floor.min(self.window));
        } else if full {
            self.window = (self.window as f64 * GROWTH) as u64;
        }
        self.window = self.window.clamp(FLOOR, CEILING);
    }
}

impl Controller for Media {
    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        _app_limited: bool,
        _rtt: &RttEstimator,
    ) {
        self.acked(now, sent, bytes);
    }

    fn on_end_acks(
        &mut self,
        now: Instant,
        in_flight: u64,
        _app_limited: bool,
        _largest_packet_num_acked: Option<u64>,
    ) {
        if in_flight > self.window / 2 {
            self.round.full = true;
            self.in_use = Some(now);
        }
        self.end_round(now);
    }

    fn on_congestion_event(
        &mut self,
        _now: Instant,
        _sent: Instant,
        is_persistent_congestion: bool,
        lost_bytes: u64,
    ) {
        self.round.lost += lost_bytes;
        if is_persistent_congestion {
            self.window = FLOOR;
        }
    }

    fn on_mtu_update(&mut self, _new_mtu: u16) {}

    fn window(&self) -> u64 {
        self.window
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        INITIAL
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link of `rate` bytes a second and 100 ms, always in use, that loses a share of `loss`;
    /// the window after `seconds`.
    fn window_after(seconds: u64, rate: u64, loss: f64) -> u64 {
        let start = Instant::now();
        let mut media = Media::new(start);
        let way = Duration::from_millis(100);
        // The greeting has seen the way empty.
        media.acked(start + way, start, 1);
        for step in 0..seconds * 100 {
            let now = start + Duration::from_millis(10 * step) + way;
            let queue = (media.window as f64 / rate as f64 - way.as_secs_f64()).max(0.0);
            let sent = now - way - Duration::from_secs_f64(queue);
            let carried = (media.window as f64 / (way.as_secs_f64() + queue) / 100.0) as u64;
            let lost = (carried as f64 * loss) as u64;
            media.on_congestion_event(now, sent, false, lost);
            media.acked(now, sent, carried - lost);
            media.on_end_acks(now, media.window, false, None);
        }
        media.window
    }

    #[test]
    fn one_percent_of_loss_costs_nothing() {
        let rate = 50_000_000;
        assert!(window_after(10, rate, 0.01) >= window_after(10, rate, 0.0) * 9 / 10);
        assert!(window_after(10, rate, 0.01) > rate / 10, "the link is filled");
    }

    #[test]
    fn a_standing_queue_is_given_up() {
        let rate = 2_000_000;
        let window = window_after(10, rate, 0.0);
        // 100 ms and the tolerated queue, with one step of growth.
        assert!(window < (rate as f64 * 0.15 * GROWTH * GROWTH) as u64, "{window}");
        // 2 Mbit/s.
        let window = window_after(10, 250_000, 0.02);
        assert!(window < (250_000.0 * 0.15 * GROWTH * GROWTH) as u64, "{window}");
    }

    #[test]
    fn a_window_is_in_use_when_half_of_it_is_under_way() {
        let start = Instant::now();
        let mut media = Media::new(start);
        media.on_end_acks(start, INITIAL / 2, false, None);
        assert_eq!(media.in_use, None);
        media.on_end_acks(start, INITIAL / 2 + 1, false, None);
        assert_eq!(media.in_use, Some(start));
    }

    #[test]
    fn window_never_falls_below_what_audio_needs() {
        assert_eq!(window_after(5, 100_000, 0.3), FLOOR);
    }
}
