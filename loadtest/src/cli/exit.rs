//! The program's exit codes. They are a contract with pipelines.

use crate::results::Verdict;

pub(super) const PASSED: u8 = 0;
pub(super) const FAILED: u8 = 1;
pub(super) const USAGE: u8 = 2;
pub(super) const UNREACHABLE: u8 = 3;
pub(super) const INVALID: u8 = 4;
pub(super) const INTERRUPTED: u8 = 130;

/// The exit code of a run.
pub(super) fn of(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Passed => PASSED,
        Verdict::Failed { .. } => FAILED,
        Verdict::Invalid { .. } => INVALID,
        Verdict::Interrupted => INTERRUPTED,
        Verdict::Unreachable { .. } => UNREACHABLE,
    }
}
