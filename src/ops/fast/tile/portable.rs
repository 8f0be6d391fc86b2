//! Tiles for any processor: arrays of sixteen values; products are rounded before they are added, so the bits differ from those of fused multiply-adds.

use super::LANES;
use super::kernel::{Call, Set, Vector, kernel, set};

impl Vector for [f32; LANES] {
    type Mask = usize;
    #[inline(always)]
    unsafe fn mask(count: usize) -> usize {
        count
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: sixteen values are readable; an array of floats has the alignment of a float.
        unsafe { *from.cast() }
    }
    #[inline(always)]
    unsafe fn load_some(from: *const f32, count: usize) -> Self {
        let mut lanes = [0.0; LANES];
        // SAFETY: the caller says that `count` ≤ 16 values are readable.
        lanes[..count].copy_from_slice(unsafe { std::slice::from_raw_parts(from, count) });
        lanes
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: sixteen values are writable.
        unsafe { *to.cast() = self }
    }
    #[inline(always)]
    unsafe fn store_some(self, to: *mut f32, count: usize) {
        // SAFETY: the caller says that `count` ≤ 16 values are writable.
        unsafe { std::slice::from_raw_parts_mut(to, count) }.copy_from_slice(&self[..count]);
    }
    #[inline(always)]
    unsafe fn mul_add(self, x: Self, sum: Self) -> Self {
        std::array::from_fn(|i| self[i] * x[i] + sum[i])
    }
    #[inline(always)]
    unsafe fn where_positive(self, of: Self) -> Self {
        std::array::from_fn(|i| if of[i] <= 0.0 { 0.0 } else { self[i] })
    }
}

set! { PORTABLE, [f32; LANES], one: [1 2 3 4], two: [1 2] }
