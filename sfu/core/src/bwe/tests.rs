//! The estimator against small models of a way.

mod link;
mod properties;
mod scenarios;
