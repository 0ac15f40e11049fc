//! coturn, the Debian package, as the naive floor: it relays datagrams as they are, without SRTP.
//!
//! Of each call one peer has an allocation and speaks to it in channel data (RFC 8656 §12), the other
//! sends to the relayed address. Every packet crosses the relay once, as in a forwarder.

use light_peer::{Credentials, Peer, sdp::Remote, srtp::Session, turn};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use super::{Target, TargetError, floor::material, one_by_one};
use crate::{
    generator::Generator,
    process::{Owned, Place, placed},
};

const PORT: u16 = 3_478;
/// It starts in less than a second.
const START: Duration = Duration::from_secs(10);
/// For one answer.
const STEP: Duration = Duration::from_secs(5);
/// Until a request is sent again: it listens a while after it has started.
const REPEAT: Duration = Duration::from_millis(200);

/// A running relay.
pub struct Coturn {
    process: Owned,
    address: SocketAddr,
}

impl Coturn {
    /// Starts it on a core.
    pub fn start(place: &Place, address: Ipv4Addr) -> Result<Self, TargetError> {
        let ip = address.to_string();
        let child = placed(place, Path::new("turnserver"))
            .args(["-n", "--no-auth", "--no-tls", "--no-dtls", "--no-cli", "--no-tcp"])
            .args(["--relay-threads", "1", "--listening-ip", &ip, "--relay-ip", &ip])
            .args(["--allow-loopback-peers", "--listening-port", &PORT.to_string()])
            .args(["--min-port", "20000", "--max-port", "60000", "--pidfile", "/dev/null"])
            .args(["--log-file", "/dev/null"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| TargetError::Start { program: "turnserver".to_owned(), source })?;
        let address = SocketAddr::from((address, PORT));
        Ok(Self { process: Owned::new(child), address })
    }

    /// Sends a request of a peer until it is answered; the answer.
    fn request(
        &mut self,
        generator: &mut Generator,
        number: usize,
        request: &[u8],
        patience: Duration,
    ) -> Result<Vec<u8>, TargetError> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            generator.send_raw(number, self.address, request);
            let again = Instant::now() + REPEAT;
            while Instant::now() < again {
                generator.turn(Instant::now() + Duration::from_millis(1))?;
                let answers = std::mem::take(&mut generator.responses);
                let of_it = |(from, answer): &(usize, Vec<u8>)| {
                    *from == number && turn::answers(answer, request)
                };
                if let Some((_, answer)) = answers.into_iter().find(of_it) {
                    return Ok(answer);
                }
            }
            if let Some(status) = self.process.child().try_wait()? {
                return Err(TargetError::Ended(status));
            }
        }
        Err(TargetError::Protocol("coturn does not answer".to_owned()))
    }

    fn call(&mut self, generator: &mut Generator) -> Result<(), TargetError> {
        // End to end: the relay does not touch what it carries.
        let keys = material(generator.peers());
        let [one, other] = [false, true].map(|client| {
            let session = Session::new(&keys, client);
            generator.add(Peer::keyed(generator.peers() as u32, Some(session)))
        });
        let allocate = turn::allocate();
        let answer = self.request(generator, one, &allocate, START)?;
        let relayed = turn::relayed_address(&answer)
            .ok_or_else(|| TargetError::Protocol("coturn allocates nothing".to_owned()))?;
        let bind = turn::bind_channel(generator.local(other));
        let answer = self.request(generator, one, &bind, STEP)?;
        if !turn::is_success(&answer) {
            return Err(TargetError::Protocol("coturn binds no channel".to_owned()));
        }
        for (number, address) in [(one, self.address), (other, relayed)] {
            let credentials = Credentials { ufrag: String::new(), pwd: String::new() };
            if let Some(peer) = generator.peer(number) {
                peer.take_remote(Remote { credentials, address });
            }
        }
        generator.frame_channel(one);
        generator.talk(one);
        generator.talk(other);
        Ok(())
    }
}

impl Target for Coturn {
    fn name(&self) -> &'static str {
        "coturn"
    }

    fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn calls(&mut self, generator: &mut Generator, calls: usize) -> Result<(), TargetError> {
        one_by_one(generator, calls, |generator| self.call(generator))
    }
}
