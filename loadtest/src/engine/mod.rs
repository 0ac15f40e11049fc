//! A run: calls begin when the plan says so, and everything that happens to them is told.
//!
//! ```text
//! plan ──► arrivals ──start──► caller (one task for each call) ──► drive ──► deployment
//!              │                   │ observe::Event
//!           chaos ──nudges──►      ▼
//!           health ───────────► events ──► measure, reports
//! ```
//!
//! The load is an open loop where the plan gives a rate: what becomes of earlier calls does not
//! delay later ones, and times are counted from the moment at which a call should have begun.

mod arrivals;
mod caller;
mod chaos;
mod guard;
mod guests;
mod health;

use std::{collections::HashMap, sync::Arc, time::Duration};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

pub use self::{
    arrivals::{Arrivals, Share},
    chaos::Commands,
    guard::{FEW, NotAllowed, allowed},
};
use self::{
    caller::{Caller, Common},
    chaos::Chaos,
    guests::Agents,
    health::Health,
};
use crate::{
    drive::{
        Clock, Target,
        api::{Api, ApiError, ApiKey},
        pool::{Nudge, Pool},
    },
    fleet::FleetError,
    observe::{CallNumber, Event},
    plan,
};

/// Everything a run needs.
#[derive(Debug)]
pub struct RunSetup {
    /// What is to be done.
    pub plan: plan::Run,
    /// To whom.
    pub target: Target,
    /// The deployment's API key.
    pub key: ApiKey,
    /// The run's clock.
    pub clock: Clock,
    /// Where everything is told.
    pub events: mpsc::UnboundedSender<Event>,
    /// What the operator wants.
    pub stop: watch::Receiver<Stop>,
    /// Which part of the calls this generator makes.
    pub share: Share,
    /// Threads for media; none: as many as there are cores, and no more than [`MAX_THREADS`].
    pub threads: Option<usize>,
    /// Share of the calls that run on the `webrtc` stack, 0 to 1.
    pub full_stack: f64,
}

/// What the operator wants of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Let it go on.
    GoOn,
    /// Begin no more calls, hang up those that are on.
    HangUp,
    /// Drop everything.
    Now,
}

/// Why there was no run.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The deployment did not do what a run needs.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// This machine cannot do it.
    #[error("this machine cannot make calls: {0}")]
    Machine(#[from] std::io::Error),
    /// A worker cannot do it.
    #[error(transparent)]
    Fleet(#[from] FleetError),
}

/// Media threads when nobody says otherwise: above it, other things end first.
pub const MAX_THREADS: usize = 8;
/// How often it is looked whether calls are to begin.
const TICK: Duration = Duration::from_millis(10);
/// A start that is later than this is given up: the generator is too slow for the plan.
const TOO_LATE: Duration = Duration::from_secs(1);

/// Makes the calls of a plan, and returns when the last one is over.
///
/// # Errors
/// [`EngineError`] when nothing could be begun. What happens to calls is no error of the run.
pub async fn run(setup: RunSetup) -> Result<(), EngineError> {
    let api = Api::new(setup.target.clone(), setup.key.clone());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = setup.threads.unwrap_or(cores.min(MAX_THREADS));
    let pool = Arc::new(Pool::start(threads, setup.clock)?);
    // The first agent proves that the deployment is there and takes the key.
    let agents = Arc::new(Agents::begin(api.clone(), setup.plan.seed).await?);
    let mut run = Run::new(setup, api, Arc::clone(&pool), Arc::clone(&agents));
    run.go().await;
    agents.dismiss().await;
    Ok(())
}

/// A run under way.
struct Run {
    setup: RunSetup,
    common: Arc<Common>,
    rng: SmallRng,
    arrivals: Arrivals,
    chaos: Chaos,
    health: Health,
    calls: JoinSet<CallNumber>,
    nudges: HashMap<CallNumber, mpsc::UnboundedSender<Nudge>>,
    hang_up: watch::Sender<bool>,
}

impl Run {
    fn new(setup: RunSetup, api: Api, pool: Arc<Pool>, agents: Arc<Agents>) -> Self {
        let (hang_up, stopped) = watch::channel(false);
        let plan = &setup.plan;
        let common = Arc::new(Common {
            target: setup.target.clone(),
            api,
            agents,
            pool: Arc::clone(&pool),
            clock: setup.clock,
            events: setup.events.clone(),
            stop: stopped,
            patience: plan.patience,
            chaos_within: plan.chaos.iter().map(|step| step.within).max(),
        });
        Self {
            rng: SmallRng::seed_from_u64(plan.seed),
            arrivals: Arrivals::new(plan, setup.share),
            chaos: Chaos::new(plan.chaos.clone(), setup.clock, setup.events.clone()),
            health: Health::new(setup.clock, pool),
            calls: JoinSet::new(),
            nudges: HashMap::new(),
            hang_up,
            common,
            setup,
        }
    }

    async fn go(&mut self) {
        let clock = self.setup.clock;
        let began = clock.now();
        let end = began + self.setup.plan.duration();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut stop = self.setup.stop.clone();
        let mut stopping = false;
        loop {
            tokio::select! {
                due = ticks.tick() => {
                    let now = clock.now();
                    self.health.woke(due.elapsed());
                    if let Some(sample) = self.health.sample(now) {
                        self.common.tell(Event::Generator(sample));
                    }
                    if !stopping && now < end {
                        self.begin_calls(began, now);
                    }
                    for nudge in self.chaos.due(now.saturating_sub(began)) {
                        self.nudge(nudge);
                    }
                }
                Some(over) = self.calls.join_next() => {
                    if let Ok(number) = over {
                        self.nudges.remove(&number);
                    }
                    self.arrivals.over();
                }
                Ok(()) = stop.changed() => {
                    stopping = true;
                    match *stop.borrow_and_update() {
                        Stop::GoOn => stopping = false,
                        Stop::HangUp => { let _ = self.hang_up.send(true); }
                        Stop::Now => {
                            self.calls.abort_all();
                            return;
                        }
                    }
                }
            }
            let now = clock.now();
            let ended = stopping || now >= end || self.arrivals.exhausted();
            if ended && self.calls.is_empty() {
                return;
            }
            if now >= end + self.setup.plan.grace && !*self.hang_up.borrow() {
                let _ = self.hang_up.send(true);
            }
        }
    }

    fn begin_calls(&mut self, began: Duration, now: Duration) {
        while let Some(start) = self.arrivals.next(now - began) {
            let scheduled = began + start.at;
            if now - scheduled > TOO_LATE {
                self.common.tell(Event::DroppedStart { scheduled });
                self.arrivals.over();
                continue;
            }
            let plan = &self.setup.plan;
            // All that chance decides is drawn here, in the order of the calls, so that it does not
            // depend on which call is faster.
            let impaired = self.rng.random::<f64>() < plan.impair.share.get();
            let hold = plan.hold.sample(&mut self.rng);
            let seed = self.rng.random();
            let place = plan::pick_place(&plan.places, &mut self.rng);
            let caller = Caller {
                number: CallNumber(start.number),
                scheduled,
                hold,
                seed,
                place: place.cloned(),
                from: place.map_or([None; 2], |place| plan.addresses(place)),
                profile: caller::profile(&plan.media),
                impair: [plan.impair.shopper, plan.impair.agent]
                    .map(|impairment| impairment.filter(|_| impaired).map(caller::one_way)),
                full_stack: self.rng.random::<f64>() < self.setup.full_stack,
            };
            let (nudges, inbox) = mpsc::unbounded_channel();
            self.nudges.insert(caller.number, nudges);
            self.calls.spawn(caller.call(Arc::clone(&self.common), inbox));
        }
    }

    fn nudge(&mut self, step: chaos::Wanted) {
        let chosen: Vec<CallNumber> = {
            let mut numbers: Vec<CallNumber> = self.nudges.keys().copied().collect();
            numbers.sort_unstable();
            let share = step.share;
            numbers.retain(|_| self.rng.random::<f64>() < share);
            numbers
        };
        let mut reached = 0;
        for number in chosen {
            let sent = self.nudges.get(&number).is_some_and(|to| to.send(step.nudge).is_ok());
            reached += u64::from(sent);
        }
        self.chaos.done(&step, reached);
    }
}
