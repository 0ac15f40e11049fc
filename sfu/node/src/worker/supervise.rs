//! Life and death of a worker.
//!
//! A panic in a core is a bug, and its state cannot be trusted after it: the legs of that worker
//! are gone, those of the other workers are not. The thread goes on with an empty core on the same
//! socket, so that the pages, told that their legs are gone, can come back at once. A worker that
//! has panicked [`MAX_RESTARTS`] times stays down: the node then takes nothing new, and is to be
//! replaced.

use std::{
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
const MAX_RESTARTS: u64 = 3;

/// A worker's place in life: everything that outlives its core.
pub(super) struct Seat {
    pub(super) port: Port,
    pub(super) candidates: Vec<SocketAddr>,
    pub(super) common: Common,
    pub(super) shell: Shell,
}

impl Seat {
    fn core(&self) -> Core {
        let config = Config {
            port: self.port,
            candidates: self.candidates.clone(),
            max_legs: self.common.max_legs,
            seed: rand::rng().random(),
            certificate: self.common.certificate.clone(),
        };
        Core::new(config, Instant::now(), SystemTime::now())
    }
}

/// Runs a worker until it is told to stop, or stays down.
pub(super) fn run(mut seat: Seat) {
    loop {
        let mut core = seat.core();
        let shell = &mut seat.shell;
        // The core is dropped after a panic, and the shell's own state is counters, queues and
        // buffers that are valid at any point.
        let ended = catch_unwind(AssertUnwindSafe(|| shell.run(&mut core)));
        let outcome = match ended {
            Ok(Ok(())) => return,
            Ok(Err(error)) => {
                tracing::error!(worker = seat.port.0, %error, "the worker cannot poll its socket");
                shell.stats.panics = MAX_RESTARTS;
                Happening::Lost { restarted: false }
            }
            Err(_) => {
                shell.stats.panics += 1;
                let restarted = shell.stats.panics < MAX_RESTARTS;
                tracing::error!(
                    worker = seat.port.0,
                    panics = shell.stats.panics,
                    restarted,
                    "the worker panicked: its legs are lost"
                );
                Happening::Lost { restarted }
            }
        };
        let down = matches!(outcome, Happening::Lost { restarted: false });
        shell.report_lost(outcome);
        if down {
            return;
        }
    }
}
