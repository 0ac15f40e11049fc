//! A worker's UDP socket.

use std::{
    io::{self, IoSliceMut},
    net::{SocketAddr, UdpSocket as StdSocket},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};

use super::kernel::ReceiveDrops;

/// Asked for in each direction: 4 MB hold about 30 ms of a 1 Gbit/s burst, as long as a worker may
/// be kept from its core by others. The default of some 200 kB drops packets silently.
const BUFFER_BYTES: usize = 4 << 20;

/// Linux doubles what is asked for, to account for its own bookkeeping, and reports the double
/// (socket(7)).
const ACCOUNTED: usize = if cfg!(target_os = "linux") { 2 } else { 1 };

/// Largest datagram, or run of datagrams that the kernel has merged (GRO).
const MAX_RUN: usize = 65_535;

/// A non-blocking UDP socket with segmentation offload where the kernel has it.
///
/// Shared: its worker receives on it, any worker sends through it (a leg that has moved keeps the
/// path on which its peer reached it).
#[derive(Debug)]
pub(crate) struct Socket {
    inner: mio::net::UdpSocket,
    state: UdpSocketState,
    local: SocketAddr,
    granted: Granted,
    drops: ReceiveDrops,
}

/// Socket buffers as the kernel grants them, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) receive: usize,
    pub(crate) send: usize,
}

impl Socket {
    /// Binds a socket and asks for large buffers; logs when the kernel grants less.
    pub(crate) fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = StdSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let reference = || UdpSockRef::from(&socket);
        // A refusal shows in what is granted.
        let _ = state.set_recv_buffer_size(reference(), BUFFER_BYTES);
        let _ = state.set_send_buffer_size(reference(), BUFFER_BYTES);
        let receive = state.recv_buffer_size(reference())? / ACCOUNTED;
        let send = state.send_buffer_size(reference())? / ACCOUNTED;
        let local = socket.local_addr()?;
        if receive.min(send) < BUFFER_BYTES {
            tracing::warn!(
                %local, asked = BUFFER_BYTES, receive, send,
                "the kernel grants smaller socket buffers than asked for: bursts may be dropped \
                 (Linux: raise net.core.rmem_max and net.core.wmem_max)"
            );
        }
        let granted = Granted { receive, send };
        let inner = mio::net::UdpSocket::from_std(socket);
        Ok(Self { inner, state, local, granted, drops: ReceiveDrops::default() })
    }

    /// How large its buffers are.
    pub(crate) fn granted(&self) -> Granted {
        self.granted
    }

    /// The address it is bound to.
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// What the kernel has dropped for it.
    pub(crate) fn drops(&self) -> &ReceiveDrops {
        &self.drops
    }

    /// For registration in a poll.
    pub(super) fn source(&mut self) -> &mut mio::net::UdpSocket {
        &mut self.inner
    }

    /// How many datagrams one send may carry.
    pub(super) fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Sends datagrams of `segment` bytes each (the last may be shorter) to one address.
    pub(super) fn send(&self, to: SocketAddr, contents: &[u8], segment: usize) -> io::Result<()> {
        let transmit = Transmit {
            destination: to,
            ecn: None,
            contents,
            segment_size: (segment < contents.len()).then_some(segment),
            src_ip: None,
        };
        self.state.try_send(UdpSockRef::from(&self.inner), &transmit)
    }

    /// Receives into `buffers`; how many of them were filled. Fewer than [`BATCH_SIZE`]: there was
    /// no more, and the poll tells when there is.
    pub(super) fn receive(&self, buffers: &mut ReceiveBuffers) -> io::Result<usize> {
        let mut chunks = buffers.memory.chunks_exact_mut(MAX_RUN);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        self.state.recv(UdpSockRef::from(&self.inner), &mut slices, &mut buffers.meta)
    }
}

/// What seems to have waited for longer came before a step of the wall clock.
const MOST_WAITED: Duration = Duration::from_millis(500);

/// The clock by which the kernel stamps what it receives, since the Unix epoch.
pub(super) fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// How long a datagram had waited at `wall` that `came` then, as far as that is known.
pub(super) fn waited(wall: Duration, came: Option<Duration>) -> Duration {
    let waited = came.map_or(Duration::ZERO, |came| wall.saturating_sub(came));
    if waited <= MOST_WAITED { waited } else { Duration::ZERO }
}

/// Memory for one batched receive, made once per worker.
pub(super) struct ReceiveBuffers {
    memory: Vec<u8>,
    meta: [RecvMeta; BATCH_SIZE],
}

/// Datagrams of one length from one sender, which the kernel has merged; the last may be shorter.
pub(super) struct Run<'a> {
    pub(super) from: SocketAddr,
    /// When they came to the kernel, since the Unix epoch.
    pub(super) came: Option<Duration>,
    datagram: usize,
    bytes: &'a mut [u8],
}

impl Run<'_> {
    pub(super) fn datagrams(&mut self) -> impl Iterator<Item = &mut [u8]> {
        // An empty datagram has no length, which no slice can be cut by.
        self.bytes.chunks_mut(self.datagram.max(1))
    }
}

impl ReceiveBuffers {
    pub(super) fn new() -> Self {
        Self { memory: vec![0; BATCH_SIZE * MAX_RUN], meta: [RecvMeta::default(); BATCH_SIZE] }
    }

    /// The first `filled` buffers that hold RTP or RTCP.
    pub(super) fn media(&self, filled: usize) -> impl Iterator<Item = &RecvMeta> {
        self.memory
            .chunks_exact(MAX_RUN)
            .zip(&self.meta)
            .take(filled)
            .filter_map(|(buffer, meta)| matches!(buffer.first(), Some(128..=191)).then_some(meta))
    }

    /// What is in the first `filled` buffers.
    pub(super) fn runs(&mut self, filled: usize) -> impl Iterator<Item = Run<'_>> {
        self.memory.chunks_exact_mut(MAX_RUN).zip(&self.meta).take(filled).map(|(buffer, meta)| {
            Run {
                from: meta.addr,
                came: meta.timestamp,
                datagram: meta.stride,
                bytes: &mut buffer[..meta.len],
            }
        })
    }
}
