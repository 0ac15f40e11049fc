//! Makes links and tokens.

use std::{sync::Arc, time::Duration};

use signaling_desk::Millis;
use signaling_wire::{
    claims::{
        AUDIENCE_LINK, AUDIENCE_SEAT, AUDIENCE_SESSION, AUDIENCE_SIGN_IN, AgentClaims, Context,
        LinkClaims, SeatClaims,
    },
    ids::{AgentId, LinkId},
    limits::{MAX_CONTEXT_FIELDS, MAX_TOKEN},
    text::Name,
};

use crate::tokens::{Claims, Tokens};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a link is good when nobody says otherwise.
pub const LINK_LIFETIME: Duration = DAY;
/// The longest a link may be good: keys are rotated, and an order is forgotten by then.
pub const MAX_LINK_LIFETIME: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// The shortest a link may be good.
pub const MIN_LINK_LIFETIME: Duration = Duration::from_secs(10);
/// How many calls a link allows when nobody says otherwise: a shopper who was cut off, or has one
/// more question, comes back with the link they have.
pub const LINK_USES: u32 = 10;
/// A page may come back to its seat for this long after it was there.
const SEAT_LIFETIME: Duration = DAY;
/// A sign-in link is opened soon or not at all.
pub const SIGN_IN_LIFETIME: Duration = DAY;
/// Agents sign in once a month.
pub const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The queue that shoppers enter when nobody says otherwise.
pub const DEFAULT_QUEUE: &str = "support";

/// What a new link should be.
#[derive(Debug, Clone)]
pub struct LinkOrder {
    /// Name of the queue.
    pub queue: Name,
    /// How long it is good.
    pub lifetime: Duration,
    /// How many calls it allows.
    pub max_uses: u32,
    /// Region whose node the shopper should be on, whatever is measured.
    pub region: Option<Name>,
    /// Skills the agent should have.
    pub skills: Vec<Name>,
    /// Higher is served first.
    pub priority: u8,
    /// A call made by a test tool.
    pub synthetic: bool,
    /// What the shop says about the shopper.
    pub context: Context,
}

impl Default for LinkOrder {
    fn default() -> Self {
        Self {
            queue: Name::parse(DEFAULT_QUEUE).unwrap_or_default(),
            lifetime: LINK_LIFETIME,
            max_uses: LINK_USES,
            region: None,
            skills: Vec::new(),
            priority: 0,
            synthetic: false,
            context: Context::default(),
        }
    }
}

/// A link that cannot be made as ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Good for too short or too long.
    #[error(
        "a link is good for {} seconds to {} days",
        MIN_LINK_LIFETIME.as_secs(), MAX_LINK_LIFETIME.as_secs() / DAY.as_secs()
    )]
    Lifetime,
    /// Allows no call.
    #[error("a link allows at least one call")]
    Uses,
    /// Too many extra fields.
    #[error("a context has at most {MAX_CONTEXT_FIELDS} extra fields")]
    Fields,
    /// The token would be longer than any page may send.
    #[error("the link carries too much text; shorten the context")]
    TooLong,
}

/// A new link.
#[derive(Debug, Clone)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// What the shopper opens.
    pub url: String,
    /// When it stops being good.
    pub expires_at: Millis,
}

/// Makes links and tokens.
#[derive(Debug)]
pub struct Issuer {
    tokens: Arc<Tokens>,
    base_url: String,
}

impl Issuer {
    /// Links lead to pages below `base_url`.
    #[must_use]
    pub fn new(tokens: Arc<Tokens>, base_url: String) -> Self {
        Self { tokens, base_url }
    }

    /// A shopper link.
    ///
    /// # Errors
    /// When it cannot be made as ordered.
    pub fn link(&self, order: LinkOrder, now: Millis) -> Result<Link, OrderError> {
        if !(MIN_LINK_LIFETIME..=MAX_LINK_LIFETIME).contains(&order.lifetime) {
            return Err(OrderError::Lifetime);
        }
        if order.max_uses == 0 {
            return Err(OrderError::Uses);
        }
        if order.context.extra.len() > MAX_CONTEXT_FIELDS {
            return Err(OrderError::Fields);
        }
        let expires_at = now + order.lifetime;
        let claims = LinkClaims {
            aud: AUDIENCE_LINK.to_owned(),
            jti: LinkId::random(&mut rand::rng()),
            exp: seconds(expires_at),
            iat: seconds(now),
            queue: order.queue,
            skills: order.skills,
            priority: order.priority,
            max_uses: order.max_uses,
            region: order.region,
            synthetic: order.synthetic,
            context: order.context,
        };
        let id = claims.jti;
        // The seat token holds the link's claims and more: what fits there fits here.
        let fits = self.seat(claims.clone(), now).is_some_and(|seat| seat.len() <= MAX_TOKEN);
        let token = self.sign(&claims).filter(|_| fits).ok_or(OrderError::TooLong)?;
        Ok(Link { id, url: format!("{}/join#{token}", self.base_url), expires_at })
    }

    /// A seat token for the page that came with this link.
    #[must_use]
    pub fn seat(&self, link: LinkClaims, now: Millis) -> Option<String> {
        let exp = seconds(now + SEAT_LIFETIME);
        self.sign(&SeatClaims { aud: AUDIENCE_SEAT.to_owned(), link, exp })
    }

    /// A link that signs an agent in, once.
    #[must_use]
    pub fn sign_in(&self, agent: AgentId, now: Millis) -> Option<Link> {
        let expires_at = now + SIGN_IN_LIFETIME;
        let claims = agent_claims(AUDIENCE_SIGN_IN, agent, expires_at);
        let token = self.sign(&claims)?;
        let url = format!("{}/agent#signin={token}", self.base_url);
        Some(Link { id: claims.jti, url, expires_at })
    }

    /// An agent's session.
    #[must_use]
    pub fn session(&self, agent: AgentId, now: Millis) -> Option<String> {
        self.sign(&agent_claims(AUDIENCE_SESSION, agent, now + SESSION_LIFETIME))
    }

    fn sign(&self, claims: &impl Claims) -> Option<String> {
        let signed = self.tokens.sign(claims);
        signed.inspect_err(|error| tracing::error!(%error, "a token cannot be signed")).ok()
    }
}

fn agent_claims(audience: &str, agent: AgentId, expires_at: Millis) -> AgentClaims {
    AgentClaims {
        aud: audience.to_owned(),
        sub: agent,
        jti: LinkId::random(&mut rand::rng()),
        exp: seconds(expires_at),
    }
}

fn seconds(at: Millis) -> u64 {
    at.0 / 1_000
}
