//! Packets to the peer.

use std::time::{Duration, Instant};

use super::{
    Incoming, MAX_PACKET, MediaEvent, MediaLeg, Outgoing,
    admission::{Allowance, Forwarded},
    cache::Entry,
    held_up::HeldUp,
    lateness::Lateness,
    pacer::{Pace, Pacer},
    padding::{LARGE, Run},
    patience::Habit,
    repeats::Repeats,
    send::{Rtx, SendStream, Terms},
    sent::{Sent, Video},
};
use crate::{
    api::MediaKind,
    bwe::{Ahead, Estimator, RateMeter},
    sdp::LocalSsrcs,
};

/// The pacing rate in multiples of the target: normally, for a key frame on a way that was too
/// full a moment ago, and for all else on such a way.
const PACE: f64 = 2.5;
const PACE_KEY_FRAME: f64 = 2.0;
const PACE_CONGESTED: f64 = 1.0;
/// The same once its queue is gone: the publisher sends what it is told, nearly the target, so at the target itself
/// what has come to wait here would wait for as long as cuts follow each other, and the way would stand empty.
const PACE_DRAINED: f64 = 2.0;
/// A shorter queue than this is gone: jitter alone makes as much.
const DRAINED_QUEUE: Duration = Duration::from_millis(30);
/// On a way that loses packets by itself, cuts are frequent and mostly its noise.
const PACE_LOSSY: f64 = 1.5;
/// While a call begins on a way that is known to be narrow: what waits here lets sound pass, what waits on the way does not.
const PACE_NARROW: f64 = 1.2;
/// Behind a longer queue than this a key frame would only overflow it.
const MAX_KEY_FRAME_QUEUE: Duration = Duration::from_millis(120);
/// What may leave at once, as the time in which it is earned: a usual frame of video, which the
/// publisher has paced already, or a few packets.
const BURST: Duration = Duration::from_millis(15);
const BURST_CONGESTED: Duration = Duration::from_millis(5);
/// Video that waits is bounded by what the target carries in this time…
const MAX_WAIT: Duration = Duration::from_millis(250);
/// …or in this one, while the viewer starts with what was kept for it…
const MAX_WAIT_AT_START: Duration = Duration::from_millis(1_500);
/// …but two packets may always wait.
const MIN_ROOM: f64 = 2_500.0;

/// What is sent to the peer, and what became of it.
#[derive(Debug, Clone)]
pub(super) struct Outbound {
    /// By kind.
    pub(super) streams: [SendStream; 2],
    pub(super) repeats: Repeats,
    /// What the peer has met and how late pictures are there, for its jitter buffer.
    pub(super) habit: Habit,
    pub(super) lateness: Lateness,
    pub(super) sent: Sent,
    pub(super) estimator: Estimator,
    pub(super) pacer: Pacer,
    pub(super) held_up: HeldUp,
    /// When the latest packet left.
    pub(super) latest_media: Option<Instant>,
    /// A moment, and what says so in a packet.
    send_time: Option<(Instant, [u8; 3])>,
    pub(super) run: Option<Run>,
    /// What the way carries, asked while no call is on it, and the asking under way.
    pub(super) ahead: Ahead,
    pub(super) asking: Option<Run>,
    /// The next key frame is the first one: it is sent as a probe.
    pub(super) start_probe: bool,
    /// What waited when forwarding began has not all been sent yet.
    pub(super) starting: bool,
    /// The way was known to be narrow then.
    pub(super) narrow: bool,
    /// When forwarding began.
    pub(super) began: Option<Instant>,
    /// Video that was to be forwarded; audio and repeats that were sent.
    pub(super) offered: RateMeter,
    pub(super) audio: RateMeter,
    pub(super) repeated: RateMeter,
    /// Longest wait since the last report of quality.
    pub(super) longest_wait: Duration,
    /// REMB of a peer that sends no transport-wide feedback.
    pub(super) peer_limit: Option<u64>,
    pub(super) has_transport_feedback: bool,
}

impl Outbound {
    pub(super) fn new(now: Instant, ssrcs: &LocalSsrcs, seed: u64) -> Self {
        let mut random = Random(seed);
        let rtx = Rtx { ssrc: ssrcs.video_rtx, sequence: random.next() as u16 & 0x7fff };
        Self {
            streams: [
                SendStream::new(MediaKind::Audio, ssrcs.audio, None, random.next()),
                SendStream::new(MediaKind::Video, ssrcs.video, Some(rtx), random.next()),
            ],
            repeats: Repeats::new(now),
            habit: Habit::default(),
            lateness: Lateness::new(),
            sent: Sent::default(),
            estimator: Estimator::new(now),
            pacer: Pacer::new(now),
            held_up: HeldUp::new(now),
            latest_media: None,
            send_time: None,
            run: None,
            ahead: Ahead::new(now),
            asking: None,
            start_probe: false,
            starting: false,
            narrow: false,
            began: None,
            offered: RateMeter::default(),
            audio: RateMeter::default(),
            repeated: RateMeter::default(),
            longest_wait: Duration::ZERO,
            peer_limit: None,
            has_transport_feedback: false,
        }
    }
}

impl MediaLeg {
    /// Queues a packet of the other leg for our peer. `packet` is what the other leg's
    /// [`Self::receive_rtp`] was given.
    pub fn forward(&mut self, now: Instant, incoming: &Incoming, packet: &[u8]) {
        let kind = incoming.kind();
        let Some(media) = self.negotiated.media(kind) else { return };
        if !self.is_forwarding() || !media.direction.send {
            return;
        }
        if incoming.queued {
            self.outbound.habit.queued(now);
        }
        let allowance = match kind {
            MediaKind::Audio => Allowance::Bytes(usize::MAX),
            MediaKind::Video => {
                let at = self.micros(now);
                self.outbound.offered.add(at, incoming.payload.len());
                self.allowance(now)
            }
        };
        let terms = Terms {
            media,
            two_byte_allowed: self.negotiated.mixed_extensions,
            allowance,
            at_once: self.begins(now),
            supersedes: self.begins_narrow(now),
            repair: self.repair(now),
            late: self.outbound.lateness.usual(),
        };
        let stream = &mut self.outbound.streams[kind as usize];
        let forwarded = stream.forward(now, terms, incoming, packet, &mut self.counters);
        match forwarded {
            Forwarded::Queued { first } => {
                if first {
                    self.push_event(MediaEvent::FirstPacket(kind));
                }
                if incoming.starts_key_frame {
                    self.has_key_frame();
                }
                self.note_media(now);
            }
            Forwarded::NeedsKeyFrame => self.need_key_frame(now),
            Forwarded::Dropped => {}
        }
    }

    /// How much video may wait.
    fn allowance(&self, now: Instant) -> Allowance {
        if self.wishes.is_paused() {
            return Allowance::Paused;
        }
        if self.outbound.has_transport_feedback && self.outbound.estimator.is_blind(now, self.rtt())
        {
            return Allowance::Blind;
        }
        let wait = if self.outbound.starting { MAX_WAIT_AT_START } else { MAX_WAIT };
        let bytes = self.send_target(now) as f64 / 8.0 * wait.as_secs_f64();
        Allowance::Bytes(bytes.max(MIN_ROOM) as usize)
    }

    /// Writes the next packet to send into `out`, which holds at least [`MAX_PACKET`] bytes.
    ///
    /// Order: feedback, which the publisher waits for; audio, which is not paced; repeats, which
    /// are older than any video that waits; video; filling of a probe; feedback that has waited for
    /// something to leave; reports.
    pub fn poll_packet(&mut self, now: Instant, out: &mut [u8]) -> Option<Outgoing> {
        let out = out.get_mut(..MAX_PACKET)?;
        if let Some(len) = self.poll_control(now, out) {
            return Some(Outgoing::Rtcp(len));
        }
        let len = self
            .poll_opener(out)
            .or_else(|| self.poll_stream(now, MediaKind::Audio, out))
            .or_else(|| self.poll_paced(now, out))
            .or_else(|| self.poll_filling(now, out))
            .or_else(|| self.poll_ahead(now, out));
        if let Some(len) = len {
            self.counters.packets_out += 1;
            self.counters.bytes_out += len as u64;
            self.outbound.latest_media = Some(now);
            return Some(Outgoing::Rtp(len));
        }
        self.poll_arrivals(now, out).or_else(|| self.poll_report(now, out)).map(Outgoing::Rtcp)
    }

    /// When something that waits may be sent.
    pub(super) fn pacing_due(&self) -> Option<Instant> {
        let waits = self.outbound.repeats.wait()
            || !self.outbound.streams[MediaKind::Video as usize].backlog.is_empty();
        let opens = self.outbound.pacer.opens();
        let paced = opens.filter(|_| waits);
        // What is due while the bucket is closed waits for it.
        let repeats = [self.outbound.repeats.next_ahead(), self.outbound.repeats.next_told()]
            .map(|due| due.max(opens.filter(|_| due.is_some())));
        [paced, self.filling_due(), self.ahead_due()].into_iter().chain(repeats).flatten().min()
    }

    fn pace(&self, now: Instant) -> Pace {
        let outbound = &self.outbound;
        let key_frame = outbound.streams[MediaKind::Video as usize].backlog.has_key_frame();
        let (factor, burst) = match outbound.estimator.is_congested(now) {
            false if self.begins_narrow(now) => (PACE_NARROW, BURST_CONGESTED),
            false => (PACE, BURST),
            true if key_frame && outbound.estimator.queue() < MAX_KEY_FRAME_QUEUE => {
                (PACE_KEY_FRAME, BURST_CONGESTED)
            }
            true if self.loses_by_itself() => (PACE_LOSSY, BURST_CONGESTED),
            true if outbound.estimator.queue() < DRAINED_QUEUE => (PACE_DRAINED, BURST_CONGESTED),
            true => (PACE_CONGESTED, BURST_CONGESTED),
        };
        let bitrate = factor * self.send_target(now) as f64;
        let probe = outbound.run.as_ref().map_or(0.0, Run::bitrate);
        Pace { bitrate: bitrate.max(probe), burst }
    }

    fn poll_paced(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let video = &self.outbound.streams[MediaKind::Video as usize].backlog;
        let repeats = &self.outbound.repeats;
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        let due = is_due(repeats.next_ahead()) || is_due(repeats.next_told());
        if video.is_empty() && !repeats.wait() && !due {
            self.outbound.starting &= self.outbound.start_probe;
            return None;
        }
        let pace = self.pace(now);
        if !self.outbound.pacer.is_open(now, pace) {
            return None;
        }
        self.poll_repeat(now, out).or_else(|| self.poll_stream(now, MediaKind::Video, out))
    }

    fn poll_stream(&mut self, now: Instant, kind: MediaKind, out: &mut [u8]) -> Option<usize> {
        loop {
            let stream = &mut self.outbound.streams[kind as usize];
            let (queued, number) = stream.take_next()?;
            let position = queued.position;
            // Pushed out of the ring before it could leave.
            let Some((entry, bytes)) = stream.cache.get(position) else {
                self.counters.overflowed += 1;
                continue;
            };
            let len = bytes.len();
            let Some(place) = out.get_mut(..len) else { continue };
            place.copy_from_slice(bytes);
            entry.sent = Some(now);
            // The viewer has asked for it before it came, and will again before it has it.
            entry.repeated =
                stream.backlog.highest_sent().is_some_and(|highest| position < highest);
            let entry = *entry;
            let header_len = usize::from(entry.header_len);
            stream.number(place, header_len, position, number);
            stream.packets = stream.packets.wrapping_add(1);
            stream.octets = stream.octets.wrapping_add((len - header_len) as u32);
            let ended = queued.key_frame && queued.marker;
            let is_first = queued.key_frame && !stream.key_frame.begun;
            let complete =
                stream.key_frame.on_packet(now, position, queued.timestamp, queued.marker)
                    && !std::mem::replace(&mut stream.key_frame.begun, true);
            if kind == MediaKind::Video {
                if len >= LARGE {
                    stream.large = Some(position);
                }
                if self.sends_ahead() && queued.layer.is_needed()
                    || is_first && self.doubles_first_picture(now, len)
                {
                    self.outbound.repeats.send_ahead(now, position);
                }
                // Most leave with the batch that they came with.
                if queued.at != now {
                    let wait = now.saturating_duration_since(queued.at);
                    self.outbound.longest_wait = self.outbound.longest_wait.max(wait);
                }
                if queued.key_frame && std::mem::take(&mut self.outbound.start_probe) {
                    let bitrate = self.pace(now).bitrate;
                    self.begin_start_probe(now, bitrate);
                }
            } else {
                let at = self.micros(now);
                self.outbound.audio.add(at, len);
            }
            let video = (kind == MediaKind::Video).then(|| Video {
                position: position as u16,
                ends: queued.marker.then_some(queued.timestamp),
            });
            self.stamp(now, place, entry, video);
            if kind == MediaKind::Video {
                self.end_start_probe(now, ended);
            }
            if complete {
                self.unsettle();
                self.push_event(MediaEvent::FirstKeyFrame);
            }
            return Some(len);
        }
    }

    /// Fills in what is only known when a packet leaves. `video` leaves for the first time.
    pub(super) fn stamp(
        &mut self,
        now: Instant,
        packet: &mut [u8],
        entry: Entry,
        video: Option<Video>,
    ) {
        let (sequence_at, time_at) = (entry.transport_sequence_at, entry.send_time_at);
        self.outbound.pacer.spend(packet.len());
        if sequence_at != 0 {
            let probe = self.outbound.run.as_mut().map(|run| {
                run.sent(packet.len());
                run.id()
            });
            let sequence = self.outbound.sent.next(now, packet.len(), probe, video);
            self.outbound.estimator.on_sent(now, packet.len());
            let at = usize::from(sequence_at);
            packet[at..at + 2].copy_from_slice(&sequence.to_be_bytes());
        }
        if time_at != 0 {
            let at = usize::from(time_at);
            packet[at..at + 3].copy_from_slice(&self.send_time(now));
        }
    }

    /// 6.18 fixed point seconds: bits 14 to 37 of the NTP time. The packets of a batch have one.
    fn send_time(&mut self, now: Instant) -> [u8; 3] {
        if let Some((at, time)) = self.outbound.send_time
            && at == now
        {
            return time;
        }
        let [_, time @ ..] = ((self.ntp.ntp(now) >> 14) as u32).to_be_bytes();
        self.outbound.send_time = Some((now, time));
        time
    }

    /// Media flows: reports are due from now on.
    pub(super) fn note_media(&mut self, now: Instant) {
        self.last_media = now;
        self.report_due.get_or_insert(now + FIRST_REPORT);
    }
}

/// The first report comes soon, for the round trip and for lip-sync.
const FIRST_REPORT: Duration = Duration::from_millis(200);

/// SplitMix64: numbers that need to differ, not to be secret.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
