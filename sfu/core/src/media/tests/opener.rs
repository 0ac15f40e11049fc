use std::time::{Duration, Instant};

use super::peers::{CHROMIUM, Encoder, drain, drain_rtp, header, leg, page, pass};
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
