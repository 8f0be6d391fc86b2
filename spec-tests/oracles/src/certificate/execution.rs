//! binary32 under a stated execution: arithmetic by Berkeley SoftFloat, functions by MPFR, orders of terms as `certs/FORMAT.md` §5.2 states them.

use super::document::{self, Order, Schedule};
use super::evaluation::{Function, Reading, Trouble};
use crate::arbiter::{Arbiter, Precision, Truncate};
use crate::rounding::Truncated;
use rug::Rational;
use softfloat_wrapper::{F32, Float, RoundingMode as Soft};
use std::cell::RefCell;
use std::cmp::Ordering;
use tl_kernel::context::binary32::RoundingMode;

const ZERO: u32 = 0;
const ONE: u32 = 0x3f80_0000;
const CANONICAL: u32 = 0x7fc0_0000;
const X86: u32 = 0xffc0_0000;
const QUIET: u32 = 0x0040_0000;

/// The reading.
#[derive(Debug)]
pub struct Execution<'a> {
    settings: &'a document::Execution,
    mode: RoundingMode,
    soft: Soft,
    arbiter: RefCell<Arbiter>,
}

fn is_nan(word: u32) -> bool {
    word & 0x7fff_ffff > 0x7f80_0000
}

impl<'a> Execution<'a> {
    /// The reading that a document asks for.
    pub fn new(settings: &'a document::Execution) -> Self {
        let (mode, soft) = match settings.rounding.as_str() {
            "nearest_even" => (RoundingMode::NearestEven, Soft::TiesToEven),
            "toward_zero" => (RoundingMode::TowardZero, Soft::TowardZero),
            "down" => (RoundingMode::Down, Soft::TowardNegative),
            "up" => (RoundingMode::Up, Soft::TowardPositive),
            _ => (RoundingMode::NearestAway, Soft::TiesToAway),
        };
        Execution { settings, mode, soft, arbiter: RefCell::default() }
    }

    /// The result of an operation, its NaN as the policy has it.
    fn settled(&self, operands: &[u32], result: u32) -> u32 {
        let first = operands.iter().copied().find(|&word| is_nan(word));
        match first {
            Some(nan) if self.settings.propagate => nan | QUIET,
            None if is_nan(result) && self.settings.propagate => X86,
            Some(_) => CANONICAL,
            None if is_nan(result) => CANONICAL,
            None => result,
        }
    }

    fn soft(&self, x: u32, y: u32, f: impl Fn(F32, F32) -> F32) -> u32 {
        self.settled(&[x, y], f(F32::from_bits(x), F32::from_bits(y)).to_bits())
    }

    fn plus(&self, x: u32, y: u32) -> u32 {
        self.soft(x, y, |x, y| x.add(y, self.soft))
    }

    fn times(&self, x: u32, y: u32) -> u32 {
        self.soft(x, y, |x, y| x.mul(y, self.soft))
    }

    /// IEEE 754-2019 `maximum`: NaN propagates, −0 < +0.
    fn maximum(&self, x: u32, y: u32) -> u32 {
        let ordered = |word: u32| if word >> 31 == 1 { -i64::from(word & 0x7fff_ffff) - 1 } else { i64::from(word) };
        self.settled(&[x, y], if ordered(x) >= ordered(y) { x } else { y })
    }

    /// A reduction of `count` terms in the order of the node's schedule.
    fn reduce(&self, node: usize, terms: &Terms<'_>, bias: Option<u32>) -> Result<u32, Trouble> {
        let schedule = self.settings.nodes.get(&node).unwrap_or(&self.settings.schedule);
        let reduction = Reduction { execution: self, terms, schedule };
        let ids: Vec<usize> = (0..terms.len()).collect();
        if ids.is_empty() {
            return Ok(bias.unwrap_or(ZERO));
        }
        let first = bias.filter(|_| schedule.bias_first);
        let result = reduction.order(&schedule.order, &ids, first)?;
        Ok(match bias {
            Some(bias) if !schedule.bias_first => self.plus(result, bias),
            _ => result,
        })
    }
}

/// Data, or pairs to be multiplied.
enum Terms<'a> {
    Data(Vec<u32>),
    Pairs(&'a [(&'a u32, &'a u32)]),
}

impl Terms<'_> {
    fn len(&self) -> usize {
        match self {
            Terms::Data(data) => data.len(),
            Terms::Pairs(pairs) => pairs.len(),
        }
    }
}

struct Reduction<'a> {
    execution: &'a Execution<'a>,
    terms: &'a Terms<'a>,
    schedule: &'a Schedule,
}

impl Reduction<'_> {
    fn product(&self, i: usize) -> u32 {
        match self.terms {
            Terms::Data(data) => data[i],
            Terms::Pairs(pairs) => self.execution.times(*pairs[i].0, *pairs[i].1),
        }
    }

    fn step(&self, a: u32, i: usize) -> u32 {
        match self.terms {
            Terms::Pairs(pairs) if self.schedule.fma => {
                let (x, y) = (*pairs[i].0, *pairs[i].1);
                let [p, q, r] = [x, y, a].map(F32::from_bits);
                self.execution.settled(&[x, y, a], p.fused_mul_add(q, r, self.execution.soft).to_bits())
            }
            _ => self.execution.plus(a, self.product(i)),
        }
    }

    /// The first value of a chain; `bias` is what term 0 is added to, where it comes first.
    fn begin(&self, i: usize, bias: Option<u32>) -> u32 {
        match bias {
            Some(bias) => self.step(bias, i),
            None if self.schedule.from_zero => self.step(ZERO, i),
            None => self.product(i),
        }
    }

    fn chain(&self, mut ids: impl Iterator<Item = usize>, bias: Option<u32>) -> u32 {
        let first = ids.next().expect("a chain has a term");
        ids.fold(self.begin(first, bias), |a, i| self.step(a, i))
    }

    fn order(&self, order: &Order, ids: &[usize], bias: Option<u32>) -> Result<u32, Trouble> {
        let add = |x, y| self.execution.plus(x, y);
        Ok(match order {
            Order::Sequential => self.chain(ids.iter().copied(), bias),
            Order::Pairwise(leaf) if ids.len() <= *leaf => self.chain(ids.iter().copied(), bias),
            Order::Pairwise(_) => {
                let (left, right) = ids.split_at(ids.len().div_ceil(2));
                add(self.order(order, left, bias)?, self.order(order, right, None)?)
            }
            Order::Lanes(width, combine) => {
                let lane = |j: usize| self.chain(ids.iter().copied().skip(j).step_by(*width), bias.filter(|_| j == 0));
                combined((0..ids.len().min(*width)).map(lane).collect(), *width, combine, &add)
            }
            Order::Blocks(size, inner) => {
                let mut sums = Vec::new();
                for block in ids.chunks(*size) {
                    sums.push(self.order(inner, block, None)?);
                }
                let all = bias.into_iter().chain(sums);
                all.reduce(add).expect("a block")
            }
            Order::Tree(pairs) => {
                if pairs.len() + 1 != ids.len() {
                    return Err(Trouble::Malformed("a tree of another size".into()));
                }
                self.tree(pairs, bias)?
            }
        })
    }

    /// Every node once, the leftmost term of the root with the bias.
    fn tree(&self, pairs: &[(usize, usize)], bias: Option<u32>) -> Result<u32, Trouble> {
        let n = self.terms.len();
        let mut left = n + pairs.len() - 1;
        let mut used = vec![false; n + pairs.len()];
        for (k, &(l, r)) in pairs.iter().enumerate() {
            for id in [l, r] {
                if id >= n + k || std::mem::replace(&mut used[id], true) {
                    return Err(Trouble::Malformed("pairs that are no tree".into()));
                }
            }
        }
        while left >= n {
            left = pairs[left - n].0;
        }
        let begin = |i: usize| self.begin(i, bias.filter(|_| i == left));
        let mut values: Vec<Option<u32>> = vec![None; n];
        for &(l, r) in pairs {
            let first = values[l].unwrap_or_else(|| begin(l));
            let joined =
                if r < n { self.step(first, r) } else { self.execution.plus(first, values[r].expect("a pair")) };
            values.push(Some(joined));
        }
        Ok(values.last().copied().flatten().unwrap_or_else(|| begin(0)))
    }
}

/// Lanes 0 … of `width` into one; those after the given ones have no term, and leave their partners as they are.
fn combined(mut lanes: Vec<u32>, mut width: usize, combine: &str, add: &dyn Fn(u32, u32) -> u32) -> u32 {
    if combine == "sequential" {
        return lanes.into_iter().reduce(add).expect("a lane with a term");
    }
    while width > 1 {
        width = width.div_ceil(2);
        lanes = if combine == "halving" {
            let upper = lanes.split_off(lanes.len().min(width));
            let joined = lanes.iter().zip(&upper).map(|(&x, &y)| add(x, y));
            joined.chain(lanes.iter().skip(upper.len()).copied()).collect()
        } else {
            lanes.chunks(2).map(|pair| pair.iter().copied().reduce(add).expect("one or two")).collect()
        };
    }
    lanes[0]
}

impl Reading for Execution<'_> {
    type Value = u32;

    fn word(&self, word: u32) -> Result<u32, Trouble> {
        Ok(word)
    }

    /// The number rounded once.
    fn constant(&self, number: &Rational) -> u32 {
        if *number == 0 {
            return ZERO;
        }
        // 64 bits of |number|, truncated, and whether anything follows.
        let (mut above, mut below) = (number.numer().clone().abs(), number.denom().clone());
        let mut exponent = 0i64;
        let shift = 64 + i64::from(below.significant_bits()) - i64::from(above.significant_bits());
        if shift > 0 {
            above <<= shift as u32
        } else {
            below <<= (-shift) as u32
        }
        exponent -= shift;
        let (mut quotient, rest) = above.div_rem(below);
        let mut sticky = rest != 0;
        if quotient.significant_bits() == 65 {
            sticky |= quotient.is_odd();
            quotient >>= 1u32;
            exponent += 1;
        }
        let mut significand = quotient.to_u64().expect("64 bits");
        let zeros = significand.leading_zeros();
        if zeros > 0 {
            // cannot follow a rest: the quotient has 64 or 65 bits
            significand <<= zeros;
            exponent -= i64::from(zeros);
        }
        let negative = number.cmp0() == Ordering::Less;
        Truncated { negative, significand, exponent, sticky }.round(self.mode).0
    }

    fn add(&self, x: &u32, y: &u32) -> Result<u32, Trouble> {
        Ok(self.plus(*x, *y))
    }

    fn sub(&self, x: &u32, y: &u32) -> Result<u32, Trouble> {
        Ok(self.soft(*x, *y, |x, y| x.sub(y, self.soft)))
    }

    fn mul(&self, x: &u32, y: &u32) -> Result<u32, Trouble> {
        Ok(self.times(*x, *y))
    }

    fn div(&self, x: &u32, y: &u32) -> Result<u32, Trouble> {
        Ok(self.soft(*x, *y, |x, y| x.div(y, self.soft)))
    }

    fn pow(&self, x: &u32, y: &u32) -> Result<u32, Trouble> {
        // IEEE 754-2019 §9.2.1: x^±0 and 1^y are 1, whatever the other operand, unless it is a signalling NaN.
        let signalling = [*x, *y].iter().any(|&word| is_nan(word) && word & QUIET == 0);
        if !signalling && (y << 1 == 0 || *x == ONE) {
            return Ok(ONE);
        }
        if is_nan(*x) || is_nan(*y) {
            return Ok(self.settled(&[*x, *y], CANONICAL));
        }
        let (a, b) = (f32::from_bits(*x), f32::from_bits(*y));
        Ok(self.settled(&[], self.arbiter.borrow_mut().power(a, b, self.mode, Precision::High).0))
    }

    fn neg(&self, x: &u32) -> u32 {
        x ^ 0x8000_0000
    }

    fn abs(&self, x: &u32) -> u32 {
        x & 0x7fff_ffff
    }

    fn max(&self, x: &u32, y: &u32) -> u32 {
        self.maximum(*x, *y)
    }

    fn min(&self, x: &u32, y: &u32) -> u32 {
        let least = self.maximum(self.neg(x), self.neg(y));
        if is_nan(least) { self.settled(&[*x, *y], least) } else { self.neg(&least) }
    }

    fn function(&self, f: Function, x: &u32) -> Result<u32, Trouble> {
        let truncate: Truncate = match f {
            Function::Exp => rug::Float::exp_round,
            Function::Expm1 => rug::Float::exp_m1_round,
            Function::Log => rug::Float::ln_round,
            Function::Log1p => rug::Float::ln_1p_round,
            Function::Tanh => rug::Float::tanh_round,
            Function::Erf => rug::Float::erf_round,
            Function::Sin => rug::Float::sin_round,
            Function::Cos => rug::Float::cos_round,
            Function::Sqrt => rug::Float::sqrt_round,
            Function::Rsqrt => rug::Float::recip_sqrt_round,
        };
        if is_nan(*x) {
            return Ok(self.settled(&[*x], *x));
        }
        let value = self.arbiter.borrow_mut().unary(truncate, f32::from_bits(*x), self.mode, Precision::High).0;
        Ok(self.settled(&[*x], value))
    }

    fn sum(&self, node: usize, terms: &[&u32]) -> Result<u32, Trouble> {
        self.reduce(node, &Terms::Data(terms.iter().map(|term| **term).collect()), None)
    }

    fn dot(&self, node: usize, pairs: &[(&u32, &u32)], bias: Option<&u32>) -> Result<u32, Trouble> {
        self.reduce(node, &Terms::Pairs(pairs), bias.copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_is_rounded_as_rustc_reads_a_decimal() {
        let order = Schedule { order: Order::Sequential, fma: false, from_zero: false, bias_first: false };
        let settings = document::Execution {
            rounding: "nearest_even".into(),
            propagate: false,
            schedule: order,
            nodes: Default::default(),
        };
        let execution = Execution::new(&settings);
        for text in ["1/100000", "11863283/33554432", "-1/3", "2", "16777217", "1e-45", "7e-46", "3.5e38", "0.1"] {
            let exact = document::exact(text).expect("a number");
            let nearest = match text.split_once('/') {
                Some((n, d)) => (n.parse::<f64>().unwrap() / d.parse::<f64>().unwrap()) as f32,
                None => text.parse().unwrap(),
            };
            assert_eq!(execution.constant(&exact), nearest.to_bits(), "{text}");
        }
        assert_eq!(execution.constant(&Rational::from((-1, 3))), 0xbeaa_aaab);
    }
}
