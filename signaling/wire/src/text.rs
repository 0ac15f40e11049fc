//! Text from strangers: bounded in characters, free of control characters, checked when parsed.

use std::{fmt, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::limits;

/// A text of at most `MAX` characters without control characters (line breaks are kept).
///
/// Longer text is refused, not cut: a silently shortened note would be a lost note.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize)]
#[serde(transparent)]
pub struct Text<const MAX: usize>(String);

/// A person's or a thing's name.
pub type Name = Text<{ limits::MAX_NAME }>;
/// A chat message.
pub type ChatText = Text<{ limits::MAX_CHAT }>;
/// A free note.
pub type Note = Text<{ limits::MAX_NOTE }>;
/// One value of a link's context.
pub type ContextValue = Text<{ limits::MAX_CONTEXT_VALUE }>;

/// Text longer than its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("text is longer than {max} characters")]
pub struct TooLong {
    /// The bound in characters.
    pub max: usize,
}

impl<const MAX: usize> Text<MAX> {
    /// Drops control characters, trims what is left and checks the bound.
    ///
    /// # Errors
    /// [`TooLong`] when more than `MAX` characters are left.
    pub fn parse(raw: &str) -> Result<Self, TooLong> {
        // Control characters go first: there may be blanks behind them to trim.
        let clean: String = raw.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
        let clean = clean.trim();
        if clean.chars().nth(MAX).is_some() {
            return Err(TooLong { max: MAX });
        }
        Ok(Self(clean.to_owned()))
    }

    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> Deref for Text<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What people write stays out of logs: only its length is shown.
impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&raw).map_err(de::Error::custom)
    }
}
