use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

use super::{Agent, Check, LocalCredentials, MAX_PATHS, Outcome, Path};
use crate::{
    api::Port,
    testing::{Peer, Versions},
};

struct Setup {
    agent: Agent,
    peer: Peer,
    now: Instant,
    rng: StdRng,
}

impl Setup {
    fn new() -> Self {
        let now = Instant::now();
        let mut rng = StdRng::from_seed([1; 32]);
        let mut peer = Peer::new(1, Versions::Both, now);
        let local = LocalCredentials::generate(Port(0), &mut rng);
        peer.node = (local.ufrag.to_string(), local.pwd.to_string());
        Self { agent: Agent::new(local, peer.ufrag.clone(), now), peer, now, rng }
    }

    fn send(&mut self, from: Path, data: &[u8]) -> Outcome {
        let check = Check::parse(data).expect("a well-formed check");
        self.agent.handle_check(self.now, from, check)
    }

    fn check(&mut self, from: Path, nominate: bool) -> Outcome {
        let data = self.peer.check(nominate);
        self.send(from, &data)
    }
}

fn path(host: u8) -> Path {
    Path::udp(Port(0), SocketAddr::from(([203, 0, 113, host], 5_000)))
}

#[test]
fn the_first_validated_path_carries_until_one_is_nominated() {
    let mut setup = Setup::new();
    assert_eq!(setup.agent.send_path(), None);
    assert!(matches!(setup.check(path(1), false), Outcome::Valid(_)));
    setup.check(path(2), false);
    assert_eq!(setup.agent.send_path(), Some(path(1)));
    setup.check(path(2), true);
    assert_eq!(setup.agent.send_path(), Some(path(2)));
}

#[test]
fn the_latest_nomination_wins() {
    let mut setup = Setup::new();
    for host in [1, 2, 1, 3] {
        setup.check(path(host), true);
        assert_eq!(setup.agent.send_path(), Some(path(host)));
    }
    setup.check(path(1), false);
    assert_eq!(setup.agent.send_path(), Some(path(3)), "a plain check does not nominate");
}

#[test]
fn an_overheard_check_is_not_good_from_elsewhere() {
    let mut setup = Setup::new();
    let first = setup.peer.check(true);
    assert!(matches!(setup.send(path(1), &first), Outcome::Valid(_)));
    assert!(matches!(setup.send(path(1), &first), Outcome::Valid(_)), "its answer was lost");
    assert!(matches!(setup.send(path(2), &first), Outcome::Replayed));
    assert_eq!(setup.agent.paths().count(), 1);

    setup.check(path(3), true);
    assert!(matches!(setup.send(path(1), &first), Outcome::Replayed), "nor from where it came");
    assert_eq!(setup.agent.send_path(), Some(path(3)));
}

#[test]
fn a_wrong_password_has_no_effect() {
    let mut setup = Setup::new();
    let forged = setup.peer.forged_check();
    assert!(matches!(setup.send(path(1), &forged), Outcome::Unauthenticated));
    assert_eq!(setup.agent.send_path(), None);
    assert_eq!(setup.agent.paths().count(), 0);
}

#[test]
fn another_peers_user_name_has_no_effect() {
    let mut setup = Setup::new();
    setup.peer.ufrag = "other".into();
    assert!(matches!(setup.check(path(1), true), Outcome::Unauthenticated));
    assert_eq!(setup.agent.paths().count(), 0);
}

#[test]
fn a_controlled_peer_is_corrected_and_nothing_else() {
    let mut setup = Setup::new();
    let check = setup.peer.controlled_check();
    let Outcome::RoleConflict(response) = setup.send(path(1), &check) else {
        panic!("an error response");
    };
    assert!(response.len() <= check.len());
    setup.peer.handle(setup.now, &response);
    assert_eq!(setup.agent.paths().count(), 0);
}

#[test]
fn the_answer_tells_the_address_and_does_not_amplify() {
    let mut setup = Setup::new();
    let v6 = Path::udp(Port(0), "[2001:db8::7]:4000".parse().expect("an address"));
    for from in [path(9), v6] {
        let check = setup.peer.check(true);
        let Outcome::Valid(accepted) = setup.send(from, &check) else { panic!("valid") };
        assert!(accepted.response.len() <= check.len());
        setup.peer.handle(setup.now, &accepted.response);
        assert_eq!(setup.peer.answers.pop(), Some(from.remote));
    }
}

#[test]
fn paths_are_bounded_and_the_nominated_one_stays() {
    let mut setup = Setup::new();
    setup.check(path(0), true);
    for host in 1..50 {
        setup.now += Duration::from_millis(1);
        let Outcome::Valid(accepted) = setup.check(path(host), false) else { panic!("valid") };
        let expected = host.checked_sub(MAX_PATHS as u8 - 1).filter(|&host| host > 0).map(path);
        assert_eq!(accepted.evicted, expected);
    }
    assert_eq!(setup.agent.paths().count(), MAX_PATHS);
    assert_eq!(setup.agent.send_path(), Some(path(0)));
}

#[test]
fn a_restart_keeps_the_old_credentials_until_the_new_ones_nominate() {
    let mut setup = Setup::new();
    setup.check(path(1), true);
    let old = setup.peer.check(true);
    let old_ufrag = setup.agent.current.local.ufrag;

    let local = LocalCredentials::generate(Port(0), &mut setup.rng);
    setup.peer.restart_ice();
    setup.peer.node = (local.ufrag.to_string(), local.pwd.to_string());
    assert_eq!(setup.agent.restart(local, setup.peer.ufrag.clone()), None);

    assert!(matches!(setup.send(path(1), &old), Outcome::Valid(_)), "still valid");
    setup.check(path(2), false);
    assert_eq!(setup.agent.send_path(), Some(path(1)));
    let Outcome::Valid(accepted) = setup.check(path(2), true) else { panic!("valid") };
    assert_eq!(accepted.retired, Some(old_ufrag));
    assert!(matches!(setup.send(path(1), &old), Outcome::Unauthenticated));
    assert_eq!(setup.agent.send_path(), Some(path(2)));
}

#[test]
fn what_follows_the_integrity_is_ignored() {
    let mut setup = Setup::new();
    let nominating = setup.peer.check_with_trailing_use_candidate();
    assert!(matches!(setup.send(path(1), &nominating), Outcome::Valid(_)));
    assert_eq!(setup.agent.nominated, None);
}

proptest! {
    #[test]
    fn garbage_is_no_check(mut data in prop::collection::vec(any::<u8>(), 0..200), stun in any::<bool>()) {
        if stun && data.len() >= 20 {
            data[0] = 0;
            data[1] = 1;
            data[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
            let length = (data.len() as u16 - 20) & !3;
            data[2..4].copy_from_slice(&length.to_be_bytes());
        }
        prop_assert!(Check::parse(&data).is_none());
    }

    #[test]
    fn a_changed_check_is_not_valid(flip in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<prop::sample::Index>()) {
        let mut setup = Setup::new();
        let good = setup.peer.check(true);
        let mut changed = good.clone();
        changed[flip.index(good.len())] ^= 1 << bit;
        let truncated = good[..cut.index(good.len())].to_vec();
        for bad in [changed, truncated] {
            if let Some(check) = Check::parse(&bad) {
                let outcome = setup.agent.handle_check(setup.now, path(1), check);
                prop_assert!(matches!(outcome, Outcome::Unauthenticated));
            }
        }
        prop_assert_eq!(setup.agent.paths().count(), 0);
    }
}
