//! Exact products of matrices of small integers: the hot loop of the dot products.
//!
//! Claim: [`multiply`] returns the exact sums of products, for up to 2^26 terms and factors of at most `2^31 − 1` on one side and `2^27` on the other.
//! Invariant: a sum of [`STEPS`] products is below `31 · 2^58 < 2^63`; it is then split at bit 32 into two words that are added on their own.
//! Cost: 0.06 to 0.1 ns a product. Rows stand side by side, so that a tile of sums stays in registers while its terms stream past: in AVX2 one
//! instruction multiplies four pairs. Tiles of terms are kept in the near cache.
#![expect(
    clippy::indexing_slicing,
    reason = "tiles and cells are cut from vectors of the size stated where they are made"
)]

use super::Mag;
use std::array::from_fn;
use std::sync::atomic::{Ordering, compiler_fence};

/// Bits of a factor on the left.
pub(super) const LEFT: u32 = 27;
/// Bits of a factor on the right; with the sign they fill an `i32`.
pub(super) const RIGHT: u32 = 31;
/// Products that are added before they are split.
const STEPS: usize = 31;
/// Where sums are split.
pub(super) const HALF: u32 = 32;
/// Terms of a tile that a near cache holds.
const NEAR: usize = 8 * STEPS;
/// Rows side by side in a strip of the left and of the right.
pub(super) const WIDE: usize = 4;
pub(super) const TALL: usize = 12;

/// Rows of integers, `N` side by side: term t of row r is `tiles[(r / N) · terms + t][r % N]`.
pub(super) struct Strip<const N: usize> {
    pub(super) terms: usize,
    rows: usize,
    tiles: Vec<[i64; N]>,
}

impl<const N: usize> Strip<N> {
    pub(super) fn new(terms: usize) -> Self {
        Strip { terms, rows: 0, tiles: Vec::new() }
    }

    /// Appends a row; its number.
    pub(super) fn push(&mut self, row: impl Iterator<Item = i64>) -> usize {
        let (number, lane) = (self.rows, self.rows % N);
        if lane == 0 {
            self.tiles.resize(self.tiles.len() + self.terms, [0; N]);
        }
        let at = self.tiles.len() - self.terms;
        for (tile, value) in self.tiles[at..].iter_mut().zip(row) {
            tile[lane] = value;
        }
        self.rows += 1;
        number
    }

    /// The number of rows, with those that fill the last tile.
    fn width(&self) -> usize {
        self.rows.next_multiple_of(N)
    }
}

/// A matrix of integers `low + 2^HALF high`, in rows of `width`.
#[derive(Default)]
pub(super) struct Matrix {
    width: usize,
    low: Vec<i64>,
    high: Vec<i64>,
}

impl Matrix {
    pub(super) fn zero(rows: usize, width: usize) -> Self {
        Matrix { width, low: vec![0; rows * width], high: vec![0; rows * width] }
    }

    /// Adds a few sums of magnitude `2^63 − 1` at most to the entries from `at` on. Of 2^26 terms, `low` stays below `2^54`, `high` below `2^53`.
    ///
    /// AVX2 shifts four words with their signs by 32 places, not by others, and only where all are read before one is written.
    fn add<const N: usize>(&mut self, at: usize, sums: &[i64; N]) {
        let (low, high) = (&mut self.low[at..at + N], &mut self.high[at..at + N]);
        let both: [_; N] =
            from_fn(|j| (low[j].wrapping_add(sums[j] & ((1 << HALF) - 1)), high[j].wrapping_add(sums[j] >> HALF)));
        low.copy_from_slice(&both.map(|both| both.0));
        high.copy_from_slice(&both.map(|both| both.1));
    }

    /// `low` and `high` of one entry.
    pub(super) fn entry(&self, row: usize, column: usize) -> (i64, i64) {
        let at = row * self.width + column;
        (self.low[at], self.high[at])
    }

    /// An upper bound of an entry that is not negative, at a scale.
    pub(super) fn bound(&self, row: usize, column: usize, exponent: i64) -> Mag {
        let (low, high) = self.entry(row, column);
        let value = u128::from(low.unsigned_abs()) + (u128::from(high.unsigned_abs()) << HALF);
        Mag::wide(value, exponent)
    }
}

/// An integer of 32 bits in a word of 64; writing so lets the compiler multiply four pairs in one instruction.
#[inline(always)]
fn short(word: i64) -> i64 {
    word << 32 >> 32
}

/// The sums of products of up to [`STEPS`] terms, 2^58 at most each: no addition wraps, and not asking for it keeps the loop in registers.
#[inline(never)]
fn tile<const M: usize, const N: usize>(a: &[[i64; M]], b: &[[i64; N]], out: &mut [[i64; N]; M]) {
    let mut sums = [[0i64; N]; M]; // not `out`, so that it stays in registers
    for (a, b) in a.iter().zip(b) {
        // No instruction, but the compiler would otherwise turn the loop inside out, to a third of its speed.
        compiler_fence(Ordering::SeqCst);
        for i in 0..M {
            for j in 0..N {
                sums[i][j] = sums[i][j].wrapping_add(short(a[i]).wrapping_mul(short(b[j])));
            }
        }
    }
    *out = sums;
}

/// `Σ_t a[i, t] · b[j, t]` for all rows of both.
pub(super) fn multiply<const M: usize, const N: usize>(a: &Strip<M>, b: &Strip<N>) -> Matrix {
    let (terms, mut out, mut sums) = (a.terms, Matrix::zero(a.width(), b.width()), [[0; N]; M]);
    for start in (0..terms).step_by(NEAR) {
        let near = start..terms.min(start + NEAR);
        for (left, a) in a.tiles.chunks_exact(terms.max(1)).enumerate() {
            for (right, b) in b.tiles.chunks_exact(terms.max(1)).enumerate() {
                for (a, b) in a[near.clone()].chunks(STEPS).zip(b[near.clone()].chunks(STEPS)) {
                    tile(a, b, &mut sums);
                    for (i, row) in sums.iter().enumerate() {
                        out.add((left * M + i) * out.width + right * N, row);
                    }
                }
            }
        }
    }
    out
}

/// `Σ_t a[i, t] · b[j, t]` for rows `a` that list their terms and integers.
pub(super) fn multiply_lists<const N: usize>(a: &[Vec<(usize, i64)>], b: &Strip<N>) -> Matrix {
    let mut out = Matrix::zero(a.len(), b.width());
    for (left, list) in a.iter().enumerate() {
        for (right, b) in b.tiles.chunks_exact(b.terms.max(1)).enumerate() {
            for list in list.chunks(STEPS) {
                let mut sums = [0i64; N]; // below 2^63, as in a tile
                for &(t, a) in list {
                    for (sum, &b) in sums.iter_mut().zip(&b[t]) {
                        *sum = sum.wrapping_add(short(a).wrapping_mul(short(b)));
                    }
                }
                out.add(left * out.width + right * N, &sums);
            }
        }
    }
    out
}
