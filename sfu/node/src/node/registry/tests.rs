//! The registry without workers and links: commands and events in, orders out.

use std::time::{Duration, Instant};

use sfu_core::api::{
    CallStep, CloseReason, Command, DtlsVersion, Epoch, Event, LegId, Port, RejectReason,
    SrtpProfile,
};
use signaling_wire::{
    control::{
        CallEvent, CarriedCall, CarriedEnds, LegEnd, LegReject, LegState, NodeMessage, NodeState,
        SignalingMessage,
    },
    ids,
};

use super::{LinkId, Order, Registry};
use crate::worker::{Happening, Input, WorkerEvent};

struct Bench {
    registry: Registry,
    now: Instant,
    link: LinkId,
}

fn leg(bits: u128) -> ids::LegId {
    ids::LegId::from_bits(bits)
}

const CALL: ids::CallId = ids::CallId::from_bits(9);

impl Bench {
    fn new(workers: usize) -> Self {
        let link = LinkId::from(([127, 0, 0, 1], 1));
        Self { registry: Registry::new(workers), now: Instant::now(), link }
    }

    fn said(&mut self, message: SignalingMessage) -> Vec<Order> {
        self.registry.command(self.now, self.link, message);
        self.orders()
    }

    fn happened(&mut self, worker: u16, what: Happening) -> Vec<Order> {
        self.registry.event(WorkerEvent { worker: Port(worker), at: self.now, what });
        self.orders()
    }

    fn core(&mut self, worker: u16, event: Event) -> Vec<Order> {
        self.happened(worker, Happening::Core(event))
    }

    fn orders(&mut self) -> Vec<Order> {
        std::iter::from_fn(|| self.registry.poll_order()).collect()
    }

    /// Opens and answers a leg; on which worker.
    fn open(&mut self, bits: u128) -> u16 {
        let sdp = "offer".to_owned();
        let orders = self.said(SignalingMessage::OpenLeg { request: 1, leg: leg(bits), sdp });
        let [Order::Tell(port, Input::Command(Command::OpenLeg { .. }))] = orders[..] else {
            panic!("{orders:?}");
        };
        let answer = Event::Answer { leg: LegId(bits), sdp: "answer".to_owned() };
        let orders = self.core(port.0, answer);
        let [Order::Say(_, NodeMessage::LegAnswer { .. })] = orders[..] else {
            panic!("{orders:?}");
        };
        port.0
    }

    fn bridge(&mut self, epoch: u32, legs: [u128; 2]) -> Vec<Order> {
        self.said(SignalingMessage::Bridge { call: CALL, epoch, legs: legs.map(leg) })
    }
}

fn bridged(orders: &[Order]) -> Option<(u16, u32)> {
    orders.iter().find_map(|order| match order {
        Order::Tell(port, Input::Command(Command::Bridge { epoch, .. })) => Some((port.0, epoch.0)),
        _ => None,
    })
}

fn states(orders: &[Order]) -> Vec<LegState> {
    let said = orders.iter().filter_map(|order| match order {
        Order::Say(_, NodeMessage::LegState { state, .. }) => Some(state.clone()),
        _ => None,
    });
    said.collect()
}

#[test]
fn legs_go_where_the_fewest_are() {
    let mut bench = Bench::new(2);
    assert_eq!([bench.open(1), bench.open(2), bench.open(3)], [0, 1, 0]);
    let closed = Event::Closed { leg: LegId(1), reason: CloseReason::PeerClosed };
    assert_eq!(states(&bench.core(0, closed)), [LegState::Closed { reason: LegEnd::PeerClosed }]);
    assert_eq!(bench.registry.load(0.0).legs, 2);
    let closed = Event::Closed { leg: LegId(3), reason: CloseReason::PeerClosed };
    bench.core(0, closed);
    assert_eq!(bench.open(4), 0);
}

#[test]
fn bridge_on_one_worker_needs_no_move() {
    let mut bench = Bench::new(1);
    bench.open(1);
    bench.open(2);
    assert_eq!(bridged(&bench.bridge(1, [1, 2])), Some((0, 1)));
    assert_eq!(bench.registry.load(0.0).calls, 1);
}

#[test]
fn younger_leg_moves_and_what_it_is_told_meanwhile_comes_after() {
    let mut bench = Bench::new(2);
    assert_eq!((bench.open(1), bench.open(2)), (0, 1));
    let orders = bench.bridge(1, [2, 1]);
    let [Order::Tell(Port(1), Input::Release { leg: LegId(2), to: Port(0) })] = orders[..] else {
        panic!("{orders:?}");
    };
    // Neither worker could carry this out now.
    let sdp = "restart".to_owned();
    let restart = SignalingMessage::RestartLeg { request: 7, leg: leg(2), sdp };
    assert!(bench.said(restart).is_empty());

    let orders = bench.happened(0, Happening::Adopted(LegId(2)));
    assert!(
        matches!(
            orders[..],
            [
                Order::Tell(Port(0), Input::Command(Command::RestartLeg { .. })),
                Order::Tell(Port(0), Input::Command(Command::Bridge { .. })),
            ]
        ),
        "{orders:?}"
    );
    // And the next leg goes to the worker that is empty now.
    assert_eq!(bench.open(3), 1);
}

#[test]
fn leg_closed_while_it_moves_is_closed_on_arrival() {
    let mut bench = Bench::new(2);
    bench.open(1);
    bench.open(2);
    bench.bridge(1, [1, 2]);
    assert!(bench.said(SignalingMessage::CloseLeg { leg: leg(2) }).is_empty());
    let orders = bench.happened(0, Happening::Adopted(LegId(2)));
    assert!(
        matches!(orders[0], Order::Tell(Port(0), Input::Command(Command::CloseLeg { .. }))),
        "{orders:?}"
    );
}

#[test]
fn leg_that_stays_gets_what_was_held() {
    let mut bench = Bench::new(2);
    bench.open(1);
    bench.open(2);
    bench.bridge(1, [1, 2]);
    bench.said(SignalingMessage::CloseLeg { leg: leg(2) });
    let orders = bench.happened(1, Happening::NotReleased(LegId(2)));
    assert!(
        matches!(orders[..], [Order::Tell(Port(1), Input::Command(Command::CloseLeg { .. }))]),
        "{orders:?}"
    );
}

#[test]
fn newer_epoch_replaces_and_older_commands_are_ignored() {
    let mut bench = Bench::new(1);
    for bits in [1, 2, 3] {
        bench.open(bits);
    }
    bench.bridge(1, [1, 2]);
    assert_eq!(bridged(&bench.bridge(2, [1, 3])), Some((0, 2)));
    assert_eq!(bridged(&bench.bridge(1, [1, 2])), None, "an old bridge came back");
    let unbridge = |epoch| SignalingMessage::Unbridge { call: CALL, epoch };
    assert!(bench.said(unbridge(1)).is_empty(), "an old unbridge ended a new bridge");
    let orders = bench.said(unbridge(2));
    assert!(
        matches!(
            orders[..],
            [Order::Tell(Port(0), Input::Command(Command::Unbridge { epoch: Epoch(2), .. }))]
        ),
        "{orders:?}"
    );
    assert_eq!(bench.registry.load(0.0).calls, 0);
}

#[test]
fn newer_epoch_on_another_worker_ends_the_former_one() {
    let mut bench = Bench::new(2);
    // 1 and 3 on worker 0, 2 and 4 on worker 1.
    for bits in [1, 2, 3, 4] {
        bench.open(bits);
    }
    assert_eq!(bridged(&bench.bridge(1, [1, 3])), Some((0, 1)));
    let orders = bench.bridge(2, [2, 4]);
    assert!(
        matches!(
            orders[..],
            [
                Order::Tell(Port(0), Input::Command(Command::Unbridge { epoch: Epoch(1), .. })),
                Order::Tell(Port(1), Input::Command(Command::Bridge { epoch: Epoch(2), .. })),
            ]
        ),
        "{orders:?}"
    );
}

#[test]
fn bridge_with_a_leg_that_is_gone_says_so() {
    let mut bench = Bench::new(1);
    bench.open(1);
    let orders = bench.bridge(1, [1, 2]);
    assert_eq!(states(&orders), [LegState::Closed { reason: LegEnd::ConsentLost }]);
    assert_eq!(bench.registry.load(0.0).calls, 0);
}

#[test]
fn call_events_carry_the_time_since_the_bridge_command() {
    let mut bench = Bench::new(1);
    bench.open(1);
    bench.open(2);
    bench.bridge(1, [1, 2]);
    bench.now += Duration::from_micros(1_500);
    let event = |epoch| Event::Call {
        call: sfu_core::api::CallId(CALL.bits()),
        epoch: Epoch(epoch),
        leg: LegId(1),
        step: CallStep::Bridged,
    };
    let orders = bench.core(0, event(1));
    let [Order::Say(_, NodeMessage::CallEvent { event: CallEvent::Bridged, at_us, .. })] =
        orders[..]
    else {
        panic!("{orders:?}");
    };
    assert_eq!(at_us, 1_500);
    assert!(bench.core(0, event(0)).is_empty(), "an event of another epoch was reported");
}

#[test]
fn rejected_leg_is_forgotten_but_a_rejected_restart_keeps_it() {
    let mut bench = Bench::new(1);
    let open = SignalingMessage::OpenLeg { request: 4, leg: leg(1), sdp: "bad".to_owned() };
    bench.said(open);
    let rejected = Event::Rejected { leg: LegId(1), reason: RejectReason::BadOffer };
    let orders = bench.core(0, rejected.clone());
    assert!(
        matches!(
            orders[..],
            [Order::Say(
                _,
                NodeMessage::LegRejected { request: 4, reason: LegReject::BadOffer, .. }
            )]
        ),
        "{orders:?}"
    );
    assert!(bench.registry.is_empty());

    bench.open(1);
    let sdp = "bad".to_owned();
    bench.said(SignalingMessage::RestartLeg { request: 5, leg: leg(1), sdp });
    bench.core(0, rejected);
    assert!(!bench.registry.is_empty());
}

#[test]
fn lost_link_is_told_afterwards_how_its_legs_are() {
    let mut bench = Bench::new(1);
    bench.open(1);
    bench.core(0, Event::Connected { leg: LegId(1) });
    let other = LinkId::from(([127, 0, 0, 1], 2));
    assert_eq!(bench.registry.legs_of(bench.link), [leg(1)]);
    assert!(bench.registry.legs_of(other).is_empty());
    bench.registry.link_up(bench.link);
    assert_eq!(states(&bench.orders()), [LegState::Connected]);
    bench.registry.link_up(other);
    assert!(bench.orders().is_empty());
}

#[test]
fn lost_worker_loses_its_legs_only() {
    let mut bench = Bench::new(2);
    bench.open(1);
    bench.open(2);
    let orders = bench.happened(0, Happening::Lost { restarted: true });
    assert_eq!(states(&orders), [LegState::Closed { reason: LegEnd::NodeStopping }]);
    assert_eq!(bench.registry.load(0.0).legs, 1);
    assert_eq!(bench.open(3), 0, "a restarted worker is used again");

    bench.happened(0, Happening::Lost { restarted: false });
    assert_eq!(bench.registry.load(0.0).state, NodeState::Draining);
    let open = SignalingMessage::OpenLeg { request: 1, leg: leg(5), sdp: String::new() };
    let orders = bench.said(open);
    assert!(
        matches!(
            orders[..],
            [Order::Say(_, NodeMessage::LegRejected { reason: LegReject::NoCapacity, .. })]
        ),
        "{orders:?}"
    );
}

#[test]
fn leg_that_arrives_after_it_was_given_up_is_closed() {
    let mut bench = Bench::new(2);
    bench.open(1);
    bench.open(2);
    bench.bridge(1, [1, 2]);
    bench.happened(1, Happening::Lost { restarted: true });
    let orders = bench.happened(0, Happening::Adopted(LegId(2)));
    assert!(
        matches!(orders[..], [Order::Tell(Port(0), Input::Command(Command::CloseLeg { .. }))]),
        "{orders:?}"
    );
}

#[test]
fn stopping_closes_every_leg_and_takes_no_more() {
    let mut bench = Bench::new(1);
    bench.open(1);
    bench.registry.stop();
    let orders = bench.orders();
    assert!(
        matches!(orders[..], [Order::Tell(Port(0), Input::Command(Command::CloseLeg { .. }))]),
        "{orders:?}"
    );
    let closed = Event::Closed { leg: LegId(1), reason: CloseReason::Asked };
    assert_eq!(states(&bench.core(0, closed)), [LegState::Closed { reason: LegEnd::NodeStopping }]);
    assert!(bench.registry.is_empty());
}

#[test]
fn worker_that_takes_nothing_refuses_the_leg() {
    let mut bench = Bench::new(1);
    let open = SignalingMessage::OpenLeg { request: 3, leg: leg(1), sdp: String::new() };
    let mut orders = bench.said(open);
    let Some(Order::Tell(_, input)) = orders.pop() else { panic!("{orders:?}") };
    bench.registry.refused(input);
    let orders = bench.orders();
    assert!(
        matches!(orders[..], [Order::Say(_, NodeMessage::LegRejected { request: 3, .. })]),
        "{orders:?}"
    );
    assert!(bench.registry.is_empty());
}

#[test]
fn whoever_leads_gets_everything_and_the_former_leader_is_not_obeyed() {
    let mut bench = Bench::new(1);
    let (first, second) = (bench.link, LinkId::from(([127, 0, 0, 1], 2)));
    bench.said(SignalingMessage::Lead { term: 4 });
    bench.open(1);
    bench.open(2);
    let (dtls, srtp) = (DtlsVersion::V1_3, SrtpProfile::AeadAes128Gcm);
    bench.core(0, Event::Warm { leg: LegId(1), dtls, srtp });
    bench.bridge(1, [1, 2]);
    // Not answered yet when the leader is lost.
    let sdp = "restart".to_owned();
    bench.said(SignalingMessage::RestartLeg { request: 7, leg: leg(2), sdp });

    bench.link = second;
    let orders = bench.said(SignalingMessage::Lead { term: 5 });
    let Order::Say(to, NodeMessage::Carries { term: 5, legs, calls }) = &orders[0] else {
        panic!("{orders:?}");
    };
    let mut legs = legs.clone();
    legs.sort();
    assert_eq!((*to, legs), (second, vec![leg(1), leg(2)]));
    assert_eq!(
        calls[..],
        [CarriedCall { call: CALL, epoch: 1, ends: CarriedEnds::Here([leg(1), leg(2)]) }]
    );
    assert!(matches!(states(&orders)[..], [LegState::Warm { .. }]), "{orders:?}");
    // Its number means nothing to the new leader, which may use the same.
    let answer = Event::Answer { leg: LegId(2), sdp: "answer".to_owned() };
    assert!(matches!(bench.core(0, answer)[..], [Order::Say(to, _)] if to == first));

    bench.link = first;
    assert!(bench.said(SignalingMessage::CloseLeg { leg: leg(1) }).is_empty());
    assert!(bridged(&bench.bridge(9, [1, 2])).is_none());
    assert!(bench.said(SignalingMessage::Unbridge { call: CALL, epoch: 9 }).is_empty());
    assert!(bench.said(SignalingMessage::Lead { term: 4 }).is_empty());
    let open = SignalingMessage::OpenLeg { request: 8, leg: leg(3), sdp: String::new() };
    let orders = bench.said(open);
    assert!(
        matches!(orders[..], [Order::Say(to, NodeMessage::LegRejected { request: 8, .. })] if to == first),
        "{orders:?}"
    );
    bench.link = second;
    assert_eq!(bridged(&bench.bridge(2, [1, 2])), Some((0, 2)));
}
