//! One UDP socket for many peers: each has an address of its own, `base` + its number.
//!
//! A forwarder tells peers apart by their address. A socket for each would cost the generator a
//! system call for each packet run it receives; addresses of 127.0.0.0/8 (or of a network routed to
//! this host) cost nothing.

use std::{
    io::{self, IoSliceMut},
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket as StdSocket},
};

use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};

/// In each direction, as much as the node asks for: 4 MB.
const BUFFER_BYTES: usize = 4 << 20;
/// Largest run of datagrams that the kernel has merged.
const MAX_RUN: usize = 65_535;

/// The socket.
pub struct Socket {
    /// For registration in a poll, of who has one.
    pub inner: mio::net::UdpSocket,
    state: UdpSocketState,
}

impl Socket {
    /// Binds it, and asks for large buffers.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = StdSocket::bind(address)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        // A smaller grant shows as drops, which are reported.
        let _ = state.set_recv_buffer_size(UdpSockRef::from(&socket), BUFFER_BYTES);
        let _ = state.set_send_buffer_size(UdpSockRef::from(&socket), BUFFER_BYTES);
        Ok(Self { inner: mio::net::UdpSocket::from_std(socket), state })
    }

    /// Its port.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.inner.local_addr()?.port())
    }

    /// Sends a run of datagrams of `segment` bytes from one of our addresses.
    pub fn send(
        &self,
        source: Option<Ipv4Addr>,
        destination: SocketAddr,
        contents: &[u8],
        segment: usize,
    ) -> io::Result<()> {
        let transmit = Transmit {
            destination,
            ecn: None,
            contents,
            segment_size: (segment < contents.len()).then_some(segment),
            src_ip: source.map(IpAddr::V4),
        };
        self.state.try_send(UdpSockRef::from(&self.inner), &transmit)
    }

    /// Receives into `buffers`; how many of them were filled.
    pub fn receive(&self, buffers: &mut Buffers) -> io::Result<usize> {
        let mut chunks = buffers.memory.chunks_exact_mut(MAX_RUN);
        let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        self.state.recv(UdpSockRef::from(&self.inner), &mut slices, &mut buffers.meta)
    }
}

/// Memory for one batched receive.
pub struct Buffers {
    memory: Vec<u8>,
    meta: [RecvMeta; BATCH_SIZE],
}

impl Buffers {
    /// For as many runs as one system call takes.
    #[allow(clippy::new_without_default, reason = "two megabytes are no default")]
    pub fn new() -> Self {
        Self { memory: vec![0; BATCH_SIZE * MAX_RUN], meta: [RecvMeta::default(); BATCH_SIZE] }
    }

    /// Takes the place of buffers that are being read.
    pub fn empty() -> Self {
        Self { memory: Vec::new(), meta: [RecvMeta::default(); BATCH_SIZE] }
    }

    /// The received runs and what is known of them.
    pub fn runs(&mut self, filled: usize) -> impl Iterator<Item = (RecvMeta, &mut [u8])> {
        let chunks = self.memory.chunks_exact_mut(MAX_RUN);
        chunks.zip(self.meta).take(filled).map(|(buffer, meta)| (meta, &mut buffer[..meta.len]))
    }
}

/// The addresses of peers.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Address of peer 0.
    pub base: Ipv4Addr,
}

impl Addresses {
    /// On loopback.
    pub const LOOPBACK: Self = Self { base: Ipv4Addr::new(127, 1, 0, 1) };

    /// A peer's address.
    pub fn of(self, peer: usize) -> Ipv4Addr {
        // Tens of thousands of peers at most.
        Ipv4Addr::from_bits(self.base.to_bits() + peer as u32)
    }

    /// The peer with this address.
    pub fn peer(self, address: IpAddr) -> Option<usize> {
        let IpAddr::V4(address) = address else { return None };
        Some(address.to_bits().checked_sub(self.base.to_bits())? as usize)
    }
}
