use std::time::Duration;

use super::{
    ears::Ears,
    frames::Frames,
    nack::Nacks,
    playout::{Came, Playout},
};
use crate::{
    page::frame::{FrameInfo, Part},
    time::{Time, millis},
};

const FRAME: Duration = Duration::from_micros(33_333);

fn frame(number: u32, needs: [u32; 2]) -> FrameInfo {
    let captured = Time::ZERO + FRAME * number;
    FrameInfo {
        number,
        key: needs == [0, 0],
        discardable: false,
        temporal: None,
        needs,
        captured: captured.as_micros(),
    }
}

/// Gives a frame of one packet to the buffer, `late` after its usual delay of 50 ms.
fn give(frames: &mut Frames, number: u32, needs: [u32; 2], late: Duration) {
    let now = Time::ZERO + FRAME * number + millis(50) + late;
    frames.decode(now);
    let part = Part { frame: frame(number, needs), index: 0, count: 1 };
    frames.on_part(now, part, Came::Whole, millis(50));
}

#[test]
fn frames_in_time_are_all_shown() {
    let mut frames = Frames::default();
    give(&mut frames, 1, [0, 0], Duration::ZERO);
    for number in 2..100 {
        give(&mut frames, number, [number - 1, 0], Duration::ZERO);
    }
    assert_eq!(frames.shown.len(), 99);
    assert!(frames.shown.iter().all(|shown| shown.delay == millis(50) || shown.delay > millis(49)));
    assert!(frames.key_frame_due() > Time::ZERO + FRAME * 100);
}

#[test]
fn without_a_key_frame_before_the_first_frame_one_is_asked_for_at_once() {
    let mut frames = Frames::default();
    give(&mut frames, 5, [4, 0], Duration::ZERO);
    let first = Time::ZERO + FRAME * 5 + millis(50);
    assert_eq!(frames.key_frame_due(), first);
    frames.asked(first);
    assert!(frames.key_frame_due() >= first + millis(200));
}

#[test]
fn what_a_lost_frame_was_needed_for_is_not_shown_before_a_key_frame() {
    let mut frames = Frames::default();
    give(&mut frames, 1, [0, 0], Duration::ZERO);
    for number in (2..20).filter(|&number| number != 10) {
        give(&mut frames, number, [number - 1, 0], Duration::ZERO);
    }
    assert_eq!(frames.shown.len(), 9);
    give(&mut frames, 20, [0, 0], Duration::ZERO);
    // It is complete, but an older one may still come until it is to be shown.
    let later = Time::ZERO + FRAME * 25;
    frames.decode(later);
    assert_eq!(frames.shown.len(), 10);
}

#[test]
fn an_upper_layer_that_is_missing_does_not_hold_up_the_base() {
    let mut frames = Frames::default();
    give(&mut frames, 1, [0, 0], Duration::ZERO);
    for number in (3..41).step_by(2) {
        give(&mut frames, number, [number - 2, 0], Duration::ZERO);
    }
    frames.decode(Time::ZERO + FRAME * 45);
    assert_eq!(frames.shown.len(), 20);
}

#[test]
fn jitter_is_smoothed() {
    let mut playout = Playout::default();
    let late = |number: u32| if number.is_multiple_of(3) { millis(20) } else { Duration::ZERO };
    for number in 0..300 {
        let captured = Time::ZERO + FRAME * number;
        let now = captured + millis(50) + late(number);
        playout.on_complete(now, captured.as_micros(), Came::Whole, millis(50));
    }
    let captured = Time::ZERO + FRAME * 300;
    let wait = playout.target(captured.as_micros()).since(captured);
    assert!((millis(70)..millis(110)).contains(&wait), "{wait:?}");
}

#[test]
fn repairs_are_waited_for_within_what_the_sender_wishes() {
    let mut playout = Playout::default();
    let mut wait = |from: u32, wished: Option<[f64; 2]>| {
        playout.wished = wished;
        for number in from..from + 300 {
            let captured = Time::ZERO + FRAME * number;
            let (late, came) = match number % 5 {
                0 => (millis(60), Came::Repaired),
                _ => (Duration::ZERO, Came::Whole),
            };
            playout.on_complete(
                captured + millis(50) + late,
                captured.as_micros(),
                came,
                millis(70),
            );
        }
        let captured = Time::ZERO + FRAME * (from + 300);
        playout.target(captured.as_micros()).since(captured + millis(50))
    };
    assert!((millis(75)..millis(85)).contains(&wait(0, None)), "a round trip and a little");
    assert!((millis(149)..millis(151)).contains(&wait(300, Some([0.150, 0.200]))));
    assert!((millis(39)..millis(41)).contains(&wait(600, Some([0.010, 0.040]))));
}

#[test]
fn missing_packets_are_asked_for_once_in_a_round_trip_and_not_for_ever() {
    let mut nacks = Nacks::default();
    let rtt = millis(100);
    nacks.on_packet(10, false);
    nacks.on_packet(13, false);
    let mut asked = Vec::new();
    for step in 0..400 {
        let now = Time::ZERO + millis(5) * step;
        if nacks.due() <= now {
            asked.extend(nacks.collect(now, rtt));
        }
    }
    assert_eq!(asked.iter().filter(|&&number| number == 11).count(), 10);
    assert_eq!(asked.iter().filter(|&&number| number == 12).count(), 10);
    assert_eq!(nacks.due(), Time::NEVER);
}

#[test]
fn audio_in_time_is_heard_and_a_gap_is_concealed() {
    let mut ears = Ears::default();
    for number in (0..500).filter(|number| !(200..205).contains(number)) {
        let jitter = millis(u64::from(number % 4));
        let now = Time::ZERO + millis(20) * number + millis(50) + jitter;
        ears.play(now);
        ears.on_packet(now, number);
    }
    let heard = ears.heard;
    assert_eq!(heard.concealed, 5, "{heard:?}");
}
