use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::peers::{CHROMIUM, Encoder, PLI, drain, drain_rtp, header, leg, page, pass};
use crate::{
    media::{MediaLeg, Outgoing},
    rtp::Ssrc,
};

/// The empty RTP packets among what a leg wants to send now.
fn openers(leg: &mut MediaLeg, now: Instant) -> Vec<Vec<u8>> {
    drain(leg, now)
        .into_iter()
        .filter(|(outgoing, packet)| {
            matches!(outgoing, Outgoing::Rtp(_)) && header(packet).payload.is_empty()
        })
        .map(|(_, packet)| packet)
        .collect()
}

#[test]
fn an_empty_packet_takes_the_number_before_the_first_one_and_is_sent_once() {
    let now = Instant::now();
    let (mut publisher, mut viewer) = (leg(CHROMIUM, now), leg(CHROMIUM, now));
    assert!(openers(&mut viewer, now).is_empty(), "nobody is joined yet");
    viewer.start_forwarding(now);
    let opener = openers(&mut viewer, now).pop().expect("an opener");
    assert_eq!(header(&opener).ssrc, Ssrc(22));

    viewer.stop_forwarding();
    viewer.start_forwarding(now);
    assert!(openers(&mut viewer, now).is_empty(), "its number is used up");

    let mut encoder = Encoder::new(CHROMIUM);
    pass(&mut publisher, &mut viewer, now, &encoder.frame(0, true, 2, 0));
    let first = header(&drain_rtp(&mut viewer, now)[0]).sequence;
    assert_eq!(first, header(&opener).sequence.wrapping_add(1));
}

#[test]
fn with_the_opener_the_loss_of_the_first_packet_is_asked_for_and_repaired() {
    let now = Instant::now();
    let (mut publisher, mut viewer) = (leg(CHROMIUM, now), leg(CHROMIUM, now));
    let mut browser = page(CHROMIUM, now);
    viewer.start_forwarding(now);
    for opener in openers(&mut viewer, now) {
        browser.receive_rtp(now, &opener);
    }
    let mut encoder = Encoder::new(CHROMIUM);
    pass(&mut publisher, &mut viewer, now, &encoder.frame(0, true, 3, 0));
    let sent = drain_rtp(&mut viewer, now);
    for packet in &sent[1..] {
        browser.receive_rtp(now, packet);
    }
    let soon = now + Duration::from_millis(50);
    let unasked = drain_rtp(&mut viewer, soon).len();
    assert_eq!(unasked, 3, "the first picture is sent twice");
    for (outgoing, packet) in drain(&mut browser, soon) {
        if matches!(outgoing, Outgoing::Rtcp(_)) {
            viewer.receive_rtcp(soon, &packet);
        }
    }
    let repeats: Vec<_> = drain_rtp(&mut viewer, soon)
        .into_iter()
        .filter(|packet| header(packet).ssrc == Ssrc(33))
        .collect();
    assert_eq!(repeats.len(), 2, "a repeat is lost as easily, and there is no picture yet");
    for repeat in &repeats {
        let original = &repeat[header(repeat).payload.start..][..2];
        assert_eq!(original, header(&sent[0]).sequence.to_be_bytes());
    }
}

#[test]
fn a_page_that_got_nothing_of_the_first_picture_gets_it_again_when_it_asks_for_one() {
    let now = Instant::now();
    let ms = |ms| now + Duration::from_millis(ms);
    let (mut publisher, mut viewer) = (leg(CHROMIUM, now), leg(CHROMIUM, now));
    viewer.seed_rtt(Duration::from_millis(100));
    viewer.start_forwarding(now);
    let mut encoder = Encoder::new(CHROMIUM);
    pass(&mut publisher, &mut viewer, now, &encoder.frame(0, true, 3, 0));
    let sent = drain_rtp(&mut viewer, now);
    drain_rtp(&mut viewer, ms(20));
    pass(&mut publisher, &mut viewer, ms(33), &encoder.frame(3_000, false, 1, 1));
    drain_rtp(&mut viewer, ms(33));

    viewer.receive_rtcp(ms(134), &PLI);
    let repeated = |packets: Vec<Vec<u8>>| -> BTreeSet<Vec<u8>> {
        let original = |packet: &Vec<u8>| packet[header(packet).payload.start..][..2].to_vec();
        packets.iter().filter(|packet| header(packet).ssrc == Ssrc(33)).map(original).collect()
    };
    let lost = sent.iter().map(|packet| packet[2..4].to_vec()).collect();
    assert!(repeated(drain_rtp(&mut viewer, ms(134))).is_superset(&lost));
    assert!(!viewer.take_feedback(ms(134)).is_some_and(|feedback| feedback.key_frame));
    viewer.receive_rtcp(ms(150), &PLI);
    assert!(repeated(drain_rtp(&mut viewer, ms(150))).is_empty(), "it is on its way");
}
