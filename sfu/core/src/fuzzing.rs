//! What the fuzz targets call (`sfu/core/fuzz`, feature `fuzzing`).
//!
//! Each function takes a fuzzer's bytes and panics if a promise of this crate is broken. They are
//! plain functions, so that the tests replay every seed and every input that once broke something.

mod call;

use std::{
    net::SocketAddr,
    ops::ControlFlow,
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;

pub use self::call::call;
use crate::{
    Certificate, Core,
    api::{ChannelId, Config, Disposition, Hop, Port},
    bwe::{Estimator, Fate, MAX_BITRATE, MIN_BITRATE, PacketResult},
    ice::Check,
    media::relay::{Channel, Outlet, Received, split::Joiner},
    rtcp::{Message, Messages},
    rtp::{Header, Layer, Templates, key_frame},
    sdp::{Codec, H264Profile, Offer, PacketizationMode},
    tcp::{self, Deframer, MAX_FRAME},
};

/// Any bytes as a datagram from a stranger: nothing is ever sent back.
pub fn datagram(data: &[u8]) {
    static CERTIFICATE: OnceLock<Certificate> = OnceLock::new();
    let now = Instant::now();
    let config = Config {
        port: Port(1),
        candidates: vec![SocketAddr::from(([192, 0, 2, 1], 5_000))],
        tcp_candidates: Vec::new(),
        max_legs: 1,
        seed: [7; 32],
        certificate: CERTIFICATE.get_or_init(Certificate::generate).clone(),
        measuring: None,
    };
    let mut core = Core::new(config, now, SystemTime::UNIX_EPOCH);
    let mut data = data.to_vec();
    let from = SocketAddr::from(([198, 51, 100, 1], 40_000));
    assert_eq!(core.handle_datagram(now, Port(1), from, &mut data), Disposition::Done);
    assert!(core.poll_transmit().is_none(), "a stranger is not answered");
}

/// Any bytes as RTCP, and what transport feedback among them does to an estimate.
pub fn rtcp(data: &[u8]) {
    let start = Instant::now();
    let mut estimator = Estimator::new(start);
    for (index, message) in Messages::new(data).enumerate() {
        let Ok(Message::TransportFeedback(feedback)) = message else { continue };
        let now = start + Duration::from_millis(50 * (index as u64 + 1));
        let rtt = Duration::from_millis(40);
        estimator.begin_feedback(now, rtt);
        for status in feedback.statuses() {
            let sent_at = start + Duration::from_micros(u64::from(status.sequence) * 500);
            let fate = status.arrival.map_or(Fate::Lost, Fate::Arrived);
            estimator.on_sent(sent_at, 1_000);
            estimator.on_packet(PacketResult { sent_at, size: 1_000, fate, probe: None });
        }
        estimator.end_feedback(now, rtt);
        for bitrate in [estimator.bitrate(), estimator.target(now)] {
            assert!((MIN_BITRATE..=MAX_BITRATE).contains(&bitrate));
        }
    }
}

/// Any bytes as an RTP packet: header, extensions, and every codec's payload.
pub fn rtp(data: &[u8]) {
    let Some(header) = Header::parse(data) else { return };
    assert!(header.payload.end <= data.len() && header.payload.start <= header.payload.end);
    for (_, value) in header.extensions(data) {
        assert!(value.end <= data.len());
    }
    let payload = &data[header.payload];
    let h264 = Codec::H264 {
        profile: H264Profile::ConstrainedBaseline,
        mode: PacketizationMode::NonInterleaved,
    };
    let mut templates = Templates::default();
    for codec in
        [Codec::Vp8, Codec::Vp9 { profile: 0 }, h264, Codec::Av1 { profile: 0 }, Codec::Opus]
    {
        key_frame::starts(codec, payload);
        let layer = Layer::read(codec, payload, Some(payload), &mut templates);
        if let Some((at, len)) = layer.picture_id {
            assert!(usize::from(at) + usize::from(len) <= payload.len());
        }
    }
    let mut patched = payload.to_vec();
    Layer::renumber_vp8(&mut patched, 0);
    Layer::renumber_vp8(&mut patched, 5);
    assert_eq!(patched.len(), payload.len());
}

/// Any bytes as a connectivity check.
pub fn stun(data: &[u8]) {
    if let Some(check) = Check::parse(data) {
        assert!(check.local_ufrag().len() <= data.len());
    }
}

/// Any bytes as a TCP stream, in pieces as long as its first byte says.
pub fn tcp(data: &[u8]) {
    let Some((&piece, stream)) = data.split_first() else { return };
    let frames = |piece: usize| {
        let mut deframer = Deframer::default();
        let mut frames = Vec::new();
        let mut stream = stream.to_vec();
        for read in stream.chunks_mut(piece.max(1)) {
            let len = read.len();
            let used = deframer.feed(read, |frame| {
                assert!(frame.len() <= MAX_FRAME);
                let _ = tcp::first_worker(frame);
                frames.push(frame.to_vec());
                ControlFlow::Continue(())
            });
            assert_eq!(used, len);
        }
        (frames, deframer.oversized())
    };
    assert_eq!(frames(usize::from(piece)), frames(stream.len()));
}

/// Any text as a page's offer.
pub fn offer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Offer::parse(text);
}

/// Any bytes as datagrams of another node for one call, each with its length in two bytes before
/// it: parts of datagrams are joined, and what the channel makes of them stays within its bounds.
pub fn relay(data: &[u8]) {
    let mut now = Instant::now();
    let mut channel = Channel::new(now, ChannelId(7), Hop(0), true);
    let (mut joiner, mut outlet) = (Joiner::default(), Outlet::default());
    let mut rest = data;
    while let Some((len, more)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_be_bytes(*len)).min(more.len());
        let (datagram, after) = more.split_at(len);
        rest = after;
        now += Duration::from_millis(3);
        let Ok(Some(datagram)) = joiner.join(Bytes::copy_from_slice(datagram)) else { continue };
        assert!(datagram.len() <= data.len());
        if let Ok(Received::Packet { incoming, .. }) = channel.receive(now, &datagram, &mut outlet)
        {
            assert!(incoming.is_within(datagram.len()));
            channel.send(now, &incoming, &datagram, &mut outlet);
        }
        if channel.next_timeout() <= now {
            channel.handle_timeout(now, &mut outlet);
        }
        while outlet.pop().is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    /// What the fuzzer starts from and what once broke something, fed to a target as the fuzzer
    /// does.
    fn replay(target: &str, run: fn(&[u8])) {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        let mut inputs = 0;
        for directory in ["seeds", "regressions"] {
            let Ok(files) = fs::read_dir(fuzz.join(directory).join(target)) else { continue };
            for file in files {
                let path = file.expect("a directory entry").path();
                let input = fs::read(&path).expect("a readable file");
                run(&input);
                // Cut short and with single bytes changed, as the network does it.
                for len in (0..input.len()).step_by(1 + input.len() / 400) {
                    run(&input[..len]);
                    let mut changed = input.clone();
                    changed[len] ^= 0x55;
                    run(&changed);
                }
                inputs += 1;
            }
        }
        assert!(inputs > 0, "no inputs for {target}");
    }

    #[test]
    fn call_inputs_hold() {
        replay("call", super::call);
    }

    #[test]
    fn datagram_inputs_hold() {
        replay("datagram", super::datagram);
    }

    #[test]
    fn relay_inputs_hold() {
        replay("relay", super::relay);
    }

    #[test]
    fn rtcp_inputs_hold() {
        replay("rtcp", super::rtcp);
    }

    #[test]
    fn rtp_inputs_hold() {
        replay("rtp", super::rtp);
    }

    #[test]
    fn stun_inputs_hold() {
        replay("stun", super::stun);
    }

    #[test]
    fn tcp_inputs_hold() {
        replay("tcp", super::tcp);
    }

    #[test]
    fn offer_inputs_hold() {
        replay("offer", super::offer);
    }
}
