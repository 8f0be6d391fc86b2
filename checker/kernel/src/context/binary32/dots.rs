//! Dot products in a schedule, sixteen at a time.
//!
//! Claim: [`dots`] gives the words that `arithmetic` gives in the order of the schedule.
//! Method: sixteen right rows meet a left row in lockstep, each operation on [`Numbers`], which are not packed into words in between: a
//! significand with sign and an exponent with no upper bound, rounded to nearest-even as a word would be. Three things a number does not tell,
//! and then the dot product is formed again, on words: the sign of a zero result, a value of 2^127 or more on the way, and an operand that is
//! subnormal, infinite or NaN. (The sign of a zero matters to no sum but a zero one.) So are those in other rounding modes, and those of a few rows.
//! Cost: about a third of the time on words, because the compiler vectorizes loops without branches.

#![expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "lanes below their number, rows of the lengths that `Context::dots` states; between integer types of the fields of a word, masked or bounded where it stands"
)]

use super::Terms;
use super::environment::{Environment, RoundingMode};
use super::schedule::{Accumulate, Schedule};
use super::word::{Finite, INFINITY, ONE, SIGN};
use crate::context::{EvalError, Rows};
use std::array;

/// Dot products in lockstep.
const LANES: usize = 16;
/// As many right rows or fewer are faster one by one.
const FEW: usize = 4;
/// Longer rows are formed one by one: in lockstep a schedule may keep 256 bytes for each of their terms.
const LONG: usize = 1 << 20;

/// Exponent of the unit of a subnormal word, 38 places above the unit of a significand.
const LEAST: i64 = -149 - 38;
/// Greatest exponent: a number that has it is at most 2^62 · 2^65.
const GREATEST: i64 = 65;
/// Exponent of what no number stands for. It stays: a sum with it has an exponent above `GREATEST`, hence this one.
const BEYOND: i32 = 1 << 28;
/// Exponent of a factor that is zero: below all others in a product.
const NOTHING: i32 = -1000;

/// Factors `significand · 2^exponent`: 24 bits and a sign, or zero.
#[derive(Clone, Copy, Debug)]
struct Factors<const K: usize> {
    significand: [i32; K],
    exponent: [i32; K],
}

impl<const K: usize> Factors<K> {
    fn new(words: [u32; K]) -> Self {
        let mut factors = Factors { significand: [0; K], exponent: [NOTHING; K] };
        for (k, word) in words.into_iter().enumerate() {
            let magnitude = word & !SIGN;
            let significand = if magnitude == 0 { 0 } else { (magnitude & 0x007f_ffff | 0x0080_0000) as i32 };
            factors.significand[k] = if magnitude == word { significand } else { -significand };
            let normal = (0x0080_0000..INFINITY).contains(&magnitude);
            let other = if magnitude == 0 { NOTHING } else { BEYOND };
            factors.exponent[k] = if normal { (magnitude >> 23) as i32 - 150 } else { other };
        }
        factors
    }
}

/// Numbers `significand · 2^exponent`: of at most 2^62, multiples of 2^14. Rounded ones are multiples of 2^38 and have 2^61 or more, or the
/// exponent `LEAST` (zero always has it), but none below it; exact products have 2^60 or more, or are zero.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    significand: [i64; LANES],
    exponent: [i64; LANES],
}

const ZERO: Numbers = Numbers { significand: [0; LANES], exponent: [LEAST; LANES] };

impl Numbers {
    /// The exact products of a factor with others.
    #[inline(always)]
    fn products(x: &Factors<1>, y: &Factors<LANES>) -> Self {
        let mut products = ZERO;
        for k in 0..LANES {
            products.significand[k] = i64::from(x.significand[0]).wrapping_mul(y.significand[k].into()) << 14;
            products.exponent[k] = i64::from(x.exponent[0].wrapping_add(y.exponent[k])).wrapping_sub(14);
        }
        products
    }

    /// The rounded sums, one of the operands rounded.
    ///
    /// Both are shifted right, one of them by one place, which cuts nothing off, so that the total is at most 2^62. When something is cut off
    /// the other, the total is made odd: it *stands for* the sum (see `word`), because either the first is 2^59 and the other less than 2^49,
    /// or the first has the exponent `LEAST`, whose boundaries are multiples of 2^36.
    /// Then the leading bit goes to place 61, or as near to it as `LEAST` permits, and 38 places are rounded off.
    /// Nothing wraps; not asking for it lets the compiler vectorize.
    #[inline(always)]
    fn sum(&self, other: &Self) -> Self {
        let mut sum = ZERO;
        for k in 0..LANES {
            let (a, b) = (self.significand[k], other.significand[k]);
            let exponent = self.exponent[k].max(other.exponent[k]).wrapping_add(1);
            let shift = |from: i64| exponent.wrapping_sub(from).min(63) as u32; // 1 … 63
            let (by, and_by) = (shift(self.exponent[k]), shift(other.exponent[k]));
            let cut = a.wrapping_shl(by.wrapping_neg()) | b.wrapping_shl(and_by.wrapping_neg()); // by 64 − shift
            let total = a.wrapping_shr(by).wrapping_add(b.wrapping_shr(and_by)) | i64::from(cut != 0);
            // To place 61; 2^62 stays where it is, and −2^k, whose complement has a bit less, goes to −2^62.
            let zeros = i64::from((total ^ (total >> 63)).leading_zeros()).wrapping_sub(2).max(0);
            // Zero gets the exponent `LEAST`, but 0 · ∞ stays `BEYOND`.
            let up = if total == 0 { 1 << 20 } else { zeros }.min(exponent.wrapping_sub(LEAST));
            let leading = total.wrapping_shl(up as u32); // 0 … 62, unless the total is zero
            let half = (1i64 << 37).wrapping_sub(1).wrapping_add((leading >> 38) & 1); // a tie goes up if the last place is odd
            let exponent = exponent.wrapping_sub(up);
            sum.significand[k] = leading.wrapping_add(half) & (-1 << 38);
            sum.exponent[k] = if exponent > GREATEST { BEYOND.into() } else { exponent };
        }
        sum
    }

    /// The word of lane `k`, unless it is not decided.
    fn word(&self, k: usize) -> Option<u32> {
        let (significand, exponent) = (self.significand[k], self.exponent[k]);
        let decided = significand != 0 && exponent <= GREATEST;
        let value =
            Finite { negative: significand < 0, exponent: exponent as i32, significand: significand.unsigned_abs() };
        decided.then(|| value.round(RoundingMode::NearestEven).0)
    }
}

/// A left row and right rows in lockstep.
struct Pairs<'a> {
    left: &'a [Factors<1>],
    right: &'a [Factors<LANES>],
}

impl Accumulate for Pairs<'_> {
    type Value = Numbers;

    fn zero(&self) -> Numbers {
        ZERO
    }

    fn add(&self, a: Numbers, b: Numbers) -> Numbers {
        a.sum(&b)
    }

    fn product(&self, i: usize) -> Numbers {
        Numbers::products(&self.left[i], &self.right[i]).sum(&ZERO)
    }

    fn fma(&self, i: usize, a: Numbers) -> Numbers {
        Numbers::products(&self.left[i], &self.right[i]).sum(&a)
    }
}

/// All dot products, as [`crate::context::Context::dots`] orders them.
pub(super) fn dots(
    left: &Rows<'_, u32>,
    right: &Rows<'_, u32>,
    bias: Option<&[u32]>,
    environment: Environment,
    schedule: &Schedule,
) -> Result<Vec<u32>, EvalError> {
    let (n, width) = (left.terms(), right.rows());
    let (lefts, rights) = (gathered(left), gathered(right));
    let row = |i: usize| i * n..(i + 1) * n;
    let nearest = environment.rounding == RoundingMode::NearestEven;
    let left_factors: Vec<_> = lefts.iter().filter(|_| nearest).map(|&word| Factors::new([word])).collect();
    let mut out = vec![0; left.rows() * width];
    for start in (0..width).step_by(LANES) {
        let lanes = start..width.min(start + LANES);
        let lockstep = nearest && lanes.len() > FEW && n <= LONG;
        // Lanes beyond the rows repeat the last row.
        let across = |words: &[u32], step, at| array::from_fn(|k| words[(start + k).min(width - 1) * step + at]);
        let factors = |t| Factors::new(across(&rights, n, t));
        let right_factors: Vec<_> = (0..n).filter(|_| lockstep).map(factors).collect();
        for i in 0..left.rows() {
            let mut numbers = ZERO; // undecided
            if lockstep {
                let pairs = Pairs { left: &left_factors[row(i)], right: &right_factors };
                let rounded =
                    |bias| Numbers::products(&Factors::new([ONE]), &Factors::new(across(bias, 1, 0))).sum(&ZERO);
                numbers = schedule.reduce(n, bias.map(rounded), &pairs)?;
            }
            for j in lanes.clone() {
                let terms = Terms { left: &lefts[row(i)], right: Some(&rights[row(j)]), environment };
                let on_words = || schedule.reduce(n, bias.map(|bias| bias[j]), &terms);
                out[i * width + j] = numbers.word(j - start).map_or_else(on_words, Ok)?;
            }
        }
    }
    Ok(out)
}

/// The words of all rows, one row after the other; padding is +0.
fn gathered(rows: &Rows<'_, u32>) -> Vec<u32> {
    let row = |i| (0..rows.terms()).map(move |t| rows.term(i, t).copied().unwrap_or(0));
    (0..rows.rows()).flat_map(row).collect()
}
