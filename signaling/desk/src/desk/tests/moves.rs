mod walk;

use signaling_wire::browser::{MediaState, ServerMessage};

use super::*;
use crate::{MoveCause, Moved, NodeHealth, Seat};

fn node(id: u128) -> NodeId {
    NodeId::from_bits(id)
}

fn health(world: &mut World, id: u128, health: NodeHealth) {
    world.input(Input::NodeHealth { node: node(id), health });
}

/// The legs that carry the call of [`World::call`].
fn legs(world: &World) -> [LegId; 2] {
    let shopper = world.desk.shoppers[&LinkId::from_bits(1)].page.warm;
    let agent = world.desk.agents[&AgentId::from_bits(1)].page.warm;
    [shopper, agent].map(Option::unwrap)
}

fn silent(world: &mut World, socket: SocketId, leg: LegId, for_ms: u32) {
    world.says(socket, ClientMessage::LegSilent { leg, for_ms });
}

/// Whether the page was told to open another leg.
fn told(world: &mut World, socket: SocketId) -> bool {
    world.heard(socket).iter().any(|message| matches!(message, ServerMessage::LegMove { .. }))
}

fn switched(world: &mut World, socket: SocketId, leg: LegId, media: bool) {
    world.says(socket, ClientMessage::LegSwitched { leg, media });
}

fn ends_of_moves(world: &World) -> Vec<(MoveCause, Moved)> {
    let ends = world.media.iter().filter_map(|effect| match effect {
        Effect::Moved { cause, how, .. } => Some((*cause, *how)),
        _ => None,
    });
    ends.collect()
}

fn bridges(world: &World) -> Vec<(u32, [LegId; 2])> {
    let bridges = world.media.iter().filter_map(|effect| match effect {
        Effect::Bridge { epoch, legs, .. } => Some((*epoch, *legs)),
        _ => None,
    });
    bridges.collect()
}

#[test]
fn a_dead_node_is_left_as_soon_as_a_page_confirms_it() {
    let mut world = World::new();
    let talk = world.call();
    let old = legs(&world);
    health(&mut world, 1, NodeHealth::Silent);
    assert!(!told(&mut world, talk.shopper), "signaling alone may be out of its reach");
    world.media.clear();
    silent(&mut world, talk.agent, old[1], 500);
    assert!(told(&mut world, talk.shopper) && told(&mut world, talk.agent));
    let seats =
        [Some(Seat::Shopper(LinkId::from_bits(1))), Some(Seat::Agent(AgentId::from_bits(1)))];
    assert_eq!(world.media, [Effect::Evade { seats, node: node(1) }]);

    let shopper = world.warm_on(talk.shopper, node(2));
    assert_eq!(bridges(&world), [], "a call has both its legs on the new node, or none");
    let agent = world.warm_on(talk.agent, node(2));
    assert_eq!(bridges(&world), [(2, [shopper, agent])]);
    let epochs = world.stored.iter().filter_map(|verb| match verb {
        Verb::Bridged { epoch, .. } => Some(*epoch),
        _ => None,
    });
    assert_eq!(epochs.collect::<Vec<_>>(), [1, 2], "one record, two bridges");
    assert!(!world.media.contains(&Effect::CloseLeg { leg: old[0] }));
    switched(&mut world, talk.shopper, shopper, true);
    switched(&mut world, talk.agent, agent, true);
    for leg in old {
        assert!(world.media.contains(&Effect::CloseLeg { leg }), "fenced off, should it wake");
    }
    assert_eq!(ends_of_moves(&world), [(MoveCause::NodeLost, Moved::Done)]);
    assert_eq!(world.ends().len(), 0);
    // What is left of the dead node is not taken for the call's.
    world.input(Input::LegWarm { leg: old[0] });
    assert_eq!(world.media.last(), Some(&Effect::CloseLeg { leg: old[0] }));
    assert_eq!(bridges(&world).len(), 1);
    world.media.clear();
    let place = LegPlace { node: node(1), ..place() };
    world.input(Input::Found { place, legs: old.to_vec(), calls: Vec::new() });
    assert_eq!(world.media, old.map(|leg| Effect::CloseLeg { leg }), "it was frozen, and wakes");
}

#[test]
fn a_page_that_is_first_is_believed_when_the_link_falls_silent() {
    let mut world = World::new();
    let talk = world.call();
    let [shopper, _] = legs(&world);
    silent(&mut world, talk.shopper, shopper, 600);
    assert!(!told(&mut world, talk.shopper), "it may be the page's own network");
    world.pass(Duration::from_millis(300));
    health(&mut world, 1, NodeHealth::Silent);
    assert!(told(&mut world, talk.shopper));
}

#[test]
fn a_word_that_is_old_counts_no_more() {
    let mut world = World::new();
    let talk = world.call();
    let [shopper, _] = legs(&world);
    silent(&mut world, talk.shopper, shopper, 600);
    world.pass_s(2);
    health(&mut world, 1, NodeHealth::Lost);
    assert!(!told(&mut world, talk.shopper), "the page has heard something since");
}

#[test]
fn a_node_cut_off_from_signaling_keeps_its_calls() {
    let mut world = World::new();
    let talk = world.call();
    world.media.clear();
    health(&mut world, 1, NodeHealth::Silent);
    health(&mut world, 1, NodeHealth::Lost);
    world.pass_s(120);
    assert!(!told(&mut world, talk.shopper) && !told(&mut world, talk.agent));
    assert_eq!(world.media, []);
    health(&mut world, 1, NodeHealth::Well);
    assert_eq!(world.ends().len(), 0);
}

#[test]
fn a_node_that_no_page_hears_is_left_although_it_speaks() {
    let mut world = World::new();
    let talk = world.call();
    let [shopper, agent] = legs(&world);
    silent(&mut world, talk.shopper, shopper, 1_500);
    assert!(!told(&mut world, talk.shopper), "one page: its own network");
    silent(&mut world, talk.agent, agent, 900);
    assert!(!told(&mut world, talk.agent), "it may be back in a moment");
    silent(&mut world, talk.shopper, shopper, 1_700);
    silent(&mut world, talk.agent, agent, 1_100);
    assert!(told(&mut world, talk.shopper) && told(&mut world, talk.agent));
}

#[test]
fn a_page_that_reaches_signaling_and_not_its_node_gets_another_one() {
    let mut world = World::new();
    let talk = world.call();
    let [shopper, _] = legs(&world);
    silent(&mut world, talk.shopper, shopper, 2_800);
    assert!(!told(&mut world, talk.shopper), "it restarts ICE");
    silent(&mut world, talk.shopper, shopper, 3_050);
    assert!(told(&mut world, talk.shopper) && told(&mut world, talk.agent));
}

#[test]
fn a_draining_node_gives_its_calls_away_while_it_carries_them() {
    let mut world = World::new();
    let talk = world.call();
    let old = legs(&world);
    world.media.clear();
    health(&mut world, 1, NodeHealth::Draining);
    assert!(told(&mut world, talk.shopper) && told(&mut world, talk.agent));
    let new = [world.warm_on(talk.shopper, node(2)), world.warm_on(talk.agent, node(2))];
    assert_eq!(bridges(&world), [(2, new)]);
    switched(&mut world, talk.shopper, new[0], true);
    let closed = |world: &World, leg| world.media.contains(&Effect::CloseLeg { leg });
    assert!(!closed(&world, old[0]), "the agent still sees the shopper on it");
    switched(&mut world, talk.agent, new[1], true);
    assert!(closed(&world, old[0]) && closed(&world, old[1]));
    assert_eq!(ends_of_moves(&world), [(MoveCause::Drain, Moved::Done)]);
    world.pass_s(60);
    assert_eq!(bridges(&world).len(), 1);
}

#[test]
fn both_pages_open_legs_although_only_one_of_their_nodes_is_left() {
    let mut world = World::new();
    let console = world.available(agent(1, &[], &[]));
    world.warm_on(console, node(2));
    let shopper = world.shopper(link(1));
    let stays = world.warm_on(shopper, node(1));
    world.says(shopper, ClientMessage::Join { media: MediaChoice::Video });
    let offer = world.ring(console).unwrap();
    world.says(console, ClientMessage::Accept { offer: offer.offer });
    world.media.clear();
    health(&mut world, 2, NodeHealth::Draining);
    let seats =
        [Some(Seat::Shopper(LinkId::from_bits(1))), Some(Seat::Agent(AgentId::from_bits(1)))];
    assert_eq!(world.media, [Effect::Evade { seats, node: node(2) }]);
    assert!(told(&mut world, shopper) && told(&mut world, console));
    let new = [world.warm_on(shopper, node(1)), world.warm_on(console, node(3))];
    assert_eq!(bridges(&world), [(2, new)]);
    assert!(!world.media.contains(&Effect::CloseLeg { leg: stays }), "it shows the picture");
    switched(&mut world, shopper, new[0], true);
    switched(&mut world, console, new[1], true);
    assert!(world.media.contains(&Effect::CloseLeg { leg: stays }));
    assert_eq!(ends_of_moves(&world), [(MoveCause::Drain, Moved::Done)]);
}

#[test]
fn a_call_that_finds_no_node_stays_and_is_asked_again() {
    let mut world = World::new();
    let talk = world.call();
    world.media.clear();
    health(&mut world, 1, NodeHealth::Draining);
    assert!(told(&mut world, talk.shopper));
    world.pass_s(4);
    assert!(told(&mut world, talk.shopper), "again");
    world.pass_s(100);
    assert_eq!(bridges(&world), []);
    assert!(told(&mut world, talk.shopper), "for as long as it drains");
    // The drain is undone.
    health(&mut world, 1, NodeHealth::Well);
    world.pass_s(60);
    assert_eq!(ends_of_moves(&world).last(), Some(&(MoveCause::Drain, Moved::Over)));
    world.heard(talk.shopper);
    world.pass_s(60);
    assert!(!told(&mut world, talk.shopper));
    assert_eq!(world.ends().len(), 0);
}

#[test]
fn nothing_on_the_new_legs_means_all_again() {
    let mut world = World::new();
    let talk = world.call();
    let media = MediaState { microphone: true, camera: true, screen: false };
    for socket in [talk.shopper, talk.agent] {
        world.says(socket, ClientMessage::Media(media));
    }
    health(&mut world, 1, NodeHealth::Draining);
    world.heard(talk.agent);
    let new = [world.warm_on(talk.shopper, node(2)), world.warm_on(talk.agent, node(2))];
    switched(&mut world, talk.shopper, new[0], true);
    switched(&mut world, talk.agent, new[1], false);
    assert_eq!(ends_of_moves(&world), [(MoveCause::Drain, Moved::Again)]);
    assert!(told(&mut world, talk.agent));
    let third = [world.warm_on(talk.shopper, node(3)), world.warm_on(talk.agent, node(3))];
    assert_eq!(bridges(&world).last(), Some(&(3, third)));
    for leg in new {
        assert!(world.media.contains(&Effect::CloseLeg { leg }), "it carried nothing");
    }
}

#[test]
fn a_page_that_never_switches_does_not_keep_the_former_legs_for_ever() {
    let mut world = World::new();
    let talk = world.call();
    let old = legs(&world);
    health(&mut world, 1, NodeHealth::Draining);
    world.warm_on(talk.shopper, node(2));
    world.warm_on(talk.agent, node(2));
    world.pass_s(5);
    for leg in old {
        assert!(world.media.contains(&Effect::CloseLeg { leg }));
    }
}

#[test]
fn the_end_of_a_call_ends_its_move() {
    let mut world = World::new();
    let talk = world.call();
    health(&mut world, 1, NodeHealth::Draining);
    let next = world.warm_on(talk.shopper, node(2));
    world.says(talk.agent, ClientMessage::HangUp);
    assert!(world.media.contains(&Effect::CloseLeg { leg: next }));
    assert_eq!(ends_of_moves(&world), [(MoveCause::Drain, Moved::Over)]);
    assert_eq!(world.ends().len(), 1);
}

#[test]
fn a_page_that_comes_back_in_the_middle_is_told_again() {
    let mut world = World::new();
    let talk = world.call();
    let [shopper, _] = legs(&world);
    world.drop_socket(talk.shopper);
    health(&mut world, 1, NodeHealth::Draining);
    let back = world.shopper_with_leg(link(1), Some(shopper));
    assert!(told(&mut world, back));
}

#[test]
fn idle_pages_leave_a_node_that_drains_or_is_lost() {
    for state in [NodeHealth::Draining, NodeHealth::Lost] {
        let mut world = World::new();
        let shopper = world.shopper(link(1));
        let old = world.warm(shopper);
        health(&mut world, 1, state);
        world.pass_s(1);
        assert!(told(&mut world, shopper), "{state:?}");
        world.warm_on(shopper, node(2));
        assert!(world.media.contains(&Effect::CloseLeg { leg: old }));
        world.pass_s(30);
        assert!(!told(&mut world, shopper));
    }
}

#[test]
fn a_page_that_is_gone_keeps_no_draining_node_from_being_empty() {
    let mut world = World::new();
    let shopper = world.shopper(link(1));
    let old = world.warm(shopper);
    world.drop_socket(shopper);
    world.pass_s(1);
    assert!(!world.media.contains(&Effect::CloseLeg { leg: old }), "its node serves");
    health(&mut world, 1, NodeHealth::Draining);
    world.pass_s(1);
    assert!(world.media.contains(&Effect::CloseLeg { leg: old }));
    let back = world.shopper_with_leg(link(1), Some(old));
    assert!(!world.welcomed[&back].1, "the page opens another");
    let talk = world.call();
    let [shopper, _] = legs(&world);
    world.drop_socket(talk.shopper);
    health(&mut world, 1, NodeHealth::Draining);
    world.pass_s(1);
    assert!(!world.media.contains(&Effect::CloseLeg { leg: shopper }), "it carries a call");
}

#[test]
fn an_idle_page_leaves_nodes_that_drain_one_after_the_other_at_once() {
    let mut world = World::new();
    let shopper = world.shopper(link(1));
    world.warm(shopper);
    for id in 1..=3 {
        health(&mut world, id, NodeHealth::Draining);
        world.pass_s(1);
        assert!(told(&mut world, shopper), "node {id}");
        world.warm_on(shopper, node(id + 1));
    }
}

#[test]
fn a_node_that_dies_while_a_call_opens_legs_on_it_is_not_waited_for() {
    let mut world = World::new();
    let talk = world.call();
    let [_, agent] = legs(&world);
    health(&mut world, 1, NodeHealth::Silent);
    silent(&mut world, talk.agent, agent, 500);
    assert!(told(&mut world, talk.shopper) && told(&mut world, talk.agent));
    world.warm_on(talk.shopper, node(2));
    health(&mut world, 2, NodeHealth::Silent);
    assert!(told(&mut world, talk.shopper) && told(&mut world, talk.agent));
    let new = [world.warm_on(talk.shopper, node(3)), world.warm_on(talk.agent, node(3))];
    assert_eq!(bridges(&world).last(), Some(&(2, new)));
}

#[test]
fn a_node_that_dies_before_it_has_carried_anything_is_not_waited_for() {
    let mut world = World::new();
    let talk = world.call();
    let [shopper, agent] = legs(&world);
    health(&mut world, 1, NodeHealth::Silent);
    silent(&mut world, talk.agent, agent, 500);
    world.warm_on(talk.shopper, node(2));
    world.warm_on(talk.agent, node(2));
    world.heard(talk.shopper);
    silent(&mut world, talk.shopper, shopper, 1_500);
    silent(&mut world, talk.agent, agent, 1_500);
    assert!(!told(&mut world, talk.shopper), "that is the dead node");
    health(&mut world, 2, NodeHealth::Silent);
    assert!(told(&mut world, talk.shopper) && told(&mut world, talk.agent));
}

#[test]
fn many_calls_leave_a_node_a_few_at_a_time() {
    let mut world = World::new();
    let mut pages = Vec::new();
    for i in 1..=30 {
        let console = world.available(agent(i, &[], &[]));
        world.warm(console);
        let shopper = world.shopper(link(i));
        world.warm(shopper);
        world.says(shopper, ClientMessage::Join { media: MediaChoice::Video });
        let offer = world.ring(console).unwrap();
        world.says(console, ClientMessage::Accept { offer: offer.offer });
        pages.push((shopper, console));
    }
    health(&mut world, 1, NodeHealth::Draining);
    let mut left = pages.len();
    for _ in 0..30 {
        world.pass_s(1);
        let moving: Vec<_> =
            pages.iter().copied().filter(|(shopper, _)| told(&mut world, *shopper)).collect();
        assert!(moving.len() <= 8, "{} at once", moving.len());
        for (shopper, console) in moving {
            let legs = [world.warm_on(shopper, node(2)), world.warm_on(console, node(2))];
            switched(&mut world, shopper, legs[0], true);
            switched(&mut world, console, legs[1], true);
            left -= 1;
        }
    }
    assert_eq!(left, 0);
    assert!(world.desk.legs.values().all(|home| home.place.node == node(2)));
    assert_eq!(world.ends().len(), 0);
}
