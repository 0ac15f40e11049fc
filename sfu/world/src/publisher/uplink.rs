//! What a page allows its browser when it hears that its way may carry more (`uplink.js`). Chromium probes a
//! bitrate that the remote description allows from now on, and sends no more than that.

/// So many times what is used now.
const FACTOR: f64 = 2.0;
/// At least this, bit/s.
const LEAST: f64 = 800_000.0;
/// An encoder with this share of what it can use needs no more; nor is more allowed than this factor of it.
const ENOUGH: f64 = 0.9;
const MOST: f64 = 1.2;

/// What to allow an encoder that is given `target` and can use `wanted` bit/s.
pub(super) fn allowed(target: f64, wanted: f64) -> Option<f64> {
    (target < ENOUGH * wanted).then_some((FACTOR * target).max(LEAST).min(MOST * wanted))
}
