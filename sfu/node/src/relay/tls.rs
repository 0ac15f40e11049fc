//! QUIC for media between nodes. Its defaults are made for files and hostile to datagrams
//! ([0023](../../../docs/decisions/0023-relay.md)).

use std::{sync::Arc, time::Duration};

use quinn::{AckFrequencyConfig, MtuDiscoveryConfig, TransportConfig};

use super::congestion::MediaConfig;
use crate::control::tls::{self, TlsError};

/// ALPN of the relay.
const ALPN: &[u8] = b"vitrine-relay/1";
/// The name that a node asks for. Names prove nothing here, but QUIC needs one.
pub(super) const SERVER_NAME: &str = "vitrine-relay";

/// How often a quiet link shows that it is alive: four times within [`IDLE_TIMEOUT`].
const KEEP_ALIVE: Duration = Duration::from_millis(500);
/// Silence after which a link is lost and dialed again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);
/// Round trip assumed until one is measured.
const INITIAL_RTT: Duration = Duration::from_millis(100);
/// What QUIC itself may hold back, in bytes: what 200 calls send in two milliseconds. The queue proper
/// is ours, where audio overtakes video.
pub(super) const SEND_BUFFER: usize = 64 * 1024;
/// What may wait to be read: a hundred milliseconds of 200 calls.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Ethernet less IPv6 and UDP. The search for it begins at QUIC's 1,200 bytes; what is larger than
/// the path is known to take meanwhile travels in two parts.
const MAX_MTU: u16 = 1_452;
/// A link that has found its MTU wrong (another way) looks again this soon.
const MTU_COOLDOWN: Duration = Duration::from_secs(5);
/// Packets between acknowledgements, and the longest wait for one: they are needed for the round
/// trip and for congestion control, not for repair.
const ACK_EVERY: u32 = 24;
const MAX_ACK_DELAY: Duration = Duration::from_millis(10);

pub(super) fn server_config() -> Result<quinn::ServerConfig, TlsError> {
    tls::accepting(SERVER_NAME, &[ALPN], transport())
}

pub(super) fn client_config() -> Result<quinn::ClientConfig, TlsError> {
    tls::dialing(ALPN, transport())
}

fn transport() -> Arc<TransportConfig> {
    let mut mtu = MtuDiscoveryConfig::default();
    mtu.upper_bound(MAX_MTU).black_hole_cooldown(MTU_COOLDOWN);
    let mut acks = AckFrequencyConfig::default();
    acks.ack_eliciting_threshold(ACK_EVERY.into()).max_ack_delay(Some(MAX_ACK_DELAY));
    let mut transport = TransportConfig::default();
    transport
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(Some(
            IDLE_TIMEOUT.try_into().expect("the constant is far below QUIC's limit"),
        ))
        .initial_rtt(INITIAL_RTT)
        .mtu_discovery_config(Some(mtu))
        .ack_frequency_config(Some(acks))
        .congestion_controller_factory(Arc::new(MediaConfig))
        .datagram_send_buffer_size(SEND_BUFFER)
        .datagram_receive_buffer_size(Some(RECEIVE_BUFFER))
        // One stream for the greeting; nothing else may make the other end hold state.
        .max_concurrent_bidi_streams(1u8.into())
        .max_concurrent_uni_streams(0u8.into());
    Arc::new(transport)
}
