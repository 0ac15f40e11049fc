//! Prefixed identifiers: 128 random bits, written in Crockford base 32.
//!
//! The prefix says in a log or an API answer what an id names. Ids say nothing about a person.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// A text that is not an id of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a valid {kind} id")]
pub struct InvalidId {
    /// The prefix that was expected, without the underscore.
    pub kind: &'static str,
}

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 128 bits at 5 bits a character.
const LENGTH: usize = 26;

fn write(value: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0u8; LENGTH];
    for (i, slot) in text.iter_mut().enumerate() {
        let shift = 5 * (LENGTH - 1 - i);
        *slot = ALPHABET[((value >> shift) & 31) as usize];
    }
    f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

fn read(text: &str) -> Option<u128> {
    if text.len() != LENGTH {
        return None;
    }
    text.bytes().enumerate().try_fold(0u128, |value, (i, byte)| {
        let digit = ALPHABET.iter().position(|&a| a == byte)? as u128;
        // 26 characters hold 130 bits: the first may only use the lowest three of its five.
        if i == 0 && digit > 7 {
            return None;
        }
        Some((value << 5) | digit)
    })
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u128);

        impl $name {
            /// A fresh id from the given source of randomness.
            pub fn random(rng: &mut impl rand::Rng) -> Self {
                Self(rng.random())
            }

            /// The id with exactly these bits.
            pub const fn from_bits(bits: u128) -> Self {
                Self(bits)
            }

            /// The bits of the id.
            pub const fn bits(self) -> u128 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                write(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(read)
                    .map(Self)
                    .ok_or(InvalidId { kind: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

id!(
    /// A call: one shopper and one agent, from joining the queue to the end of wrap-up.
    CallId, "call"
);
id!(
    /// A leg: one page's transport on a node. It outlives calls.
    LegId, "leg"
);
id!(
    /// An offer: one waiting shopper reserved for one agent, with a deadline.
    OfferId, "off"
);
id!(
    /// A link: the signed URL that lets one shopper in.
    LinkId, "lnk"
);
id!(
    /// An agent.
    AgentId, "agt"
);
id!(
    /// A media node.
    NodeId, "node"
);
id!(
    /// One start of a node's process. A restarted node is not mistaken for its former self.
    NodeEpoch, "epoch"
);
