//! What a page allows its browser when it hears that its way may carry more (`uplink.js`). Chromium probes a
//! bitrate that the remote description allows from now on, and sends no more than that.

/// So many times what is used now.
const FACTOR: f64 = 2.0;
/// At least this, bit/s.
const LEAST: f64 = 800_000.0;
/// No less than this factor of what is used is worth a try.
const MORE: f64 = 1.1;
/// An encoder with this share of what it can use needs no more; nor is more allowed than this factor of it.
const ENOUGH: f64 = 0.9;
const MOST: f64 = 1.2;

/// What to allow an encoder that is given `target` and can use `wanted` bit/s, on a way that carries `up_to`, where that is known.
pub(super) fn allowed(target: f64, wanted: f64, up_to: Option<u64>) -> Option<f64> {
    let up_to = up_to.map_or(f64::INFINITY, |up_to| up_to as f64);
    (target < ENOUGH * wanted && up_to >= MORE * target)
        .then_some((FACTOR * target).max(LEAST).min(MOST * wanted).min(up_to))
}
