use ::rtcp::{
    payload_feedbacks::{
        full_intra_request::{FirEntry, FullIntraRequest},
        picture_loss_indication::PictureLossIndication,
        receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate,
    },
    receiver_report::ReceiverReport,
    reception_report::ReceptionReport,
    transport_feedbacks::{
        transport_layer_cc::{PacketStatusChunk, SymbolTypeTcc, TransportLayerCc},
        transport_layer_nack::{TransportLayerNack, nack_pairs_from_sequence_numbers},
    },
};
use proptest::prelude::*;
use shared::marshal::{Marshal, Unmarshal};

use super::{
    transport_feedback::{MAX_REPORTED, TransportFeedback},
    *,
};
use crate::rtp::Ssrc;

/// Arrivals are written with this precision, in microseconds.
const UNIT: i64 = 250;

fn write(base: u16, arrivals: &[Option<i64>]) -> Option<(Vec<u8>, usize)> {
    let mut out = [0; crate::media::MAX_PACKET];
    let (len, covered) =
        transport_feedback::write(&mut out, Ssrc(1), Ssrc(2), 9, base, arrivals.len(), |index| {
            arrivals[index]
        })?;
    Some((out[..len].to_vec(), covered))
}

/// Statuses as `rtc-rtcp` reads them: sequence number and arrival.
fn reference(packet: &[u8]) -> Vec<(u16, Option<i64>)> {
    let feedback = TransportLayerCc::unmarshal(&mut &packet[..]).unwrap();
    let symbols = feedback.packet_chunks.iter().flat_map(|chunk| match chunk {
        PacketStatusChunk::RunLengthChunk(run) => {
            vec![run.packet_status_symbol; usize::from(run.run_length)]
        }
        PacketStatusChunk::StatusVectorChunk(vector) => vector.symbol_list.clone(),
    });
    let mut deltas = feedback.recv_deltas.iter();
    let mut time = i64::from(feedback.reference_time) * 64_000;
    symbols
        .take(usize::from(feedback.packet_status_count))
        .enumerate()
        .map(|(index, symbol)| {
            let arrival = (symbol != SymbolTypeTcc::PacketNotReceived).then(|| {
                time += deltas.next().unwrap().delta;
                time
            });
            (feedback.base_sequence_number.wrapping_add(index as u16), arrival)
        })
        .collect()
}

/// Arrival times of packets in the order of their numbers: gaps between them, lost ones, late ones.
fn arrivals() -> impl Strategy<Value = Vec<Option<i64>>> {
    let step = prop_oneof![
        6 => (0i64..30_000).prop_map(Some),
        2 => Just(None),
        1 => (-20_000i64..0).prop_map(Some),
        1 => (60_000i64..3_000_000).prop_map(Some),
    ];
    (0i64..2_000_000_000, prop::collection::vec(step, 1..MAX_REPORTED)).prop_map(
        |(start, steps)| {
            let mut time = start;
            let next = |step: Option<i64>| {
                step.map(|step| {
                    time = (time + step).max(0);
                    time
                })
            };
            steps.into_iter().map(next).collect()
        },
    )
}

proptest! {
    /// What is written is read the same by us and by `rtc-rtcp`.
    #[test]
    fn transport_feedback_round_trip(base in any::<u16>(), arrivals in arrivals()) {
        let Some((packet, covered)) = write(base, &arrivals) else {
            prop_assert!(arrivals.iter().all(Option::is_none));
            return Ok(());
        };
        prop_assert_eq!(packet.len() % 4, 0);
        let expected: Vec<_> = arrivals[..covered]
            .iter()
            .enumerate()
            .map(|(index, arrival)| {
                let sequence = base.wrapping_add(index as u16);
                (sequence, arrival.map(|at| at.div_euclid(UNIT) * UNIT))
            })
            .collect();
        let feedback = TransportFeedback::parse(&packet).unwrap();
        let ours: Vec<_> = feedback.statuses().map(|s| (s.sequence, s.arrival)).collect();
        prop_assert_eq!(&ours, &expected);
        // rtc-rtcp takes the reference time as unsigned, which it is in the first 6 days.
        prop_assert_eq!(reference(&packet), expected);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for message in Messages::new(&bytes) {
            if let Ok(Message::TransportFeedback(feedback)) = message {
                prop_assert!(feedback.statuses().count() <= usize::from(u16::MAX));
            }
        }
    }

    /// Well-formed outer lengths, so that the bodies are reached.
    #[test]
    fn any_bodies_are_survived(
        parts in prop::collection::vec(
            (0u8..32, 195u8..210, any::<bool>(), prop::collection::vec(any::<u32>(), 0..20)),
            1..5,
        ),
    ) {
        let mut packet = Vec::new();
        for (format, packet_type, padding, words) in &parts {
            packet.extend([0x80 | u8::from(*padding) << 5 | format, *packet_type]);
            packet.extend((words.len() as u16).to_be_bytes());
            packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        }
        let mut count = 0;
        for message in Messages::new(&packet) {
            count += 1;
            if let Ok(Message::TransportFeedback(feedback)) = message {
                feedback.statuses().for_each(drop);
            }
        }
        prop_assert_eq!(count, parts.len(), "each part stands for itself");
    }
}

#[test]
fn times_that_do_not_fit_end_a_message() {
    let (packet, covered) = write(10, &[Some(0), Some(9_000_000), Some(9_000_500)]).unwrap();
    assert_eq!(covered, 1);
    assert_eq!(TransportFeedback::parse(&packet).unwrap().statuses().count(), 1);
}

#[test]
fn a_message_fits_a_packet_at_worst() {
    let arrivals: Vec<_> = (0..MAX_REPORTED as i64).map(|n| Some(n * 100_000)).collect();
    let (packet, covered) = write(0, &arrivals).unwrap();
    assert_eq!(covered, MAX_REPORTED);
    assert!(packet.len() < crate::media::MAX_PACKET, "{}", packet.len());
}

#[test]
fn the_reference_time_has_a_sign() {
    let (mut packet, _) = write(0, &[Some(0)]).unwrap();
    packet[16..19].copy_from_slice(&[0xff, 0xff, 0xff]);
    let status = TransportFeedback::parse(&packet).unwrap().statuses().next().unwrap();
    assert_eq!(status.arrival, Some(-64_000));
}

#[test]
fn compound_packets_come_apart() {
    let mut packet = Vec::new();
    let report = ReceiverReport {
        ssrc: 1,
        reports: vec![ReceptionReport {
            ssrc: 2,
            fraction_lost: 64,
            last_sender_report: 5,
            delay: 6,
            ..Default::default()
        }],
        ..Default::default()
    };
    packet.extend(report.marshal().unwrap());
    // A malformed part in the middle: a NACK that is too short.
    packet.extend([0x81, 205, 0, 0]);
    let lost = [65_530, 65_535, 3, 200];
    let nack = TransportLayerNack {
        sender_ssrc: 1,
        media_ssrc: 2,
        nacks: nack_pairs_from_sequence_numbers(&lost),
    };
    packet.extend(nack.marshal().unwrap());
    packet.extend(PictureLossIndication { sender_ssrc: 1, media_ssrc: 2 }.marshal().unwrap());
    let fir = FullIntraRequest {
        sender_ssrc: 1,
        media_ssrc: 2,
        fir: vec![FirEntry { ssrc: 2, sequence_number: 1 }],
    };
    packet.extend(fir.marshal().unwrap());
    let remb =
        ReceiverEstimatedMaximumBitrate { sender_ssrc: 1, bitrate: 262_144.0, ssrcs: vec![2] };
    packet.extend(remb.marshal().unwrap());

    let mut messages = Messages::new(&packet);
    let Some(Ok(Message::ReceiverReport(blocks))) = messages.next() else { panic!() };
    let block = ReportBlock { ssrc: Ssrc(2), fraction_lost: 64, last_sender_report: 5, delay: 6 };
    assert_eq!(blocks[..], [block]);
    assert!(matches!(messages.next(), Some(Err(Malformed))));
    let Some(Ok(Message::Nack { ssrc, lost: named })) = messages.next() else { panic!() };
    assert_eq!((ssrc, &named[..]), (Ssrc(2), &lost[..]));
    assert!(matches!(messages.next(), Some(Ok(Message::KeyFrameRequest))));
    assert!(matches!(messages.next(), Some(Ok(Message::KeyFrameRequest))));
    assert!(matches!(messages.next(), Some(Ok(Message::MaxBitrate(262_144)))));
    assert!(messages.next().is_none());
}

#[test]
fn a_length_beyond_the_packet_ends_it() {
    let mut messages = Messages::new(&[0x80, 201, 0, 9, 0, 0, 0, 1]);
    assert!(matches!(messages.next(), Some(Err(Malformed))));
    assert!(messages.next().is_none());
}
