//! Commands in any order keep the tables in step.

use std::time::Duration;

use proptest::prelude::*;

use super::world::{World, leg};
use crate::{
    api::{CallId, Command, Epoch, Hop, Port},
    leg::Far,
    testing::Versions,
};

const LEGS: usize = 4;

#[derive(Debug, Clone)]
enum Operation {
    Open(usize),
    Connect(usize),
    Restart(usize),
    Close(usize),
    Bridge(u8, u32, usize, usize),
    /// With a leg of the other core, as if that were another node's.
    BridgeRemote(u8, u32, usize, usize),
    Unbridge(u8, u32),
    Move(usize),
    Pass(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    let number = 0..LEGS;
    prop_oneof![
        number.clone().prop_map(Operation::Open),
        number.clone().prop_map(Operation::Connect),
        number.clone().prop_map(Operation::Restart),
        number.clone().prop_map(Operation::Close),
        (0..2_u8, 0..4_u32, number.clone(), number.clone())
            .prop_map(|(call, epoch, a, b)| Operation::Bridge(call, epoch, a, b)),
        (0..2_u8, 0..4_u32, number.clone(), number.clone())
            .prop_map(|(call, epoch, a, b)| Operation::BridgeRemote(call, epoch, a, b)),
        (0..2_u8, 0..4_u32).prop_map(|(call, epoch)| Operation::Unbridge(call, epoch)),
        number.prop_map(Operation::Move),
        (0..20_000_u64).prop_map(Operation::Pass),
    ]
}

/// Which worker has a leg.
fn worker_of(world: &World, number: usize) -> Option<u16> {
    let has = |&worker: &u16| world.cores[usize::from(worker)].by_id.contains_key(&leg(number));
    (0..world.cores.len() as u16).find(has)
}

fn apply(world: &mut World, operation: &Operation) {
    match *operation {
        Operation::Open(number) => {
            let offer = world.peers[number].offer();
            world.command_to(0, Command::OpenLeg { leg: leg(number), offer });
        }
        Operation::Connect(number) => world.check(number),
        Operation::Restart(number) => {
            let Some(worker) = worker_of(world, number) else { return };
            world.peers[number].restart_ice();
            let offer = world.peers[number].offer();
            world.command_to(worker, Command::RestartLeg { leg: leg(number), offer });
        }
        Operation::Close(number) => {
            let Some(worker) = worker_of(world, number) else { return };
            world.command_to(worker, Command::CloseLeg { leg: leg(number) });
        }
        Operation::Bridge(call, epoch, a, b) => {
            let Some(worker) = worker_of(world, a) else { return };
            let call = CallId(call.into());
            let legs = [leg(a), leg(b)];
            world.command_to(worker, Command::Bridge { call, epoch: Epoch(epoch), legs });
        }
        Operation::BridgeRemote(call, epoch, a, b) => {
            let Some(worker) = worker_of(world, a) else { return };
            let (call, epoch) = (CallId(call.into()), Epoch(epoch));
            let (leg, remote, hop) = (leg(a), leg(b), Hop(1 - worker));
            world.command_to(worker, Command::BridgeRemote { call, epoch, leg, remote, hop });
        }
        Operation::Unbridge(call, epoch) => {
            for worker in 0..world.cores.len() as u16 {
                let call = CallId(call.into());
                world.command_to(worker, Command::Unbridge { call, epoch: Epoch(epoch) });
            }
        }
        Operation::Move(number) => {
            let Some(from) = worker_of(world, number) else { return };
            let core = &mut world.cores[usize::from(from)];
            let released = core.release(world.now, leg(number), Port(1 - from));
            world.command_to(1 - from, Command::Adopt(released.expect("it has the leg")));
        }
        Operation::Pass(milliseconds) => world.run_silently(Duration::from_millis(milliseconds)),
    }
    // An answer tells the peer where to send its next checks.
    for event in world.take_events() {
        if let crate::api::Event::Answer { leg, sdp } = event {
            world.peers[leg.0 as usize].take_answer(&sdp);
        }
    }
}

fn assert_consistent(world: &World) {
    for core in &world.cores {
        assert_eq!(core.by_id.len(), core.legs.len());
        for (id, &key) in &core.by_id {
            assert_eq!(core.legs[key].id, *id);
            assert!(core.timers.get(key).is_some(), "every leg has a deadline");
        }
        let ufrags = core.legs.iter().map(|(_, leg)| leg.ice.ufrags().count()).sum::<usize>();
        assert_eq!(core.by_ufrag.len(), ufrags);
        let paths = core.legs.iter().map(|(_, leg)| leg.ice.paths().count()).sum::<usize>();
        assert_eq!(core.by_path.len(), paths);
        assert!(
            core.by_ufrag.values().chain(core.by_path.values()).all(|&k| core.legs.contains(k))
        );
        let bridged = core.legs.iter().filter(|(_, leg)| leg.bridged.is_some()).count();
        assert_eq!(bridged, 2 * core.calls.len() - core.channels.len());
        for (key, leg) in &core.legs {
            let channel = leg.channel.as_ref().map(|channel| channel.id());
            match leg.bridged.map(|bridged| bridged.far) {
                None => assert_eq!(channel, None),
                Some(Far::Remote(_)) => {
                    let channel = channel.expect("a way to the other node");
                    assert_eq!(core.channels.get(&channel), Some(&key));
                }
                Some(Far::Here(peer)) => {
                    assert_eq!(channel, None);
                    let back = core.legs[peer].bridged.expect("a bridge has two ends");
                    assert_eq!(back.far, Far::Here(key));
                }
            }
        }
        let warm = core.legs.iter().filter(|(_, leg)| leg.is_warm()).count();
        assert_eq!(core.stats().warm_legs, warm as u64);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_order_keeps_the_tables_in_step(operations in prop::collection::vec(operation(), 0..40)) {
        let mut world = World::with_workers(2);
        for number in 0..LEGS {
            world.invite(number, Versions::Both);
        }
        for operation in &operations {
            apply(&mut world, operation);
            assert_consistent(&world);
        }
    }
}
