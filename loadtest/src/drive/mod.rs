//! Sockets, the WebRTC stack and time.
//!
//! Thin by intent: what to do is decided in [`crate::flow`], what is good media in
//! [`crate::media`]. Each call is one task ([`call::run`]) that owns its [`Pair`](crate::flow::Pair)
//! and is fed through one queue by its two sockets and two legs.

pub mod api;
pub mod call;
mod clock;
pub mod detour;
mod ears;
mod leg;
mod mouth;
mod page;
pub mod pool;
pub mod scrape;
mod socket;
mod target;

pub use clock::Clock;
pub use target::{BadTarget, Target};

use signaling_wire::browser::Role;
use tokio::sync::mpsc;

use std::time::Duration;

use crate::{
    flow::Input,
    media::{Fresh, FreshPicture, Profile},
};

/// Where a socket or a leg tells its call what happened.
#[derive(Debug, Clone)]
pub struct Events {
    side: Role,
    /// Of which leg, when it is not the first.
    attempt: Option<u32>,
    queue: mpsc::UnboundedSender<(Role, Told)>,
}

/// What a call is told.
#[derive(Debug)]
pub enum Told {
    /// Something that the flow acts on.
    Flow(Input),
    /// Something that was measured.
    Leg(LegNews),
}

/// What a leg measured since it told the last time.
#[derive(Debug)]
pub enum LegNews {
    /// What arrived.
    Fresh {
        /// Until when.
        at: Duration,
        /// Of audio and of video.
        streams: [Fresh; 2],
        /// What was seen of it.
        picture: FreshPicture,
    },
    /// Media was away for so long and is back.
    Interrupted {
        /// When it came back.
        at: Duration,
        /// For how long it was away.
        silence: Duration,
    },
}

impl Events {
    /// Events of `side` into the queue of its call. The queue is not bounded: it carries a handful
    /// of events a second from a server that is already bounded by its own socket.
    pub fn new(side: Role, queue: mpsc::UnboundedSender<(Role, Told)>) -> Self {
        Self { side, attempt: None, queue }
    }

    /// Tells the call. A call that is over does not listen any more, and that is fine.
    pub fn tell(&self, input: Input) {
        self.report(Told::Flow(match self.attempt {
            None => input,
            Some(attempt) => Input::Later { attempt, input: Box::new(input) },
        }));
    }

    /// The same for a leg of this page: the one with this number.
    #[must_use]
    pub fn of_leg(&self, attempt: u32) -> Self {
        Self { attempt: (attempt > 1).then_some(attempt), ..self.clone() }
    }

    /// Tells the call what was measured.
    pub fn report(&self, told: Told) {
        let _ = self.queue.send((self.side, told));
    }

    /// Whose events these are.
    pub fn side(&self) -> Role {
        self.side
    }
}

/// Gets the WebRTC stack's first start out of the way. It sets up its crypto then, which takes long
/// enough to be mistaken for a slow deployment.
///
/// # Errors
/// What the WebRTC stack says when it cannot be set up on this machine.
pub async fn warm_up() -> webrtc::error::Result<()> {
    let events = Events::new(Role::Shopper, mpsc::unbounded_channel().0);
    let addresses = vec![std::net::SocketAddr::from(([127, 0, 0, 1], 0))];
    let leg = leg::Leg::open(addresses, Profile::default(), Clock::start(), events).await?;
    leg.offer().await?;
    leg.close().await;
    Ok(())
}
