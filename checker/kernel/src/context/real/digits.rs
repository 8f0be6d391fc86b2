//! Rows of balls as rows of digits.
//!
//! Claim: a [`Row`] of a [`Block`] states its midpoints to within `cut`, and bounds of their sizes and radii.
//! A row is written as signed digits at one exponent, aligned at its greatest term: 27 bits each on the left, 31 on the right, so that a binary32
//! weight within seven binades of the greatest of its row is one digit; lower digits that are almost all zero are kept as a list. Radii are
//! integers of 27 bits at the scale of the greatest of the row (or of its pool), sizes of about as many, both rounded up: one far below the
//! greatest is thus rounded up to 2^−27 of it.
#![expect(
    clippy::indexing_slicing,
    reason = "cells and digits are cut from vectors of the size stated where they are made"
)]
#![expect(clippy::as_conversions, reason = "counts of bits and of planes")]

use super::strip::{LEFT, Strip, TALL};
use super::{Ball, Mag};
use crate::context::Rows;
use crate::number::Dyadic;
use std::ops::Range;

/// Bits of a radius.
const RADIUS: i64 = 27;
/// Greatest number of words of a pool that is written whole.
const POOL: u64 = 1 << 26;
/// Bits of a limb: with integers below `2^63`, the sum of [`MANY`] products is below `2^125`.
pub(super) const LIMB: u32 = 46;
pub(super) const MANY: usize = 1 << 16;

/// How balls become digits: the midpoint is the sum of its `planes` digits times `2^(floor + bits · d)`, to within `cut`, its radius at most
/// an integer times `2^radius_floor`.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    bits: u32,
    pub(super) planes: usize,
    pub(super) floor: i64,
    pub(super) cut: Mag,
    /// `None` when every radius is zero.
    pub(super) radius_floor: Option<i64>,
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
    pub(super) fn leading(&self) -> i64 {
        self.floor + (self.planes as i64 - 1) * i64::from(self.bits)
    }
}

/// Balls as integers, ball after ball; a zero follows the last, unless they are [`Cells::aligned`].
pub(super) struct Cells {
    pub(super) scale: Scale,
    pub(super) digits: Vec<i64>,
    /// The balls that have more than the leading digit, and perhaps others.
    long: Vec<usize>,
    /// Empty when every radius is zero.
    pub(super) radii: Vec<i64>,
}

impl Cells {
    pub(super) fn new<'a>(
        balls: impl ExactSizeIterator<Item = Option<&'a Ball>> + Clone,
        bits: u32,
        precision: u64,
    ) -> Self {
        let (mut top, mut least, mut rad) = (i64::MIN, i64::MAX, Mag::ZERO);
        for ball in balls.clone().flatten() {
            if let Some(ball_top) = ball.mid().top() {
                (top, least) = (top.max(ball_top), least.min(ball.mid().exponent()));
            }
            if !ball.is_exact() {
                rad = rad.max(ball.mag());
            }
        }
        let scale = Scale::new((top > i64::MIN).then_some(top), least, rad, bits, precision);
        let (leading, planes) = (scale.leading(), scale.planes);
        let mut digits = vec![0; planes * (balls.len() + 1)];
        let (mut words, mut long) = (Vec::new(), Vec::new());
        for ((t, cell), ball) in digits.chunks_exact_mut(planes.max(1)).enumerate().zip(balls.clone()) {
            let Some(mid) = ball.map(Ball::mid) else { continue };
            if let (Some(word), shift @ 0..=31) = (mid.word(), mid.exponent().wrapping_sub(leading)) {
                cell[planes - 1] = word << shift; // a digit, for it is below the top
            } else if !mid.is_zero() {
                long.push(t);
                words.clear();
                words.extend(mid.words());
                scale.write(mid, &words, cell);
            }
        }
        let mut radii = Vec::new();
        if let Some(floor) = scale.radius_floor {
            radii.extend(balls.map(|ball| ball.map_or(0, |ball| ball.mag().units(floor).cast_signed())));
            radii.push(0);
        }
        Cells { scale, digits, long, radii }
    }

    /// Exact balls of up to 24 bits as one digit each of fewer than `bits`; `None` for others, and for exponents too far apart.
    pub(super) fn aligned(balls: &[Ball], bits: u32) -> Option<Self> {
        let room = i64::from(bits) - 24;
        // A guess: the first few tell the greatest to within a few places.
        let top = balls.iter().filter_map(|ball| ball.mid().top()).take(8).max().unwrap_or(0);
        let floor = top.saturating_sub(24 + room * 5 / 8);
        let mut digits = vec![0; balls.len()];
        for (digit, ball) in digits.iter_mut().zip(balls) {
            let (word, shift) = (ball.mid().word()?, ball.mid().exponent().wrapping_sub(floor));
            if !ball.is_exact() || word.unsigned_abs() >> 24 != 0 || word != 0 && !(0..=room).contains(&shift) {
                return None;
            }
            *digit = word.wrapping_shl(shift as u32); // a zero stays one
        }
        let scale = Scale { bits, planes: 1, floor, cut: Mag::ZERO, radius_floor: None };
        Some(Cells { scale, digits, long: Vec::new(), radii: Vec::new() })
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
pub(super) struct Source<'a, const BITS: u32> {
    rows: &'a Rows<'a, Ball>,
    /// All values that the rows are drawn from, where that serves several rows.
    pool: Option<Cells>,
    precision: u64,
}

impl<'a, const BITS: u32> Source<'a, BITS> {
    pub(super) fn new(rows: &'a Rows<'a, Ball>, precision: u64) -> Self {
        let balls = rows.pool();
        let words = precision.div_ceil(BITS.into()).saturating_add(3).saturating_mul(balls.len() as u64);
        // Right rows hardly ever overlap, and their lists count on cells of their own.
        let gathered = BITS == LEFT
            && !rows.is_contiguous()
            && rows.rows().saturating_mul(rows.terms()) > balls.len()
            && words <= POOL;
        Source { rows, pool: gathered.then(|| Cells::new(balls.iter().map(Some), BITS, precision)), precision }
    }

    pub(super) fn block<const N: usize>(&self, range: Range<usize>, sized: bool) -> Block<N> {
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
pub(super) struct Block<const N: usize> {
    pub(super) rows: Vec<Row>,
    pub(super) digits: Strip<N>,
    pub(super) sizes: Strip<N>,
    pub(super) radii: Strip<N>,
    /// Digits that are almost all zero: terms and digits.
    pub(super) lists: Vec<Vec<(usize, i64)>>,
}

/// A row: its scale, the rows of its digits, the least first, in the strip or (`true`) among the lists, its row of sizes, which are in units of
/// `2^(leading + 1)`, a bound of the sum of all sizes, and its row of radii.
pub(super) struct Row {
    pub(super) scale: Scale,
    pub(super) planes: Vec<(bool, usize)>,
    pub(super) size: usize,
    pub(super) norm: Mag,
    pub(super) radius: usize,
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
                let all = cells.long.iter().map(|&t| (t, cells.digits[t * count + d]));
                let list: Vec<(usize, i64)> = all.filter(|&(_, digit)| digit != 0).take(terms / 16 + 1).collect();
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

/// The `width < 64` bits from position `at` on (which may be negative) of a number given by its words, the least first.
pub(super) fn window(words: &[u64], at: i64, width: u32) -> u64 {
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
