//! What is measured: forwarders, each a process of its own on a core of its own.

pub mod control;
pub mod coturn;
pub mod floor;
pub mod janus;
pub mod mediasoup;
pub mod node;
pub mod relayed;

use std::{
    io,
    process::ExitStatus,
    time::{Duration, Instant},
};

use crate::generator::Generator;

/// Why a forwarder could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Sockets, files, processes.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The process is not there.
    #[error("cannot start {program}: {source}")]
    Start {
        /// Which program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It ended, or said something unexpected.
    #[error("{0}")]
    Protocol(String),
    /// Legs did not become warm.
    #[error("{cold} of {all} legs did not connect in time")]
    Cold {
        /// Those.
        cold: usize,
        /// Of how many.
        all: usize,
    },
    /// It ended.
    #[error("the process ended: {0}")]
    Ended(ExitStatus),
    /// No certificate for our peers.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] shared::error::Error),
}

/// A forwarder.
pub trait Target {
    /// Its name in tables.
    fn name(&self) -> &'static str;

    /// Its process.
    fn pid(&self) -> u32;

    /// All its processes, if it has more than one.
    fn pids(&self) -> Vec<u32> {
        vec![self.pid()]
    }

    /// Adds calls until there are `calls`, all of them connected and forwarding; peers 2n and 2n+1
    /// of the generator are a call.
    fn calls(&mut self, generator: &mut Generator, calls: usize) -> Result<(), TargetError>;

    /// Does what has to be done while calls go on.
    fn tend(&mut self, _generator: &mut Generator) -> Result<(), TargetError> {
        Ok(())
    }
}

/// [`Target::calls`] where each call is set up by itself.
fn one_by_one(
    generator: &mut Generator,
    calls: usize,
    mut call: impl FnMut(&mut Generator) -> Result<(), TargetError>,
) -> Result<(), TargetError> {
    while generator.peers() < 2 * calls {
        call(generator)?;
    }
    Ok(())
}

/// Waits until both peers of a call have their keys; media goes on meanwhile.
fn warm(
    generator: &mut Generator,
    peers: [usize; 2],
    patience: Duration,
) -> Result<(), TargetError> {
    let end = Instant::now() + patience;
    loop {
        let mut is_cold = |number| !generator.peer(number).is_some_and(|peer| peer.is_warm());
        let cold = peers.into_iter().filter(|&number| is_cold(number)).count();
        if cold == 0 {
            return Ok(());
        }
        if Instant::now() > end {
            return Err(TargetError::Cold { cold, all: peers.len() });
        }
        generator.turn(Instant::now() + Duration::from_millis(1))?;
    }
}

/// Plays for a while, with the forwarder's own needs looked after.
pub fn play(
    generator: &mut Generator,
    target: &mut dyn Target,
    end: Instant,
) -> Result<(), TargetError> {
    while Instant::now() < end {
        generator.turn(end)?;
        target.tend(generator)?;
    }
    Ok(())
}
