//! Sums and dot products with one rounding each: the hot loop of the checker.
//!
//! Claim: `out = Σ_t left[t] · right[t] (+ bias)` is enclosed; midpoints are multiplied and added exactly, but for what is cut off below a floor
//! that each row sets itself, and the sum is rounded once.
//! Method: a row is written as signed digits at one exponent, aligned at its greatest term: 27 bits each on the left, 31 on the right, so that a
//! binary32 weight within seven binades of the greatest of its row is one digit; lower digits that are almost all zero are kept as a list. Digits
//! become [`Strip`]s, rows of small integers side by side, and all sums of products of digits are one product of integer matrices
//! ([`multiply`]), without a carry between neighbours until the end.
//! Radii: `|xy − ab| ≤ |a| s + r |b| + r s`; radii are integers of 27 bits at the scale of the greatest of the row (or of its pool), sizes of
//! about as many, both rounded up, and their sums are products of integer matrices as well.
//! Cost: 0.06 to 0.1 ns a term and pair of digits (one pair for each 27 bits of precision, and one for the radius); about 10 ns to write a
//! binary32 number as digits and 30 ns another, once for each right row and each left row (or cell of a pool that left rows are gathered from);
//! about 0.1 µs a result.
#![expect(
    clippy::indexing_slicing,
    reason = "tiles and digits are cut from vectors of the size stated where they are made"
)]
#![expect(clippy::as_conversions, reason = "counts of bits and of planes, and words cut from wider ones")]

use super::strip::{LEFT, Matrix, RIGHT, Strip, TALL, WIDE, multiply, short};
use super::{Ball, Mag};
use crate::context::{EvalError, Rows};
use crate::number::{Direction, Dyadic};
use num_bigint::{BigInt, BigUint, Sign};
use std::ops::Range;

/// Bits of a radius.
const RADIUS: i64 = 27;
/// Left rows, and right rows, that are multiplied at a time; fewer right rows when each is used only once.
const BATCH: usize = 24;
const BLOCK: usize = 256;
const FEW: usize = 32;
/// Words of right rows that are kept written.
const KEPT: usize = 1 << 23;
/// Bits below the greatest term to which rows are written where the precision is not enough: all of any binary32 numbers.
const REACH: u64 = 320;
/// Greatest number of words of a pool that is written whole.
const POOL: u64 = 1 << 26;

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
    if terms > 1 << 26 {
        return Err(EvalError::Limit { what: "2^26 terms of a real dot product" });
    }
    let count =
        left.rows().checked_mul(width).ok_or(EvalError::Limit { what: "the address space for dot products" })?;
    let mut out = vec![Ball::exact(Dyadic::zero()); count];
    let sources = |reach| (Source::<LEFT>::new(left, reach), Source::<RIGHT>::new(right, reach));
    let (coarse, mut fine) = (sources(precision), None);
    let sized = left.pool().iter().any(|ball| !ball.is_exact());
    let once = left.rows() <= BATCH;
    let (size, kept) = if once { (FEW, FEW) } else { (BLOCK, (KEPT / terms.max(1)).max(BLOCK)) };
    let mut scratch = Scratch::default();
    for first in (0..width).step_by(kept) {
        let starts = (first..width.min(first + kept)).step_by(size);
        let blocks: Vec<Block<TALL>> =
            starts.map(|start| coarse.1.block(start..width.min(start + size).min(first + kept), sized)).collect();
        for top in (0..left.rows()).step_by(BATCH) {
            let xs: Block<WIDE> = coarse.0.block(top..left.rows().min(top + BATCH), true);
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

/// How balls become digits: the midpoint is the sum of its `planes` digits times `2^(floor + bits · d)`, to within `cut`, its radius at most
/// an integer times `2^radius_floor`.
#[derive(Clone, Copy)]
struct Scale {
    bits: u32,
    planes: usize,
    floor: i64,
    cut: Mag,
    /// `None` when every radius is zero.
    radius_floor: Option<i64>,
}

impl Scale {
    /// Digits that reach at least `precision + 7` bits below the top, or to the least exponent.
    fn new(top: Option<i64>, least: i64, rad: Mag, bits: u32, precision: u64) -> Self {
        let radius_floor = rad.top().map(|top| top - RADIUS);
        let extent = top.map_or(0, |top| top.abs_diff(least));
        let reach = extent.min(precision + 7).next_multiple_of(bits.into());
        let floor = top.unwrap_or(0).saturating_sub_unsigned(reach);
        // A left digit is rounded to nearest and may become 2^27, which is allowed for; a right one has no room.
        let cut = if extent > reach { Mag::power_of_two(floor - i64::from(bits == LEFT)) } else { Mag::ZERO };
        Scale { bits, planes: (reach / u64::from(bits)) as usize, floor, cut, radius_floor }
    }

    /// Writes the digits of a number over zeros.
    fn write(&self, mid: &Dyadic, words: &[u64], digits: &mut [i64]) {
        let below = self.floor - mid.exponent();
        for (digit, d) in digits.iter_mut().zip(0i64..) {
            *digit = window(words, below + d * i64::from(self.bits), self.bits).cast_signed();
        }
        if below > 0 && self.bits == LEFT {
            digits[0] += window(words, below - 1, 1).cast_signed();
        }
        if mid.is_negative() {
            digits.iter_mut().for_each(|digit| *digit = -*digit);
        }
    }

    /// The exponent of the leading digit.
    fn leading(&self) -> i64 {
        self.floor + (self.planes as i64 - 1) * i64::from(self.bits)
    }
}

/// Balls as integers, ball after ball; a zero follows the last.
struct Cells {
    scale: Scale,
    digits: Vec<i64>,
    /// Empty when every radius is zero.
    radii: Vec<i64>,
}

impl Cells {
    fn new<'a>(balls: impl ExactSizeIterator<Item = Option<&'a Ball>> + Clone, bits: u32, precision: u64) -> Self {
        let (mut top, mut least, mut rad) = (i64::MIN, i64::MAX, Mag::ZERO);
        // Mantissas of one word with their exponents, while there is no other: they are faster to write, and looked up once.
        let mut short: Vec<(i64, i64)> = Vec::with_capacity(balls.len());
        for ball in balls.clone() {
            let mut term = (0, 0);
            if let Some(ball) = ball {
                let (mid, mut words) = (ball.mid(), ball.mid().mantissa().iter_u64_digits());
                let (count, word) = (words.len(), words.next().unwrap_or(0));
                if count > 0 {
                    let t = if count == 1 {
                        Some(mid.exponent() + 64 - i64::from(word.leading_zeros()))
                    } else {
                        mid.top()
                    };
                    top = top.max(t.unwrap_or(top));
                    least = least.min(mid.exponent());
                }
                if count > 1 || word >> 63 == 1 {
                    term.0 = i64::MIN;
                } else {
                    term = (if mid.is_negative() { -word.cast_signed() } else { word.cast_signed() }, mid.exponent());
                }
                if !ball.is_exact() {
                    rad = rad.max(ball.mag());
                }
            }
            short.push(term);
        }
        let scale = Scale::new((top > i64::MIN).then_some(top), least, rad, bits, precision);
        let (leading, planes) = (scale.leading(), scale.planes);
        let mut digits = vec![0; planes * (balls.len() + 1)];
        let mut words = Vec::new();
        for ((cell, &(term, exponent)), ball) in digits.chunks_exact_mut(planes.max(1)).zip(&short).zip(balls.clone()) {
            if let (true, Ok(shift)) = (term != i64::MIN, u32::try_from(exponent - leading)) {
                cell[planes - 1] = term.checked_shl(shift).unwrap_or(0); // a digit, for it is below the top
            } else if let Some(mid) = ball.map(Ball::mid) {
                words.clear();
                words.extend(mid.mantissa().iter_u64_digits());
                scale.write(mid, &words, cell);
            }
        }
        let mut radii = Vec::new();
        if let Some(floor) = scale.radius_floor {
            radii.extend(balls.map(|ball| ball.map_or(0, |ball| ball.mag().units(floor).cast_signed())));
            radii.push(0);
        }
        Cells { scale, digits, radii }
    }

    fn digits(&self, at: usize) -> &[i64] {
        &self.digits[at * self.scale.planes..(at + 1) * self.scale.planes]
    }

    /// Half the leading digit and one: more than half the magnitude in units of that digit, both before and after what is cut off (which may
    /// be all of it).
    fn size(&self, at: usize) -> i64 {
        let digits = self.digits(at);
        let zero = self.scale.cut.is_zero() && digits.iter().all(|&digit| digit == 0);
        digits.last().map_or(0, |digit| (digit.abs() >> 1) + i64::from(!zero))
    }

    /// Whether the balls at these positions have the digits that they would have on their own, or precision + 2 bits.
    fn reaches(&self, positions: &[usize], precision: u64) -> bool {
        let leading = positions.iter().filter_map(|&at| self.digits(at).last()).map(|digit| digit.unsigned_abs()).max();
        let below = u64::from(self.scale.bits) * (self.scale.planes as u64).saturating_sub(1);
        self.scale.cut.is_zero() || below + u64::from(64 - leading.unwrap_or(0).leading_zeros()) >= precision + 2
    }
}

/// Rows of balls to be written in digits of `BITS`.
struct Source<'a, const BITS: u32> {
    rows: &'a Rows<'a, Ball>,
    /// All values that the rows are drawn from, where that serves several rows.
    pool: Option<Cells>,
    precision: u64,
}

impl<'a, const BITS: u32> Source<'a, BITS> {
    fn new(rows: &'a Rows<'a, Ball>, precision: u64) -> Self {
        let balls = rows.pool();
        let words = precision.div_ceil(BITS.into()).saturating_add(3).saturating_mul(balls.len() as u64);
        let gathered = !rows.is_contiguous() && rows.rows().saturating_mul(rows.terms()) > balls.len() && words <= POOL;
        Source { rows, pool: gathered.then(|| Cells::new(balls.iter().map(Some), BITS, precision)), precision }
    }

    fn block<const N: usize>(&self, range: Range<usize>, sized: bool) -> Block<N> {
        let terms = self.rows.terms();
        let strip = || Strip::new(terms);
        let mut block = Block { rows: Vec::new(), digits: strip(), sizes: strip(), radii: strip(), lists: Vec::new() };
        for row in range {
            if let Some(pool) = &self.pool {
                let zero = self.rows.pool().len();
                let positions: Vec<usize> = (0..terms).map(|t| self.rows.position(row, t).unwrap_or(zero)).collect();
                if pool.reaches(&positions, self.precision) {
                    block.push(pool, sized, |t| positions[t]);
                    continue;
                }
            }
            let cells = match self.rows.slice(row) {
                Some(balls) => Cells::new(balls.iter().map(Some), BITS, self.precision),
                None => Cells::new((0..terms).map(|t| self.rows.term(row, t)), BITS, self.precision),
            };
            block.push(&cells, sized, |t| t);
        }
        block
    }
}

/// Rows of balls as rows of integers.
struct Block<const N: usize> {
    rows: Vec<Row>,
    digits: Strip<N>,
    sizes: Strip<N>,
    radii: Strip<N>,
    /// Digits that are almost all zero: terms and digits.
    lists: Vec<Vec<(usize, i64)>>,
}

/// A row: its scale, the rows of its digits, the least first, in the strip or (`true`) among the lists, its row of sizes, which are in units of
/// `2^(leading + 1)`, a bound of the sum of all sizes, and its row of radii.
struct Row {
    scale: Scale,
    planes: Vec<(bool, usize)>,
    size: usize,
    norm: Mag,
    radius: usize,
}

impl<const N: usize> Block<N> {
    /// Appends the row whose term `t` is the cell `at(t)`.
    fn push(&mut self, cells: &Cells, sized: bool, at: impl Fn(usize) -> usize) {
        let (terms, count) = (self.digits.terms, cells.scale.planes);
        let cell = |t| at(t) * count;
        let mut planes = Vec::with_capacity(count);
        for d in 0..count {
            let digits = (0..terms).map(|t| cells.digits[cell(t) + d]);
            // Of a right row, digits that are not the leading ones make a list while they are a sixteenth of the terms: it costs less than a row.
            if N == TALL && d + 1 < count {
                let list = digits.clone().enumerate().filter(|&(_, digit)| digit != 0).take(terms / 16 + 1);
                let list: Vec<(usize, i64)> = list.collect();
                if list.len() <= terms / 16 {
                    planes.push((true, self.lists.len()));
                    self.lists.push(list);
                    continue;
                }
            }
            planes.push((false, self.digits.push(digits)));
        }
        let (leading, mut norm) =
            (cells.scale.leading(), Mag::new(terms as u64, cells.scale.leading() + i64::from(cells.scale.bits)));
        let mut size = 0;
        if sized {
            let mut total = 0; // of 2^26 terms of 2^30
            size = self.sizes.push((0..terms).map(|t| cells.size(at(t))).inspect(|size| total += size));
            norm = Mag::new(total.unsigned_abs(), leading + 1);
        }
        let radius = if cells.radii.is_empty() { 0 } else { self.radii.push((0..terms).map(|t| cells.radii[at(t)])) };
        self.rows.push(Row { scale: cells.scale, planes, size, norm, radius });
    }
}

/// The sums of products of a left with a right block: a row for each of the right, a column for each of the left.
struct Products {
    digits: Matrix,
    lists: Matrix,
    /// Right sizes by left radii, right radii by left sizes, right radii by left radii; where there are radii.
    radii: [Matrix; 3],
}

/// Buffers of [`Products::ball`].
#[derive(Default)]
struct Scratch {
    words: Vec<u64>,
    digits: Vec<u32>,
}

impl Products {
    fn new(left: &Block<WIDE>, right: &Block<TALL>) -> Self {
        let digits = multiply(&right.digits, &left.digits);
        let mut lists = Matrix::zero(right.lists.len(), digits.width);
        for (row, list) in right.lists.iter().enumerate() {
            for &(t, digit) in list {
                for (tile, cells) in left.digits.tiles.chunks_exact(left.digits.terms.max(1)).enumerate() {
                    let products = cells[t].map(|cell| short(cell).wrapping_mul(short(digit)));
                    lists.add(row * lists.width + tile * WIDE, &products);
                }
            }
        }
        let sized = multiply(&right.sizes, &left.radii);
        Products {
            digits,
            lists,
            radii: [sized, multiply(&right.radii, &left.sizes), multiply(&right.radii, &left.radii)],
        }
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
        // Of up to 2^26 terms, the sum is below 2^26 times the greatest product: two words more than that are room for a bias.
        let Scratch { words, digits } = scratch;
        words.clear();
        words.resize((left * x.planes.len() + right * y.planes.len()) / 64 + 3, 0);
        for (p, &(list, row)) in y.planes.iter().enumerate() {
            let matrix = if list { &self.lists } else { &self.digits };
            for (two, d) in x.planes.chunks(2).zip((0..).step_by(2)) {
                let mut value = 0; // below 2^62 · 2^54
                for &(_, column) in two.iter().rev() {
                    let (low, high) = matrix.entry(row, column);
                    value = (value << LEFT) + i128::from(low) + (i128::from(high) << LEFT);
                }
                add(words, value, left * d + right * p);
            }
        }
        // A bias with few bits within the words is added there, so that nothing is rounded twice or allocated.
        let within = |bias: &&Ball| {
            let at = usize::try_from(bias.mid().exponent().checked_sub(floor)?).ok()?;
            let word = i64::try_from(bias.mid().mantissa()).ok()?;
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
        let lost = a.cut * y.norm + b.cut * x.norm;
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
        let sign = if negative { Sign::Minus } else { Sign::Plus };
        let mantissa = if bits < drop + 126 {
            let word = |at: usize| window(words, (drop + at) as i64, 63);
            BigUint::from(u128::from(word(0)) | (u128::from(word(63)) << 63))
        } else {
            digits.clear();
            digits.extend((drop..=bits).step_by(32).map(|at| window(words, at as i64, 32) as u32));
            BigUint::from_slice(digits)
        };
        let mid = Dyadic::new(BigInt::from_biguint(sign, mantissa), floor + drop as i64);
        let (mid, extra) = match bias {
            Some(bias) if merged.is_none() => (mid.add_rounded(bias.mid(), precision, Direction::Nearest), bias.mag()),
            _ => ((mid, exact), bias.map_or(Mag::ZERO, Ball::mag)),
        };
        Some(Ball::rounded(mid, rad + lost + extra))
    }
}

/// Adds `value · 2^at` to an integer in two's complement, the least word first.
fn add(words: &mut [u64], value: i128, at: usize) {
    let (low, sign) = ((value << (at % 64)).cast_unsigned(), (value >> 127) as u64);
    let mut parts = [low as u64, (low >> 64) as u64, (value >> 64 >> (64 - at % 64)) as u64].into_iter();
    let mut carry = 0;
    for (k, word) in words[at / 64..].iter_mut().enumerate() {
        let part = parts.next().unwrap_or(sign);
        let (sum, first) = word.overflowing_add(part);
        let (sum, second) = sum.overflowing_add(carry);
        (*word, carry) = (sum, u64::from(first | second));
        // From the fourth word on the sign and the carry are added: nothing when both are 0 or make 2^64.
        if k > 1 && sign.wrapping_add(carry) == 0 {
            break;
        }
    }
}

/// The `width < 64` bits from position `at` on (which may be negative) of a number given by its words, the least first.
fn window(words: &[u64], at: i64, width: u32) -> u64 {
    let mask = (1u64 << width) - 1;
    let Ok(at) = u64::try_from(at) else {
        let up = u32::try_from(at.unsigned_abs()).unwrap_or(u32::MAX);
        let first = words.first().copied().unwrap_or(0);
        return first.checked_shl(up).unwrap_or(0) & mask;
    };
    let index = usize::try_from(at / 64).unwrap_or(usize::MAX);
    let word = |index: Option<usize>| index.and_then(|i| words.get(i)).copied().unwrap_or(0);
    let both = (u128::from(word(index.checked_add(1))) << 64) | u128::from(word(Some(index)));
    u64::try_from((both >> (at % 64)) & u128::from(mask)).unwrap_or(0)
}
