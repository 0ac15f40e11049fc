use std::time::{Duration, Instant};

use super::peers::{CHROMIUM, Encoder, FIREFOX, PLI, drain, leg, negotiated, pass, sender_report};
use crate::{
    media::{Feedback, MediaLeg, Outgoing},
    rtcp::{Message, Messages},
    sdp::Extension,
};

/// What a leg's RTCP asks for at a moment.
#[derive(Debug, Default, PartialEq)]
struct Asked {
    key_frames: usize,
    packets: usize,
    bitrates: Vec<u64>,
    feedback: Vec<(u16, bool)>,
}

fn asked(leg: &mut MediaLeg, now: Instant) -> Asked {
    let mut asked = Asked::default();
    for (outgoing, packet) in drain(leg, now) {
        if !matches!(outgoing, Outgoing::Rtcp(_)) {
            continue;
        }
        for message in Messages::new(&packet) {
            match message.unwrap() {
                Message::KeyFrameRequest => asked.key_frames += 1,
                Message::Nack { lost, .. } => asked.packets += lost.len(),
                Message::MaxBitrate(bitrate) => asked.bitrates.push(bitrate),
                Message::TransportFeedback(feedback) => asked
                    .feedback
                    .extend(feedback.statuses().map(|s| (s.sequence, s.arrival.is_some()))),
                _ => {}
            }
        }
    }
    asked
}

const KEY_FRAME: Feedback = Feedback { key_frame: true, max_bitrate: None };

#[test]
fn while_the_node_is_behind_nothing_is_asked_for_and_what_would_come_too_late_is_given_up() {
    let now = Instant::now();
    let ms = |ms| now + Duration::from_millis(ms);
    let mut publisher = leg(CHROMIUM, now);
    publisher.seed_rtt(Duration::from_millis(50));
    let mut encoder = Encoder::new(CHROMIUM);
    publisher.receive_rtp(now, &encoder.frame(0, true, 1, 0)[0]);
    let mut lose = |publisher: &mut MediaLeg, at| {
        let frame = encoder.frame(0, false, 4, 0);
        for packet in frame.iter().take(1).chain(&frame[2..]) {
            publisher.receive_rtp(at, packet);
        }
    };
    lose(&mut publisher, now);
    assert_eq!(asked(&mut publisher, ms(10)).packets, 1, "it follows what comes");

    publisher.set_behind(ms(20), true);
    lose(&mut publisher, ms(20));
    assert_eq!(asked(&mut publisher, ms(30)).packets, 0);
    // The one that was asked for before is due again.
    assert_eq!(asked(&mut publisher, ms(120)).packets, 0);
    lose(&mut publisher, ms(130));
    publisher.set_behind(ms(150), false);
    assert_eq!(asked(&mut publisher, ms(150)).packets, 3);

    publisher.set_behind(ms(160), true);
    assert_eq!(asked(&mut publisher, ms(300)).packets, 0);
    assert_eq!(publisher.counters().unrepaired, 0);
    lose(&mut publisher, ms(1_310));
    assert_eq!(publisher.counters().unrepaired, 2, "the third one may still come in time");
    assert_eq!(asked(&mut publisher, ms(1_310)).key_frames, 1);
    publisher.set_behind(ms(1_320), false);
    assert_eq!(asked(&mut publisher, ms(1_320)).packets, 2);
}

#[test]
fn key_frames_are_asked_for_no_closer_than_300_ms_and_a_round_trip() {
    let now = Instant::now();
    let ms = |ms| now + Duration::from_millis(ms);
    let mut publisher = leg(CHROMIUM, now);
    publisher.seed_rtt(Duration::from_millis(50));
    let mut encoder = Encoder::new(CHROMIUM);
    publisher.apply_feedback(now, KEY_FRAME);
    assert_eq!(asked(&mut publisher, now).key_frames, 0, "nothing has come: it begins with one");
    publisher.receive_rtp(ms(1), &encoder.frame(0, false, 1, 0)[0]);
    assert_eq!(asked(&mut publisher, ms(1)).key_frames, 1);
    publisher.receive_rtp(ms(30), &encoder.frame(0, false, 1, 0)[0]);
    publisher.apply_feedback(ms(30), KEY_FRAME);
    assert_eq!(asked(&mut publisher, ms(300)).key_frames, 0);
    assert_eq!(asked(&mut publisher, ms(351)).key_frames, 1);
    publisher.receive_rtp(ms(400), &encoder.frame(9_000, true, 1, 0)[0]);
    assert_eq!(asked(&mut publisher, ms(2_000)).key_frames, 0, "it has come");
}

#[test]
fn a_publisher_that_sends_nothing_is_asked_once() {
    let now = Instant::now();
    let mut publisher = leg(CHROMIUM, now);
    publisher.receive_rtp(now, &Encoder::new(CHROMIUM).frame(0, false, 1, 0)[0]);
    publisher.apply_feedback(now, KEY_FRAME);
    let total: usize = (0..100)
        .map(|step| asked(&mut publisher, now + Duration::from_millis(step * 100)).key_frames)
        .sum();
    assert_eq!(total, 1);
}

#[test]
fn the_viewers_request_reaches_the_publishers_leg() {
    let now = Instant::now();
    let ms = |ms| now + Duration::from_millis(ms);
    let mut publisher = leg(CHROMIUM, now);
    let mut viewer = leg(FIREFOX, now);
    viewer.start_forwarding(now);
    let mut encoder = Encoder::new(CHROMIUM);
    pass(&mut publisher, &mut viewer, now, &encoder.frame(0, true, 1, 0));
    assert!(!viewer.take_feedback(now).unwrap().key_frame);
    viewer.receive_rtcp(ms(1_010), &PLI);
    assert_eq!(viewer.take_feedback(ms(1_010)), Some(KEY_FRAME));
    viewer.receive_rtcp(ms(1_020), &PLI);
    assert_eq!(viewer.take_feedback(ms(1_020)), None, "asked already");
    assert_eq!(viewer.take_feedback(ms(1_500)), Some(KEY_FRAME), "and still not here");
    pass(&mut publisher, &mut viewer, ms(1_600), &encoder.frame(0, true, 1, 0));
    assert_eq!(viewer.take_feedback(ms(2_500)), None);
    assert_eq!(viewer.counters().key_frame_requests, 2);
}

#[test]
fn the_cap_falls_at_once_and_rises_slowly() {
    let now = Instant::now();
    let ms = |ms| now + Duration::from_millis(ms);
    let cap = |bitrate| Feedback { key_frame: false, max_bitrate: Some(bitrate) };
    let mut publisher = leg(CHROMIUM, now);
    let mut encoder = Encoder::new(CHROMIUM);
    publisher.receive_rtp(now, &encoder.frame(0, true, 1, 0)[0]);
    publisher.apply_feedback(now, cap(2_000_000));
    assert_eq!(asked(&mut publisher, now).bitrates.len(), 1);
    publisher.apply_feedback(ms(60), cap(1_000_000));
    let told = asked(&mut publisher, ms(60)).bitrates;
    assert!((990_000..=1_000_000).contains(&told[0]), "REMB has 18 bits of mantissa: {told:?}");
    publisher.apply_feedback(ms(100), cap(1_500_000));
    assert!(asked(&mut publisher, ms(200)).bitrates.is_empty());
    assert_eq!(asked(&mut publisher, ms(270)).bitrates.len(), 1);
    publisher.receive_rtp(ms(280), &encoder.frame(0, true, 1, 0)[0]);
    assert!(asked(&mut publisher, ms(700)).bitrates.is_empty());
    assert_eq!(asked(&mut publisher, ms(800)).bitrates.len(), 1, "repeated, in case it was lost");
}

/// What a publisher is asked for whose packets come in time or wait longer and longer, once so many of them are missing.
fn asked_after_loss(waits: bool, missing: u8) -> Asked {
    let start = Instant::now();
    let mut publisher = leg(CHROMIUM, start);
    let mut encoder = Encoder::new(CHROMIUM);
    let send_time = negotiated(CHROMIUM).video.unwrap().extensions.id(Extension::AbsSendTime);
    encoder.describe_with(send_time.unwrap());
    publisher.seed_rtt(Duration::from_millis(50));
    let mut now = start;
    for sent in (0..1_000).step_by(10) {
        let ticks = sent * (1 << 18) / 1_000_u32;
        encoder.description = ticks.to_be_bytes()[1..].to_vec();
        let waited = if waits { sent.saturating_sub(500) / 4 } else { 0 };
        now = start + Duration::from_millis(u64::from(sent + waited));
        publisher.receive_rtp(now, &encoder.frame(sent * 90, sent == 0, 1, 0)[0]);
        publisher.apply_feedback(now, Feedback { key_frame: false, max_bitrate: Some(300_000) });
        asked(&mut publisher, now);
    }
    let frame = encoder.frame(90_000, false, missing + 1, 1);
    publisher.receive_rtp(now + Duration::from_millis(10), &frame[usize::from(missing)]);
    asked(&mut publisher, now + Duration::from_millis(20))
}

#[test]
fn what_has_overflowed_the_publishers_queue_is_repaired_only_where_a_key_frame_would_take_longer() {
    let much = asked_after_loss(true, 20);
    assert_eq!((much.packets, much.key_frames), (0, 1));
    let little = asked_after_loss(true, 2);
    assert_eq!((little.packets, little.key_frames), (2, 0));
    let of_the_way = asked_after_loss(false, 20);
    assert_eq!((of_the_way.packets, of_the_way.key_frames), (20, 0), "nothing waits behind it");
}

#[test]
fn transport_feedback_follows_the_end_of_a_frame() {
    let now = Instant::now();
    let ms = |ms| now + Duration::from_millis(ms);
    let mut publisher = leg(CHROMIUM, now);
    let mut encoder = Encoder::new(CHROMIUM);
    let frame = encoder.frame(0, true, 3, 0);
    publisher.receive_rtp(now, &frame[0]);
    publisher.receive_rtp(ms(1), &frame[1]);
    assert!(asked(&mut publisher, ms(1)).feedback.is_empty());
    publisher.receive_rtp(ms(2), &frame[2]);
    assert_eq!(asked(&mut publisher, ms(2)).feedback, [(0, true), (1, true), (2, true)]);

    let frame = encoder.frame(3_000, false, 3, 1);
    publisher.receive_rtp(ms(10), &frame[0]);
    publisher.receive_rtp(ms(10), &frame[2]);
    assert!(asked(&mut publisher, ms(10)).feedback.is_empty(), "too close to the last one");
    assert_eq!(
        asked(&mut publisher, ms(22)).feedback,
        [(3, true), (5, true)],
        "what is missing where nothing waits is passed over"
    );
    publisher.receive_rtp(ms(30), &frame[1]);
    assert_eq!(
        asked(&mut publisher, ms(90)).feedback,
        [(4, true), (5, true)],
        "late packets are reported with what followed"
    );
}

#[test]
fn feedback_tells_when_packets_came_and_not_when_they_were_looked_at() {
    let start = Instant::now();
    let mut publisher = leg(CHROMIUM, start);
    let frame = Encoder::new(CHROMIUM).frame(0, true, 4, 0);
    let now = start + Duration::from_millis(50);
    // The last one seems to have come before the one in front of it.
    for (packet, waited) in frame.iter().zip([12, 7, 3, 5]) {
        publisher.receive_waiting(now, Duration::from_millis(waited), packet);
    }
    let arrivals: Vec<i64> = drain(&mut publisher, now)
        .iter()
        .flat_map(|(_, packet)| {
            let messages: Vec<_> = Messages::new(packet).flatten().collect();
            messages.into_iter().filter_map(|message| match message {
                Message::TransportFeedback(feedback) => {
                    Some(feedback.statuses().filter_map(|s| s.arrival).collect::<Vec<_>>())
                }
                _ => None,
            })
        })
        .flatten()
        .collect();
    let since: Vec<i64> = arrivals.iter().map(|at| at - arrivals[0]).collect();
    assert_eq!(since, [0, 5_000, 9_000, 9_000]);
}

#[test]
fn reports_let_the_viewer_play_audio_and_video_together() {
    let start = Instant::now();
    let ms = |ms| start + Duration::from_millis(ms);
    let mut publisher = leg(CHROMIUM, start);
    let mut viewer = leg(FIREFOX, start);
    viewer.start_forwarding(start);
    let mut encoder = Encoder::new(CHROMIUM);
    let [audio, video] = encoder.ssrcs;
    // In the publisher's clock audio 48,000 and video 90,000 are the same moment, at NTP 5 s. The
    // video's report is under way 25 ms longer.
    pass(&mut publisher, &mut viewer, start, &encoder.frame(90_000, true, 1, 0));
    pass(&mut publisher, &mut viewer, start, &[encoder.audio(48_000)]);
    publisher.receive_rtcp(ms(0), &sender_report(audio, 5 << 32, 48_000));
    publisher.receive_rtcp(ms(25), &sender_report(video, 5 << 32, 90_000));
    let frame = encoder.frame(93_000, false, 1, 1);
    pass(&mut publisher, &mut viewer, ms(30), &frame);
    pass(&mut publisher, &mut viewer, ms(30), &[encoder.audio(49_440)]);

    let mut reports = Vec::new();
    let mut sent = Vec::new();
    for (outgoing, packet) in drain(&mut viewer, ms(300)) {
        match outgoing {
            Outgoing::Rtp(_) => sent.push(super::peers::header(&packet)),
            Outgoing::Rtcp(_) => {
                for message in Messages::new(&packet) {
                    if let Ok(Message::SenderReport { ssrc, ntp, timestamp, .. }) = message {
                        reports.push((ssrc, ntp, timestamp));
                    }
                }
            }
        }
    }
    assert_eq!(reports.len(), 2);
    // When does the viewer take each stream's packets to have been captured?
    let captured = |kind: usize, clock: f64, timestamp: u32| {
        let (_, ntp, at) = reports[kind];
        ntp as f64 / f64::from(1u32 << 31) / 2.0
            - f64::from(at.wrapping_sub(timestamp) as i32) / clock
    };
    let first = |ssrc| sent.iter().find(|header| header.ssrc == ssrc).unwrap().timestamp;
    let audio = captured(0, 48_000.0, first(reports[0].0));
    let video = captured(1, 90_000.0, first(reports[1].0));
    assert!((audio - video).abs() < 0.003, "{audio} {video}");
}

/// The delay that the publisher's report is said to have met, in milliseconds; every so-manyth packet is lost.
fn told_delay(lost: usize) -> f64 {
    let start = Instant::now();
    let ms = |ms| start + Duration::from_millis(ms);
    let mut publisher = leg(CHROMIUM, start);
    publisher.seed_rtt(Duration::from_millis(100));
    let mut encoder = Encoder::new(CHROMIUM);
    let video = encoder.ssrcs[1];
    let mut said = None;
    for n in 0..150 {
        let now = ms(20 * n as u64);
        let frame = encoder.frame(1_800 * n, n == 0, 1, n as u16);
        if n as usize % lost != lost - 1 {
            publisher.receive_rtp(now, &frame[0]);
        }
        if n == 90 {
            publisher.receive_rtcp(now, &sender_report(video, 5 << 32, 90_000));
            said = Some(now);
        }
        publisher.handle_timeout(now);
        for (_, packet) in drain(&mut publisher, now) {
            for message in Messages::new(&packet) {
                if let (Ok(Message::ReceiverReport(blocks)), Some(said)) = (message, said)
                    && let Some(block) = blocks.iter().find(|block| block.ssrc == video)
                {
                    let passed = (now - said).as_secs_f64() * 1e3;
                    return f64::from(block.delay) / 65.536 - passed;
                }
            }
        }
    }
    panic!("no report")
}

/// For who repeats nothing twice within the round trip that it knows.
#[test]
fn a_publisher_whose_way_loses_is_told_of_a_shorter_round_trip() {
    assert!(told_delay(1_000).abs() < 1.0, "{}", told_delay(1_000));
    assert!((told_delay(10) - 40.0).abs() < 1.0, "{}", told_delay(10));
}

#[test]
fn the_peers_feedback_clock_may_begin_anew() {
    use crate::{
        bwe::{Fate, PacketResult},
        media::sent::Sent,
        rtcp::transport_feedback,
        rtp::Ssrc,
    };
    let now = Instant::now();
    let mut sent = Sent::default();
    // Feedback of one packet each, the second one after the 24 bits have wrapped.
    let mut arrivals = Vec::new();
    for time in [((1i64 << 24) - 1) * 64_000, (1i64 << 24) * 64_000 + 5_000] {
        let number = sent.next(now, 100, None, None);
        let mut out = [0; 100];
        let (len, _) =
            transport_feedback::write(&mut out, Ssrc(1), Ssrc(2), 0, number, 1, |_| Some(time))
                .unwrap();
        for message in Messages::new(&out[..len]) {
            let Ok(Message::TransportFeedback(feedback)) = message else { panic!() };
            let known = |result: PacketResult| match result.fate {
                Fate::Arrived(at) => arrivals.push(at),
                fate => panic!("{fate:?}"),
            };
            sent.on_feedback(&feedback, known, |told| panic!("no video: {told:?}"));
        }
    }
    assert_eq!(arrivals[1] - arrivals[0], 69_000);
}

#[test]
fn what_lost_feedback_was_about_is_told_as_untold() {
    use crate::{bwe::Fate, media::sent::Sent, rtcp::transport_feedback, rtp::Ssrc};
    let now = Instant::now();
    let mut sent = Sent::default();
    let numbers: Vec<u16> = (0..40).map(|_| sent.next(now, 100, None, None)).collect();
    let mut fates = Vec::new();
    // Of four messages of ten packets each, the second one is lost; in each a packet is missing.
    for base in [0, 20, 30] {
        let mut out = [0; 200];
        let arrival = |index: usize| (index != 4).then_some(base as i64 * 1_000);
        let number = numbers[base];
        let (len, _) =
            transport_feedback::write(&mut out, Ssrc(1), Ssrc(2), 0, number, 10, arrival).unwrap();
        for message in Messages::new(&out[..len]) {
            let Ok(Message::TransportFeedback(feedback)) = message else { panic!() };
            sent.on_feedback(&feedback, |result| fates.push(result.fate), |_| {});
        }
    }
    assert_eq!(fates.len(), 40);
    assert!(fates[10..20].iter().all(|fate| *fate == Fate::Untold));
    assert_eq!(fates.iter().filter(|fate| **fate == Fate::Untold).count(), 10);
    assert_eq!(fates.iter().filter(|fate| **fate == Fate::Lost).count(), 3);
}

#[test]
fn feedback_leaves_behind_media_and_by_itself_where_none_leaves() {
    let start = Instant::now();
    let ms = |ms| start + Duration::from_millis(ms);
    let mut publisher = leg(CHROMIUM, start);
    let mut other = leg(FIREFOX, start);
    publisher.start_forwarding(start);
    let (mut encoder, mut others) = (Encoder::new(CHROMIUM), Encoder::new(FIREFOX));
    let mut frame = |leg: &mut MediaLeg, at| {
        for packet in encoder.frame(0, true, 2, 0) {
            leg.receive_rtp(at, &packet);
        }
    };
    let told = |leg: &mut MediaLeg, at| asked(leg, at).feedback.len();

    frame(&mut publisher, ms(0));
    assert_eq!(told(&mut publisher, ms(0)), 2, "no media leaves for the publisher");

    pass(&mut other, &mut publisher, ms(30), &[others.audio(0)]);
    assert_eq!(drain(&mut publisher, ms(30)).len(), 1);
    frame(&mut publisher, ms(40));
    assert_eq!(told(&mut publisher, ms(40)), 0, "the next packet of sound is near");
    pass(&mut other, &mut publisher, ms(50), &[others.audio(960)]);
    let sent = drain(&mut publisher, ms(50));
    assert!(matches!(sent[..], [(Outgoing::Rtp(_), _), (Outgoing::Rtcp(_), _)]), "{sent:?}");

    frame(&mut publisher, ms(74));
    assert_eq!(told(&mut publisher, ms(74)), 0);
    publisher.receive_rtp(ms(99), &encoder.audio(0));
    assert_eq!(told(&mut publisher, ms(99)), 3, "no sound has come");
}
