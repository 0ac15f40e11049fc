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

fn secs(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn steady_frames_never_freeze() {
    let mut picture = Picture::default();
    show(&mut picture, (0..100).map(|frame| FRAME * frame + secs(20)));

    let fresh = picture.take(secs(4_000));
    assert_eq!((fresh.frames, fresh.frozen), (100, Duration::ZERO));
    assert!(fresh.watched > secs(3_900), "{fresh:?}");
}

#[test]
fn a_stall_is_one_freeze_of_its_whole_length() {
    let mut picture = Picture::default();
    let stall = |frame: u32| if frame >= 50 { secs(1_000) } else { Duration::ZERO };
    show(&mut picture, (0..100).map(|frame| FRAME * frame + stall(frame)));

    let fresh = picture.take(secs(6_000));
    assert_eq!(fresh.freezes.len(), 1, "{fresh:?}");
    assert!((secs(1_000)..secs(1_100)).contains(&fresh.freezes[0]), "{fresh:?}");
}

#[test]
fn what_is_told_in_pieces_adds_up() {
    let mut picture = Picture::default();
    show(&mut picture, (0..50).map(|frame| FRAME * frame));
    let mut frozen = Duration::ZERO;
    for at in (2_000..5_000).step_by(100) {
        frozen += picture.take(secs(at)).frozen;
    }
    assert!((secs(2_800)..secs(3_000)).contains(&frozen), "{frozen:?}");
    assert_eq!(picture.total().frozen, frozen);
    assert!(picture.total().freezes.is_empty(), "it has not ended");
}

#[test]
fn a_picture_that_is_stopped_does_not_freeze() {
    let mut picture = Picture::default();
    show(&mut picture, (0..50).map(|frame| FRAME * frame));
    picture.stop(secs(2_050));

    assert_eq!(picture.take(secs(9_000)).frozen, Duration::ZERO);
}
