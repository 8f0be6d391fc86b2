//! Tiles for AVX-512, and for AVX2 with fused multiply-adds: the same bits.

use super::LANES;
use super::kernel::{Call, Set, Vector, kernel, set};
use std::arch::x86_64::*;

// SAFETY of all that follows: the pointers are the caller's, and the instructions are there, since the sets are chosen by detection.
impl Vector for __m512 {
    type Mask = __mmask16;
    #[inline(always)]
    unsafe fn mask(count: usize) -> __mmask16 {
        u16::MAX >> (LANES - count)
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_some(from: *const f32, mask: __mmask16) -> Self {
        unsafe { _mm512_maskz_loadu_ps(mask, from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn store_some(self, to: *mut f32, mask: __mmask16) {
        unsafe { _mm512_mask_storeu_ps(to, mask, self) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, x: Self, sum: Self) -> Self {
        unsafe { _mm512_fmadd_ps(self, x, sum) }
    }
    #[inline(always)]
    unsafe fn fetch(at: *const f32) {
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }
    #[inline(always)]
    unsafe fn where_positive(self, of: Self) -> Self {
        unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_NLE_UQ>(of, _mm512_setzero_ps()), self) }
    }
}
set! { AVX512, __m512, #[target_feature(enable = "avx512f")]
one: [1 2 3 4 5 6 7 8 9 10 11 12 13 14], two: [1 2 3 4 5 6 7 8 9 10 11 12 13 14] }

/// Two registers of eight lanes.
#[derive(Clone, Copy)]
pub(super) struct Pair(__m256, __m256);
impl Vector for Pair {
    type Mask = (__m256i, __m256i);
    #[inline(always)]
    unsafe fn mask(count: usize) -> Self::Mask {
        const ONES: [i32; 32] = {
            let mut ones = [0; 32];
            let mut i = 0;
            while i < LANES {
                ones[i] = -1;
                i += 1;
            }
            ones
        };
        let from = ONES[LANES - count..].as_ptr();
        unsafe { (_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(8).cast())) }
    }
    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { Pair(_mm256_set1_ps(x), _mm256_set1_ps(x)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { Pair(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }
    #[inline(always)]
    unsafe fn load_some(from: *const f32, mask: Self::Mask) -> Self {
        unsafe { Pair(_mm256_maskload_ps(from, mask.0), _mm256_maskload_ps(from.wrapping_add(8), mask.1)) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }
    #[inline(always)]
    unsafe fn store_some(self, to: *mut f32, mask: Self::Mask) {
        unsafe {
            _mm256_maskstore_ps(to, mask.0, self.0);
            _mm256_maskstore_ps(to.wrapping_add(8), mask.1, self.1);
        }
    }
    #[inline(always)]
    unsafe fn mul_add(self, x: Self, sum: Self) -> Self {
        unsafe { Pair(_mm256_fmadd_ps(self.0, x.0, sum.0), _mm256_fmadd_ps(self.1, x.1, sum.1)) }
    }
    #[inline(always)]
    unsafe fn where_positive(self, of: Self) -> Self {
        unsafe {
            let keep = |x, of| _mm256_and_ps(x, _mm256_cmp_ps::<_CMP_NLE_UQ>(of, _mm256_setzero_ps()));
            Pair(keep(self.0, of.0), keep(self.1, of.1))
        }
    }
}
set! { AVX2, Pair, #[target_feature(enable = "avx2,fma")] one: [1 2 3 4 5 6], two: [1 2 3] }
