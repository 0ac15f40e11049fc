//! How values are written in columns: ids as their text and times as milliseconds, so that an
//! operator can read and query them; lists and records as JSON.

use std::str::FromStr;

use rusqlite::Row;
use serde::{Serialize, de::DeserializeOwned};
use signaling_desk::Millis;

use super::sqlite::Failure;

/// A time as SQLite's integer.
pub(super) fn time(at: Millis) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}

/// A time from SQLite's integer.
pub(super) fn from_time(at: i64) -> Millis {
    Millis(u64::try_from(at).unwrap_or(0))
}

/// JSON text.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::Damaged(error.to_string()))
}

/// A value from its JSON text.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::Damaged(error.to_string()))
}

/// The name of an enum's variant, without JSON's quotes.
pub(super) fn word<T: Serialize>(value: &T) -> Result<String, Failure> {
    Ok(json(value)?.trim_matches('"').to_owned())
}

/// An enum's variant from its name.
pub(super) fn from_word<T: DeserializeOwned>(word: &str) -> Result<T, Failure> {
    serde_json::from_value(serde_json::Value::from(word))
        .map_err(|error| Failure::Damaged(error.to_string()))
}

/// A value that is read from its text form.
pub(super) fn parse<T: FromStr>(text: &str) -> Result<T, Failure>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Failure::Damaged(error.to_string()))
}

/// Reads columns by name.
pub(super) trait Columns {
    /// A text column.
    fn text(&self, name: &str) -> Result<String, Failure>;
    /// A text column that may be null.
    fn maybe_text(&self, name: &str) -> Result<Option<String>, Failure>;
    /// An integer column that fits `T`.
    fn number<T: TryFrom<i64>>(&self, name: &str) -> Result<T, Failure>;
    /// A time column.
    fn at(&self, name: &str) -> Result<Millis, Failure>;
    /// A time column that may be null.
    fn maybe_at(&self, name: &str) -> Result<Option<Millis>, Failure>;
}

impl Columns for Row<'_> {
    fn text(&self, name: &str) -> Result<String, Failure> {
        Ok(self.get(name)?)
    }

    fn maybe_text(&self, name: &str) -> Result<Option<String>, Failure> {
        Ok(self.get(name)?)
    }

    fn number<T: TryFrom<i64>>(&self, name: &str) -> Result<T, Failure> {
        T::try_from(self.get::<_, i64>(name)?)
            .map_err(|_| Failure::Damaged(format!("{name} is out of range")))
    }

    fn at(&self, name: &str) -> Result<Millis, Failure> {
        Ok(from_time(self.get(name)?))
    }

    fn maybe_at(&self, name: &str) -> Result<Option<Millis>, Failure> {
        Ok(self.get::<_, Option<i64>>(name)?.map(from_time))
    }
}
