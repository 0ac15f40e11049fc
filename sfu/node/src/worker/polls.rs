//! What a worker sleeps on: a poll that tells of its socket and of everything else, and one that leaves
//! the socket out.
//!
//! The second is a part of the first. So the socket is left alone without a system call: nobody
//! sleeps where it would tell. (An interest that a socket does not have keeps no worker asleep: Linux
//! wakes up whoever waits for anything at all, and lets it find out.)

use std::{io, time::Duration};

use mio::{Events, Interest, Poll, Registry, Token};

use super::{SOCKET, Socket};

/// Token of the poll of everything else in that of everything.
const OTHERS: Token = Token(SOCKET.0 + 1);

/// What a poll tells at once: the queues, the alarm, and as many connections. The rest it tells next time.
const EVENTS: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Polls {
    all: Poll,
    others: Poll,
    /// The last word of each.
    heard: Events,
    told: Events,
    /// There may be more of the others than fitted.
    more: bool,
}

impl Polls {
    /// Tells of `socket`.
    pub(super) fn new(socket: &mut Socket) -> io::Result<Self> {
        let (all, mut others) = (Poll::new()?, Poll::new()?);
        all.registry().register(socket.source(), SOCKET, Interest::READABLE)?;
        nest(&all, &mut others)?;
        let (heard, told) = (Events::with_capacity(2), Events::with_capacity(EVENTS));
        Ok(Self { all, others, heard, told, more: false })
    }

    /// For everything but the socket.
    pub(super) fn registry(&self) -> &Registry {
        self.others.registry()
    }

    /// Waits until something happens, for `timeout` at most; whether the socket may have received something.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        let timeout = if self.more { Some(Duration::ZERO) } else { timeout };
        poll(&mut self.all, &mut self.heard, timeout)?;
        let received = self.heard.iter().any(|event| event.token() == SOCKET);
        let others = self.heard.iter().any(|event| event.token() == OTHERS);
        self.ask_others(others)?;
        Ok(received)
    }

    /// Waits for `time` whatever the socket receives, unless something else happens.
    pub(super) fn rest(&mut self, time: Duration) -> io::Result<()> {
        let others = self.more || rest(&self.others, time)?;
        self.ask_others(others)
    }

    fn ask_others(&mut self, anything: bool) -> io::Result<()> {
        self.told.clear();
        if anything || self.more {
            poll(&mut self.others, &mut self.told, Some(Duration::ZERO))?;
        }
        self.more = self.told.iter().count() >= EVENTS;
        Ok(())
    }

    /// What has happened beside the socket.
    pub(super) fn told(&self) -> &Events {
        &self.told
    }
}

/// Has `outer` tell whether `inner` has something to tell.
fn nest(outer: &Poll, inner: &mut Poll) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    use mio::unix::SourceFd;

    outer.registry().register(&mut SourceFd(&inner.as_raw_fd()), OTHERS, Interest::READABLE)
}

/// Being interrupted tells nothing.
fn poll(poll: &mut Poll, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
    match poll.poll(events, timeout) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

/// Waits for `time`; whether `others` has something to tell. To the nanosecond, where the poll's own timeout has
/// milliseconds, and without a timer that a system call sets for itself.
#[cfg(target_os = "linux")]
fn rest(others: &Poll, time: Duration) -> io::Result<bool> {
    use rustix::{
        event::{PollFd, PollFlags, Timespec, poll},
        io::Errno,
    };

    let time = Timespec {
        tv_sec: time.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: time.subsec_nanos().into(),
    };
    match poll(&mut [PollFd::new(others.registry(), PollFlags::IN)], Some(&time)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Elsewhere nobody rests.
#[cfg(not(target_os = "linux"))]
fn rest(_: &Poll, _: Duration) -> io::Result<bool> {
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::{
        net::{SocketAddr, UdpSocket},
        time::Instant,
    };

    use mio::Waker;

    use super::*;
    use crate::worker::{WAKE, socket::ReceiveBuffers};

    const MILLI: Duration = Duration::from_millis(1);
    /// What takes longer has failed.
    const STUCK: Option<Duration> = Some(Duration::from_secs(30));

    fn polls() -> (Polls, Socket, UdpSocket) {
        let mut socket = Socket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let polls = Polls::new(&mut socket).unwrap();
        let page = UdpSocket::bind("127.0.0.1:0").unwrap();
        page.connect(socket.local()).unwrap();
        (polls, socket, page)
    }

    #[test]
    fn socket_ends_a_wait() {
        let (mut polls, socket, page) = polls();
        for _ in 0..3 {
            page.send(b"x").unwrap();
            assert!(polls.wait(STUCK).unwrap());
            assert_eq!(socket.receive(&mut ReceiveBuffers::new()).unwrap(), 1);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn socket_does_not_end_a_rest_and_is_told_of_afterwards() {
        let (mut polls, socket, page) = polls();
        for _ in 0..3 {
            page.send(b"x").unwrap();
            let began = Instant::now();
            polls.rest(3 * MILLI).unwrap();
            assert!(began.elapsed() >= 3 * MILLI);
            assert!(polls.told().is_empty());
            assert!(polls.wait(STUCK).unwrap());
            assert_eq!(socket.receive(&mut ReceiveBuffers::new()).unwrap(), 1);
        }
    }

    #[test]
    fn what_was_taken_after_a_rest_does_not_end_the_next_wait() {
        let (mut polls, socket, page) = polls();
        page.send(b"x").unwrap();
        polls.rest(MILLI).unwrap();
        assert_eq!(socket.receive(&mut ReceiveBuffers::new()).unwrap(), 1);
        assert!(!polls.wait(Some(MILLI)).unwrap());
    }

    #[test]
    fn everything_else_ends_both() {
        let (mut polls, _socket, _page) = polls();
        let waker = Waker::new(polls.registry(), WAKE).unwrap();
        for rests in [true, false, true] {
            waker.wake().unwrap();
            if rests {
                polls.rest(Duration::from_secs(30)).unwrap();
            } else {
                assert!(!polls.wait(STUCK).unwrap());
            }
            let told: Vec<_> = polls.told().iter().map(|event| event.token()).collect();
            assert_eq!(told, [WAKE]);
        }
    }
}
