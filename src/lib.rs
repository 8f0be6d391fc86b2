//! `tl`: the untrusted engine. It imports models, runs them under any reading of the kernel, and writes certificates for `tl-check`.
//!
//! Nothing here is believed: an operation's meaning is the kernel's (`tl_kernel::spec`), and what is claimed about a result, the kernel decides.
//!
//! The rooms: [`hardware`] the binary32 reading on the processor's floats · [`model`] models from ONNX and from graph files · [`cases`] tensors for inputs and
//! outputs · [`files`] what is written, all or nothing · [`certificate`] certificates as text · [`schema`] their JSON Schema ·
//! [`ops`] the operations on `f32` · [`tape`] the eager mode · [`compiled`] graphs planned once, run often · [`transform`] derivatives of functions ·
//! [`net`] networks as lists of layers · [`zoo`] named ones · [`diff`] rounding or bug · [`generate`] reference models · [`bugs`] the bug zoo ·
//! [`book`] a book's 81 items about backpropagation, checked · [`view`] graphs and tapes as pages · [`commands`] the command line.

pub mod book;
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
pub mod net;
pub mod ops;
pub mod schema;
pub mod tape;
pub mod transform;
pub mod view;
pub mod zoo;

pub use error::{Code, Error};
pub use hardware::{Hardware32, default_schedule};
pub use model::Model;
pub use net::NetSpec;
