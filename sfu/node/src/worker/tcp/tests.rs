//! Strangers at the TCP port, on real sockets.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use sfu_core::{Certificate, api::Measuring};
use tokio::sync::mpsc;

use super::{
    Acceptor, Gate, GateStats, Listener,
    acceptor::{FIRST_WITHIN, MAX_PENDING_OF_ADDRESS, Reception},
};
use crate::worker::{Common, Input, Socket, Workers};

fn listener() -> Listener {
    Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap()
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Waits until the node has closed it; nothing may have been said.
fn is_closed(mut stream: TcpStream) {
    // Closed with something unread it is reset.
    let end = stream.read(&mut [0; 100]);
    assert!(!matches!(end, Ok(1..)), "a stranger is not answered");
}

#[test]
fn connection_that_does_not_begin_with_a_check_is_closed() {
    let socket = Socket::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let (events, _queue) = mpsc::channel(64);
    let common = Common {
        certificate: Certificate::generate(),
        measuring: Measuring::random(&mut rand::rng()),
        max_legs: 10,
        receive_delay: Duration::ZERO,
        tcp_candidates: Vec::new(),
        events,
    };
    let listener = listener();
    let to = listener.local();
    let workers = Workers::start(vec![(socket, Vec::new())], Some(listener), &common).unwrap();
    let nonsense: [&[u8]; 4] = [b"GET / HTTP/1.1\r\n\r\n", &[0, 1, 0x80], &[0, 0], &[0xff; 2_000]];
    for said in nonsense {
        let mut stream = connect(to);
        stream.write_all(said).unwrap();
        if said[0] == b'G' {
            // As a length it announces 18 kB, more than is waited for.
            stream.write_all(&[b'x'; 1_100]).unwrap();
        }
        is_closed(stream);
    }
    // A hang-up without a word.
    drop(connect(to));
    let all_strange = |stats: GateStats| stats.strange == 5 && stats.open == 0;
    let deadline = Instant::now() + Duration::from_secs(30);
    while !all_strange(workers.gate.stats()) {
        assert!(Instant::now() < deadline, "{:?}", workers.gate.stats());
        std::thread::sleep(Duration::from_millis(10));
    }
    workers.peers[0].mailbox.tell(Input::Stop).unwrap();
    workers.join();
}

#[test]
fn who_says_nothing_is_closed_in_time_and_crowds_nobody_out() {
    let (gate, listener) = (Arc::new(Gate::default()), listener());
    let to = listener.local();
    let mut reception = Reception::new(listener, Arc::clone(&gate), [].into()).unwrap();
    let now = Instant::now();
    let silent: Vec<_> = (0..=MAX_PENDING_OF_ADDRESS)
        .map(|_| {
            let stream = connect(to);
            reception.accept(now);
            stream
        })
        .collect();
    assert_eq!((gate.stats().open, gate.stats().crowded_out), (MAX_PENDING_OF_ADDRESS, 1));
    reception.expire(now + FIRST_WITHIN);
    assert_eq!((gate.stats().open, gate.stats().slow), (0, MAX_PENDING_OF_ADDRESS as u64));
    silent.into_iter().for_each(is_closed);
}

#[test]
fn the_thread_ends_with_its_handle() {
    let listener = listener();
    let to = listener.local();
    drop(Acceptor::start(listener, Arc::default(), [].into()).unwrap());
    assert!(TcpStream::connect(to).is_err(), "the port is free again");
}
