//! "Did you mean": the known word nearest to an unknown one.

/// The nearest of `known`, unless none is near enough to be what was meant.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Below this, two words have little more than their length in common.
    const LIKE: f64 = 0.6;
    known
        .into_iter()
        .map(|word| (strsim::normalized_damerau_levenshtein(unknown, word), word))
        .filter(|(likeness, _)| *likeness >= LIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, word)| word)
}

/// `; did you mean "…"?`, or all that is known when nothing is near.
pub(crate) fn hint<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(unknown, known.iter().copied()) {
        Some(word) => format!("; did you mean {word:?}?"),
        None => format!("; known are {}", known.join(", ")),
    }
}
