use std::time::{Duration, Instant};

use super::peers::{CHROMIUM, Encoder, drain, drain_first, drain_rtp, header, leg, pass};
use crate::{
    media::{MediaEvent, MediaLeg, Outgoing},
    rtcp::{Message, Messages},
};

const FRAME: Duration = Duration::from_millis(33);

/// A publisher that sends while nobody watches.
struct Ringing {
    publisher: MediaLeg,
    encoder: Encoder,
    now: Instant,
    frames: u16,
}

impl Ringing {
    fn new() -> Self {
        let now = Instant::now();
        let mut publisher = leg(CHROMIUM, now);
        publisher.seed_rtt(Duration::from_millis(50));
        Self { publisher, encoder: Encoder::new(CHROMIUM), now, frames: 0 }
    }

    fn encode(&mut self, key: bool, packets: u8) -> Vec<Vec<u8>> {
        self.now += FRAME;
        self.frames += 1;
        self.encoder.frame(u32::from(self.frames) * 3_000, key, packets, self.frames)
    }

    fn keep(&mut self, packets: &[Vec<u8>]) {
        for packet in packets {
            if let Some(incoming) = self.publisher.receive_rtp(self.now, packet) {
                self.publisher.keep(self.now, &incoming, packet);
            }
        }
    }

    fn send(&mut self, key: bool, packets: u8) {
        let frame = self.encode(key, packets);
        self.keep(&frame);
    }

    /// Whether the publisher is asked for a key frame now.
    fn is_asked(&mut self) -> bool {
        let is_request = |(outgoing, packet): &(Outgoing, Vec<u8>)| {
            matches!(outgoing, Outgoing::Rtcp(_))
                && Messages::new(packet).any(|m| matches!(m, Ok(Message::KeyFrameRequest)))
        };
        drain(&mut self.publisher, self.now).iter().any(is_request)
    }

    /// A viewer starts; the frames that it gets, packet by packet.
    fn watch(&mut self) -> (MediaLeg, Vec<u16>) {
        let mut viewer = leg(CHROMIUM, self.now);
        viewer.start_forwarding(self.now);
        for (incoming, packet) in self.publisher.take_kept(self.now).packets() {
            viewer.forward(self.now, incoming, packet);
        }
        let seen = drain_rtp(&mut viewer, self.now);
        assert!(
            seen.windows(2).all(|two| {
                header(&two[1]).sequence == header(&two[0]).sequence.wrapping_add(1)
            }),
            "no gap, none twice"
        );
        (viewer, seen.iter().map(|packet| frame_of(packet)).collect())
    }
}

fn frame_of(packet: &[u8]) -> u16 {
    let payload = &packet[header(packet).payload];
    u16::from_be_bytes([payload[3], payload[4]])
}

#[test]
fn a_viewer_starts_with_what_was_kept_and_goes_on_live() {
    let mut ringing = Ringing::new();
    ringing.send(true, 2);
    ringing.send(false, 1);
    ringing.send(true, 3);
    ringing.send(false, 1);
    ringing.send(false, 2);
    let (mut viewer, seen) = ringing.watch();
    assert_eq!(seen, [3, 3, 3, 4, 5, 5]);
    let events: Vec<_> = std::iter::from_fn(|| viewer.poll_event()).collect();
    assert!(events.contains(&MediaEvent::FirstKeyFrame));
    let feedback = viewer.take_feedback(ringing.now);
    assert!(feedback.is_none_or(|feedback| !feedback.key_frame), "none is needed");
    let live = ringing.encode(false, 1);
    pass(&mut ringing.publisher, &mut viewer, ringing.now, &live);
    let live = drain_first(&mut viewer, ringing.now);
    assert_eq!(live.iter().map(|packet| frame_of(packet)).collect::<Vec<_>>(), [6]);
    assert_eq!(viewer.counters().before_key_frame, 0);
}

#[test]
fn the_live_packet_follows_the_last_one_kept() {
    let mut ringing = Ringing::new();
    ringing.send(true, 2);
    let mut viewer = leg(CHROMIUM, ringing.now);
    viewer.start_forwarding(ringing.now);
    for (incoming, packet) in ringing.publisher.take_kept(ringing.now).packets() {
        viewer.forward(ringing.now, incoming, packet);
    }
    let live = ringing.encode(false, 1);
    pass(&mut ringing.publisher, &mut viewer, ringing.now, &live);
    let seen = drain_rtp(&mut viewer, ringing.now);
    let [.., kept, live] = &seen[..] else { panic!("{} packets", seen.len()) };
    let (kept, live) = (header(kept), header(live));
    assert_eq!(live.sequence, kept.sequence.wrapping_add(1));
    assert_eq!(live.timestamp, kept.timestamp.wrapping_add(3_000));
}

#[test]
fn a_key_frame_in_another_order_is_kept_in_order() {
    let mut ringing = Ringing::new();
    ringing.send(true, 1);
    let mut frame = ringing.encode(true, 4);
    frame.swap(0, 2);
    frame.swap(1, 3);
    ringing.keep(&frame[..3]);
    assert_eq!(ringing.publisher.clone().take_kept(ringing.now).packets().count(), 4);
    ringing.keep(&frame[3..]);
    let (_, seen) = ringing.watch();
    assert_eq!(seen, [2, 2, 2, 2], "what came before the complete key frame is gone");
}

#[test]
fn nothing_is_kept_before_a_key_frame_and_one_is_asked_for() {
    let mut ringing = Ringing::new();
    let asked: Vec<bool> = (0..12)
        .map(|_| {
            ringing.send(false, 1);
            ringing.is_asked()
        })
        .collect();
    assert_eq!(asked.iter().position(|asked| *asked), Some(10), "a track may begin with one");
    let (mut viewer, seen) = ringing.watch();
    assert!(seen.is_empty());
    assert!(viewer.take_feedback(ringing.now).is_some_and(|feedback| feedback.key_frame));
}

#[test]
fn a_publisher_that_answers_keeps_what_is_kept_half_a_second_long() {
    let mut ringing = Ringing::new();
    let mut answer_at = None;
    let mut asked_at = Vec::new();
    for number in 0..300 {
        ringing.send(number == 0 || answer_at == Some(number), 1);
        if ringing.is_asked() {
            // A round trip of 100 ms.
            answer_at = Some(number + 3);
            asked_at.push(ringing.now);
        }
        let kept = ringing.publisher.clone().take_kept(ringing.now);
        assert!((1..=17).contains(&kept.packets().count()), "{}", kept.packets().count());
    }
    assert!(asked_at.len() > 8);
    assert!(asked_at.windows(2).all(|two| two[1] - two[0] > Duration::from_millis(350)));
}

#[test]
fn a_publisher_that_does_not_answer_costs_no_more_than_two_seconds() {
    let mut ringing = Ringing::new();
    ringing.send(true, 1);
    for _ in 0..100 {
        ringing.send(false, 1);
        let kept = ringing.publisher.clone().take_kept(ringing.now);
        assert!(kept.packets().count() <= 62);
    }
    assert!(ringing.watch().1.is_empty());
}

#[test]
fn a_flood_is_not_kept() {
    let mut ringing = Ringing::new();
    ringing.send(true, 1);
    for _ in 0..10 {
        ringing.send(false, 200);
        let kept = ringing.publisher.clone().take_kept(ringing.now);
        let bytes: usize = kept.packets().map(|(_, packet)| packet.len()).sum();
        assert!(bytes <= 384 * 1024);
    }
    assert!(ringing.watch().1.is_empty());
    ringing.send(true, 1);
    assert_eq!(ringing.watch().1.len(), 1, "the next key frame begins anew");
}

#[test]
fn pictures_of_a_ring_that_ended_are_for_nobody() {
    let mut ringing = Ringing::new();
    ringing.send(true, 1);
    ringing.now += Duration::from_millis(600);
    assert!(ringing.watch().1.is_empty());

    let mut again = Ringing::new();
    again.send(true, 1);
    again.now += Duration::from_millis(600);
    again.send(false, 1);
    assert!(again.watch().1.is_empty(), "nor when the next ring begins");
}

#[test]
fn a_stream_under_another_name_begins_anew() {
    let mut ringing = Ringing::new();
    ringing.send(true, 1);
    ringing.encoder.change_ssrc(crate::api::MediaKind::Video, crate::rtp::Ssrc(4_711));
    ringing.send(false, 1);
    assert!(ringing.watch().1.is_empty());
}
