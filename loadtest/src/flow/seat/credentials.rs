//! Who a page is.

use signaling_wire::{
    browser::{Auth, Role},
    text::ContextValue,
};

/// Who a seat is, and how it proves it.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A shopper with the token of their link.
    Shopper {
        /// The token.
        token: String,
    },
    /// An agent with a session token, who takes no call but the one whose order is this.
    Agent {
        /// The token.
        session: String,
        /// The order in the context of the right call.
        order: ContextValue,
        /// The region that the agent is in, if that matters. A shopper's is in their link.
        region: Option<String>,
    },
}

impl Credentials {
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Shopper { .. } => Role::Shopper,
            Self::Agent { .. } => Role::Agent,
        }
    }

    pub(super) fn auth(&self) -> Auth {
        match self {
            Self::Shopper { token } => Auth::Link { token: token.clone() },
            Self::Agent { session, .. } => Auth::SessionToken { token: session.clone() },
        }
    }

    /// The region that the page has to tell itself.
    pub(super) fn region(&self) -> Option<&str> {
        match self {
            Self::Shopper { .. } => None,
            Self::Agent { region, .. } => region.as_deref(),
        }
    }
}
