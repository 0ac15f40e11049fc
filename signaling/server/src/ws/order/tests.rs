use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

use super::*;

/// Takes in the next message of the first connection; what is acted on goes to `acted`.
fn original(order: &mut Order<u32>, number: u32, acted: &mut Vec<u32>) {
    if order.original() {
        acted.push(number);
    }
    acted.extend(std::iter::from_fn(|| order.due()));
}

fn copy(order: &mut Order<u32>, number: u32, acted: &mut Vec<u32>) -> Came<u32> {
    let came = order.copy(number, number);
    if let Came::First(message) = &came {
        acted.push(*message);
    }
    acted.extend(std::iter::from_fn(|| order.due()));
    came
}

#[test]
fn whichever_comes_first_counts_and_the_other_does_nothing() {
    let (mut order, mut acted) = (Order::new(), Vec::new());
    assert_eq!(copy(&mut order, 1, &mut acted), Came::First(1));
    original(&mut order, 1, &mut acted);
    original(&mut order, 2, &mut acted);
    assert_eq!(copy(&mut order, 2, &mut acted), Came::Late);
    assert_eq!(acted, [1, 2]);
}

#[test]
fn a_copy_does_not_overtake_what_was_said_before_it() {
    let (mut order, mut acted) = (Order::new(), Vec::new());
    assert_eq!(copy(&mut order, 3, &mut acted), Came::Early);
    original(&mut order, 1, &mut acted);
    assert_eq!(acted, [1]);
    original(&mut order, 2, &mut acted);
    assert_eq!(acted, [1, 2, 3], "its turn has come, and its original has not");
    original(&mut order, 3, &mut acted);
    original(&mut order, 4, &mut acted);
    assert_eq!(acted, [1, 2, 3, 4]);
}

#[test]
fn whoever_sends_copies_of_what_never_comes_fills_nothing() {
    let (mut order, mut acted) = (Order::new(), Vec::new());
    for number in (2..=u32::MAX).rev().step_by(1 << 20) {
        copy(&mut order, number, &mut acted);
    }
    assert!(acted.is_empty());
    assert_eq!(order.held.len(), MOST_HELD);
    // The first connection goes on as if nothing had been.
    for number in 1..=5 {
        original(&mut order, number, &mut acted);
    }
    assert_eq!(acted, [1, 2, 3, 4, 5]);
}

#[test]
fn in_any_order_of_arrival_each_is_acted_on_once_and_in_turn() {
    let mut rng = StdRng::seed_from_u64(50);
    for _ in 0..500 {
        const MESSAGES: u32 = 30;
        let mut copies: Vec<u32> = (1..=MESSAGES).filter(|_| rng.random_bool(0.4)).collect();
        copies.shuffle(&mut rng);
        let (mut order, mut acted, mut sent) = (Order::new(), Vec::new(), 0);
        while sent < MESSAGES || !copies.is_empty() {
            match copies.pop() {
                Some(number) if rng.random_bool(0.5) => drop(copy(&mut order, number, &mut acted)),
                other => {
                    copies.extend(other);
                    if sent < MESSAGES {
                        sent += 1;
                        original(&mut order, sent, &mut acted);
                    }
                }
            }
        }
        assert_eq!(acted, (1..=MESSAGES).collect::<Vec<_>>());
    }
}
