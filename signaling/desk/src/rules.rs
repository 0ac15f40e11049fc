//! The desk's times and bounds, each with its reason.

use std::time::Duration;

/// The desk's times and bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long an agent's console rings before the offer goes to the next agent.
    pub offer: Duration,
    /// How long an agent who let a shopper pass is not offered the same shopper again.
    pub refused_for: Duration,
    /// Offers in a row that an agent lets expire before the desk puts them on a break: they are
    /// not at their desk, and every ring costs a shopper [`Rules::offer`].
    pub expiries_before_break: u32,
    /// A shopper who has waited this long is offered to agents without the extra skills.
    pub relax_skills_after: Duration,
    /// A shopper who has waited this long is offered to agents without their language.
    pub relax_language_after: Duration,
    /// Time for the agent's notes after a call.
    pub wrap_up: Duration,
    /// How long the shopper may answer the question after a call.
    pub satisfaction: Duration,
    /// How long a call waits for a page that is gone (a reload, a dead spot, a phone call on a
    /// phone). Reported outages of 84 s and less should not cost a call.
    pub call_grace: Duration,
    /// How long a shopper's place in the queue is kept while their page is gone.
    pub queue_grace: Duration,
    /// How long a seat without a call is kept while its page is gone.
    pub lobby_grace: Duration,
    /// How long an offer survives the loss of the agent's or the shopper's socket. A reload takes
    /// about two seconds.
    pub ring_grace: Duration,
    /// How long a page is gone before the other side is told. Shorter losses are not worth a word.
    pub peer_away_after: Duration,
    /// How long an agent without a socket still counts as on duty.
    pub duty_grace: Duration,
    /// Least time between two rounds of queue positions.
    pub places_every: Duration,
    /// Most shoppers waiting at once. Beyond it the queue is full.
    pub max_waiting: usize,
    /// Most seats of shoppers in memory.
    pub max_shoppers: usize,
}

impl Default for Rules {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            offer: s(20),
            refused_for: s(30),
            expiries_before_break: 2,
            relax_skills_after: s(20),
            relax_language_after: s(40),
            wrap_up: s(60),
            satisfaction: s(300),
            call_grace: s(90),
            queue_grace: s(60),
            lobby_grace: s(60),
            ring_grace: s(5),
            peer_away_after: s(2),
            duty_grace: s(5),
            places_every: Duration::from_millis(250),
            max_waiting: 2_000,
            max_shoppers: 20_000,
        }
    }
}
