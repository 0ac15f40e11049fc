//! Random lives of a cluster: desks are killed, or cut off and go on believing that they lead; the
//! database stalls and loses answers; links break and take what was on them; the node is out of
//! reach for a while. Whatever happens, a shopper has one agent and an agent one shopper, and
//! nobody who waits is forgotten.
//!
//! `ledger`: what desks share: a store with a fence, as a model and as the real PostgreSQL ·
//! `node`: what carries media, and whom it obeys · `world`: desks, pages, and what is checked

mod ledger;
mod node;
mod world;

use rand::{Rng, SeedableRng, rngs::StdRng};

use self::{
    ledger::{Ledger, Model, Real},
    world::World,
};

fn walk(ledger: impl Ledger, seed: u64, steps: u32) -> (u32, u32) {
    let mut rng = StdRng::seed_from_u64(seed);
    let (agents, shoppers) = (rng.random_range(1..=4), rng.random_range(2..=8));
    let mut world = World::new(ledger, agents, shoppers, rng);
    for step in 0..steps {
        world.context = format!("seed {seed}, step {step}");
        world.step();
    }
    world.context = format!("seed {seed}, at the end");
    world.wind_down();
    (world.started, world.takeovers)
}

#[test]
fn one_agent_for_one_shopper_whichever_desks_die_and_whatever_is_lost() {
    let (mut calls, mut takeovers) = (0, 0);
    for seed in 0..60 {
        let (started, taken) = walk(Model::new(), seed, 600);
        calls += started;
        takeovers += taken;
    }
    // The walks are worth something only if they get somewhere.
    assert!(calls > 600 && takeovers > 600, "{calls} calls, {takeovers} takeovers");
}

#[test]
fn and_so_it_is_over_the_real_database() {
    let (mut calls, mut takeovers) = (0, 0);
    for seed in 1_000..1_006 {
        let (started, taken) = walk(Real::new(), seed, 300);
        calls += started;
        takeovers += taken;
    }
    assert!(calls > 20 && takeovers > 20, "{calls} calls, {takeovers} takeovers");
}
