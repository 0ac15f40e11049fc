//! Looking things up in a list of attributes.

use std::collections::HashMap;

use ::sdp::description::common::Attribute;

use crate::rtp::PayloadType;

/// A payload type that cannot be taken for RTCP when both share a port (RFC 5761 §4).
pub(super) fn payload_type(text: &str) -> Option<PayloadType> {
    text.parse().ok().filter(|pt| matches!(pt, 0..=63 | 96..=127)).map(PayloadType)
}

/// Values that begin with a payload type, by it; of several the last one counts.
pub(super) fn by_payload_type<'a>(
    attributes: &'a [Attribute],
    key: &str,
) -> HashMap<PayloadType, &'a str> {
    values(attributes, key)
        .filter_map(|value| {
            let (format, rest) = value.split_once(' ')?;
            Some((payload_type(format)?, rest.trim()))
        })
        .collect()
}

/// All values of a key.
pub(super) fn values<'a>(attributes: &'a [Attribute], key: &str) -> impl Iterator<Item = &'a str> {
    attributes
        .iter()
        .filter(move |attribute| attribute.key == key)
        .filter_map(|attribute| attribute.value.as_deref())
        .map(str::trim)
}

/// The first value of a key, looked for level by level.
pub(super) fn first<'a, const N: usize>(
    levels: [&'a [Attribute]; N],
    key: &str,
) -> Option<&'a str> {
    levels.into_iter().find_map(|level| values(level, key).next())
}

/// Whether a key is there, with or without a value.
pub(super) fn flag(attributes: &[Attribute], key: &str) -> bool {
    attributes.iter().any(|attribute| attribute.key == key)
}
