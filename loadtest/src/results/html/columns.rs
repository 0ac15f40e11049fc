//! The time series as a chart can show it.

use crate::measure::{Point, Series};

/// A column of a chart: what happened in some stretches of a run.
pub(super) struct Column {
    /// When it begins, in seconds.
    pub(super) at: f64,
    /// Its length in seconds.
    pub(super) every: f64,
    /// Calls that were open at its end.
    pub(super) open: u64,
    /// All its stretches together.
    pub(super) point: Point,
}

/// Most columns: more are narrower than a finger, and percentiles of few calls only flicker.
const MOST: usize = 120;

/// The run in at most [`MOST`] columns. Histograms are merged, so nothing is averaged.
pub(super) fn columns(series: &Series) -> Vec<Column> {
    let rows = series.rows();
    let each = rows.len().div_ceil(MOST).max(1);
    rows.chunks(each)
        .filter_map(|chunk| {
            let (first, last) = (chunk.first()?, chunk.last()?);
            let mut point = Point::default();
            chunk.iter().filter_map(|row| row.point).for_each(|more| point.merge(more));
            Some(Column {
                at: first.at.as_secs_f64(),
                every: series.every.as_secs_f64() * each as f64,
                open: last.open,
                point,
            })
        })
        .collect()
}
