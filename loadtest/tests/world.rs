//! The synthetic caller in virtual time: the same flow, legs and networks that run on real sockets,
//! against the real desk and the real media core. A minute of call takes a moment, and what the
//! judge says can be held against what the network was told to do.

#![allow(clippy::unwrap_used, reason = "a test world that cannot be set up is a failed test")]

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant, SystemTime},
};

use loadtest::{
    flow::{Action, Credentials, Input, Outcome, Pair, Plan},
    light::{Event, Identity, Leg, Media, Origin},
    link::{Impairment, Link},
    media::{CallTag, Judge, Kind, Profile},
};
use rand::{SeedableRng, rngs::SmallRng, rngs::StdRng};
use sfu_core::{
    Certificate, Core,
    api::{self, Command, Config, Epoch, Event as NodeEvent, Port},
};
use signaling_desk::{
    Desk, Effect, Input as DeskInput, Millis, Rules, SocketId,
    placement::LegPlace,
    store::{AgentProfile, Applied},
};
use signaling_wire::{
    PROTOCOL,
    browser::{Auth, ClientMessage, MediaPolicy, Phase, Role, ServerMessage, Welcome},
    claims::{AUDIENCE_LINK, Context, LinkClaims},
    ids::{AgentId, CallId, LegId, LinkId, NodeId},
    text::{ContextValue, Name},
};

const SIDES: [Role; 2] = [Role::Shopper, Role::Agent];
const SKILL: &str = "synthetic-1";
/// The desk's clock begins here.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// One page: its leg, and the network between it and the node.
struct Page {
    leg: Option<Leg>,
    id: LegId,
    up: Link,
    down: Link,
    /// Nothing passes in this time.
    outage: std::ops::Range<Duration>,
    rng: SmallRng,
}

struct World {
    now: Duration,
    origin: Origin,
    identity: Identity,
    pair: Pair,
    pages: [Page; 2],
    desk: Desk,
    core: Core,
    inputs: VecDeque<(Role, Input)>,
    rang: Vec<String>,
}

fn index(side: Role) -> usize {
    match side {
        Role::Shopper => 0,
        Role::Agent => 1,
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn node() -> SocketAddr {
    "192.0.2.1:5000".parse().unwrap()
}

fn address(side: Role) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, index(side) as u8 + 1], 7_000))
}

impl World {
    fn new(network: Impairment, outage: std::ops::Range<Duration>, hold: Duration) -> Self {
        let instant = Instant::now();
        let wall = Duration::from_millis(EPOCH_MS);
        let page = |side: Role| Page {
            leg: None,
            id: LegId::from_bits(index(side) as u128 + 1),
            up: Link::new(Some(network)),
            down: Link::new(Some(network)),
            outage: outage.clone(),
            rng: SmallRng::seed_from_u64(index(side) as u64),
        };
        let order = ContextValue::parse(SKILL).unwrap();
        let shopper = Credentials::Shopper { token: "link".into() };
        let agent = Credentials::Agent { session: "session".into(), order, region: None };
        let config = Config {
            port: Port(0),
            candidates: vec![node()],
            tcp_candidates: Vec::new(),
            max_legs: 4,
            seed: [7; 32],
            certificate: Certificate::generate(),
            measuring: None,
        };
        let plan = Plan { hold, ..Plan::default() };
        Self {
            now: Duration::ZERO,
            origin: Origin { instant, wall },
            identity: Identity::new().unwrap(),
            pair: Pair::new(plan, shopper, agent, Duration::ZERO),
            pages: SIDES.map(page),
            desk: Desk::new(Rules::default(), StdRng::seed_from_u64(1)),
            core: Core::new(config, instant, SystemTime::UNIX_EPOCH + wall),
            inputs: VecDeque::new(),
            rang: Vec::new(),
        }
    }

    fn instant(&self) -> Instant {
        self.origin.instant + self.now
    }

    fn millis(&self) -> Millis {
        Millis(EPOCH_MS + self.now.as_millis() as u64)
    }

    /// Lets everything happen until the call is over.
    fn run(&mut self) -> &Outcome {
        while self.pair.outcome().is_none() {
            self.settle();
            if self.pair.outcome().is_some() {
                break;
            }
            self.now = self.next().max(self.now);
            assert!(self.now < Duration::from_secs(600), "the call never ends");
            self.due();
        }
        self.pair.outcome().unwrap()
    }

    fn next(&self) -> Duration {
        let core = self.core.next_timeout().map(|at| at.duration_since(self.origin.instant));
        let desk = self.desk.next_timeout().map(|at| Duration::from_millis(at.0 - EPOCH_MS));
        let pages = self.pages.iter().flat_map(|page| {
            let leg = page.leg.as_ref().map_or(Duration::MAX, Leg::next_timeout);
            [leg, page.up.next_timeout(), page.down.next_timeout()]
        });
        let others = [self.pair.next_timeout(), core, desk].into_iter().flatten();
        pages.chain(others).min().unwrap()
    }

    fn due(&mut self) {
        let (now, instant) = (self.now, self.instant());
        for side in SIDES {
            let page = &mut self.pages[index(side)];
            let passes = !page.outage.contains(&now);
            while let Some((_, mut data)) = page.up.pop(now) {
                if passes {
                    self.core.handle_datagram(instant, Port(0), address(side), &mut data);
                }
            }
            while let Some((_, mut data)) = page.down.pop(now) {
                if let (Some(leg), true) = (&mut page.leg, passes) {
                    leg.handle_datagram(now, node(), &mut data);
                }
            }
            if let Some(leg) = page.leg.as_mut().filter(|leg| leg.next_timeout() <= now) {
                leg.handle_timeout(now);
            }
        }
        if self.core.next_timeout().is_some_and(|at| at <= instant) {
            self.core.handle_timeout(instant);
        }
        if self.desk.next_timeout().is_some_and(|at| at <= self.millis()) {
            self.desk.handle_timeout(self.millis());
        }
        if self.pair.next_timeout().is_some_and(|at| at <= now) {
            self.pair.handle_timeout(now);
        }
    }

    /// Carries everything that is ready to where it belongs, until nothing is.
    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            while let Some((side, input)) = self.inputs.pop_front() {
                self.pair.handle(self.now, side, input);
                quiet = false;
            }
            for (side, action) in self.pair.take_actions() {
                self.act(side, action);
                quiet = false;
            }
            while let Some(effect) = self.desk.poll_effect() {
                self.carry_out(effect);
                quiet = false;
            }
            while let Some(event) = self.core.poll_event() {
                self.node_said(event);
                quiet = false;
            }
            self.send_datagrams();
            if quiet {
                return;
            }
        }
    }

    fn send_datagrams(&mut self) {
        let now = self.now;
        while let Some(transmit) = self.core.poll_transmit() {
            let side = SIDES.into_iter().find(|side| address(*side) == transmit.path.remote);
            let page = &mut self.pages[index(side.unwrap())];
            page.down.push(now, node(), transmit.data, &mut page.rng);
        }
        for side in SIDES {
            let Page { leg: Some(leg), up, rng, .. } = &mut self.pages[index(side)] else {
                continue;
            };
            if !leg.destinations().is_empty() {
                leg.take_out().iter().for_each(|data| up.push(now, node(), data, rng));
                leg.take_out().clear();
            }
            while let Some(event) = leg.poll_event() {
                let input = match event {
                    Event::IceConnected => Input::IceConnected,
                    Event::DtlsConnected => Input::DtlsConnected,
                    Event::News(news) => Input::Media(news),
                    Event::Silent(silence) => Input::Silent(silence),
                    Event::Interrupted(_) => continue,
                };
                self.inputs.push_back((side, input));
            }
        }
    }

    /// What the driver does with real sockets.
    fn act(&mut self, side: Role, action: Action) {
        let now = self.now;
        let page = &mut self.pages[index(side)];
        match action {
            Action::OpenSocket { .. } => self.inputs.push_back((side, Input::SocketOpen)),
            Action::Send(message) => self.said(side, *message),
            Action::CreateOffer { attempt, .. } => {
                assert_eq!(attempt, 1, "nobody moves in this world");
                let leg = Leg::new(&self.identity, side, self.origin, index(side) as u64 + 1);
                let sdp = leg.offer(&self.identity, address(side));
                page.leg = Some(leg);
                self.inputs.push_back((side, Input::OfferReady { sdp }));
            }
            Action::ApplyAnswer { sdp, .. } => {
                page.leg.as_mut().unwrap().handle_answer(now, &sdp).unwrap();
            }
            Action::StartMedia { call, .. } => {
                let media =
                    Media { call: CallTag::from(call), profile: Profile::default(), leg: 0 };
                page.leg.as_mut().unwrap().start(now, media, index(side) as u64);
            }
            Action::StopMedia => {
                if let Some(leg) = &mut page.leg {
                    leg.stop(now);
                }
            }
            Action::Retire { .. } | Action::CloseLeg { .. } | Action::Close => {}
        }
    }

    /// What the server does with a page's words.
    fn said(&mut self, side: Role, message: ClientMessage) {
        let socket = SocketId(index(side) as u64);
        let leg = self.pages[index(side)].id;
        match message {
            ClientMessage::Hello { auth: Auth::Link { .. }, leg, .. } => {
                let link = Box::new(link());
                self.tell_desk(DeskInput::ShopperConnected { socket, link, leg });
            }
            ClientMessage::Hello { leg, .. } => {
                let agent = AgentProfile {
                    id: AgentId::from_bits(1),
                    name: name("Synthetic agent"),
                    languages: Vec::new(),
                    skills: vec![name(SKILL)],
                };
                self.tell_desk(DeskInput::AgentConnected { socket, agent, leg });
            }
            ClientMessage::LegOffer { sdp, .. } => {
                let open = Command::OpenLeg { leg: api::LegId(leg.bits()), offer: sdp };
                self.core.handle_command(self.instant(), open);
                self.tell_desk(DeskInput::LegOpened { socket, leg, place: place() });
            }
            message => self.tell_desk(DeskInput::Page { socket, message }),
        }
    }

    fn tell_desk(&mut self, input: DeskInput) {
        self.desk.handle(self.millis(), input);
    }

    fn hear(&mut self, side: Role, message: ServerMessage) {
        if let ServerMessage::Offer(offer) = &message {
            self.rang.push(offer.why.clone());
        }
        self.inputs.push_back((side, Input::Message(Box::new(message))));
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Admit { socket, phase, leg_alive, .. } => {
                let side = SIDES[socket.0 as usize];
                self.hear(side, welcome(side, phase, leg_alive));
            }
            Effect::Send { socket, message } => self.hear(SIDES[socket.0 as usize], message),
            Effect::Bridge { call, epoch, legs } => {
                let bridge = Command::Bridge {
                    call: api::CallId(call.bits()),
                    epoch: Epoch(epoch),
                    legs: legs.map(|leg| api::LegId(leg.bits())),
                };
                self.core.handle_command(self.instant(), bridge);
            }
            Effect::Unbridge { call, epoch, .. } => {
                let call = api::CallId(call.bits());
                let unbridge = Command::Unbridge { call, epoch: Epoch(epoch) };
                self.core.handle_command(self.instant(), unbridge);
            }
            Effect::Store { ticket, .. } => {
                self.tell_desk(DeskInput::Stored { ticket, result: Ok(Applied::Done) });
            }
            Effect::Close { .. }
            | Effect::CloseLeg { .. }
            | Effect::Evade { .. }
            | Effect::Moved { .. } => {}
        }
    }

    fn node_said(&mut self, event: NodeEvent) {
        match event {
            NodeEvent::Answer { leg, sdp } => {
                let leg = LegId::from_bits(leg.0);
                let side = SIDES.into_iter().find(|side| self.pages[index(*side)].id == leg);
                self.hear(side.unwrap(), ServerMessage::LegAnswer { attempt: 1, leg, sdp });
            }
            NodeEvent::Warm { leg, .. } => {
                self.tell_desk(DeskInput::LegWarm { leg: LegId::from_bits(leg.0) });
            }
            _ => {}
        }
    }

    /// The judges, once the call is over.
    fn judges(self) -> [Judge; 2] {
        self.pages.map(|page| {
            let mut leg = page.leg.unwrap();
            leg.take_fresh(self.now).unwrap();
            *leg.into_judge().unwrap()
        })
    }
}

fn link() -> LinkClaims {
    let order = ContextValue::parse(SKILL).unwrap();
    LinkClaims {
        aud: AUDIENCE_LINK.to_owned(),
        jti: LinkId::from_bits(1),
        exp: u64::MAX,
        iat: EPOCH_MS / 1_000,
        queue: name("synthetic"),
        skills: vec![name(SKILL)],
        priority: 255,
        max_uses: 1,
        region: None,
        synthetic: true,
        context: Context { order: Some(order), ..Context::default() },
    }
}

fn place() -> LegPlace {
    LegPlace { node: NodeId::from_bits(1), region: "world".to_owned(), why: "the only one".into() }
}

fn welcome(role: Role, phase: Phase, leg_alive: bool) -> ServerMessage {
    ServerMessage::Welcome(Box::new(Welcome {
        protocol: PROTOCOL,
        role,
        name: name("Somebody"),
        shop: name("Shop"),
        host: name("Team"),
        seat: (role == Role::Shopper).then(|| "seat".to_owned()),
        second: None,
        media_policy: MediaPolicy::Private,
        leg_alive,
        phase,
        context: Context::default(),
        language: None,
        ice_servers: Vec::new(),
        candidates: Vec::new(),
    }))
}

const CLEAR: Impairment = Impairment {
    loss: 0.0,
    burst: 1.0,
    delay: Duration::from_millis(20),
    jitter: Duration::ZERO,
    rate_kbps: None,
    queue: Duration::from_secs(1),
};
const NEVER: std::ops::Range<Duration> = Duration::ZERO..Duration::ZERO;

#[test]
fn a_whole_call_goes_through_desk_and_node_in_virtual_time() {
    let mut world = World::new(CLEAR, NEVER, Duration::from_secs(60));
    assert_eq!(world.run(), &Outcome::Completed);
    assert!(world.now > Duration::from_secs(60), "{:?}", world.now);
    assert_eq!(world.rang.len(), 1, "{:?}", world.rang);
    let call = world.pair.call().unwrap();
    assert_ne!(call, CallId::from_bits(0));
    for judge in world.judges() {
        assert_eq!(judge.foreign().total(), 0);
        for kind in Kind::ALL {
            let latency = judge.stream(kind).latency();
            // Twice 20 ms; the node paces video, which delays a few packets of a key frame.
            assert!((40_000..41_000).contains(&latency.value_at_quantile(0.5)), "{kind:?}");
        }
        assert!(judge.stream(Kind::Audio).received() > 60 * 50);
        assert!(judge.picture().total().frames > 60 * 24);
        assert!(judge.picture().total().freezes.is_empty());
    }
}

#[test]
fn what_the_network_loses_is_what_the_judge_says() {
    let lossy = Impairment { loss: 0.02, ..CLEAR };
    let mut world = World::new(lossy, NEVER, Duration::from_secs(120));
    assert_eq!(world.run(), &Outcome::Completed);
    for judge in world.judges() {
        let audio = judge.stream(Kind::Audio);
        let sent = 120.0 * 50.0;
        let lost = 1.0 - f64::from(audio.received()) / sent;
        // 2 % twice; what is asked for again comes for video, and not for sound.
        assert!((0.025..0.055).contains(&lost), "{lost}");
        let (video, total) = (judge.stream(Kind::Video), judge.picture().total());
        assert!(video.reordered() > 100, "repaired: {}", video.reordered());
        assert!(total.frozen < Duration::from_secs(2), "{total:?}");
    }
}

#[test]
fn an_outage_of_the_network_is_a_silence_and_a_freeze_of_its_length() {
    let outage = Duration::from_secs(20)..Duration::from_secs(21);
    let mut world = World::new(CLEAR, outage, Duration::from_secs(40));
    assert_eq!(world.run(), &Outcome::Completed);
    for judge in world.judges() {
        let silence = judge.longest_silence();
        assert!((1_000..1_050).contains(&silence.as_millis()), "{silence:?}");
        let freezes = &judge.picture().total().freezes;
        assert_eq!(freezes.len(), 1, "{freezes:?}");
        assert!((1_000..1_300).contains(&freezes[0].as_millis()), "{freezes:?}");
    }
}
