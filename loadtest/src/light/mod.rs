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
mod incoming;
mod outbox;
mod outgoing;
mod rate;

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use light_peer::{
    Credentials,
    dtls::{self, Dtls},
    sdp::Offer,
    srtp::Session,
    stun,
};
use sfu_core::rtcp::{Message, Messages};
use signaling_wire::browser::Role;

pub use self::{
    description::{Answer, BadAnswer},
    outbox::Outbox,
};
use self::{
    incoming::{Incoming, Repaired},
    outgoing::Outgoing,
    rate::Rate,
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

/// When what is due.
#[derive(Debug, Clone, Copy)]
struct Timers {
    check: Duration,
    handshake: Duration,
    feedback: Duration,
    report: Duration,
    listen: Duration,
}

/// What is heard before the call is known is kept: the other side may have started a moment
/// earlier, and its media may overtake our `call_started`.
enum Ears {
    Early(Vec<(u64, Kind, Vec<u8>)>),
    Judging(Box<Judge>),
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
/// Assumed until one was measured.
const FIRST_RTT: Duration = Duration::from_millis(100);
/// Silence of the other side for so long is an interruption: nobody calls less one.
pub const INTERRUPTION: Duration = Duration::from_millis(500);
/// How often a page listens whether anything comes from its node, and says so if not.
const LISTEN: Duration = Duration::from_millis(250);
/// Packets kept before the call is known: a few seconds of media. More than that is not early.
const MAX_EARLY: usize = 500;

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
            ears: Ears::Early(Vec::new()),
            timers: Timers {
                check: Duration::MAX,
                handshake: Duration::MAX,
                feedback: Duration::MAX,
                report: Duration::MAX,
                listen: Duration::MAX,
            },
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
        self.timers.check = now;
        self.timers.handshake = now + HANDSHAKE;
        Ok(())
    }

    /// Judges what arrives as media of a call, and sends media of it.
    pub fn start(&mut self, now: Duration, media: Media, seed: u64) {
        if self.generator.is_some() {
            return;
        }
        let generator = Generator::new(media.call, self.side, media.profile, now, seed);
        self.generator = Some(generator.on_leg(media.leg));
        let judge = Judge::new(media.call, self.side);

        let early = std::mem::replace(&mut self.ears, Ears::Judging(Box::new(judge)));
        if let Ears::Early(packets) = early {
            for (at_us, kind, payload) in packets {
                self.hear(Way::default(), at_us, kind, &payload);
            }
        }
        self.expecting = true;
        self.timers.feedback = now;
        self.timers.report = now + REPORT / 10;
        self.timers.listen = now + LISTEN;
    }

    /// The judge, when the leg is closed.
    pub fn into_judge(self) -> Option<Box<Judge>> {
        match self.ears {
            Ears::Judging(judge) => Some(judge),
            Ears::Early(_) => None,
        }
    }

    /// Another leg of the page is watched from now on. This one still sends.
    pub fn retire(&mut self, now: Duration) {
        self.expecting = false;
        self.timers.listen = Duration::MAX;
        if let Ears::Judging(judge) = &mut self.ears {
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
        match &self.ears {
            Ears::Early(_) => None,
            Ears::Judging(judge) => Some(judge),
        }
    }

    /// What arrived and was seen since the last time, if there is a call.
    pub fn take_fresh(&mut self, now: Duration) -> Option<([Fresh; 2], FreshPicture)> {
        match &mut self.ears {
            Ears::Early(_) => None,
            Ears::Judging(judge) => Some(judge.take_fresh(micros(now))),
        }
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

    /// Takes a datagram.
    pub fn handle_datagram(&mut self, now: Duration, from: SocketAddr, data: &mut [u8]) {
        self.heard = now;
        match data.first() {
            Some(first) if stun::FIRST_BYTES.contains(first) => self.handle_stun(now, from, data),
            Some(first) if dtls::FIRST_BYTES.contains(first) => self.handle_dtls(now, data),
            Some(128..=191) if data.get(1).is_some_and(|byte| (192..=223).contains(byte)) => {
                self.handle_rtcp(now, data);
            }
            Some(128..=191) => self.handle_rtp(now, data),
            _ => self.counts.strange += 1,
        }
    }

    fn handle_stun(&mut self, now: Duration, from: SocketAddr, data: &[u8]) {
        match stun::receive(data, from, &self.local) {
            stun::Received::Answered => {
                if self.chosen.replace(from).is_none() {
                    self.timers.check = now + CONSENT;
                    self.events.push_back(Event::IceConnected);
                }
            }
            stun::Received::Answer(answer) => self.out.push(&answer),
            stun::Received::Response | stun::Received::Other => self.counts.strange += 1,
        }
    }

    fn handle_dtls(&mut self, now: Duration, data: &[u8]) {
        let session = self.dtls.receive(self.origin.instant + now, data);
        self.flush_dtls();
        if let Some(session) = session
            && self.session.is_none()
        {
            self.session = Some(session);
            self.events.push_back(Event::DtlsConnected);
        }
    }

    fn flush_dtls(&mut self) {
        while let Some(datagram) = self.dtls.poll() {
            self.out.push(&datagram);
        }
    }

    fn handle_rtp(&mut self, now: Duration, data: &mut [u8]) {
        let Some(session) = &self.session else {
            self.counts.strange += 1;
            return;
        };
        match self.incoming.open(session, micros(now), data) {
            Some(incoming::Packet::Media(kind, payload, repaired)) => {
                let way = Way { repaired: repaired == Repaired::Yes, rtt: self.rtt };
                let payload = &data[payload];
                if let Ears::Early(packets) = &mut self.ears {
                    if packets.len() < MAX_EARLY {
                        packets.push((micros(now), kind, payload.to_vec()));
                    }
                } else {
                    self.hear(way, micros(now), kind, payload);
                }
            }
            Some(incoming::Packet::Empty) => {}
            None => self.counts.strange += 1,
        }
    }

    fn hear(&mut self, way: Way, now_us: u64, kind: Kind, payload: &[u8]) {
        let Ears::Judging(judge) = &mut self.ears else { return };
        let before = judge.last_us();
        let news = judge.packet_by(way, now_us, kind, payload);
        if let (Some(before), true) = (before, judge.last_us() == Some(now_us)) {
            let silence = Duration::from_micros(now_us.saturating_sub(before));
            if self.expecting && silence >= INTERRUPTION {
                self.events.push_back(Event::Interrupted(silence));
            }
        }
        self.events.extend(news.into_iter().map(Event::News));
    }

    fn handle_rtcp(&mut self, now: Duration, data: &mut [u8]) {
        let opened = self.session.as_ref().and_then(|session| session.remote.open_rtcp(data));
        let Some(plain) = opened else {
            self.counts.strange += 1;
            return;
        };
        for message in Messages::new(plain).flatten() {
            match message {
                Message::SenderReport { ssrc, ntp, blocks, .. } => {
                    self.incoming.sender_report(ssrc.0, (ntp >> 16) as u32, micros(now));
                    self.rtt = rtt(self.origin, now, &blocks).unwrap_or(self.rtt);
                }
                Message::ReceiverReport(blocks) => {
                    self.rtt = rtt(self.origin, now, &blocks).unwrap_or(self.rtt);
                }
                Message::Nack { lost, .. } => {
                    self.counts.nacked += lost.len() as u32;
                    let Some(session) = &self.session else { return };
                    let wall = self.origin.wall + now;
                    self.outgoing.repeat(now, wall, &lost, self.rtt, session, &mut self.out);
                }
                Message::KeyFrameRequest => {
                    self.counts.key_frames_asked += 1;
                    if let Some(generator) = &mut self.generator {
                        generator.ask_key_frame(now);
                    }
                }
                Message::MaxBitrate(bitrate) => self.rate.limit(bitrate),
                Message::TransportFeedback(feedback) => self.rate.feedback(now, &feedback),
                Message::Other => {}
            }
        }
        if let Some(generator) = &mut self.generator {
            generator.limit_video(self.rate.video_kbps());
        }
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
        let Ears::Judging(judge) = &mut self.ears else { return };
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

/// The round trip that a report block tells (RFC 3550 §6.4.1).
fn rtt(origin: Origin, now: Duration, blocks: &[sfu_core::rtcp::ReportBlock]) -> Option<Duration> {
    let middle = (outgoing::ntp(origin.wall + now) >> 16) as u32;
    blocks.iter().find_map(|block| {
        (block.last_sender_report != 0).then(|| {
            let units = middle.wrapping_sub(block.last_sender_report).wrapping_sub(block.delay);
            // Clocks of one machine: what looks negative is nothing.
            let units = if units > u32::MAX / 2 { 0 } else { units };
            Duration::from_secs_f64(f64::from(units) / 65_536.0)
        })
    })
}

/// As it is written into stamps.
pub(crate) fn micros(at: Duration) -> u64 {
    u64::try_from(at.as_micros()).unwrap_or(u64::MAX)
}
