//! The publisher's way: a queue that grows is met at once, and no longer than it helps.

use std::time::{Duration, Instant};

use crate::media::brake::Brake;

const STEP: Duration = Duration::from_millis(10);
/// Whoever sends here hears of the brake at once.
const RTT: Duration = Duration::ZERO;

/// A way of so many bit/s, and who sends over it.
struct Way {
    start: Instant,
    now: Instant,
    brake: Brake,
    capacity: f64,
    free: Instant,
    /// Somebody else's packets wait in front of ours for this long.
    others: Duration,
    /// Whoever sends has not heard of the brake yet.
    deaf: bool,
    longest: Duration,
}

impl Way {
    fn new(capacity: f64) -> Self {
        let start = Instant::now();
        let brake = Brake::default();
        Self {
            start,
            now: start,
            brake,
            capacity,
            free: start,
            others: STEP,
            deaf: false,
            longest: STEP,
        }
    }

    /// Sends so many bit/s, or what the brake allows, for a while.
    fn send(&mut self, bitrate: f64, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            let limit = self.brake.limit(self.now, false).filter(|_| !self.deaf);
            let allowed = limit.map_or(bitrate, |limit| bitrate.min(limit as f64));
            let bytes = (allowed * STEP.as_secs_f64() / 8.0) as usize;
            let sent = (self.now - self.start).as_secs_f64() * 262_144.0;
            let sent = (sent as u32).to_be_bytes();
            self.free = self.free.max(self.now)
                + Duration::from_secs_f64(bytes as f64 * 8.0 / self.capacity);
            let arrival = self.free + self.others;
            self.longest = self.longest.max(arrival - self.now);
            let at = (arrival - self.start).as_micros() as i64;
            self.brake.on_packet(arrival, at, Some([sent[1], sent[2], sent[3]]), bytes, RTT);
            self.now += STEP;
        }
    }
}

#[test]
fn a_publisher_that_fills_its_way_is_held_back_until_the_queue_is_gone_and_then_let_go() {
    let mut way = Way::new(4e6);
    // Longer than the 64 seconds after which send times begin anew.
    way.send(2e6, Duration::from_secs(70));
    assert_eq!(way.brake.limit(way.now, false), None);
    way.capacity = 600e3;
    way.send(2e6, Duration::from_millis(150));
    let limit = way.brake.limit(way.now, false).expect("a queue grows");
    assert!(limit < 600_000, "{limit}");
    assert!(way.brake.is_draining());
    way.send(2e6, Duration::from_millis(350));
    way.longest = STEP;
    way.send(550e3, Duration::from_secs(4));
    assert_eq!(way.brake.limit(way.now, false), None, "it keeps to what fits by itself");
    assert!(!way.brake.is_draining());
    way.longest = STEP;
    way.send(550e3, Duration::from_secs(1));
    assert!(way.longest < Duration::from_millis(60), "{:?}", way.longest);
}

#[test]
fn a_queue_that_others_keep_full_is_not_yielded_to() {
    let mut way = Way::new(4e6);
    way.send(1e6, Duration::from_secs(5));
    way.others = Duration::from_millis(200);
    way.send(1e6, Duration::from_secs(2));
    for _ in 0..100 {
        way.send(1e6, Duration::from_millis(100));
        assert_eq!(way.brake.limit(way.now, false), None);
    }
}

#[test]
fn a_way_that_stands_still_for_a_moment_is_not_taken_for_a_full_one() {
    let mut way = Way::new(4e6);
    way.send(1e6, Duration::from_secs(5));
    way.free = way.now + Duration::from_millis(150);
    way.send(1e6, Duration::from_millis(300));
    for _ in 0..20 {
        way.send(1e6, Duration::from_millis(50));
        assert_eq!(way.brake.limit(way.now, false), None);
    }
}

/// The same right at the start is the first pictures that wait.
#[test]
fn a_first_queue_that_has_gone_soon_is_remembered_for_a_while() {
    let mut way = Way::new(4e6);
    way.send(1e6, Duration::from_millis(300));
    way.free = way.now + Duration::from_millis(200);
    way.send(1e6, Duration::from_millis(300));
    assert!(way.brake.limit(way.now, false).is_some());
    way.send(1e6, Duration::from_secs(3));
    assert_eq!(way.brake.limit(way.now, false), None);
}

#[test]
fn a_publisher_that_tells_no_times_is_left_alone() {
    let start = Instant::now();
    let mut brake = Brake::default();
    for step in 0..2_000u32 {
        let now = start + STEP * step;
        let at = (now - start).as_micros() as i64;
        brake.on_packet(now, at, if step < 1_000 { Some([0; 3]) } else { None }, 1_000, RTT);
        assert_eq!(brake.limit(now, false), None);
    }
}

#[test]
fn what_a_way_has_taken_back_soon_is_not_asked_of_it_again_for_a_while() {
    for (held, wary) in [(8, true), (25, false)] {
        let mut way = Way::new(0.8e6);
        way.send(0.7e6, Duration::from_secs(15));
        way.capacity = 2.5e6;
        way.send(2e6, Duration::from_secs(held));
        way.capacity = 0.8e6;
        way.deaf = true;
        way.send(2e6, Duration::from_millis(300));
        way.deaf = false;
        way.send(2e6, Duration::from_secs(2));
        way.send(0.7e6, Duration::from_secs(8));
        assert_eq!(way.brake.is_wary(way.now), wary, "after {held} s");
        let limit = way.brake.limit(way.now, false);
        assert_eq!(limit.is_some(), wary);
        assert!(limit.is_none_or(|limit| (900_000..1_100_000).contains(&limit)), "{limit:?}");
        way.send(0.7e6, Duration::from_secs(40));
        assert_eq!(way.brake.limit(way.now, false), None, "it is forgotten some time");
    }
}
