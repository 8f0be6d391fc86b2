//! One register tile of a product: `C[i, j] ∘= Σ_k A[i, k] · B[k, j]`, for up to fourteen rows and two vectors of sixteen columns.
//!
//! Everything that multiplies (linear layers and convolutions, forward, by input, by weight) is cut into calls of this one kernel. The operand A is
//! addressed by two strides and a list of segments, so that a convolution reads its input in place: row i, segment s, term k of A is at
//! `a + segments[s].0 + i·row + k·step`, and row k of B in segment s at `b + segments[s].1 + k·b_row`.
//! Invariant: every element is one chain of fused multiply-adds over the terms in order (of multiplications and additions in the portable tile), whatever the number of rows or columns beside
//! it; so how a product is cut into tiles changes no bit of it.
//! Cost: one fused multiply-add of sixteen lanes for every 16 products; A is read by broadcast, B by whole vectors.
#![allow(
    unsafe_code,
    reason = "the hot loop of every product: vector registers, and addresses that were checked once for a tile"
)]

mod choice;
mod kernel;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use choice::{Instructions, choose};

use choice::set;
use kernel::{Call, FinishAt, StartAt};

/// Columns of one vector.
pub const LANES: usize = 16;
/// The most columns of a tile.
pub const WIDTH: usize = 2 * LANES;

/// Where the parts of a sum begin in the operands, beyond where the operands begin.
#[derive(Clone, Debug)]
pub struct Segments {
    starts: Vec<(usize, usize)>,
    length: usize,
    far: (usize, usize),
}

impl Segments {
    /// Parts of `length` terms each, at these places of A and B.
    pub fn new(starts: Vec<(usize, usize)>, length: usize) -> Self {
        let far = |of: fn(&(usize, usize)) -> usize| starts.iter().map(of).max().unwrap_or(0);
        Segments { far: (far(|s| s.0), far(|s| s.1)), length, starts }
    }
}

/// What the accumulators start from.
#[derive(Clone, Copy, Debug)]
pub enum Start<'a> {
    /// Nothing.
    Zero,
    /// One value for each column.
    Bias(&'a [f32]),
    /// The values that C has.
    Value,
}

/// What is done with the sums.
#[derive(Clone, Copy, Debug)]
pub enum Finish<'a> {
    /// They are stored.
    Store,
    /// The greater of them and +0 is stored.
    Relu,
    /// They are stored where the other tensor, laid out as C from its first row on, is positive; +0 elsewhere.
    Where(&'a [f32]),
    /// They are multiplied by a factor and added to what is stored.
    Add(f32),
}

/// The operands of a tile.
#[derive(Clone, Copy, Debug)]
pub struct Operands<'a> {
    /// The left operand.
    pub a: &'a [f32],
    /// Where the first row of A begins.
    pub a_at: usize,
    /// Distance of two rows of A.
    pub row: usize,
    /// Distance of two terms of a row of A.
    pub step: usize,
    /// The right operand.
    pub b: &'a [f32],
    /// Where the first row of B begins.
    pub b_at: usize,
    /// Distance of two rows of B.
    pub b_row: usize,
    /// The parts of the sum.
    pub segments: &'a Segments,
    /// What of B is fetched into the cache meanwhile: the place where that begins, and how much for each term.
    pub ahead: (usize, usize),
}

/// The share of the next `size` values of B, which begin at `next`, that the tile of this number of `count` fetches into the cache; `terms` are those of a sum.
pub fn share(next: usize, size: usize, number: usize, count: usize, terms: usize) -> (usize, usize) {
    let each = size.div_ceil(count.max(1));
    // With many tiles the next values are a small part of the work, and with few terms they are near.
    if count > WIDTH || size < 1 << 12 { (0, 0) } else { (next + number * each, each.div_ceil(terms.max(1))) }
}

/// Where a tile is stored.
#[derive(Debug)]
pub struct Place<'a> {
    /// The tensor.
    pub c: &'a mut [f32],
    /// Where the first row begins.
    pub at: usize,
    /// Distance of two rows.
    pub row: usize,
    /// Rows.
    pub rows: usize,
    /// Columns, at most [`WIDTH`].
    pub columns: usize,
}

/// The most rows of a tile of so many columns.
pub fn most_rows(columns: usize) -> usize {
    if columns > LANES { set().two.len() } else { set().one.len() }
}

/// Cuts `count` rows into as few tiles of at most `most` as there can be, as even as they can be: where each begins and ends.
pub fn cuts(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = count.div_ceil(most);
    (0..parts).map(move |part| (part * count / parts, (part + 1) * count / parts))
}

/// Computes one tile. `place.rows` is at most [`most_rows`], `place.columns` at most [`WIDTH`].
///
/// # Panics
/// When an operand, the place, the bias or the mask does not hold what the strides reach.
pub fn tile(operands: &Operands, place: Place, start: Start, finish: Finish) {
    let Place { c, at, row: c_row, rows, columns } = place;
    let Operands { a, a_at, row, step, b, b_at, b_row, segments, ahead } = *operands;
    let Segments { starts, length, far } = segments;
    if rows == 0 || columns == 0 {
        return;
    }
    // The farthest element of each operand; a sum of no terms reads none.
    if *length > 0 && !starts.is_empty() {
        assert!(a_at + far.0 + (rows - 1) * row + (length - 1) * step < a.len(), "A is too short");
        assert!(b_at + far.1 + (length - 1) * b_row + columns <= b.len(), "B is too short");
    }
    let reach = (rows - 1) * c_row + columns;
    assert!(at + reach <= c.len(), "C is too short");
    let start = match start {
        Start::Zero => StartAt::Zero,
        Start::Value => StartAt::Value,
        Start::Bias(bias) => {
            assert!(columns <= bias.len(), "the bias is too short");
            StartAt::Bias(bias.as_ptr())
        }
    };
    let finish = match finish {
        Finish::Store => FinishAt::Store,
        Finish::Relu => FinishAt::Relu,
        Finish::Add(factor) => FinishAt::Add(factor),
        Finish::Where(of) => {
            assert!(reach <= of.len(), "the mask is too short");
            FinishAt::Where(of.as_ptr())
        }
    };
    let call = Call {
        a: a.as_ptr().wrapping_add(a_at),
        row,
        step,
        b: b.as_ptr().wrapping_add(b_at),
        b_row,
        segments: starts.as_ptr(),
        count: if *length > 0 { starts.len() } else { 0 },
        length: *length,
        c: c.as_mut_ptr().wrapping_add(at),
        ahead: b.as_ptr().wrapping_add(ahead.0),
        ahead_step: ahead.1,
        c_row,
        last: (columns - 1) % LANES + 1,
        start,
        finish,
    };
    let kernels = match (columns > LANES, ahead.1 > 0) {
        (false, _) => set().one,
        (true, false) => set().two,
        (true, true) => set().fetching,
    };
    assert!(columns <= WIDTH, "{columns} columns are no tile");
    // SAFETY: the asserts bound every address that the strides reach, and only instructions that were detected are chosen.
    unsafe { kernels[rows - 1](&call) }
}
