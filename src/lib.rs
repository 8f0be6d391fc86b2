//! `tl`: the untrusted engine. It imports models, runs them under any reading of the kernel, and writes certificates for `tl-check`.
//!
//! Nothing here is believed: an operation's meaning is the kernel's (`tl_kernel::spec`), and what is claimed about a result, the kernel decides.
//!
//! The rooms: [`hardware`] the binary32 reading on the processor's floats · [`model`] models from ONNX and from graph files · [`cases`] tensors for inputs and
//! outputs · [`files`] what is written, all or nothing · [`certificate`] certificates as text · [`schema`] their JSON Schema ·
//! [`ops`] the operations on `f32` · [`compiled`] graphs planned once and run often · [`diff`] rounding or bug · [`generate`] reference models · [`bugs`] the bug zoo · [`commands`] the command line.

pub mod bugs;
pub mod cases;
pub mod certificate;
pub mod commands;
pub mod compiled;
pub mod diff;
pub mod error;
pub mod files;
pub mod generate;
pub mod hardware;
pub mod model;
pub mod ops;
pub mod schema;

pub use error::{Code, Error};
pub use hardware::{Hardware32, default_schedule};
pub use model::Model;
