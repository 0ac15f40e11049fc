use proptest::prelude::*;

use super::*;

fn read(text: &str) -> Threshold {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn wrong(text: &str) -> String {
    text.parse::<Threshold>().expect_err(text)
}

#[test]
fn a_threshold_is_read() {
    let threshold = read("connect_seconds:p(95)<0.6");
    assert_eq!(threshold.metric, Metric::Connect);
    assert_eq!(threshold.aggregate, Aggregate::Percentile(95.0));
    assert_eq!((threshold.bound, threshold.value), (Bound::Below, 0.6));
    assert_eq!(threshold.part, Part::default());
}

#[test]
fn values_have_the_units_that_people_use() {
    assert_eq!(read("connect_seconds:p(99.9) <= 600ms").value, 0.6);
    assert_eq!(read("calls_failed:rate<0.1%").value, 0.001);
    assert_eq!(read("calls_failed:rate<0.001"), read("calls_failed:rate<0.1%"));
    assert_eq!(read("leaked_packets:count==0").value, 0.0);
    assert_eq!(read("connect_seconds:med<1").aggregate, Aggregate::Percentile(50.0));
}

#[test]
fn a_part_is_chosen_in_braces() {
    let part = read("connect_seconds{side:agent,region:eu-west}:max<1s").part;
    assert_eq!(part.side, Some(Role::Agent));
    assert_eq!(part.group, Some(Group::Region("eu-west".parse().unwrap())));
    let part = read("connect_seconds{node:[::1]:4000}:max<1s").part;
    assert_eq!(part.group, Some(Group::Node("[::1]:4000".parse().unwrap())));
}

#[test]
fn what_cannot_be_is_explained() {
    for (text, words) in [
        ("conect_seconds:p(95)<1", "did you mean \"connect_seconds\"?"),
        ("xyz:p(95)<1", "there is no metric \"xyz\""),
        ("connect_seconds", "is not a threshold such as"),
        ("connect_seconds:p(95)", "is not a threshold such as"),
        ("connect_seconds:p(101)<1", "is not one of p(0…100)"),
        ("connect_seconds:maxx<1", "did you mean \"max\"?"),
        ("connect_seconds:rate<1", "connect_seconds has no rate; it has p(…)"),
        ("calls_failed:p(95)<1", "calls_failed has no p(95); it has rate and count"),
        ("leaked_packets:max<1", "leaked_packets has no max; it has count"),
        ("calls_failed:rate<1.5", "1.5 is more than all"),
        ("calls_failed:rate<fast", "\"fast\" is not a share"),
        ("connect_seconds:max<fast", "\"fast\" is not a duration"),
        ("leaked_packets:count<few", "\"few\" is not a number"),
        ("leaked_packets:count<-1", "\"-1\" is not a number"),
        ("connect_seconds:max<NaN", "\"NaN\" is not a duration"),
        ("connect_seconds{sid:agent}:max<1", "\"sid\" is not one of side, region and node"),
        ("connect_seconds{side:bot}:max<1", "neither shopper nor agent"),
        ("connect_seconds{region:a,node:b}:max<1", "one region or one node"),
        ("connect_seconds{side:agent:max<1", "is not a threshold such as"),
    ] {
        let error = wrong(text);
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn every_metric_has_a_name_of_its_own_that_says_its_unit() {
    let mut names: Vec<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Metric::ALL.len());
    for metric in Metric::ALL {
        assert_eq!(metric.name().parse(), Ok(*metric));
        assert_eq!(metric.name().ends_with("_seconds"), metric.unit() == Unit::Seconds, "{metric}");
    }
}

fn any_threshold() -> impl Strategy<Value = Threshold> {
    let metric = proptest::sample::select(Metric::ALL);
    let side = proptest::option::of(proptest::sample::select(vec![Role::Shopper, Role::Agent]));
    let group = proptest::option::of("[a-z][a-z0-9-]{0,20}".prop_flat_map(|name| {
        let label: Label = name.parse().unwrap();
        proptest::sample::select(vec![Group::Region(label.clone()), Group::Node(label)])
    }));
    let aggregate = prop_oneof![
        (0.0..=100.0f64).prop_map(Aggregate::Percentile),
        proptest::sample::select(vec![
            Aggregate::Mean,
            Aggregate::Min,
            Aggregate::Max,
            Aggregate::Rate,
            Aggregate::Count
        ]),
    ];
    let bound = proptest::sample::select(Bound::ALL.map(|(_, bound)| bound).to_vec());
    (metric, side, group, aggregate, bound, 0.0..=1.0f64).prop_filter_map(
        "the metric has it",
        |(metric, side, group, aggregate, bound, value)| {
            aggregate.fits(metric.kind()).then_some(Threshold {
                metric,
                part: Part { side, group },
                aggregate,
                bound,
                value,
            })
        },
    )
}

proptest! {
    #[test]
    fn a_threshold_comes_back(threshold in any_threshold()) {
        prop_assert_eq!(threshold.to_string().parse(), Ok(threshold));
    }

    #[test]
    fn no_text_upsets_the_reader(text in "\\PC{0,60}", tail in "\\PC{0,20}") {
        let _ = text.parse::<Threshold>();
        let _ = format!("connect_seconds:{text}").parse::<Threshold>();
        let _ = format!("connect_seconds{{{text}}}:max<{tail}").parse::<Threshold>();
    }
}
