//! Dot products in a schedule.
//!
//! Claim: [`dots`] gives the words that `arithmetic` gives in the order of the schedule.
//! Method: factors are unpacked once, and an accumulator is a [`Number`], which keeps its exponent while the sum stays within 35 binades: a
//! product is shifted to it, added, and the total is rounded where it stands, to nearest-even. Where that does not serve (the sum leaves these
//! binades or is zero, or an operand is infinite or NaN) the operation is done on words, and so are all in other rounding modes.
//! Cost: 4 to 6 ns a term, a third of the time on words: of its instructions only a dozen wait for the term before.

#![expect(
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "rows of the lengths that `Context::dots` states; between integer types of the fields of a word, masked or bounded where it stands"
)]

use super::Terms;
use super::environment::{Environment, RoundingMode};
use super::schedule::{Accumulate, Schedule};
use super::word::{Finite, is_special, unpack};
use crate::context::{EvalError, Rows};

/// Exponent of a number that is kept as its word, and of an infinite factor or NaN: no sum with it is fast.
const BEYOND: i64 = 1 << 20;

/// `significand · 2^exponent`, or (`BEYOND`) the number whose word is `significand`.
///
/// A factor has 24 bits at most. An accumulator is a nonzero word of magnitude `2^61` or less at an exponent from −149 to 65, so that every
/// multiple of `2^exponent` of at most 24 bits below `2^61` is a word.
#[derive(Clone, Copy, Debug)]
struct Number {
    significand: i64,
    exponent: i64,
}

impl Number {
    fn factor(word: u32) -> Self {
        let Finite { negative, exponent, significand } = unpack(word);
        let significand = if negative { -(significand as i64) } else { significand as i64 }; // of 24 bits
        Number { significand, exponent: if is_special(word) { BEYOND } else { exponent.into() } }
    }

    /// An accumulator, its leading bit raised to the middle of its range.
    fn new(word: u32) -> Self {
        let Number { significand, exponent } = Number::factor(word);
        let up = (exponent + 149).min(20);
        if significand == 0 || exponent - up > 65 {
            return Number { significand: word.into(), exponent: BEYOND };
        }
        Number { significand: significand << up, exponent: exponent - up }
    }

    fn word(self) -> u32 {
        let (significand, exponent) = (self.significand.unsigned_abs(), self.exponent as i32);
        if self.exponent == BEYOND {
            return significand as u32; // a word
        }
        Finite { negative: self.significand < 0, exponent, significand }.round(RoundingMode::NearestEven).0
    }

    /// The accumulator rounded to nearest-even at its exponent; `None` when its magnitude is not within [2^26, 2^61].
    ///
    /// Of `b ≥ 27` bits the last `b − 24` are rounded off. (`−2^k`, whose complement has a bit less, has none but zeros there.)
    #[inline(always)]
    fn rounded(self) -> Option<Self> {
        let zeros = (self.significand ^ (self.significand >> 63)).leading_zeros();
        if !(3..=37).contains(&zeros) {
            return None;
        }
        let unit = (1i64 << 40) >> zeros; // of the last place: 2^(64 − zeros − 24)
        let odd = i64::from(self.significand & unit != 0); // a tie goes up if the last place is odd
        let up = (unit >> 1).wrapping_sub(1).wrapping_add(odd);
        Some(Number { significand: self.significand.wrapping_add(up) & unit.wrapping_neg(), ..self })
    }

    /// The accumulator plus a number of fewer than 2^48, rounded; `None` when that is not decided here.
    ///
    /// The number is raised by 14 places and shifted right by one place at least. When something is cut off the total is made odd, and *stands
    /// for* the sum (see `word`): it has 27 bits or more, of which three or more are rounded off.
    #[inline(always)]
    fn plus(self, other: Self) -> Option<Self> {
        let shift = 14 + self.exponent - other.exponent;
        if self.exponent == BEYOND || shift < 1 {
            return None;
        }
        let (raised, shift) = (other.significand << 14, shift.min(63) as u32);
        let cut = i64::from(raised.wrapping_shl(shift.wrapping_neg()) != 0); // by 64 − shift
        let significand = self.significand.wrapping_add(raised >> shift) | cut;
        Number { significand, ..self }.rounded()
    }
}

/// The factors of a left and a right row, and the operations on their words, to nearest-even.
struct Pairs<'a> {
    left: &'a [Number],
    right: &'a [Number],
    terms: Terms<'a>,
}

impl Pairs<'_> {
    /// The exact product.
    #[inline(always)]
    fn exact(&self, i: usize) -> Number {
        let (x, y) = (self.left[i], self.right[i]);
        Number { significand: x.significand.wrapping_mul(y.significand), exponent: x.exponent + y.exponent }
    }
}

impl Accumulate for Pairs<'_> {
    type Value = Number;

    fn zero(&self) -> Number {
        Number::new(0)
    }

    #[inline(always)]
    fn add(&self, a: Number, b: Number) -> Number {
        // Of 49 bits and more the last 25 are zeros.
        let down = if b.significand.unsigned_abs() >> 48 == 0 { 0 } else { 14 };
        let short = Number { significand: b.significand >> down, exponent: b.exponent + down };
        a.plus(short).unwrap_or_else(|| Number::new(self.terms.add(a.word(), b.word())))
    }

    #[inline(always)]
    fn product(&self, i: usize) -> Number {
        let product = self.exact(i);
        let within = (-149..=65).contains(&product.exponent);
        let rounded = product.rounded().filter(|_| within);
        rounded.unwrap_or_else(|| Number::new(self.terms.product(i)))
    }

    #[inline(always)]
    fn fma(&self, i: usize, a: Number) -> Number {
        a.plus(self.exact(i)).unwrap_or_else(|| Number::new(self.terms.fma(i, a.word())))
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
    let factors = |words: &[u32]| -> Vec<Number> { words.iter().map(|&word| Number::factor(word)).collect() };
    let (left_factors, right_factors) = (factors(&lefts), factors(&rights));
    let mut out = Vec::with_capacity(left.rows() * width);
    for i in 0..left.rows() {
        for j in 0..width {
            let terms = Terms { left: &lefts[row(i)], right: Some(&rights[row(j)]), environment };
            let bias = bias.map(|bias| bias[j]);
            out.push(if nearest {
                let pairs = Pairs { left: &left_factors[row(i)], right: &right_factors[row(j)], terms };
                schedule.reduce(n, bias.map(Number::new), &pairs)?.word()
            } else {
                schedule.reduce(n, bias, &terms)?
            });
        }
    }
    Ok(out)
}

/// The words of all rows, one row after the other; padding is +0.
fn gathered(rows: &Rows<'_, u32>) -> Vec<u32> {
    let mut words = Vec::with_capacity(rows.rows() * rows.terms());
    for i in 0..rows.rows() {
        match rows.slice(i) {
            Some(row) => words.extend_from_slice(row),
            None => words.extend((0..rows.terms()).map(|t| rows.term(i, t).copied().unwrap_or(0))),
        }
    }
    words
}
