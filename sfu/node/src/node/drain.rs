//! Emptying a node before it stops: it takes nothing more, and signaling moves its calls to other
//! nodes while this one still carries them.

use std::time::{Duration, Instant};

use signaling_wire::control::Load;
use tokio::sync::{mpsc, oneshot, watch};

use super::dispatch::{Status, ToDispatch};

/// How long legs without a call may stay on a node that stops: pages that have another node to go to are
/// told sixteen at a time, four times a second, and are there within a second. The others have none, and lose
/// nothing with a leg that carries nothing.
const IDLE_STAY: Duration = Duration::from_secs(5);

/// The node has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node has ended")]
pub struct Ended;

/// A handle on a running node's drain; cheap to clone.
#[derive(Debug, Clone)]
pub struct Drain {
    to_dispatch: mpsc::Sender<ToDispatch>,
    status: watch::Receiver<Status>,
}

impl Drain {
    pub(super) fn new(
        to_dispatch: mpsc::Sender<ToDispatch>,
        status: watch::Receiver<Status>,
    ) -> Self {
        Self { to_dispatch, status }
    }

    /// Takes nothing more, or takes legs again; what the node carries now.
    ///
    /// # Errors
    /// When the node has ended.
    pub async fn set(&self, on: bool) -> Result<Load, Ended> {
        let (reply, load) = oneshot::channel();
        self.to_dispatch.send(ToDispatch::Drain { on, reply }).await.map_err(|_| Ended)?;
        load.await.map_err(|_| Ended)
    }

    /// Waits until nobody would miss anything: no leg is left, or none of them has had a call for some
    /// seconds, or the node has ended.
    pub async fn emptied(&self) {
        let mut status = self.status.clone();
        let mut emptying = Emptying::default();
        loop {
            let load = status.borrow_and_update().load;
            let until = match emptying.look(Instant::now(), load) {
                Rest::Calls => None,
                Rest::Idle { until } => Some(until),
                Rest::Nothing => return,
            };
            let over = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = status.changed() => if changed.is_err() { return },
                () = over => {}
            }
        }
    }

    /// What the node carries now.
    pub fn load(&self) -> Load {
        self.status.borrow().load
    }
}

/// What is left on a node that stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Calls, for which it waits.
    Calls,
    /// Legs without a call, until this time.
    Idle { until: Instant },
    /// Nothing that anybody would miss.
    Nothing,
}

/// Since when a node that stops has no call.
#[derive(Debug, Default)]
struct Emptying {
    idle: Option<Instant>,
}

impl Emptying {
    fn look(&mut self, now: Instant, load: Load) -> Rest {
        if load.calls > 0 {
            self.idle = None;
            return Rest::Calls;
        }
        let until = *self.idle.get_or_insert(now) + IDLE_STAY;
        if load.legs == 0 || until <= now { Rest::Nothing } else { Rest::Idle { until } }
    }
}

#[cfg(test)]
mod tests {
    use signaling_wire::control::NodeState;

    use super::*;

    fn carrying(legs: u32, calls: u32) -> Load {
        Load { state: NodeState::Draining, legs, calls, busy: 0.0 }
    }

    #[test]
    fn a_call_is_waited_for_and_legs_without_one_for_a_moment() {
        let mut emptying = Emptying::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(emptying.look(at(0), carrying(20, 1)), Rest::Calls);
        assert_eq!(emptying.look(at(60), carrying(19, 0)), Rest::Idle { until: at(65) });
        // One is accepted on a leg that is still here, and moves.
        assert_eq!(emptying.look(at(64), carrying(19, 1)), Rest::Calls);
        assert_eq!(emptying.look(at(66), carrying(18, 0)), Rest::Idle { until: at(71) });
        assert_eq!(emptying.look(at(70), carrying(18, 0)), Rest::Idle { until: at(71) });
        assert_eq!(emptying.look(at(71), carrying(18, 0)), Rest::Nothing);
    }

    #[test]
    fn a_node_without_legs_is_empty_at_once() {
        let rest = Emptying::default().look(Instant::now(), carrying(0, 0));
        assert_eq!(rest, Rest::Nothing);
    }
}
