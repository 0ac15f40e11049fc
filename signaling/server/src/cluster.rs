//! Several instances over one PostgreSQL: one of them has the desk, the others pass their pages on.
//!
//! ```text
//!   pages ──► instance A ──QUIC──► instance B: the desk ──► PostgreSQL (verbs name B's term)
//!   pages ─────────────────────────►  ▲  │
//!                                     │  ▼ Lead { term }
//!                                    nodes (each dials every instance)
//! ```
//!
//! * [`election`]: what to do, given what is known; pure
//! * `campaign`: finds it out and does it
//! * `follow`: the link to the instance that leads · `serve`: the links of those that follow
//! * `messages`: what is said on them
//!
//! Why it is safe, and what happens when something is lost: `docs/decisions/0026`.

mod campaign;
pub mod election;
mod follow;
mod messages;
mod serve;

pub(crate) use self::{
    campaign::{Campaign, Standing},
    serve::Peers,
};
pub use self::{follow::Leader, messages::Order};
