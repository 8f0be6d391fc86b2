//! The kernel of a tile, for vectors of any instruction set: addresses in, sums out, nothing checked.
#![expect(clippy::needless_range_loop, reason = "rows and columns of tiles are counted together")]

use super::LANES;

/// Sixteen values in registers.
///
/// # Safety
/// The functions may be called only where the processor has the instructions; `load` reads and `store` writes the lanes of the mask, which the caller vouches for.
#[allow(clippy::missing_safety_doc, reason = "stated once, for all of them")]
pub(super) trait Vector: Copy {
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

/// What a kernel is given: addresses that were checked.
pub(super) struct Call {
    pub(super) a: *const f32,
    pub(super) row: usize,
    pub(super) step: usize,
    pub(super) b: *const f32,
    pub(super) b_row: usize,
    pub(super) segments: *const (usize, usize),
    pub(super) count: usize,
    pub(super) length: usize,
    pub(super) c: *mut f32,
    pub(super) c_row: usize,
    pub(super) ahead: *const f32,
    pub(super) ahead_step: usize,
    /// Columns of the last vector.
    pub(super) last: usize,
    pub(super) start: StartAt,
    pub(super) finish: FinishAt,
}

pub(super) enum StartAt {
    Zero,
    Bias(*const f32),
    Value,
}

pub(super) enum FinishAt {
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
pub(super) unsafe fn kernel<V: Vector, const ROWS: usize, const VECTORS: usize, const FETCH: bool>(call: &Call) {
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

pub(super) type Kernel = unsafe fn(&Call);

/// The kernels of an instruction set, for 1, 2, … rows: of one vector, of two, and of two that fetch ahead.
pub(super) struct Set {
    pub(super) one: &'static [Kernel],
    pub(super) two: &'static [Kernel],
    pub(super) fetching: &'static [Kernel],
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
pub(super) use set;
