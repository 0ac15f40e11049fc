//! What a leg counts.

use std::ops::AddAssign;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// Counters of a leg's media, since it was made.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)+
        }

        impl Counters {
            /// What has been counted since `before`, an earlier copy of the same counters.
            pub fn since(&self, before: &Self) -> Self {
                Self { $($name: self.$name.wrapping_sub(before.$name),)+ }
            }

            /// All counters with their names, for metrics.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),+].into_iter()
            }
        }

        impl AddAssign for Counters {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

counters! {
    /// RTP packets from the peer.
    packets_in,
    /// Their bytes, without SRTP.
    bytes_in,
    /// RTP packets to the peer, repeats included.
    packets_out,
    /// Their bytes, without SRTP.
    bytes_out,
    /// Packets that are not RTP once decrypted, or whose sequence number is far off.
    malformed_rtp,
    /// Parts of RTCP packets that cannot be read.
    malformed_rtcp,
    /// Packets of streams that were not negotiated.
    unknown_stream,
    /// Packets of payload types that were not negotiated.
    unknown_payload,
    /// Packets received twice.
    duplicates,
    /// Repeats from the peer that filled a gap.
    repaired,
    /// Streams of video from the peer whose first packet was not the first to come.
    heads_missed,
    /// Packets from the peer that never came, repeats included.
    unrepaired,
    /// Packets that the peer was asked to repeat.
    nacks_sent,
    /// Times that missing packets were not asked for, because the node was behind itself.
    requests_held,
    /// Packets that the peer asked for again.
    nacks_received,
    /// Packets repeated to the peer.
    repeats_sent,
    /// Repeats sent a second time, because the way loses them as it loses packets.
    repeats_copied,
    /// Packets that the peer asked for and that were not kept any more, or that it agreed to no
    /// stream of repeats for.
    repeats_missed,
    /// Packets that the peer asked for and that a newer key frame has made useless.
    repeats_outdated,
    /// Repeats not sent because of the budget for them.
    repeats_over_budget,
    /// Key frames asked of the peer.
    key_frames_asked,
    /// Key frames the peer asked for.
    key_frame_requests,
    /// Packets not forwarded because the viewer has no payload type for them.
    not_mappable,
    /// Packets not forwarded because no key frame has begun yet.
    before_key_frame,
    /// Packets not forwarded because they are too large.
    too_large,
    /// Packets dropped because too many were waiting.
    overflowed,
    /// Packets of frames that nothing refers to, dropped because too much was waiting.
    dropped_layer,
    /// Packets dropped with everything up to the next key frame, because too much was waiting.
    dropped_queue,
    /// Packets dropped because they came after a newer key frame or after their frame was given up.
    dropped_late,
    /// Packets of pictures dropped because a key frame began before any of their packets had left.
    dropped_superseded,
    /// Packets of video dropped while video to the peer was paused.
    dropped_paused,
    /// Packets of video dropped while nothing was heard from the peer.
    dropped_blind,
    /// Bursts sent to the peer to find out whether more gets through.
    probes_sent,
    /// Packets repeated to the peer only to fill such a burst.
    probe_packets,
    /// Their bytes, without SRTP.
    probe_bytes,
    /// Times that video to the peer was paused.
    video_pauses,
    /// Times that the peer was told to send less because its own way filled up.
    brakes,
}
