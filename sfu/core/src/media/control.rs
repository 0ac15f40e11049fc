//! RTCP of a leg: feedback both ways.

use std::time::{Duration, Instant};

use ::rtcp::{
    payload_feedbacks::{
        picture_loss_indication::PictureLossIndication,
        receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate,
    },
    transport_feedbacks::transport_layer_nack::{
        TransportLayerNack, nack_pairs_from_sequence_numbers,
    },
};
use arrayvec::ArrayVec;
use shared::marshal::Marshal;

use super::{
    Kept, MediaEvent, MediaLeg,
    forgiven::Way,
    leg::ControlDue,
    missing::GivenUp,
    patience::LONG_QUEUE,
    room::{Seen, TRIED},
    sent::Told,
};
use crate::{
    api::MediaKind,
    rtcp::{Message, Messages},
    rtp::Ssrc,
};

/// Reports end this long after the last packet.
const REPORT_TAIL: Duration = Duration::from_secs(5);
/// Packets asked for in one NACK: one screenful of losses, well below a datagram.
const MAX_ASKED: usize = 64;
/// What has overflowed a queue of the publisher's own and takes longer than this to be repeated, with what the publisher
/// may send until the queue is gone, is not worth it: a key frame is there sooner. Browsers send repeats before new pictures,
/// and all of it hardly faster than they are told.
const LONGEST_REPAIR: Duration = Duration::from_millis(200);
/// Added to the two round trips in which a viewer may still complete a key frame: its own scheduling.
pub(super) const REPAIR_SLACK: Duration = Duration::from_millis(100);

impl MediaLeg {
    /// Takes a decrypted RTCP packet, compound or reduced-size, from the peer.
    pub fn receive_rtcp(&mut self, now: Instant, packet: &[u8]) {
        self.control_due = ControlDue::Unknown;
        for message in Messages::new(packet) {
            match message {
                Ok(message) => self.on_message(now, message),
                Err(_) => self.counters.malformed_rtcp += 1,
            }
            self.unsettle();
        }
    }

    fn on_message(&mut self, now: Instant, message: Message<'_>) {
        match message {
            Message::SenderReport { ssrc, ntp, timestamp, blocks } => {
                for stream in self.inbound.streams.iter_mut().flatten().filter(|s| s.ssrc == ssrc) {
                    let clock =
                        self.inbound.peer_clock.on_sender_report(&self.ntp, now, ntp, timestamp);
                    stream.on_sender_report(now, ntp, clock);
                }
                self.on_report_blocks(now, &blocks);
            }
            Message::ReceiverReport(blocks) => self.on_report_blocks(now, &blocks),
            Message::Nack { ssrc, lost } => self.on_nack(now, ssrc, &lost),
            Message::KeyFrameRequest => {
                self.counters.key_frame_requests += 1;
                let repair = 2 * (self.rtt() + self.outbound.estimator.queue()) + REPAIR_SLACK;
                let video = &self.outbound.streams[MediaKind::Video as usize];
                if !video.key_frame.is_under_way(now, repair) {
                    self.need_key_frame(now);
                }
                if self.begins(now) && !self.outbound.estimator.is_congested(now) {
                    self.repeat_beginning(now);
                }
            }
            Message::MaxBitrate(bitrate) => self.outbound.peer_limit = Some(bitrate),
            Message::TransportFeedback(feedback) if !self.is_forwarding() => {
                self.on_answer(now, &feedback);
            }
            Message::TransportFeedback(feedback) => {
                self.outbound.has_transport_feedback = true;
                let rtt = self.rtt();
                let estimator = &mut self.outbound.estimator;
                let was_blind = estimator.begin_feedback(now, rtt);
                let video = &self.outbound.streams[MediaKind::Video as usize];
                let (repeats, lateness) = (&mut self.outbound.repeats, &mut self.outbound.lateness);
                self.outbound.sent.on_feedback(
                    &feedback,
                    |result| estimator.on_packet(result),
                    |told| match told {
                        Told::Missing(position) => repeats.told(now, video.near(position), false),
                        Told::Late(position) => repeats.told(now, video.near(position), true),
                        Told::Ended(timestamp, at) => lateness.on_picture(timestamp, at),
                    },
                );
                estimator.end_feedback(now, rtt);
                if estimator.queue() >= LONG_QUEUE {
                    self.outbound.habit.queued(now);
                }
                self.outbound.pacer.reconsider();
                if was_blind {
                    self.need_key_frame(now);
                }
            }
            Message::Other => {}
        }
    }

    /// Does what is due. Drain [`Self::poll_packet`] and [`Self::take_feedback`] afterwards: what
    /// is to be sent is written there.
    pub fn handle_timeout(&mut self, now: Instant) {
        let ended = now.saturating_duration_since(self.last_media) > REPORT_TAIL;
        if ended && self.report_due.is_some_and(|due| due <= now) {
            self.report_due = None;
            self.inbound.kept = Kept::default();
            for stream in &mut self.outbound.streams {
                stream.cache.free();
            }
        }
        self.look_for_room(now);
    }

    /// Looks whether the peer's way may carry more than the peer uses.
    fn look_for_room(&mut self, now: Instant) {
        let Some(told) = self.inbound.cap.told() else { return };
        if !self.inbound.room.is_due(now) || self.inbound.brake.is_wary(now) {
            return;
        }
        // A try that makes something wait costs more there, and what is passed over leaves the publisher to find out by itself.
        if self.inbound.arrivals.are_lossy() {
            return;
        }
        let at = self.micros(now);
        let Some(through) = self.inbound.brake.through(at) else { return };
        let (calm, carries) = (self.inbound.brake.calm(now), self.inbound.brake.carries());
        if self.inbound.room.look(now, Seen { calm, through, carries, told }) {
            let up_to = carries.map(|carries| (TRIED * carries) as u64);
            self.push_event(MediaEvent::Room { up_to });
        }
    }

    /// When to ask the peer for a key frame. A stream of which nothing has ever come begins with
    /// one by itself.
    pub(super) fn key_frame_due(&self) -> Option<Instant> {
        let latest = self.inbound.streams[MediaKind::Video as usize].as_ref()?.latest()?;
        self.inbound.key_frame_asks.due(self.rtt(), latest)
    }

    /// When to tell the peer what it may send.
    pub(super) fn cap_due(&self) -> Option<Instant> {
        let obeys = self.section(MediaKind::Video).is_some_and(|media| media.remb);
        let latest = self.inbound.streams[MediaKind::Video as usize].as_ref()?.latest()?;
        if obeys { self.inbound.cap.due(latest) } else { None }
    }

    /// When feedback is due next.
    pub(super) fn next_control(&self) -> Option<Instant> {
        let missing =
            self.inbound.streams.iter().flatten().filter_map(|stream| stream.missing.next_due());
        [self.inbound.arrivals.due(), self.key_frame_due(), self.cap_due()]
            .into_iter()
            .flatten()
            .chain(missing)
            .min()
    }

    /// Notes when feedback is due next.
    pub(crate) fn settle_control(&mut self) {
        if let ControlDue::Unknown = self.control_due {
            self.control_due = ControlDue::At(self.next_control());
        }
    }

    /// Feedback that is due, one message at a time.
    pub(super) fn poll_control(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        self.settle_control();
        if let ControlDue::At(due) = self.control_due
            && due.is_none_or(|due| due > now)
        {
            return None;
        }
        self.control_due = ControlDue::Unknown;
        self.write_control(now, out)
    }

    fn write_control(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        for slot in 0..self.inbound.streams.len() {
            let missing =
                self.inbound.streams[slot].as_ref().and_then(|stream| stream.missing.next_due());
            if is_due(missing)
                && let Some(len) = self.write_nack(now, slot, out)
            {
                return Some(len);
            }
        }
        if is_due(self.key_frame_due()) {
            let twice = self.inbound.has_gaps();
            self.inbound.key_frame_asks.asked(now, twice);
            self.counters.key_frames_asked += 1;
            return self.write_pli(out);
        }
        if is_due(self.cap_due()) {
            let sends = self.video_rate(now);
            if let Some(bitrate) = self.inbound.cap.tell(now, sends) {
                return self.write_remb(bitrate, out);
            }
        }
        if is_due(self.inbound.arrivals.due()) { self.write_arrivals(now, out) } else { None }
    }

    /// Feedback about arrivals that has waited for media to leave, if any leaves now.
    pub(super) fn poll_arrivals(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        if self.outbound.latest_media != Some(now)
            || !self.inbound.arrivals.is_due_behind_media(now)
        {
            return None;
        }
        self.control_due = ControlDue::Unknown;
        self.write_arrivals(now, out)
    }

    fn write_arrivals(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        // Feedback is about the transport; the media source is there for form's sake.
        let media =
            self.inbound.streams.iter().flatten().last().map_or(Ssrc(0), |stream| stream.ssrc);
        let brake = &self.inbound.brake;
        let way = Way { queue: brake.queue(), drains: brake.is_draining() };
        self.inbound.arrivals.write(now, out, (self.ssrcs.video, media), way)
    }

    fn write_nack(&mut self, now: Instant, slot: usize, out: &mut [u8]) -> Option<usize> {
        let rtt = self.rtt();
        let overflows = slot == MediaKind::Video as usize && self.inbound.brake.is_draining();
        let may_send = self.inbound.cap.told().filter(|_| overflows);
        let stream = self.inbound.streams[slot].as_mut()?;
        let mut asked: ArrayVec<u16, MAX_ASKED> = ArrayVec::new();
        let collected = match may_send {
            Some(bitrate) if stream.missing.takes(bitrate) > LONGEST_REPAIR => {
                Err(stream.missing.give_up())
            }
            _ if self.behind => {
                self.counters.requests_held += 1;
                stream.missing.hold();
                Ok(())
            }
            _ => stream.missing.collect(now, rtt, |sequence| asked.try_push(sequence).is_ok()),
        };
        if let Err(GivenUp(packets)) = collected {
            self.counters.unrepaired += packets;
            self.inbound.key_frame_asks.want(now);
        }
        if asked.is_empty() {
            return None;
        }
        self.counters.nacks_sent += asked.len() as u64;
        let nack = TransportLayerNack {
            sender_ssrc: self.ssrcs.video.0,
            media_ssrc: stream.ssrc.0,
            nacks: nack_pairs_from_sequence_numbers(&asked),
        };
        nack.marshal_to(out).ok()
    }

    fn write_pli(&self, out: &mut [u8]) -> Option<usize> {
        let stream = self.inbound.streams[MediaKind::Video as usize].as_ref()?;
        PictureLossIndication { sender_ssrc: self.ssrcs.video.0, media_ssrc: stream.ssrc.0 }
            .marshal_to(out)
            .ok()
    }

    fn write_remb(&self, bitrate: u64, out: &mut [u8]) -> Option<usize> {
        let stream = self.inbound.streams[MediaKind::Video as usize].as_ref()?;
        ReceiverEstimatedMaximumBitrate {
            sender_ssrc: self.ssrcs.video.0,
            bitrate: bitrate as f32,
            ssrcs: vec![stream.ssrc.0],
        }
        .marshal_to(out)
        .ok()
    }
}
