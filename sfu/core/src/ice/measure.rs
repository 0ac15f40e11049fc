//! Answering pages that measure how far this node is, before they have a leg here.
//!
//! Such a check is authenticated like any other, with credentials of the node that signaling gives
//! to pages it knows. It is answered and changes nothing: no path is validated, nothing is kept
//! about whoever sent it, and no DTLS or media is taken from there. The answer is shorter than the
//! check, and there are only so many a second.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{Check, LocalCredentials, Response};
use crate::api::Measuring;

/// Answers a second of one worker. A page that measures sends about ten checks to a node, so these
/// are two hundred pages a second; answering them all is 2 % of a core.
const ANSWERS_PER_SECOND: u32 = 2_000;

/// Answers at once: half a second's worth, for pages that come with the same newsletter.
const BURST: u32 = 1_000;

/// What became of a measuring check.
pub(crate) enum Measured {
    /// Tell the page.
    Answer(Response),
    /// The sender does not know the password. It gets no answer.
    Unauthenticated,
    /// There have been too many. It gets no answer; the page sends another.
    TooMany,
}

/// Answers measuring checks.
#[derive(Debug)]
pub(crate) struct Measure {
    local: LocalCredentials,
    /// Answers left, and when that was so.
    left: u32,
    at: Instant,
}

impl Measure {
    /// None when the credentials are not what ICE allows.
    pub(crate) fn new(credentials: &Measuring, now: Instant) -> Option<Self> {
        let local = LocalCredentials::from_texts(&credentials.ufrag, &credentials.pwd)?;
        Some(Self { local, left: BURST, at: now })
    }

    /// Whether a check is meant for this.
    pub(crate) fn is_for(&self, check: &Check) -> bool {
        check.local_ufrag() == self.local.ufrag.as_str()
    }

    /// Takes a check that [is meant](Self::is_for) for this.
    pub(crate) fn handle_check(
        &mut self,
        now: Instant,
        from: SocketAddr,
        mut check: Check,
    ) -> Measured {
        if !check.is_for(&self.local) {
            return Measured::Unauthenticated;
        }
        self.refill(now);
        let Some(left) = self.left.checked_sub(1) else { return Measured::TooMany };
        self.left = left;
        let answer = if check.controlled {
            check.role_conflict(&self.local.pwd)
        } else {
            check.success(from, &self.local.pwd)
        };
        answer.map_or(Measured::Unauthenticated, Measured::Answer)
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).min(Duration::from_secs(1));
        // At most one second's worth, so it fits.
        let more = (passed.as_micros() as u32).saturating_mul(ANSWERS_PER_SECOND / 1_000) / 1_000;
        if more > 0 {
            self.left = self.left.saturating_add(more).min(BURST);
            self.at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Peer, Versions};

    const FROM: ([u8; 4], u16) = ([198, 51, 100, 7], 50_000);

    fn measuring(pwd: &str) -> (Measure, Peer, Instant) {
        let now = Instant::now();
        let credentials = Measuring {
            ufrag: "AAAmeasure0".to_owned(),
            pwd: "a-password-of-24-letters".to_owned(),
        };
        let mut peer = Peer::new(1, Versions::Both, now);
        peer.node = (credentials.ufrag.clone(), pwd.to_owned());
        (Measure::new(&credentials, now).expect("valid"), peer, now)
    }

    fn ask(measure: &mut Measure, peer: &Peer, now: Instant) -> Measured {
        let check = peer.check(true);
        let parsed = Check::parse(&check).expect("well-formed");
        assert!(measure.is_for(&parsed));
        let measured = measure.handle_check(now, FROM.into(), parsed);
        if let Measured::Answer(answer) = &measured {
            assert!(answer.len() < check.len(), "an answer must not amplify");
        }
        measured
    }

    #[test]
    fn whoever_knows_the_password_is_answered_and_nobody_else() {
        let (mut measure, peer, now) = measuring("a-password-of-24-letters");
        assert!(matches!(ask(&mut measure, &peer, now), Measured::Answer(_)));
        let (mut measure, stranger, now) = measuring("another-one-of-24-letter");
        assert!(matches!(ask(&mut measure, &stranger, now), Measured::Unauthenticated));
    }

    #[test]
    fn answers_are_bounded_and_come_back_with_time() {
        let (mut measure, peer, now) = measuring("a-password-of-24-letters");
        let answers = |measure: &mut Measure, now| {
            let asked = (0..2 * BURST).map(|_| ask(measure, &peer, now));
            asked.filter(|measured| matches!(measured, Measured::Answer(_))).count()
        };
        assert_eq!(answers(&mut measure, now), BURST as usize);
        assert_eq!(answers(&mut measure, now + Duration::from_millis(100)), 200);
        let much_later = now + Duration::from_secs(3_600);
        assert_eq!(answers(&mut measure, much_later), BURST as usize, "never more than a burst");
    }

    #[test]
    fn credentials_that_ice_does_not_allow_are_refused() {
        let now = Instant::now();
        for (ufrag, pwd) in [("abc", "a-password-of-24-letters"), ("AAAmeasure0", "short")] {
            let credentials = Measuring { ufrag: ufrag.to_owned(), pwd: pwd.to_owned() };
            assert!(Measure::new(&credentials, now).is_none());
        }
    }
}
