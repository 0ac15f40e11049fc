//! The verdict, and the figures that say most.

use super::Text;
use crate::{
    measure::{Aggregate, Metric, Unit},
    results::{
        RunReport, Verdict,
        show::{clock, maybe, number, value},
    },
};

/// The verdict first, then what was tested.
pub(super) fn verdict(report: &RunReport) -> String {
    let word = report.verdict.word();
    let mut initial = word.chars();
    let word_up: String =
        initial.next().into_iter().flat_map(char::to_uppercase).chain(initial).collect();
    let sign = match report.verdict {
        Verdict::Passed => "✓",
        Verdict::Failed { .. } => "✕",
        _ => "!",
    };
    let reasons: String = report
        .verdict
        .reasons()
        .iter()
        .map(|reason| format!("<li>{}</li>", Text(reason)))
        .collect();
    let reasons = if reasons.is_empty() { String::new() } else { format!("<ul>{reasons}</ul>") };
    let labels: String = report
        .labels
        .iter()
        .map(|(key, value)| format!("<li>{}: <b>{}</b></li>", Text(key), Text(value)))
        .collect();
    let servers: Vec<&str> = report
        .tally
        .health
        .servers
        .values()
        .filter_map(|server| server.version.as_deref())
        .collect();
    let server = match servers.first() {
        Some(version) => format!("<li>server version <b>{}</b></li>", Text(version)),
        None => String::new(),
    };
    format!(
        "<header class=\"verdict {word}\">\n<p class=\"word\"><span aria-hidden=\"true\">{sign}</span> \
         {word_up}</p>\n<div>\n<h1>{}</h1>\n<p>{}</p>\n{reasons}\n</div>\n</header>\n\
         <ul class=\"facts\"><li>load <b>{}</b></li><li>target <b>{}</b></li><li>began <b>{}</b></li>\
         <li>took <b>{}</b></li>{server}<li>seed <b>{}</b></li>{labels}</ul>\n",
        Text(report.plan.name.as_str()),
        Text(&report.plan.about),
        Text(&report.plan.load.to_string()),
        Text(&report.target),
        Text(&began(&report.began)),
        clock(report.seconds),
        report.plan.seed
    )
}

/// A time without its fractions, as people read it.
fn began(rfc3339: &str) -> String {
    match rfc3339.split_once('T') {
        Some((date, time)) => format!("{date} {} UTC", time.get(..8).unwrap_or(time)),
        None => rfc3339.to_owned(),
    }
}

/// The figures that say most, each with the weight it has.
pub(super) fn cards(report: &RunReport) -> String {
    let all = &report.tally.all;
    let p95 = |metric: Metric| {
        let figure = all.figure(metric, Aggregate::Percentile(95.0));
        let median = all.figure(metric, Aggregate::Percentile(50.0));
        (maybe(figure, metric.unit()), format!("p50 {}", maybe(median, metric.unit())))
    };
    let rate = |metric| all.figure(metric, Aggregate::Rate);
    let (connect, connect_median) = p95(Metric::Connect);
    let (video, video_median) = p95(Metric::VideoLatency);
    let (audio, audio_median) = p95(Metric::AudioLatency);
    let failed = all.total(Metric::CallsFailed);
    let begun = all.total(Metric::CallsStarted);
    let leaked = all.total(Metric::Leaked);
    let loss = [("audio", Metric::AudioLoss), ("video", Metric::VideoLoss)]
        .map(|(name, metric)| format!("{name} {}", maybe(rate(metric), Unit::Ratio)));
    let frozen = maybe(rate(Metric::Frozen), Unit::Ratio);
    let freezes = number(all.total(Metric::Freezes));
    let recovery = all.hist(Metric::Recovery);
    let mut cards = vec![
        card(
            "Calls begun",
            &number(begun),
            &format!("{} completed", number(all.total(Metric::CallsCompleted))),
        ),
        card(
            "Calls failed",
            &number(failed),
            &format!("{} of those that ended", maybe(rate(Metric::CallsFailed), Unit::Ratio)),
        ),
        card("Accept to picture, p95", &connect, &connect_median),
        card("Video delay, p95", &video, &video_median),
        card("Audio delay, p95", &audio, &audio_median),
        card("Picture frozen", &frozen, &format!("{freezes} freezes")),
        card("Packets lost", &maybe(worst_loss(report), Unit::Ratio), &loss.join(" · ")),
        card(
            "Packets astray",
            &number(leaked),
            if leaked == 0 { "nobody got another call's media" } else { "see failures below" },
        ),
    ];
    if recovery.count() > 0 {
        cards.push(card(
            "Recovery, p95",
            &maybe(recovery.percentile(95.0), Unit::Seconds),
            &format!("{} interruptions", number(recovery.count())),
        ));
    }
    let rejoin = all.hist(Metric::Rejoin);
    if rejoin.count() > 0 {
        cards.push(card(
            "Back at the seat, p95",
            &maybe(rejoin.percentile(95.0), Unit::Seconds),
            &format!("{} lost sockets", number(rejoin.count())),
        ));
    }
    let cpu = all.figure(Metric::GeneratorCpu, Aggregate::Max);
    if let Some(cpu) = cpu {
        let health = &report.tally.health;
        let share = health.overloaded as f64 / health.samples.max(1) as f64;
        cards.push(card(
            "Generator, at most",
            &value(cpu, Unit::Ratio),
            &format!("of its cores; overloaded {} of the time", value(share, Unit::Ratio)),
        ));
    }
    format!("<div class=\"cards\">\n{}</div>\n", cards.concat())
}

fn worst_loss(report: &RunReport) -> Option<f64> {
    let rate = |metric| report.tally.all.figure(metric, Aggregate::Rate);
    match (rate(Metric::AudioLoss), rate(Metric::VideoLoss)) {
        (Some(audio), Some(video)) => Some(audio.max(video)),
        (audio, video) => audio.or(video),
    }
}

fn card(name: &str, figure: &str, about: &str) -> String {
    format!(
        "<div class=\"card\"><p>{}</p><b>{}</b><small>{}</small></div>\n",
        Text(name),
        Text(figure),
        Text(about)
    )
}
