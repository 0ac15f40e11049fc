pub(crate) mod sample;

use std::time::Duration;

use proptest::prelude::*;
use signaling_wire::browser::Role;

use super::*;
use crate::{
    observe::{CallResult, Event},
    plan::Run,
};

fn run() -> Run {
    let text = "name = \"test\"\nwarm_up = \"10s\"\n[load]\nstages = [\"0..20@20s\", \"hold@1m\"]";
    Run::parse(text).unwrap()
}

fn tally<'a>(events: impl IntoIterator<Item = &'a Event>) -> Tally {
    let mut tally = Tally::new(&run());
    events.into_iter().for_each(|event| tally.apply(event));
    tally
}

fn judge(tally: &Tally, threshold: &str) -> Judged {
    threshold.parse::<Threshold>().unwrap().judge(tally)
}

#[test]
fn counts_add_up() {
    let events = sample::events(7, 200);
    let tally = tally(&events);
    let ended: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Ended(ended) => Some(&ended.result),
            _ => None,
        })
        .collect();
    let failed = ended.iter().filter(|r| matches!(r, CallResult::Failed(_))).count() as u64;
    assert!(failed > 0, "the sample has failures");
    assert_eq!(tally.all.total(Metric::CallsStarted), 200);
    assert_eq!(tally.all.total(Metric::CallsFailed), failed);
    assert_eq!(tally.errors.iter().map(|reason| reason.calls).sum::<u64>(), failed);
    let share = |of, all| Value::Share { of, all };
    assert_eq!(tally.value(Metric::CallsFailed, &Part::default()), share(failed, 200));
    assert_eq!(tally.open(), 0, "every call that began has ended");
}

#[test]
fn a_part_is_what_belongs_to_it() {
    let events = sample::events(7, 200);
    let all = tally(&events);
    let of = |part: &str| all.value(Metric::Connect, &part.parse().unwrap()).samples();
    let both = all.value(Metric::Connect, &Part::default()).samples();
    assert!(both > 0 && of("side:agent") > 0);
    assert_eq!(of("side:agent") + of("side:shopper"), both);
    assert_eq!(of("region:eu-west") + of("region:us-east"), both);
    assert_eq!(of("node:nowhere"), 0);
}

#[test]
fn warm_up_is_left_out_of_times_and_not_of_counts() {
    let events = sample::events(7, 200);
    let early = |event: &&Event| event.at() < Duration::from_secs(10);
    let tally = tally(events.iter().filter(early));
    assert!(tally.all.total(Metric::CallsStarted) > 0);
    assert_eq!(tally.all.hist(Metric::Connect).count(), 0);
    assert!(tally.all.figure(Metric::VideoLoss, Aggregate::Rate).is_some());
}

#[test]
fn the_slowest_calls_come_first() {
    let tally = tally(&sample::events(3, 200));
    let times: Vec<_> = tally.notable.slowest.iter().map(|call| setup(call).unwrap()).collect();
    assert_eq!(times.len(), 20);
    assert!(times.is_sorted_by(|a, b| a >= b));
    let slowest = tally.all.figure(Metric::Setup, Aggregate::Max).unwrap();
    assert!((times[0].as_secs_f64() / slowest - 1.0).abs() < 0.002, "{times:?} {slowest}");
}

#[test]
fn thresholds_hold_or_not() {
    let tally = tally(&sample::events(7, 200));
    assert!(judge(&tally, "connect_seconds:p(95)<10s").held);
    let missed = judge(&tally, "connect_seconds:p(95)<1ms");
    assert!(!missed.held && missed.is_hopeless() && missed.actual > Some(0.05));
    assert!(judge(&tally, "calls_started:count==200").held);
    let few = judge(&tally, "calls_started:count>1000");
    assert!(!few.held && !few.is_hopeless(), "there may be more");
}

#[test]
fn nothing_measured_is_not_a_pass() {
    let judged = judge(&tally([]), "recovery_seconds:p(95)<1h");
    assert_eq!((judged.actual, judged.samples, judged.held), (None, 0, false));
    assert!(!judged.is_hopeless());
    assert!(!judge(&tally([]), "calls_failed:rate<1%").held);
}

#[test]
fn a_busy_generator_makes_a_run_invalid() {
    let at = |second: u64, overloaded: bool| sample::generator(second, overloaded);
    let good: Vec<Event> = (0..60).map(|second| at(second, second < 2)).collect();
    assert_eq!(tally(&good).health.invalid(), None, "two hiccups are borne");
    let bad: Vec<Event> = (0..60).map(|second| at(second, second > 50)).collect();
    let reason = tally(&bad).health.invalid().expect("invalid");
    assert!(reason.contains("15 % of the run"), "{reason}");
    assert!(reason.contains("9 times, first after 51 s"), "{reason}");
}

#[test]
fn percentiles_are_those_of_all_values() {
    let mut one = Hist::fine();
    let mut other = Hist::fine();
    (1..=900).for_each(|ms| one.record(f64::from(ms) / 1_000.0));
    (901..=1_000).for_each(|ms| other.record(f64::from(ms) / 1_000.0));
    one.merge(&other);
    for (percent, wanted) in [(50.0, 0.5), (95.0, 0.95), (99.0, 0.99), (100.0, 1.0)] {
        let actual = one.percentile(percent).unwrap();
        assert!((actual - wanted).abs() / wanted < 0.002, "p({percent}) is {actual}");
    }
    assert_eq!(Hist::fine().percentile(50.0), None);
    one.record(f64::NAN);
    assert_eq!(one.count(), 1_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// However a run is spread over workers, the merged tally is the tally of all.
    #[test]
    fn workers_lose_nothing(seed: u64, workers in 1usize..5) {
        let events = sample::events(seed, 40);
        let mut parts: Vec<Tally> = (0..workers).map(|_| Tally::new(&run())).collect();
        for event in &events {
            let at = (event.at().as_micros() as usize) % workers;
            parts[at].apply(event);
        }
        let mut merged = Tally::new(&run());
        for part in &parts {
            let sent = serde_json::to_string(part).unwrap();
            merged.merge(&serde_json::from_str(&sent).unwrap());
        }
        let whole = tally(&events);
        prop_assert_eq!(&merged.all, &whole.all);
        prop_assert_eq!(&merged.regions, &whole.regions);
        prop_assert_eq!(&merged.nodes, &whole.nodes);
        prop_assert_eq!(&merged.errors, &whole.errors);
        prop_assert_eq!(&merged.notable, &whole.notable);
        prop_assert_eq!(&merged.series, &whole.series);
        prop_assert_eq!(&merged.health, &whole.health);
    }
}

#[test]
fn sides_are_merged_by_role() {
    let tally = tally(&sample::events(7, 100));
    let shopper = tally.all.value(Metric::Connect, Some(Role::Shopper));
    let agent = tally.all.value(Metric::Connect, Some(Role::Agent));
    let both = tally.all.hist(Metric::Connect);
    let highest = [&shopper, &agent]
        .map(|value| value.figure(Aggregate::Max))
        .into_iter()
        .max_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(highest.flatten(), both.max());
}
