//! The first packets of a publisher's stream are lost.

use std::time::{Duration, Instant};

use super::peers::{CHROMIUM, Encoder, FIREFOX, drain, drain_rtp, header, leg, repeat};
use crate::{
    media::{MediaLeg, Onward, Outgoing},
    rtcp::{Message, Messages},
    rtp::Ssrc,
};

const RTT: Duration = Duration::from_millis(100);

/// A publisher of whom nothing has come yet, their viewer, and what goes on to it.
struct Call {
    publisher: MediaLeg,
    viewer: MediaLeg,
    encoder: Encoder,
    start: Instant,
    repeats: u16,
}

impl Call {
    fn new() -> Self {
        let start = Instant::now();
        let mut publisher = leg(CHROMIUM, start);
        publisher.seed_rtt(RTT);
        let mut viewer = leg(FIREFOX, start);
        viewer.start_forwarding(start);
        Self { publisher, viewer, encoder: Encoder::new(CHROMIUM), start, repeats: 0 }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    /// A packet comes, and goes on as far as it may.
    fn comes(&mut self, ms: u64, packet: &[u8]) -> Option<Onward> {
        let now = self.at(ms);
        let incoming = self.publisher.receive_rtp(now, packet)?;
        let onward = self.publisher.onward(now, &incoming);
        match onward {
            Onward::Go => self.viewer.forward(now, &incoming, packet),
            Onward::Wait | Onward::GoWithKept => self.publisher.keep(now, &incoming, packet),
        }
        if onward == Onward::GoWithKept {
            for (incoming, packet) in self.publisher.take_kept(now).packets() {
                self.viewer.forward(now, incoming, packet);
            }
        }
        Some(onward)
    }

    /// The index of each packet that the viewer gets.
    fn seen(&mut self, ms: u64) -> Vec<u8> {
        let now = self.at(ms);
        let index = |packet: &Vec<u8>| packet[header(packet).payload][2];
        let packets = drain_rtp(&mut self.viewer, now);
        packets.iter().filter(|packet| header(packet).ssrc == Ssrc(22)).map(index).collect()
    }

    /// The numbers that the publisher is asked for, and whether for a key frame.
    fn asked(&mut self, ms: u64) -> (Vec<u16>, bool) {
        let (mut numbers, mut key_frame) = (Vec::new(), false);
        for (outgoing, packet) in drain(&mut self.publisher, self.start + Duration::from_millis(ms))
        {
            let Outgoing::Rtcp(_) = outgoing else { continue };
            for message in Messages::new(&packet).flatten() {
                match message {
                    Message::Nack { lost, .. } => numbers.extend(lost),
                    Message::KeyFrameRequest => key_frame = true,
                    _ => {}
                }
            }
        }
        (numbers, key_frame)
    }

    /// A picture of one packet that builds on others.
    fn delta(&mut self, number: u32) -> Vec<u8> {
        self.encoder.frame(3_000 * number, false, 1, 0).remove(0)
    }

    fn repeat(&mut self, packet: &[u8]) -> Vec<u8> {
        self.repeats += 1;
        repeat(&self.publisher, packet, self.repeats)
    }
}

#[test]
fn a_lost_first_packet_is_asked_for_and_the_others_wait_for_it() {
    let mut call = Call::new();
    let key = call.encoder.frame(0, true, 4, 0);
    for packet in &key[1..] {
        assert_eq!(call.comes(0, packet), Some(Onward::Wait));
    }
    let first = header(&key[0]).sequence;
    let (asked, key_frame) = call.asked(6);
    assert!(asked.contains(&first) && !key_frame, "{asked:?}");
    assert!(call.seen(10).is_empty());
    let repeat = call.repeat(&key[0]);
    assert_eq!(call.comes(106, &repeat), Some(Onward::GoWithKept));
    assert_eq!(call.seen(106), [0, 1, 2, 3]);
    assert_eq!(call.publisher.counters().heads_missed, 1);
    assert_eq!(call.asked(300), (vec![], false), "nothing else is missing");
    let next = call.encoder.frame(3_000, false, 1, 1);
    assert_eq!(call.comes(300, &next[0]), Some(Onward::Go));
    assert_eq!(call.seen(300), [0]);
}

#[test]
fn a_first_picture_that_was_lost_as_a_whole_is_asked_for_as_a_whole() {
    let mut call = Call::new();
    let key = call.encoder.frame(0, true, 20, 0);
    let next = call.encoder.frame(3_000, false, 1, 0);
    assert_eq!(call.comes(33, &next[0]), Some(Onward::Wait));
    let (asked, key_frame) = call.asked(39);
    assert!(key.iter().all(|packet| asked.contains(&header(packet).sequence)) && !key_frame);
    for packet in key[1..].iter().chain([&key[0]]) {
        let repeat = call.repeat(packet);
        assert!(call.comes(139, &repeat).is_some());
    }
    // Paced.
    let seen: Vec<u8> = (139..300).step_by(5).flat_map(|ms| call.seen(ms)).collect();
    assert_eq!(seen, (0..20).chain([0]).collect::<Vec<u8>>());
}

#[test]
fn a_key_frame_is_asked_for_as_soon_as_the_answer_should_be_there() {
    let mut call = Call::new();
    for number in 0..4 {
        let packet = call.delta(number);
        call.comes(33 * u64::from(number), &packet);
        assert!(!call.asked(33 * u64::from(number) + 6).1, "it may come yet");
    }
    let packet = call.delta(5);
    assert_eq!(call.comes(145, &packet), Some(Onward::Wait), "still");
    assert!(call.asked(145).1);
}

#[test]
fn two_lost_packets_at_the_beginning_come_in_any_order() {
    let mut call = Call::new();
    let key = call.encoder.frame(0, true, 4, 0);
    assert_eq!(call.comes(0, &key[2]), Some(Onward::Wait));
    assert_eq!(call.comes(0, &key[3]), Some(Onward::Wait));
    let repeats = [&key[1], &key[0]].map(|packet| call.repeat(packet));
    assert_eq!(call.comes(105, &repeats[0]), Some(Onward::Wait));
    assert_eq!(call.comes(106, &repeats[1]), Some(Onward::GoWithKept));
    assert_eq!(call.seen(106), [0, 1, 2, 3]);
}

#[test]
fn what_was_kept_before_the_call_waits_for_its_beginning_too() {
    let mut call = Call::new();
    let key = call.encoder.frame(0, true, 2, 0);
    call.comes(0, &key[1]);
    assert_eq!(call.publisher.take_kept(call.at(1)).packets().count(), 0, "a bridge now");
    let repeat = call.repeat(&key[0]);
    assert_eq!(call.comes(100, &repeat), Some(Onward::GoWithKept));
    assert_eq!(call.seen(100), [0, 1]);
}

#[test]
fn a_beginning_that_does_not_come_is_given_up_for_a_key_frame() {
    let mut call = Call::new();
    for number in 0..9 {
        let packet = call.delta(number);
        assert_eq!(call.comes(33 * u64::from(number), &packet), Some(Onward::Wait));
    }
    let packet = call.delta(10);
    assert_eq!(call.comes(310, &packet), Some(Onward::Go));
    assert!(call.viewer.take_feedback(call.at(310)).is_some_and(|feedback| feedback.key_frame));
    let key = call.encoder.frame(40_000, true, 2, 0);
    for packet in &key {
        assert_eq!(call.comes(420, packet), Some(Onward::Go));
    }
    assert_eq!(call.seen(420), [0, 1]);
}

#[test]
fn sound_does_not_wait() {
    let mut call = Call::new();
    let key = call.encoder.frame(0, true, 2, 0);
    call.comes(0, &key[1]);
    let sound = call.encoder.audio(0);
    assert_eq!(call.comes(1, &sound), Some(Onward::Go));
}

#[test]
fn a_repeat_of_the_last_packet_replaces_it() {
    let mut call = Call::new();
    let key = call.encoder.frame(0, true, 4, 0);
    for packet in &key[..3] {
        assert_eq!(call.comes(0, packet), Some(Onward::Go));
    }
    // Browsers fill their first probe with repeats of the last packet.
    let repeats = [0; 3].map(|_| call.repeat(&key[3]));
    assert_eq!(call.comes(8, &repeats[0]), Some(Onward::Go));
    assert_eq!(call.comes(10, &repeats[1]), None);
    assert_eq!(call.seen(10), [0, 1, 2, 3]);
    let counters = *call.publisher.counters();
    assert_eq!((counters.repaired, counters.duplicates), (1, 1));
    let late = call.comes(12, &key[3]);
    assert_eq!(late, None, "only overtaken");
    let next = call.encoder.frame(3_000, false, 1, 1);
    assert_eq!(call.comes(40, &next[0]), Some(Onward::Go));
    assert_eq!(call.asked(60), (vec![], false));
}

#[test]
fn what_a_repeat_shows_to_be_missing_is_asked_for() {
    let mut call = Call::new();
    let key = call.encoder.frame(0, true, 4, 0);
    call.comes(0, &key[0]);
    call.comes(0, &key[1]);
    let repeat = call.repeat(&key[3]);
    call.comes(8, &repeat);
    assert_eq!(call.asked(14).0, [header(&key[2]).sequence]);
}

#[test]
fn a_repeat_from_far_ahead_is_none() {
    let mut call = Call::new();
    let key = call.encoder.frame(0, true, 2, 0);
    call.comes(0, &key[0]);
    let mut far = key[1].clone();
    let number = header(&far).sequence.wrapping_add(100);
    far[2..4].copy_from_slice(&number.to_be_bytes());
    let repeat = call.repeat(&far);
    assert_eq!(call.comes(5, &repeat), None);
    assert_eq!(call.comes(6, &key[1]), Some(Onward::Go), "the stream goes on where it was");
    assert_eq!(call.seen(6), [0, 1]);
}
