//! The desk: pairs a waiting shopper with an agent and keeps their call together.
//!
//! [`Desk`] is a deterministic state machine. Time and randomness are given to it; it opens no
//! socket and awaits nothing. The shell (signaling's server) feeds it [`Input`]s and carries out
//! the [`Effect`]s it gives back:
//!
//! ```text
//!  page sockets ──Input──►  Desk  ──Effect──►  page sockets   (send, close)
//!  node events  ──Input──►        ──Effect──►  nodes          (bridge, unbridge, close leg)
//!  store answers ─Input──►        ──Effect──►  Store          (one verb at a time, in order)
//! ```
//!
//! * A **seat** is a shopper's link or an agent; sockets and legs come and go beneath it
//!   ([`Seat`]).
//! * A **call** exists from the moment a shopper joins the queue: waiting, ringing, active, ended.
//! * The **store** ([`store::Store`]) holds what must be neither lost nor doubled. Its verbs are
//!   conditional writes, so that several desks can share one later: the desk decides on what it
//!   sees, the store is the arbiter. Two verbs are waited for, because they let something new
//!   begin (`Enqueue`, `Claim`); everything else is recorded behind the call's back and repeated
//!   until it is stored. A lost store means "no new calls", never "end calls".
//!
//! Start reading at [`io`] (what goes in and out), then [`Desk::handle`], then [`matching`].

mod call;
mod desk;
mod history;
pub mod io;
pub mod matching;
mod moving;
mod network;
mod outbox;
pub mod placement;
pub mod quality;
pub mod record;
mod rules;
mod seat;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod time;
mod timeline;
mod timers;

pub use desk::{Counters, Desk};
pub use io::{Effect, Input, MoveCause, Moved, NodeHealth, Seat, SocketId};
pub use rules::Rules;
pub use time::Millis;
