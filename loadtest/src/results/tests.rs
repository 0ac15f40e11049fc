use super::*;
use crate::{
    measure::tests::sample,
    observe::{CallResult, Event},
    plan::Share,
};

const PLAN: &str = r#"
name = "sample"
about = "A run that never was"
warm_up = "5s"
thresholds = [
    "connect_seconds:p(95)<600ms",
    "connect_seconds{region:eu-west}:p(50)<90ms",
    "calls_failed:rate<10%",
    "recovery_seconds:max<1m",
]

[load]
stages = ["0..20@10s", "hold@50s"]
"#;

fn about() -> About {
    About {
        target: "http://localhost:8080".into(),
        began: "2026-11-26T01:02:03.4Z".into(),
        labels: BTreeMap::from([("commit".to_owned(), "<abc&>".to_owned())]),
    }
}

/// The report of a sample run, after `change` was made to its events.
fn report_of(plan: &str, change: impl Fn(&mut Event)) -> RunReport {
    let plan = Run::parse(plan).unwrap();
    let mut tally = Tally::new(&plan);
    for mut event in sample::events(7, 300) {
        change(&mut event);
        tally.apply(&event);
    }
    RunReport::new(about(), plan, 61.5, &Ending::Planned, tally)
}

fn report() -> RunReport {
    report_of(PLAN, |_| {})
}

fn slower(event: &mut Event, times: u32) {
    if let Event::Connected { after_accept, .. } = event {
        *after_accept *= times;
    }
}

#[test]
fn a_report_comes_back_from_its_json() {
    let report = report();
    let json = serde_json::to_string(&report).unwrap();
    assert_eq!(RunReport::parse(&json).unwrap(), report);
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(value["figures"]["connect_seconds"]["p95"].as_f64() > Some(0.0), "for jq");
    assert_eq!(value["schema"], SCHEMA);
}

#[test]
fn a_file_of_another_form_is_refused() {
    let wrong = |text: &str| RunReport::parse(text).expect_err(text).to_string();
    assert!(wrong("{}").contains("no report"));
    assert!(wrong("<html>").contains("no report"));
    let newer = wrong("{\"schema\":\"vitrine-loadtest-run/2\"}");
    assert!(newer.contains("vitrine-loadtest-run/1"), "{newer}");
}

#[test]
fn what_holds_passes() {
    let verdict = report_of(PLAN, |_| {}).verdict;
    assert!(
        matches!(&verdict, Verdict::Passed | Verdict::Failed { .. }),
        "judged by its thresholds: {verdict:?}"
    );
    let easy = PLAN.replace("p(50)<90ms", "p(50)<10s");
    assert_eq!(report_of(&easy, |_| {}).verdict, Verdict::Passed);
}

#[test]
fn a_slow_deployment_fails() {
    let Verdict::Failed { reasons } = report_of(PLAN, |event| slower(event, 20)).verdict else {
        panic!("passed");
    };
    assert!(reasons[0].starts_with("connect_seconds:p(95)<0.6 does not hold: "), "{reasons:?}");
}

#[test]
fn one_packet_astray_fails_whatever_else() {
    let plan = Run::parse(&PLAN.replace("p(50)<90ms", "p(50)<10s")).unwrap();
    let mut tally = Tally::new(&plan);
    for mut event in sample::events(7, 300) {
        if let Event::Ended(ended) = &mut event
            && ended.call.0 == 150
        {
            ended.agent.foreign.other_call = 1;
        }
        tally.apply(&event);
    }
    (0..90).for_each(|second| tally.apply(&sample::generator(second, true)));
    for ending in [Ending::Planned, Ending::Interrupted] {
        let verdict = RunReport::new(about(), plan.clone(), 1.0, &ending, tally.clone()).verdict;
        let Verdict::Failed { reasons } = verdict else { panic!("{verdict:?}") };
        assert!(reasons[0].starts_with("1 packets reached somebody"), "{reasons:?}");
    }
}

#[test]
fn a_run_that_says_nothing_neither_passes_nor_fails() {
    let plan = Run::parse(PLAN).unwrap();
    let mut tally = Tally::new(&plan);
    sample::events(7, 50).iter().for_each(|event| tally.apply(event));
    let verdict = |ending: &Ending, tally: &Tally| {
        RunReport::new(about(), plan.clone(), 1.0, ending, tally.clone()).verdict
    };
    assert_eq!(verdict(&Ending::Interrupted, &tally), Verdict::Interrupted);
    let unreachable = Ending::Unreachable("nobody there".into());
    assert_eq!(verdict(&unreachable, &Tally::new(&plan)).word(), "unreachable");
    (0..90).for_each(|second| tally.apply(&sample::generator(second, true)));
    assert_eq!(verdict(&Ending::Planned, &tally).word(), "invalid");
}

#[test]
fn without_thresholds_no_call_may_fail() {
    let plan = "name = \"bare\"\n[load]\nstages = [\"1@1m\"]";
    assert_eq!(report_of(plan, |_| {}).verdict.word(), "failed", "the sample has failures");
    let mended = report_of(plan, |event| {
        if let Event::Ended(ended) = event {
            ended.result = CallResult::Completed;
        }
    });
    assert_eq!(mended.verdict, Verdict::Passed);
    let nothing = Tally::new(&Run::parse(plan).unwrap());
    let nothing =
        RunReport::new(about(), Run::parse(plan).unwrap(), 1.0, &Ending::Planned, nothing);
    assert_eq!(nothing.verdict, Verdict::Failed { reasons: vec!["no call was made".into()] });
}

#[test]
fn csv_has_a_line_for_each_stretch_and_a_field_for_each_column() {
    let csv = csv(&report());
    let lines: Vec<&str> = csv.lines().collect();
    let columns = lines[0].split(',').count();
    assert!(lines.len() > 60, "{}", lines.len());
    for line in &lines {
        assert_eq!(line.split(',').count(), columns, "{line}");
    }
    let begun: u64 =
        lines[1..].iter().map(|line| line.split(',').nth(2).unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(begun, 300);
}

#[test]
fn junit_has_a_case_for_each_threshold() {
    let xml = junit(&report_of(PLAN, |event| slower(event, 20)));
    assert!(xml.contains("tests=\"6\" failures=\"2\" errors=\"0\""), "{xml}");
    assert!(xml.contains("name=\"connect_seconds:p(95)&lt;0.6\""), "{xml}");
    assert_eq!(xml.matches("<testcase").count(), 6);
    assert_eq!(xml.matches("<failure").count(), 2);
}

#[test]
fn the_page_is_whole_and_asks_nobody_for_anything() {
    let page = html(&report());
    for text in ["http://", "https://"] {
        let outside = page.replace("http://localhost:8080", "");
        assert!(!outside.contains(text), "{text}");
    }
    assert!(page.contains("default-src 'none'"));
    assert!(page.contains("&lt;abc&amp;&gt;"), "what comes from outside is escaped");
    assert!(!page.contains("<abc&>"));
    for heading in
        ["Thresholds", "Over time", "Regions", "Nodes", "The slowest calls", "Why calls failed"]
    {
        assert!(page.contains(&format!("<h2>{heading}</h2>")), "{heading}");
    }
    assert_eq!(page.matches("<section>").count(), page.matches("</section>").count());
    assert_eq!(page.matches("<figure").count(), page.matches("</figure>").count());
    assert!(!page.contains("NaN") && !page.contains("inf%"));
}

#[test]
fn the_page_of_a_run_without_calls_is_a_page() {
    let plan = Run::parse("name = \"none\"\n[load]\nstages = [\"1@1s\"]").unwrap();
    let tally = Tally::new(&plan);
    let ending = Ending::Unreachable("nobody there".into());
    let report = RunReport::new(about(), plan, 0.0, &ending, tally);
    let page = html(&report);
    assert!(page.contains("nobody there") && page.contains("</html>"));
    assert!(csv(&report).lines().count() == 1);
    assert!(junit(&report).contains("errors=\"1\""));
    assert!(Summary(&report).to_string().contains("UNREACHABLE"));
}

#[test]
fn the_summary_says_what_was_missed() {
    let text = Summary(&report_of(PLAN, |event| slower(event, 20))).to_string();
    for words in
        ["MISS  connect_seconds:p(95)<0.6", "ok    calls_failed:rate<0.1", "FAILED  sample"]
    {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

mod comparing {
    use super::{super::compare::Finding, *};

    fn five_percent() -> Share {
        Share::new(0.05).unwrap()
    }

    #[test]
    fn a_run_is_not_worse_than_itself() {
        let report = report();
        let comparison = compare(&report, &report, five_percent());
        assert!(!comparison.is_worse() && comparison.warnings.is_empty(), "{comparison}");
        assert_eq!(comparison.count(Finding::Better) + comparison.count(Finding::Unclear), 0);
        assert!(comparison.rows.len() > 30);
    }

    #[test]
    fn twice_as_slow_is_worse_and_half_is_better() {
        let (one, two) = (report(), report_of(PLAN, |event| slower(event, 2)));
        let worse = compare(&one, &two, five_percent());
        let finding = |comparison: &Comparison, figure: &str| {
            let row = |row: &&super::super::compare::Row| {
                row.metric == Metric::Connect && row.figure == figure
            };
            comparison.rows.iter().find(row).unwrap().finding
        };
        assert!(worse.is_worse());
        assert_eq!(finding(&worse, "p(50)"), Finding::Worse, "{worse}");
        assert_eq!(finding(&worse, "p(99)"), Finding::TooFew, "of 600 values 6 are beyond");
        let better = compare(&two, &one, five_percent());
        assert_eq!(finding(&better, "p(50)"), Finding::Better);
        assert!(!better.is_worse());
    }

    #[test]
    fn a_change_that_may_be_chance_is_not_called_worse() {
        // Ten percent more failures out of 300 calls is chance.
        let more = |share: u64| {
            report_of(PLAN, move |event| {
                if let Event::Ended(ended) = event {
                    ended.result = CallResult::Completed;
                    if ended.call.0 % 100 < share {
                        let step = crate::flow::Step::Ring;
                        ended.result =
                            CallResult::Failed(crate::flow::Failure::new(step, None, "no"));
                    }
                }
            })
        };
        let comparison = compare(&more(4), &more(5), five_percent());
        let row = |comparison: &Comparison| {
            comparison.rows.iter().find(|row| row.metric == Metric::CallsFailed).unwrap().finding
        };
        assert_eq!(row(&comparison), Finding::Unclear, "{comparison}");
        assert!(comparison.to_string().contains("may be chance"));
        assert_eq!(row(&compare(&more(4), &more(40), five_percent())), Finding::Worse);
    }

    #[test]
    fn different_plans_are_told() {
        let other = report_of(&PLAN.replace("hold@50s", "hold@60s"), |_| {});
        let comparison = compare(&report(), &other, five_percent());
        assert_eq!(comparison.warnings, ["the runs followed different plans"]);
        let judged = report_of(&PLAN.replace("600ms", "500ms"), |_| {});
        assert!(compare(&report(), &judged, five_percent()).warnings.is_empty());
    }
}
