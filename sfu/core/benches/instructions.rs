//! A fixed load for callgrind (`deploy/bench instructions`): only what happens inside of `measured`
//! counts, which is everything that a worker has its core do.

use sfu_core::testing::{Calls, Carried, Outbox};

/// Ten calls: enough that nothing stays in a register or a branch predictor.
const CALLS: u8 = 10;
/// Before anything counts: bridges, first frames, caches.
const SETTLE: usize = 30;
/// Two key frame intervals.
const STEPS: usize = 120;

fn main() {
    let mut calls = Calls::new(CALLS);
    let mut outbox = Outbox::default();
    for _ in 0..SETTLE {
        let mut runs = calls.step();
        outbox.forward(&mut calls, &mut runs);
        calls.deliver(outbox.take());
    }
    let (mut received, mut packets) = (0, 0);
    for _ in 0..STEPS {
        let mut runs = calls.step();
        received += runs.iter().map(Vec::len).sum::<usize>();
        measured(&mut calls, &mut runs, &mut outbox);
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
fn measured(calls: &mut Calls, runs: &mut [Vec<Carried>], outbox: &mut Outbox) {
    outbox.forward(calls, runs);
}
