//! One side of a call as the driver has it: a socket and a leg.

use std::sync::{Arc, OnceLock};

use tokio::task::JoinHandle;

use super::{
    Events,
    call::Setup,
    detour,
    leg::{self, Leg},
    socket::Socket,
};
use crate::{
    flow::{Action, Input},
    media::Kind,
    report::{Heard, StreamReport},
};

/// A page's socket and leg.
pub(super) struct Page {
    setup: Setup,
    events: Events,
    socket: Option<Socket>,
    leg: Arc<OnceLock<Leg>>,
    opening: Option<JoinHandle<()>>,
}

impl Page {
    pub(super) fn new(setup: &Setup, events: Events) -> Self {
        let leg = Arc::new(OnceLock::new());
        Self { setup: setup.clone(), events, socket: None, leg, opening: None }
    }

    /// Does what the flow asks for. What fails is told to the flow, which decides what it means.
    pub(super) async fn act(&mut self, action: Action) {
        match action {
            Action::OpenSocket => {
                self.socket = Some(Socket::open(&self.setup.target, self.events.clone()));
            }
            Action::Send(message) => {
                if let Some(socket) = &self.socket {
                    socket.send(*message);
                }
            }
            Action::CreateOffer => self.open_leg(),
            Action::ApplyAnswer { sdp } => {
                if let Err(reason) = self.apply_answer(sdp).await {
                    self.events.tell(Input::LegFailed { reason });
                }
            }
            Action::StartMedia { call } => {
                if let Some(leg) = self.leg.get() {
                    leg.start(call);
                }
            }
            Action::StopMedia => {
                if let Some(leg) = self.leg.get() {
                    leg.stop();
                }
            }
            // Comes last, with the end of the call: the driver closes both pages at once then.
            Action::Close => {}
        }
    }

    fn open_leg(&mut self) {
        let (setup, events, slot) =
            (self.setup.clone(), self.events.clone(), Arc::clone(&self.leg));
        self.opening = Some(tokio::spawn(async move {
            let opened = async {
                let addresses = leg::addresses(&setup.target);
                let leg = Leg::open(addresses, setup.profile, setup.clock, events.clone()).await?;
                slot.get_or_init(|| leg).offer().await
            };
            events.tell(match opened.await {
                Ok(sdp) => Input::OfferReady { sdp },
                Err(error) => Input::LegFailed { reason: error.to_string() },
            });
        }));
    }

    async fn apply_answer(&self, sdp: String) -> Result<(), String> {
        let leg = self.leg.get().ok_or("an answer without an offer")?;
        let sdp = match &self.setup.detour {
            None => sdp,
            Some(detour) => detour::apply(detour.as_ref(), self.events.side(), &sdp)
                .map_err(|error| error.to_string())?,
        };
        leg.apply_answer(sdp).await.map_err(|error| format!("the answer is of no use: {error}"))
    }

    /// Closes socket and leg.
    pub(super) async fn close(&mut self) {
        if let Some(opening) = self.opening.take() {
            opening.abort();
        }
        if let Some(socket) = self.socket.take() {
            socket.close().await;
        }
        if let Some(leg) = self.leg.get() {
            leg.close().await;
        }
    }

    /// What this page heard of `other`, if there was a call.
    pub(super) fn heard(&self, other: &Self) -> Option<Heard> {
        let leg = self.leg.get()?;
        leg.verdict(|judge| {
            let stream = |kind: Kind| {
                let sent = other.leg.get().map_or(0, |leg| leg.sent(kind));
                StreamReport::new(judge.stream(kind), sent)
            };
            Heard {
                audio: stream(Kind::Audio),
                video: stream(Kind::Video),
                foreign: judge.foreign(),
                key_frames: judge.key_frames(),
                key_frames_asked: leg.key_frames_asked(),
            }
        })
    }
}
