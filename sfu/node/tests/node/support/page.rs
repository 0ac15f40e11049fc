//! A page's leg, played by the `webrtc` crate: Opus only, real sockets on loopback.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use prometheus::proto::Metric;
use rtc::{
    media_stream::MediaStreamTrack,
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
        RtpCodecKind,
    },
};
use sfu_node::Node;
use signaling_wire::{
    control::{LegState, NodeMessage, SignalingMessage},
    ids::LegId,
};
use tokio::{sync::Notify, task::JoinHandle, time::interval};
use webrtc::{
    media_stream::{
        track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
        track_remote::{TrackRemote, TrackRemoteEvent},
    },
    peer_connection::{
        MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
        RTCIceGatheringState, RTCSessionDescription, Registry, register_default_interceptors,
    },
};

use super::{TestLink, soon, tunnel};

const OPUS: u8 = 111;
/// The same in every page: an SSRC names a stream within its leg only.
const SSRC: u32 = 7;

/// Every so many packets one is as long as a packet of video.
const LONG_EVERY: u16 = 4;
const LONG: usize = 1_200;

/// A page with a warm leg, sending a packet of Opus every 20 ms.
pub(crate) struct Page {
    pub(crate) leg: LegId,
    /// The UDP candidates in the answer.
    pub(crate) candidates: Vec<SocketAddr>,
    connection: Arc<dyn PeerConnection>,
    heard: Arc<AtomicU64>,
    sending: JoinHandle<()>,
}

impl Page {
    /// Opens a leg over `link` and waits until it is warm.
    pub(crate) async fn open(link: &mut TestLink, leg: LegId) -> Self {
        Self::open_over(link, leg, "udp").await
    }

    /// The same where no UDP gets through.
    pub(crate) async fn open_over_tcp(link: &mut TestLink, leg: LegId) -> Self {
        Self::open_over(link, leg, "tcp").await
    }

    async fn open_over(link: &mut TestLink, leg: LegId, transport: &str) -> Self {
        let (connection, track, gathered, heard) = connection().await;
        let whole = gathered.notified();
        let offer = connection.create_offer(None).await.unwrap();
        connection.set_local_description(offer).await.unwrap();
        soon("candidates are gathered", whole).await;
        let sdp = connection.local_description().await.unwrap().sdp;

        link.say(&SignalingMessage::OpenLeg { request: 1, leg, sdp }).await;
        let answer = link
            .expect("an answer", |message| match message {
                NodeMessage::LegAnswer { request: 1, leg: of, sdp } if of == leg => Some(sdp),
                NodeMessage::LegRejected { reason, .. } => panic!("rejected: {reason:?}"),
                _ => None,
            })
            .await;
        let candidates = candidates(&answer, "udp");
        let answer = match transport {
            "tcp" => behind_tunnel(&answer).await,
            _ => answer,
        };
        let answer = RTCSessionDescription::answer(answer).unwrap();
        connection.set_remote_description(answer).await.unwrap();
        link.expect("a warm leg", |message| match message {
            NodeMessage::LegState { leg: of, state: LegState::Warm { .. } } => {
                (of == leg).then_some(())
            }
            _ => None,
        })
        .await;
        let sending = tokio::spawn(send(track));
        Self { leg, candidates, connection, heard, sending }
    }

    /// Waits until `more` packets of the other side have arrived from now on.
    pub(crate) async fn hears(&self, more: u64) {
        let enough = self.heard.load(Ordering::Relaxed) + more;
        soon("media arrives", async {
            while self.heard.load(Ordering::Relaxed) < enough {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    pub(crate) fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    pub(crate) async fn close(self) {
        self.sending.abort();
        let _ = self.connection.close().await;
    }
}

/// A counter of the node, over all its labels but one.
pub(crate) fn counter(node: &Node, name: &str, label: &str) -> f64 {
    metric(node, name, label).get_counter().get_value()
}

/// A gauge of the node, by its label if it has one.
pub(crate) fn gauge(node: &Node, name: &str, label: &str) -> f64 {
    metric(node, name, label).get_gauge().get_value()
}

fn metric(node: &Node, name: &str, label: &str) -> Metric {
    let families = node.monitor().metrics();
    let family = families.iter().find(|family| family.name() == name).unwrap();
    let has_label = |metric: &&Metric| {
        label.is_empty() || metric.get_label().iter().any(|pair| pair.value() == label)
    };
    family.get_metric().iter().find(has_label).unwrap().clone()
}

/// The answer with the way into a tunnel in place of the node's candidates.
async fn behind_tunnel(answer: &str) -> String {
    let tunnel = tunnel::open(candidates(answer, "tcp")[0]).await;
    let candidate = format!("a=candidate:1 1 udp 1 127.0.0.1 {} typ host", tunnel.port());
    let lines = answer.lines().filter(|line| !line.starts_with("a=candidate:"));
    let lines = lines.flat_map(|line| match line {
        "a=end-of-candidates" => vec![candidate.as_str(), line],
        _ => vec![line],
    });
    lines.map(|line| format!("{line}\r\n")).collect()
}

fn candidates(sdp: &str, transport: &str) -> Vec<SocketAddr> {
    let mut found: Vec<SocketAddr> = sdp
        .lines()
        .filter_map(|line| line.strip_prefix("a=candidate:"))
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|fields| fields[2] == transport)
        .map(|fields| SocketAddr::new(fields[4].parse().unwrap(), fields[5].parse().unwrap()))
        .collect();
    found.dedup();
    found
}

async fn send(track: Arc<TrackLocalStaticRTP>) {
    let mut clock = interval(Duration::from_millis(20));
    for sequence_number in 0.. {
        clock.tick().await;
        let header = rtp::header::Header {
            version: 2,
            payload_type: OPUS,
            sequence_number,
            timestamp: u32::from(sequence_number) * 960,
            ssrc: SSRC,
            ..Default::default()
        };
        let payload = match sequence_number % LONG_EVERY {
            0 => Bytes::from_static(&[7; LONG]),
            _ => Bytes::from_static(b"not really Opus, but as long as a packet of it"),
        };
        track.write_rtp(rtp::Packet { header, payload }).await.unwrap();
    }
}

async fn connection()
-> (Arc<dyn PeerConnection>, Arc<TrackLocalStaticRTP>, Arc<Notify>, Arc<AtomicU64>) {
    let codec = RTCRtpCodec {
        mime_type: "audio/opus".to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: Vec::new(),
    };
    let mut engine = MediaEngine::default();
    let opus = RTCRtpCodecParameters { rtp_codec: codec.clone(), payload_type: OPUS };
    engine.register_codec(opus, RtpCodecKind::Audio).unwrap();
    let registry = register_default_interceptors(Registry::new(), &mut engine).unwrap();
    let (gathered, heard) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
    let handler = Handler { gathered: Arc::clone(&gathered), heard: Arc::clone(&heard) };
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(engine)
        .with_interceptor_registry(registry)
        .with_handler(Arc::new(handler))
        .with_udp_addrs(vec![SocketAddr::from(([127, 0, 0, 1], 0))])
        .build()
        .await
        .unwrap();
    let coding = RTCRtpCodingParameters { ssrc: Some(SSRC), ..Default::default() };
    let encoding =
        RTCRtpEncodingParameters { rtp_coding_parameters: coding, codec, ..Default::default() };
    let name = || "audio".to_owned();
    let track = MediaStreamTrack::new(
        "page".to_owned(),
        name(),
        name(),
        RtpCodecKind::Audio,
        vec![encoding],
    );
    let track = Arc::new(TrackLocalStaticRTP::new(track));
    let connection: Arc<dyn PeerConnection> = Arc::new(connection);
    connection.add_track(Arc::clone(&track) as Arc<dyn TrackLocal>).await.unwrap();
    (connection, track, gathered, heard)
}

struct Handler {
    gathered: Arc<Notify>,
    heard: Arc<AtomicU64>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.notify_one();
        }
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let heard = Arc::clone(&self.heard);
        // A task of its own: this is called from the stack's own loop, which must go on.
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(_) = event {
                    heard.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
}
