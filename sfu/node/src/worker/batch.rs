//! Outgoing datagrams, gathered into segmented sends.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use sfu_core::api::{MAX_TRANSMIT, Port};

use super::{IoStats, Peer};

/// Most bytes in one segmented send: what fits into one IPv4 packet's length field.
const MAX_BYTES: usize = 65_507;

/// Consecutive datagrams of one size to one address, which the kernel takes in a single call.
///
/// The last datagram of a run may be shorter (the tail of a video frame); it ends the run.
#[derive(Debug)]
pub(super) struct Batch {
    port: Port,
    to: SocketAddr,
    segment: usize,
    count: usize,
    ended: bool,
    /// Bytes of the run.
    len: usize,
    /// The run, and behind it room for a datagram that may belong to it.
    bytes: Box<[u8]>,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            port: Port(0),
            to: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            segment: 0,
            count: 0,
            ended: false,
            len: 0,
            bytes: vec![0; MAX_BYTES + MAX_TRANSMIT].into(),
        }
    }

    /// Where the next datagram is to be written, for [`Self::push`].
    pub(super) fn room(&mut self) -> Option<&mut [u8; MAX_TRANSMIT]> {
        self.bytes.get_mut(self.len..)?.first_chunk_mut()
    }

    /// Adds the datagram of `len` bytes that was written to [`Self::room`], after sending the run
    /// before when it does not belong to it.
    pub(super) fn push(
        &mut self,
        (port, to): (Port, SocketAddr),
        len: usize,
        peers: &[Peer],
        stats: &mut IoStats,
    ) {
        let Some(peer) = peers.get(usize::from(port.0)) else {
            stats.send_errors += 1;
            return;
        };
        if !self.takes((port, to), len, peer.socket.max_segments()) {
            let written = self.len..self.len + len;
            self.flush(peers, stats);
            self.bytes.copy_within(written, 0);
            (self.port, self.to) = (port, to);
            self.segment = len;
        }
        self.ended = len < self.segment;
        self.count += 1;
        self.len += len;
    }

    fn takes(&self, (port, to): (Port, SocketAddr), len: usize, max_segments: usize) -> bool {
        self.count > 0
            && !self.ended
            && self.count < max_segments
            && self.port == port
            && self.to == to
            && len <= self.segment
            && self.len + len <= MAX_BYTES
    }

    /// Sends what has been gathered.
    pub(super) fn flush(&mut self, peers: &[Peer], stats: &mut IoStats) {
        if self.count == 0 {
            return;
        }
        let socket = &peers[usize::from(self.port.0)].socket;
        let run = &self.bytes[..self.len];
        let outcome = socket.send(self.to, run, self.segment);
        match outcome {
            // The kernel or the driver refuses segmentation: one by one.
            Err(error) if self.count > 1 && error.kind() != io::ErrorKind::WouldBlock => {
                for datagram in run.chunks(self.segment.max(1)) {
                    let outcome = socket.send(self.to, datagram, datagram.len());
                    note(outcome, 1, datagram.len(), stats);
                }
            }
            outcome => note(outcome, self.count, run.len(), stats),
        }
        (self.count, self.len) = (0, 0);
    }
}

fn note(outcome: io::Result<()>, datagrams: usize, bytes: usize, stats: &mut IoStats) {
    stats.sends += 1;
    match outcome {
        Ok(()) => {
            stats.datagrams_sent += datagrams as u64;
            stats.bytes_sent += bytes as u64;
        }
        // Media that cannot leave now is late already: dropped, and repaired like any loss.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            stats.send_buffer_full += datagrams as u64;
        }
        Err(error) => {
            stats.send_errors += datagrams as u64;
            tracing::trace!(%error, "cannot send");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::UdpSocket, time::Duration};

    use mio::{Poll, Waker};

    use super::*;
    use crate::worker::{Socket, StatsSlot, WAKE, mailbox};

    fn peer() -> Peer {
        let socket = Socket::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let poll = Poll::new().unwrap();
        let (mailbox, _) = mailbox::pair(Waker::new(poll.registry(), WAKE).unwrap());
        Peer { socket, mailbox, stats: StatsSlot::default() }
    }

    fn receiver() -> UdpSocket {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket
    }

    fn received(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 2_000];
        let (len, from) = socket.recv_from(&mut buffer).unwrap();
        (buffer[..len].to_vec(), from)
    }

    #[test]
    fn runs_share_a_system_call_and_arrive_as_they_were() {
        let peers = [peer(), peer()];
        let (page, other) = (receiver(), receiver());
        let (mut batch, mut stats) = (Batch::new(), IoStats::default());
        // A frame with a short tail, the next frame, another page, another socket.
        let plan = [
            (0, &page, 1_200),
            (0, &page, 1_200),
            (0, &page, 300),
            (0, &page, 1_200),
            (0, &other, 1_200),
            (1, &other, 1_200),
        ];
        for (id, (port, to, size)) in (0u8..).zip(plan) {
            let to = to.local_addr().unwrap();
            batch.room().unwrap()[..size].fill(id);
            batch.push((Port(port), to), size, &peers, &mut stats);
        }
        batch.flush(&peers, &mut stats);

        for (id, (port, to, size)) in (0u8..).zip(plan) {
            let from = peers[usize::from(port)].socket.local();
            assert_eq!(received(to), (vec![id; size], from));
        }
        assert_eq!((stats.datagrams_sent, stats.bytes_sent), (6, 6_300));
        let offload = peers[0].socket.max_segments() > 1;
        assert_eq!(stats.sends, if offload { 4 } else { 6 });
    }

    #[test]
    fn unknown_port_is_counted_and_nothing_is_sent() {
        let (peers, mut batch, mut stats) = ([peer()], Batch::new(), IoStats::default());
        let to = peers[0].socket.local();
        batch.push((Port(9), to), 1, &peers, &mut stats);
        batch.flush(&peers, &mut stats);
        assert_eq!((stats.send_errors, stats.sends), (1, 0));
    }
}
