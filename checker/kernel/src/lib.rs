//! The trusted kernel of `tl`: bytes in, verdict out, integers only.
pub mod context;
pub mod number;
