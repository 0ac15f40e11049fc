//! What the signed tokens carry. Signing and checking live in the server; the algorithm is pinned
//! there and the key is chosen by `kid`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    ids::{AgentId, LinkId},
    text::{ContextValue, Name},
};

/// Audience of a shopper link.
pub const AUDIENCE_LINK: &str = "vitrine:link";
/// Audience of a seat token: lets a page come back to its seat after a reload.
pub const AUDIENCE_SEAT: &str = "vitrine:seat";
/// Audience of an agent's one-time sign-in link.
pub const AUDIENCE_SIGN_IN: &str = "vitrine:sign-in";
/// Audience of an agent's session (an HTTP-only cookie).
pub const AUDIENCE_SESSION: &str = "vitrine:session";

/// What the shop says about the shopper and the reason for the call. The agent sees it while it
/// rings, and routing uses the language.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Context {
    /// The shopper's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// Order number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<ContextValue>,
    /// Product name or SKU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<ContextValue>,
    /// BCP 47 language tag, for example `th` or `pt-BR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Name>,
    /// The page the shopper came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<ContextValue>,
    /// Anything else, shown as it is. At most [`crate::limits::MAX_CONTEXT_FIELDS`] fields.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: BTreeMap<Name, ContextValue>,
}

/// A shopper link. One link is one shopper: opening it again, on any device, is the same seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkClaims {
    /// [`AUDIENCE_LINK`].
    pub aud: String,
    /// The link's id.
    pub jti: LinkId,
    /// Expiry, seconds since 1970.
    pub exp: u64,
    /// Issue time, seconds since 1970.
    pub iat: u64,
    /// Name of the queue the shopper enters.
    pub queue: Name,
    /// Skills the agent should have, besides the language in the context.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<Name>,
    /// Higher is served first; 0 is usual.
    #[serde(default)]
    pub priority: u8,
    /// How many calls the link allows.
    pub max_uses: u32,
    /// Region whose node the shopper should be on, whatever is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Name>,
    /// A call made by a test tool: left out of reports.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub synthetic: bool,
    /// What the shop says about the shopper.
    pub context: Context,
}

/// A seat: lets a page come back after a reload or a lost socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatClaims {
    /// [`AUDIENCE_SEAT`].
    pub aud: String,
    /// The link that opened the seat.
    pub link: LinkClaims,
    /// Expiry, seconds since 1970.
    pub exp: u64,
}

/// An agent's one-time sign-in link or session, told apart by `aud`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentClaims {
    /// [`AUDIENCE_SIGN_IN`] or [`AUDIENCE_SESSION`].
    pub aud: String,
    /// The agent.
    pub sub: AgentId,
    /// Unique id of the token; a sign-in link is spent by it.
    pub jti: LinkId,
    /// Expiry, seconds since 1970.
    pub exp: u64,
}
