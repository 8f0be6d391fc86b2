//! Renderings of verdicts. Prose is made here and nowhere else; every rendering is a function of the report.

mod github;
mod human;
mod json;
mod junit;
mod place;
mod sarif;
mod summary;

pub(crate) use github::github;
pub(crate) use human::{Paint, human, in_full};
pub(crate) use json::json;
pub(crate) use junit::junit;
pub(crate) use place::position_of;
pub(crate) use sarif::sarif;
pub(crate) use summary::summary;
