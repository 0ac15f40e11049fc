use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::peers::{CHROMIUM, Encoder, FIREFOX, SAFARI, drain_first, drain_rtp, header, leg, pass};
use crate::{
    api::MediaKind,
    media::{MediaEvent, MediaLeg, Outgoing},
    rtp::{PayloadType, Ssrc},
    sdp::{Codec, Extension, H264Profile, PacketizationMode},
};

fn bridged(now: Instant) -> (MediaLeg, MediaLeg, Encoder) {
    let publisher = leg(CHROMIUM, now);
    let mut viewer = leg(FIREFOX, now);
    viewer.start_forwarding(now);
    (publisher, viewer, Encoder::new(CHROMIUM))
}

#[test]
fn video_begins_at_a_key_frame() {
    let now = Instant::now();
    let (mut publisher, mut viewer, mut encoder) = bridged(now);
    let delta = encoder.frame(0, false, 2, 0);
    pass(&mut publisher, &mut viewer, now, &delta);
    assert!(drain_rtp(&mut viewer, now).is_empty());
    assert!(viewer.take_feedback(now).unwrap().key_frame);

    let key = encoder.frame(3_000, true, 3, 1);
    pass(&mut publisher, &mut viewer, now, &key[..2]);
    let mut sent = drain_rtp(&mut viewer, now);
    assert_eq!(viewer.poll_event(), Some(MediaEvent::FirstPacket(MediaKind::Video)));
    assert_eq!(viewer.poll_event(), None, "the key frame is not complete yet");
    pass(&mut publisher, &mut viewer, now, &key[2..]);
    sent.extend(drain_rtp(&mut viewer, now));
    assert_eq!(viewer.poll_event(), Some(MediaEvent::FirstKeyFrame));
    assert_eq!(sent.len(), 3);
    for (sent, original) in sent.iter().zip(&key) {
        let (sent_header, original_header) = (header(sent), header(original));
        assert_eq!(sent_header.ssrc, Ssrc(22));
        assert_eq!(sent_header.payload_type.0, 120, "Firefox's number for VP8");
        assert_eq!(sent_header.marker, original_header.marker);
        assert_eq!(sent[sent_header.payload], original[original_header.payload]);
    }
    assert!(viewer.take_feedback(now + Duration::from_secs(1)).is_none_or(|f| !f.key_frame));
}

#[test]
fn a_key_frame_is_complete_when_its_last_missing_packet_has_come() {
    let now = Instant::now();
    let (mut publisher, mut viewer, mut encoder) = bridged(now);
    let key = encoder.frame(0, true, 4, 0);
    let next = encoder.frame(3_000, false, 1, 1);
    let order = [&key[0], &key[3], &next[0], &key[1], &key[2]].map(Clone::clone);
    pass(&mut publisher, &mut viewer, now, &order[..4]);
    drain_rtp(&mut viewer, now);
    assert_eq!(viewer.poll_event(), Some(MediaEvent::FirstPacket(MediaKind::Video)));
    assert_eq!(viewer.poll_event(), None);
    pass(&mut publisher, &mut viewer, now, &order[4..]);
    drain_rtp(&mut viewer, now);
    assert_eq!(viewer.poll_event(), Some(MediaEvent::FirstKeyFrame));
    let again = encoder.frame(6_000, true, 1, 2);
    pass(&mut publisher, &mut viewer, now, &again);
    drain_rtp(&mut viewer, now);
    assert_eq!(viewer.poll_event(), None, "told once");
    viewer.start_forwarding(now);
    let again = encoder.frame(9_000, true, 1, 3);
    pass(&mut publisher, &mut viewer, now, &again);
    drain_rtp(&mut viewer, now);
    assert_eq!(viewer.poll_event(), Some(MediaEvent::FirstPacket(MediaKind::Video)));
    assert_eq!(viewer.poll_event(), Some(MediaEvent::FirstKeyFrame), "and again for a new bridge");
}

#[test]
fn audio_is_forwarded_at_once() {
    let now = Instant::now();
    let (mut publisher, mut viewer, mut encoder) = bridged(now);
    let audio = encoder.audio(960);
    pass(&mut publisher, &mut viewer, now, &[audio]);
    let sent = drain_rtp(&mut viewer, now);
    assert_eq!(sent.len(), 1);
    assert_eq!(header(&sent[0]).payload_type.0, 109, "Firefox's number for Opus");
    assert_eq!(viewer.poll_event(), Some(MediaEvent::FirstPacket(MediaKind::Audio)));
}

#[test]
fn nothing_is_forwarded_without_a_bridge() {
    let now = Instant::now();
    let mut publisher = leg(CHROMIUM, now);
    let mut viewer = leg(FIREFOX, now);
    let audio = Encoder::new(CHROMIUM).audio(0);
    pass(&mut publisher, &mut viewer, now, &[audio]);
    assert!(drain_rtp(&mut viewer, now).is_empty());
    assert_eq!(viewer.take_feedback(now), None);
}

#[test]
fn audio_goes_before_video_and_feedback_before_both() {
    let now = Instant::now();
    let (mut publisher, mut viewer, mut encoder) = bridged(now);
    let key = encoder.frame(0, true, 5, 0);
    pass(&mut publisher, &mut viewer, now, &key);
    let audio = encoder.audio(960);
    pass(&mut publisher, &mut viewer, now, &[audio]);
    let sent = drain_rtp(&mut viewer, now);
    assert_eq!(header(&sent[0]).ssrc, Ssrc(11));
    assert_eq!(sent.len(), 6);
}

#[test]
fn extensions_carry_the_viewers_ids_and_our_numbers() {
    let now = Instant::now();
    let (mut publisher, mut viewer, mut encoder) = bridged(now);
    let key = encoder.frame(0, true, 2, 0);
    pass(&mut publisher, &mut viewer, now, &key);
    let sent = drain_rtp(&mut viewer, now);
    let ids = viewer.negotiated.video.as_ref().unwrap().extensions;
    for (index, packet) in sent.iter().enumerate() {
        let value = |extension| {
            let id = ids.id(extension).unwrap();
            let found = header(packet).extensions(packet).find(|(found, _)| *found == id);
            packet[found.unwrap().1].to_vec()
        };
        assert_eq!(value(Extension::Mid), b"1");
        assert_eq!(value(Extension::TransportSequence), (index as u16).to_be_bytes());
        assert_ne!(value(Extension::AbsSendTime), [0; 3]);
    }
}

/// The extension elements of a packet.
fn elements(packet: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let found = header(packet).extensions(packet);
    found.map(|(id, value)| (id, packet[value].to_vec())).collect()
}

#[test]
fn extensions_of_the_publisher_get_the_viewers_ids() {
    let level = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
    for (viewers_id, profile) in [(9, 0xbede), (60, 0x1000u16)] {
        let now = Instant::now();
        let mut publisher = leg(CHROMIUM, now);
        let offer =
            FIREFOX.replace(&format!("extmap:1 {level}"), &format!("extmap:{viewers_id} {level}"));
        let mut viewer = leg(&offer, now);
        viewer.start_forwarding(now);
        let mut audio = Encoder::new(CHROMIUM).audio(0);
        // The MID element (id 4) of the encoder becomes an audio level (id 1): same length.
        assert_eq!(audio[16], 0x40);
        audio[16] = 0x10;
        audio[17] = 0xb3;
        pass(&mut publisher, &mut viewer, now, &[audio]);
        let sent = drain_rtp(&mut viewer, now);
        assert_eq!(sent[0][12..14], profile.to_be_bytes());
        assert!(elements(&sent[0]).contains(&(viewers_id, vec![0xb3])));

        // A viewer that agreed to one-byte headers alone does not get what needs two.
        let plain = offer.replace("a=extmap-allow-mixed\r\n", "");
        assert_eq!(
            super::peers::negotiated(&plain)
                .audio
                .unwrap()
                .extensions
                .id(Extension::AudioLevel)
                .is_some(),
            viewers_id < 15
        );
    }
}

#[test]
fn a_dependency_descriptor_is_passed_on_where_the_payload_does_not_say_it_itself() {
    let uri =
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
    let orientation = "urn:3gpp:video-orientation";
    let offer = CHROMIUM.replace(orientation, uri);
    // A key frame begins in either.
    let cases = [
        (Codec::Vp8, vec![0x10, 0, 0, 0], false),
        (Codec::Vp9 { profile: 0 }, vec![0x08, 0, 0, 0], true),
    ];
    for (codec, payload, passed) in cases {
        let now = Instant::now();
        let (mut publisher, mut viewer) = (leg(&offer, now), leg(&offer, now));
        viewer.start_forwarding(now);
        let mut encoder = Encoder::with_codec(&offer, codec);
        let sent = encoder.packet(MediaKind::Video, 0, true, &payload);
        let ids = publisher.negotiated.video.as_ref().unwrap().extensions;
        let id = ids.id(Extension::DependencyDescriptor).unwrap();
        let mut packet = vec![0; crate::rtp::MAX_HEADER];
        let mut writer = crate::rtp::HeaderWriter::new(&mut packet, false);
        let fixed = header(&sent);
        writer.fixed(true, fixed.payload_type, fixed.sequence, fixed.timestamp, fixed.ssrc);
        writer.extension(id, &[0xc0, 0, 1]).unwrap();
        let len = writer.finish();
        packet.truncate(len);
        packet.extend(payload);
        pass(&mut publisher, &mut viewer, now, &[packet]);
        let got = drain_rtp(&mut viewer, now);
        assert_eq!(elements(&got[0]).iter().any(|(found, _)| *found == id), passed, "{codec:?}");
    }
}

#[test]
fn a_new_publisher_goes_on_where_the_former_stopped() {
    let now = Instant::now();
    let (mut publisher, mut viewer, mut encoder) = bridged(now);
    let key = encoder.frame(1_000, true, 3, 0);
    pass(&mut publisher, &mut viewer, now, &key);
    let before = header(drain_rtp(&mut viewer, now).last().unwrap());

    let later = now + Duration::from_secs(2);
    let mut other = leg(SAFARI, later);
    let mut other_encoder = Encoder::new(SAFARI);
    viewer.start_forwarding(later);
    let delta = other_encoder.frame(777, false, 1, 1);
    pass(&mut other, &mut viewer, later, &delta);
    assert!(drain_first(&mut viewer, later).is_empty(), "the new picture begins at a key frame");
    let key = other_encoder.frame(4_000_000_000, true, 1, 2);
    pass(&mut other, &mut viewer, later, &key);
    let after = header(&drain_first(&mut viewer, later)[0]);
    assert_eq!(after.sequence, before.sequence.wrapping_add(1));
    assert_eq!(after.timestamp.wrapping_sub(before.timestamp), 180_000);
    assert_eq!(after.ssrc, before.ssrc);
}

#[test]
fn a_restarted_stream_of_the_same_publisher_goes_on_as_well() {
    let now = Instant::now();
    let (mut publisher, mut viewer, mut encoder) = bridged(now);
    let packets: Vec<_> = (0..3).map(|index| encoder.audio(960 * index)).collect();
    pass(&mut publisher, &mut viewer, now, &packets);
    let before = header(drain_rtp(&mut viewer, now).last().unwrap());
    encoder.sequences[0] = 20_000;
    let packets: Vec<_> = (0..3).map(|index| encoder.audio(960 * index)).collect();
    pass(&mut publisher, &mut viewer, now, &packets);
    let after: Vec<_> = drain_rtp(&mut viewer, now).iter().map(|p| header(p).sequence).collect();
    // One packet is needed to see that the first one was not a stray.
    assert_eq!(after, [before.sequence.wrapping_add(1), before.sequence.wrapping_add(2)]);
}

#[test]
fn streams_are_learnt_by_mid_and_only_by_mid() {
    let now = Instant::now();
    let (mut publisher, mut viewer, mut encoder) = bridged(now);
    encoder.change_ssrc(MediaKind::Audio, Ssrc(4_711));
    let audio = encoder.audio(0);
    pass(&mut publisher, &mut viewer, now, &[audio]);
    assert_eq!(drain_rtp(&mut viewer, now).len(), 1);
    let mut stranger = encoder.audio(960);
    stranger[8..12].copy_from_slice(&9u32.to_be_bytes());
    stranger[0] &= !0x10;
    assert!(publisher.receive_rtp(now, &stranger).is_none());
    assert_eq!(publisher.counters().unknown_stream, 1);
}

#[test]
fn a_peer_cannot_make_streams_without_end() {
    let now = Instant::now();
    let mut publisher = leg(CHROMIUM, now);
    let mut encoder = Encoder::new(CHROMIUM);
    for ssrc in 0..100 {
        encoder.change_ssrc(MediaKind::Audio, Ssrc(1_000 + ssrc));
        let audio = encoder.audio(0);
        publisher.receive_rtp(now, &audio);
    }
    assert_eq!(publisher.counters().unknown_stream, 100 - 16);
}

#[test]
fn h264_goes_to_the_payload_type_of_its_profile_and_mode() {
    let high = Codec::H264 {
        profile: H264Profile::ConstrainedHigh,
        mode: PacketizationMode::NonInterleaved,
    };
    let now = Instant::now();
    let mut publisher = leg(SAFARI, now);
    let mut viewer = leg(CHROMIUM, now);
    viewer.start_forwarding(now);
    let mut encoder = Encoder::with_codec(SAFARI, high);
    let sps = encoder.packet(MediaKind::Video, 0, false, &[0x67, 0x64, 0x0c, 0x1f]);
    pass(&mut publisher, &mut viewer, now, &[sps]);
    let sent = drain_rtp(&mut viewer, now);
    let payload_type = header(&sent[0]).payload_type;
    let mapping = *viewer.negotiated.video.as_ref().unwrap().payload(payload_type).unwrap();
    assert!(
        matches!(mapping.codec, Codec::H264 { mode: PacketizationMode::NonInterleaved, .. }),
        "{mapping:?}"
    );

    let mut viewer = leg(FIREFOX, now);
    viewer.start_forwarding(now);
    let sps = encoder.packet(MediaKind::Video, 0, false, &[0x67, 0x64, 0x0c, 0x1f]);
    pass(&mut publisher, &mut viewer, now, &[sps]);
    assert!(drain_rtp(&mut viewer, now).is_empty());
    assert_eq!(viewer.counters().not_mappable, 1, "this Firefox offered no H.264");
}

#[test]
fn redundant_audio_reaches_who_knows_it_whole_and_others_without_copies() {
    let now = Instant::now();
    // One copy of two bytes, then the packet itself.
    let packet = [0xef, 0x0f, 0x00, 0x02, 0x6f, 8, 8, 1, 2, 3];
    for (offer, payload_type, payload) in
        [(CHROMIUM, 63, packet.as_slice()), (FIREFOX, 109, &[1, 2, 3])]
    {
        let mut publisher = leg(CHROMIUM, now);
        let mut viewer = leg(offer, now);
        viewer.start_forwarding(now);
        let mut encoder = Encoder::new(CHROMIUM);
        encoder.payload_types[MediaKind::Audio as usize] = PayloadType(63);
        let red = encoder.packet(MediaKind::Audio, 0, false, &packet);
        let cut = encoder.packet(MediaKind::Audio, 960, false, &packet[..6]);
        encoder.payload_types[MediaKind::Audio as usize] = PayloadType(111);
        let plain = encoder.packet(MediaKind::Audio, 1_920, false, &[4]);
        pass(&mut publisher, &mut viewer, now, &[red, cut, plain]);
        let sent = drain_rtp(&mut viewer, now);
        assert_eq!(header(&sent[0]).payload_type.0, payload_type);
        assert_eq!(&sent[0][header(&sent[0]).payload], payload);
        assert_eq!(&sent.last().unwrap()[header(sent.last().unwrap()).payload], [4], "Opus");
        assert_eq!(viewer.counters().malformed_rtp, u64::from(offer == FIREFOX));
    }
}

#[test]
fn timers_end_after_the_media() {
    let mut now = Instant::now();
    let (mut publisher, mut viewer, mut encoder) = bridged(now);
    let key = encoder.frame(0, true, 3, 0);
    pass(&mut publisher, &mut viewer, now, &key);
    let end = now + Duration::from_secs(30);
    let mut steps = 0;
    loop {
        for leg in [&mut publisher, &mut viewer] {
            leg.handle_timeout(now);
            super::peers::drain(leg, now);
        }
        if let Some(feedback) = viewer.take_feedback(now) {
            publisher.apply_feedback(now, feedback);
        }
        super::peers::drain(&mut publisher, now);
        let due = [publisher.next_timeout(), viewer.next_timeout()].into_iter().flatten().min();
        let Some(due) = due.filter(|&due| due < end) else { break };
        assert!(due > now, "a timer that is due was not served");
        now = due;
        steps += 1;
    }
    assert!(steps < 40, "{steps}");
    assert_eq!(viewer.next_timeout(), None);
    // Nobody watches the other way: what that carries is asked again half a minute after nothing came of it.
    assert!(publisher.next_timeout().is_some_and(|due| due >= end));
}

#[derive(Debug, Clone)]
enum Fate {
    Arrives,
    Lost,
    Twice,
    /// Swapped with the packet before it.
    Late,
    /// The publisher's leg is replaced.
    NewPublisher,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Arrives),
        2 => Just(Fate::Lost),
        1 => Just(Fate::Twice),
        2 => Just(Fate::Late),
        1 => Just(Fate::NewPublisher),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever the network does to a publisher's packets, the viewer's numbers are those of one
    /// stream: none twice, in the order of the original, timestamps never going back with them.
    #[test]
    fn numbers_stay_those_of_one_stream(fates in prop::collection::vec(fate(), 1..120)) {
        let mut now = Instant::now();
        let (mut publisher, mut viewer, mut encoder) = bridged(now);
        let mut timestamp = 0u32;
        let mut packets: Vec<(usize, Vec<u8>)> = Vec::new();
        let mut leg_number = 0;
        for fate in fates {
            timestamp = timestamp.wrapping_add(960);
            match fate {
                Fate::Arrives => packets.push((leg_number, encoder.audio(timestamp))),
                Fate::Lost => { encoder.audio(timestamp); }
                Fate::Twice => {
                    let packet = encoder.audio(timestamp);
                    packets.push((leg_number, packet.clone()));
                    packets.push((leg_number, packet));
                }
                Fate::Late => {
                    let packet = encoder.audio(timestamp);
                    let at = packets.iter().rposition(|(leg, _)| *leg != leg_number);
                    let at = at.map_or(0, |at| at + 1).max(packets.len().saturating_sub(1));
                    packets.insert(at, (leg_number, packet));
                }
                Fate::NewPublisher => {
                    leg_number += 1;
                    encoder.sequences[0] = encoder.sequences[0].wrapping_mul(31);
                    timestamp = timestamp.wrapping_mul(77);
                }
            }
        }
        let mut current = 0;
        let mut outcome = Vec::new();
        for (leg_number, packet) in &packets {
            now += Duration::from_millis(20);
            if *leg_number != current {
                current = *leg_number;
                publisher = leg(CHROMIUM, now);
                viewer.start_forwarding(now);
            }
            pass(&mut publisher, &mut viewer, now, std::slice::from_ref(packet));
            for sent in drain_rtp(&mut viewer, now) {
                outcome.push((header(&sent), header(packet), *leg_number));
            }
        }
        for (index, (sent, original, leg)) in outcome.iter().enumerate() {
            for (earlier, earlier_original, earlier_leg) in &outcome[..index] {
                prop_assert_ne!(sent.sequence, earlier.sequence);
                let ahead = sent.sequence.wrapping_sub(earlier.sequence) as i16;
                let later = sent.timestamp.wrapping_sub(earlier.timestamp) as i32;
                prop_assert_eq!(ahead > 0, later > 0, "numbers and timestamps go together");
                if leg == earlier_leg {
                    let original_ahead = original.sequence.wrapping_sub(earlier_original.sequence);
                    prop_assert_eq!(ahead, original_ahead as i16);
                } else {
                    prop_assert!(ahead > 0, "a new publisher comes after the former");
                }
            }
        }
    }

    /// Whatever an authenticated peer sends, nothing panics and nothing grows.
    #[test]
    fn any_bytes_are_survived(packets in prop::collection::vec(
        prop::collection::vec(any::<u8>(), 0..200), 1..50,
    )) {
        let now = Instant::now();
        let (mut publisher, mut viewer, mut encoder) = bridged(now);
        let key = encoder.frame(0, true, 2, 0);
        pass(&mut publisher, &mut viewer, now, &key);
        for (index, bytes) in packets.iter().enumerate() {
            let at = now + Duration::from_millis(index as u64 * 10);
            // A sound header before random extensions and payload reaches deeper.
            let mut packet = encoder.audio(0);
            packet.truncate(12);
            packet.extend(bytes);
            for packet in [bytes, &packet] {
                pass(&mut publisher, &mut viewer, at, std::slice::from_ref(packet));
                publisher.receive_rtcp(at, packet);
                viewer.receive_rtcp(at, packet);
            }
            for leg in [&mut publisher, &mut viewer] {
                leg.handle_timeout(at);
                prop_assert!(super::peers::drain(leg, at).len() < 1_000);
                prop_assert!(leg.next_timeout().is_none_or(|due| due > at || leg.take_feedback(at).is_some()));
            }
        }
    }
}

#[test]
fn poll_needs_room_for_a_packet() {
    let now = Instant::now();
    let (mut publisher, mut viewer, mut encoder) = bridged(now);
    let audio = encoder.audio(0);
    pass(&mut publisher, &mut viewer, now, &[audio]);
    assert_eq!(viewer.poll_packet(now, &mut [0; 100]), None);
    assert!(matches!(
        viewer.poll_packet(now, &mut [0; crate::media::MAX_PACKET]),
        Some(Outgoing::Rtp(_))
    ));
}
