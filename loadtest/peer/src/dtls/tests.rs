//! The peer's server against the node's client, over links that lose and delay.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{Dtls, Identity};

/// How often the owner of a peer looks at what DTLS has to repeat (`loadtest`'s light legs).
const LOOK: Duration = Duration::from_millis(50);
/// A node gives up then.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is under way: when it arrives, and what it is.
type Link = Vec<(Duration, Vec<u8>)>;

struct World {
    now: Duration,
    random: SmallRng,
    loss: f64,
    one_way: Duration,
}

impl World {
    fn send(&mut self, link: &mut Link, datagram: &[u8]) {
        if self.random.random::<f64>() >= self.loss {
            link.push((self.now + self.one_way, datagram.to_vec()));
        }
    }

    fn arrived(&self, link: &mut Link) -> Vec<Vec<u8>> {
        link.extract_if(.., |(at, _)| *at <= self.now).map(|(_, datagram)| datagram).collect()
    }
}

/// When both have keys; none if they never do.
fn handshake(identity: &Identity, seed: u64, loss: f64, one_way: Duration) -> Option<Duration> {
    let start = Instant::now();
    let mut world =
        World { now: Duration::ZERO, random: SmallRng::seed_from_u64(seed), loss, one_way };
    let config = dimpl::Config::builder()
        .flight_start_rto(Duration::from_millis(75))
        .flight_retries(8)
        .handshake_timeout(PATIENCE)
        .build()
        .unwrap();
    let certificate = dimpl::certificate::generate_self_signed_certificate().unwrap();
    let mut node = dimpl::Dtls::new_auto(Arc::new(config), certificate, start);
    node.set_active(true);
    let mut peer = Dtls::new(identity);
    let (mut to_peer, mut to_node) = (Link::new(), Link::new());
    let (mut node_keys, mut peer_keys) = (false, false);
    let mut buffer = [0; 2_048];
    while world.now < PATIENCE {
        let instant = start + world.now;
        if node.handle_timeout(instant).is_err() {
            return None;
        }
        for datagram in world.arrived(&mut to_node) {
            let _ = node.handle_packet(&datagram);
        }
        loop {
            match node.poll_output(&mut buffer) {
                dimpl::Output::Packet(packet) => world.send(&mut to_peer, packet),
                dimpl::Output::KeyingMaterial(..) => node_keys = true,
                dimpl::Output::Timeout(_) => break,
                _ => {}
            }
        }
        for datagram in world.arrived(&mut to_peer) {
            peer_keys |= peer.receive(instant, &datagram).is_some();
        }
        if !peer_keys && world.now.as_millis().is_multiple_of(LOOK.as_millis()) {
            peer.handle_timeout(instant);
        }
        while let Some(datagram) = peer.poll() {
            world.send(&mut to_node, &datagram);
        }
        if node_keys && peer_keys {
            return Some(world.now);
        }
        world.now += Duration::from_millis(1);
    }
    None
}

#[test]
fn every_handshake_ends_on_a_lossy_way() {
    let identity = Identity::new().unwrap();
    for one_way in [0, 30, 50, 150].map(Duration::from_millis) {
        for loss in [0.0, 0.05, 0.2] {
            let failed: Vec<u64> = (0..60)
                .filter(|seed| handshake(&identity, *seed, loss, one_way).is_none())
                .collect();
            assert_eq!(failed, [0; 0], "one way {one_way:?}, loss {loss}");
        }
    }
}
