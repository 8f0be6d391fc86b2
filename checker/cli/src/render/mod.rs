//! Renderings of verdicts. Prose is made here and nowhere else.

mod human;
mod json;

pub(crate) use human::human;
pub(crate) use json::json;
