use std::time::{Duration, Instant};

use super::peers::{
    CHROMIUM, Encoder, FIREFOX, drain, drain_first, drain_rtp, header, leg, nack, pass, repeat,
};
use crate::{
    media::{
        Outgoing,
        cache::{Layout, PacketCache},
        missing::{GivenUp, Missing},
    },
    rtcp::{Message, Messages},
    rtp::Ssrc,
};

const RTT: Duration = Duration::from_millis(50);

#[test]
fn the_viewers_nack_is_answered_with_repeats() {
    let now = Instant::now();
    let mut publisher = leg(CHROMIUM, now);
    let mut viewer = leg(FIREFOX, now);
    viewer.seed_rtt(RTT);
    viewer.start_forwarding(now);
    // In the first second repeats are sent twice.
    let now = now + Duration::from_secs(2);
    let mut encoder = Encoder::new(CHROMIUM);
    let key = encoder.frame(0, true, 4, 0);
    pass(&mut publisher, &mut viewer, now, &key);
    let sent = drain_rtp(&mut viewer, now);
    let second = header(&sent[1]);

    let soon = now + Duration::from_millis(10);
    viewer.receive_rtcp(soon, &nack(22, second.sequence, 0b10));
    let repeats = drain_rtp(&mut viewer, soon);
    assert_eq!(repeats.len(), 2);
    let repeat = header(&repeats[0]);
    assert_eq!(repeat.ssrc, Ssrc(33));
    assert_eq!(repeat.payload_type.0, 124, "Firefox's RTX of VP8");
    assert_eq!(repeat.timestamp, second.timestamp);
    let payload = &repeats[0][repeat.payload.clone()];
    assert_eq!(payload[..2], second.sequence.to_be_bytes());
    assert_eq!(payload[2..], sent[1][second.payload.clone()]);
    assert_eq!(header(&repeats[1]).sequence, repeat.sequence.wrapping_add(1));

    viewer.receive_rtcp(soon, &nack(22, second.sequence, 0));
    assert!(drain_rtp(&mut viewer, soon).is_empty(), "the first repeat is still under way");
    let later = soon + RTT + Duration::from_millis(1);
    viewer.receive_rtcp(later, &nack(22, second.sequence, 0));
    assert_eq!(drain_rtp(&mut viewer, later).len(), 1);
    viewer.receive_rtcp(later, &nack(22, second.sequence.wrapping_sub(100), 0));
    assert!(drain_rtp(&mut viewer, later).is_empty());
    assert_eq!(viewer.counters().repeats_outdated, 1, "a key frame has come since");
}

#[test]
fn while_a_call_begins_a_key_frame_is_repaired_although_another_follows() {
    let start = Instant::now();
    for (after, repaired) in [(Duration::ZERO, true), (Duration::from_secs(2), false)] {
        let mut publisher = leg(CHROMIUM, start);
        let mut viewer = leg(FIREFOX, start);
        viewer.seed_rtt(RTT);
        viewer.start_forwarding(start);
        let mut now = start + after;
        let mut encoder = Encoder::new(CHROMIUM);
        pass(&mut publisher, &mut viewer, now, &encoder.frame(0, true, 4, 0));
        let first = drain_rtp(&mut viewer, now);
        now += Duration::from_millis(10);
        pass(&mut publisher, &mut viewer, now, &encoder.frame(900, true, 4, 1));
        drain_rtp(&mut viewer, now);
        // What is sent twice from the start has left by then.
        now += Duration::from_millis(40);
        drain_rtp(&mut viewer, now);
        let before = viewer.counters().repeats_sent;
        now += RTT;
        viewer.receive_rtcp(now, &nack(22, header(&first[1]).sequence, 0));
        drain_rtp(&mut viewer, now);
        assert_eq!(viewer.counters().repeats_sent > before, repaired, "{after:?} after the start");
    }
}

#[test]
fn without_rtx_nothing_is_sent_under_a_used_number() {
    let now = Instant::now();
    let mut publisher = leg(CHROMIUM, now);
    let offer = FIREFOX.lines().filter(|line| !line.contains("rtx") && !line.contains("apt="));
    let mut viewer = leg(&offer.map(|line| format!("{line}\r\n")).collect::<String>(), now);
    viewer.start_forwarding(now);
    let key = Encoder::new(CHROMIUM).frame(0, true, 2, 0);
    pass(&mut publisher, &mut viewer, now, &key);
    let first = header(&drain_rtp(&mut viewer, now)[0]);
    viewer.receive_rtcp(now, &nack(22, first.sequence, 0));
    assert!(drain_rtp(&mut viewer, now).is_empty());
    assert_eq!(viewer.counters().repeats_missed, 1);
}

#[test]
fn a_greedy_peer_gets_its_share_of_repeats_and_no_more() {
    let mut now = Instant::now();
    let mut publisher = leg(CHROMIUM, now);
    let mut viewer = leg(FIREFOX, now);
    viewer.seed_rtt(Duration::ZERO);
    viewer.start_forwarding(now);
    let key = Encoder::new(CHROMIUM).frame(0, true, 17, 0);
    pass(&mut publisher, &mut viewer, now, &key);
    let first = header(&drain_rtp(&mut viewer, now)[0]);
    for _ in 0..1_000 {
        now += Duration::from_millis(1);
        viewer.receive_rtcp(now, &nack(22, first.sequence, 0xffff));
        drain_rtp(&mut viewer, now);
    }
    let counters = viewer.counters();
    assert!(counters.repeats_over_budget > 10_000, "{counters:?}");
    assert!(counters.repeats_sent < 400, "{counters:?}");
}

#[test]
fn an_outage_is_repaired_whole() {
    const FRAME: Duration = Duration::from_millis(40);
    const OUTAGE: Duration = Duration::from_millis(600);
    let start = Instant::now();
    let mut publisher = leg(CHROMIUM, start);
    let mut viewer = leg(FIREFOX, start);
    viewer.seed_rtt(RTT);
    viewer.start_forwarding(start);
    let mut encoder = Encoder::new(CHROMIUM);
    let mut now = start;
    let mut lost = Vec::new();
    // 1.44 Mbit/s; what leaves in the last 600 ms is lost.
    for frame in 0..50 {
        let packets = encoder.frame(frame * 3_600, frame == 0, 8, frame as u16);
        pass(&mut publisher, &mut viewer, now, &packets);
        viewer.take_feedback(now);
        for _ in 0..8 {
            let sent = drain_rtp(&mut viewer, now);
            if now >= start + FRAME * 50 - OUTAGE {
                lost.extend(sent.iter().map(|packet| header(packet).sequence));
            }
            now += FRAME / 8;
        }
    }
    for &sequence in &lost {
        viewer.receive_rtcp(now, &nack(22, sequence, 0));
    }
    let mut repeats = 0;
    for _ in 0..100 {
        repeats += drain_rtp(&mut viewer, now).len();
        now += Duration::from_millis(5);
    }
    assert!(lost.len() >= 110, "{}", lost.len());
    assert_eq!(repeats, lost.len(), "{:?}", viewer.counters());
}

#[test]
fn a_gap_is_asked_for_and_filled_by_a_repeat() {
    let now = Instant::now();
    let mut publisher = leg(CHROMIUM, now);
    publisher.seed_rtt(RTT);
    let mut viewer = leg(FIREFOX, now);
    viewer.start_forwarding(now);
    let mut encoder = Encoder::new(CHROMIUM);
    let key = encoder.frame(0, true, 4, 0);
    pass(&mut publisher, &mut viewer, now, &[key[0].clone(), key[3].clone()]);
    let before: Vec<_> = drain_rtp(&mut viewer, now).iter().map(|p| header(p).sequence).collect();

    let lost: Vec<u16> = [&key[1], &key[2]].iter().map(|packet| header(packet).sequence).collect();
    assert!(nacked(drain(&mut publisher, now)).is_empty(), "they may only be reordered");
    let soon = publisher.next_timeout().unwrap();
    assert_eq!(nacked(drain(&mut publisher, soon)), lost);
    for copy in [15, 30].map(Duration::from_millis) {
        let asked = nacked(drain(&mut publisher, soon + copy));
        assert_eq!(asked, lost, "requests are lost as packets are");
    }
    let again = soon + RTT;
    assert!(nacked(drain(&mut publisher, again)).is_empty(), "a repeat may be under way");
    let again = again + Duration::from_millis(20);
    assert_eq!(nacked(drain(&mut publisher, again)), lost);

    let original = header(&key[1]);
    let repeat = repeat(&publisher, &key[1], 500);
    pass(&mut publisher, &mut viewer, again, std::slice::from_ref(&repeat));
    let filled = drain_first(&mut viewer, again);
    assert_eq!(header(&filled[0]).sequence, before[0].wrapping_add(1));
    assert_eq!(filled[0][header(&filled[0]).payload], key[1][original.payload]);
    assert!(!header(&filled[0]).marker);

    pass(&mut publisher, &mut viewer, again, &[repeat]);
    assert!(drain_first(&mut viewer, again).is_empty(), "once is enough");
    assert_eq!(publisher.counters().repaired, 1);
    let later = again + RTT * 2;
    assert_eq!(nacked(drain(&mut publisher, later)), lost[1..]);
}

fn nacked(packets: Vec<(Outgoing, Vec<u8>)>) -> Vec<u16> {
    let mut lost = Vec::new();
    for (_, packet) in packets.iter().filter(|(outgoing, _)| matches!(outgoing, Outgoing::Rtcp(_)))
    {
        for message in Messages::new(packet) {
            if let Ok(Message::Nack { lost: named, .. }) = message {
                lost.extend(named);
            }
        }
    }
    lost
}

#[test]
fn what_does_not_come_is_given_up_after_ten_round_trips() {
    let start = Instant::now();
    let mut now = start;
    let mut missing = Missing::default();
    missing.skipped(now, 100, 103).unwrap();
    assert_eq!(missing.arrived(now, 101), None, "it was only reordered");
    let mut asked = Vec::new();
    let outcome = loop {
        now = missing.next_due().unwrap();
        let result = missing.collect(now, RTT, |sequence| {
            asked.push(sequence);
            true
        });
        if let Err(given_up) = result {
            break given_up;
        }
    };
    assert_eq!(outcome, GivenUp(2));
    assert_eq!(asked.len(), 2 * 30, "each time and twice again");
    let patience = now - start;
    assert!((10 * RTT..12 * RTT + RTT).contains(&patience), "{patience:?}");
    assert_eq!(missing.next_due(), None);
}

#[test]
fn a_key_frame_makes_older_gaps_pointless() {
    let now = Instant::now();
    let mut missing = Missing::default();
    missing.skipped(now, 10, 20).unwrap();
    missing.forget_before(15);
    let mut asked = Vec::new();
    missing
        .collect(now + Duration::from_millis(10), RTT, |sequence| {
            asked.push(sequence);
            true
        })
        .unwrap();
    assert_eq!(asked, [15, 16, 17, 18, 19]);
}

#[test]
fn a_gap_too_large_is_not_asked_for() {
    let mut missing = Missing::default();
    assert_eq!(missing.skipped(Instant::now(), 0, 1_000), Err(GivenUp(1_000)));
    assert_eq!(missing.next_due(), None);
}

#[test]
fn the_cache_keeps_what_fits_and_nothing_that_was_overwritten() {
    let layout = |buffer: &mut [u8]| {
        buffer[..12].fill(0x80);
        Layout { header_len: 12, transport_sequence_at: 0, send_time_at: 0, needed: true }
    };
    let now = Instant::now();
    let mut cache = PacketCache::new(10_000, 64);
    assert!(cache.get(0).is_none());
    for sequence in 0..1_000u64 {
        let payload = vec![sequence as u8; 100 + (sequence as usize * 37) % 900];
        // At any place of the ring, and beyond its end.
        cache.glance_places(sequence, 70, 7_000);
        cache.store(now, sequence, &payload, layout);
        let mut kept = 0;
        for earlier in 0..=sequence {
            if let Some((_, bytes)) = cache.get(earlier) {
                assert_eq!(bytes.len(), 112 + (earlier as usize * 37) % 900);
                assert!(bytes[12..].iter().all(|&byte| byte == earlier as u8));
                kept += bytes.len();
            }
        }
        assert!(kept <= 10_000);
        assert!(sequence < 50 || kept > 7_000, "the ring is well used: {kept}");
        assert!(cache.get(sequence + 1).is_none());
    }
}

#[test]
fn the_cache_is_as_large_as_the_rate_needs() {
    const KILO: usize = 1_024;
    let layout = |buffer: &mut [u8]| {
        buffer[..12].fill(0x80);
        Layout { header_len: 12, transport_sequence_at: 0, send_time_at: 0, needed: true }
    };
    let second = Duration::from_secs(1);
    // Packets of 1,112 bytes in a second, and what is allocated for them after ten.
    for (rate, expected) in [(10, 56), (175, 224), (1_000, 448)] {
        let mut cache = PacketCache::new(448 * KILO, 1_024);
        assert_eq!(cache.allocated(), 0);
        let start = Instant::now();
        for sequence in 0..10 * rate {
            let now = start + second * sequence / rate;
            cache.store(now, sequence.into(), &[7; 1_100], layout);
            let earlier = u64::from(sequence.saturating_sub(rate));
            let kept = cache.get(earlier).is_some();
            assert!(kept || rate == 1_000, "after a second, at {rate} packets in one");
        }
        assert_eq!(cache.allocated(), expected * KILO, "at {rate} packets a second");
        cache.free();
        assert_eq!(cache.allocated(), 0);
        assert!(cache.get(u64::from(10 * rate - 1)).is_none());
    }
}

#[test]
fn what_is_held_has_no_timer() {
    let now = Instant::now();
    let mut missing = Missing::default();
    missing.skipped(now, 1, 2).unwrap();
    assert!(missing.next_due().is_some());
    missing.hold();
    missing.skipped(now, 3, 5).unwrap();
    assert_eq!(missing.next_due(), None);
    missing.release(now);
    assert_eq!(missing.next_due(), Some(now));
}
