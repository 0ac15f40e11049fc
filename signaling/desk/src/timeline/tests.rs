use super::*;

fn marks(marks: &[(Stage, f64)]) -> Vec<StageMark> {
    marks.iter().map(|(stage, at_ms)| StageMark { stage: *stage, at_ms: *at_ms }).collect()
}

#[test]
fn a_reloaded_page_keeps_what_it_said_and_says_no_more() {
    let mut timeline = Timeline::new(Marks::new(), Marks::new());
    timeline.page(Role::Agent, &marks(&[(Stage::Accept, 100.0), (Stage::CallStarted, 120.0)]));
    timeline.page(Role::Shopper, &marks(&[(Stage::CallStarted, 50.0), (Stage::FirstFrame, 80.0)]));
    let before = timeline.entries(RoundTrips::default());
    timeline.page_reloaded(Role::Shopper, RoundTrips::default());
    assert!(!timeline.page(Role::Shopper, &marks(&[(Stage::FirstFrame, 1.0)])));
    assert_eq!(timeline.entries(RoundTrips::default()), before);
    timeline.page_reloaded(Role::Agent, RoundTrips::default());
    assert_eq!(timeline.entries(RoundTrips::default()), before);
}

#[test]
fn the_first_report_of_a_stage_stays_and_nonsense_is_left_out() {
    let mut timeline = Timeline::new(Marks::new(), Marks::from([(Stage::Accept, 10.0)]));
    timeline.page(Role::Agent, &marks(&[(Stage::Ring, f64::NAN), (Stage::Accept, 99.0)]));
    timeline.page(Role::Agent, &marks(&[(Stage::Ring, 4.0)]));
    let entries = timeline.entries(RoundTrips { shopper: f32::NAN, agent: f32::NAN });
    let stages: Vec<_> = entries.iter().map(|e| (e.stage.as_str(), e.at_ms)).collect();
    assert_eq!(stages, [("ring", -6.0), ("accept", 0.0)]);
}

#[test]
fn the_next_call_starts_with_the_stages_of_the_page_only() {
    let mut marks = Marks::from([(Stage::Dtls, 1.0), (Stage::Join, 2.0), (Stage::Accept, 3.0)]);
    keep_page_stages(&mut marks);
    assert_eq!(marks, Marks::from([(Stage::Dtls, 1.0)]));
}

#[test]
fn where_nobody_pressed_both_pages_count_from_the_desks_decision() {
    let mut timeline = Timeline::new(Marks::new(), Marks::new());
    timeline.server("accepted_for_agent", Millis(70), Millis(70));
    let started = |side, at_ms| (side, marks(&[(Stage::CallStarted, at_ms)]));
    for (side, marks) in [started(Role::Agent, 500.0), started(Role::Shopper, 90.0)] {
        timeline.page(side, &marks);
    }
    let entries = timeline.entries(RoundTrips { shopper: 60.0, agent: 20.0 });
    let stages: Vec<_> = entries.iter().map(|e| (e.side, e.at_ms)).collect();
    assert_eq!(stages, [(None, 0.0), (Some(Role::Agent), 10.0), (Some(Role::Shopper), 30.0)]);
}
