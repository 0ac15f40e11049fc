//! A fixed load for callgrind (`deploy/bench instructions`): only what happens inside of `measured`
//! counts, which is everything that a worker has its core do.

use sfu_core::testing::{Calls, Carried};

/// Ten calls: enough that nothing stays in a register or a branch predictor.
const CALLS: u8 = 10;
/// Before anything counts: bridges, first frames, caches.
const SETTLE: usize = 30;
/// Two key frame intervals.
const STEPS: usize = 120;

fn main() {
    let mut calls = Calls::new(CALLS);
    for _ in 0..SETTLE {
        let (mut datagrams, mut sent) = (calls.step(), Vec::new());
        settle(&mut calls, &mut datagrams, &mut sent);
        calls.deliver(sent);
    }
    let (mut received, mut packets) = (0, 0);
    for _ in 0..STEPS {
        let mut datagrams = calls.step();
        let mut sent = Vec::with_capacity(2 * datagrams.len());
        received += datagrams.len();
        measured(&mut calls, &mut datagrams, &mut sent);
        packets += calls.deliver(sent);
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
fn measured(calls: &mut Calls, datagrams: &mut [Carried], sent: &mut Vec<Carried>) {
    settle(calls, datagrams, sent);
}

fn settle(calls: &mut Calls, datagrams: &mut [Carried], sent: &mut Vec<Carried>) {
    calls.handle_timeout(sent);
    for datagram in datagrams {
        calls.handle(datagram, sent);
    }
}
