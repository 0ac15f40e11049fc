//! One synthetic call, from the first socket to the report.

use std::sync::Arc;

use signaling_wire::browser::Role;
use tokio::sync::{mpsc, watch};

use super::{Clock, Events, Target, api::Guests, detour::Detour, page::Page};
use crate::{
    flow::{Input, Pair, Plan},
    media::Profile,
    report::CallReport,
};

/// Everything a call needs besides its guests.
#[derive(Clone)]
pub struct Setup {
    /// The deployment.
    pub target: Target,
    /// How the call is to go.
    pub plan: Plan,
    /// What both sides send.
    pub profile: Profile,
    /// The run's clock.
    pub clock: Clock,
    /// Changes to true when the call is to end early.
    pub stop: watch::Receiver<bool>,
    /// What stands between the legs and the node, if anything does.
    pub detour: Option<Arc<dyn Detour>>,
}

/// Makes a call between `guests` and judges it.
pub async fn run(setup: Setup, guests: &Guests) -> CallReport {
    let clock = setup.clock;
    let began = clock.now();
    let (queue, mut events) = mpsc::unbounded_channel();
    let mut shopper = Page::new(&setup, Events::new(Role::Shopper, queue.clone()));
    let mut agent = Page::new(&setup, Events::new(Role::Agent, queue));
    let mut pair = Pair::new(setup.plan, guests.shopper.clone(), guests.agent.clone(), began);
    let outcome = drive(&mut pair, &mut events, &mut shopper, &mut agent, &setup).await;
    let over = clock.now();
    tokio::join!(shopper.close(), agent.close());
    CallReport::new(&pair, outcome, began, over, shopper.heard(&agent), agent.heard(&shopper))
}

/// Carries inputs and actions between the pair and its pages until the call is over.
async fn drive(
    pair: &mut Pair,
    events: &mut mpsc::UnboundedReceiver<(Role, Input)>,
    shopper: &mut Page,
    agent: &mut Page,
    setup: &Setup,
) -> crate::flow::Outcome {
    let clock = setup.clock;
    let mut stop = setup.stop.clone();
    let mut stopped = false;
    loop {
        for (side, action) in pair.take_actions() {
            match side {
                Role::Shopper => shopper.act(action).await,
                Role::Agent => agent.act(action).await,
            }
        }
        if let Some(outcome) = pair.outcome() {
            return outcome.clone();
        }
        let deadline = pair.next_timeout().unwrap_or_else(|| clock.now());
        tokio::select! {
            Some((side, input)) = events.recv() => pair.handle(clock.now(), side, input),
            () = tokio::time::sleep_until(clock.instant(deadline)) => {
                pair.handle_timeout(clock.now());
            }
            asked = asked_to_stop(&mut stop), if !stopped => {
                stopped = true;
                if asked {
                    pair.stop(clock.now());
                }
            }
        }
    }
}

/// Waits until the call is to end early, or nobody can ask for it any more.
async fn asked_to_stop(stop: &mut watch::Receiver<bool>) -> bool {
    stop.wait_for(|stop| *stop).await.is_ok()
}
