//! The client's side of the protocol, without sockets and without a clock.
//!
//! A seat is what a page does: hello, leg, join or available, accept, call, wrap-up. A [`Pair`] is
//! the two seats of one call and the plan they follow. Whoever drives it feeds [`Input`]s in as
//! they happen, carries out the [`Action`]s that come out, and calls [`Pair::handle_timeout`] when
//! [`Pair::next_timeout`] has come. Time is the duration since the run began and comes in with
//! every call, so that a call of minutes is tested in no time and the same code runs in a
//! simulated world.

mod failure;
mod marks;
mod pair;
mod seat;

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
}

/// Something to do at one seat.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Open the WebSocket.
    OpenSocket,
    /// Send a message on it.
    Send(Box<ClientMessage>),
    /// Create the leg and its offer; answer with [`Input::OfferReady`].
    CreateOffer,
    /// Give the leg its answer.
    ApplyAnswer {
        /// The SDP.
        sdp: String,
    },
    /// Judge what arrives as media of this call, and send media of it.
    StartMedia {
        /// The call.
        call: CallId,
    },
    /// Send no more media. What arrives is still judged.
    StopMedia,
    /// Close leg and socket.
    Close,
}
