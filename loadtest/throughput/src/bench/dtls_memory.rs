//! What the DTLS library keeps of an association: the part of an idle leg that is not ours.

use std::{sync::Arc, time::Instant};

use clap::Args;

use crate::{process::resident, report, target::TargetError};

/// Resident memory of established DTLS client associations, as a node has them.
#[derive(Debug, Args)]
pub struct DtlsMemory {
    /// How many
    #[arg(long, default_value_t = 1_000)]
    associations: usize,
}

impl DtlsMemory {
    /// Measures and prints.
    pub fn run(&self) -> Result<(), TargetError> {
        let odd = |error: &dyn std::fmt::Debug| TargetError::Protocol(format!("DTLS: {error:?}"));
        let certificate =
            dimpl::certificate::generate_self_signed_certificate().map_err(|e| odd(&e))?;
        let config = dimpl::Config::builder().use_server_cookie(false).build();
        let config = Arc::new(config.map_err(|e| odd(&e))?);
        let mut clients = Vec::with_capacity(self.associations);
        // The first one pays for what is made once.
        for number in 0..=self.associations {
            let now = Instant::now();
            let new = || dimpl::Dtls::new_auto(Arc::clone(&config), certificate.clone(), now);
            let (mut client, mut server) = (new(), new());
            client.set_active(true);
            if !handshake(&mut client, &mut server, now).map_err(|e| odd(&e))? {
                return Err(TargetError::Protocol("no handshake".to_owned()));
            }
            if number == 0 {
                continue;
            }
            if number == 1 {
                clients.push((resident(std::process::id())?, client));
            } else {
                clients.push((0, client));
            }
        }
        let first = clients.first().map_or(0, |(resident, _)| *resident);
        let each = (resident(std::process::id())? - first) as f64
            / 1_000.0
            / (self.associations.max(2) - 1) as f64;
        report::print(&format!("dimpl: {each:.1} kB for each established association\n"));
        Ok(())
    }
}

/// Carries flights to and fro; whether both have their keys.
fn handshake(
    client: &mut dimpl::Dtls,
    server: &mut dimpl::Dtls,
    now: Instant,
) -> Result<bool, dimpl::Error> {
    let mut done = [false; 2];
    // Each flight is one turn; a handshake has six at most.
    for turn in 0..12 {
        let (from, to, side) = if turn % 2 == 0 {
            (&mut *client, &mut *server, 0)
        } else {
            (&mut *server, &mut *client, 1)
        };
        from.handle_timeout(now)?;
        to.handle_timeout(now)?;
        let mut buffer = [0; 2_048];
        loop {
            match from.poll_output(&mut buffer) {
                dimpl::Output::Packet(packet) => to.handle_packet(packet)?,
                dimpl::Output::KeyingMaterial(..) => done[side] = true,
                dimpl::Output::Timeout(_) => break,
                _ => {}
            }
        }
    }
    Ok(done == [true; 2])
}
