//! Measured figures from strangers.

use serde::{Deserialize, Deserializer};

use crate::limits::MAX_FIGURE;

/// Reads a figure into 0 to [`MAX_FIGURE`]. A page's nonsense is not worth refusing its message,
/// but JSON has numbers that an `f32` turns into infinity, which JSON cannot say: a record that
/// took one in could be written and never be read again. Read as an `f64`, since whether
/// `serde_json` refuses such a number for an `f32` depends on its feature `float_roundtrip`, which
/// any crate of a build turns on for all of it.
pub(crate) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    let bounded = f64::deserialize(deserializer)?.clamp(0.0, f64::from(MAX_FIGURE));
    Ok(bounded as f32)
}

#[cfg(test)]
mod tests {
    use crate::{browser::PageQuality, limits::MAX_FIGURE};

    #[test]
    fn figures_are_bounded() {
        let text = r#"{"rtt_ms":1e39,"loss_in":-1e39,"fps_in":29.5}"#;
        let quality: PageQuality = serde_json::from_str(text).expect("a report");
        assert_eq!((quality.rtt_ms, quality.loss_in, quality.fps_in), (MAX_FIGURE, 0.0, 29.5));
    }
}
