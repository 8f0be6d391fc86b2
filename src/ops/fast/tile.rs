//! One register tile of a product: `C[i, j] ∘= Σ_k A[i, k] · B[k, j]`, for up to fourteen rows and two vectors of sixteen columns.
//!
//! Everything that multiplies (linear layers and convolutions, forward, by input, by weight) is cut into calls of this one kernel. The operand A is
//! addressed by two strides and a list of segments, so that a convolution reads its input in place: row i, segment s, term k of A is at
//! `a + segments[s].0 + i·row + k·step`, and row k of B in segment s at `b + segments[s].1 + k·b_row`.
//! Invariant: every element is one chain of fused multiply-adds over the terms in order, whatever the number of rows or columns beside it; so how a product
//! is cut into tiles changes no bit of it.
//! Cost: one fused multiply-add of sixteen lanes for every 16 products; A is read by broadcast, B by whole vectors.
#![expect(clippy::needless_range_loop, reason = "rows and columns of tiles are counted together")]
#![allow(
    unsafe_code,
    reason = "the hot loop of every product: vector registers, and addresses that were checked once for a tile"
)]

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

/// Sixteen values in registers.
///
/// # Safety
/// The functions may be called only where the processor has the instructions; `load` reads and `store` writes the lanes of the mask, which the caller vouches for.
#[allow(clippy::missing_safety_doc, reason = "stated once, for all of them")]
trait Vector: Copy {
    /// The first lanes.
    type Mask: Copy;
    /// The mask of the first `count` lanes.
    unsafe fn mask(count: usize) -> Self::Mask;
    unsafe fn splat(x: f32) -> Self;
    /// All lanes.
    unsafe fn load(from: *const f32) -> Self;
    /// Some lanes; the others are +0.
    unsafe fn load_some(from: *const f32, mask: Self::Mask) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn store_some(self, to: *mut f32, mask: Self::Mask);
    /// `self · x + sum`
    unsafe fn mul_add(self, x: Self, sum: Self) -> Self;
    /// The lanes where `of` is not zero or less; +0 elsewhere.
    unsafe fn where_positive(self, of: Self) -> Self;
    /// Asks for a line of memory in the second cache; any address will do.
    #[inline(always)]
    unsafe fn fetch(_: *const f32) {}
}

/// The portable vector: arrays, and products that are rounded.
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

/// What a kernel is given: addresses that were checked.
struct Call {
    a: *const f32,
    row: usize,
    step: usize,
    b: *const f32,
    b_row: usize,
    segments: *const (usize, usize),
    count: usize,
    length: usize,
    c: *mut f32,
    c_row: usize,
    ahead: *const f32,
    ahead_step: usize,
    /// Columns of the last vector.
    last: usize,
    start: StartAt,
    finish: FinishAt,
}

enum StartAt {
    Zero,
    Bias(*const f32),
    Value,
}

enum FinishAt {
    Store,
    Relu,
    Where(*const f32),
    Add(f32),
}

/// The block once for each row, written out, so that the accumulators stay in registers whatever the compiler thinks of long loops.
macro_rules! each_row {
    ($i:ident < $rows:ident: $body:block) => { each_row! { $i, $rows, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 } };
    ($i:ident, $rows:ident, $body:block, $($n:literal)*) => {
        $(if $n < $rows {
            let $i = $n;
            $body
        })*
    };
}

/// # Safety
/// Every address that the call describes must be valid, and the processor must have the instructions of `V`.
#[inline(always)]
unsafe fn kernel<V: Vector, const ROWS: usize, const VECTORS: usize, const FETCH: bool>(call: &Call) {
    // SAFETY: the caller vouches for the addresses: `ROWS` rows, `VECTORS` vectors (the last of `last` lanes), all segments of `length` terms.
    unsafe {
        let mask = V::mask(call.last);
        let load = |from: *const f32, j: usize| {
            if j + 1 == VECTORS { V::load_some(from.add(j * LANES), mask) } else { V::load(from.add(j * LANES)) }
        };
        let (row, step, b_row, length) = (call.row, call.step, call.b_row, call.length);
        let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
        match call.start {
            StartAt::Zero => {}
            StartAt::Bias(bias) => {
                for j in 0..VECTORS {
                    let bias = load(bias, j);
                    each_row!(i < ROWS: { sums[i][j] = bias; });
                }
            }
            StartAt::Value => {
                for j in 0..VECTORS {
                    each_row!(i < ROWS: { sums[i][j] = load(call.c.add(i * call.c_row), j); });
                }
            }
        }
        let mut ahead = call.ahead;
        for s in 0..call.count {
            let (in_a, in_b) = *call.segments.add(s);
            let (mut a, mut b) = (call.a.add(in_a), call.b.add(in_b));
            for _ in 0..length {
                let mut right = [V::splat(0.0); VECTORS];
                for (j, right) in right.iter_mut().enumerate() {
                    *right = load(b, j);
                }
                each_row!(i < ROWS: {
                    let left = V::splat(*a.add(i * row));
                    for (sum, right) in sums[i].iter_mut().zip(right) {
                        *sum = left.mul_add(right, *sum);
                    }
                });
                if FETCH {
                    V::fetch(ahead);
                    ahead = ahead.wrapping_add(call.ahead_step);
                }
                a = a.wrapping_add(step);
                b = b.wrapping_add(b_row);
            }
        }
        for j in 0..VECTORS {
            each_row!(i < ROWS: {
                let (sum, at) = (sums[i][j], i * call.c_row);
                let value = match call.finish {
                    FinishAt::Store => sum,
                    FinishAt::Relu => sum.where_positive(sum),
                    FinishAt::Where(of) => sum.where_positive(load(of.add(at), j)),
                    FinishAt::Add(factor) => V::splat(factor).mul_add(sum, load(call.c.add(at), j)),
                };
                let to = call.c.add(at + j * LANES);
                if j + 1 == VECTORS { value.store_some(to, mask) } else { value.store(to) }
            });
        }
    }
}

type Kernel = unsafe fn(&Call);

/// The kernels of an instruction set, for 1, 2, … rows: of one vector, of two, and of two that fetch ahead.
struct Set {
    one: &'static [Kernel],
    two: &'static [Kernel],
    fetching: &'static [Kernel],
}

macro_rules! set {
    ($name:ident, $vector:ty, $(#[$feature:meta])* one: [$($one:literal)*], two: [$($two:literal)*]) => {
        pub(super) static $name: Set = {
            /// # Safety
            /// As for `kernel`.
            $(#[$feature])*
            unsafe fn tile<const ROWS: usize, const VECTORS: usize, const FETCH: bool>(call: &Call) {
                // SAFETY: the caller's.
                unsafe { kernel::<$vector, ROWS, VECTORS, FETCH>(call) }
            }
            Set {
                one: &[$(tile::<$one, 1, false>),*],
                two: &[$(tile::<$two, 2, false>),*],
                fetching: &[$(tile::<$two, 2, true>),*],
            }
        };
    };
}

mod portable {
    use super::{Call, LANES, Set, kernel};
    set! { PORTABLE, [f32; LANES], one: [1 2 3 4], two: [1 2] }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Call, LANES, Set, Vector, kernel};
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
}

/// The kernels for this processor.
fn set() -> &'static Set {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            return &x86::AVX512;
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            return &x86::AVX2;
        }
    }
    &portable::PORTABLE
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
    // SAFETY: the asserts bound every address that the strides reach, and `set` detected the instructions.
    unsafe { kernels[rows - 1](&call) }
}
