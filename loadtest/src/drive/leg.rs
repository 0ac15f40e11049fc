//! A page's media leg: one PeerConnection of the `webrtc` crate, with Opus and VP8.

mod key_frames;
mod tracks;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use signaling_wire::{browser::Role, ids::CallId};
use tokio::{sync::Notify, task::JoinHandle};
use webrtc::{
    media_stream::{
        track_local::TrackLocal,
        track_remote::{TrackRemote, TrackRemoteEvent},
    },
    peer_connection::{
        PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceConnectionState,
        RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, Registry,
        SettingEngine, SettingEngineBuilder, register_default_interceptors,
    },
};

pub(super) use self::tracks::Voice;
use self::{key_frames::KeyFrameRequests, tracks::codecs};
use super::{Clock, Events, Target, ears::Ears, mouth::Mouth};
use crate::{
    flow::Input,
    media::{Judge, Kind, Profile},
};

/// A leg.
pub(super) struct Leg {
    connection: Arc<dyn PeerConnection>,
    gathered: Arc<Notify>,
    voice: Voice,
    ears: Arc<Ears>,
    key_frames_asked: Arc<AtomicU32>,
    clock: Clock,
    side: Role,
    profile: Profile,
    mouth: OnceLock<Mouth>,
    /// Tells every second what was heard.
    telling: OnceLock<JoinHandle<()>>,
}

/// Between ICE checks of a candidate pair.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// How often it is told what arrived.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Checks before a pair is given up: ten seconds of them.
const MAX_CHECKS: u16 = 500;

impl Leg {
    /// A leg that binds fresh ports on `addresses` and sends nothing yet.
    ///
    /// # Errors
    /// What the WebRTC stack says when it cannot be set up.
    pub(super) async fn open(
        addresses: Vec<SocketAddr>,
        profile: Profile,
        clock: Clock,
        events: Events,
    ) -> webrtc::error::Result<Self> {
        let side = events.side();
        let gathered = Arc::new(Notify::new());
        let key_frames_asked = Arc::new(AtomicU32::new(0));
        let ears = Arc::new(Ears::new(clock, events.clone()));
        let mut engine = codecs()?;
        let registry = register_default_interceptors(Registry::new(), &mut engine)?;
        let registry = KeyFrameRequests::register(registry, Arc::clone(&key_frames_asked));
        let handler = Handler { events, gathered: Arc::clone(&gathered), ears: Arc::clone(&ears) };
        let connection = PeerConnectionBuilder::new()
            .with_setting_engine(settings())
            .with_media_engine(engine)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(handler))
            .with_udp_addrs(addresses)
            .build()
            .await?;
        let connection: Arc<dyn PeerConnection> = Arc::new(connection);
        let voice = Voice::new();
        connection.add_track(voice.audio.track.clone() as Arc<dyn TrackLocal>).await?;
        connection.add_track(voice.video.track.clone() as Arc<dyn TrackLocal>).await?;
        Ok(Self {
            connection,
            gathered,
            voice,
            ears,
            key_frames_asked,
            clock,
            side,
            profile,
            mouth: OnceLock::new(),
            telling: OnceLock::new(),
        })
    }

    /// The offer, with every candidate.
    ///
    /// # Errors
    /// What the WebRTC stack says.
    pub(super) async fn offer(&self) -> webrtc::error::Result<String> {
        let gathered = self.gathered.notified();
        let offer = self.connection.create_offer(None).await?;
        self.connection.set_local_description(offer).await?;
        gathered.await;
        let described = self.connection.local_description().await;
        described
            .map(|description| description.sdp)
            .ok_or_else(|| webrtc::error::Error::Other("there is no local description".to_owned()))
    }

    /// Takes the answer to the offer.
    ///
    /// # Errors
    /// What the WebRTC stack says.
    pub(super) async fn apply_answer(&self, sdp: String) -> webrtc::error::Result<()> {
        self.connection.set_remote_description(RTCSessionDescription::answer(sdp)?).await
    }

    /// Judges what arrives as media of `call`, and sends media of it.
    pub(super) fn start(&self, call: CallId) {
        self.ears.start(call);
        self.telling.get_or_init(|| {
            let ears = Arc::clone(&self.ears);
            tokio::spawn(async move {
                loop {
                    tokio::time::sleep(TELL_EVERY).await;
                    ears.tell_fresh();
                }
            })
        });
        let asked = Arc::clone(&self.key_frames_asked);
        self.mouth.get_or_init(|| {
            Mouth::open(self.clock, self.side, call, self.profile, self.voice.clone(), asked)
        });
    }

    /// Sends no more. What arrives is still judged.
    pub(super) fn stop(&self) {
        if let Some(mouth) = self.mouth.get() {
            mouth.close();
        }
        if let Some(telling) = self.telling.get() {
            telling.abort();
        }
        self.ears.stop();
    }

    /// Packets sent so far.
    pub(super) fn sent(&self, kind: Kind) -> u32 {
        self.mouth.get().map_or(0, |mouth| mouth.sent(kind))
    }

    /// Key frames the other side has asked for.
    pub(super) fn key_frames_asked(&self) -> u32 {
        self.key_frames_asked.load(Ordering::Relaxed)
    }

    /// Reads the verdict on what arrived, if there was a call.
    pub(super) fn verdict<T>(&self, read: impl FnOnce(&Judge) -> T) -> Option<T> {
        self.ears.with_judge(read)
    }

    /// Closes the leg and its ports.
    pub(super) async fn close(&self) {
        self.stop();
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "the leg did not close cleanly");
        }
    }
}

/// The local addresses a leg binds to reach `target`: `from`, if it is said which. A machine's own deployment is reached over
/// loopback, which the stack leaves out of a wildcard.
pub(super) fn addresses(target: &Target, from: Option<Ipv4Addr>) -> Vec<SocketAddr> {
    if let Some(from) = from {
        return vec![SocketAddr::from((from, 0))];
    }
    let mut addresses = vec![SocketAddr::from(([0, 0, 0, 0], 0))];
    if target.is_local() {
        addresses.push(SocketAddr::from(([127, 0, 0, 1], 0)));
    }
    addresses
}

/// The address that this machine would send to `target` from; no packet is sent to find out.
pub(super) fn local_address(target: &Target) -> Ipv4Addr {
    if target.is_local() {
        return Ipv4Addr::LOCALHOST;
    }
    let route = || {
        let socket = std::net::UdpSocket::bind(("0.0.0.0", 0))?;
        // Any address outside: the one that the default route leaves from.
        socket.connect(("192.0.2.1", 9))?;
        socket.local_addr()
    };
    match route() {
        Ok(SocketAddr::V4(address)) => *address.ip(),
        Ok(SocketAddr::V6(_)) | Err(_) => Ipv4Addr::UNSPECIFIED,
    }
}

/// As a browser is set up: the stack's own checks begin 200 ms late, which would be measured as the
/// deployment's.
fn settings() -> SettingEngine {
    SettingEngineBuilder::new()
        .with_ice_connection_attempts(Some(CHECK_INTERVAL), Some(MAX_CHECKS))
        .build()
}

/// Hears what the stack has to say.
struct Handler {
    events: Events,
    gathered: Arc<Notify>,
    ears: Arc<Ears>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.notify_one();
        }
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        tracing::debug!(side = ?self.events.side(), %state, "ICE");
        if matches!(state, RTCIceConnectionState::Connected | RTCIceConnectionState::Completed) {
            self.events.tell(Input::IceConnected);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        tracing::debug!(side = ?self.events.side(), %state, "leg");
        match state {
            RTCPeerConnectionState::Connected => self.events.tell(Input::DtlsConnected),
            RTCPeerConnectionState::Failed => {
                self.events.tell(Input::LegFailed { reason: "ICE or DTLS failed".to_owned() });
            }
            _ => {}
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let ears = Arc::clone(&self.ears);
        // A task of its own: this is called from the stack's own loop, which must go on.
        tokio::spawn(async move {
            let kind = match track.kind().await {
                RtpCodecKind::Audio => Kind::Audio,
                _ => Kind::Video,
            };
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    ears.packet(kind, packet.payload);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
