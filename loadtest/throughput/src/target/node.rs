//! Our node: the release binary `sfu`, told what to do over its control link.

use std::{
    net::Ipv4Addr,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use light_peer::{Peer, dtls::Identity, sdp};
use sfu_node::control::ClusterSecret;
use signaling_wire::{
    control::{LegEnd, LegState, NodeMessage, Register, Remote, SignalingMessage},
    ids::{CallId, LegId},
};

use super::{Target, TargetError, control::Control};
use crate::{
    generator::Generator,
    process::{Owned, Place, placed},
};

/// Only for a node on this host, for as long as the bench runs.
const SECRET: &str = "the secret of a bench, not for use";
/// A node that has not dialled by then never will.
const START: Duration = Duration::from_secs(20);
/// Legs that are not warm by then have failed.
const CONNECT: Duration = Duration::from_secs(60);
/// Offers under way at a time while calls are prepared: no storm, that is measured apart.
const UNDER_WAY: usize = 32;
/// More than any machine of two cores carries.
const MAX_LEGS: usize = 20_000;

/// A running node.
pub struct Node {
    process: Owned,
    control: Control,
    register: Option<Box<Register>>,
    identity: Identity,
    /// Legs of calls, in order; the first two are the first call.
    paired: Vec<usize>,
    calls: usize,
}

/// How a node is started.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program.
    pub sfu: PathBuf,
    /// Its core and network.
    pub place: Place,
    /// Address of its media sockets.
    pub bind: Ipv4Addr,
    /// Our address, which it registers at.
    pub control: Ipv4Addr,
    /// Its `receive_delay`, in microseconds; `None`: the default.
    pub receive_delay: Option<u32>,
}

impl Node {
    /// Starts a node and waits for its registration.
    pub fn start(launch: &Launch) -> Result<Self, TargetError> {
        let Launch { sfu, place, bind, control, receive_delay } = launch;
        let secret =
            ClusterSecret::new(SECRET).map_err(|error| TargetError::Protocol(error.to_string()))?;
        let control = Control::start(secret, *control)?;
        let mut command = placed(place, sfu);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("VITRINE_SFU_")) {
            command.env_remove(name);
        }
        let child = command
            .env("VITRINE_SFU_CLUSTER_SECRET", SECRET)
            .args(["--workers", "1", "--base-port", "0", "--admin", "127.0.0.1:0"])
            .args(["--log", "warn", "--max-legs-per-worker", &MAX_LEGS.to_string()])
            // Told to end, it does not wait for calls.
            .args(["--drain-deadline", "0"])
            .args(["--bind", &bind.to_string()])
            .args(["--signaling", &control.address.to_string()])
            .args(receive_delay.map(|delay| format!("--receive-delay={delay}")))
            .stdout(Stdio::null())
            .spawn()
            .map_err(|source| TargetError::Start { program: sfu.display().to_string(), source })?;
        let mut node = Self {
            process: Owned::new(child),
            control,
            register: None,
            identity: Identity::new()?,
            paired: Vec::new(),
            calls: 0,
        };
        node.registered()?;
        Ok(node)
    }

    /// `sfu` beside this program.
    pub fn beside_us() -> PathBuf {
        let ours = std::env::current_exe().unwrap_or_default();
        ours.with_file_name("sfu")
    }

    fn registered(&mut self) -> Result<(), TargetError> {
        let end = Instant::now() + START;
        loop {
            if let Some(NodeMessage::Register(register)) = self.control.next()? {
                self.register = Some(register);
                return Ok(());
            }
            if let Some(status) = self.process.child().try_wait()? {
                return Err(TargetError::Ended(status));
            }
            if Instant::now() > end {
                return Err(TargetError::Protocol("the node does not register".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What it said of itself.
    pub(super) fn register(&self) -> Option<&Register> {
        self.register.as_deref()
    }

    /// Bridges a leg of this node with one of another.
    pub(super) fn bridge_remote(
        &self,
        call: CallId,
        number: usize,
        remote: Remote,
    ) -> Result<(), TargetError> {
        let (leg, epoch) = (leg(number), 1);
        self.control.say(SignalingMessage::BridgeRemote { call, epoch, leg, remote })
    }

    /// Offers one more leg; its number.
    pub fn open(&mut self, generator: &mut Generator) -> Result<usize, TargetError> {
        let number = generator.peers();
        let peer = Peer::new(number as u32, &self.identity);
        let sdp = peer.offer("actpass", generator.local(number));
        generator.add(peer);
        let request = number as u64;
        self.control.say(SignalingMessage::OpenLeg { request, leg: leg(number), sdp })?;
        Ok(number)
    }

    /// Closes a leg, and forgets its peer.
    pub fn close(&mut self, generator: &mut Generator, number: usize) -> Result<(), TargetError> {
        generator.remove(number);
        self.control.say(SignalingMessage::CloseLeg { leg: leg(number) })
    }

    /// Bridges two legs, with media from both. The call is named after the first.
    pub fn bridge(
        &self,
        generator: &mut Generator,
        [one, other]: [usize; 2],
    ) -> Result<(), TargetError> {
        self.control.say(SignalingMessage::Bridge {
            call: CallId::from_bits(one as u128),
            epoch: 1,
            legs: [leg(one), leg(other)],
        })?;
        generator.talk(one);
        generator.talk(other);
        Ok(())
    }

    /// Ends a call; its legs stay warm.
    pub fn unbridge(
        &self,
        generator: &mut Generator,
        [one, other]: [usize; 2],
    ) -> Result<(), TargetError> {
        generator.hush(one);
        generator.hush(other);
        self.control
            .say(SignalingMessage::Unbridge { call: CallId::from_bits(one as u128), epoch: 1 })
    }

    /// Takes what the node has said. A leg that it has closed by itself is an error.
    pub fn listen(&self, generator: &mut Generator) -> Result<(), TargetError> {
        while let Some(message) = self.control.next()? {
            match message {
                NodeMessage::LegAnswer { request, sdp, .. } => {
                    let remote = sdp::Remote::parse(&sdp)
                        .ok_or_else(|| TargetError::Protocol(format!("odd answer: {sdp}")))?;
                    let number = request as usize;
                    if let Some(peer) = generator.peer(number) {
                        peer.take_remote(remote);
                        generator.connect(number);
                    }
                }
                NodeMessage::LegRejected { reason, .. } => {
                    return Err(TargetError::Protocol(format!("a leg was refused: {reason:?}")));
                }
                NodeMessage::LegState { leg, state: LegState::Closed { reason } }
                    if reason != LegEnd::Asked =>
                {
                    let what = format!("leg {leg} was closed: {reason:?}");
                    return Err(TargetError::Protocol(what));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Opens so many more legs and waits until they are warm; their numbers.
    pub fn open_all(
        &mut self,
        generator: &mut Generator,
        legs: usize,
    ) -> Result<Vec<usize>, TargetError> {
        let (mut opened, mut warm) = (Vec::with_capacity(legs), 0);
        let end = Instant::now() + CONNECT;
        generator.warm.clear();
        while warm < legs {
            if opened.len() < legs && opened.len() - warm < UNDER_WAY {
                opened.push(self.open(generator)?);
            }
            generator.turn(Instant::now() + Duration::from_millis(1))?;
            self.listen(generator)?;
            warm += generator.warm.len();
            generator.warm.clear();
            if Instant::now() > end {
                return Err(TargetError::Cold { cold: legs - warm, all: legs });
            }
        }
        Ok(opened)
    }

    /// The legs of the running calls.
    pub fn paired(&self) -> impl Iterator<Item = [usize; 2]> + use<'_> {
        self.paired.chunks_exact(2).map(|pair| [pair[0], pair[1]])
    }
}

impl Target for Node {
    fn name(&self) -> &'static str {
        "vitrine"
    }

    fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn calls(&mut self, generator: &mut Generator, calls: usize) -> Result<(), TargetError> {
        let legs = self.open_all(generator, (2 * calls).saturating_sub(self.paired.len()))?;
        self.paired.extend(legs);
        let new: Vec<_> = self.paired().take(calls).skip(self.calls).collect();
        for pair in new {
            self.bridge(generator, pair)?;
            // Spread over time, as real calls begin.
            generator.turn(Instant::now() + Duration::from_millis(1))?;
        }
        self.calls = self.calls.max(calls);
        Ok(())
    }

    fn tend(&mut self, generator: &mut Generator) -> Result<(), TargetError> {
        self.listen(generator)
    }
}

pub(super) fn leg(number: usize) -> LegId {
    LegId::from_bits(number as u128 + 1)
}
