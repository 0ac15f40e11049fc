use super::*;
use crate::media::{opus, stamp::Stamp, vp8};
use signaling_wire::ids::CallId;

fn generator() -> Generator {
    let call = CallTag::from(CallId::from_bits(1));
    Generator::new(call, Role::Shopper, Profile::default(), Duration::ZERO, 7)
}

/// Every packet up to `end`, each polled when it is due.
fn run(generator: &mut Generator, end: Duration) -> Vec<(Duration, Outgoing)> {
    let mut packets = Vec::new();
    while generator.next_at() <= end {
        let now = generator.next_at();
        while let Some(packet) = generator.poll(now, now.as_micros() as u64) {
            packets.push((now, packet));
        }
    }
    packets
}

fn stamp(packet: &Outgoing) -> Stamp {
    let body = match packet.head.kind {
        Kind::Audio => opus::body(&packet.payload),
        Kind::Video => vp8::body(&packet.payload),
    };
    Stamp::read(body.expect("a body")).expect("a stamp")
}

fn of(packets: &[(Duration, Outgoing)], kind: Kind) -> Vec<&Outgoing> {
    packets.iter().map(|(_, packet)| packet).filter(|packet| packet.head.kind == kind).collect()
}

#[test]
fn the_bitrate_is_kept_key_frames_included() {
    let mut generator = generator();
    let mut bytes = 0;
    for second in 1..=10 {
        generator.ask_key_frame(Duration::from_secs(second - 1));
        let packets = run(&mut generator, Duration::from_secs(second));
        bytes += of(&packets, Kind::Video).iter().map(|p| p.payload.len()).sum::<usize>();
    }
    let kbps = bytes * 8 / 10 / 1_000;

    assert!((450..=550).contains(&kbps), "{kbps} kbit/s");
}

#[test]
fn audio_is_fifty_packets_a_second() {
    let packets = run(&mut generator(), Duration::from_millis(999));

    let audio = of(&packets, Kind::Audio);
    assert_eq!(audio.len(), 50);
    assert!(audio.iter().all(|packet| packet.payload.len() == Profile::default().audio_bytes));
    assert!(
        audio
            .windows(2)
            .all(|two| two[1].head.timestamp == two[0].head.timestamp.wrapping_add(960))
    );
}

#[test]
fn numbers_have_no_gaps_and_frames_are_whole() {
    let packets = run(&mut generator(), Duration::from_secs(3));

    let video = of(&packets, Kind::Video);
    for (at, packet) in video.iter().enumerate() {
        let stamp = stamp(packet);
        assert_eq!(stamp.sequence as usize, at);
        assert_eq!(packet.head.sequence, video[0].head.sequence.wrapping_add(at as u16));
        assert_eq!(packet.head.marker, stamp.index + 1 == stamp.count);
        assert!(packet.payload.len() <= MAX_PAYLOAD + vp8::Place::LARGEST_OVERHEAD + Stamp::SIZE);
    }
}

#[test]
fn a_key_frame_comes_first_and_on_request_but_requests_in_a_row_are_passed_over() {
    let mut generator = generator();
    let key_frames = |packets: &[(Duration, Outgoing)]| {
        let mut frames: Vec<u32> = of(packets, Kind::Video)
            .iter()
            .map(|packet| stamp(packet))
            .filter(|stamp| stamp.key_frame)
            .map(|stamp| stamp.frame)
            .collect();
        frames.dedup();
        frames
    };

    const MS: fn(u64) -> Duration = Duration::from_millis;
    let start = run(&mut generator, MS(10));
    assert_eq!(key_frames(&start), [0]);

    generator.ask_key_frame(MS(10));
    let asked = run(&mut generator, MS(50));
    assert_eq!(key_frames(&asked), [1], "the one that the stream began with may be lost");

    generator.ask_key_frame(MS(300));
    assert!(key_frames(&run(&mut generator, MS(500))).is_empty(), "too soon after the last one");
    generator.ask_key_frame(MS(500));
    assert_eq!(key_frames(&run(&mut generator, MS(600))).len(), 1);
}

#[test]
fn frames_leave_in_small_bursts() {
    let packets = run(&mut generator(), Duration::from_millis(100));
    let video: Vec<_> = packets.iter().filter(|(_, p)| p.head.kind == Kind::Video).collect();

    let of_frame = |frame: u32| -> Vec<Duration> {
        video.iter().filter(|(_, p)| stamp(p).frame == frame).map(|(at, _)| *at).collect()
    };
    let key_frame = of_frame(0);
    assert!(key_frame.len() > 2 * BURST);
    for (at, when) in key_frame.iter().enumerate() {
        assert_eq!(*when, BURST_GAP * (at / BURST) as u32);
    }
    let ordinary = of_frame(1);
    assert!(ordinary.iter().all(|when| *when == ordinary[0]), "{ordinary:?}");
}

#[test]
fn a_late_poll_catches_up() {
    let mut generator = generator();
    let now = Duration::from_millis(100);
    let mut audio = 0;
    while let Some(packet) = generator.poll(now, 0) {
        audio += usize::from(packet.head.kind == Kind::Audio);
    }

    assert_eq!(audio, 6);
    assert!(generator.next_at() > now);
}
