//! Fast arithmetic in binary32: functions of slices and explicit sizes, forward and backward, that know nothing of graphs.
//!
//! [`tile`] is the one kernel under every product; [`product`] and [`convolution`] cut their work into tiles; [`image`] is the layout of images; [`pool`],
//! [`pointwise`] are loops that the compiler vectorizes, inside [`simd::vectorized`]. No result depends on the number of [`threads`].

pub mod convolution;
pub mod image;
pub mod norm;
pub mod pointwise;
pub mod pool;
pub mod product;
pub mod simd;
pub mod threads;
pub mod tile;
