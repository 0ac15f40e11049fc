//! A light media leg: what a node sees of a browser, at a hundredth of a browser's cost. Sans-IO.
//!
//! ICE checks and consent, a DTLS server, SRTP with AES-128-GCM, stamped media in real RTP pacing
//! with the header extensions of a browser, and a browser's reactions: it answers NACK with RTX, PLI
//! and FIR with a key frame, bounds its video by REMB and by the losses that transport-wide feedback
//! tells, and itself sends NACK, PLI, transport-wide feedback and reports.
//!
//! It does not trickle candidates, speak TURN or decode. What is measured of a deployment that
//! needs those is measured with the share of calls that run on the `webrtc` stack
//! ([`crate::drive`]).
//!
//! The contract is that of the node's core: [`Leg::handle_datagram`], [`Leg::handle_timeout`]; then
//! drain [`Leg::take_out`] and [`Leg::poll_event`], and come back at [`Leg::next_timeout`].

mod description;
mod ears;
mod incoming;
mod outbox;
mod outgoing;
mod rate;
mod receive;
mod timers;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use light_peer::{Credentials, dtls::Dtls, sdp::Offer, srtp::Session};
use signaling_wire::browser::Role;

pub use self::{
    description::{Answer, BadAnswer},
    outbox::Outbox,
};
use self::{
    ears::{Early, Ears},
    incoming::Incoming,
    outgoing::Outgoing,
    rate::Rate,
    timers::Timers,
};
use crate::media::{
    CallTag, Foreign, Fresh, FreshPicture, Generator, Judge, Kind, News, Profile, Way,
};

pub use light_peer::dtls::Identity;

/// The instant of time zero, on the clock that DTLS wants, and on the wall's, for sender reports.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    /// Monotonic.
    pub instant: Instant,
    /// Since 1970.
    pub wall: Duration,
}

/// Something that happened to a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A check was answered.
    IceConnected,
    /// The media keys are there.
    DtlsConnected,
    /// The judge saw something for the first time.
    News(News),
    /// Media was away for so long and is back.
    Interrupted(Duration),
    /// Nothing at all has come from the node for so long.
    Silent(Duration),
}

/// What the media of a leg is about.
#[derive(Debug, Clone, Copy)]
pub struct Media {
    /// The call.
    pub call: CallTag,
    /// What is sent.
    pub profile: Profile,
    /// Which of the page's legs this is, from 0.
    pub leg: u32,
}

/// A leg.
pub struct Leg {
    side: Role,
    origin: Origin,
    local: Credentials,
    ssrcs: [u32; 3],
    remote: Option<Answer>,
    chosen: Option<SocketAddr>,
    dtls: Dtls,
    session: Option<Session>,
    incoming: Incoming,
    outgoing: Outgoing,
    generator: Option<Generator>,
    rate: Rate,
    ears: Ears,
    timers: Timers,
    rtcp_index: u32,
    rtt: Duration,
    /// Media of the other side is expected: silence is an interruption.
    expecting: bool,
    /// When anything came from the node last.
    heard: Duration,
    out: Outbox,
    events: VecDeque<Event>,
    counts: Counts,
}

/// What a leg counts besides media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Key frames that the node asked for.
    pub key_frames_asked: u32,
    /// Packets that the node asked for again.
    pub nacked: u32,
    /// Datagrams that are not authentic or not understood.
    pub strange: u32,
}

/// Assumed until one was measured.
const FIRST_RTT: Duration = Duration::from_millis(100);
/// Silence of the other side for so long is an interruption: nobody calls less one.
pub const INTERRUPTION: Duration = Duration::from_millis(500);

impl Leg {
    /// A leg of `side` that has offered nothing yet. `seed` makes its names and numbers.
    pub fn new(identity: &Identity, side: Role, origin: Origin, seed: u64) -> Self {
        // Far enough apart that no two streams of a leg share one.
        let first = (seed as u32 | 0x100) & !3;
        Self {
            side,
            origin,
            local: Credentials {
                ufrag: format!("lt{seed:016x}"),
                pwd: format!("{:016x}{seed:016x}", seed.rotate_left(23).wrapping_mul(0x9e37_79b9)),
            },
            ssrcs: [first, first + 1, first + 2],
            remote: None,
            chosen: None,
            dtls: Dtls::new(identity),
            session: None,
            incoming: Incoming::new(first + 1),
            outgoing: Outgoing::new([first, first + 1, first + 2], seed),
            generator: None,
            rate: Rate::default(),
            ears: Ears::default(),
            timers: Timers::NEVER,
            rtcp_index: 1,
            rtt: FIRST_RTT,
            expecting: false,
            heard: Duration::ZERO,
            out: Outbox::default(),
            events: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    /// Its offer. `address` is where its datagrams come from, as far as it knows.
    pub fn offer(&self, identity: &Identity, address: SocketAddr) -> String {
        Offer {
            credentials: &self.local,
            fingerprint: &identity.fingerprint,
            setup: "actpass",
            address,
            ssrcs: self.ssrcs,
        }
        .to_string()
    }

    /// Takes the answer, and begins to check.
    ///
    /// # Errors
    /// [`BadAnswer`] when something is missing in it.
    pub fn handle_answer(&mut self, now: Duration, sdp: &str) -> Result<(), BadAnswer> {
        self.remote = Some(Answer::parse(sdp)?);
        self.timers.answered(now);
        Ok(())
    }

    /// Judges what arrives as media of a call, and sends media of it.
    pub fn start(&mut self, now: Duration, media: Media, seed: u64) {
        if self.generator.is_some() {
            return;
        }
        let generator = Generator::new(media.call, self.side, media.profile, now, seed);
        self.generator = Some(generator.on_leg(media.leg));
        for Early { at_us, kind, payload } in self.ears.judge_from(media.call, self.side) {
            self.hear(Way::default(), at_us, kind, &payload);
        }
        self.expecting = true;
        self.timers.started(now);
    }

    /// The judge, when the leg is closed.
    pub fn into_judge(self) -> Option<Box<Judge>> {
        self.ears.into_judge()
    }

    /// Another leg of the page is watched from now on. This one still sends.
    pub fn retire(&mut self, now: Duration) {
        self.expecting = false;
        self.timers.retired();
        if let Some(judge) = self.ears.judge_mut() {
            judge.picture_mut().stop(now);
        }
    }

    /// Sends no more. What arrives is still judged.
    pub fn stop(&mut self, now: Duration) {
        self.outgoing.stopped = true;
        self.retire(now);
    }

    /// The leg's address has changed: it is to be told to the node at once.
    pub fn moved(&mut self, now: Duration) {
        if self.remote.is_some() {
            self.timers.check = now;
        }
    }

    /// Where datagrams go: all candidates until one has answered.
    pub fn destinations(&self) -> &[SocketAddr] {
        match (&self.chosen, &self.remote) {
            (Some(chosen), _) => std::slice::from_ref(chosen),
            (None, Some(remote)) => &remote.candidates,
            (None, None) => &[],
        }
    }

    /// Datagrams to send, in order; empty them.
    pub fn take_out(&mut self) -> &mut Outbox {
        &mut self.out
    }

    /// What happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The verdict so far, if there was a call.
    pub fn judge(&self) -> Option<&Judge> {
        self.ears.judge()
    }

    /// What arrived and was seen since the last time, if there is a call.
    pub fn take_fresh(&mut self, now: Duration) -> Option<([Fresh; 2], FreshPicture)> {
        self.ears.judge_mut().map(|judge| judge.take_fresh(micros(now)))
    }

    /// How long nothing has come that should have, if that is long.
    pub fn silence(&self, now: Duration) -> Option<Duration> {
        let last = Duration::from_micros(self.judge()?.last_us()?);
        let silence = now.saturating_sub(last);
        (self.expecting && silence >= INTERRUPTION).then_some(silence)
    }

    /// Packets sent so far.
    pub fn sent(&self, kind: Kind) -> u32 {
        self.generator.as_ref().map_or(0, |generator| generator.sent(kind))
    }

    /// Packets of other calls and the like.
    pub fn foreign(&self) -> Foreign {
        self.judge().map(Judge::foreign).unwrap_or_default()
    }

    /// What else was counted.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

/// As it is written into stamps.
pub(crate) fn micros(at: Duration) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(u64::MAX)
}
