//! One synthetic call, from the first socket to what it measured.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use signaling_wire::browser::Role;
use tokio::sync::{mpsc, watch};

use super::{
    Clock, Events, LegNews, Target, Told,
    api::Guests,
    detour::Detour,
    page::Page,
    pool::{Nudge, Pool},
};
use crate::{
    flow::{Outcome, Pair, Plan},
    link::Impairment,
    media::Profile,
    report::{CallReport, Heard},
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
    /// What carries its media.
    pub legs: Legs,
    /// The own address that shopper and agent use, where this machine has several.
    pub from: [Option<Ipv4Addr>; 2],
}

/// What carries the media of a call.
#[derive(Clone)]
pub enum Legs {
    /// The `webrtc` stack: everything a client can do, at a client's cost.
    Full {
        /// What stands between the legs and the node, if anything does.
        detour: Option<Arc<dyn Detour>>,
    },
    /// Light legs of our own.
    Light {
        /// The threads that carry them.
        pool: Arc<Pool>,
        /// The access networks of shopper and agent.
        impair: [Option<Impairment>; 2],
        /// Makes what chance decides in them.
        seed: u64,
    },
}

impl Legs {
    /// The `webrtc` stack without anything in between.
    pub const FULL: Self = Self::Full { detour: None };
}

/// Who is told how a call goes, and may do something to it.
pub trait Watcher: Send {
    /// A leg measured something.
    fn leg(&mut self, pair: &Pair, side: Role, news: LegNews);

    /// The flow has gone on.
    fn flow(&mut self, pair: &Pair);
}

/// Nobody watches.
struct Nobody;

impl Watcher for Nobody {
    fn leg(&mut self, _: &Pair, _: Role, _: LegNews) {}
    fn flow(&mut self, _: &Pair) {}
}

/// A call that is over.
#[derive(Debug)]
pub struct Played {
    /// Its two seats, with their marks.
    pub pair: Pair,
    /// How it went.
    pub outcome: Outcome,
    /// When it began, on the run's clock.
    pub began: Duration,
    /// When it was over.
    pub over: Duration,
    /// What the shopper's page heard, if there was a call.
    pub shopper: Option<Heard>,
    /// What the agent's page heard.
    pub agent: Option<Heard>,
}

/// Makes a call between `guests` and judges it.
pub async fn run(setup: Setup, guests: &Guests) -> CallReport {
    let (_, nudges) = mpsc::unbounded_channel();
    let played = play(setup, guests, &mut Nobody, nudges).await;
    CallReport::new(&played)
}

/// Makes a call between `guests`. Everything that is told is told to `watcher` as well; `nudges`
/// are done to both callers.
pub async fn play(
    setup: Setup,
    guests: &Guests,
    watcher: &mut impl Watcher,
    mut nudges: mpsc::UnboundedReceiver<Nudge>,
) -> Played {
    let clock = setup.clock;
    let began = clock.now();
    let (queue, mut events) = mpsc::unbounded_channel();
    let mut pages = Pages {
        shopper: Page::new(&setup, Events::new(Role::Shopper, queue.clone())),
        agent: Page::new(&setup, Events::new(Role::Agent, queue)),
    };
    let mut pair =
        Pair::new(setup.plan, guests.shopper.clone(), guests.agent.credentials.clone(), began);
    let outcome = drive(&mut pair, &mut events, &mut pages, &setup, watcher, &mut nudges).await;
    let over = clock.now();
    let Pages { shopper, agent } = &mut pages;
    let (of_shopper, of_agent) = tokio::join!(shopper.close(), agent.close());
    // What the legs told with their last breath.
    events.close();
    while let Some((side, told)) = events.recv().await {
        if let Told::Leg(news) = told {
            watcher.leg(&pair, side, news);
        }
    }
    let heard = |own: &Option<super::page::Measured>, other: &Option<super::page::Measured>| {
        own.as_ref()?.heard(other.as_ref())
    };
    let (shopper, agent) = (heard(&of_shopper, &of_agent), heard(&of_agent, &of_shopper));
    Played { pair, outcome, began, over, shopper, agent }
}

struct Pages {
    shopper: Page,
    agent: Page,
}

/// Carries inputs and actions between the pair and its pages until the call is over.
async fn drive(
    pair: &mut Pair,
    events: &mut mpsc::UnboundedReceiver<(Role, Told)>,
    pages: &mut Pages,
    setup: &Setup,
    watcher: &mut impl Watcher,
    nudges: &mut mpsc::UnboundedReceiver<Nudge>,
) -> Outcome {
    let clock = setup.clock;
    let mut stop = setup.stop.clone();
    let mut stopped = false;
    loop {
        for (side, action) in pair.take_actions() {
            match side {
                Role::Shopper => pages.shopper.act(action).await,
                Role::Agent => pages.agent.act(action).await,
            }
        }
        watcher.flow(pair);
        if let Some(outcome) = pair.outcome() {
            return outcome.clone();
        }
        let deadline = pair.next_timeout().unwrap_or_else(|| clock.now());
        tokio::select! {
            Some((side, told)) = events.recv() => match told {
                Told::Flow(input) => pair.handle(clock.now(), side, input),
                Told::Leg(news) => watcher.leg(pair, side, news),
            },
            Some(nudge) = nudges.recv() => {
                pages.shopper.nudge(nudge);
                pages.agent.nudge(nudge);
            }
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
