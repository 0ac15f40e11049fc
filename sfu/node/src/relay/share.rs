//! What each call may send over a link that is too narrow for all of them.
//!
//! What a viewer's node asks of a publisher is about the way to the viewer. That the way between the
//! nodes is the narrow one nobody tells: quinn holds back what does not fit into its window, then
//! datagrams wait here, then they are dropped. So a link at which something waits all the time holds the
//! publishers on this side to equal shares of a little less than it has carried, and raises that, slowly at
//! first, while nothing waits.
//!
//! A processor that is late looks alike: what came meanwhile has waited. It differs in that QUIC's window is hardly
//! used then, that the link takes everything at once, and that this task was late itself.

use std::time::{Duration, Instant};

/// How often the shares are looked at: a publisher takes about as long to follow.
pub(super) const LOOK: Duration = Duration::from_millis(250);
/// Something has waited all the time for so long: longer than a key frame's burst takes on a way that
/// is wide enough.
const STANDING: Duration = Duration::from_millis(60);
/// What was not looked at for so long may have left meanwhile. A call sends something every 20 ms.
const UNSEEN: Duration = Duration::from_millis(30);
/// Looks in a row that have to find the link narrow before anybody is held to anything.
const CERTAIN: u32 = 2;
/// Calls get this share of what was carried when it was too much…
const BACKOFF: f64 = 0.85;
/// …and so much more at each look while it is not: 8 % a second, and as much again for each
/// [`CALM`] in which it was not. A link that has become wide is used within seconds.
const GROWTH: f64 = 0.02;
const CALM: u32 = 16;
/// No call is held to less, in bit/s: Opus and the least that browsers send of video.
const LEAST: f64 = 150_000.0;
/// A share above this limits nobody, in bit/s: more than any browser sends.
const ENOUGH: f64 = 10_000_000.0;
/// A change by less is not worth telling.
const WORTH_TELLING: f64 = 0.03;
/// QUIC gets no more ahead than what leaves in this time, and this much: what waits there is overtaken by nothing.
const AHEAD: Duration = Duration::from_millis(10);
const LEAST_AHEAD: usize = 4 * 1024;

/// See the module.
#[derive(Debug)]
pub(super) struct Share {
    since: Instant,
    /// Handed to QUIC since then, and what QUIC held back then.
    bytes: usize,
    held: usize,
    /// Since when something waits all the time, and when that was seen last.
    waits: Option<(Instant, Instant)>,
    was_narrow: bool,
    /// Looks in a row that found it narrow, and that did not.
    narrow: u32,
    calm: u32,
    /// Bit/s of the link, when it was looked at last.
    carried: f64,
    /// Bytes a second that QUIC's window lets out.
    rate: f64,
    /// Bit/s for each call.
    limit: Option<f64>,
    told: Option<u64>,
}

impl Share {
    /// A link that has just come up.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            bytes: 0,
            held: 0,
            waits: None,
            was_narrow: false,
            narrow: 0,
            calm: 0,
            carried: 0.0,
            rate: f64::MAX,
            limit: None,
            told: None,
        }
    }

    /// Notes whether anything waits for the link.
    pub(super) fn waiting(&mut self, now: Instant, waits: bool) {
        let seen = |(_, at): &(Instant, Instant)| now.saturating_duration_since(*at) <= UNSEEN;
        let since = self.waits.filter(seen).map_or(now, |(since, _)| since);
        self.waits = waits.then_some((since, now));
        self.was_narrow |= waits && now.saturating_duration_since(since) >= STANDING;
    }

    /// Notes what was handed to QUIC.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Something has waited too long for QUIC to take it, and was dropped.
    pub(super) fn dropped(&mut self) {
        self.was_narrow = true;
    }

    /// How much QUIC may hold back, of `most`: what it lets out in a moment, or less where less was carried.
    pub(super) fn ahead(&self, most: usize) -> usize {
        let carried = self.limit.map_or(f64::MAX, |_| self.carried / 8.0);
        let bytes = (carried.min(self.rate) * AHEAD.as_secs_f64()) as usize;
        bytes.clamp(LEAST_AHEAD.min(most), most)
    }

    /// QUIC's window lets out so many bytes a second now.
    pub(super) fn lets_out(&mut self, rate: f64) {
        self.rate = rate;
    }

    /// Ends an interval in which so many calls shared the link; QUIC holds back `held` bytes, and its window
    /// was in use last at `in_use`. Returns what each call may send, in bit/s, if that is news; `None` within:
    /// as much as it likes.
    pub(super) fn look(
        &mut self,
        now: Instant,
        calls: usize,
        held: usize,
        in_use: Option<Instant>,
    ) -> Option<Option<u64>> {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        if passed <= 0.0 {
            return None;
        }
        let left = (self.bytes + self.held).saturating_sub(held);
        self.carried = left as f64 * 8.0 / passed;
        let was_in_use = in_use.is_some_and(|at| at >= self.since);
        let was_narrow = std::mem::take(&mut self.was_narrow) && was_in_use;
        (self.since, self.bytes, self.held) = (now, 0, held);
        (self.narrow, self.calm) =
            if was_narrow { (self.narrow + 1, 0) } else { (0, self.calm + 1) };
        self.limit = if was_narrow && (self.narrow >= CERTAIN || self.limit.is_some()) {
            Some((BACKOFF * self.carried / calls.max(1) as f64).max(LEAST))
        } else {
            let growth = 1.0 + GROWTH * (1.0 + f64::from(self.calm) / f64::from(CALM));
            self.limit.map(|limit| limit * growth).filter(|limit| *limit < ENOUGH)
        };
        let limit = self.limit.map(|limit| limit as u64);
        let is_news = match (self.told, limit) {
            (Some(told), Some(limit)) => told.abs_diff(limit) as f64 >= WORTH_TELLING * told as f64,
            (told, limit) => told != limit,
        };
        is_news.then(|| {
            self.told = limit;
            limit
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether something has waited for [`STANDING`] until now.
    fn stands(share: &mut Share, now: Instant, waits: bool) {
        for before in (0..=3).rev() {
            share.waiting(now - before * STANDING / 3, waits);
        }
    }

    /// A link on which something was dropped in two looks in a row, the second after 25 kB.
    fn narrow(start: Instant) -> Share {
        let mut share = Share::new(start);
        share.dropped();
        assert_eq!(share.look(start + LOOK, 1, 0, Some(start + LOOK)), None, "once may be chance");
        share.dropped();
        share.sent(25_000);
        assert_eq!(share.look(start + 2 * LOOK, 1, 0, Some(start + 2 * LOOK)), Some(Some(680_000)));
        share
    }

    /// Publishers that send `wish` bit/s each unless they are held to less, over a link that carries
    /// `link` bit/s, for so many looks; what each is held to in the end.
    fn held_to(calls: usize, wish: f64, link: f64, looks: u32) -> Option<u64> {
        let start = Instant::now();
        let mut share = Share::new(start);
        let mut limit = None;
        for look in 1..=looks {
            let now = start + look * LOOK;
            let offered = calls as f64 * limit.map_or(wish, |limit: u64| wish.min(limit as f64));
            stands(&mut share, now, offered > link);
            share.sent((offered.min(link) / 8.0 * LOOK.as_secs_f64()) as usize);
            limit = share.look(now, calls, 0, Some(now)).unwrap_or(limit);
        }
        limit
    }

    #[test]
    fn a_link_that_is_wide_enough_limits_nobody() {
        assert_eq!(held_to(10, 1.5e6, 16e6, 100), None);
    }

    #[test]
    fn calls_share_a_narrow_link_equally_and_use_most_of_it() {
        for looks in 20..100 {
            let share = held_to(10, 1.5e6, 8e6, looks).expect("it is too narrow") as f64;
            assert!((0.65e6..0.9e6).contains(&share), "{share} after {looks}");
        }
    }

    #[test]
    fn a_limit_is_lifted_when_the_link_is_wide_again() {
        let start = Instant::now();
        let mut share = narrow(start);
        assert!(
            share.ahead(256 << 10) < 256 << 10,
            "QUIC holds back no more than a moment's worth"
        );
        let lifted = (3..1_000).find(|&look| {
            share.look(start + look * LOOK, 1, 0, Some(start + look * LOOK)) == Some(None)
        });
        assert!(lifted.is_some_and(|looks| looks * LOOK < Duration::from_secs(20)), "{lifted:?}");
        assert_eq!(share.ahead(256 << 10), 256 << 10);
    }

    #[test]
    fn quic_is_handed_what_its_window_lets_out_in_a_moment() {
        let mut share = Share::new(Instant::now());
        assert_eq!(share.ahead(64 << 10), 64 << 10, "nothing is known");
        share.lets_out(2_500_000.0);
        assert_eq!(share.ahead(64 << 10), 25_000);
        share.lets_out(0.0);
        assert_eq!(share.ahead(64 << 10), LEAST_AHEAD);
    }

    #[test]
    fn a_burst_is_no_congestion_and_no_call_is_held_to_nothing() {
        let start = Instant::now();
        let mut share = Share::new(start);
        for look in 1..10 {
            let now = start + look * LOOK;
            share.waiting(now - STANDING, true);
            share.waiting(now - STANDING / 2, false);
            share.waiting(now, true);
            assert_eq!(share.look(now, 1, 0, Some(now)), None);
        }
        let mut share = narrow(start);
        share.dropped();
        assert_eq!(
            share.look(start + 3 * LOOK, 100, 0, Some(start + 3 * LOOK)),
            Some(Some(LEAST as u64))
        );
    }

    #[test]
    fn a_task_that_is_late_says_nothing_about_the_link() {
        let start = Instant::now();
        let mut share = Share::new(start);
        for look in 1..10 {
            let now = start + look * LOOK;
            share.waiting(now - STANDING, true);
            share.waiting(now, true);
            assert_eq!(
                share.look(now, 1, 0, Some(now)),
                None,
                "what waited may have left in between"
            );
        }
        for look in 10..12 {
            let now = start + look * LOOK;
            stands(&mut share, now, true);
            assert_eq!(share.look(now, 1, 0, Some(now)).is_some(), look == 11);
        }
    }

    #[test]
    fn what_waits_while_the_window_is_hardly_used_waits_for_a_processor() {
        let start = Instant::now();
        let mut share = Share::new(start);
        for look in 1..10 {
            let now = start + look * LOOK;
            share.dropped();
            stands(&mut share, now, true);
            assert_eq!(share.look(now, 1, 0, Some(start)), None);
            assert_eq!(share.look(now, 1, 0, None), None);
        }
    }

    #[test]
    fn what_quic_holds_back_was_not_carried() {
        let start = Instant::now();
        let mut share = narrow(start);
        share.dropped();
        share.sent(75_000);
        assert_eq!(
            share.look(start + 3 * LOOK, 1, 50_000, Some(start + 3 * LOOK)),
            None,
            "the same again"
        );
        // Nothing was handed on while that left.
        share.dropped();
        assert_eq!(
            share.look(start + 4 * LOOK, 1, 25_000, Some(start + 4 * LOOK)),
            None,
            "the same again"
        );
    }
}
