//! Sums and dot products with one rounding each: the hot loop of the checker.
//!
//! Claim: `out = Σ_t left[t] · right[t] (+ bias)` is enclosed; midpoints are multiplied and added exactly, but for what is cut off below a floor
//! that each row sets itself, and the sum is rounded once.
//! Method: rows become [`Block`]s of small integers, digits at one exponent a row, and all sums of products of digits are one product of integer
//! matrices ([`multiply`]), without a carry between neighbours until a result is put together.
//! Radii: `|xy − ab| ≤ |a| s + r |b| + r s`; the sums of these products of integers that bound sizes and radii are matrix products as well.
//! Where the left rows are few, they are written as limbs of 46 bits instead, and each right row of short words is read once and multiplied by all.
//! Cost: 0.06 to 0.1 ns a term and pair of digits (a pair for each 27 bits of precision, and one for the radius; exact operands have as many
//! digits as they need), about 7 ns to write a binary32 number as digits, 30 ns another, and 0.1 µs a result. Each right row is written once for
//! 2^25 words of right rows, each left row once for as many; rows that overlap are gathered from their pool,
//! written once. With limbs, 1 ns to read a binary32 number and 0.4 ns a term and limb.
#![expect(clippy::indexing_slicing, reason = "positions come from the loops above them")]
#![expect(clippy::as_conversions, reason = "counts of bits and of planes, and words cut from wider ones")]

use super::digits::{Block, Cells, LIMB, MANY, Row, Source, window};
use super::strip::{HALF, LEFT, Matrix, RIGHT, TALL, WIDE, multiply, multiply_lists};
use super::{Ball, Mag};
use crate::context::{EvalError, Rows};
use crate::number::{Direction, Dyadic};
use num_bigint::{BigInt, Sign};
use std::iter::repeat;

/// Left rows, and right rows, that are multiplied at a time; fewer right rows when each is used only once.
const BATCH: usize = 24;
const BLOCK: usize = 256;
const FEW: usize = 32;
/// Where the left rows have no more limbs than these in all, products of limbs cost less than writing the right rows as digits.
const ONCE: usize = 24;
/// Words of right rows that are kept written, and of left rows, unless one row has more.
const KEPT: usize = 1 << 25;
const BESIDE: usize = 1 << 24;
/// Bits below the greatest term to which rows are written where the precision is not enough: all of any binary32 numbers.
const REACH: u64 = 320;

/// `Σ terms`, rounded once. Bits more than `4 precision + 256` places below the greatest term are cut off, and their weight is in the radius.
pub(super) fn sum(terms: impl Iterator<Item = Ball>, precision: u64) -> Ball {
    let terms: Vec<Ball> = terms.collect();
    let top = terms.iter().filter_map(|term| term.mid().top()).max();
    let span = i64::try_from(4 * precision + 256).unwrap_or(i64::MAX);
    let cut = top.unwrap_or(0).saturating_sub(span);
    let least = terms.iter().filter(|term| !term.mid().is_zero()).map(|term| term.mid().exponent()).min();
    let floor = least.unwrap_or(0).max(cut);
    let (mut total, mut lost, mut rad) = (BigInt::default(), 0u64, Mag::ZERO);
    for term in &terms {
        let mid = term.mid();
        total += mid.scaled(floor.saturating_neg()).floor();
        lost += u64::from(!mid.is_zero() && mid.exponent() < floor);
        rad = rad + term.mag();
    }
    let mid = Dyadic::new(total, floor).round(precision, Direction::Nearest);
    Ball::rounded(mid, rad + Mag::new(lost, floor))
}

/// All dot products of a left with a right row, as [`crate::context::Context::dots`] orders them.
pub(super) fn dots(
    left: &Rows<'_, Ball>,
    right: &Rows<'_, Ball>,
    bias: Option<&[Ball]>,
    precision: u64,
) -> Result<Vec<Ball>, EvalError> {
    let (terms, width) = (left.terms(), right.rows());
    if right.terms() != terms {
        return Err(EvalError::Internal { what: "rows of different lengths" });
    }
    if terms > 1 << 26 {
        return Err(EvalError::Limit { what: "2^26 terms of a real dot product" });
    }
    let count =
        left.rows().checked_mul(width).ok_or(EvalError::Limit { what: "the address space for dot products" })?;
    let mut out = vec![Ball::exact(Dyadic::zero()); count];
    let mut scratch = Scratch::default();
    let row = |i| left.slice(i).filter(|_| left.rows() <= ONCE && terms <= MANY);
    let limbs =
        |row: &[Ball]| Cells::aligned(row, LIMB).unwrap_or_else(|| Cells::new(row.iter().map(Some), LIMB, precision));
    let few: Vec<Cells> = (0..left.rows()).map_while(row).map(limbs).collect();
    let mut read = |j: usize| {
        let (y, bias) = (Cells::aligned(right.slice(j)?, 63)?, bias.and_then(|bias| bias.get(j)));
        for (x, i) in few.iter().zip(0..) {
            out[i * width + j] = direct(x, &y, bias, precision, &mut scratch)?;
        }
        Some(())
    };
    let planes = few.iter().map(|x| x.scale.planes.max(1)).sum();
    if (1..=ONCE).contains(&planes) && (0..width).all(|j| read(j).is_some()) {
        return Ok(out);
    }
    let sized = left.pool().iter().any(|ball| !ball.is_exact());
    let sources = |reach| (Source::<LEFT>::new(left, reach), Source::<RIGHT>::new(right, reach));
    let (coarse, mut fine) = (sources(precision), None);
    // Digits, and a word each for sizes and radii.
    let words = terms.max(1) * (precision.div_ceil(LEFT.into()) as usize + 3);
    let (batch, fit) = ((BESIDE / words).clamp(1, BATCH), (KEPT / words).max(1));
    let size = if left.rows() <= batch { FEW } else { BLOCK }.min(fit);
    let kept = if left.rows() <= batch { size } else { fit };
    for first in (0..width).step_by(kept) {
        let starts = (first..width.min(first + kept)).step_by(size);
        let blocks: Vec<Block<TALL>> =
            starts.map(|start| coarse.1.block(start..width.min(start + size).min(first + kept), sized)).collect();
        let widened = |row: &Row| row.scale.radius_floor.is_some() || !row.scale.cut.is_zero();
        let widened = blocks.iter().flat_map(|block| &block.rows).any(widened);
        for top in (0..left.rows()).step_by(batch) {
            let xs: Block<WIDE> = coarse.0.block(top..left.rows().min(top + batch), widened);
            let mut start = first;
            for ys in &blocks {
                let (across, down) = (start..start + ys.rows.len(), top..top + xs.rows.len());
                let mut open: Vec<_> = across.clone().flat_map(|j| down.clone().map(move |i| (i, j))).collect();
                let mut decide = |xs: &Block<WIDE>, ys: &Block<TALL>| {
                    let products = Products::new(xs, ys);
                    open.retain(|&(i, j)| {
                        let (x, y, bias) = (&xs.rows[i - top], &ys.rows[j - start], bias.and_then(|bias| bias.get(j)));
                        let dot = products.ball(x, y, bias, precision, &mut scratch);
                        dot.map(|dot| out[i * width + j] = dot).is_none()
                    });
                    open.len()
                };
                // Where much is left open, all rows are written anew, with longer digits, in less time than it takes to add up the terms.
                if decide(&xs, ys) > across.len() + down.len() && precision < REACH {
                    let fine = fine.get_or_insert_with(|| sources(REACH));
                    decide(&fine.0.block(down, true), &fine.1.block(across, sized));
                }
                for (i, j) in open {
                    let products = (0..terms).filter_map(|t| {
                        let (x, y) = (left.term(i, t)?, right.term(j, t)?);
                        Some(Ball::new(x.mid().mul(y.mid()), x.product_radius(y)))
                    });
                    out[i * width + j] = sum(products.chain(bias.and_then(|bias| bias.get(j)).cloned()), precision);
                }
                start += ys.rows.len();
            }
        }
    }
    Ok(out)
}

/// The dot product of a row in limbs with one of single digits; `None` as for [`Products::ball`].
fn direct(x: &Cells, y: &Cells, bias: Option<&Ball>, precision: u64, scratch: &mut Scratch) -> Option<Ball> {
    let (scale, ys, exponent) = (x.scale, || y.digits.iter().copied(), y.scale.floor);
    scratch.clear(LIMB as usize * scale.planes + 126); // each sum is below 2^125
    for d in 0..scale.planes {
        let sum = sum_products(x.digits.chunks_exact(scale.planes).map(|x| x[d]), ys());
        add(&mut scratch.words, sum, LIMB as usize * d);
    }
    let rad = sum_products(x.radii.iter().copied(), ys().map(i64::abs)).unsigned_abs();
    let rad = Mag::wide(rad, scale.radius_floor.unwrap_or(0) + exponent);
    let size = if scale.cut.is_zero() { 0 } else { sum_products(repeat(1), ys().map(i64::abs)).unsigned_abs() };
    scratch.ball(scale.floor + exponent, rad, scale.cut * Mag::wide(size, exponent), bias, precision)
}

/// `Σ x y` of up to [`MANY`] pairs of fewer than [`LIMB`] and 63 bits.
fn sum_products(xs: impl Iterator<Item = i64>, ys: impl Iterator<Item = i64>) -> i128 {
    xs.zip(ys).fold(0, |sum, (x, y)| sum.wrapping_add(i128::from(x).wrapping_mul(y.into())))
}

/// The sums of products of a left with a right block: a row for each of the right, a column for each of the left.
struct Products {
    digits: Matrix,
    lists: Matrix,
    /// Right sizes by left radii, right radii by left sizes, right radii by left radii; where there are radii.
    radii: [Matrix; 3],
}

impl Products {
    fn new(left: &Block<WIDE>, right: &Block<TALL>) -> Self {
        let lists = multiply_lists(&right.lists, &left.digits);
        let radii = [(&right.sizes, &left.radii), (&right.radii, &left.sizes), (&right.radii, &left.radii)];
        Products { digits: multiply(&right.digits, &left.digits), lists, radii: radii.map(|(a, b)| multiply(a, b)) }
    }

    /// The dot product of a left and a right row; `None` when cutting off would cost more than the radii and the precision explain.
    fn ball(&self, x: &Row, y: &Row, bias: Option<&Ball>, precision: u64, scratch: &mut Scratch) -> Option<Ball> {
        let ((r, s), (a, b)) = ((x.radius, y.radius), (x.scale, y.scale));
        let mut rad = Mag::ZERO;
        if let Some(floor) = a.radius_floor {
            rad = rad + self.radii[0].bound(y.size, r, floor + b.leading() + 1);
        }
        if let Some(floor) = b.radius_floor {
            rad = rad + self.radii[1].bound(s, x.size, floor + a.leading() + 1);
        }
        if let (Some(left), Some(right)) = (a.radius_floor, b.radius_floor) {
            rad = rad + self.radii[2].bound(s, r, left + right);
        }
        let floor = a.floor + b.floor;
        let (left, right) = (LEFT as usize, RIGHT as usize);
        scratch.clear(left * x.planes.len() + right * y.planes.len());
        for (p, &(list, row)) in y.planes.iter().enumerate() {
            let matrix = if list { &self.lists } else { &self.digits };
            for (two, d) in x.planes.chunks(2).zip((0..).step_by(2)) {
                let mut value = 0; // below 2^85 · 2^28
                for &(_, column) in two.iter().rev() {
                    let (low, high) = matrix.entry(row, column);
                    value = (value << LEFT) + i128::from(low) + (i128::from(high) << HALF);
                }
                add(&mut scratch.words, value, left * d + right * p);
            }
        }
        scratch.ball(floor, rad, a.cut * y.norm + b.cut * x.norm, bias, precision)
    }
}

/// An integer under way, in two's complement, the least word first, and a buffer.
#[derive(Default)]
struct Scratch {
    words: Vec<u64>,
    digits: Vec<u32>,
}

impl Scratch {
    /// Zero, with room for up to 2^26 times a number of `bits` bits and its sign; two words more are room for a bias.
    fn clear(&mut self, bits: usize) {
        self.words.clear();
        self.words.resize(bits / 64 + 3, 0);
    }

    /// The integer times `2^floor`, and a bias, rounded once; `None` when what is `lost` by cutting off is more than the radius and the precision explain.
    fn ball(&mut self, floor: i64, rad: Mag, lost: Mag, bias: Option<&Ball>, precision: u64) -> Option<Ball> {
        let Scratch { words, digits } = self;
        // A bias with few bits within the words is added there, so that nothing is rounded twice or allocated.
        let within = |bias: &&Ball| {
            let at = usize::try_from(bias.mid().exponent().checked_sub(floor)?).ok()?;
            let word = bias.mid().word()?;
            (at / 64 + 2 < words.len() && word.unsigned_abs() >> 62 == 0).then_some((word, at))
        };
        let merged = bias.and_then(|bias| within(&bias));
        if let Some((word, at)) = merged {
            add(words, word.into(), at);
        }
        let negative = words.last().is_some_and(|word| word >> 63 == 1);
        if negative {
            words.iter_mut().for_each(|word| *word = !*word);
            add(words, 1, 0);
        }
        let leading = words.iter().rposition(|&word| word != 0);
        let bits = leading.map_or(0, |at| at * 64 + 64 - words[at].leading_zeros() as usize);
        let top = (bits > 0).then(|| floor + bits as i64);
        // Cutting off may double the radius, or the rounding.
        if lost.top() > top.map(|top| top - precision as i64).max(rad.top()) {
            return None;
        }
        let trailing =
            words.iter().position(|&word| word != 0).map_or(0, |at| at * 64 + words[at].trailing_zeros() as usize);
        let keep = if merged.is_some() || bias.is_none() { precision as usize } else { usize::MAX };
        let mut drop = bits.saturating_sub(keep);
        let exact = drop <= trailing;
        if exact {
            drop = trailing;
        } else {
            add(words, 1, drop - 1); // half a unit of the last bit kept
        }
        let at = floor + drop as i64;
        let mid = if bits < drop + 126 {
            let size =
                (i128::from(window(words, drop as i64 + 63, 63)) << 63) | i128::from(window(words, drop as i64, 63));
            Dyadic::wide(if negative { -size } else { size }, at)
        } else {
            digits.clear();
            digits.extend((drop..=bits).step_by(32).map(|at| window(words, at as i64, 32) as u32));
            let sign = if negative { Sign::Minus } else { Sign::Plus };
            Dyadic::new(BigInt::from_slice(sign, digits), at)
        };
        let (mid, extra) = match bias {
            Some(bias) if merged.is_none() => (mid.add_rounded(bias.mid(), precision, Direction::Nearest), bias.mag()),
            _ => ((mid, exact), bias.map_or(Mag::ZERO, Ball::mag)),
        };
        Some(Ball::rounded(mid, rad + lost + extra))
    }
}

/// Adds `value · 2^at` to an integer in two's complement, the least word first; it has two words more from there.
fn add(words: &mut [u64], value: i128, at: usize) {
    let (i, low) = (at / 64, (value << (at % 64)).cast_unsigned());
    let two = u128::from(words[i]) | (u128::from(words[i + 1]) << 64);
    let (two, mut carry) = two.overflowing_add(low);
    (words[i], words[i + 1]) = (two as u64, (two >> 64) as u64);
    let mut part = (value >> 64 >> (64 - at % 64)) as u64;
    for four in words[i + 2..].chunks_mut(4) {
        for word in four {
            let (sum, first) = word.overflowing_add(part);
            let (sum, second) = sum.overflowing_add(carry.into());
            (*word, carry, part) = (sum, first | second, (value >> 127) as u64);
        }
        // The sign and the carry are left to add: nothing when both are 0 or make 2^64. Asked seldom, for the answer is hard to foresee.
        if part.wrapping_add(carry.into()) == 0 {
            break;
        }
    }
}
