//! What the judge says of a call, held against what the network did.

use std::time::Duration;

use loadtest::{flow::Outcome, link::Impairment, media::Kind};
use signaling_wire::ids::CallId;

use super::{CLEAR, NEVER, world::World};

#[test]
fn a_whole_call_goes_through_desk_and_node_in_virtual_time() {
    let mut world = World::new(CLEAR, NEVER, Duration::from_secs(60));
    assert_eq!(world.run(), &Outcome::Completed);
    assert!(world.now > Duration::from_secs(60), "{:?}", world.now);
    assert_eq!(world.rang.len(), 1, "{:?}", world.rang);
    let call = world.pair.call().unwrap();
    assert_ne!(call, CallId::from_bits(0));
    for judge in world.judges() {
        assert_eq!(judge.foreign().total(), 0);
        for kind in Kind::ALL {
            let latency = judge.stream(kind).latency();
            // Twice 20 ms; the node paces video, which delays a few packets of a key frame.
            assert!((40_000..41_000).contains(&latency.value_at_quantile(0.5)), "{kind:?}");
        }
        assert!(judge.stream(Kind::Audio).received() > 60 * 50);
        assert!(judge.picture().total().frames > 60 * 24);
        assert!(judge.picture().total().freezes.is_empty());
    }
}

#[test]
fn what_the_network_loses_is_what_the_judge_says() {
    let lossy = Impairment { loss: 0.02, ..CLEAR };
    let mut world = World::new(lossy, NEVER, Duration::from_secs(120));
    assert_eq!(world.run(), &Outcome::Completed);
    for judge in world.judges() {
        let audio = judge.stream(Kind::Audio);
        let sent = 120.0 * 50.0;
        let lost = 1.0 - f64::from(audio.received()) / sent;
        // 2 % twice; what is asked for again comes for video, and not for sound.
        assert!((0.025..0.055).contains(&lost), "{lost}");
        let (video, total) = (judge.stream(Kind::Video), judge.picture().total());
        assert!(video.reordered() > 100, "repaired: {}", video.reordered());
        assert!(total.frozen < Duration::from_secs(2), "{total:?}");
    }
}

#[test]
fn an_outage_of_the_network_is_a_silence_and_a_freeze_of_its_length() {
    let outage = Duration::from_secs(20)..Duration::from_secs(21);
    let mut world = World::new(CLEAR, outage, Duration::from_secs(40));
    assert_eq!(world.run(), &Outcome::Completed);
    for judge in world.judges() {
        let silence = judge.longest_silence();
        assert!((1_000..1_050).contains(&silence.as_millis()), "{silence:?}");
        let freezes = &judge.picture().total().freezes;
        assert_eq!(freezes.len(), 1, "{freezes:?}");
        assert!((1_000..1_300).contains(&freezes[0].as_millis()), "{freezes:?}");
    }
}
