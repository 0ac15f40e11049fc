//! What a placement must never do, over random clusters; and the words for some of them.

use proptest::{collection::vec, option, prelude::*};
use signaling_wire::{ids::NodeId, text::Name};

use super::{
    CANDIDATES, CANDIDATES_ANYWHERE, CROWDED, CROWDED_MS, Candidate, Ground, Join, Measured,
    SAME_MS, SAME_SHARE, Side, Wish, better_place, choose, choose_on_grounds, join, to_measure,
};

fn node(index: usize) -> NodeId {
    NodeId::from_bits(index as u128 + 1)
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn candidate(index: usize, region: &str, load: f32) -> Candidate {
    Candidate {
        node: node(index),
        region: region.to_owned(),
        load,
        same_version: true,
        distance_km: None,
    }
}

fn measured(rtts: &[(usize, f32)]) -> Wish {
    let measured = rtts.iter().map(|&(index, rtt_ms)| Measured { node: node(index), rtt_ms });
    Wish { measured: measured.collect(), ..Wish::default() }
}

/// Up to six nodes in up to four regions, some far from here.
fn clusters() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (0..4usize, 0.0..1.0f32, any::<bool>(), option::of(0.0..15_000.0f32));
    vec(one, 1..7).prop_map(|nodes| {
        let made = nodes.into_iter().enumerate().map(|(i, (region, load, same, distance))| {
            let mut candidate = candidate(i, &format!("region-{region}"), load);
            candidate.same_version = same;
            candidate.distance_km = distance;
            candidate
        });
        made.collect()
    })
}

fn wishes() -> impl Strategy<Value = Wish> {
    let rtts = vec(option::weighted(0.7, 1.0..400.0f32), 6);
    (rtts, option::weighted(0.2, 0..5usize)).prop_map(|(rtts, region)| {
        let mut wish = measured(
            &rtts.iter().enumerate().filter_map(|(i, rtt)| Some((i, (*rtt)?))).collect::<Vec<_>>(),
        );
        wish.region = region.map(|region| name(&format!("region-{region}")));
        wish
    })
}

proptest! {
    #[test]
    fn somebody_is_chosen_and_the_order_of_the_nodes_does_not_matter(
        cluster in clusters(), wish in wishes()
    ) {
        let chosen = choose(&cluster, &wish).unwrap();
        prop_assert!(cluster.iter().any(|candidate| candidate.node == chosen.node));
        let reversed: Vec<_> = cluster.into_iter().rev().collect();
        prop_assert_eq!(choose(&reversed, &wish), Some(chosen));
    }

    #[test]
    fn the_region_of_the_link_wins_while_it_has_a_node(cluster in clusters(), wish in wishes()) {
        let chosen = choose(&cluster, &wish).unwrap();
        if let Some(region) = &wish.region
            && cluster.iter().any(|candidate| candidate.region == region.as_str())
        {
            prop_assert_eq!(chosen.region, region.as_str());
        }
    }

    #[test]
    fn no_other_node_is_nearer_and_less_loaded(cluster in clusters(), wish in wishes()) {
        let wish = Wish { region: None, ..wish };
        let chosen = choose(&cluster, &wish).unwrap();
        let of = |node| cluster.iter().find(|candidate| candidate.node == node).unwrap();
        let Some(rtt) = wish.rtt_ms(chosen.node) else { return Ok(()) };
        for other in &wish.measured {
            let Some(candidate) = cluster.iter().find(|known| known.node == other.node) else {
                continue;
            };
            let dominated = other.rtt_ms * (1.0 + SAME_SHARE) + SAME_MS < rtt
                && candidate.load <= of(chosen.node).load;
            prop_assert!(!dominated, "{chosen:?} but {other:?}");
        }
    }

    #[test]
    fn much_the_nearest_is_chosen_whatever_the_load(cluster in clusters(), wish in wishes()) {
        let wish = Wish { region: None, ..wish };
        let mut rtts: Vec<_> = wish
            .measured
            .iter()
            .filter(|measured| cluster.iter().any(|known| known.node == measured.node))
            .collect();
        rtts.sort_by(|a, b| a.rtt_ms.total_cmp(&b.rtt_ms));
        if let [first, second, ..] = rtts[..] {
            let band = SAME_MS.max(first.rtt_ms * SAME_SHARE);
            if first.rtt_ms + CROWDED_MS + band < second.rtt_ms {
                prop_assert_eq!(choose(&cluster, &wish).unwrap().node, first.node);
            }
        }
    }

    #[test]
    fn a_leg_moves_to_where_it_would_be_placed_and_only_for_something(
        cluster in clusters(), wish in wishes(), at in 0..6usize
    ) {
        let Some(better) = better_place(node(at), &cluster, &wish) else { return Ok(()) };
        prop_assert!(better.node != node(at));
        prop_assert_eq!(choose(&cluster, &wish).map(|best| best.node), Some(better.node));
        prop_assert_eq!(better_place(better.node, &cluster, &wish), None, "once is enough");
    }

    #[test]
    fn a_page_measures_one_node_of_each_region_and_not_too_many(
        cluster in clusters(), wish in wishes()
    ) {
        let asked = to_measure(&cluster, &wish);
        let mut regions: Vec<_> = asked.iter().map(|candidate| &candidate.region).collect();
        regions.sort();
        regions.dedup();
        prop_assert_eq!(regions.len(), asked.len());
        prop_assert!(asked.len() != 1 && asked.len() <= CANDIDATES_ANYWHERE);
        if asked.iter().all(|candidate| candidate.distance_km.is_some()) {
            prop_assert!(asked.len() <= CANDIDATES);
        }
    }

    #[test]
    fn equal_nodes_share_a_burst_evenly(nodes in 2..6usize, burst in 1..200usize) {
        let room = 100.0;
        let mut cluster: Vec<_> = (0..nodes).map(|i| candidate(i, "here", 0.0)).collect();
        let rtts: Vec<_> = (0..nodes).map(|i| (i, 20.0)).collect();
        for _ in 0..burst {
            let chosen = choose(&cluster, &measured(&rtts)).unwrap().node;
            let index = (0..nodes).find(|&i| node(i) == chosen).unwrap();
            cluster[index].load += 1.0 / room;
        }
        let loads = cluster.iter().map(|candidate| (candidate.load * room).round() as u32);
        let (least, most) = (loads.clone().min().unwrap(), loads.max().unwrap());
        // Beyond `CROWDED` the sums of the shares differ by what floats round.
        prop_assert!(most - least <= 1 + u32::from(burst > (CROWDED * room) as usize));
    }

    #[test]
    fn a_call_lives_on_one_of_its_nodes_or_on_both(
        wish in wishes(), other in wishes(), a in 0..6usize, b in 0..6usize,
        between in option::of(0.0..300.0f32), takes in any::<[bool; 2]>()
    ) {
        let shopper = Side { node: node(a), wish: &wish, takes_legs: takes[0] };
        let agent = Side { node: node(b), wish: &other, takes_legs: takes[1] };
        match join(shopper, agent, between) {
            Join::On(at) => prop_assert!(a == b && at == node(a)),
            Join::Relay => prop_assert!(a != b && between.is_some()),
            Join::Gather(at) => {
                prop_assert!(a != b && (at == node(a) || at == node(b)));
                if at == node(a) {
                    prop_assert!(takes[0], "the agent's page would be refused there");
                }
            }
        }
    }
}

#[test]
fn nodes_that_a_leg_is_to_leave_are_the_last_resort() {
    let cluster = [candidate(0, "fra", 0.1), candidate(1, "sgp", 0.1)];
    let mut wish = measured(&[(0, 14.0), (1, 61.0)]);
    wish.region = Some(name("fra"));
    wish.avoid = vec![node(0)];
    assert_eq!(choose(&cluster, &wish).unwrap().node, node(1));
    assert_eq!(choose(&cluster[..1], &wish).unwrap().node, node(0));
    // Where all were left, the one that was left first; the last is the one that has just died.
    wish.avoid = vec![node(1), node(0)];
    assert_eq!(choose(&cluster, &wish).unwrap().node, node(1));
    wish.avoid = vec![node(0), node(1)];
    assert_eq!(choose(&cluster, &wish).unwrap().node, node(0));
}

#[test]
fn a_page_in_a_call_stays_on_its_node_while_that_is_about_as_near() {
    let cluster = [candidate(0, "fra", 0.1), candidate(1, "fra", 0.3), candidate(2, "sgp", 0.1)];
    let to = |cluster: &[Candidate], at, wish: Wish| {
        choose(cluster, &Wish { at: Some(node(at)), ..wish }).unwrap().node
    };
    assert_eq!(to(&cluster, 1, measured(&[(0, 14.0), (1, 17.0), (2, 60.0)])), node(1));
    assert_eq!(to(&cluster, 1, measured(&[(0, 14.0), (2, 60.0)])), node(1), "as its neighbour");
    assert_eq!(to(&cluster, 1, measured(&[(0, 14.0), (1, 24.0)])), node(0), "not as near");
    assert_eq!(to(&cluster, 2, measured(&[(0, 14.0), (2, 60.0)])), node(0), "far");
    assert_eq!(to(&cluster, 1, Wish::default()), node(1), "nothing is known");
    let full = [candidate(0, "fra", 0.1), candidate(1, "fra", 0.9)];
    assert_eq!(to(&full, 1, Wish::default()), node(0), "it is crowded");
    assert_eq!(to(&full, 1, measured(&[(0, 14.0), (1, 14.0)])), node(0), "it is crowded");
    let wish = Wish { avoid: vec![node(1)], ..Wish::default() };
    assert_eq!(to(&cluster, 1, wish), node(0), "it is to be left");
}

#[test]
fn a_leg_is_opened_anew_when_its_page_turns_out_to_be_far() {
    let cluster = [candidate(0, "fra", 0.1), candidate(1, "sgp", 0.1), candidate(2, "sgp", 0.1)];
    let to = |at, rtts: &[(usize, f32)]| {
        better_place(node(at), &cluster, &measured(rtts)).map(|place| place.node)
    };
    assert_eq!(to(0, &[(0, 190.0), (1, 12.0)]), Some(node(1)));
    assert_eq!(to(0, &[(0, 19.0), (1, 12.0)]), None, "not worth it");
    assert_eq!(to(0, &[]), None, "nothing is known");
    assert_eq!(to(2, &[(0, 190.0), (1, 12.0)]), None, "its neighbour was measured");
    assert_eq!(to(2, &[(0, 12.0), (1, 190.0)]), Some(node(0)), "its neighbour was measured");
    let mut wish = measured(&[(0, 12.0), (1, 190.0)]);
    wish.region = Some(name("sgp"));
    assert_eq!(better_place(node(1), &cluster, &wish), None, "the link wants it there");
}

#[test]
fn reasons_read_as_sentences() {
    let cluster = [candidate(0, "fra", 0.1), candidate(1, "sgp", 0.1), candidate(2, "sgp", 0.3)];
    let why = |wish: &Wish| choose(&cluster, wish).unwrap().why;
    assert_eq!(
        why(&measured(&[(0, 14.2), (1, 60.7)])),
        "nearest by measurement 14 ms, next sgp 61 ms"
    );
    assert_eq!(why(&Wish::default()), "least loaded, 10 % in use");
    let mut wish = measured(&[(0, 14.2), (1, 60.7)]);
    wish.region = Some(name("sgp"));
    assert_eq!(why(&wish), "the link asks for sgp; nearest by measurement 61 ms");
    wish.region = Some(name("gru"));
    assert_eq!(
        why(&wish),
        "no node of gru can take it; nearest by measurement 14 ms, next sgp 61 ms"
    );
    assert_eq!(choose(&[], &wish), None);
}

#[test]
fn grounds_are_what_decided() {
    let cluster = [candidate(0, "fra", 0.1), candidate(1, "sgp", 0.1)];
    let ground = |cluster: &[Candidate], wish: &Wish| choose_on_grounds(cluster, wish).unwrap().1;
    let mut wish = measured(&[(0, 14.2), (1, 60.7)]);
    assert_eq!(ground(&cluster, &wish), Ground::Measured);
    assert_eq!(ground(&cluster, &Wish::default()), Ground::Load);
    assert_eq!(ground(&cluster[..1], &wish), Ground::OnlyOne);
    wish.region = Some(name("sgp"));
    assert_eq!(ground(&cluster, &wish), Ground::Link);
    assert_eq!(ground(&cluster[..1], &wish), Ground::OnlyOne);
}

#[test]
fn a_crowded_node_sends_its_neighbours_on_and_says_so() {
    let cluster = [candidate(0, "fra", 0.95), candidate(1, "ams", 0.2)];
    let choice = choose(&cluster, &measured(&[(0, 8.0), (1, 30.0)])).unwrap();
    assert_eq!(choice.node, node(1));
    assert_eq!(choice.why, "nearest by measurement 30 ms, nearer but crowded fra 8 ms");
}

#[test]
fn without_measurements_the_address_decides_and_nodes_next_to_each_other_share() {
    let mut cluster =
        [candidate(0, "fra", 0.5), candidate(1, "fra", 0.1), candidate(2, "sgp", 0.0)];
    for (candidate, far) in cluster.iter_mut().zip([300.0, 310.0, 10_000.0]) {
        candidate.distance_km = Some(far);
    }
    let choice = choose(&cluster, &Wish::default()).unwrap();
    assert_eq!((choice.node, choice.why.as_str()), (node(1), "nearest by address, about 310 km"));
}

#[test]
fn far_apart_each_side_stays_near_its_node_and_neighbours_do_not_relay_across_the_world() {
    // Bangkok and Madrid, each next to its node, 180 ms between the nodes.
    let (shopper, agent) = (measured(&[(0, 10.0), (1, 190.0)]), measured(&[(1, 8.0), (0, 195.0)]));
    let side = |index, wish| Side { node: node(index), wish, takes_legs: true };
    assert_eq!(join(side(0, &shopper), side(1, &agent), Some(180.0)), Join::Relay);
    // Before the nodes have met only the detour over signaling is known.
    assert_eq!(join(side(0, &shopper), side(1, &agent), Some(400.0)), Join::Relay);
    // Next to each other: giving up a warm leg saves nothing, whatever a measurement is off by.
    let (near, next) = (measured(&[(0, 15.0), (1, 31.0)]), measured(&[(1, 19.0), (0, 30.0)]));
    assert_eq!(join(side(0, &near), side(1, &next), Some(195.0)), Join::Relay);
    // Without a relay the shorter of both ways.
    assert_eq!(join(side(0, &shopper), side(1, &agent), None), Join::Gather(node(1)));
    // Both in Bangkok, the agent's leg in Madrid by accident: no detour by Madrid.
    let accident = measured(&[(0, 12.0), (1, 190.0)]);
    assert_eq!(join(side(0, &shopper), side(1, &accident), Some(180.0)), Join::Gather(node(0)));
}
