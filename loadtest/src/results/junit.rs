//! The thresholds as JUnit test cases, for what pipelines show by themselves.

use std::fmt::Write;

use super::{RunReport, Verdict, show};

/// A text inside XML, in an attribute or outside. Characters that XML 1.0 does not have are
/// replaced.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(' '),
            char if char.is_control() || matches!(char, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            char => out.push(char),
        }
    }
    out
}

/// A test case: its name and, if it did not pass, how and why.
struct Case {
    name: String,
    trouble: Option<(&'static str, String)>,
}

/// One test suite: what every run must have, then each threshold.
pub fn junit(report: &RunReport) -> String {
    let cases = cases(report);
    let count = |kind| {
        cases.iter().filter(|case| matches!(&case.trouble, Some((is, _)) if *is == kind)).count()
    };
    let name = escape(&format!("loadtest {}", report.plan.name));
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    let _ = writeln!(
        out,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" \
         time=\"{:.3}\" timestamp=\"{}\" hostname=\"{}\">",
        cases.len(),
        count("failure"),
        count("error"),
        report.seconds,
        escape(report.began.trim_end_matches('Z')),
        escape(&report.target)
    );
    for case in &cases {
        let _ = write!(
            out,
            "    <testcase classname=\"{name}\" name=\"{}\" time=\"0\"",
            escape(&case.name)
        );
        let _ = match &case.trouble {
            None => writeln!(out, "/>"),
            Some((kind, message)) => {
                let message = escape(message);
                writeln!(out, ">\n      <{kind} message=\"{message}\"/>\n    </testcase>")
            }
        };
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn cases(report: &RunReport) -> Vec<Case> {
    let reasons = report.verdict.reasons().join("; ");
    let run = match &report.verdict {
        Verdict::Passed | Verdict::Failed { .. } => None,
        Verdict::Invalid { .. } | Verdict::Interrupted | Verdict::Unreachable { .. } => {
            Some(("error", reasons.clone()))
        }
    };
    let named: Vec<String> =
        report.thresholds.iter().map(|judged| judged.threshold.to_string()).collect();
    // What no threshold names: a leak, calls that failed without any, no call at all.
    let own: Vec<String> = report
        .verdict
        .reasons()
        .into_iter()
        .filter(|reason| !named.iter().any(|name| reason.starts_with(name)))
        .collect();
    let other = matches!(report.verdict, Verdict::Failed { .. }) && !own.is_empty();
    let mut cases = vec![
        Case { name: "the run is valid".to_owned(), trouble: run },
        Case {
            name: "calls were made and no packet went astray".to_owned(),
            trouble: other.then(|| ("failure", own.join("; "))),
        },
    ];
    cases.extend(report.thresholds.iter().map(|judged| Case {
        name: judged.threshold.to_string(),
        trouble: (!judged.held).then(|| ("failure", show::actual(judged))),
    }));
    cases
}
