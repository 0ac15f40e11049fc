//! People and databases for random lives: what somebody in front of a page does next, what they see
//! of what they are told, and the ways in which a store fails. For tests only.

use rand::{Rng, rngs::StdRng};
use signaling_wire::{
    browser::{
        ClientMessage, MediaChoice, Outcome, Phase, Presence, Score, ServerMessage, WantedPresence,
    },
    claims::{AUDIENCE_LINK, Context, LinkClaims},
    ids::{AgentId, CallId, LegId, LinkId, NodeId, OfferId},
    text::{ChatText, Name, Note},
};

use crate::{
    Rules, Seat,
    placement::LegPlace,
    store::{AgentProfile, Applied, StoreError},
};

/// A page as its person sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// A shopper before the queue.
    Lobby,
    /// A shopper in it.
    Queued,
    /// An agent's ring.
    Ringing(OfferId),
    /// A call.
    InCall(CallId),
    /// What is asked after it.
    After(CallId),
    /// An agent without a call.
    Idle,
}

impl Screen {
    /// What is shown first.
    pub fn first(seat: Seat) -> Self {
        match seat {
            Seat::Shopper(_) => Self::Lobby,
            Seat::Agent(_) => Self::Idle,
        }
    }

    /// What a page shows that was let in.
    pub fn of(phase: &Phase) -> Self {
        match phase {
            Phase::Lobby | Phase::Done => Self::Lobby,
            Phase::Queued(_) => Self::Queued,
            Phase::Idle { .. } => Self::Idle,
            Phase::Ringing(offer) => Self::Ringing(offer.offer),
            Phase::InCall(view) => Self::InCall(view.call),
            Phase::WrapUp { call, .. } | Phase::Satisfaction { call } => Self::After(*call),
        }
    }

    /// What the person does next.
    pub fn wish(self, seat: Seat, rng: &mut StdRng) -> ClientMessage {
        match (self, rng.random_range(0..4)) {
            (Self::Queued, 0) => ClientMessage::Leave,
            (Self::Lobby | Self::Queued, _) => ClientMessage::Join { media: MediaChoice::Video },
            (Self::Ringing(offer), 0) => ClientMessage::Decline { offer },
            (Self::Ringing(offer), _) => ClientMessage::Accept { offer },
            (Self::InCall(_), 0) => ClientMessage::HangUp,
            (Self::InCall(_), _) => {
                let text = ChatText::parse("hm").expect("short");
                ClientMessage::Chat { client_id: rng.random_range(0..50), text }
            }
            (Self::After(call), _) => match seat {
                Seat::Agent(_) => {
                    let note = Note::parse("n").expect("short");
                    ClientMessage::WrapUp { call, outcome: Outcome::Resolved, note }
                }
                Seat::Shopper(_) => {
                    let score = Score::try_from(rng.random_range(1..=5u8)).expect("1 to 5");
                    ClientMessage::Satisfaction { call, score, comment: None }
                }
            },
            (Self::Idle, 0) => ClientMessage::Presence { state: WantedPresence::Break },
            (Self::Idle, _) => ClientMessage::Presence { state: WantedPresence::Available },
        }
    }

    /// Where `message` leads the page that says it, without waiting for an answer.
    #[must_use]
    pub fn after_saying(self, message: &ClientMessage) -> Self {
        match message {
            ClientMessage::Leave | ClientMessage::Satisfaction { .. } => Self::Lobby,
            ClientMessage::WrapUp { .. } => Self::Idle,
            _ => self,
        }
    }

    /// Where `message` leads the page that hears it.
    #[must_use]
    pub fn after_hearing(self, message: &ServerMessage) -> Self {
        match message {
            ServerMessage::Queue(_) => Self::Queued,
            ServerMessage::Offer(offer) => Self::Ringing(offer.offer),
            ServerMessage::OfferEnded { .. }
            | ServerMessage::Presence { state: Presence::Available | Presence::Break } => {
                Self::Idle
            }
            ServerMessage::CallStarted(view) => Self::InCall(view.call),
            ServerMessage::CallEnded { call, .. } => match self {
                Self::InCall(_) => Self::After(*call),
                _ => Self::Lobby,
            },
            _ => self,
        }
    }

    /// What a person does who wants a call as soon as one can be had, and is soon done with it.
    pub fn brief_wish(self, seat: Seat) -> Option<ClientMessage> {
        match (self, seat) {
            (Self::Ringing(offer), _) => Some(ClientMessage::Accept { offer }),
            (Self::InCall(_), _) => Some(ClientMessage::HangUp),
            (_, Seat::Agent(_)) => {
                Some(ClientMessage::Presence { state: WantedPresence::Available })
            }
            (_, Seat::Shopper(_)) => None,
        }
    }
}

/// The leg a page has after it heard `message`.
pub fn leg_after(leg: Option<LegId>, message: &ServerMessage) -> Option<LegId> {
    match message {
        ServerMessage::LegLost { leg: lost } => leg.filter(|own| own != lost),
        _ => leg,
    }
}

/// How a store behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Prompt,
    /// Answers only when the walk says so.
    Slow,
    /// Cannot be reached.
    Away,
    /// Does what it is asked, but the answer is lost.
    Mute,
}

impl Mood {
    /// A mood; often a good one.
    pub fn any(rng: &mut StdRng) -> Self {
        use Mood::{Away, Mute, Prompt, Slow};
        [Prompt, Prompt, Prompt, Slow, Away, Mute][rng.random_range(0..6)]
    }

    /// The answer to a verb that `apply` carries out.
    ///
    /// # Errors
    /// Those of `apply`, and [`StoreError::Unavailable`] when the mood is not a good one.
    pub fn answer(
        self,
        apply: impl FnOnce() -> Result<Applied, StoreError>,
    ) -> Result<Applied, StoreError> {
        let away = || Err(StoreError::Unavailable("away".to_owned()));
        match self {
            Self::Away | Self::Slow => away(),
            Self::Prompt => apply(),
            Self::Mute => {
                // What it says is lost, whatever it is.
                drop(apply());
                away()
            }
        }
    }
}

/// Rules under which nobody is turned away.
pub fn rules() -> Rules {
    Rules { max_waiting: 100, ..Rules::default() }
}

/// A name.
///
/// # Panics
/// When it is none.
pub fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

/// An agent who can serve everybody.
pub fn agent(id: AgentId) -> AgentProfile {
    AgentProfile { id, name: name("A"), languages: vec![], skills: vec![] }
}

/// A link that anybody can serve.
pub fn link(jti: LinkId) -> LinkClaims {
    LinkClaims {
        aud: AUDIENCE_LINK.to_owned(),
        jti,
        exp: 4_000_000_000,
        iat: 1_700_000_000,
        queue: name("support"),
        skills: Vec::new(),
        priority: 0,
        max_uses: 1_000,
        region: None,
        synthetic: false,
        context: Context::default(),
    }
}

/// The only node there is.
pub fn place() -> LegPlace {
    let region = "test".to_owned();
    LegPlace { node: NodeId::from_bits(1), region, why: "the only node".to_owned() }
}
