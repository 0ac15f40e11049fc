//! One connection.

use std::{
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    ops::ControlFlow,
};

use mio::{Interest, Registry, Token, net::TcpStream};
use sfu_core::{
    api::ConnectionId,
    tcp::{Deframer, HEADER_LEN, MAX_FRAME, header},
};

use super::gate::Permit;

/// The kernel takes more as long as less than this has not been sent yet: 64 ms at 1 Mbit/s. What
/// waits there cannot be dropped any more, and audio waits behind it.
const UNSENT: u32 = 8 * 1_024;

/// Written at once when so much is gathered.
const WRITE_AT: usize = 16 * 1_024;

/// Datagrams gathered at most. Media is held back as soon as the kernel takes no more, so beyond
/// [`WRITE_AT`] there are only answers to the page's checks.
const MAX_OUT: usize = 32 * 1_024;

const _: () = assert!(WRITE_AT + HEADER_LEN + MAX_FRAME <= MAX_OUT);

/// A connection that belongs, or is about to belong, to a leg.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(in crate::worker) id: ConnectionId,
    pub(in crate::worker) remote: SocketAddr,
    stream: TcpStream,
    deframer: Deframer,
    /// Read before, and not taken yet.
    unread: Vec<u8>,
    /// Framed, and not written yet.
    out: Vec<u8>,
    /// The kernel takes no more, and the core knows.
    blocked: bool,
    /// Workers that it has been handed to.
    pub(in crate::worker) hops: usize,
    _permit: Permit,
}

/// What a write has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::worker) enum Written {
    /// Everything is with the kernel.
    All,
    /// The kernel takes no more for now.
    Part,
}

impl Connection {
    pub(super) fn new(
        id: ConnectionId,
        remote: SocketAddr,
        stream: TcpStream,
        unread: Vec<u8>,
        permit: Permit,
    ) -> Self {
        let (deframer, out) = (Deframer::default(), Vec::new());
        Self { id, remote, stream, deframer, unread, out, blocked: false, hops: 0, _permit: permit }
    }

    /// Lets a poll tell of it from now on, and of what is there already.
    pub(in crate::worker) fn register(
        &mut self,
        registry: &Registry,
        token: Token,
    ) -> io::Result<()> {
        registry.register(&mut self.stream, token, Interest::READABLE | Interest::WRITABLE)
    }

    /// The poll does not tell of it any more.
    pub(in crate::worker) fn deregister(&mut self, registry: &Registry) {
        // Refused only for what is not registered.
        let _ = registry.deregister(&mut self.stream);
    }

    /// Reads into `buffer`, first what has been read before: how many bytes. 0 is the end.
    pub(in crate::worker) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.unread.is_empty() {
            let len = self.unread.len().min(buffer.len());
            buffer[..len].copy_from_slice(&self.unread[..len]);
            self.unread.drain(..len);
            return Ok(len);
        }
        loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }

    /// Gives the datagrams in what was read to `take` until it breaks. What is left then is read
    /// again next time, and the datagram at which it broke as well.
    pub(in crate::worker) fn feed(
        &mut self,
        read: &mut [u8],
        mut take: impl FnMut(&mut [u8]) -> ControlFlow<()>,
    ) {
        let mut back = Vec::new();
        let used = self.deframer.feed(read, |frame| {
            let flow = take(frame);
            if flow.is_break() {
                back.extend(header(frame.len()));
                back.extend_from_slice(frame);
            }
            flow
        });
        back.extend_from_slice(&read[used..]);
        if !back.is_empty() {
            self.unread.splice(..0, back);
        }
    }

    /// How many datagrams were too long.
    pub(in crate::worker) fn oversized(&self) -> u64 {
        self.deframer.oversized()
    }

    /// Whether a datagram found room to wait for [`Self::write`].
    pub(in crate::worker) fn push(&mut self, datagram: &[u8]) -> bool {
        let fits =
            datagram.len() <= MAX_FRAME && self.out.len() + HEADER_LEN + datagram.len() <= MAX_OUT;
        if fits {
            self.out.extend(header(datagram.len()));
            self.out.extend_from_slice(datagram);
        }
        fits
    }

    /// Whether so much is gathered that it should be written.
    pub(in crate::worker) fn is_due(&self) -> bool {
        !self.blocked && self.out.len() >= WRITE_AT
    }

    /// Writes what has been gathered.
    pub(in crate::worker) fn write(&mut self) -> io::Result<Written> {
        let mut written = 0;
        let outcome = loop {
            if written == self.out.len() {
                break Ok(Written::All);
            }
            match self.stream.write(&self.out[written..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => written += len,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(Written::Part),
                Err(error) => break Err(error),
            }
        };
        self.out.drain(..written);
        outcome
    }

    /// Whether it takes nothing has changed.
    pub(in crate::worker) fn set_blocked(&mut self, blocked: bool) -> bool {
        std::mem::replace(&mut self.blocked, blocked) != blocked
    }
}

/// Sets an accepted stream up: nothing waits for more to come, and little waits in the kernel.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT)?;
    // Elsewhere the whole send buffer is bounded: what is on its way counts as well.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    socket2::SockRef::from(stream).set_send_buffer_size(8 * UNSENT as usize)?;
    Ok(())
}
