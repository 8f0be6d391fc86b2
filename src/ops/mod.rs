//! The operations of the engine.

pub mod fast;
