//! How long a worker leaves its socket alone after it has looked at it, as network cards moderate
//! their interrupts (`rx-usecs`, adaptive).
//!
//! Waking up costs more than a packet does, most of all where little comes: then each frame of sound or picture
//! has a wake-up to itself, and finds the caches cold. A worker that waits a moment longer finds several, and a
//! call costs on a machine with ten of them about what it costs on one with hundreds, where packets
//! come in bunches anyway. So the delay is as long as it takes for a few to come, up to a limit; where that is
//! shorter than it is worth, and where so little comes that hardly anything would be found, the
//! socket wakes the worker at once.
//!
//! Media pays for it, with half a delay on average. Nothing else does: nobody asks while a leg is connecting,
//! and commands, timers, connections and datagrams from other nodes do not come through this socket.

use std::time::{Duration, Instant};

/// Received buffers, each a datagram or a run that the kernel has merged, that a look is to find on
/// average. In a virtual machine a timer that ends a sleep costs as much as ten of them, so a few would be
/// dear company; from here on more of them save little, and take longer.
const FOUND: f64 = 24.0;

/// Where so much comes that a delay would be shorter (from some 150 calls on) there is none: the worker is loaded
/// then, and the delay, though it still saved something, would come on top of queues.
const SHORTEST: Duration = Duration::from_micros(800);

/// Where a look would find less than this, the timers that end delays cost as much as the wake-ups that they
/// save: with buffers that come independently of each other it is even at one.
const WORTHWHILE: f64 = 1.5;

/// How often the rate is looked at anew.
const WINDOW: Duration = Duration::from_millis(50);

/// See the module.
#[derive(Debug)]
pub(super) struct Moderation {
    /// Longest delay.
    longest: Duration,
    /// Since when is counted, and how much has come.
    since: Instant,
    buffers: usize,
    /// From one look to the next at the present rate; zero: none.
    delay: Duration,
    /// When to look again, if the last look has found something.
    next: Option<Instant>,
}

impl Moderation {
    /// Delays of up to `longest`; zero: none.
    pub(super) fn new(now: Instant, longest: Duration) -> Self {
        Self { longest, since: now, buffers: 0, delay: Duration::ZERO, next: None }
    }

    /// A look at the socket at `now` has found so many buffers.
    pub(super) fn looked(&mut self, now: Instant, buffers: usize) {
        self.buffers += buffers;
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed >= WINDOW {
            self.delay = self.delay_at(self.buffers as f64 / elapsed.as_secs_f64());
            (self.since, self.buffers) = (now, 0);
        }
        if buffers > 0 {
            self.next = (!self.delay.is_zero()).then(|| now + self.delay);
        }
    }

    /// Until when to leave the socket alone, for a worker that has nothing to do at `now`. Where the last delay
    /// has passed without anything coming, there is none.
    pub(super) fn rest(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|&next| next > now)
    }

    fn delay_at(&self, buffers_per_second: f64) -> Duration {
        let rate = buffers_per_second.max(1.0);
        let wanted = Duration::from_secs_f64(FOUND / rate);
        let delay = wanted.min(self.longest);
        let worthwhile = wanted >= SHORTEST && delay.as_secs_f64() * rate >= WORTHWHILE;
        if worthwhile { delay } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICRO: Duration = Duration::from_micros(1);
    const MILLI: Duration = Duration::from_millis(1);

    /// With delays of up to 2 ms, after a window in which this many buffers came; and the look that ended it.
    fn after(buffers: usize) -> (Moderation, Instant) {
        let start = Instant::now();
        let mut moderation = Moderation::new(start, 2 * MILLI);
        moderation.looked(start, buffers - 1);
        moderation.looked(start + WINDOW, 1);
        (moderation, start + WINDOW)
    }

    /// The delay at so many buffers a second.
    fn delay(per_second: usize) -> Duration {
        let (moderation, now) = after(per_second * WINDOW.as_millis() as usize / 1_000);
        moderation.rest(now).map_or(Duration::ZERO, |until| until - now)
    }

    #[test]
    fn delay_is_what_a_few_buffers_take_within_bounds() {
        // Calls bring 200 buffers a second each.
        assert_eq!(delay(400), Duration::ZERO, "two calls: hardly anything would be found");
        assert_eq!(delay(2_000), 2 * MILLI, "ten calls: as long as is allowed");
        assert_eq!(delay(20_000), 1_200 * MICRO, "a hundred calls: two dozen buffers");
        assert_eq!(delay(40_000), Duration::ZERO, "two hundred calls: enough comes anyway");
    }

    #[test]
    fn limit_below_the_shortest_delay_worth_having_is_a_limit() {
        let moderation = Moderation::new(Instant::now(), MILLI / 2);
        assert_eq!(moderation.delay_at(20_000.0), MILLI / 2);
        assert_eq!(moderation.delay_at(40_000.0), Duration::ZERO);
    }

    #[test]
    fn next_look_is_a_delay_after_the_last_however_long_that_took() {
        let (moderation, looked) = after(100);
        assert_eq!(moderation.rest(looked + 300 * MICRO), Some(looked + 2 * MILLI));
        assert_eq!(moderation.rest(looked + 2 * MILLI), None);
    }

    #[test]
    fn look_that_finds_nothing_in_time_gives_the_socket_back() {
        let (mut moderation, looked) = after(100);
        let next = looked + 2 * MILLI;
        moderation.looked(next, 0);
        assert_eq!(moderation.rest(next), None);
    }

    #[test]
    fn look_that_comes_early_and_finds_nothing_does_not() {
        let (mut moderation, looked) = after(100);
        moderation.looked(looked + MILLI, 0);
        assert_eq!(moderation.rest(looked + MILLI), Some(looked + 2 * MILLI));
    }

    #[test]
    fn rate_is_that_of_the_last_window() {
        let (mut moderation, looked) = after(100);
        moderation.looked(looked + WINDOW / 2, 1_999);
        assert_eq!(moderation.delay, 2 * MILLI);
        moderation.looked(looked + WINDOW, 1);
        assert_eq!(moderation.delay, Duration::ZERO);
        // Silence is a window as well, however long.
        moderation.looked(looked + 100 * WINDOW, 1);
        assert_eq!(moderation.rest(looked + 100 * WINDOW), None);
    }

    #[test]
    fn zero_is_never() {
        let start = Instant::now();
        let mut moderation = Moderation::new(start, Duration::ZERO);
        moderation.looked(start + WINDOW, 100);
        assert_eq!(moderation.rest(start + WINDOW), None);
    }
}
