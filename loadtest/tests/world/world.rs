//! Two pages, the desk and a node, and time that is an argument.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    ops::Range,
    time::{Duration, Instant, SystemTime},
};

use loadtest::{
    flow::{Action, Credentials, Input, Outcome, Pair, Plan},
    light::{Event, Identity, Leg, Media, Origin},
    link::{Impairment, Link},
    media::{CallTag, Judge, News, Profile},
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
    ids::{AgentId, LegId, LinkId, NodeId},
    text::{ContextValue, Name},
};

const SIDES: [Role; 2] = [Role::Shopper, Role::Agent];
const SKILL: &str = "synthetic-1";
/// The desk's clock begins here.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// One page: its leg, and the network between it and the node.
pub(super) struct Page {
    leg: Option<Leg>,
    id: LegId,
    up: Link,
    down: Link,
    /// Nothing passes in this time.
    outage: Range<Duration>,
    /// Datagrams that came up and down so far, and the one of each that is lost.
    came: [u64; 2],
    pub(super) lost: [Option<u64>; 2],
    /// When it saw the other side.
    seen: Option<Duration>,
    rng: SmallRng,
}

pub(super) struct World {
    pub(super) now: Duration,
    origin: Origin,
    identity: Identity,
    pub(super) pair: Pair,
    pub(super) pages: [Page; 2],
    desk: Desk,
    core: Core,
    inputs: VecDeque<(Role, Input)>,
    pub(super) rang: Vec<String>,
}

impl Page {
    /// Whether the next datagram in one direction, 0 up and 1 down, gets through.
    fn passes(&mut self, now: Duration, direction: usize) -> bool {
        let number = self.came[direction];
        self.came[direction] += 1;
        !self.outage.contains(&now) && self.lost[direction] != Some(number)
    }
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
    pub(super) fn new(network: Impairment, outage: Range<Duration>, hold: Duration) -> Self {
        let instant = Instant::now();
        let wall = Duration::from_millis(EPOCH_MS);
        let page = |side: Role| Page {
            leg: None,
            id: LegId::from_bits(index(side) as u128 + 1),
            up: Link::new(Some(network)),
            down: Link::new(Some(network)),
            outage: outage.clone(),
            came: [0; 2],
            lost: [None; 2],
            seen: None,
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
    pub(super) fn run(&mut self) -> &Outcome {
        while self.pair.outcome().is_none() {
            self.settle();
            if self.pair.outcome().is_some() {
                break;
            }
            self.go_on();
        }
        self.pair.outcome().unwrap()
    }

    /// Lets everything happen until both have seen each other: when that is.
    pub(super) fn run_until_seen(&mut self) -> Duration {
        loop {
            self.settle();
            if let [Some(one), Some(other)] = self.pages.each_ref().map(|page| page.seen) {
                return one.max(other);
            }
            self.go_on();
        }
    }

    fn go_on(&mut self) {
        self.now = self.next().max(self.now);
        assert!(self.now < Duration::from_secs(600), "the call never ends");
        self.due();
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
            while let Some((_, mut data)) = page.up.pop(now) {
                if page.passes(now, 0) {
                    self.core.handle_datagram(instant, Port(0), address(side), &mut data);
                }
            }
            while let Some((_, mut data)) = page.down.pop(now) {
                if page.passes(now, 1)
                    && let Some(leg) = &mut page.leg
                {
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
            let Page { leg: Some(leg), up, rng, seen, .. } = &mut self.pages[index(side)] else {
                continue;
            };
            if !leg.destinations().is_empty() {
                leg.take_out().iter().for_each(|data| up.push(now, node(), data, rng));
                leg.take_out().clear();
            }
            while let Some(event) = leg.poll_event() {
                if event == Event::News(News::FirstKeyFrame) {
                    *seen = Some(now);
                }
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
    pub(super) fn judges(self) -> [Judge; 2] {
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
