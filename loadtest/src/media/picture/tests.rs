use signaling_wire::{browser::Role, ids::CallId};

use super::*;
use crate::media::{CallTag, Kind};

const FRAME: Duration = Duration::from_millis(40);

/// Shows the frames of `times`, each whole in one packet, the first a key frame.
fn show(picture: &mut Picture, times: impl IntoIterator<Item = Duration>) {
    for (frame, at) in times.into_iter().enumerate() {
        let stamp = Stamp {
            call: CallTag::from(CallId::from_bits(1)),
            side: Role::Agent,
            kind: Kind::Video,
            key_frame: frame == 0,
            sequence: frame as u32,
            sent_us: (FRAME * frame as u32).as_micros() as u64,
            frame: frame as u32,
            index: 0,
            count: 1,
        };
        picture.part(at, &stamp, Way::default());
    }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn steady_frames_never_freeze() {
    let mut picture = Picture::default();
    show(&mut picture, (0..100).map(|frame| FRAME * frame + ms(20)));

    let fresh = picture.take(ms(4_000));
    assert_eq!((fresh.frames, fresh.frozen), (100, Duration::ZERO));
    assert!(fresh.watched > ms(3_900), "{fresh:?}");
}

#[test]
fn a_stall_is_one_freeze_of_its_whole_length() {
    let mut picture = Picture::default();
    let stall = |frame: u32| if frame >= 50 { ms(1_000) } else { Duration::ZERO };
    show(&mut picture, (0..100).map(|frame| FRAME * frame + stall(frame)));

    let fresh = picture.take(ms(6_000));
    assert_eq!(fresh.freezes.len(), 1, "{fresh:?}");
    assert!((ms(1_000)..ms(1_100)).contains(&fresh.freezes[0]), "{fresh:?}");
}

#[test]
fn a_frame_that_is_shown_for_too_long_counts_in_the_mean_itself() {
    // 150 ms above the mean of 29 frames of 40 ms and this one.
    for (shown_for, freezes) in [(195, 0), (196, 1)] {
        let mut picture = Freezes::default();
        (0..50).for_each(|frame| picture.shown(FRAME * frame));
        picture.shown(FRAME * 49 + ms(shown_for));
        assert_eq!(picture.take(ms(2_200)).freezes.len(), freezes, "{shown_for} ms");
    }
}

#[test]
fn what_is_told_in_pieces_adds_up() {
    let mut picture = Picture::default();
    show(&mut picture, (0..50).map(|frame| FRAME * frame));
    let mut frozen = Duration::ZERO;
    for at in (2_000..5_000).step_by(100) {
        frozen += picture.take(ms(at)).frozen;
    }
    assert!((ms(2_800)..ms(3_000)).contains(&frozen), "{frozen:?}");
    assert_eq!(picture.total().frozen, frozen);
    assert!(picture.total().freezes.is_empty(), "it has not ended");
}

#[test]
fn a_picture_that_is_stopped_does_not_freeze() {
    let mut picture = Picture::default();
    show(&mut picture, (0..50).map(|frame| FRAME * frame));
    picture.stop(ms(2_050));

    assert_eq!(picture.take(ms(9_000)).frozen, Duration::ZERO);
}
