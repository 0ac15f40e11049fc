use signaling_wire::{
    PROTOCOL,
    browser::{
        Auth, CallView, CandidateNode, ClientMessage, EndReason, MediaChoice, MediaPolicy,
        MediaState, Offer, Phase as PagePhase, Presence, QueuePlace, ServerMessage, Stage,
        VideoPaused, WantedPresence, Welcome,
    },
    claims::Context,
    ids::{LegId, NodeId, OfferId},
    problem::{Code, Problem, Stage as ProblemStage},
    text::{ContextValue, Name},
};

use super::*;
use crate::media::News;

const ORDER: &str = "synthetic-1";
const CALL: CallId = CallId::from_bits(5);
const LEG: LegId = LegId::from_bits(1);

/// A pair, the time, and what was asked of the driver so far.
struct World {
    pair: Pair,
    now: Duration,
    done: Vec<(Role, Action)>,
}

impl World {
    fn new() -> Self {
        Self::with_agent_in(None)
    }

    fn with_agent_in(region: Option<&str>) -> Self {
        let shopper = Credentials::Shopper { token: "link".into() };
        let agent = Credentials::Agent {
            session: "session".into(),
            order: value(ORDER),
            region: region.map(str::to_owned),
        };
        let pair = Pair::new(Plan::default(), shopper, agent, Duration::ZERO);
        let mut world = Self { pair, now: Duration::ZERO, done: Vec::new() };
        world.collect();
        world
    }

    fn collect(&mut self) {
        self.done.extend(self.pair.take_actions());
    }

    fn at(&mut self, side: Role, input: Input) {
        self.now += Duration::from_millis(1);
        self.pair.handle(self.now, side, input);
        self.collect();
    }

    fn say(&mut self, side: Role, message: ServerMessage) {
        self.at(side, Input::Message(Box::new(message)));
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.pair.handle_timeout(self.now);
        self.collect();
    }

    fn sent(&self, side: Role) -> Vec<&ClientMessage> {
        self.done
            .iter()
            .filter_map(|(whose, action)| match action {
                Action::Send(message) if *whose == side => Some(message.as_ref()),
                _ => None,
            })
            .collect()
    }

    fn was_sent(&self, side: Role, wanted: impl Fn(&ClientMessage) -> bool) -> bool {
        self.sent(side).into_iter().any(wanted)
    }

    fn warm(&mut self) {
        for side in [Role::Shopper, Role::Agent] {
            self.at(side, Input::SocketOpen);
            self.at(side, Input::OfferReady { sdp: "offer".into() });
            self.say(side, welcome(side));
            self.say(side, answer());
            self.at(side, Input::IceConnected);
            self.at(side, Input::DtlsConnected);
        }
    }

    fn start(&mut self) {
        self.warm();
        self.say(Role::Shopper, ServerMessage::Queue(place()));
        self.say(Role::Agent, ServerMessage::Presence { state: Presence::Available });
        self.say(Role::Agent, ring(ORDER));
        for side in [Role::Shopper, Role::Agent] {
            self.say(side, started(CALL));
        }
    }

    fn see_and_hear(&mut self, side: Role) {
        for news in [News::FirstAudio, News::FirstVideo, News::FirstKeyFrame] {
            self.at(side, Input::Media(news));
        }
    }

    fn failure(&self) -> &Failure {
        match self.pair.outcome() {
            Some(Outcome::Failed(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }
}

fn value(text: &str) -> ContextValue {
    ContextValue::parse(text).unwrap()
}

fn name() -> Name {
    Name::parse("Somebody").unwrap()
}

fn place() -> QueuePlace {
    QueuePlace { position: 1, estimate_s: None, agents: 0, ringing: false }
}

fn welcome(role: Role) -> ServerMessage {
    let phase = match role {
        Role::Shopper => PagePhase::Lobby,
        Role::Agent => PagePhase::Idle { presence: Presence::Break },
    };
    ServerMessage::Welcome(Box::new(Welcome {
        protocol: PROTOCOL,
        role,
        name: name(),
        shop: name(),
        host: name(),
        seat: (role == Role::Shopper).then(|| "seat".to_owned()),
        second: None,
        media_policy: MediaPolicy::Private,
        leg_alive: false,
        phase,
        context: Context::default(),
        language: None,
        ice_servers: Vec::new(),
        candidates: Vec::new(),
    }))
}

fn answer() -> ServerMessage {
    ServerMessage::LegAnswer { attempt: 1, leg: LEG, sdp: "answer".into() }
}

fn ring(order: &str) -> ServerMessage {
    ServerMessage::Offer(Box::new(Offer {
        offer: OfferId::from_bits(3),
        call: CALL,
        left_ms: 20_000,
        name: name(),
        media: MediaChoice::Video,
        waited_s: 0,
        context: Context { order: Some(value(order)), ..Context::default() },
        why: "the only one".into(),
    }))
}

fn started(call: CallId) -> ServerMessage {
    ServerMessage::CallStarted(view(call))
}

fn view(call: CallId) -> CallView {
    CallView {
        call,
        epoch: 1,
        peer: name(),
        peer_media: MediaState::default(),
        peer_connected: true,
        video_paused: VideoPaused::default(),
        media: MediaChoice::Video,
        elapsed_s: 0,
        chat: Vec::new(),
        context: Context::default(),
    }
}

/// The welcome of a shopper's page that comes back into its call.
fn back(leg_alive: bool) -> ServerMessage {
    let ServerMessage::Welcome(mut welcome) = welcome(Role::Shopper) else { unreachable!() };
    welcome.phase = PagePhase::InCall(view(CALL));
    welcome.leg_alive = leg_alive;
    ServerMessage::Welcome(welcome)
}

fn ended() -> ServerMessage {
    ServerMessage::CallEnded {
        call: CALL,
        reason: EndReason::ShopperHungUp,
        duration_s: 6,
        wrap_up_s: None,
    }
}

#[test]
fn a_call_runs_to_its_end() {
    let mut world = World::new();
    world.start();
    world.see_and_hear(Role::Shopper);
    assert!(!world.pair.holding());
    world.see_and_hear(Role::Agent);
    assert!(world.pair.holding());

    world.pass(Plan::default().hold);
    assert!(world.done.contains(&(Role::Shopper, Action::StopMedia)));
    assert!(!world.was_sent(Role::Shopper, |m| *m == ClientMessage::HangUp));
    world.pass(SETTLE);
    assert!(world.was_sent(Role::Shopper, |m| *m == ClientMessage::HangUp));
    world.say(Role::Shopper, ended());
    world.say(Role::Agent, ended());
    world.say(Role::Agent, ServerMessage::Presence { state: Presence::WrapUp });
    assert_eq!(world.pair.outcome(), None, "the agent is not released yet");
    world.say(Role::Agent, ServerMessage::Presence { state: Presence::Break });

    assert_eq!(world.pair.outcome(), Some(&Outcome::Completed));
    assert!(world.was_sent(Role::Shopper, |m| matches!(m, ClientMessage::Satisfaction { .. })));
    assert!(world.was_sent(Role::Agent, |m| matches!(m, ClientMessage::WrapUp { .. })));
    assert_eq!(world.done.last(), Some(&(Role::Agent, Action::Close)));
    for side in [Role::Shopper, Role::Agent] {
        assert!(world.was_sent(side, |m| matches!(m, ClientMessage::Stages { .. })));
        assert!(world.pair.marks(side).at(Stage::FirstFrame).is_some());
    }
}

#[test]
fn the_hello_comes_before_an_offer_that_was_ready_first() {
    let mut world = World::new();
    world.at(Role::Shopper, Input::OfferReady { sdp: "offer".into() });
    assert_eq!(world.sent(Role::Shopper).len(), 0);
    world.at(Role::Shopper, Input::SocketOpen);

    let sent = world.sent(Role::Shopper);
    assert!(matches!(sent[0], ClientMessage::Hello { .. }));
    assert!(matches!(sent[1], ClientMessage::LegOffer { .. }));
}

#[test]
fn an_agent_with_a_region_offers_its_leg_with_what_a_page_there_would_measure() {
    let (near, far) = (NodeId::from_bits(1), NodeId::from_bits(2));
    let candidate = |node, region: &str| CandidateNode {
        node,
        region: region.into(),
        addresses: Vec::new(),
        ufrag: String::new(),
        pwd: String::new(),
    };
    let mut world = World::with_agent_in(Some("here"));
    world.at(Role::Agent, Input::SocketOpen);
    world.at(Role::Agent, Input::OfferReady { sdp: "offer".into() });
    assert_eq!(world.sent(Role::Agent).len(), 1, "the hello; nodes are not known yet");

    let ServerMessage::Welcome(mut welcome) = welcome(Role::Agent) else { unreachable!() };
    welcome.candidates = vec![candidate(far, "elsewhere"), candidate(near, "here")];
    world.say(Role::Agent, ServerMessage::Welcome(welcome));

    let sent = world.sent(Role::Agent);
    let ClientMessage::LegOffer { measured, .. } = sent[1] else { panic!("{:?}", sent[1]) };
    let rtt = |node| measured.iter().find(|measured| measured.node == node).unwrap().rtt_ms;
    assert!(rtt(near) + 200.0 < rtt(far), "{measured:?}");
}

#[test]
fn no_media_is_sent_before_the_call_has_started() {
    let mut world = World::new();
    world.warm();
    world.say(Role::Shopper, ServerMessage::Queue(place()));
    world.say(Role::Agent, ring(ORDER));

    assert!(!world.done.iter().any(|(_, action)| matches!(action, Action::StartMedia { .. })));
}

#[test]
fn the_agent_is_available_only_when_the_shopper_waits() {
    let available = ClientMessage::Presence { state: WantedPresence::Available };
    let mut world = World::new();
    world.warm();
    assert!(!world.was_sent(Role::Agent, |m| *m == available));
    world.say(Role::Shopper, ServerMessage::Queue(place()));

    assert!(world.was_sent(Role::Agent, |m| *m == available));
}

#[test]
fn a_real_shoppers_ring_is_passed_on() {
    let mut world = World::new();
    world.warm();
    world.say(Role::Shopper, ServerMessage::Queue(place()));
    world.say(Role::Agent, ring("4711"));

    assert!(world.was_sent(Role::Agent, |m| matches!(m, ClientMessage::Decline { .. })));
    assert!(!world.was_sent(Role::Agent, |m| matches!(m, ClientMessage::Accept { .. })));
    world.say(Role::Agent, ring(ORDER));
    assert!(world.was_sent(Role::Agent, |m| matches!(m, ClientMessage::Accept { .. })));
}

#[test]
fn two_different_calls_are_a_failure() {
    let mut world = World::new();
    world.warm();
    world.say(Role::Shopper, ServerMessage::Queue(place()));
    world.say(Role::Agent, ring(ORDER));
    world.say(Role::Agent, started(CALL));
    world.say(Role::Shopper, started(CallId::from_bits(6)));

    assert_eq!(world.failure().step, Step::Start);
}

#[test]
fn silence_fails_in_the_step_that_waits() {
    let patience = Plan::default().patience;
    let mut world = World::new();
    world.pass(patience);
    assert_eq!(world.failure().step, Step::Socket);

    let mut world = World::new();
    world.at(Role::Shopper, Input::SocketOpen);
    world.at(Role::Agent, Input::SocketOpen);
    world.say(Role::Shopper, welcome(Role::Shopper));
    world.say(Role::Agent, welcome(Role::Agent));
    world.say(Role::Agent, answer());
    world.pass(patience);
    assert_eq!(
        (world.failure().step, world.failure().side),
        (Step::LegAnswer, Some(Role::Shopper))
    );

    let mut world = World::new();
    world.warm();
    world.say(Role::Shopper, ServerMessage::Queue(place()));
    world.pass(patience);
    assert_eq!((world.failure().step, world.failure().side), (Step::Ring, Some(Role::Agent)));

    let mut world = World::new();
    world.start();
    world.see_and_hear(Role::Shopper);
    world.pass(patience);
    assert_eq!((world.failure().step, world.failure().side), (Step::Media, Some(Role::Agent)));
}

#[test]
fn a_problem_is_told_in_its_own_words() {
    let mut world = World::new();
    world.at(Role::Shopper, Input::SocketOpen);
    let problem = Problem::new(Code::NoNode, ProblemStage::Leg);
    world.say(Role::Shopper, ServerMessage::Problem(problem));

    let told = world.failure().to_string();
    assert!(told.contains("Video is not available right now (no_node)"), "{told}");
    assert!(world.done.contains(&(Role::Agent, Action::Close)), "both pages are closed");
}

#[test]
fn a_call_that_the_server_ends_early_has_failed() {
    let mut world = World::new();
    world.start();
    world.see_and_hear(Role::Shopper);
    world.see_and_hear(Role::Agent);
    world.say(Role::Shopper, ended());

    assert_eq!(world.failure().step, Step::Hold);
}

#[test]
fn a_stopped_call_is_hung_up_first() {
    let mut world = World::new();
    world.start();
    world.see_and_hear(Role::Shopper);
    world.pair.stop(world.now);
    world.collect();

    assert!(world.was_sent(Role::Shopper, |m| *m == ClientMessage::HangUp));
    assert_eq!(world.pair.outcome(), None);
}

#[test]
fn a_call_stopped_in_the_middle_is_a_good_call() {
    let mut world = World::new();
    world.start();
    world.see_and_hear(Role::Shopper);
    world.see_and_hear(Role::Agent);
    world.pair.stop(world.now);
    world.pass(SETTLE);
    world.say(Role::Shopper, ended());
    world.say(Role::Agent, ended());
    world.say(Role::Agent, ServerMessage::Presence { state: Presence::Break });

    assert_eq!(world.pair.outcome(), Some(&Outcome::Completed));
}

#[test]
fn a_socket_lost_before_the_leg_is_warm_is_a_failure() {
    let mut world = World::new();
    world.at(Role::Agent, Input::SocketOpen);
    world.at(Role::Agent, Input::SocketClosed { reason: "reset by peer".into() });

    assert!(world.failure().to_string().contains("reset by peer"));
}

#[test]
fn a_page_that_lost_its_socket_comes_back_to_its_seat_and_says_what_it_had_to_say() {
    let mut world = World::new();
    world.start();
    world.see_and_hear(Role::Shopper);
    world.see_and_hear(Role::Agent);
    for _ in 0..3 {
        world.at(Role::Shopper, Input::SocketClosed { reason: "reset by peer".into() });
    }
    let waits = world.done.iter().filter_map(|(_, action)| match action {
        Action::OpenSocket { after } if !after.is_zero() => Some(after.as_millis()),
        _ => None,
    });
    assert_eq!(waits.collect::<Vec<_>>(), [100, 250, 500], "longer and longer");
    world.pair.stop(world.now);
    world.pass(SETTLE);
    assert!(!world.was_sent(Role::Shopper, |m| *m == ClientMessage::HangUp), "to nobody");

    world.at(Role::Shopper, Input::SocketOpen);
    let hello = world.sent(Role::Shopper).into_iter().rev().find_map(|message| match message {
        ClientMessage::Hello { auth, leg, .. } => Some((auth.clone(), *leg)),
        _ => None,
    });
    assert_eq!(hello, Some((Auth::Seat { token: "seat".into() }, Some(LEG))));
    world.say(Role::Shopper, back(true));
    assert!(world.was_sent(Role::Shopper, |m| *m == ClientMessage::HangUp), "it was kept");
    let away = SETTLE + 4 * Duration::from_millis(1);
    assert_eq!(world.pair.rejoined(Role::Shopper), [away], "from the first loss to the welcome");
}

#[test]
fn a_page_that_stays_away_fails_the_call() {
    let mut world = World::new();
    world.start();
    world.see_and_hear(Role::Shopper);
    world.see_and_hear(Role::Agent);
    world.at(Role::Agent, Input::SocketClosed { reason: "refused".into() });
    let left = world.pair.next_timeout().unwrap() - world.now;
    assert!(left <= Plan::default().patience);
    world.pass(Plan::default().patience);

    assert_eq!((world.failure().step, world.failure().side), (Step::Socket, Some(Role::Agent)));
}

#[test]
fn a_leg_that_is_to_move_is_watched_until_the_next_one_shows_a_picture() {
    let mut world = World::new();
    world.start();
    world.see_and_hear(Role::Shopper);
    world.see_and_hear(Role::Agent);
    world.say(Role::Shopper, ServerMessage::LegMove { leg: LEG });
    world.say(Role::Shopper, ServerMessage::LegMove { leg: LEG });
    let opened = |world: &World| {
        let offers =
            world.done.iter().filter(|(_, a)| matches!(a, Action::CreateOffer { attempt: 2, .. }));
        offers.count()
    };
    assert_eq!(opened(&world), 1, "said twice, done once");

    let later = |input| Input::Later { attempt: 2, input: Box::new(input) };
    world.at(Role::Shopper, later(Input::OfferReady { sdp: "second".into() }));
    let next = LegId::from_bits(8);
    let answer = ServerMessage::LegAnswer { attempt: 2, leg: next, sdp: "answer".into() };
    world.say(Role::Shopper, answer);
    world.at(Role::Shopper, later(Input::DtlsConnected));
    let start = Action::StartMedia { attempt: 2, call: CALL };
    assert!(world.done.contains(&(Role::Shopper, start)));
    assert!(!world.done.contains(&(Role::Shopper, Action::Retire { attempt: 1 })));

    world.at(Role::Shopper, later(Input::Media(News::FirstKeyFrame)));
    assert!(world.done.contains(&(Role::Shopper, Action::Retire { attempt: 1 })));
    let switched = ClientMessage::LegSwitched { leg: next, media: true };
    assert!(world.was_sent(Role::Shopper, |m| *m == switched));
    world.at(Role::Shopper, Input::LegFailed { reason: "closed".into() });
    assert_eq!(world.pair.outcome(), None, "the former leg may end as it likes");
    assert!(world.pair.holding());
}

#[test]
fn a_lost_leg_is_replaced_and_silence_is_told() {
    let mut world = World::new();
    world.start();
    world.see_and_hear(Role::Shopper);
    world.see_and_hear(Role::Agent);
    world.at(Role::Agent, Input::Silent(Duration::from_millis(750)));
    let silent = ClientMessage::LegSilent { leg: LEG, for_ms: 750 };
    assert!(world.was_sent(Role::Agent, |m| *m == silent));

    world.say(Role::Agent, ServerMessage::LegLost { leg: LEG });
    let offer = |attempt, millis| {
        let after = Duration::from_millis(millis);
        (Role::Agent, Action::CreateOffer { attempt, after })
    };
    assert!(world.done.contains(&offer(2, 0)));
    for (attempt, millis) in [(2, 250), (3, 500), (4, 1_000), (5, 1_000)] {
        let problem = Problem::new(Code::NoNode, ProblemStage::Leg);
        world.say(Role::Agent, ServerMessage::LegFailed { attempt, problem });
        assert!(world.done.contains(&offer(attempt + 1, millis)), "{attempt}");
    }
    assert_eq!(world.pair.outcome(), None);
}
