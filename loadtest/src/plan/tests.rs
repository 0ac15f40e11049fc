use std::time::Duration;

use proptest::prelude::*;
use rand::{SeedableRng, rngs::SmallRng};

use super::*;

const EVERYTHING: &str = r#"
name = "everything"
about = "Every setting once"
seed = 7
warm_up = "5s"
thresholds = ["connect_seconds{side:agent}:p(95)<600ms", "calls_failed:rate<0.1%"]
abort_on_fail = true

[load]
stages = ["0..100@20s", "hold@5m", "100..0@10s"]
max_calls = 5000
grace = "1m"

[call]
hold = "exp(60s)"
patience = "15s"

[media]
profile = "720p"
video = "1.2M"

[impair]
both = "lte"
agent = "loss=2%,rtt=80ms,rate=800k"
share = "25%"

[[places]]
region = "eu-west"
weight = 3

[[places]]
shopper = "us-east"
agent = "eu-west"
node = "fra-1"

[from]
eu-west = "192.0.2.7"

[commands]
drain = "curl -X POST http://node/drain # \"quoted\""

[[chaos]]
at = "2m"
drop_udp = "5s"
share = "20%"
within = "3s"

[[chaos]]
at = "1m"
run = "drain"

[[chaos]]
at = "3m"
change_address = true
"#;

fn wrong(text: &str) -> String {
    Run::parse(text).expect_err("it is wrong").to_string()
}

#[test]
fn a_scenario_says_everything() {
    let run = Run::parse(EVERYTHING).unwrap();
    assert_eq!(run.name.as_str(), "everything");
    assert_eq!((run.seed, run.max_calls), (7, Some(5_000)));
    assert_eq!(run.duration(), Duration::from_secs(330));
    assert_eq!(run.grace, Duration::from_secs(60));
    assert_eq!(run.media.video_kbps(), 1_200);
    assert_eq!(run.thresholds.len(), 2);
    let agent = run.impair.agent.unwrap();
    assert_eq!(agent.rate.map(Kbps::get), Some(800));
    assert_eq!(run.impair.shopper.unwrap().rtt, Duration::from_millis(60));
    assert_eq!(run.places[0].agent, run.places[0].shopper);
    let ours = Some([192, 0, 2, 7].into());
    assert_eq!(run.addresses(&run.places[0]), [ours, ours]);
    assert_eq!(run.addresses(&run.places[1]), [None, ours]);
    let steps: Vec<&str> = run.chaos.iter().map(|step| step.action.name()).collect();
    assert_eq!(steps, ["drain", "drop_udp", "change_address"], "in the order of time");
    assert_eq!(run.missing_commands().count(), 0);
}

#[test]
fn the_effective_plan_is_the_plan() {
    let run = Run::parse(EVERYTHING).unwrap();
    assert_eq!(Run::parse(&run.to_string()).as_ref(), Ok(&run), "{run}");
    let json = serde_json::to_string(&run).unwrap();
    assert_eq!(serde_json::from_str::<Run>(&json).unwrap(), run);
}

#[test]
fn every_scenario_of_ours_is_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut names: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let run = Run::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(path.file_stem().unwrap().to_str(), Some(run.name.as_str()));
        assert!(!run.about.is_empty() && !run.thresholds.is_empty(), "{}", path.display());
        assert_eq!(Run::parse(&run.to_string()), Ok(run.clone()), "{run}");
        names.push(run.name.to_string());
    }
    names.sort();
    let ours =
        ["churn", "drain", "impaired", "ramp", "regions", "smoke", "soak", "spike", "steady"];
    assert_eq!(names, ours);
}

#[test]
fn an_unknown_setting_names_its_line_and_the_nearest() {
    let text = "name = \"x\"\n\n[load]\nstagse = [\"1@1s\"]\nrate = \"1/s\"\nduration = \"1s\"\n";
    assert_eq!(
        wrong(text),
        "line 4: load.stagse: there is no such setting; did you mean \"stages\"?"
    );
    let text = "nmae = \"x\"\n[load]\nstages = [\"1@1s\"]\n";
    assert_eq!(wrong(text), "line 1: nmae: there is no such setting; did you mean \"name\"?");
    let text = "name = \"x\"\n[load]\nstages = [\"1@1s\"]\n[medai]\n";
    assert_eq!(wrong(text), "line 4: medai: there is no such setting; did you mean \"media\"?");
}

#[test]
fn wrong_values_name_their_line() {
    let base = "name = \"x\"\n[load]\nstages = [\"1@1s\"]\n";
    for (text, words) in [
        ("[call]\nhold = \"30\"", "line 5: call.hold: \"30\" is not a duration"),
        ("[call]\nhold = 30", "line 5: call.hold: a text in quotes is wanted, not an integer"),
        ("[call]\nhold = \"2m..10s\"", "the shortest is longer"),
        ("[media]\nprofile = \"720\"", "did you mean \"720p\"?"),
        ("[media]\nprofile = \"audio\"\nvideo = \"1M\"", "line 6: media.video"),
        ("[impair]\nboth = \"lt\"", "did you mean \"lte\"?"),
        ("[impair]\nboth = \"lose=2%\"", "did you mean \"loss\"?"),
        ("[impair]\nboth = \"loss=2\"", "\"2\" is not a share"),
        (
            "[[chaos]]\nat = \"1s\"\nrun = \"drian\"\n[commands]\ndrain = \"x\"",
            "line 8: commands.drain: no chaos step runs it; did you mean \"drian\"?",
        ),
        ("[[places]]\nweight = 2", "line 5: places[0]: a place needs"),
        (
            "[[places]]\nregion = \"eu\"\n[from]\nue = \"192.0.2.7\"",
            "line 7: from.ue: there is no such region in the places; known are eu",
        ),
        ("[[places]]\nregion = \"eu\"\n[from]\neu = \"here\"", "line 7: from.eu"),
        ("[[chaos]]\nat = \"1s\"", "a step does one thing"),
        ("[[chaos]]\nat = \"1s\"\nrun = \"a\"\nshare = \"1%\"", "line 7: chaos[0].share"),
        ("[call\n", "line 4: "),
    ] {
        let error = wrong(&format!("{base}{text}"));
        assert!(error.contains(words), "{text:?}: {error}");
    }
    for (text, words) in [
        ("", "a scenario needs a name"),
        ("name = \"x\"", "a scenario needs a [load]"),
        ("name = \"x\"\n[load]\n", "either stages, or rate and duration"),
        ("name = \"x\"\n[load]\nstages = []", "1 to 100 stages"),
        ("name = \"x\"\n[load]\nstages = [\"0@1m\"]", "no stage makes any call"),
        ("name = \"x\"\n[load]\nstages = [\"1@1m\", \"2/s@1m\"]", "all stages"),
        ("name = \"x\"\n[load]\nstages = [\"1@0s\"]", "takes no time"),
        ("name = \"x\"\n[load]\nstages = [\"1@1s\"]\nmax_calls = 0", "at least 1"),
        ("name = \"a b\"\n[load]\nstages = [\"1@1s\"]", "is not a name"),
        (
            "thresholds = [\"conect_seconds:max<1\"]\nname = \"x\"\n[load]\nstages = [\"1@1s\"]",
            "line 1: thresholds[0]: there is no metric \"conect_seconds\"; did you mean \"connect_seconds\"?",
        ),
    ] {
        let error = wrong(text);
        assert!(error.contains(words), "{text:?}: {error}");
    }
}

#[test]
fn a_load_goes_from_stage_to_stage() {
    let load = Load::parse(&["0..200@2m", "hold@10m", "200..50@1m", "50@30s"]).unwrap();
    let at = |seconds| load.target_at(Duration::from_secs(seconds));
    assert_eq!(load.duration(), Duration::from_secs(810));
    assert_eq!(
        [at(0), at(60), at(120), at(700), at(750), at(790), at(810), at(9_999)],
        [0.0, 100.0, 200.0, 200.0, 125.0, 50.0, 0.0, 0.0]
    );
    assert_eq!(load.peak(), 200.0);

    let rate = Load::parse(&["0..20/s@1m", "hold@1m", "1200/min@1m"]).unwrap();
    assert!(matches!(rate, Load::Rate(_)));
    assert_eq!(rate.target_at(Duration::from_secs(30)), 10.0);
    assert_eq!(rate.target_at(Duration::from_secs(150)), 20.0);
}

#[test]
fn hold_times_are_within_their_bounds() {
    let mut rng = SmallRng::seed_from_u64(1);
    let exponential: Hold = "exp(10s,max=30s)".parse().unwrap();
    let uniform: Hold = "10s..20s".parse().unwrap();
    let mut sum = Duration::ZERO;
    for _ in 0..10_000 {
        let hold = exponential.sample(&mut rng);
        assert!(hold <= exponential.longest());
        sum += hold;
        let hold = uniform.sample(&mut rng);
        assert!((10..=20).contains(&hold.as_secs()), "{hold:?}");
    }
    // The mean of an exponential that is cut at three means: 10 × (1 − e⁻³).
    let mean = (sum / 10_000).as_secs_f64();
    assert!((9.2..9.8).contains(&mean), "{mean}");
}

#[test]
fn places_are_drawn_by_weight() {
    let run = Run::parse(EVERYTHING).unwrap();
    let mut rng = SmallRng::seed_from_u64(1);
    let drawn = (0..4_000).filter(|_| pick_place(&run.places, &mut rng) == run.places.first());
    let drawn = drawn.count();
    assert!((2_850..3_150).contains(&drawn), "3 of 4: {drawn}");
    assert_eq!(pick_place(&[], &mut rng), None);
}

#[test]
fn quantities_are_read_as_people_write_them() {
    for (text, micros) in [
        ("250ms", 250_000),
        ("1.5s", 1_500_000),
        ("90m", 5_400_000_000),
        ("1h30m", 5_400_000_000),
        ("0s", 0),
    ] {
        assert_eq!(duration(text), Ok(Duration::from_micros(micros)), "{text}");
    }
    for text in ["", "5", "s", "5 s", "-1s", "1e99h", "1s1h", "1d", "nan s", "40000h", "5sx"] {
        assert!(duration(text).is_err(), "{text:?}");
    }
    assert_eq!("2%".parse(), Ok(Share::new(0.02).unwrap()));
    assert_eq!("90/min".parse(), Ok(PerSecond::new(1.5).unwrap()));
    assert_eq!("2.5M".parse(), Ok(Kbps::new(2_500).unwrap()));
    for text in ["101%", "-1%", "2", "NaN", ""] {
        assert!(text.parse::<Share>().is_err(), "{text:?}");
    }
    for text in ["20", "20/d", "-1/s", "1e9/s", "inf/s"] {
        assert!(text.parse::<PerSecond>().is_err(), "{text:?}");
    }
    for text in ["800", "0k", "-1k", "1e30G", "k", ""] {
        assert!(text.parse::<Kbps>().is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn a_duration_comes_back(micros in 0u64..2_000_000_000_000) {
        let value = Duration::from_micros(micros);
        prop_assert_eq!(duration(&show_duration(value)), Ok(value));
    }

    #[test]
    fn no_text_upsets_the_readers(text in "\\PC{0,60}") {
        let _ = Run::parse(&text);
        let _ = Run::parse(&format!("name = \"x\"\n[load]\nstages = [\"{text}\"]"));
        let _ = (text.parse::<Hold>(), text.parse::<Impairment>(), duration(&text));
        let _ = (text.parse::<Kbps>(), text.parse::<PerSecond>(), text.parse::<Share>());
    }

    #[test]
    fn a_stage_comes_back(from in 0u32..1_000, to in 1u32..1_000, seconds in 1u64..10_000, rate: bool) {
        let unit = if rate { "/s" } else { "" };
        let load = Load::parse(&[format!("{from}..{to}{unit}@{seconds}s")]).unwrap();
        prop_assert_eq!(Load::parse(&load.texts()), Ok(load.clone()));
        prop_assert_eq!(load.target_at(Duration::ZERO), f64::from(from));
    }
}
