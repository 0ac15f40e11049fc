//! Two nodes that carry every call between them, over loopback or a way that loses packets.

use std::{
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use signaling_wire::{
    control::{Register, Remote},
    ids::CallId,
};

use super::{
    Target, TargetError,
    node::{Launch, Node, leg},
};
use crate::generator::Generator;

/// A lossy way looks this often whether it is still needed.
const LOOK: Duration = Duration::from_millis(100);
/// Largest datagram between nodes, rounded up.
const DATAGRAM: usize = 2_048;

/// Two running nodes.
pub struct Relayed {
    nodes: [Node; 2],
    /// Where the dialing node finds the other one; the way in between is ours.
    way: Option<LossyWay>,
    pairs: Vec<[usize; 2]>,
    talking: usize,
}

impl Relayed {
    /// Starts two nodes. A `loss` above zero is the share of datagrams lost between them, each way.
    pub fn start(launch: &Launch, loss: f64) -> Result<Self, TargetError> {
        let nodes = [Node::start(launch)?, Node::start(launch)?];
        // The node with the smaller id dials.
        let [a, b] = [register(&nodes[0])?, register(&nodes[1])?];
        let dialed = if a.node < b.node { b } else { a };
        let to = *dialed.relay.first().ok_or_else(|| odd("the node has no relay port"))?;
        let way = if loss > 0.0 { Some(LossyWay::start(to, loss)?) } else { None };
        Ok(Self { nodes, way, pairs: Vec::new(), talking: 0 })
    }

    /// A leg as the other node reaches it.
    fn remote(&self, node: usize, number: usize) -> Result<Remote, TargetError> {
        let register = register(&self.nodes[node])?;
        let addresses = match &self.way {
            Some(way) if register.relay.first() == Some(&way.to) => vec![way.address],
            _ => register.relay.clone(),
        };
        Ok(Remote { leg: leg(number), node: register.node, addresses })
    }
}

fn register(node: &Node) -> Result<&Register, TargetError> {
    node.register().ok_or_else(|| odd("the node is not registered"))
}

fn odd(what: &str) -> TargetError {
    TargetError::Protocol(what.to_owned())
}

impl Target for Relayed {
    fn name(&self) -> &'static str {
        if self.way.is_some() { "two nodes, lossy" } else { "two nodes" }
    }

    fn pid(&self) -> u32 {
        self.nodes[0].pid()
    }

    fn pids(&self) -> Vec<u32> {
        self.nodes.iter().map(Node::pid).collect()
    }

    fn calls(&mut self, generator: &mut Generator, calls: usize) -> Result<(), TargetError> {
        let more = calls.saturating_sub(self.pairs.len());
        let [one, other] = &mut self.nodes;
        let legs = [one.open_all(generator, more)?, other.open_all(generator, more)?];
        self.pairs.extend(legs[0].iter().zip(&legs[1]).map(|(&one, &other)| [one, other]));
        for &pair in &self.pairs[self.talking..] {
            let call = CallId::from_bits(pair[0] as u128 + 1);
            for (side, &number) in pair.iter().enumerate() {
                let remote = self.remote(1 - side, pair[1 - side])?;
                self.nodes[side].bridge_remote(call, number, remote)?;
            }
            for number in pair {
                generator.talk(number);
            }
            // Spread over time, as real calls begin.
            generator.turn(Instant::now() + Duration::from_millis(1))?;
        }
        self.talking = self.pairs.len();
        Ok(())
    }

    fn tend(&mut self, generator: &mut Generator) -> Result<(), TargetError> {
        self.nodes.iter().try_for_each(|node| node.listen(generator))
    }
}

/// A way to one node that loses datagrams, each for itself. Ends when dropped.
struct LossyWay {
    to: SocketAddr,
    /// Where to send instead.
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl LossyWay {
    fn start(to: SocketAddr, loss: f64) -> Result<Self, TargetError> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (near, far) = (UdpSocket::bind(any)?, UdpSocket::bind(any)?);
        far.connect(to)?;
        let address = near.local_addr()?;
        for socket in [&near, &far] {
            socket.set_read_timeout(Some(LOOK))?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let (near, far) = (Arc::new(near), Arc::new(far));
        let there = {
            let (near, far, stop) = (near.clone(), far.clone(), stop.clone());
            move || {
                carry(&near, &far, loss, &stop, 1, |near, far, data, from| {
                    // There is one dialing node: answers go to whom we heard last.
                    let _ = near.connect(from);
                    let _ = far.send(data);
                })
            }
        };
        let back = {
            let stop = stop.clone();
            move || {
                carry(&far, &near, loss, &stop, 2, |_, near, data, _| {
                    let _ = near.send(data);
                })
            }
        };
        let threads = vec![thread::spawn(there), thread::spawn(back)];
        Ok(Self { to, address, stop, threads })
    }
}

impl Drop for LossyWay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that panicked has ended as well.
            let _ = thread.join();
        }
    }
}

/// Carries what comes from one socket to the other.
fn carry(
    from: &UdpSocket,
    to: &UdpSocket,
    loss: f64,
    stop: &AtomicBool,
    seed: u64,
    send: impl Fn(&UdpSocket, &UdpSocket, &[u8], SocketAddr),
) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut buffer = [0; DATAGRAM];
    while !stop.load(Ordering::Relaxed) {
        let Ok((len, sender)) = from.recv_from(&mut buffer) else { continue };
        if rng.random_bool(1.0 - loss) {
            send(from, to, &buffer[..len], sender);
        }
    }
}
