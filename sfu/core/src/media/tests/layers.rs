//! Temporal layers are left out by what the codecs' own descriptors say, and by the dependency descriptor.

use std::time::{Duration, Instant};

use super::peers::{CHROMIUM, Encoder, NODE, drain, drain_rtp, header, leg, page, pass};
use crate::{
    api::MediaKind,
    media::{Counters, Outgoing},
    rtp::Header,
    sdp::{Codec, Extension},
};

const VP9: Codec = Codec::Vp9 { profile: 0 };
const AV1: Codec = Codec::Av1 { profile: 0 };
const DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";
const PACKETS: u8 = 2;

/// Where it is told which layer a frame is of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Told {
    InPayload,
    InDescriptor,
    Nowhere,
}

/// The dependency descriptor of libwebrtc's L1T2: templates for key frames, the base and the upper layer. Key
/// frames carry the structure.
fn descriptor(id: u16, key: bool, upper: bool) -> Vec<u8> {
    let template = if key { 0 } else { 1 + u8::from(upper) };
    let mut descriptor = vec![0xc0 | template];
    descriptor.extend(id.to_be_bytes());
    if key {
        // A structure; offset 0, two targets; layers 0, 0, 1; indications SS, SS, -D.
        let bits = "10000 000000 00001 00 01 11 1010 1010 0001".replace(' ', "") + "000000";
        let byte = |at: usize| u8::from_str_radix(&bits[at..at + 8], 2).unwrap();
        descriptor.extend((0..bits.len()).step_by(8).map(byte));
    }
    descriptor
}

fn payload(codec: Codec, told: Told, id: u16, key: bool, upper: bool, index: u8) -> Vec<u8> {
    let mut payload = match codec {
        Codec::Av1 { .. } => vec![if key && index == 0 { 0x28 } else { 0x20 }, 0x0a, 0x0b],
        _ => {
            // RFC 9628 §4.2: picture id, then layers where they are told.
            let layers = told == Told::InPayload;
            let inter = if key { 0 } else { 0x40 };
            let start = if index == 0 { 0x08 } else { 0 };
            let end = if index + 1 == PACKETS { 0x04 } else { 0 };
            let [high, low] = (id | 0x8000).to_be_bytes();
            let mut bytes = vec![0x80 | inter | start | end, high, low];
            if layers {
                bytes[0] |= 0x20;
                bytes.extend([if upper { 0x30 } else { 0 }, id as u8]);
            }
            bytes
        }
    };
    payload.resize(1_000, 0);
    payload
}

/// 30 frames a second of 480 kbit/s, a half of it in the upper layer, over a way that carries 420. What the
/// viewer's leg has counted once it knew that, and when all was over; and the frames of which it has sent all
/// in between.
fn squeeze(codec: Codec, told: Told) -> ([Counters; 2], Vec<u16>) {
    let start = Instant::now();
    let offer = CHROMIUM.replace("urn:3gpp:video-orientation", DESCRIPTOR);
    let (mut publisher, mut viewer) = (leg(&offer, start), leg(&offer, start));
    let mut screen = page(&offer, start);
    viewer.start_forwarding(start);
    let mut encoder = Encoder::with_codec(&offer, codec);
    if told == Told::InDescriptor {
        let ids = &publisher.negotiated.video.as_ref().unwrap().extensions;
        encoder.describe_with(ids.id(Extension::DependencyDescriptor).unwrap());
    }
    let mut free = start;
    let mut sent: Vec<Vec<u8>> = Vec::new();
    let (mut known, mut first) = (Counters::default(), None);
    let is_video = |header: &Header| header.ssrc == NODE.video;
    for step in 0..20_000u64 {
        let now = start + Duration::from_millis(step);
        if step % 33 == 0 {
            let id = (step / 33) as u16;
            let asked = viewer.take_feedback(now).is_some_and(|feedback| feedback.key_frame);
            let key = id == 0 || asked;
            let upper = !key && id % 2 == 1;
            encoder.description = descriptor(id, key, upper);
            let frame: Vec<_> = (0..PACKETS)
                .map(|index| {
                    let payload = payload(codec, told, id, key, upper, index);
                    let timestamp = 3_000 * u32::from(id);
                    encoder.packet(MediaKind::Video, timestamp, index + 1 == PACKETS, &payload)
                })
                .collect();
            pass(&mut publisher, &mut viewer, now, &frame);
        }
        viewer.handle_timeout(now);
        if step == 5_000 {
            // The first one sent is of the first frame.
            first = sent.iter().map(|packet| header(packet)).find(is_video).map(|h| h.timestamp);
            (sent, known) = (Vec::new(), *viewer.counters());
        }
        for packet in drain_rtp(&mut viewer, now) {
            free = free.max(now) + Duration::from_secs_f64(packet.len() as f64 * 8.0 / 420_000.0);
            screen.receive_rtp(free, &packet);
            sent.push(packet);
        }
        for (outgoing, packet) in drain(&mut screen, now) {
            if matches!(outgoing, Outgoing::Rtcp(_)) {
                viewer.receive_rtcp(now, &packet);
            }
        }
    }
    let video: Vec<_> = sent.iter().map(|packet| header(packet)).filter(is_video).collect();
    assert!(
        video.windows(2).all(|pair| pair[1].sequence == pair[0].sequence.wrapping_add(1)),
        "{codec:?}: nothing that was left out is missed"
    );
    let first = first.unwrap();
    let ids =
        video.iter().filter(|h| h.marker).map(|h| (h.timestamp.wrapping_sub(first) / 3_000) as u16);
    ([known, *viewer.counters()], ids.collect())
}

#[test]
fn the_upper_layer_of_vp9_and_av1_is_left_out_and_the_base_is_not() {
    for (codec, told) in
        [(VP9, Told::InPayload), (VP9, Told::InDescriptor), (AV1, Told::InDescriptor)]
    {
        let ([known, last], sent) = squeeze(codec, told);
        assert!(last.dropped_layer > known.dropped_layer + 50, "{codec:?} {told:?}: {last:?}");
        let (layer, queue) =
            (last.dropped_layer - known.dropped_layer, last.dropped_queue - known.dropped_queue);
        assert!(layer > 20 * queue, "{codec:?} {told:?}: {last:?}");
        let base = sent.iter().filter(|id| *id % 2 == 0).count();
        // 15 seconds of 15 pictures in either layer.
        assert!(
            base > 215 && sent.len() - base < 200,
            "{codec:?} {told:?}: {base} of {}",
            sent.len()
        );
    }
}

#[test]
fn without_a_word_about_layers_nothing_is_taken_for_one() {
    let ([_, last], _) = squeeze(VP9, Told::Nowhere);
    assert!(last.dropped_layer == 0 && last.dropped_queue > 0, "{last:?}");
}
