//! What the core's parts take: `cargo bench -p sfu-core --features testing`.

use std::cell::RefCell;

use divan::{Bencher, black_box, counter::ItemsCount};
use sfu_core::{
    api::SrtpProfile,
    rtcp::transport_feedback,
    rtp::{Header, Ssrc},
    testing::{Calls, Carried, Outbox, Protection, Repair},
};

fn main() {
    divan::main();
}

/// A video packet as most are: 28 bytes of header, 1,042 of payload.
const HEADER: [u8; 28] = [
    0x90, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0xbe, 0xde, 0, 3, 0x10, b'1', 0x22, 1, 2, 3, 0x31, 0,
    1, 0, 0, 0,
];
const PACKET: usize = 1_070;
/// Room for the tag.
const SEALED: usize = PACKET + 32;

/// The whole core: sealed datagrams in, sealed datagrams out, calls of 1.5 Mbit/s each way with
/// feedback. Of a hundred calls no two packets meet what is still in the nearest caches.
#[divan::bench(args = [10, 100], sample_count = 300)]
fn forward_frames(bencher: Bencher<'_, '_>, number: u8) {
    let calls = RefCell::new(Calls::new(number));
    let outbox = RefCell::new(Outbox::default());
    let packets = calls.borrow_mut().step().iter().map(Vec::len).sum::<usize>();
    bencher
        .counter(ItemsCount::new(packets))
        .with_inputs(|| {
            let mut calls = calls.borrow_mut();
            calls.deliver(outbox.borrow_mut().take());
            calls.step()
        })
        .bench_local_refs(|runs: &mut Vec<Vec<Carried>>| {
            outbox.borrow_mut().forward(&mut calls.borrow_mut(), runs);
        });
    assert_eq!(calls.borrow().dropped(), Default::default());
}

/// Packets with ever-growing sequence numbers.
fn packets() -> impl FnMut() -> Vec<u8> {
    let mut sequence = 0u32;
    move || {
        let mut packet = vec![5; SEALED];
        packet[..HEADER.len()].copy_from_slice(&HEADER);
        packet[2..4].copy_from_slice(&(sequence as u16).to_be_bytes());
        sequence += 1;
        packet
    }
}

/// What pages and nodes may agree on, as they prefer it.
const PROFILES: [SrtpProfile; 3] =
    [SrtpProfile::AeadAes128Gcm, SrtpProfile::AeadAes256Gcm, SrtpProfile::AesCm128HmacSha1_80];

#[divan::bench(args = PROFILES)]
fn protect(bencher: Bencher<'_, '_>, profile: SrtpProfile) {
    let mut protection = Protection::new(profile);
    bencher
        .with_inputs(packets())
        .bench_local_refs(|packet| protection.seal(black_box(packet), PACKET));
}

#[divan::bench(args = PROFILES)]
fn unprotect(bencher: Bencher<'_, '_>, profile: SrtpProfile) {
    // The key of the other direction is the same: what one end seals, its twin opens.
    let (mut sealing, mut opening) = (Protection::new(profile), Protection::new(profile));
    let mut packets = packets();
    bencher
        .with_inputs(|| {
            let mut packet = packets();
            let len = sealing.seal(&mut packet, PACKET);
            packet.truncate(len);
            packet
        })
        .bench_local_refs(|packet| opening.open(black_box(packet)));
}

#[divan::bench]
fn parse(bencher: Bencher<'_, '_>) {
    let packet = packets()();
    bencher.bench_local(|| {
        let packet = black_box(&packet[..PACKET]);
        let header = Header::parse(packet)?;
        Some((header.extensions(packet).count(), header))
    });
}

/// Keeps a packet for repeats, where a second of them is kept.
#[divan::bench]
fn cache_store(bencher: Bencher<'_, '_>) {
    let mut repair = Repair::new();
    bencher.bench_local(|| repair.store());
}

/// Finds the sixteen packets of one NACK, of the last third of a second.
#[divan::bench]
fn cache_find_16(bencher: Bencher<'_, '_>) {
    let mut repair = Repair::new();
    assert_eq!(repair.find(nack()), 16 * 1_070, "all of them are kept");
    bencher.counter(ItemsCount::new(16_usize)).bench_local(|| repair.find(black_box(nack())));
}

/// How far back the packets are: a burst of eight, and eight on their own.
fn nack() -> impl Iterator<Item = u64> {
    (30..38).chain((0..8).map(|i| 3 + 7 * i))
}

/// Feedback about sixty packets, a fifth of them lost.
#[divan::bench]
fn transport_feedback_of_60(bencher: Bencher<'_, '_>) {
    let mut out = [0; 1_200];
    bencher.bench_local(|| {
        let arrival = |i: usize| (i % 5 != 3).then_some(1_000_000 + 700 * i as i64);
        transport_feedback::write(&mut out, Ssrc(1), Ssrc(2), 3, black_box(9), 60, arrival)
    });
}
