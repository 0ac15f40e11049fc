//! Where what must not be lost is kept: one SQLite file, or a PostgreSQL database that several
//! instances share. Both keep the contract of [`signaling_desk::store`].
//!
//! * [`sqlite`], [`postgres`]: the two
//! * `column`: how values are written in columns · `rows`: from rows to values

mod column;
pub mod postgres;
mod rows;
pub mod sqlite;

#[cfg(test)]
mod tests;

pub use self::{postgres::Postgres, sqlite::Sqlite};
