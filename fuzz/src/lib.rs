//! What the fuzz targets share: the small limits under which everything runs, a generator of small well-formed graphs, one of
//! expressions, and a second evaluation over ℚ.

pub mod exact;
pub mod expression;
pub mod generate;
pub mod second;

use tl_kernel::Limits;

/// Limits under which one input is decided within milliseconds.
pub fn limits() -> Limits {
    Limits { json_bytes: 1 << 16, file_bytes: 1 << 16, nodes: 64, elements: 4096, work: 1 << 16, precision: 256 }
}
