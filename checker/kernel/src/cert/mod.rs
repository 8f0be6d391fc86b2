//! The container.
pub mod json;
