use std::ops::ControlFlow;

use proptest::prelude::*;

use super::*;
use crate::ice::LocalCredentials;

fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
    frames.iter().flat_map(|frame| [&header(frame.len())[..], frame].concat()).collect()
}

/// Feeds `stream` cut at every place in `cuts`.
fn deframe(stream: &[u8], cuts: &[usize]) -> (Vec<Vec<u8>>, Deframer) {
    let mut deframer = Deframer::default();
    let mut frames = Vec::new();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    for cut in cuts.windows(2) {
        let mut read = stream[cut[0]..cut[1]].to_vec();
        let used = deframer.feed(&mut read, |frame| {
            frames.push(frame.to_vec());
            ControlFlow::Continue(())
        });
        assert_eq!(used, read.len());
    }
    (frames, deframer)
}

proptest! {
    #[test]
    fn datagrams_come_out_as_they_went_in_however_the_stream_is_cut(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..12),
        cuts in prop::collection::vec(any::<usize>(), 0..30),
    ) {
        let (found, deframer) = deframe(&stream(&frames), &cuts);
        prop_assert_eq!(found, frames);
        prop_assert_eq!(deframer.oversized(), 0);
    }

    #[test]
    fn oversized_datagram_is_passed_over_and_what_follows_is_found(
        len in MAX_FRAME + 1..=65_535,
        cuts in prop::collection::vec(any::<usize>(), 0..30),
    ) {
        let frames = [vec![1; 20], vec![2; len], vec![3; MAX_FRAME]];
        let (found, deframer) = deframe(&stream(&frames), &cuts);
        prop_assert_eq!(found, [frames[0].clone(), frames[2].clone()]);
        prop_assert_eq!(deframer.oversized(), 1);
    }
}

#[test]
fn who_takes_datagrams_can_stop_behind_any() {
    let mut read = stream(&[vec![1], vec![2], vec![3]]);
    let mut deframer = Deframer::default();
    let used = deframer.feed(&mut read, |frame| match frame {
        [2] => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert_eq!(used, 6, "two of three");
}

#[test]
fn check_names_the_worker_where_its_leg_was_opened() {
    let mut rng = rand::rng();
    for port in [Port(0), Port(1), Port(63), Port(64), Port(u16::MAX)] {
        let local = LocalCredentials::generate(port, &mut rng);
        assert_eq!(crate::ice::port_of(&local.ufrag), Some(port));
    }
    for foreign in ["", "abc", "AA", "////aaaaaaa", "AAA-aaaaaaaa", "ÄÄaaaaaaa"] {
        assert_eq!(crate::ice::port_of(foreign), None, "{foreign:?}");
    }
    assert_eq!(first_worker(&[0x80; 30]), None);
}
