use std::num::NonZeroU8;

use ::rtp::{
    Packet,
    header::{Extension, Header as ReferenceHeader},
};
use bytes::Bytes;
use proptest::prelude::*;
use shared::marshal::{Marshal, Unmarshal};

use super::{header::FIXED_LEN, *};
use crate::sdp::{Codec, H264Profile, PacketizationMode};

const MODE_1: Codec = Codec::H264 {
    profile: H264Profile::ConstrainedBaseline,
    mode: PacketizationMode::NonInterleaved,
};
const VP9: Codec = Codec::Vp9 { profile: 0 };
const AV1: Codec = Codec::Av1 { profile: 0 };

#[test]
fn key_frames_of_vp8() {
    // Descriptors as libwebrtc writes them: X, 15-bit picture id, TL0PICIDX, TID/KEYIDX.
    let key = [0x90, 0xe0, 0x80, 0x01, 0x05, 0x20, 0x50, 0x2b, 0x01, 0x9d, 0x01, 0x2a];
    let delta = [0x90, 0xe0, 0x80, 0x02, 0x05, 0x20, 0xd1, 0x03, 0x00];
    assert!(key_frame::starts(Codec::Vp8, &key));
    assert!(!key_frame::starts(Codec::Vp8, &delta));
    assert!(key_frame::starts(Codec::Vp8, &[0x10, 0x50, 0x2b, 0x01]), "no extension");
    assert!(key_frame::starts(Codec::Vp8, &[0x90, 0x80, 0x11, 0x50]), "7-bit picture id");
    let mut continued = key;
    continued[0] = 0x80;
    assert!(!key_frame::starts(Codec::Vp8, &continued), "not the first packet of the frame");
    continued[0] = 0x91;
    assert!(!key_frame::starts(Codec::Vp8, &continued), "not the first partition");
    assert!(!key_frame::starts(Codec::Vp8, &key[..6]), "cut off");
}

#[test]
fn key_frames_of_vp9() {
    // I, L, F, B (and V with a scalability structure on key frames).
    assert!(key_frame::starts(VP9, &[0xaa, 0x80, 0x01, 0x00, 0x00, 0x10]));
    assert!(!key_frame::starts(VP9, &[0xea, 0x80, 0x01, 0x00]), "P: predicted");
    assert!(!key_frame::starts(VP9, &[0xa2, 0x80, 0x01, 0x00]), "does not begin a frame");
    assert!(!key_frame::starts(VP9, &[0xaa, 0x80, 0x01, 0x02]), "a higher spatial layer");
    assert!(key_frame::starts(VP9, &[0x8a, 0x11]), "no layers");
}

#[test]
fn key_frames_of_h264() {
    assert!(key_frame::starts(MODE_1, &[0x67, 0x42, 0xe0, 0x1f]), "SPS");
    let stap = [0x78, 0, 2, 0x68, 0xce, 0, 3, 0x67, 0x42, 0xe0, 0, 1, 0x65];
    assert!(key_frame::starts(MODE_1, &stap), "SPS behind another NAL unit");
    assert!(!key_frame::starts(MODE_1, &stap[..5]), "cut off");
    assert!(!key_frame::starts(MODE_1, &[0x78, 0, 2, 0x68, 0xce]), "PPS alone");
    assert!(!key_frame::starts(MODE_1, &[0x7c, 0x85, 0x88]), "FU-A of an IDR picture");
    assert!(!key_frame::starts(MODE_1, &[0x61, 0x9a]), "non-IDR");
    assert!(!key_frame::starts(MODE_1, &[]));
}

#[test]
fn key_frames_of_av1() {
    assert!(key_frame::starts(AV1, &[0x28, 0x0a, 0x0b]), "N: new coded video sequence");
    assert!(!key_frame::starts(AV1, &[0x20, 0x32]));
    assert!(!key_frame::starts(Codec::Opus, &[0xff]));
}

fn reference(profile: u16, extensions: &[(u8, Vec<u8>)], csrc: Vec<u32>) -> Vec<u8> {
    let header = ReferenceHeader {
        version: 2,
        extension: !extensions.is_empty(),
        marker: true,
        payload_type: 111,
        sequence_number: 65_535,
        timestamp: 0x0102_0304,
        ssrc: 0xdead_beef,
        csrc,
        extension_profile: profile,
        extensions: extensions
            .iter()
            .map(|(id, payload)| Extension { id: *id, payload: Bytes::copy_from_slice(payload) })
            .collect(),
        ..Default::default()
    };
    Packet { header, payload: Bytes::from_static(b"payload") }.marshal().unwrap().to_vec()
}

#[test]
fn padding_in_extensions_is_skipped_and_15_ends_them() {
    let mut packet = reference(0xbede, &[(1, vec![7])], vec![]);
    packet.truncate(FIXED_LEN);
    packet.extend([0xbe, 0xde, 0, 3, 0, 0, 0x10, 7, 0, 0x20, 8, 0, 0xf0, 0x30, 9, 0]);
    packet.extend(b"payload");
    let header = Header::parse(&packet).unwrap();
    let found: Vec<_> =
        header.extensions(&packet).map(|(id, at)| (id, packet[at].to_vec())).collect();
    assert_eq!(found, [(1, vec![7]), (2, vec![8])]);
    assert_eq!(&packet[header.payload], b"payload");
}

#[test]
fn malformed_packets_are_refused() {
    let packet = reference(0xbede, &[(1, vec![7; 4])], vec![5, 6]);
    assert!(Header::parse(&packet).is_some());
    for len in 0..packet.len() - b"payload".len() {
        assert_eq!(Header::parse(&packet[..len]), None, "{len}");
    }
    let mut padded = packet.clone();
    padded[0] |= 0x20;
    for (padding, fits) in [(0, false), (1, true), (7, true), (8, false), (255, false)] {
        *padded.last_mut().unwrap() = padding;
        assert_eq!(Header::parse(&padded).is_some(), fits, "{padding}");
    }
    let mut version = packet;
    version[0] = 0x50;
    assert_eq!(Header::parse(&version), None);
}

#[test]
fn a_packet_of_padding_has_no_payload() {
    for (extension, padding) in [(false, 1), (true, 1), (true, u8::MAX)] {
        let mut buffer = [0xff; MAX_HEADER + 255];
        let mut header = HeaderWriter::new(&mut buffer, false);
        header.fixed(false, PayloadType(97), 7, 8, Ssrc(9));
        if extension {
            header.extension(1, &[1, 2]).unwrap();
        }
        let len = header.finish_empty(NonZeroU8::new(padding).unwrap());
        let header = Header::parse(&buffer[..len]).unwrap();
        assert!(header.payload.is_empty(), "{extension}, {padding}");
        let header_len = if extension { FIXED_LEN + 8 } else { FIXED_LEN };
        assert_eq!(len, header_len + usize::from(padding));
        assert!(buffer[header_len..len - 1].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn elements_that_do_not_fit_are_left_out() {
    let mut buffer = [0xff; MAX_HEADER];
    let mut header = HeaderWriter::new(&mut buffer, false);
    assert_eq!(header.extension(15, &[1]), None);
    assert_eq!(header.extension(1, &[0; 17]), None);
    assert_eq!(header.extension(1, &[]), None);
    assert!(header.extension(1, &[0; 16]).is_some());
    assert!(header.finish() <= MAX_HEADER);
    let mut header = HeaderWriter::new(&mut buffer, true);
    let written = (1..20).filter(|&id| header.extension(id, &[0; 20]).is_some()).count();
    assert_eq!(written, 6);
    assert!(header.finish() <= MAX_HEADER);
}

#[test]
fn restarts_are_believed_after_two_packets_in_a_row() {
    let mut unwrapper = SequenceUnwrapper::default();
    let Unwrapped::Known(first) = unwrapper.unwrap(5) else { panic!() };
    assert_eq!(unwrapper.unwrap(3), Unwrapped::Known(first - 2));
    assert_eq!(unwrapper.unwrap(65_534), Unwrapped::Known(first - 7));
    assert_eq!(unwrapper.unwrap(30_000), Unwrapped::Stray);
    assert_eq!(unwrapper.unwrap(40_000), Unwrapped::Stray);
    assert_eq!(unwrapper.unwrap(6), Unwrapped::Known(first + 1));
    assert_eq!(unwrapper.unwrap(40_001), Unwrapped::Stray, "the running stream went on");
    let Unwrapped::Restarted(restarted) = unwrapper.unwrap(40_002) else { panic!() };
    assert!(restarted > first + 1_000);
    assert_eq!(restarted as u16, 40_002);
    assert_eq!(unwrapper.highest(), Some(restarted));
}

fn elements(two_byte: bool) -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let (ids, lens) = if two_byte { (1..=255u8, 0..=12usize) } else { (1..=14, 1..=12) };
    prop::collection::btree_map(ids, prop::collection::vec(any::<u8>(), lens), 0..6)
        .prop_map(|map| map.into_iter().collect())
}

proptest! {
    #[test]
    fn reading_agrees_with_rtc_rtp(
        two_byte in any::<bool>(),
        seed in (elements(false), elements(true)),
        csrc in prop::collection::vec(any::<u32>(), 0..4),
    ) {
        let (profile, extensions) = if two_byte { (0x1000, seed.1) } else { (0xbede, seed.0) };
        let packet = reference(profile, &extensions, csrc);
        let header = Header::parse(&packet).unwrap();
        prop_assert_eq!((header.sequence, header.marker), (65_535, true));
        prop_assert_eq!(&packet[header.payload.clone()], b"payload");
        let found: Vec<_> =
            header.extensions(&packet).map(|(id, at)| (id, packet[at].to_vec())).collect();
        prop_assert_eq!(found, extensions);
    }

    #[test]
    fn rtc_rtp_reads_what_is_written(
        two_byte in any::<bool>(),
        seed in (elements(false), elements(true)),
        sequence in any::<u16>(),
    ) {
        let extensions = if two_byte { seed.1 } else { seed.0 };
        let mut buffer = [0xee; MAX_HEADER];
        let mut writer = HeaderWriter::new(&mut buffer, two_byte);
        writer.fixed(true, PayloadType(96), sequence, 77, Ssrc(88));
        for (id, value) in &extensions {
            let at = writer.extension(*id, value).unwrap();
            prop_assert!(at > FIXED_LEN);
        }
        let len = writer.finish();
        let mut packet = buffer[..len].to_vec();
        packet.extend(b"payload");
        let read = Packet::unmarshal(&mut Bytes::from(packet)).unwrap();
        prop_assert_eq!(read.header.sequence_number, sequence);
        prop_assert_eq!((read.header.timestamp, read.header.ssrc), (77, 88));
        prop_assert_eq!(read.payload, Bytes::from_static(b"payload"));
        let found: Vec<_> =
            read.header.extensions.iter().map(|e| (e.id, e.payload.to_vec())).collect();
        prop_assert_eq!(found, extensions);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let mut sound = bytes.clone();
        if let Some(first) = sound.first_mut() {
            *first = 0x80 | *first & 0x3f;
        }
        for packet in [&bytes, &sound] {
            if let Some(header) = Header::parse(packet) {
                prop_assert!(header.payload.end <= packet.len());
                for (_, value) in header.extensions(packet) {
                    prop_assert!(value.end <= packet.len());
                }
            }
        }
        for codec in [Codec::Opus, Codec::Vp8, VP9, MODE_1, AV1] {
            key_frame::starts(codec, &bytes);
        }
    }

    #[test]
    fn unwrapping_follows_any_run(start in any::<u16>(), steps in prop::collection::vec(-20i64..60, 1..300)) {
        let mut unwrapper = SequenceUnwrapper::default();
        let Unwrapped::Known(first) = unwrapper.unwrap(start) else { panic!() };
        let mut position = 0i64;
        for step in steps {
            position = (position + step).max(0);
            let sequence = start.wrapping_add(position as u16);
            prop_assert_eq!(
                unwrapper.unwrap(sequence),
                Unwrapped::Known(first + position as u64)
            );
        }
    }
}

/// The structure that Chromium sends for two temporal layers of VP8, and its templates in turn.
#[test]
fn the_descriptor_tells_where_a_layer_can_be_taken_up_again() {
    // Templates: the base ("SS", "SR"), and above it one that refers to the base only ("-S"), one that
    // also refers to its like ("-R"), one that nobody refers to ("-D").
    let (layers, indications) = ([0, 0, 1, 1, 1u8], ["SS", "SR", "-S", "-R", "-D"]);
    let mut bits = String::from("10000") + "000000" + "00001";
    for pair in layers.windows(2) {
        bits += if pair[0] == pair[1] { "00" } else { "01" };
    }
    bits += "11";
    for indication in indications.concat().chars() {
        bits += match indication {
            '-' => "00",
            'D' => "01",
            'S' => "10",
            _ => "11",
        };
    }
    let mut first = vec![0x80, 0, 1];
    first.extend(bits.as_bytes().chunks(8).map(|byte| {
        byte.iter().enumerate().fold(0u8, |sum, (at, bit)| sum | (bit - b'0') << (7 - at))
    }));
    let mut templates = Templates::default();
    assert!(templates.read(&first).is_some());
    let read: Vec<_> = (0..5)
        .map(|template| {
            let layer = templates.read(&[0xc0 | template, 0, 2]).unwrap();
            (layer.temporal, layer.sync, layer.discardable)
        })
        .collect();
    let expected = [(0, false, false), (0, false, false), (1, true, false), (1, false, false)];
    assert_eq!(read[..4], expected);
    assert_eq!(read[4], (1, false, true));
}
