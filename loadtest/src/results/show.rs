//! Figures as people read them.

use crate::measure::{Aggregate, Judged, Metric, Unit};

/// A value in its unit, with three digits that mean something.
pub(crate) fn value(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds if value == 0.0 => "0 ms".to_owned(),
        Unit::Seconds if value < 0.000_1 => format!("{} µs", digits(value * 1e6)),
        Unit::Seconds if value < 1.0 => format!("{} ms", digits(value * 1_000.0)),
        Unit::Seconds if value < 120.0 => format!("{} s", digits(value)),
        Unit::Seconds => format!("{:.1} min", value / 60.0),
        Unit::Ratio => format!("{} %", digits(value * 100.0)),
        Unit::Number if value.fract() == 0.0 => number(value as u64),
        Unit::Number => digits(value),
    }
}

/// What may be nothing.
pub(crate) fn maybe(figure: Option<f64>, unit: Unit) -> String {
    figure.map_or_else(|| "–".to_owned(), |figure| value(figure, unit))
}

/// Three digits that mean something.
fn digits(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        size if size >= 0.001 => format!("{value:.4}"),
        _ => "<0.001".to_owned(),
    }
}

/// A whole number, its thousands apart.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            // A thin space that does not break, and is no decimal point anywhere.
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// Bytes in the unit that suits them.
pub(crate) fn bytes(bytes: u64) -> String {
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib >= 1_024.0 { format!("{:.1} GiB", mib / 1_024.0) } else { format!("{mib:.0} MiB") }
}

/// Minutes and seconds.
pub(crate) fn clock(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    if whole >= 3_600 {
        format!("{}:{:02}:{:02}", whole / 3_600, whole / 60 % 60, whole % 60)
    } else {
        format!("{}:{:02}", whole / 60, whole % 60)
    }
}

/// The unit of a threshold's figure.
pub(crate) fn unit(judged: &Judged) -> Unit {
    if judged.threshold.aggregate == Aggregate::Count {
        Unit::Number
    } else {
        judged.threshold.metric.unit()
    }
}

/// What was measured for a threshold, with the weight it has.
pub(crate) fn actual(judged: &Judged) -> String {
    match judged.actual {
        None => "nothing was measured".to_owned(),
        Some(actual) => {
            let actual = value(actual, unit(judged));
            match judged.threshold.aggregate {
                Aggregate::Count => actual,
                _ if judged.threshold.metric == Metric::Frozen => {
                    format!("{actual} of {}", samples(judged))
                }
                _ => format!("{actual} (n = {})", samples(judged)),
            }
        }
    }
}

/// The weight of what was measured for a threshold: values, or the time that was watched.
pub(crate) fn samples(judged: &Judged) -> String {
    match judged.threshold.metric {
        // Its parts are microseconds.
        Metric::Frozen => clock(judged.samples as f64 / 1e6),
        _ => number(judged.samples),
    }
}
