//! The trusted kernel of `tl`: bytes in, verdict out, integers only.
pub mod cert;
pub mod context;
pub mod diagnostic;
pub mod ir;
pub mod limits;
pub mod number;
pub mod spec;
