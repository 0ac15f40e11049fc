//! One side of a call as the driver has it: a socket and a leg.

use std::{
    net::Ipv4Addr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use signaling_wire::browser::Role;
use tokio::task::JoinHandle;

use super::{
    Events,
    call::{Legs, Setup},
    detour::{self, Detour},
    leg::{self, Leg},
    pool::{LightLeg, Nudge, Spec, Verdict},
    socket::Socket,
};
use crate::{
    flow::{Action, Input},
    media::{Judge, Kind},
    report::{Heard, StreamReport},
};

/// A page's socket and leg.
pub(super) struct Page {
    setup: Setup,
    events: Events,
    socket: Option<Socket>,
    media: Media,
    /// Until when the caller's UDP is dropped, on legs to come as well.
    deaf_until: Duration,
}

/// A page's leg on one stack or the other.
enum Media {
    Full {
        leg: Arc<OnceLock<Leg>>,
        opening: Option<JoinHandle<()>>,
    },
    /// By the page's numbers; the last that was promoted is watched.
    Light(Vec<(u32, LightLeg)>),
}

/// What a leg measured until it was closed.
pub(super) enum Measured {
    Full(Arc<OnceLock<Leg>>),
    /// The leg that was watched last, and those before it.
    Light(Verdict, Vec<Verdict>),
}

impl Page {
    pub(super) fn new(setup: &Setup, events: Events) -> Self {
        let media = match setup.legs {
            Legs::Full { .. } => Media::Full { leg: Arc::default(), opening: None },
            Legs::Light { .. } => Media::Light(Vec::new()),
        };
        Self { setup: setup.clone(), events, socket: None, media, deaf_until: Duration::ZERO }
    }

    /// Does what the flow asks for. What fails is told to the flow, which decides what it means.
    pub(super) async fn act(&mut self, action: Action) {
        match action {
            Action::OpenSocket { after } => {
                let socket =
                    Socket::open(&self.setup.target, self.from(), after, self.events.clone());
                self.socket = Some(socket);
            }
            Action::Send(message) => {
                if let Some(socket) = &self.socket {
                    socket.send(*message);
                }
            }
            Action::CreateOffer { attempt, after } => self.open_leg(attempt, after),
            Action::ApplyAnswer { attempt, sdp } => {
                if let Err(reason) = self.apply_answer(attempt, sdp).await {
                    self.events.of_leg(attempt).tell(Input::LegFailed { reason });
                }
            }
            Action::StartMedia { attempt, call } => match &self.media {
                Media::Full { leg, .. } => {
                    if let Some(leg) = leg.get() {
                        leg.start(call);
                    }
                }
                Media::Light(_) => {
                    if let Some(leg) = self.light(attempt) {
                        leg.start(call);
                    }
                }
            },
            Action::StopMedia => match &self.media {
                Media::Full { leg, .. } => {
                    if let Some(leg) = leg.get() {
                        leg.stop();
                    }
                }
                Media::Light(legs) => legs.iter().for_each(|(_, leg)| leg.stop()),
            },
            Action::Retire { attempt } => {
                if let Some(leg) = self.light(attempt) {
                    leg.retire();
                }
            }
            Action::CloseLeg { attempt } => {
                if let Media::Light(legs) = &mut self.media {
                    legs.retain(|(number, _)| *number != attempt);
                }
            }
            // Comes last, with the end of the call: the driver closes both pages at once then.
            Action::Close => {}
        }
    }

    /// Does something to the caller. The `webrtc` stack's sockets are its own.
    pub(super) fn nudge(&mut self, nudge: Nudge) {
        if let Nudge::DropUdp(lasts) = nudge {
            self.deaf_until = self.setup.clock.now() + lasts;
        }
        if let Media::Light(legs) = &self.media {
            legs.iter().for_each(|(_, leg)| leg.nudge(nudge));
        }
    }

    fn from(&self) -> Option<Ipv4Addr> {
        let [shopper, agent] = self.setup.from;
        match self.events.side() {
            Role::Shopper => shopper,
            Role::Agent => agent,
        }
    }

    fn light(&self, attempt: u32) -> Option<&LightLeg> {
        let Media::Light(legs) = &self.media else { return None };
        legs.iter().find(|(number, _)| *number == attempt).map(|(_, leg)| leg)
    }

    fn open_leg(&mut self, attempt: u32, after: Duration) {
        let (setup, events) = (self.setup.clone(), self.events.of_leg(attempt));
        let from = self.from();
        match (&mut self.media, &self.setup.legs) {
            (Media::Full { opening: Some(_), .. }, _) => {
                let reason = "a call on the webrtc stack has one leg".to_owned();
                events.tell(Input::LegFailed { reason });
            }
            (Media::Full { leg, opening }, _) => {
                let slot = Arc::clone(leg);
                *opening = Some(tokio::spawn(async move {
                    let opened = async {
                        let addresses = leg::addresses(&setup.target, from);
                        let leg = Leg::open(addresses, setup.profile, setup.clock, events.clone())
                            .await?;
                        slot.get_or_init(|| leg).offer().await
                    };
                    events.tell(match opened.await {
                        Ok(sdp) => Input::OfferReady { sdp },
                        Err(error) => Input::LegFailed { reason: error.to_string() },
                    });
                }));
            }
            (Media::Light(legs), Legs::Light { pool, impair, seed }) => {
                let side = events.side();
                // The two sides of a call differ in everything that chance decides.
                let (impair, seed) = match side {
                    Role::Shopper => (impair[0], *seed),
                    Role::Agent => (impair[1], seed.rotate_left(32) ^ 1),
                };
                let address = from.unwrap_or_else(|| leg::local_address(&setup.target));
                let seed = seed.wrapping_add(u64::from(attempt));
                let profile = setup.profile;
                let spec = Spec { side, attempt, after, profile, impair, seed, address, from };
                let leg = pool.open(spec, events);
                let deaf = self.deaf_until.saturating_sub(setup.clock.now());
                if !deaf.is_zero() {
                    leg.nudge(Nudge::DropUdp(deaf));
                }
                legs.push((attempt, leg));
            }
            (Media::Light(_), Legs::Full { .. }) => {}
        }
    }

    async fn apply_answer(&self, attempt: u32, sdp: String) -> Result<(), String> {
        const WITHOUT: &str = "an answer without an offer";
        match &self.media {
            Media::Light(_) => {
                self.light(attempt).ok_or(WITHOUT)?.answer(sdp);
                Ok(())
            }
            Media::Full { leg, .. } => {
                let leg = leg.get().ok_or(WITHOUT)?;
                let sdp = match self.detour() {
                    None => sdp,
                    Some(detour) => detour::apply(detour, self.events.side(), &sdp)
                        .map_err(|error| error.to_string())?,
                };
                leg.apply_answer(sdp)
                    .await
                    .map_err(|error| format!("the answer is of no use: {error}"))
            }
        }
    }

    fn detour(&self) -> Option<&dyn Detour> {
        match &self.setup.legs {
            Legs::Full { detour } => detour.as_deref(),
            Legs::Light { .. } => None,
        }
    }

    /// Closes socket and leg; what the leg measured.
    pub(super) async fn close(&mut self) -> Option<Measured> {
        if let Media::Full { opening, .. } = &mut self.media
            && let Some(opening) = opening.take()
        {
            opening.abort();
        }
        if let Some(socket) = self.socket.take() {
            socket.close().await;
        }
        match &self.media {
            Media::Full { leg, .. } => {
                leg.get()?.close().await;
                Some(Measured::Full(Arc::clone(leg)))
            }
            Media::Light(legs) => {
                let mut verdicts = Vec::with_capacity(legs.len());
                for (_, leg) in legs {
                    verdicts.extend(leg.close().await);
                }
                let last = verdicts.pop()?;
                Some(Measured::Light(last, verdicts))
            }
        }
    }
}

impl Measured {
    fn sent(&self, kind: Kind) -> u32 {
        match self {
            Self::Full(leg) => leg.get().map_or(0, |leg| leg.sent(kind)),
            Self::Light(last, _) => last.sent[kind as usize],
        }
    }

    /// What this page heard of `other`, if there was a call.
    pub(super) fn heard(&self, other: Option<&Self>) -> Option<Heard> {
        let read = |judge: &Judge, key_frames_asked: u32, silent_at_end: Option<Duration>| {
            let stream = |kind: Kind| {
                let sent = other.map_or(0, |other| other.sent(kind));
                StreamReport::new(judge.stream(kind), sent)
            };
            let seen = judge.picture().total();
            Heard {
                audio: stream(Kind::Audio),
                video: stream(Kind::Video),
                foreign: judge.foreign(),
                key_frames: judge.key_frames(),
                key_frames_asked,
                freezes: seen.freezes.len(),
                frozen_s: seen.frozen.as_secs_f64(),
                watched_s: seen.watched.as_secs_f64(),
                frames: seen.frames,
                longest_silence_s: judge.longest_silence().as_secs_f64(),
                silent_at_end,
            }
        };
        match self {
            Self::Full(leg) => {
                let leg = leg.get()?;
                let asked = leg.key_frames_asked();
                leg.verdict(|judge| read(judge, asked, None))
            }
            Self::Light(last, former) => {
                let asked = last.counts.key_frames_asked;
                let mut heard = read(&last.judge, asked, last.silent_at_end);
                for verdict in former {
                    heard.add_former(&read(&verdict.judge, verdict.counts.key_frames_asked, None));
                }
                Some(heard)
            }
        }
    }
}
