use super::frame::{FrameInfo, PREFIX, Part, Temporal, read, write};
use sfu_core::{rtp::key_frame, sdp::Codec};

fn frames() -> [FrameInfo; 3] {
    let base = FrameInfo {
        number: 70_000,
        key: false,
        discardable: false,
        temporal: None,
        needs: [69_999, 0],
        captured: 5_000_000_000,
    };
    let temporal = Some(Temporal { layer: 1, sync: true, base_index: 255 });
    [
        FrameInfo { key: true, needs: [0, 0], ..base },
        base,
        FrameInfo { temporal, discardable: true, needs: [69_999, 69_998], ..base },
    ]
}

#[test]
fn the_viewer_reads_what_the_encoder_wrote() {
    for frame in frames() {
        let mut prefix = [0; PREFIX];
        let len = write(&frame, 3, 9, &mut prefix);
        let part = read(&prefix[..len]);
        assert_eq!(part, Some(Part { frame, index: 3, count: 9 }));
    }
}

#[test]
fn the_node_knows_a_key_frame_by_its_first_packet() {
    for frame in frames() {
        for index in [0, 1] {
            let mut prefix = [0; PREFIX];
            let len = write(&frame, index, 2, &mut prefix);
            let starts = key_frame::starts(Codec::Vp8, &prefix[..len]);
            assert_eq!(starts, frame.key && index == 0, "{frame:?} {index}");
        }
    }
}
