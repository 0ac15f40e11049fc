//! What is lost while a call begins, exactly that, and how much later both see each other.

use std::time::Duration;

use loadtest::link::Impairment;

use super::{CLEAR, NEVER, world::World};

const RTT: Duration = Duration::from_millis(100);
const FAR: Impairment = Impairment { delay: Duration::from_millis(50), ..CLEAR };
/// Long enough for any beginning.
const HOLD: Duration = Duration::from_secs(10);
/// What a lost datagram may cost beside a round trip.
const SLACK: Duration = Duration::from_millis(150);

fn seen_without_loss() -> Duration {
    World::new(FAR, NEVER, HOLD).run_until_seen()
}

/// Each datagram by itself: checks, handshakes, the first pictures and sounds, feedback.
#[test]
fn any_one_datagram_costs_a_round_trip_and_150_ms_at_most() {
    let clear = seen_without_loss();
    for (side, direction) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        for number in 0..40 {
            let mut world = World::new(FAR, NEVER, HOLD);
            world.pages[side].lost[direction] = Some(number);
            let seen = world.run_until_seen();
            assert!(
                seen <= clear + RTT + SLACK,
                "{side} {direction} {number}: {seen:?}, {clear:?}"
            );
        }
    }
}

/// Everything for a while, from when keys are there and the first picture of both reaches the node to when it reaches the
/// other page.
#[test]
fn an_outage_over_the_first_picture_costs_its_length_a_round_trip_and_150_ms_at_most() {
    let clear = seen_without_loss();
    for length in [50, 100, 200].map(Duration::from_millis) {
        for before in (0..=6).map(|tens| Duration::from_millis(10 * tens)) {
            let start = clear - before;
            let seen = World::new(FAR, start..start + length, HOLD).run_until_seen();
            let most = clear + length + RTT + SLACK;
            assert!(seen <= most, "{start:?}, {length:?}: {seen:?}, not {most:?}");
        }
    }
}
