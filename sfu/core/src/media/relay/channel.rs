//! One end of a call's way to another node.

use std::time::{Duration, Instant};

use arrayvec::ArrayVec;

use super::{
    Class, Malformed, Outlet,
    beginning::{Beginning, Onward, Place},
    clock::{HopClock, Stamp},
    format::{
        self, ClockNote, Control, Datagram, Envelope, MAX_ASKED, Media, media_len, nack_len,
        write_media, write_nack,
    },
    lane::{FIRST, Lane},
};
use crate::{
    api::{ChannelId, Hop, MediaKind},
    media::{
        Feedback, Kept,
        clock::RtpClock,
        control::REPAIR_SLACK,
        incoming::{Incoming, SourceId},
        missing::GivenUp,
        receive::{Arrival, ReceiveStream},
    },
    rtp::Ssrc,
};

/// Until the other node is heard, ours says so often that it is here…
const KNOCK: Duration = Duration::from_millis(50);
/// …and this often when it has not come for so many times.
const SLOW_KNOCK: Duration = Duration::from_millis(500);
const QUICK_KNOCKS: u8 = 100;
/// What is wanted is repeated this often, which measures the round trip as well…
const REFRESH: Duration = Duration::from_millis(500);
/// …and so soon and so often after it has changed: a lost cap costs the viewer's queue.
const REPEAT: Duration = Duration::from_millis(60);
const REPEATS: u8 = 2;
/// An end that has not heard us yet is answered at once, but not more often than this.
const ANSWER: Duration = Duration::from_millis(20);
/// Over a way that stands media is sent for so long to an end that has not been heard: as long as its link keeps
/// what comes too early. Longer than the commands for a bridge are apart.
const UNHEARD: Duration = Duration::from_secs(2);
/// Assumed until the round trip is measured.
const DEFAULT_RTT: Duration = Duration::from_millis(100);
/// A round trip above this is a clock gone wrong.
const MAX_RTT: Duration = Duration::from_secs(10);

/// What a datagram from the other node comes to.
#[derive(Debug)]
pub enum Received {
    /// Nothing is left to do.
    Nothing,
    /// The other node is there: from now on media may be sent to it.
    Opened(Feedback),
    /// What the viewer over there wants.
    Feedback(Feedback),
    /// A packet of the publisher over there; offsets are into the datagram.
    Packet {
        /// The packet.
        incoming: Incoming,
        /// Packets before it are lost for good.
        lost: bool,
    },
    /// The same of several, the first of which was missing; offsets are into the datagrams they were kept from.
    Packets(Kept),
}

/// See the module.
#[derive(Debug)]
pub struct Channel {
    id: ChannelId,
    hop: Hop,
    clock: HopClock,
    /// By kind.
    lanes: [Lane; 2],
    streams: [ReceiveStream; 2],
    /// Of video.
    beginning: Beginning,
    /// What the other node knows of the publisher here, by kind.
    told: [Told; 2],
    /// The clocks of the publisher over there, by kind.
    clocks: [Option<RtpClock>; 2],
    wishes: Wishes,
    heard: Option<Heard>,
    /// Until when media is sent although the other node has not been heard.
    unheard_until: Option<Instant>,
    /// A key frame was among it.
    began_with_key_frame: bool,
    /// What the way to the other node leaves for the publisher here, in bit/s.
    limit: Option<u64>,
    rtt: Option<Duration>,
}

#[derive(Debug, Default)]
struct Told {
    source: Option<SourceId>,
    /// Counts its changes.
    number: u8,
    clock: Option<RtpClock>,
}

/// What the viewer here wants.
#[derive(Debug)]
struct Wishes {
    key_frames: u16,
    cap: Option<u64>,
    due: Instant,
    said: Option<Instant>,
    /// Repeats left.
    repeats: u8,
}

/// What was heard from the other node.
#[derive(Debug, Clone, Copy)]
struct Heard {
    stamp: Stamp,
    at: Instant,
    key_frames: u16,
    cap: Option<u32>,
}

impl Channel {
    /// Our end of a channel, which begins to say so; `is_up`: the way to the other node stands.
    pub fn new(now: Instant, id: ChannelId, hop: Hop, is_up: bool) -> Self {
        Self {
            id,
            hop,
            clock: HopClock::new(now),
            lanes: [MediaKind::Audio, MediaKind::Video].map(Lane::new),
            streams: [ReceiveStream::new(Ssrc(0)), ReceiveStream::beginning_with(Ssrc(1), FIRST)],
            beginning: Beginning::Unseen,
            told: Default::default(),
            clocks: [None; 2],
            wishes: Wishes {
                key_frames: 0,
                cap: None,
                due: now,
                said: None,
                repeats: QUICK_KNOCKS,
            },
            heard: None,
            unheard_until: is_up.then(|| now + UNHEARD),
            began_with_key_frame: false,
            limit: None,
            rtt: None,
        }
    }

    /// Its name on the hop.
    pub fn id(&self) -> ChannelId {
        self.id
    }

    /// Over which of the node's links it leads.
    pub fn hop(&self) -> Hop {
        self.hop
    }

    /// The way to the other node leaves so much for the publisher here, in bit/s. Returns what the
    /// publisher is held to from now on, if the viewer over there has said what it takes.
    pub fn limit(&mut self, bitrate: Option<u64>) -> Option<u64> {
        self.limit = bitrate;
        self.limited(self.heard?.cap)
    }

    /// What the publisher here is held to: what the viewer takes, or less.
    fn limited(&self, cap: Option<u32>) -> Option<u64> {
        let cap = cap.map(u64::from)?;
        Some(self.limit.map_or(cap, |limit| limit.min(cap)))
    }

    /// Whether the other node has been heard.
    fn is_open(&self) -> bool {
        self.heard.is_some()
    }

    /// Whether the other node takes media, or will have taken it by the time that it arrives.
    pub fn takes_media(&self, now: Instant) -> bool {
        self.is_open() || self.unheard_until.is_some_and(|until| now < until)
    }

    /// Round trip between the nodes, as measured by this channel.
    pub fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    fn assumed_rtt(&self) -> Duration {
        self.rtt.unwrap_or(DEFAULT_RTT)
    }

    /// Sends a publisher's packet to the other node. `packet` is what the publisher's leg took
    /// apart.
    pub fn send(&mut self, now: Instant, incoming: &Incoming, packet: &[u8], outlet: &mut Outlet) {
        let kind = incoming.kind();
        self.began_with_key_frame |= incoming.starts_key_frame && !self.is_open();
        let told = &mut self.told[kind as usize];
        if told.source != Some(incoming.source) {
            told.source = Some(incoming.source);
            told.number = told.number.wrapping_add(1);
            told.clock = None;
        }
        // Said once: should it be lost, it is repeated with its packet, and the next report has
        // another.
        let clock = incoming.clock.filter(|clock| told.clock != Some(*clock));
        told.clock = clock.or(told.clock);
        let envelope = Envelope {
            channel: self.id,
            number: self.lanes[kind as usize].number(),
            source: told.number,
            arrived: self.clock.stamp(now),
            clock: clock.and_then(|clock| note(clock, now)),
        };
        let data = outlet.write(self.hop, class(kind), media_len(incoming), |out| {
            write_media(out, &envelope, incoming, packet);
        });
        self.lanes[kind as usize].sent(now, data);
    }

    /// Passes on what the viewer here wants.
    pub fn tell(&mut self, now: Instant, feedback: Feedback) {
        if feedback.key_frame {
            self.wishes.key_frames = self.wishes.key_frames.wrapping_add(1);
        }
        self.wishes.cap = feedback.max_bitrate.or(self.wishes.cap);
        self.wishes.due = now;
        if self.is_open() {
            self.wishes.repeats = REPEATS;
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn next_timeout(&self) -> Instant {
        let missing = self.streams.iter().filter_map(|stream| stream.missing.next_due());
        missing.fold(self.wishes.due, Instant::min)
    }

    /// Says and asks what is due. True if video was given up.
    pub fn handle_timeout(&mut self, now: Instant, outlet: &mut Outlet) -> bool {
        if self.wishes.due <= now {
            self.say(now, outlet);
        }
        let mut video_lost = false;
        for kind in [MediaKind::Audio, MediaKind::Video] {
            if self.streams[kind as usize].missing.next_due().is_some_and(|due| due <= now) {
                let lost = self.ask(now, kind, outlet);
                outlet.counters.lost += lost;
                video_lost |= lost > 0 && kind == MediaKind::Video;
            }
        }
        video_lost
    }

    fn say(&mut self, now: Instant, outlet: &mut Outlet) {
        let control = Control {
            stamp: self.clock.stamp(now),
            echo: self.heard.map(|heard| {
                let delay = now.saturating_duration_since(heard.at).as_micros();
                (heard.stamp, u32::try_from(delay).unwrap_or(u32::MAX))
            }),
            key_frames: self.wishes.key_frames,
            cap: self.wishes.cap.map(|cap| u32::try_from(cap).unwrap_or(u32::MAX)),
        };
        outlet.write(self.hop, Class::Urgent, Control::LEN, |out| control.write(out, self.id));
        let again = match (self.heard, self.wishes.repeats) {
            (None, 0) => SLOW_KNOCK,
            (None, _) => KNOCK,
            (Some(_), 0) => REFRESH,
            (Some(_), _) => REPEAT,
        };
        self.wishes.repeats = self.wishes.repeats.saturating_sub(1);
        self.wishes.said = Some(now);
        self.wishes.due = now + again;
    }

    /// Asks for what is missing; how many packets were given up.
    fn ask(&mut self, now: Instant, kind: MediaKind, outlet: &mut Outlet) -> u64 {
        let rtt = self.assumed_rtt();
        let mut asked: ArrayVec<u16, MAX_ASKED> = ArrayVec::new();
        let missing = &mut self.streams[kind as usize].missing;
        let collected = missing.collect(now, rtt, |number| asked.try_push(number).is_ok());
        if !asked.is_empty() {
            outlet.counters.asked += asked.len() as u64;
            outlet.write(self.hop, Class::Urgent, nack_len(asked.len()), |out| {
                write_nack(out, self.id, kind, &asked);
            });
        }
        collected.err().map_or(0, |GivenUp(packets)| packets)
    }

    /// Takes a datagram from the other node.
    ///
    /// # Errors
    /// When it is none; nothing has changed then.
    pub fn receive(
        &mut self,
        now: Instant,
        data: &[u8],
        outlet: &mut Outlet,
    ) -> Result<Received, Malformed> {
        Ok(match Datagram::parse(data)? {
            Datagram::Media(media) => self.on_media(now, media, data, outlet),
            Datagram::Control(control) => self.on_control(now, control),
            Datagram::Nack { kind, numbers } => {
                self.on_nack(now, kind, numbers, outlet);
                Received::Nothing
            }
        })
    }

    fn on_media(
        &mut self,
        now: Instant,
        media: Media,
        data: &[u8],
        outlet: &mut Outlet,
    ) -> Received {
        let arrived = self.clock.heard(now, media.arrived);
        let kind = media.codec.kind();
        let stream = &mut self.streams[kind as usize];
        let was_asked_for = stream.missing.was_asked_for(media.number);
        let clock_rate = media.codec.clock_rate();
        let (_, lost) = match stream.on_packet(now, media.number, media.timestamp, clock_rate, true)
        {
            Arrival::New(number) => (number, 0),
            Arrival::NewAfterLoss(number, lost) => (number, lost),
            Arrival::Duplicate | Arrival::Stray => {
                outlet.counters.duplicates += 1;
                return Received::Nothing;
            }
        };
        outlet.counters.packets_in += 1;
        outlet.counters.repaired += u64::from(was_asked_for);
        outlet.counters.lost += lost;
        if let Some(ClockNote { age, timestamp }) = media.clock
            && let Some(at) = arrived.checked_sub(Duration::from_micros(u64::from(age)))
        {
            self.clocks[kind as usize] = Some(RtpClock::new(at, timestamp));
        }
        let incoming = Incoming {
            codec: media.codec,
            source: SourceId { ssrc: Ssrc(u32::from(media.source)), generation: 0 },
            sequence: u64::from(media.sequence),
            timestamp: media.timestamp,
            marker: media.marker,
            starts_key_frame: media.starts_key_frame,
            layer: media.layer,
            repair: media.repair.max(stream.repair_time.wait(now)),
            // The hop does not tell, and its own is short.
            queued: false,
            payload: media.payload,
            extensions: media.extensions,
            clock: self.clocks[kind as usize],
        };
        if kind == MediaKind::Audio {
            return Received::Packet { incoming, lost: false };
        }
        let place = Place {
            incoming: &incoming,
            data,
            is_first: media.number == FIRST,
            is_repaired: stream.missing.next_due().is_some(),
        };
        let patience = 2 * self.assumed_rtt() + REPAIR_SLACK;
        match self.beginning.take(now, place, patience) {
            Onward::Go => Received::Packet { incoming, lost: lost > 0 },
            Onward::Wait => Received::Nothing,
            Onward::GoWith(kept) => Received::Packets(kept),
        }
    }

    fn on_control(&mut self, now: Instant, control: Control) -> Received {
        self.clock.heard(now, control.stamp);
        if let Some((echo, delay)) = control.echo {
            let round = echo.before(self.clock.stamp(now));
            let rtt = round.and_then(|r| r.checked_sub(Duration::from_micros(delay.into())));
            if let Some(rtt) = rtt.filter(|rtt| *rtt <= MAX_RTT) {
                self.rtt = Some(self.rtt.map_or(rtt, |known| (known * 7 + rtt) / 8));
            }
        } else {
            // It has not heard us: nothing that we have said may have arrived.
            let at = self.wishes.said.map_or(now, |said| (said + ANSWER).max(now));
            self.wishes.due = self.wishes.due.min(at);
        }
        let former = self.heard;
        if former.is_some_and(|former| control.stamp.before(former.stamp).is_some()) {
            // Overtaken on the way, or said twice.
            return Received::Nothing;
        }
        let Control { stamp, key_frames, cap, .. } = control;
        self.heard = Some(Heard { stamp, at: now, key_frames, cap });
        let Some(former) = former else {
            self.wishes.due = now;
            self.wishes.repeats = REPEATS;
            let max_bitrate = self.limited(cap);
            // A wish from before our first picture has come there is fulfilled by it; where it was lost, it is said again.
            let under_way = self.began_with_key_frame && self.unheard_until >= Some(now);
            let feedback = Feedback { key_frame: key_frames > 0 && !under_way, max_bitrate };
            return Received::Opened(feedback);
        };
        let key_frame = former.key_frames != key_frames;
        let max_bitrate = self.limited(cap.filter(|_| former.cap != cap));
        if key_frame || max_bitrate.is_some() {
            Received::Feedback(Feedback { key_frame, max_bitrate })
        } else {
            Received::Nothing
        }
    }

    fn on_nack(&mut self, now: Instant, kind: MediaKind, numbers: &[u8], outlet: &mut Outlet) {
        let rtt = self.assumed_rtt();
        for number in format::numbers(numbers) {
            match self.lanes[kind as usize].repeat(now, number, rtt) {
                Some(data) => {
                    outlet.counters.repeated += 1;
                    outlet.push(self.hop, class(kind), data);
                }
                None => outlet.counters.not_repeated += 1,
            }
        }
    }
}

fn class(kind: MediaKind) -> Class {
    match kind {
        MediaKind::Audio => Class::Urgent,
        MediaKind::Video => Class::Video,
    }
}

fn note(clock: RtpClock, now: Instant) -> Option<ClockNote> {
    let (age, timestamp) = clock.told(now);
    Some(ClockNote { age: u32::try_from(age.as_micros()).ok()?, timestamp })
}
