use super::{
    Layers,
    encoder::{Encoder, FIRST_PICTURES, FPS},
};
use crate::{random::Random, time::Time};

const TARGET: f64 = 1e6;

fn encode(
    layers: Layers,
    frames: u32,
    mut each: impl FnMut(&mut Encoder, u32),
) -> Vec<(bool, u8, usize)> {
    let mut encoder = Encoder::new(Random::new(3, 4), layers, 2.5e6, TARGET);
    let mut sizes = Vec::new();
    for n in 0..frames {
        each(&mut encoder, n);
        let now = Time::secs(f64::from(n) / FPS);
        if let Some((frame, size)) = encoder.encode(now, TARGET) {
            sizes.push((frame.key, frame.temporal.map_or(0, |temporal| temporal.layer), size));
        }
    }
    sizes
}

#[test]
fn the_encoder_keeps_to_its_target() {
    for layers in [Layers::L1T1, Layers::L1T2] {
        let sizes = encode(layers, 900, |encoder, n| {
            if n % 300 == 150 {
                encoder.want_key_frame();
            }
        });
        let bytes: usize = sizes.iter().map(|(_, _, size)| size).sum();
        let rate = bytes as f64 * 8.0 / 30.0;
        assert!((0.93 * TARGET..1.07 * TARGET).contains(&rate), "{layers:?}: {rate}");
        assert!(sizes.len() > 890, "hardly a frame is dropped: {}", sizes.len());
    }
}

#[test]
fn key_frames_are_several_times_the_mean() {
    let sizes = encode(Layers::L1T1, 900, |encoder, n| {
        if n % 100 == 50 {
            encoder.want_key_frame();
        }
    });
    let mean = TARGET / 8.0 / FPS;
    let (first, others) = sizes.split_at(FIRST_PICTURES as usize);
    assert!(first.iter().all(|(key, _, size)| *key && (*size as f64) < 3.0 * mean), "{first:?}");
    let keys: Vec<_> = others.iter().filter(|(key, ..)| *key).collect();
    assert_eq!(keys.len(), 9);
    for (_, _, size) in keys {
        let times = *size as f64 / mean;
        assert!((5.0..=9.0).contains(&times), "{times}");
    }
}

#[test]
fn every_second_frame_of_two_layers_can_be_left_out() {
    let mut encoder = Encoder::new(Random::new(3, 4), Layers::L1T2, 2.5e6, TARGET);
    let mut uppers = Vec::new();
    for n in 0..100 + FIRST_PICTURES {
        let now = Time::secs(f64::from(n) / FPS);
        let Some((frame, _)) = encoder.encode(now, TARGET) else { continue };
        let temporal = frame.temporal.unwrap();
        if temporal.layer == 1 {
            uppers.push(frame.number);
        } else {
            let needs_upper = frame.needs.iter().any(|number| uppers.contains(number));
            assert!(!needs_upper, "the base stands on its own: {frame:?}");
        }
    }
    assert_eq!(uppers.len(), 50);
}

#[test]
fn the_encoder_follows_a_new_target_within_two_frames() {
    let mut encoder = Encoder::new(Random::new(3, 4), Layers::L1T1, 2.5e6, TARGET);
    let mut low = Vec::new();
    for n in 0..60 {
        let target = if n < 30 { TARGET } else { TARGET / 4.0 };
        let now = Time::secs(f64::from(n) / FPS);
        if let Some((_, size)) = encoder.encode(now, target)
            && (32..40).contains(&n)
        {
            low.push(size as f64);
        }
    }
    let mean = low.iter().sum::<f64>() / low.len() as f64;
    assert!(mean < TARGET / 8.0 / FPS * 0.4, "{mean}");
}
