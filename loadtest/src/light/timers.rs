//! What a leg does by itself, and when.

use std::time::Duration;

use light_peer::stun;

use super::{Event, INTERRUPTION, Leg, micros};

/// When what is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timers {
    pub(super) check: Duration,
    handshake: Duration,
    feedback: Duration,
    report: Duration,
    listen: Duration,
}

/// Between checks until one is answered, as in Chromium at its start.
const FIRST_CHECKS: Duration = Duration::from_millis(50);
/// Between checks for consent (RFC 7675: 4 to 6 s; Chromium checks a used pair every 2.5 s).
const CONSENT: Duration = Duration::from_millis(2_500);
/// Between looks at what DTLS has to repeat.
const HANDSHAKE: Duration = Duration::from_millis(50);
/// Between feedback messages: Chromium's 50 to 250 ms, which at these rates is near 60.
const FEEDBACK: Duration = Duration::from_millis(60);
/// Between reports (RFC 3550 with Chromium's interval for video).
const REPORT: Duration = Duration::from_secs(1);
/// The first one comes sooner: it tells the round trip.
const FIRST_REPORT: Duration = Duration::from_millis(100);
/// How often a page listens whether anything comes from its node, and says so if not.
const LISTEN: Duration = Duration::from_millis(250);

impl Timers {
    pub(super) const NEVER: Self = Self {
        check: Duration::MAX,
        handshake: Duration::MAX,
        feedback: Duration::MAX,
        report: Duration::MAX,
        listen: Duration::MAX,
    };

    /// The node is known: it is checked and DTLS begins.
    pub(super) fn answered(&mut self, now: Duration) {
        self.check = now;
        self.handshake = now + HANDSHAKE;
    }

    /// A check was answered.
    pub(super) fn connected(&mut self, now: Duration) {
        self.check = now + CONSENT;
    }

    /// The call has begun.
    pub(super) fn started(&mut self, now: Duration) {
        self.feedback = now;
        self.report = now + FIRST_REPORT;
        self.listen = now + LISTEN;
    }

    /// Nobody listens to the leg any more.
    pub(super) fn retired(&mut self) {
        self.listen = Duration::MAX;
    }
}

impl Leg {
    /// When [`Leg::handle_timeout`] is to be called.
    pub fn next_timeout(&self) -> Duration {
        let Timers { check, handshake, feedback, report, listen } = self.timers;
        let mut next = check.min(handshake).min(feedback).min(report).min(listen);
        if let (Some(generator), false) = (&self.generator, self.outgoing.stopped) {
            next = next.min(generator.next_at());
        }
        if let Some(judge) = self.judge() {
            let picture = judge.picture();
            next = [picture.next_timeout(), picture.key_frame_due(), self.incoming.next_timeout()]
                .into_iter()
                .flatten()
                .fold(next, Duration::min);
        }
        next
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Duration) {
        if self.timers.check <= now {
            let wait = if self.chosen.is_some() { CONSENT } else { FIRST_CHECKS };
            self.timers.check = now + wait;
            if let Some(remote) = &self.remote {
                self.out.push(&stun::check(&self.local, &remote.credentials));
            }
        }
        if self.timers.handshake <= now {
            self.dtls.handle_timeout(self.origin.instant + now);
            self.flush_dtls();
            let warm = self.session.is_some();
            self.timers.handshake = if warm { Duration::MAX } else { now + HANDSHAKE };
        }
        if self.timers.listen <= now {
            self.timers.listen = now + LISTEN;
            let silence = now.saturating_sub(self.heard);
            if self.expecting && silence >= INTERRUPTION {
                self.events.push_back(Event::Silent(silence));
            }
        }
        if self.session.is_some() && self.generator.is_some() {
            self.send_media(now);
            self.watch(now);
            self.give_feedback(now);
        }
    }

    fn send_media(&mut self, now: Duration) {
        let (Some(session), Some(generator)) = (&self.session, &mut self.generator) else { return };
        if self.outgoing.stopped {
            return;
        }
        let wall = self.origin.wall + now;
        self.outgoing.send(now, wall, generator, session, &mut self.out);
    }

    /// Shows frames, and asks for what is missing.
    fn watch(&mut self, now: Duration) {
        let Some(judge) = self.ears.judge_mut() else { return };
        let picture = judge.picture_mut();
        if picture.next_timeout().is_some_and(|due| due <= now) {
            picture.handle_timeout(now);
        }
        let stuck = picture.key_frame_due().is_some_and(|due| due <= now);
        if self.incoming.take_overflow() | stuck {
            picture.key_frame_asked(now);
            let pli = self.incoming.pli();
            self.seal_rtcp(pli);
        }
        if self.incoming.next_timeout().is_some_and(|due| due <= now)
            && let Some(nack) = self.incoming.nack(now, self.rtt)
        {
            self.seal_rtcp(nack);
        }
    }

    fn give_feedback(&mut self, now: Duration) {
        if self.timers.feedback <= now {
            self.timers.feedback = now + FEEDBACK;
            if let Some(feedback) = self.incoming.feedback() {
                self.seal_rtcp(feedback);
            }
        }
        if self.timers.report <= now {
            self.timers.report = now + REPORT;
            let Some(generator) = &self.generator else { return };
            let wall = self.origin.wall + now;
            let report = self.outgoing.report(wall, micros(now), generator, &mut self.incoming);
            self.seal_rtcp(report);
        }
    }

    fn seal_rtcp(&mut self, mut packet: Vec<u8>) {
        if let Some(session) = &self.session {
            session.local.seal_rtcp(&mut packet, self.rtcp_index);
            self.rtcp_index += 1;
            self.out.push(&packet);
        }
    }
}
