//! How values are written in columns: ids as their text and times as milliseconds, so that an
//! operator can read and query them; lists and records as JSON.

use std::str::FromStr;

use serde::{Serialize, de::DeserializeOwned};
use signaling_desk::Millis;

/// A value cannot be read from its column, or not be written in one.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Damaged(pub(super) String);

/// A time as an integer column.
pub(super) fn time(at: Millis) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// A time from an integer column.
pub(super) fn from_time(at: i64) -> Millis {
    Millis(u64::try_from(at).unwrap_or(0))
}

/// JSON text.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, Damaged> {
    serde_json::to_string(value).map_err(|error| Damaged(error.to_string()))
}

/// A value from its JSON text.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Damaged> {
    serde_json::from_str(text).map_err(|error| Damaged(error.to_string()))
}

/// The name of an enum's variant, without JSON's quotes.
pub(super) fn word<T: Serialize>(value: &T) -> Result<String, Damaged> {
    Ok(json(value)?.trim_matches('"').to_owned())
}

/// An enum's variant from its name.
pub(super) fn from_word<T: DeserializeOwned>(word: &str) -> Result<T, Damaged> {
    serde_json::from_value(serde_json::Value::from(word))
        .map_err(|error| Damaged(error.to_string()))
}

/// A value that is read from its text form.
pub(super) fn parse<T: FromStr>(text: &str) -> Result<T, Damaged>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Damaged(error.to_string()))
}

/// Reads the columns of a row by name.
pub(super) trait Columns {
    /// Why a column cannot be read.
    type Failure: From<Damaged>;

    /// A text column that may be null.
    fn maybe_text(&self, name: &str) -> Result<Option<String>, Self::Failure>;
    /// An integer column that may be null.
    fn maybe_integer(&self, name: &str) -> Result<Option<i64>, Self::Failure>;

    /// A text column.
    fn text(&self, name: &str) -> Result<String, Self::Failure> {
        Ok(self.maybe_text(name)?.ok_or_else(|| missing(name))?)
    }

    /// An integer column that fits `T`.
    fn number<T: TryFrom<i64>>(&self, name: &str) -> Result<T, Self::Failure> {
        let number = self.maybe_integer(name)?.ok_or_else(|| missing(name))?;
        Ok(T::try_from(number).map_err(|_| Damaged(format!("{name} is out of range")))?)
    }

    /// A time column that may be null.
    fn maybe_at(&self, name: &str) -> Result<Option<Millis>, Self::Failure> {
        Ok(self.maybe_integer(name)?.map(from_time))
    }

    /// A time column.
    fn at(&self, name: &str) -> Result<Millis, Self::Failure> {
        Ok(self.maybe_at(name)?.ok_or_else(|| missing(name))?)
    }
}

fn missing(name: &str) -> Damaged {
    Damaged(format!("{name} is missing"))
}
