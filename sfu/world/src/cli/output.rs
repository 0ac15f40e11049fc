//! Everything the program prints.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is this module's purpose")]

/// A result, on standard output.
pub(super) fn line(text: &str) {
    println!("{text}");
}

/// What went wrong, on standard error.
pub(super) fn error(reason: &str) {
    eprintln!("error: {reason}");
}

/// Lines of the checked-in table that are not so any more, and those that are.
pub(super) fn difference(known: &str, page: &str) {
    eprintln!(
        "error: the table has changed; look at the difference, and commit it if it is meant:"
    );
    let (known, page): (Vec<_>, Vec<_>) = (known.lines().collect(), page.lines().collect());
    for line in known.iter().filter(|line| !page.contains(line)) {
        eprintln!("- {line}");
    }
    for line in page.iter().filter(|line| !known.contains(line)) {
        eprintln!("+ {line}");
    }
}
