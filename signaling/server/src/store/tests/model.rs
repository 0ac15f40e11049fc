//! Random lives of a desk over the real database: pages come and go, agents accept, decline and
//! sleep, the store stalls and loses answers, the desk dies and a new one carries on. After every
//! step the promises of a pairing service are checked from outside.

mod world;

use rand::{Rng, SeedableRng, rngs::StdRng};
use world::World;

const SEEDS: u64 = 40;
const STEPS: u32 = 600;

#[test]
fn promises_hold_whatever_happens() {
    let mut started = 0;
    for seed in 0..SEEDS {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut world = World::new(seed, rng.random_range(1..=6), rng.random_range(1..=12));
        for step in 0..STEPS {
            world.context = format!("seed {seed}, step {step}");
            world.step(&mut rng);
        }
        world.context = format!("seed {seed}, at the end");
        started += world.wind_down();
    }
    // The walk is worth something only if it gets somewhere.
    assert!(started > SEEDS * 10, "only {started} calls");
}
