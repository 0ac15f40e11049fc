//! Life and death of a worker.
//!
//! A panic in a core is a bug, and its state cannot be trusted after it: the legs of that worker
//! are gone, those of the other workers are not. The thread goes on with an empty core on the same
//! socket, so that the pages, told that their legs are gone, can come back at once. A worker that
//! has panicked [`MAX_PANICS`] times stays down: the node then takes nothing new, and is to be
//! replaced.

use std::{
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Instant, SystemTime},
};

use rand::Rng;
use sfu_core::{
    Core,
    api::{Config, Port},
};

use super::{Common, Happening, turn::Shell};

/// Panics after which a worker stays down. One may be bad luck; a third says that whatever
/// provokes it comes again and again, and each costs the calls of this worker.
const MAX_PANICS: u64 = 3;

/// A worker's place in life: everything that outlives its core.
pub(super) struct Seat {
    pub(super) port: Port,
    pub(super) candidates: Vec<SocketAddr>,
    pub(super) common: Common,
    pub(super) shell: Shell,
}

/// Runs a worker until it is told to stop, or stays down.
pub(super) fn run(mut seat: Seat) {
    let Seat { port, candidates, common, shell } = &mut seat;
    live(*port, shell, |shell| {
        let config = Config {
            port: *port,
            candidates: candidates.clone(),
            tcp_candidates: common.tcp_candidates.clone(),
            max_legs: common.max_legs,
            seed: rand::rng().random(),
            certificate: common.certificate.clone(),
            measuring: Some(common.measuring.clone()),
        };
        shell.run(&mut Core::new(config, Instant::now(), SystemTime::now()))
    });
}

/// Runs one life after the other.
fn live(port: Port, shell: &mut Shell, mut life: impl FnMut(&mut Shell) -> io::Result<()>) {
    let mut restarted = true;
    while restarted {
        // The core is dropped by a panic, and the shell's own state is counters, queues and
        // buffers that are valid at any point.
        match catch_unwind(AssertUnwindSafe(|| life(shell))) {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                tracing::error!(worker = port.0, %error, "the worker cannot poll its socket");
                restarted = false;
            }
            Err(_) => {
                shell.stats.panics += 1;
                restarted = shell.stats.panics < MAX_PANICS;
                tracing::error!(
                    worker = port.0,
                    panics = shell.stats.panics,
                    restarted,
                    "the worker panicked: its legs are lost"
                );
            }
        }
        shell.report_lost(Happening::Lost { restarted });
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::{super::tests::lone_shell, *};

    /// What a worker reports over lives that end as `lives` says (`true`: with a panic).
    fn reports(lives: &[bool]) -> (Vec<bool>, u64) {
        let (events, mut queue) = mpsc::channel(8);
        let mut shell = lone_shell(events);
        let mut lives = lives.iter();
        live(Port(0), &mut shell, |_| {
            assert!(!lives.next().expect("no more lives than asked for"), "provoked by the test");
            Ok(())
        });
        let mut reports = Vec::new();
        while let Ok(event) = queue.try_recv() {
            let Happening::Lost { restarted } = event.what else { panic!("{event:?}") };
            reports.push(restarted);
        }
        (reports, shell.stats.panics)
    }

    #[test]
    fn panic_is_reported_and_the_worker_goes_on() {
        assert_eq!(reports(&[true, false]), (vec![true], 1));
    }

    #[test]
    fn worker_that_panics_again_and_again_stays_down() {
        assert_eq!(reports(&[true, true, true]), (vec![true, true, false], MAX_PANICS));
    }
}
