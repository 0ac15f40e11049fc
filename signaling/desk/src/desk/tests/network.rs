use signaling_wire::{
    browser::{NetworkWord, Role, VideoPaused},
    control::LegQuality,
};

use super::*;

/// The legs of the shopper and the agent in [`World::call`].
fn legs(world: &World) -> [LegId; 2] {
    let shopper = world.desk.shoppers[&LinkId::from_bits(1)].page.warm;
    let agent = world.desk.agents[&AgentId::from_bits(1)].page.warm;
    [shopper, agent].map(Option::unwrap)
}

fn paused(world: &mut World, socket: SocketId) -> Option<VideoPaused> {
    world.heard(socket).into_iter().find_map(|message| match message {
        ServerMessage::VideoPaused(paused) => Some(paused),
        _ => None,
    })
}

#[test]
fn both_pages_hear_whose_picture_the_network_keeps_back() {
    let mut world = World::new();
    let talk = world.call();
    let [leg, _] = legs(&world);
    let call = talk.call;
    world.heard(talk.shopper);
    world.heard(talk.agent);
    world.input(Input::LegVideo { leg, call, epoch: 1, paused: true });
    let to_shopper = VideoPaused { incoming: true, outgoing: false };
    let to_agent = VideoPaused { incoming: false, outgoing: true };
    assert_eq!(paused(&mut world, talk.shopper), Some(to_shopper));
    assert_eq!(paused(&mut world, talk.agent), Some(to_agent));
    let seen = |world: &World, side| world.desk.view(call, side).map(|view| view.video_paused);
    assert_eq!(seen(&world, Role::Agent), Some(to_agent), "for a page that is loaded again");

    world.input(Input::LegVideo { leg, call, epoch: 1, paused: true });
    world.input(Input::LegVideo { leg, call, epoch: 0, paused: false });
    assert_eq!(paused(&mut world, talk.shopper), None, "nothing new, and a bridge that is gone");
    world.input(Input::LegVideo { leg, call, epoch: 1, paused: false });
    assert_eq!(paused(&mut world, talk.agent), Some(VideoPaused::default()));
}

#[test]
fn the_page_whose_network_may_carry_more_hears_it_and_only_in_the_bridge_that_is() {
    let mut world = World::new();
    let talk = world.call();
    let [leg, _] = legs(&world);
    let call = talk.call;
    let told = |world: &mut World, socket| {
        let room = ServerMessage::VideoRoom { up_to_kbps: Some(850) };
        world.heard(socket).iter().filter(|told| **told == room).count()
    };
    world.input(Input::LegRoom { leg, call, epoch: 1, up_to_kbps: Some(850) });
    assert_eq!((told(&mut world, talk.shopper), told(&mut world, talk.agent)), (1, 0));
    world.input(Input::LegRoom { leg, call, epoch: 0, up_to_kbps: Some(850) });
    assert_eq!(told(&mut world, talk.shopper), 0);
}

#[test]
fn each_round_of_reports_tells_both_sides_and_the_figures_go_to_the_agent() {
    let mut world = World::new();
    let talk = world.call();
    let [shopper, agent] = legs(&world);
    let networks = |world: &mut World, socket| -> Vec<_> {
        let heard = world.heard(socket).into_iter();
        heard
            .filter_map(|message| match message {
                ServerMessage::Network(network) => Some(*network),
                _ => None,
            })
            .collect()
    };
    let lossy = LegQuality { loss_down: 0.2, ..LegQuality::default() };
    for (leg, quality) in [(shopper, lossy), (agent, LegQuality::default())] {
        world.input(Input::LegQuality { leg, call: talk.call, quality });
    }
    let [told] = &networks(&mut world, talk.agent)[..] else { panic!("told once") };
    assert_eq!((told.own, told.peer), (NetworkWord::Good, NetworkWord::Weak));
    assert_eq!(told.peer_figures.map(|figures| figures.node), Some(lossy));
    let place = told.peer_place.as_ref().expect("where the shopper's leg is");
    assert_eq!((place.region.as_str(), place.why.as_str()), ("test", "the only node"));
    assert_eq!(told.own_place.as_ref(), Some(place));
    let [told] = &networks(&mut world, talk.shopper)[..] else { panic!("told once") };
    assert_eq!((told.own, told.peer), (NetworkWord::Weak, NetworkWord::Good));
    assert_eq!((&told.peer_figures, &told.own_place, &told.peer_place), (&None, &None, &None));
}
