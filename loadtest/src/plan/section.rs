//! A table of a scenario file that knows on which line each of its keys is.

use std::{fmt::Display, ops::Range, str::FromStr};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{PlanError, nearest::hint};

/// A table of the file.
pub(super) struct Section<'a> {
    text: &'a str,
    path: String,
    table: &'a DeTable<'a>,
}

/// A value of the file.
pub(super) struct Item<'a> {
    text: &'a str,
    path: String,
    value: &'a Spanned<DeValue<'a>>,
}

/// The line that byte `offset` is on, counted from 1.
fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn error(text: &str, span: Range<usize>, path: &str, reason: impl Display) -> PlanError {
    PlanError {
        line: Some(line(text, span.start)),
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

/// What the parser says about a file that is no TOML.
pub(super) fn not_toml(text: &str, error: &toml::de::Error) -> PlanError {
    PlanError {
        line: error.span().map(|span| line(text, span.start)),
        path: String::new(),
        reason: error.message().to_owned(),
    }
}

impl<'a> Section<'a> {
    pub(super) fn new(text: &'a str, path: String, table: &'a DeTable<'a>) -> Self {
        Self { text, path, table }
    }

    /// The value of a key, if the file has it.
    pub(super) fn get(&self, key: &'static str) -> Option<Item<'a>> {
        let (_, value) = self.table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some(Item { text: self.text, path: self.name(key), value })
    }

    /// All keys with their values, for a table whose keys are the operator's.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'a str, Item<'a>)> {
        let (text, table) = (self.text, self.table);
        let prefix = self.path.clone();
        table.iter().map(move |(name, value)| {
            let name: &str = name.get_ref();
            (name, Item { text, path: format!("{prefix}.{name}"), value })
        })
    }

    /// An error about the table as a whole.
    pub(super) fn error(&self, reason: impl Display) -> PlanError {
        let first = self.table.iter().map(|(name, _)| name.span()).min_by_key(|span| span.start);
        error(self.text, first.unwrap_or(0..0), &self.path, reason)
    }

    /// The table itself, if it has no keys but `known`. Comes before anything else is said about the
    /// table: a key that is misspelt is not missing.
    pub(super) fn only(self, known: &[&str]) -> Result<Self, PlanError> {
        let unknown = self.table.iter().filter(|(name, _)| {
            let name: &str = name.get_ref();
            !known.contains(&name)
        });
        // The first in the file, not in the alphabet.
        match unknown.min_by_key(|(name, _)| name.span().start) {
            None => Ok(self),
            Some((name, _)) => {
                let hint = hint(name.get_ref(), known.iter().copied());
                let reason = format!("there is no such setting{hint}");
                Err(error(self.text, name.span(), &self.name(name.get_ref()), reason))
            }
        }
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

impl<'a> Item<'a> {
    pub(super) fn error(&self, reason: impl Display) -> PlanError {
        error(self.text, self.value.span(), &self.path, reason)
    }

    fn wrong_type(&self, wanted: &str) -> PlanError {
        let found = self.value.get_ref().type_str();
        let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
        self.error(format!("{wanted} is wanted, not {article} {found}"))
    }

    pub(super) fn text(&self) -> Result<&'a str, PlanError> {
        self.value.get_ref().as_str().ok_or_else(|| self.wrong_type("a text in quotes"))
    }

    /// A text that is read as a `T`.
    pub(super) fn parse<T: FromStr<Err: Display>>(&self) -> Result<T, PlanError> {
        self.read(|text| text.parse())
    }

    /// A text that `read` reads.
    pub(super) fn read<T, E: Display>(
        &self,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, PlanError> {
        read(self.text()?).map_err(|reason| self.error(reason))
    }

    pub(super) fn integer(&self) -> Result<u64, PlanError> {
        let integer = self.value.get_ref().as_integer();
        let integer = integer.ok_or_else(|| self.wrong_type("a whole number"))?;
        u64::from_str_radix(integer.as_str(), integer.radix())
            .map_err(|_| self.error("a whole number from 0 to 2^64 - 1 is wanted"))
    }

    pub(super) fn truth(&self) -> Result<bool, PlanError> {
        self.value.get_ref().as_bool().ok_or_else(|| self.wrong_type("true or false"))
    }

    /// The items of a list.
    pub(super) fn list(&self) -> Result<Vec<Item<'a>>, PlanError> {
        let array = self.value.get_ref().as_array().ok_or_else(|| self.wrong_type("a list"))?;
        let item = |(place, value)| Item {
            text: self.text,
            path: format!("{}[{place}]", self.path),
            value,
        };
        Ok(array.iter().enumerate().map(item).collect())
    }

    pub(super) fn section(&self) -> Result<Section<'a>, PlanError> {
        let table = self.value.get_ref().as_table().ok_or_else(|| self.wrong_type("a table"))?;
        Ok(Section::new(self.text, self.path.clone(), table))
    }
}
