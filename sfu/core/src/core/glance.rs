//! What the datagrams of a batch will need is fetched before the first of them is taken; why is said in
//! `media/glance.rs`.

use std::hint::black_box;

use arrayvec::ArrayVec;

use super::Core;
use crate::{
    api::{MediaKind, Path, Port, Received},
    leg::Leg,
    media::Run,
};

/// Most runs that are looked at together: as many buffers as a shell fills with one call. What is fetched for them
/// fits into the second cache.
const MAX_RUNS: usize = 32;

/// Most packets of a run that are looked for: Linux merges no more.
const MAX_PACKETS: usize = 64;

/// Shorter packets are sound: Opus fills 100 to 200 bytes, with its copies (RED) 300.
const PICTURE_LEN: usize = 400;

impl Core {
    /// Looks at what datagrams of RTP that have come on `port` will need. Call it before they are handed in; what they
    /// do is the same without it, only later.
    pub fn glance(&self, port: Port, received: impl Iterator<Item = Received>) {
        let mut legs: ArrayVec<(&Leg, Option<&Leg>, Run), MAX_RUNS> = ArrayVec::new();
        let mut seen = 0;
        // Each step looks only at what the step before has found.
        for Received { from, datagram, bytes } in received.take(MAX_RUNS) {
            let key = self.by_path.peek(Path::udp(port, from));
            let Some(leg) = key.and_then(|key| self.legs.get(key)) else { continue };
            let kind = if datagram < PICTURE_LEN { MediaKind::Audio } else { MediaKind::Video };
            let packets = bytes.div_ceil(datagram.max(1)).min(MAX_PACKETS);
            let run = Run { kind, packets, bytes };
            seen ^= leg.glance_inbound();
            legs.push((leg, leg.viewer().and_then(|key| self.legs.get(key)), run));
        }
        for &(leg, viewer, run) in &legs {
            seen ^= leg.glance_beyond_inbound(run);
            seen ^= viewer.map_or(0, |viewer| viewer.glance_outbound(run));
        }
        for &(_, viewer, run) in &legs {
            seen ^= viewer.map_or(0, |viewer| viewer.glance_beyond_outbound(run));
        }
        black_box(seen);
    }
}
