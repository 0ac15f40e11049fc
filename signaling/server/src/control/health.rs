//! Telling the desk how nodes are, when it changes.

use std::{collections::HashMap, sync::Arc, time::Duration};

use signaling_desk::{Input, NodeHealth};
use signaling_wire::ids::NodeId;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Nodes;
use crate::desk_task::DeskHandle;

/// Between two looks: a part of the time after which a node is suspect, for a handful of nodes.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A look that comes this late says more about this process than about any node: heartbeats may lie
/// unread. They have the next look to be read.
const LATE: Duration = Duration::from_millis(200);

/// Looks at the nodes until the desk has stopped.
pub async fn watch(nodes: Arc<Nodes>, desk: DeskHandle) {
    let mut known: HashMap<NodeId, NodeHealth> = HashMap::new();
    let mut look = interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        let at = look.tick().await;
        let late = at.elapsed() > LATE || at.duration_since(last) > LOOK_EVERY + LATE;
        last = Instant::now();
        if late {
            continue;
        }
        for (node, health) in changes(&mut known, &nodes.health()) {
            tracing::info!(%node, ?health, "node");
            if health == NodeHealth::Silent
                && let Some(node) = nodes.get(node)
            {
                // Whoever waits for its answer asks another node.
                node.forget_requests();
            }
            if !desk.send(Input::NodeHealth { node, health }).await {
                return;
            }
        }
    }
}

/// What has changed; a node that is not among those `seen` has lost its link.
fn changes(
    known: &mut HashMap<NodeId, NodeHealth>,
    seen: &HashMap<NodeId, NodeHealth>,
) -> Vec<(NodeId, NodeHealth)> {
    let lost: Vec<NodeId> = known.keys().filter(|node| !seen.contains_key(node)).copied().collect();
    let mut changes: Vec<_> = lost.iter().map(|node| (*node, NodeHealth::Lost)).collect();
    for node in lost {
        known.remove(&node);
    }
    for (&node, &health) in seen {
        if known.insert(node, health) != Some(health) {
            changes.push((node, health));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_told_once() {
        let [a, b] = [1, 2].map(NodeId::from_bits);
        let mut known = HashMap::new();
        let both = HashMap::from([(a, NodeHealth::Well), (b, NodeHealth::Silent)]);
        assert_eq!(changes(&mut known, &both).len(), 2, "the desk may know an older state");
        assert_eq!(changes(&mut known, &both), []);
        let one = HashMap::from([(a, NodeHealth::Draining)]);
        let told = changes(&mut known, &one);
        assert_eq!(told, [(b, NodeHealth::Lost), (a, NodeHealth::Draining)]);
        assert_eq!(changes(&mut known, &one), []);
    }
}
