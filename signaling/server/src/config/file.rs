//! Reading the TOML file.

use std::path::Path;

use super::Layer;
use crate::{Failure, failure::plainly};

/// What the file at `path` says.
pub(super) fn read(path: &Path) -> Result<Layer, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::Config(format!(
            "the configuration file {} cannot be read: {}",
            path.display(),
            plainly(&error)
        ))
    })?;
    parse(&text).map_err(|why| Failure::Config(format!("{}: {why}", path.display())))
}

/// What the text says, or why it cannot be taken.
pub(super) fn parse(text: &str) -> Result<Layer, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    if let Some(unknown) = table.keys().find(|key| !Layer::KEYS.contains(&key.as_str())) {
        return Err(format!(
            "there is no setting {unknown:?}; did you mean {:?}?",
            nearest(unknown)
        ));
    }
    table.try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

/// The known key that takes the fewest edits to reach.
pub(super) fn nearest(unknown: &str) -> &'static str {
    Layer::KEYS.into_iter().min_by_key(|key| edits(unknown, key)).unwrap_or_default()
}

/// Levenshtein distance in bytes.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substitute = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
