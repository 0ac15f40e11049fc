use aws_lc_rs::aead::NONCE_LEN;
use proptest::prelude::*;
use srtp::{context::Context, protection_profile::ProtectionProfile};
use stun::crypto::providers::AwsLcRsCrypto;

use super::{
    Inbound, MAX_OVERHEAD, OpenError, Outbound, SealError, Session,
    cipher::Cipher,
    index::Streams,
    keys::{self, Kind, Master, SALT_LEN, SessionKeys},
};
use crate::api::SrtpProfile;

const PROFILES: [(SrtpProfile, ProtectionProfile); 3] = [
    (SrtpProfile::AeadAes128Gcm, ProtectionProfile::AeadAes128Gcm),
    (SrtpProfile::AeadAes256Gcm, ProtectionProfile::AeadAes256Gcm),
    (SrtpProfile::AesCm128HmacSha1_80, ProtectionProfile::Aes128CmHmacSha1_80),
];

fn master(profile: SrtpProfile, first: u8) -> Master {
    let (key, salt_len) = match profile {
        SrtpProfile::AeadAes128Gcm => (16, 12),
        SrtpProfile::AeadAes256Gcm => (32, 12),
        SrtpProfile::AesCm128HmacSha1_80 => (16, 14),
    };
    let mut salt = [0; SALT_LEN];
    for (i, byte) in salt[..salt_len].iter_mut().enumerate() {
        *byte = first.wrapping_mul(3).wrapping_add(i as u8);
    }
    Master { key: (0..key).map(|i| first.wrapping_add(i)).collect(), salt }
}

/// A pair that talks to each other.
fn sessions(profile: SrtpProfile) -> (Session, Session) {
    let (a, b) = (master(profile, 7), master(profile, 99));
    (Session::from_masters(profile, &a, &b), Session::from_masters(profile, &b, &a))
}

/// The independent implementation, sealing with our master 7.
fn reference(profile: (SrtpProfile, ProtectionProfile)) -> Context {
    let master = master(profile.0, 7);
    let salt_len = if profile.0 == SrtpProfile::AesCm128HmacSha1_80 { 14 } else { 12 };
    Context::new(&master.key, &master.salt[..salt_len], profile.1, None, None, &AwsLcRsCrypto)
        .expect("a context from a right key")
}

fn rtp(ssrc: u32, sequence: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x90, 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend(1_000_u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0xbe, 0xde, 0, 1, 0x10, b'0', 0, 0]);
    packet.extend(payload);
    packet
}

fn rtcp(ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 201, 0, 1];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([0x81, 206, 0, 2]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(77_u32.to_be_bytes());
    packet
}

fn seal_rtp(outbound: &mut Outbound, plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + MAX_OVERHEAD, 0);
    let len = outbound.seal_rtp(&mut buffer, plain.len())?;
    buffer.truncate(len);
    Ok(buffer)
}

fn seal_rtcp(outbound: &mut Outbound, plain: &[u8]) -> Vec<u8> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + MAX_OVERHEAD, 0);
    let len = outbound.seal_rtcp(&mut buffer, plain.len()).expect("a good packet");
    buffer.truncate(len);
    buffer
}

fn open_rtp(inbound: &mut Inbound, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    inbound.open_rtp(&mut sealed.to_vec()).map(|plain| plain.to_vec())
}

#[test]
fn derives_the_keys_of_rfc_3711_b3() {
    let bytes = |text| hex::decode(text).expect("hexadecimal");
    let mut salt = [0; SALT_LEN];
    salt.copy_from_slice(&bytes("0EC675AD498AFEEBB6960B3AABE6"));
    let master =
        Master { key: bytes("E1F97A0D3E018BE0D64FA32C06DE4139").into_iter().collect(), salt };
    let keys = keys::derive(SrtpProfile::AesCm128HmacSha1_80, &master, Kind::Rtp);
    assert_eq!(keys.key[..], bytes("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(keys.salt[..], bytes("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(keys.auth[..], bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

#[test]
fn seals_the_packet_of_rfc_7714_16_1_1() {
    let bytes = |text| hex::decode(text).expect("hexadecimal");
    let mut salt = [0; SALT_LEN];
    salt[..NONCE_LEN].copy_from_slice(&bytes("517569642070726f2071756f"));
    let cipher = Cipher::new(&SessionKeys {
        profile: SrtpProfile::AeadAes128Gcm,
        key: (0..16).collect(),
        salt,
        auth: [0; keys::AUTH_KEY_LEN],
    });
    let mut packet = bytes(
        "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e697320646976697361\
         20696e207061727465732074726573",
    );
    let len = packet.len();
    packet.resize(len + 16, 0);
    cipher.seal_rtp(&mut packet, len, 12, 0x5501_a0b2, 0xf17b).expect("room for the tag");
    assert_eq!(
        packet,
        bytes(
            "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f\
             42a5f47a51c7d19b36de3adf8833899d7f27beb16a9152cf765ee4390cce",
        )
    );
}

#[test]
fn the_reference_opens_what_we_seal_across_a_rollover() {
    for profile in PROFILES {
        let (mut ours, _) = sessions(profile.0);
        let mut theirs = reference(profile);
        for sequence in (65_500..=u16::MAX).chain(0..50) {
            let plain = rtp(5, sequence, &[sequence as u8; 100]);
            let sealed = seal_rtp(&mut ours.outbound, &plain).expect("a good packet");
            assert_eq!(theirs.decrypt_rtp(&sealed).expect("authentic"), plain);
        }
        for _ in 0..3 {
            let plain = rtcp(5);
            let sealed = seal_rtcp(&mut ours.outbound, &plain);
            assert_eq!(theirs.decrypt_rtcp(&sealed).expect("authentic"), plain);
        }
    }
}

#[test]
fn we_open_what_the_reference_seals_across_a_rollover() {
    for profile in PROFILES {
        let (_, mut ours) = sessions(profile.0);
        let mut theirs = reference(profile);
        for sequence in (65_500..=u16::MAX).chain(0..50) {
            let plain = rtp(5, sequence, &[sequence as u8; 100]);
            let sealed = theirs.encrypt_rtp(&plain).expect("sealed");
            assert_eq!(open_rtp(&mut ours.inbound, &sealed), Ok(plain));
        }
        for _ in 0..3 {
            let plain = rtcp(5);
            let mut sealed = theirs.encrypt_rtcp(&plain).expect("sealed");
            assert_eq!(ours.inbound.open_rtcp(&mut sealed).expect("authentic"), plain);
        }
    }
}

#[test]
fn a_packet_is_opened_once() {
    for (profile, _) in PROFILES {
        let (mut a, mut b) = sessions(profile);
        let first = seal_rtp(&mut a.outbound, &rtp(1, 10, b"one")).expect("sealed");
        let second = seal_rtp(&mut a.outbound, &rtp(1, 11, b"two")).expect("sealed");
        assert!(open_rtp(&mut b.inbound, &second).is_ok());
        assert!(open_rtp(&mut b.inbound, &first).is_ok(), "late, but new");
        for replayed in [&first, &second] {
            assert_eq!(open_rtp(&mut b.inbound, replayed), Err(OpenError::Replay));
        }
        let report = seal_rtcp(&mut a.outbound, &rtcp(1));
        assert!(b.inbound.open_rtcp(&mut report.clone()).is_ok());
        assert_eq!(b.inbound.open_rtcp(&mut report.clone()), Err(OpenError::Replay));
    }
}

#[test]
fn older_than_the_window_is_a_replay() {
    let (mut a, mut b) = sessions(SrtpProfile::AeadAes128Gcm);
    let old = seal_rtp(&mut a.outbound, &rtp(1, 10, b"old")).expect("sealed");
    for sequence in 11..=138 {
        let packet = seal_rtp(&mut a.outbound, &rtp(1, sequence, b"new")).expect("sealed");
        assert!(open_rtp(&mut b.inbound, &packet).is_ok());
    }
    assert_eq!(open_rtp(&mut b.inbound, &old), Err(OpenError::Replay));
}

#[test]
fn an_index_is_sealed_once() {
    let (mut a, _) = sessions(SrtpProfile::AeadAes128Gcm);
    assert!(seal_rtp(&mut a.outbound, &rtp(1, 10, b"one")).is_ok());
    assert_eq!(seal_rtp(&mut a.outbound, &rtp(1, 10, b"two")), Err(SealError::Reused));
}

#[test]
fn plain_srtcp_is_refused() {
    for (profile, _) in PROFILES {
        let (mut a, mut b) = sessions(profile);
        let mut report = seal_rtcp(&mut a.outbound, &rtcp(1));
        let flag = if profile == SrtpProfile::AesCm128HmacSha1_80 { 14 } else { 4 };
        let at = report.len() - flag;
        report[at] &= 0x7f;
        assert_eq!(b.inbound.open_rtcp(&mut report), Err(OpenError::Malformed));
    }
}

fn accept(streams: &mut Streams, ssrc: u32, index: u64) {
    let unused = streams.check(ssrc, index).expect("an index that was not used");
    streams.accept(unused);
}

#[test]
fn the_longest_unused_stream_makes_room() {
    let mut streams = Streams::new();
    for ssrc in 0..32 {
        accept(&mut streams, ssrc, 40_000);
    }
    accept(&mut streams, 0, 70_000);
    accept(&mut streams, 32, 1);
    let index = streams.estimate(0, 4_465).map(|unused| unused.index);
    assert_eq!(index, Some(70_001), "kept: it was used lately");
    assert!(streams.check(1, 40_000).is_some(), "forgotten");
    assert!(streams.check(2, 40_000).is_none(), "kept");
}

proptest! {
    #[test]
    fn a_changed_bit_is_noticed(
        (profile, flip) in (0..3_usize, any::<prop::sample::Index>()),
        bit in 0..8_u8,
        payload in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (mut a, mut b) = sessions(PROFILES[profile].0);
        let good = seal_rtp(&mut a.outbound, &rtp(1, 10, &payload)).expect("sealed");
        let mut bad = good.clone();
        bad[flip.index(good.len())] ^= 1 << bit;
        prop_assert!(open_rtp(&mut b.inbound, &bad).is_err());
        prop_assert!(open_rtp(&mut b.inbound, &good).is_ok(), "a forgery changes nothing");

        let good = seal_rtcp(&mut a.outbound, &rtcp(1));
        let mut bad = good.clone();
        bad[flip.index(good.len())] ^= 1 << bit;
        prop_assert!(b.inbound.open_rtcp(&mut bad).is_err());
        prop_assert!(b.inbound.open_rtcp(&mut good.clone()).is_ok());
    }

    #[test]
    fn garbage_is_refused(profile in 0..3_usize, mut data in prop::collection::vec(any::<u8>(), 0..100)) {
        let (mut a, mut b) = sessions(PROFILES[profile].0);
        prop_assert!(b.inbound.open_rtp(&mut data.clone()).is_err());
        prop_assert!(b.inbound.open_rtcp(&mut data).is_err());
        let len = data.len();
        // Sealing has no room for a tag here; it must say so rather than panic.
        prop_assert!(a.outbound.seal_rtp(&mut data, len).is_err());
        prop_assert!(a.outbound.seal_rtcp(&mut data, len).is_err());
        prop_assert!(a.outbound.seal_rtp(&mut data, len + 1).is_err());
    }

    #[test]
    fn the_index_follows_sequence_numbers(start in any::<u16>(), steps in prop::collection::vec(1..0x7fff_u64, 1..100)) {
        let mut streams = Streams::new();
        let mut index = u64::from(start);
        accept(&mut streams, 1, index);
        for step in steps {
            index += step;
            let unused = streams.estimate(1, index as u16).expect("an index");
            prop_assert_eq!(unused.index, index);
            streams.accept(unused);
            prop_assert!(streams.check(1, index).is_none());
            prop_assert!(streams.estimate(1, index as u16).is_none());
        }
    }
}
