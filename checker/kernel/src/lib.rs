//! The trusted kernel of `tl`: bytes in, verdict out.
//!
//! The doors:
//!
//! 1. [`decode`] turns the text of a certificate into a [`Document`] that names the tensor files it needs;
//! 2. [`Document::bind`] takes their bytes and returns a [`Certificate`]: well-formed, complete, nothing unused — and nothing believed;
//! 3. [`obligations`] lists the independent parts of its claim, [`discharge`] decides one of them (on any thread), and [`conclude`] turns the results into
//!    a [`Verdict`]. Only evidence for every obligation is ACCEPTED.
//!
//! What the kernel never does: floating-point arithmetic, input or output, reading the clock or the environment, recursion on the depth of its
//! input, believing anything that it can recompute. `TRUST.md` states the claim of each verdict and what it rests on.
//!
//! The rooms: [`number`] exact numbers · [`ir`] graphs and their evaluation · [`spec`] the meaning of every operation, once · [`context`] the
//! readings of that meaning · [`cert`] the container · [`claim`] the statements and how they are decided · [`policy`] which of them are enough ·
//! [`diagnostic`] findings as data.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::as_conversions))]

pub mod cert;
pub mod claim;
pub mod context;
pub mod diagnostic;
#[macro_use]
pub mod ir;
pub mod limits;
pub mod number;
pub mod policy;
pub mod spec;

pub use cert::{Certificate, Document, decode};
pub use claim::{Verdict, conclude, discharge, obligations, refuse};
pub use diagnostic::{Code, Diagnostic};
pub use limits::Limits;
