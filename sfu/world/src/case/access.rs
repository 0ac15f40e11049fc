//! Access lines: one of a call's two is narrow and far, the other one wide and near.

use std::time::Duration;

use super::Way;
use crate::{
    net::{LinkId, LinkPlan},
    publisher::{Layers, PublishPlan},
    time::{Time, millis},
    world::{CallPlan, WorldPlan},
};

/// One-way delay of the narrow line (RFC 8867 §4.1).
pub(super) const DELAY: Duration = millis(50);
/// Deviation of its jitter (RFC 8868 §4.4.2); RFC 8867 bounds jitter at 30 ms.
const JITTER: Duration = millis(5);
/// One-way delay of the wide line.
const NEAR: Duration = millis(10);
/// Bit/s that the pages allow their encoders (`tracks.js`).
pub(super) const ENCODER_MAX: f64 = 2_500_000.0;
/// The layers that the pages ask for (`codecs.js`).
const LAYERS: Layers = Layers::L1T1;
/// The start bitrate in the node's answer (`sdp/answer.rs`).
const ENCODER_START: f64 = 1_500_000.0;

/// The narrow link.
pub(super) const NARROW: LinkId = LinkId(0);
/// The other way of the same line.
pub(super) const NARROW_BACK: LinkId = LinkId(1);
const WIDE: LinkId = LinkId(2);
const WIDE_BACK: LinkId = LinkId(3);

/// Bit/s on the wire of an encoder's most.
pub(super) fn on_wire(encoder: f64) -> f64 {
    crate::publisher::on_wire(encoder)
}

/// A publisher that begins at `start`.
pub(super) fn publish(start: f64, max: f64) -> PublishPlan {
    PublishPlan {
        start: Time::secs(start),
        max_bitrate: max,
        start_bitrate: ENCODER_START,
        layers: LAYERS,
        pauses: Vec::new(),
        obeys: true,
    }
}

/// A world with a narrow line of these two ways, and no call yet.
pub(super) fn world(secs: f64, narrow: LinkPlan, back: LinkPlan) -> WorldPlan {
    let with_jitter = |link: LinkPlan| LinkPlan { jitter: JITTER, ..link };
    WorldPlan {
        secs,
        links: vec![
            with_jitter(narrow),
            with_jitter(back),
            LinkPlan::free(NEAR),
            LinkPlan::free(NEAR),
        ],
        measured: vec![NARROW],
        calls: Vec::new(),
        tcps: Vec::new(),
    }
}

/// Adds a call over the narrow line. `extra` is its own further delay.
pub(super) fn add_call(
    world: &mut WorldPlan,
    way: Way,
    start: f64,
    extra: Option<Duration>,
    publish: [Option<PublishPlan>; 2],
) {
    let (mut narrow, mut back) = (vec![NARROW], vec![NARROW_BACK]);
    if let Some(delay) = extra {
        for line in [&mut narrow, &mut back] {
            line.push(LinkId(world.links.len()));
            world.links.push(LinkPlan::free(delay));
        }
    }
    let (wide, wide_back) = (vec![WIDE], vec![WIDE_BACK]);
    let (up, down) = match way {
        Way::Down => ([wide, back], [wide_back, narrow]),
        Way::Up => ([narrow, wide_back], [back, wide]),
    };
    world.calls.push(CallPlan { start: Time::secs(start), up, down, publish });
}
