//! Seats that must not be given a node for a while: their leg there is to be given up.

use std::time::{Duration, Instant};

use dashmap::DashMap;
use signaling_desk::Seat;
use signaling_wire::ids::NodeId;

/// How long a seat stays away from a node that it had to leave. By then the node drains no more, or
/// its link has told whether it lives.
const EVADE_FOR: Duration = Duration::from_secs(30);

/// Which seats keep away from which nodes.
#[derive(Debug, Default)]
pub(super) struct Evading {
    by_seat: DashMap<Seat, Vec<(NodeId, Instant)>>,
}

impl Evading {
    /// The next legs of `seat` are not to be on `node`.
    pub(super) fn note(&self, seat: Seat, node: NodeId, now: Instant) {
        self.by_seat.retain(|_, nodes| nodes.iter().any(|(_, until)| *until > now));
        let mut nodes = self.by_seat.entry(seat).or_default();
        nodes.retain(|(known, until)| *known != node && *until > now);
        nodes.push((node, now + EVADE_FOR));
    }

    /// The nodes that `seat` keeps away from.
    pub(super) fn of(&self, seat: Seat, now: Instant) -> Vec<NodeId> {
        let Some(nodes) = self.by_seat.get(&seat) else { return Vec::new() };
        nodes.iter().filter(|(_, until)| *until > now).map(|(node, _)| *node).collect()
    }
}

#[cfg(test)]
mod tests {
    use signaling_wire::ids::AgentId;

    use super::*;

    #[test]
    fn a_seat_keeps_away_for_a_while() {
        let evading = Evading::default();
        let seat = Seat::Agent(AgentId::from_bits(1));
        let now = Instant::now();
        let [a, b] = [1, 2].map(NodeId::from_bits);
        evading.note(seat, a, now);
        evading.note(seat, b, now + EVADE_FOR / 2);
        evading.note(seat, b, now + EVADE_FOR / 2);
        assert_eq!(evading.of(seat, now + EVADE_FOR / 2), [a, b]);
        assert_eq!(evading.of(seat, now + EVADE_FOR), [b]);
        assert_eq!(evading.of(Seat::Agent(AgentId::from_bits(2)), now), []);
    }
}
