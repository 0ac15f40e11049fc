//! Why a scenario cannot be run.

/// A scenario that cannot be run, or a flag that says something impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{reason}", line.map(|line| format!("line {line}: ")).unwrap_or_default(),
    if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct PlanError {
    /// Line of the file, counted from 1.
    pub line: Option<usize>,
    /// The setting, its tables joined by dots.
    pub path: String,
    /// What is wrong with it and, where there is one, what would be right.
    pub reason: String,
}

impl PlanError {
    /// An error that belongs to no line: of a flag, or of the whole.
    pub fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { line: None, path: path.into(), reason: reason.into() }
    }
}
