//! `Binary32`.

pub mod arithmetic;
pub mod compare;
pub mod convert;
mod environment;
pub mod schedule;
pub mod word;

pub use environment::{Environment, Flags, NanPolicy, RoundingMode};
