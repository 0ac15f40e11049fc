//! One participant's transport: ICE, DTLS, SRTP and the media half, as one value that can move to
//! another worker.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{
    api::{
        CallId, CloseReason, DtlsVersion, Epoch, LegId, MAX_TRANSMIT, Path, Quality, SrtpProfile,
    },
    dtls::{self, Association, Certificate, Profiles},
    ice::{self, Agent},
    media::{Counters, Incoming, MAX_PACKET, MediaLeg, Outgoing, Run, relay::Channel},
    sdp::{Fingerprint, LocalSsrcs},
    srtp::{self, OpenError, Session},
};

/// Room for the largest datagram we make or a certificate on its way through.
pub(crate) const DATAGRAM_LEN: usize = MAX_TRANSMIT;
const _: () = assert!(DATAGRAM_LEN >= MAX_PACKET + srtp::MAX_OVERHEAD);

/// Handshake datagrams waiting to be sent. A flight has at most four; more pile up only if the
/// shell does not drain, and DTLS repeats what is lost.
const MAX_HANDSHAKE_QUEUE: usize = 16;

/// How often the quality of a bridged leg is reported.
const QUALITY_INTERVAL: Duration = Duration::from_secs(2);

/// The leg is part of this call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bridged {
    pub(crate) call: CallId,
    pub(crate) epoch: Epoch,
    /// The other leg.
    pub(crate) far: Far,
    quality_due: Instant,
}

/// Where the other leg of a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Far {
    /// In this core, under this key.
    Here(usize),
    /// On another node; the leg's channel leads there.
    Remote(LegId),
}

/// Whether a leg stands in its core's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queued {
    /// It does not.
    No,
    /// A packet came from its peer. That leaves nothing to send but what falls due by it.
    Heard,
    /// It may have something to send.
    Sends,
}

/// How far the transport has come.
enum Transport {
    /// No check has been validated: nothing may be sent.
    Waiting,
    /// ICE works, DTLS has not begun.
    Connected,
    /// ICE works, DTLS is at work.
    Handshaking(Box<Association>),
    /// Media can flow.
    Warm(Box<Association>, Box<Session>),
}

/// What a leg tells the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LegEvent {
    Warm(DtlsVersion, SrtpProfile),
    Silent,
    Closed(CloseReason),
}

/// What every answer of a leg repeats.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) ssrcs: LocalSsrcs,
    pub(crate) cname: String,
    pub(crate) session_id: u64,
    pub(crate) session_version: u64,
}

/// See the module.
pub(crate) struct Leg {
    pub(crate) id: LegId,
    pub(crate) ice: Agent,
    pub(crate) identity: Identity,
    pub(crate) media: MediaLeg,
    pub(crate) bridged: Option<Bridged>,
    /// The way to the other leg, if that is on another node.
    pub(crate) channel: Option<Box<Channel>>,
    /// Whether it stands in the core's queue of legs, and why.
    pub(crate) queued: Queued,
    /// How often it stands in the core's queue of steps of handshakes.
    pub(crate) dtls_steps: u8,
    transport: Transport,
    fingerprints: Vec<Fingerprint>,
    /// When DTLS wants to be called.
    dtls_due: Option<Instant>,
    handshake: VecDeque<Vec<u8>>,
    /// When the handshake began, until its first answer.
    hello_sent: Option<Instant>,
    /// The part of the media half's counters that a core has added up already.
    counted: Counters,
    /// Last authenticated datagram.
    last_heard: Instant,
    silent: bool,
}

impl Leg {
    pub(crate) fn new(
        id: LegId,
        ice: Agent,
        identity: Identity,
        media: MediaLeg,
        fingerprints: Vec<Fingerprint>,
        now: Instant,
    ) -> Self {
        Self {
            id,
            ice,
            identity,
            media,
            bridged: None,
            channel: None,
            queued: Queued::No,
            dtls_steps: 0,
            transport: Transport::Waiting,
            fingerprints,
            dtls_due: None,
            handshake: VecDeque::new(),
            hello_sent: None,
            counted: Counters::default(),
            last_heard: now,
            silent: false,
        }
    }

    /// The peer's certificate must match one of these.
    pub(crate) fn fingerprints(&self) -> &[Fingerprint] {
        &self.fingerprints
    }

    pub(crate) fn is_warm(&self) -> bool {
        matches!(self.transport, Transport::Warm(..))
    }

    /// What is due for the media half stays due until it is sent, so a leg that can send nothing
    /// is not asked.
    fn media_can_flow(&self) -> bool {
        self.is_warm() && self.ice.is_open()
    }

    /// A path takes nothing for now, or takes something again.
    pub(crate) fn set_blocked(&mut self, now: Instant, path: Path, blocked: bool) {
        self.ice.set_blocked(path, blocked);
        self.media.set_held_up(now, !self.ice.is_open());
    }

    /// A check has been validated. True for the first.
    pub(crate) fn checked(&mut self, now: Instant) -> bool {
        self.heard(now);
        let first = matches!(self.transport, Transport::Waiting);
        if first {
            self.transport = Transport::Connected;
        }
        first
    }

    /// Whether the handshake can begin and has not.
    pub(crate) fn awaits_handshake(&self) -> bool {
        matches!(self.transport, Transport::Connected)
    }

    /// Begins the handshake.
    pub(crate) fn connect(&mut self, certificate: &Certificate, profiles: Profiles, now: Instant) {
        let mut dtls = Association::connect(certificate, profiles, self.fingerprints.clone(), now);
        dtls.handle_timeout(now);
        self.transport = Transport::Handshaking(Box::new(dtls));
        self.hello_sent = Some(now);
    }

    fn heard(&mut self, now: Instant) {
        self.last_heard = now;
        self.silent = false;
    }

    /// Takes a DTLS datagram from a validated path. False if it was dropped.
    pub(crate) fn handle_dtls(&mut self, now: Instant, data: &[u8]) -> bool {
        let taken = match &mut self.transport {
            Transport::Waiting | Transport::Connected => false,
            Transport::Handshaking(dtls) | Transport::Warm(dtls, _) => {
                dtls.handle_packet(now, data)
            }
        };
        if taken && let Some(sent) = self.hello_sent.take() {
            self.media.seed_rtt(now.saturating_duration_since(sent));
        }
        taken
    }

    /// Where in this core the peer's packets go to.
    pub(crate) fn viewer(&self) -> Option<usize> {
        match self.bridged?.far {
            Far::Here(key) => Some(key),
            Far::Remote(_) => None,
        }
    }

    /// A look at what packets of the peer need of the leg itself, and…
    pub(crate) fn glance_inbound(&self) -> u64 {
        self.media.glance_inbound() ^ u64::from(self.silent) ^ u64::from(self.is_warm())
    }

    /// …that it only points at; the same for packets to the peer, of the leg, and…
    pub(crate) fn glance_beyond_inbound(&self, run: Run) -> u64 {
        self.session().map_or(0, Session::glance_inbound) ^ self.media.glance_beyond_inbound(run)
    }

    pub(crate) fn glance_outbound(&self, run: Run) -> u64 {
        self.media.glance_outbound(run)
            ^ u64::from(self.silent)
            ^ u64::from(self.ice.is_open())
            ^ u64::from(self.bridged.is_some())
    }

    /// …beyond it.
    pub(crate) fn glance_beyond_outbound(&self, run: Run) -> u64 {
        self.session().map_or(0, Session::glance_outbound) ^ self.media.glance_beyond_outbound(run)
    }

    fn session(&self) -> Option<&Session> {
        match &self.transport {
            Transport::Warm(_, session) => Some(session),
            _ => None,
        }
    }

    /// Opens an SRTP packet that had come `waited` ago, and lets the media half read it. `Ok(None)`: there is
    /// nothing to forward.
    pub(crate) fn handle_rtp<'a>(
        &mut self,
        now: Instant,
        waited: Duration,
        data: &'a mut [u8],
    ) -> Result<Option<(Incoming, &'a [u8])>, PacketError> {
        let Transport::Warm(_, session) = &mut self.transport else {
            return Err(PacketError::NoKeys);
        };
        let packet = session.inbound.open_rtp(data)?;
        self.heard(now);
        Ok(self.media.receive_waiting(now, waited, packet).map(|incoming| (incoming, &*packet)))
    }

    /// Opens an SRTCP packet and lets the media half read it.
    pub(crate) fn handle_rtcp(&mut self, now: Instant, data: &mut [u8]) -> Result<(), PacketError> {
        let Transport::Warm(_, session) = &mut self.transport else {
            return Err(PacketError::NoKeys);
        };
        let packet = session.inbound.open_rtcp(data)?;
        self.heard(now);
        self.media.receive_rtcp(now, packet);
        Ok(())
    }

    /// Drains DTLS: datagrams are queued, keys are installed.
    pub(crate) fn drive_dtls(&mut self, now: Instant) -> Option<LegEvent> {
        let mut buffer = [0; DATAGRAM_LEN];
        let mut warm = None;
        loop {
            let (Transport::Handshaking(dtls) | Transport::Warm(dtls, _)) = &mut self.transport
            else {
                return None;
            };
            match dtls.poll(&mut buffer, now) {
                dtls::Output::Packet(len) => {
                    if self.handshake.len() < MAX_HANDSHAKE_QUEUE {
                        self.handshake.push_back(buffer[..len].to_vec());
                    }
                }
                dtls::Output::Established { version, profile, material } => {
                    let session = Box::new(Session::new(profile, &material));
                    self.transport =
                        match std::mem::replace(&mut self.transport, Transport::Waiting) {
                            Transport::Handshaking(dtls) => Transport::Warm(dtls, session),
                            other => other,
                        };
                    // The flight that ends the handshake comes after the keys: go on.
                    warm = Some(LegEvent::Warm(version, profile));
                }
                dtls::Output::PeerClosed => {
                    return Some(LegEvent::Closed(CloseReason::PeerClosed));
                }
                dtls::Output::Failed => return Some(LegEvent::Closed(CloseReason::DtlsFailed)),
                dtls::Output::Idle(due) => {
                    self.dtls_due = Some(due);
                    return warm;
                }
            }
        }
    }

    /// Says goodbye to the peer; drained with [`Leg::poll_packet`].
    pub(crate) fn say_goodbye(&mut self, now: Instant) {
        if let Transport::Warm(dtls, _) = &mut self.transport {
            dtls.close();
            self.drive_dtls(now);
        }
    }

    /// When [`Leg::handle_timeout`] has something to do.
    pub(crate) fn next_timeout(&self) -> Instant {
        let consent = match self.transport {
            Transport::Waiting => self.ice.last_check() + ice::CONNECT_TIMEOUT,
            _ => self.ice.last_check() + ice::CONSENT_TIMEOUT,
        };
        let silence = (!self.silent && !matches!(self.transport, Transport::Waiting))
            .then(|| self.last_heard + ice::SILENT_AFTER);
        let media = if self.media_can_flow() { self.media.next_timeout() } else { None };
        let quality = self.bridged.map(|bridged| bridged.quality_due);
        let channel = self.channel.as_ref().map(|channel| channel.next_timeout());
        [silence, self.dtls_due, media, quality, channel]
            .into_iter()
            .flatten()
            .fold(consent, Instant::min)
    }

    /// Until when there is nothing to send, if nothing but a packet from the peer has come since the
    /// leg was drained.
    pub(crate) fn idle_until(&mut self, now: Instant) -> Option<Instant> {
        self.media.settle_control();
        let due = self.next_timeout();
        (due > now && !self.media.postpones_probes()).then_some(due)
    }

    /// Does what is due, except the quality report.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<LegEvent> {
        let quiet = now.saturating_duration_since(self.ice.last_check());
        match &mut self.transport {
            Transport::Waiting => {
                return (quiet >= ice::CONNECT_TIMEOUT)
                    .then_some(LegEvent::Closed(CloseReason::NeverConnected));
            }
            _ if quiet >= ice::CONSENT_TIMEOUT => {
                return Some(LegEvent::Closed(CloseReason::ConsentLost));
            }
            Transport::Connected => {}
            Transport::Handshaking(dtls) | Transport::Warm(dtls, _) => {
                if self.dtls_due.is_some_and(|due| due <= now) {
                    dtls.handle_timeout(now);
                    if let Some(event) = self.drive_dtls(now) {
                        return Some(event);
                    }
                }
            }
        }
        if self.media_can_flow() && self.media.next_timeout().is_some_and(|due| due <= now) {
            self.media.handle_timeout(now);
        }
        if !self.silent && now.saturating_duration_since(self.last_heard) >= ice::SILENT_AFTER {
            self.silent = true;
            return Some(LegEvent::Silent);
        }
        None
    }

    /// What the media half has counted and no core has added up.
    pub(crate) fn uncounted(&self) -> Counters {
        self.media.counters().since(&self.counted)
    }

    /// The same, for the last time: from now on it counts as added up.
    pub(crate) fn count(&mut self) -> Counters {
        let uncounted = self.uncounted();
        self.counted = *self.media.counters();
        uncounted
    }

    /// Makes the leg part of a call.
    pub(crate) fn bridge(&mut self, now: Instant, call: CallId, epoch: Epoch, far: Far) {
        self.bridged = Some(Bridged { call, epoch, far, quality_due: now + QUALITY_INTERVAL });
        if self.is_warm() {
            self.media.start_forwarding(now);
        }
    }

    /// Takes the leg out of its call. The last report of its quality is returned.
    pub(crate) fn unbridge(&mut self, now: Instant) -> Option<(CallId, Quality)> {
        let bridged = self.bridged.take()?;
        self.media.stop_forwarding();
        Some((bridged.call, self.media.take_quality(now)))
    }

    /// The report on the quality, if one is due.
    pub(crate) fn due_quality(&mut self, now: Instant) -> Option<(CallId, Quality)> {
        let bridged = self.bridged.as_mut().filter(|bridged| bridged.quality_due <= now)?;
        bridged.quality_due = now + QUALITY_INTERVAL;
        Some((bridged.call, self.media.take_quality(now)))
    }

    /// Writes the next datagram for the peer into `buffer`, which holds [`DATAGRAM_LEN`] bytes.
    /// Packets that cannot be sealed are counted in `unsealed`: our own media half made them
    /// wrong, sending nothing is the only safe thing, and the peer repairs it like any loss.
    pub(crate) fn poll_packet(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        unsealed: &mut u64,
    ) -> Option<(Path, usize)> {
        if !self.ice.is_open() {
            return None;
        }
        if let Some(datagram) = self.handshake.pop_front() {
            buffer[..datagram.len()].copy_from_slice(&datagram);
            return Some((self.ice.send_path()?, datagram.len()));
        }
        let Transport::Warm(_, session) = &mut self.transport else { return None };
        while let Some(outgoing) = self.media.poll_packet(now, &mut buffer[..MAX_PACKET]) {
            let sealed = match outgoing {
                Outgoing::Rtp(len) => session.outbound.seal_rtp(buffer, len),
                Outgoing::Rtcp(len) => session.outbound.seal_rtcp(buffer, len),
            };
            match sealed {
                Ok(len) => return Some((self.ice.send_path()?, len)),
                Err(_) => *unsealed += 1,
            }
        }
        None
    }
}

impl std::fmt::Debug for Leg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let transport = match self.transport {
            Transport::Waiting => "waiting",
            Transport::Connected => "connected",
            Transport::Handshaking(_) => "handshaking",
            Transport::Warm(..) => "warm",
        };
        f.debug_struct("Leg")
            .field("id", &self.id)
            .field("transport", &transport)
            .finish_non_exhaustive()
    }
}

/// Why a media packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PacketError {
    /// The handshake is not done.
    NoKeys,
    /// SRTP refused it.
    Open(OpenError),
}

impl From<OpenError> for PacketError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}
