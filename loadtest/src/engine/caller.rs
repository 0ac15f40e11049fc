//! One call of a run, and what is told of it.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use signaling_wire::{
    browser::{Role, Stage},
    ids::CallId,
};
use tokio::sync::{mpsc, oneshot, watch};

use super::guests::Agents;
use crate::{
    drive::{
        Clock, LegNews, Target,
        api::{Api, CallPlaces, Guests},
        call::{self, Legs, Played, Setup, Watcher},
        pool::{Nudge, Pool},
    },
    flow::{Failure, Outcome, Pair, Plan, Step},
    link,
    media::{Foreign, Fresh, FreshPicture, Profile},
    observe::{
        CallEnded, CallNumber, CallResult, Event, Media, Recovery, SideEnded, Stream, Where,
    },
    plan,
    report::Heard,
};

/// What all calls of a run have in common.
pub(super) struct Common {
    pub(super) target: Target,
    pub(super) api: Api,
    pub(super) agents: Arc<Agents>,
    pub(super) pool: Arc<Pool>,
    pub(super) clock: Clock,
    pub(super) events: mpsc::UnboundedSender<Event>,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) patience: Duration,
    /// The longest time that any chaos step gives for recovery.
    pub(super) chaos_within: Option<Duration>,
}

impl Common {
    pub(super) fn tell(&self, event: Event) {
        // Nobody listens any more when the run is being dropped.
        let _ = self.events.send(event);
    }
}

/// One call.
pub(super) struct Caller {
    pub(super) number: CallNumber,
    pub(super) scheduled: Duration,
    pub(super) hold: Duration,
    pub(super) seed: u64,
    pub(super) place: Option<plan::Place>,
    pub(super) from: [Option<Ipv4Addr>; 2],
    pub(super) profile: Profile,
    pub(super) impair: [Option<link::Impairment>; 2],
    pub(super) full_stack: bool,
}

impl Caller {
    /// Makes the call and tells everything about it.
    pub(super) async fn call(
        self,
        common: Arc<Common>,
        nudges: mpsc::UnboundedReceiver<Nudge>,
    ) -> CallNumber {
        let (number, started) = (self.number, common.clock.now());
        common.tell(Event::Started { scheduled: self.scheduled, at: started, call: number });
        let ended = match self.guests(&common).await {
            Ok(guests) => self.play(&common, guests, nudges, started).await,
            Err(reason) => {
                let failure = Failure::new(Step::Prepare, None, reason);
                self.nothing(&common, started, CallResult::Failed(failure))
            }
        };
        common.tell(Event::Ended(Box::new(ended)));
        number
    }

    async fn guests(&self, common: &Common) -> Result<Guests, String> {
        let mut agent = common.agents.take().await.map_err(|error| error.to_string())?;
        let place = self.place.as_ref();
        let shopper = place.and_then(|place| place.shopper.as_ref());
        let agents = place.and_then(|place| place.agent.as_ref());
        agent.move_to(agents.map(plan::Label::as_str));
        match common.api.link_to(&agent, shopper.map(plan::Label::as_str)).await {
            Ok(shopper) => Ok(Guests { shopper, agent }),
            Err(error) => {
                common.agents.give_back(agent, true);
                Err(error.to_string())
            }
        }
    }

    async fn play(
        &self,
        common: &Arc<Common>,
        guests: Guests,
        nudges: mpsc::UnboundedReceiver<Nudge>,
        started: Duration,
    ) -> CallEnded {
        let legs = if self.full_stack {
            Legs::FULL
        } else {
            let pool = Arc::clone(&common.pool);
            Legs::Light { pool, impair: self.impair, seed: self.seed }
        };
        let setup = Setup {
            target: common.target.clone(),
            plan: Plan {
                hold: self.hold,
                patience: common.patience,
                video: self.profile.has_video(),
            },
            profile: self.profile,
            clock: common.clock,
            stop: common.stop.clone(),
            legs,
            from: self.from,
        };
        let mut watch = Watch::new(self.number, Arc::clone(common));
        let played = call::play(setup, &guests, &mut watch, nudges).await;
        watch.settle(&played).await;
        let stopped = *common.stop.borrow();
        let good = played.outcome == Outcome::Completed;
        common.agents.give_back(guests.agent, good);
        self.ended(started, played, &mut watch, stopped)
    }

    fn ended(
        &self,
        started: Duration,
        played: Played,
        watch: &mut Watch,
        stopped: bool,
    ) -> CallEnded {
        let side = |role: Role, heard: &Option<Heard>| {
            let place = watch.place(role).clone();
            let marks = played.pair.marks(role).iter().collect();
            let placed_right = self.wanted(role).map(|wanted| wanted.fits(&place));
            SideEnded {
                placed_right,
                place,
                marks,
                loss: heard.as_ref().map(loss),
                frozen: heard.as_ref().and_then(|heard| {
                    (heard.watched_s > 0.0).then(|| (heard.frozen_s / heard.watched_s).min(1.0))
                }),
                silence: watch.silence(role, heard.as_ref()),
                rejoined: played.pair.rejoined(role).to_vec(),
                foreign: heard.as_ref().map_or_else(Foreign::default, |heard| heard.foreign),
            }
        };
        let (shopper, agent) =
            (side(Role::Shopper, &played.shopper), side(Role::Agent, &played.agent));
        let leak = [(Role::Shopper, &shopper), (Role::Agent, &agent)]
            .into_iter()
            .find(|(_, side)| side.foreign.total() > 0);
        let misplaced = [(Role::Shopper, &shopper), (Role::Agent, &agent)]
            .into_iter()
            .find(|(_, side)| side.placed_right == Some(false));
        let result = match (played.outcome, leak, misplaced) {
            (_, Some((role, side)), _) => {
                let reason = format!("received {}", side.foreign);
                CallResult::Failed(Failure::new(Step::Media, Some(role), reason))
            }
            (Outcome::Failed(_), ..) if stopped => CallResult::Stopped,
            (Outcome::Failed(failure), ..) => CallResult::Failed(failure),
            (Outcome::Completed, _, Some((role, side))) => {
                let at = side.place.node.as_ref().map_or("nowhere", plan::Label::as_str);
                let region = side.place.region.as_ref().map_or("no region", plan::Label::as_str);
                let reason = format!("placed on {at} in {region}, and not where it should be");
                CallResult::Failed(Failure::new(Step::Start, Some(role), reason))
            }
            (Outcome::Completed, None, None) => CallResult::Completed,
        };
        CallEnded {
            call: self.number,
            id: played.pair.call(),
            scheduled: self.scheduled,
            started,
            ended: played.over,
            result,
            shopper,
            agent,
            hang_up: played.pair.hang_up_took(),
        }
    }

    /// Where a side should be, if the plan says so.
    fn wanted(&self, role: Role) -> Option<Wanted<'_>> {
        let place = self.place.as_ref()?;
        let region = match role {
            Role::Shopper => place.shopper.as_ref(),
            Role::Agent => place.agent.as_ref(),
        };
        let wanted = Wanted { region, node: place.node.as_ref() };
        (wanted.region.is_some() || wanted.node.is_some()).then_some(wanted)
    }

    fn nothing(&self, common: &Common, started: Duration, result: CallResult) -> CallEnded {
        CallEnded {
            call: self.number,
            id: None,
            scheduled: self.scheduled,
            started,
            ended: common.clock.now(),
            result,
            shopper: SideEnded::default(),
            agent: SideEnded::default(),
            hang_up: None,
        }
    }
}

/// Where a side should be.
struct Wanted<'a> {
    region: Option<&'a plan::Label>,
    node: Option<&'a plan::Label>,
}

impl Wanted<'_> {
    fn fits(&self, place: &Where) -> bool {
        let fits = |wanted: Option<&plan::Label>, is: &Option<plan::Label>| {
            wanted.is_none_or(|wanted| is.as_ref() == Some(wanted))
        };
        fits(self.region, &place.region) && fits(self.node, &place.node)
    }
}

/// Tells what happens to a call while it goes on.
struct Watch {
    number: CallNumber,
    common: Arc<Common>,
    call: Option<CallId>,
    places: [Where; 2],
    asked: Option<oneshot::Receiver<CallPlaces>>,
    connected: [bool; 2],
    /// The longest interruption, of legs that took over from each other as well.
    interrupted: [Option<Duration>; 2],
}

impl Watch {
    fn new(number: CallNumber, common: Arc<Common>) -> Self {
        Self {
            number,
            common,
            call: None,
            places: [Where::default(), Where::default()],
            asked: None,
            connected: [false; 2],
            interrupted: [None; 2],
        }
    }

    fn place(&self, role: Role) -> &Where {
        &self.places[index(role)]
    }

    /// The longest time in which nothing at all arrived.
    fn silence(&self, side: Role, heard: Option<&Heard>) -> Option<Duration> {
        let on_one_leg = heard.map(|heard| Duration::from_secs_f64(heard.longest_silence_s));
        on_one_leg.max(self.interrupted[index(side)])
    }

    /// Asks the deployment where it has placed the call.
    fn ask_places(&mut self, call: CallId) {
        let (told, asked) = oneshot::channel();
        self.asked = Some(asked);
        let api = self.common.api.clone();
        tokio::spawn(async move {
            // A record that cannot be had leaves the places unknown, which fails an assertion.
            if let Ok(places) = api.call_places(call).await {
                let _ = told.send(places);
            }
        });
    }

    fn take_places(&mut self, places: CallPlaces) {
        for (side, region, node) in places.0 {
            self.places[index(side)] =
                Where { region: region.parse().ok(), node: node.parse().ok() };
        }
    }

    /// Takes what the deployment has said of the places, and tells who is connected, so that it counts
    /// in its region and on its node.
    fn look(&mut self, pair: &Pair) {
        if let Some(asked) = &mut self.asked
            && let Ok(places) = asked.try_recv()
        {
            self.asked = None;
            self.take_places(places);
        }
        for side in [Role::Shopper, Role::Agent] {
            if self.place(side).node.is_some() {
                self.connected(pair, side);
            }
        }
    }

    fn connected(&mut self, pair: &Pair, side: Role) {
        if self.connected[index(side)] {
            return;
        }
        let Some(at) = pair.marks(side).at(pair.connected_by()) else { return };
        let Some(accept) = pair.marks(Role::Agent).at(Stage::Accept) else { return };
        self.connected[index(side)] = true;
        self.common.tell(Event::Connected {
            at,
            call: self.number,
            side,
            place: self.place(side).clone(),
            after_accept: at.saturating_sub(accept),
        });
    }

    /// The call is over: what did not come back never did.
    async fn settle(&mut self, played: &Played) {
        if let Some(asked) = self.asked.take()
            && let Ok(places) = asked.await
        {
            self.take_places(places);
        }
        // The record is written behind the call: asked for early, it may not have had the places yet.
        if let Some(call) = self.call
            && self.places.iter().any(|place| place.node.is_none())
            && let Ok(places) = self.common.api.call_places(call).await
        {
            self.take_places(places);
        }
        for side in [Role::Shopper, Role::Agent] {
            // Wherever it was.
            self.connected(&played.pair, side);
            let heard = match side {
                Role::Shopper => &played.shopper,
                Role::Agent => &played.agent,
            };
            let silence = heard.as_ref().and_then(|heard| heard.silent_at_end);
            // Without chaos, the end of a call that failed says it all.
            let within = self.common.chaos_within;
            if let (Some(silence), Some(within)) = (silence, within)
                && silence >= within
            {
                self.recovery(played.over, side, None);
            }
        }
    }

    fn recovery(&self, at: Duration, side: Role, after: Option<Duration>) {
        self.common.tell(Event::Recovery(Recovery {
            at,
            call: self.number,
            side,
            place: self.place(side).clone(),
            after,
        }));
    }

    fn fresh(&self, at: Duration, side: Role, streams: [Fresh; 2], picture: FreshPicture) {
        let [audio, video] = streams;
        let nothing = FreshPicture::default();
        for (stream, arrived, seen) in
            [(Stream::Audio, audio, nothing), (Stream::Video, video, picture)]
        {
            if arrived == Fresh::default() && seen == FreshPicture::default() {
                continue;
            }
            self.common.tell(Event::Media(Media {
                at,
                call: self.number,
                side,
                stream,
                place: self.place(side).clone(),
                arrived,
                seen,
            }));
        }
    }
}

impl Watcher for Watch {
    fn leg(&mut self, pair: &Pair, side: Role, news: LegNews) {
        self.look(pair);
        match news {
            LegNews::Fresh { at, streams, picture } => self.fresh(at, side, streams, picture),
            LegNews::Interrupted { at, silence } => {
                let longest = &mut self.interrupted[index(side)];
                *longest = (*longest).max(Some(silence));
                self.recovery(at, side, Some(silence));
            }
        }
    }

    fn flow(&mut self, pair: &Pair) {
        // Once both sides see each other, the record is sure to say where their legs are.
        if let (None, Some(call), true) = (self.call, pair.call(), pair.holding()) {
            self.call = Some(call);
            self.ask_places(call);
        }
        self.look(pair);
    }
}

fn index(role: Role) -> usize {
    match role {
        Role::Shopper => 0,
        Role::Agent => 1,
    }
}

/// Share of the other side's packets that never arrived.
fn loss(heard: &Heard) -> f64 {
    let (expected, received) = [&heard.audio, &heard.video].into_iter().fold(
        (0u64, 0u64),
        |(expected, received), stream| {
            (
                expected + u64::from(stream.sent.saturating_sub(stream.missed_at_start)),
                received + u64::from(stream.received),
            )
        },
    );
    if expected == 0 {
        return 0.0;
    }
    expected.saturating_sub(received) as f64 / expected as f64
}

/// What a side sends, in the generator's terms.
pub(super) fn profile(media: &plan::Media) -> Profile {
    let usual = Profile::default();
    Profile {
        fps: media.profile.fps(),
        video_kbps: media.video_kbps(),
        // A screen's key frame is the whole page in full sharpness, its other frames are next to
        // nothing.
        key_frame_factor: match media.profile {
            plan::MediaProfile::Screen => 12,
            _ => usual.key_frame_factor,
        },
        ..usual
    }
}

/// One direction of an access network.
pub(super) fn one_way(impairment: plan::Impairment) -> link::Impairment {
    link::Impairment {
        loss: impairment.loss.get(),
        burst: impairment.burst,
        delay: impairment.rtt / 2,
        jitter: impairment.jitter,
        rate_kbps: impairment.rate.map(plan::Kbps::get),
        queue: impairment.queue,
    }
}
