//! Rounding or bug: what runtimes recorded, beside the exact reals and beside what binary32 rounding can explain.
//!
//! Nothing here is believed. The figures come from the kernel's `Real` reading, the bounds from its `Rounded` reading, and what is said of a recording is written as a certificate that the
//! kernel decides anew.
//!
//! The rooms: [`recording`] what was recorded · [`measure`] distances · [`figures`] spreads and tolerances · [`part`] pieces of a graph ·
//! [`judge`] rounding or not, node by node · [`hypothesis`] what else it may be · [`report`] text and JSON · [`picture`] SVG and PNG · [`proof`] the certificate ·
//! [`recorder`] the helper that runs ONNX Runtime and PyTorch.

pub mod figures;
pub mod hypothesis;
pub mod judge;
pub mod measure;
pub mod part;
pub mod picture;
pub mod proof;
pub mod recorder;
pub mod recording;
pub mod report;
