//! Exact numbers: what every reading computes with and what a certificate may write down.

pub mod decimal;
pub mod dyadic;
pub mod exact;

pub use dyadic::{Direction, Dyadic};
pub use exact::Exact;
