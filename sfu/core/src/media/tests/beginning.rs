//! The first picture on a way that loses packets.

use std::time::{Duration, Instant};

use super::peers::{CHROMIUM, Encoder, FIREFOX, drain_rtp, header, leg, pass};
use crate::{
    media::{Feedback, MediaLeg, Outgoing},
    rtp::Ssrc,
};

const RTT: Duration = Duration::from_millis(100);
const REPEATS: Ssrc = Ssrc(33);

/// A viewer who sends as well; of their packets one in `lose` gets lost.
fn viewer(now: Instant, lose: u32) -> MediaLeg {
    let mut viewer = leg(CHROMIUM, now);
    viewer.seed_rtt(RTT);
    let mut own = Encoder::new(CHROMIUM);
    for number in 1..=10 {
        let packet = own.audio(960 * number);
        if number % lose != 0 {
            viewer.receive_rtp(now, &packet);
        }
    }
    viewer
}

/// What the viewer is sent of a first key frame of three packets, so long after the start: the packets
/// themselves and repeats that nobody asked for.
fn first_key_frame(viewer: &mut MediaLeg, start: Instant, after: Duration) -> (usize, usize) {
    let mut publisher = leg(FIREFOX, start);
    viewer.start_forwarding(start);
    let now = start + after;
    pass(&mut publisher, viewer, now, &Encoder::new(FIREFOX).frame(0, true, 3, 0));
    let mut sent = drain_rtp(viewer, now);
    sent.extend(drain_rtp(viewer, now + Duration::from_millis(20)));
    let repeats = sent.iter().filter(|packet| header(packet).ssrc == REPEATS).count();
    (sent.len() - repeats, repeats)
}

#[test]
fn the_first_key_frame_is_sent_twice() {
    let now = Instant::now();
    let soon = Duration::from_millis(50);
    assert_eq!(first_key_frame(&mut viewer(now, 100), now, soon), (3, 3));
    let later = Duration::from_secs(3);
    assert_eq!(
        first_key_frame(&mut viewer(now, 100), now, later),
        (3, 0),
        "losses are known by then"
    );
}

/// Whether the peer is asked for a key frame now.
fn is_asked(leg: &mut MediaLeg, now: Instant) -> bool {
    super::peers::drain(leg, now)
        .iter()
        .any(|(outgoing, packet)| matches!(outgoing, Outgoing::Rtcp(_)) && packet[1] == 206)
}

#[test]
fn where_packets_get_lost_a_key_frame_is_asked_for_twice() {
    for (lose, copied) in [(5, true), (100, false)] {
        let now = Instant::now();
        let mut publisher = viewer(now, lose);
        publisher.receive_rtp(now, &Encoder::new(CHROMIUM).frame(0, false, 1, 0)[0]);
        publisher.apply_feedback(now, Feedback { key_frame: true, max_bitrate: None });
        let ms = |ms| now + Duration::from_millis(ms);
        assert!(is_asked(&mut publisher, ms(1)));
        assert!(!is_asked(&mut publisher, ms(10)));
        assert_eq!(is_asked(&mut publisher, ms(20)), copied);
        publisher.receive_rtp(ms(30), &Encoder::new(CHROMIUM).frame(0, false, 2, 0)[1]);
        assert!(!is_asked(&mut publisher, ms(390)), "it would be ignored");
        assert!(is_asked(&mut publisher, ms(420)), "it has not come");
    }
}

#[test]
fn a_request_that_comes_a_little_early_is_answered_in_the_beginning() {
    for (after, answered) in [(Duration::ZERO, true), (Duration::from_secs(2), false)] {
        let start = Instant::now();
        let mut viewer = viewer(start, 100);
        let mut publisher = leg(FIREFOX, start);
        viewer.start_forwarding(start);
        let now = start + after;
        pass(&mut publisher, &mut viewer, now, &Encoder::new(FIREFOX).frame(0, true, 3, 0));
        let last = header(drain_rtp(&mut viewer, now).last().unwrap()).sequence;
        let nack = |at: Instant, viewer: &mut MediaLeg| {
            viewer.on_nack(at, Ssrc(22), &[last]);
            !drain_rtp(viewer, at).is_empty()
        };
        let at = now + Duration::from_millis(300);
        assert!(nack(at, &mut viewer));
        assert!(!nack(at + RTT / 2, &mut viewer), "the repeat is still under way");
        assert_eq!(nack(at + RTT * 9 / 10, &mut viewer), answered);
    }
}

#[test]
fn between_the_first_key_frame_and_the_first_word_of_the_way_the_publisher_is_held_to_little() {
    let start = Instant::now();
    let mut viewer = viewer(start, 100);
    let mut publisher = leg(FIREFOX, start);
    viewer.start_forwarding(start);
    let told = |viewer: &mut MediaLeg, at: Instant| {
        viewer.take_feedback(at).and_then(|feedback| feedback.max_bitrate)
    };
    let frame = Encoder::new(FIREFOX).frame(0, true, 3, 0);
    pass(&mut publisher, &mut viewer, start, &frame[..2]);
    drain_rtp(&mut viewer, start);
    let before = told(&mut viewer, start).expect("what it may send at first");
    assert!(before > 2_000_000, "the key frame is not held back: {before}");
    pass(&mut publisher, &mut viewer, start, &frame[2..]);
    drain_rtp(&mut viewer, start);
    let after = told(&mut viewer, start).expect("less");
    assert!(after < 700_000, "{after}");
    // Nothing is ever heard of it.
    let late = start + Duration::from_millis(1_200);
    assert!(told(&mut viewer, late).is_some_and(|told| told > 2_000_000));
}

#[test]
fn a_publisher_that_has_been_sending_is_not_held_to_less_at_the_start() {
    let start = Instant::now();
    let mut viewer = viewer(start, 100);
    let mut publisher = leg(FIREFOX, start);
    viewer.start_forwarding(start);
    viewer.joins_running();
    pass(&mut publisher, &mut viewer, start, &Encoder::new(FIREFOX).frame(0, true, 3, 0));
    drain_rtp(&mut viewer, start);
    let told = viewer.take_feedback(start).and_then(|feedback| feedback.max_bitrate);
    assert!(told.is_some_and(|told| told > 2_000_000), "{told:?}");
}
