//! From runs to a table.

mod figures;
mod freeze;
mod run;
mod table;
#[cfg(test)]
mod tests;

pub use self::{
    figures::Figures,
    run::{CaseResult, run_all, run_one},
    table::write,
};
