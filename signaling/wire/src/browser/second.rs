//! A page's second connection (`/ws/second`): copies of messages that somebody waits for, on a TCP
//! connection of their own, so that one lost packet does not delay them.
//!
//! A copy carries the number that its message has on the first connection, counted by both ends from 1:
//! a page's from behind its hello, the server's from its welcome; pings and pongs are not counted.
//! Whichever comes first is acted on, in its turn; the other one changes nothing.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{ClientMessage, ServerMessage};

/// What a page says on its second connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SecondClientMessage {
    /// Whose it is. First message, within ten seconds.
    Attach {
        /// From the welcome on the first connection.
        key: SecondKey,
    },
    /// What was said on the first connection as well.
    Copy {
        /// Its number there.
        number: u32,
        /// The message.
        message: Box<ClientMessage>,
    },
    /// Asks whether the connection lives.
    Ping {
        /// Echoed.
        t: f64,
    },
}

/// What a page is told on its second connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SecondServerMessage {
    /// What was said on the first connection as well.
    Copy {
        /// Its number there.
        number: u32,
        /// The message.
        message: Box<ServerMessage>,
    },
    /// Answer to a ping.
    Pong {
        /// From the ping.
        t: f64,
    },
}

/// Lets a page attach a second connection to its first: 128 random bits, in lower-case hexadecimal.
/// Worth something for as long as the first connection is open. It is not shown in logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecondKey(u128);

/// A text that is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a key")]
pub struct InvalidKey;

/// 128 bits at 4 bits a character.
const KEY_LENGTH: usize = 32;

impl SecondKey {
    /// The key with these bits. Whoever makes one takes them from a source that nobody can predict.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

impl fmt::Debug for SecondKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecondKey(…)")
    }
}

impl From<SecondKey> for String {
    fn from(key: SecondKey) -> Self {
        format!("{:032x}", key.0)
    }
}

impl TryFrom<String> for SecondKey {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        let digits = text.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
        match u128::from_str_radix(&text, 16) {
            Ok(bits) if digits && text.len() == KEY_LENGTH => Ok(Self(bits)),
            _ => Err(InvalidKey),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_in_one_way_only_and_not_shown() {
        let key = SecondKey::from_bits(0xab);
        let text = String::from(key);
        assert_eq!(text, "000000000000000000000000000000ab");
        assert_eq!(SecondKey::try_from(text.clone()), Ok(key));
        for wrong in ["", "ab", "+00000000000000000000000000000ab", &text.to_uppercase()] {
            assert_eq!(SecondKey::try_from(wrong.to_owned()), Err(InvalidKey), "{wrong:?}");
        }
        assert!(!format!("{key:?}").contains("ab"));
    }
}
