//! A fixed load for callgrind (`deploy/bench instructions`): only what happens inside of `measured`
//! counts, which is everything that a worker has its core do.

use std::net::SocketAddr;

use sfu_core::{
    api::MAX_TRANSMIT,
    testing::{Calls, Carried},
};

/// Ten calls: enough that nothing stays in a register or a branch predictor.
const CALLS: u8 = 10;
/// Before anything counts: bridges, first frames, caches.
const SETTLE: usize = 30;
/// Two key frame intervals.
const STEPS: usize = 120;

/// Room for what is sent in one step.
const ROOM: usize = 1 << 20;

/// What the core has sent, one after the other as in the worker's batch: nothing is allocated for it.
struct Outbox {
    buffer: [u8; MAX_TRANSMIT],
    bytes: Vec<u8>,
    places: Vec<(SocketAddr, usize)>,
    /// What was due without a packet.
    timed: Vec<Carried>,
}

impl Outbox {
    fn take(&mut self) -> Vec<Carried> {
        let mut sent = std::mem::take(&mut self.timed);
        let mut rest = &self.bytes[..];
        for (peer, len) in self.places.drain(..) {
            let (data, behind) = rest.split_at(len);
            sent.push(Carried { peer, data: data.to_vec() });
            rest = behind;
        }
        self.bytes.clear();
        sent
    }
}

fn main() {
    let mut calls = Calls::new(CALLS);
    let mut outbox = Outbox {
        buffer: [0; MAX_TRANSMIT],
        bytes: Vec::with_capacity(ROOM),
        places: Vec::with_capacity(ROOM),
        timed: Vec::new(),
    };
    for _ in 0..SETTLE {
        let mut datagrams = calls.step();
        settle(&mut calls, &mut datagrams, &mut outbox);
        calls.deliver(outbox.take());
    }
    let (mut received, mut packets) = (0, 0);
    for _ in 0..STEPS {
        let mut datagrams = calls.step();
        received += datagrams.len();
        measured(&mut calls, &mut datagrams, &mut outbox);
        packets += calls.deliver(outbox.take());
    }
    assert_eq!(calls.dropped(), Default::default());
    say(received, packets);
}

#[allow(clippy::print_stdout, reason = "the script that starts this reads it")]
fn say(received: usize, packets: usize) {
    println!("packets: {packets}");
    println!(
        "load: {CALLS} calls, {STEPS} frames each way, {received} datagrams received, \
         AEAD_AES_128_GCM, feedback every second frame"
    );
}

#[inline(never)]
fn measured(calls: &mut Calls, datagrams: &mut [Carried], outbox: &mut Outbox) {
    settle(calls, datagrams, outbox);
}

fn settle(calls: &mut Calls, datagrams: &mut [Carried], outbox: &mut Outbox) {
    let Outbox { buffer, bytes, places, timed } = outbox;
    calls.handle_timeout(timed);
    for datagram in datagrams {
        calls.forward(datagram, buffer, |peer, data| {
            places.push((peer, data.len()));
            bytes.extend_from_slice(data);
        });
    }
}
