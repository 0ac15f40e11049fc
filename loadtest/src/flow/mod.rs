//! The client's side of the protocol, without sockets and without a clock.
//!
//! A seat is what a page does: hello, leg, join or available, accept, call, wrap-up. A [`Pair`] is
//! the two seats of one call and the plan they follow. Whoever drives it feeds [`Input`]s in as
//! they happen, carries out the [`Action`]s that come out, and calls [`Pair::handle_timeout`] when
//! [`Pair::next_timeout`] has come. Time is the duration since the run began and comes in with
//! every call, so that a call of minutes is tested in no time and the same code runs in a
//! simulated world.

mod failure;
mod legs;
mod marks;
mod pair;
mod seat;

use std::time::Duration;

use signaling_wire::{
    browser::{ClientMessage, ServerMessage},
    ids::CallId,
};

pub use failure::{Failure, Step};
pub use marks::Marks;
pub use pair::{Outcome, Pair, Plan};
pub use seat::Credentials;

use crate::media::News;

/// Something happened at one seat.
#[derive(Debug)]
pub enum Input {
    /// The WebSocket is open.
    SocketOpen,
    /// The WebSocket is closed or could not be opened.
    SocketClosed {
        /// Why, for people.
        reason: String,
    },
    /// Signaling said something.
    Message(Box<ServerMessage>),
    /// The leg made its offer.
    OfferReady {
        /// The SDP.
        sdp: String,
    },
    /// The leg's ICE is connected.
    IceConnected,
    /// The leg's DTLS is connected.
    DtlsConnected,
    /// The leg is of no use any more.
    LegFailed {
        /// Why, for people.
        reason: String,
    },
    /// The judge saw something for the first time.
    Media(News),
    /// Nothing at all has come from the leg's node for so long, although it came regularly.
    Silent(Duration),
    /// One of the above, of a leg that was opened later than the first.
    Later {
        /// Which: the number that [`Action::CreateOffer`] gave it.
        attempt: u32,
        /// What happened to it.
        input: Box<Input>,
    },
}

/// Something to do at one seat.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Open the WebSocket after a while, in place of the one there was.
    OpenSocket {
        /// How long to wait before.
        after: Duration,
    },
    /// Send a message on it.
    Send(Box<ClientMessage>),
    /// Create a leg and its offer, beside those there are; answer with [`Input::OfferReady`].
    CreateOffer {
        /// The page's number for it, from 1.
        attempt: u32,
        /// How long to wait before.
        after: Duration,
    },
    /// Give a leg its answer.
    ApplyAnswer {
        /// Which.
        attempt: u32,
        /// The SDP.
        sdp: String,
    },
    /// Judge what arrives at a leg as media of this call, and send media of it.
    StartMedia {
        /// Which.
        attempt: u32,
        /// The call.
        call: CallId,
    },
    /// A leg is not watched any more, another one is. It sends until it is closed: the other side
    /// may not be as far.
    Retire {
        /// Which.
        attempt: u32,
    },
    /// Close a leg.
    CloseLeg {
        /// Which.
        attempt: u32,
    },
    /// Send no more media. What arrives is still judged.
    StopMedia,
    /// Close leg and socket.
    Close,
}
