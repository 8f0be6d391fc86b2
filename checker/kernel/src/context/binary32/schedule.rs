//! Schedules: the order in which a program adds up a sum or a dot product.
//!
//! Claim: [`Schedule::reduce`] performs exactly the operations that the documentation of [`Order`], [`Start`] and [`BiasPosition`] lists, in that
//! order and no others. These texts are part of the certificate format: an `exec` claim names a schedule and means this.
//!
//! The order is written once, over [`Accumulate`]; the kernel runs it on integer binary32 words, an engine may run it on hardware floats.
//!
//! Vocabulary. A reduction has terms `0 … n−1`; term `i` is a datum `tᵢ` (a sum) or a pair `(xᵢ, yᵢ)` (a dot product). Three operations exist:
//! - `product(i)`: `tᵢ`, or `xᵢ · yᵢ` rounded;
//! - `add(a, b)`: `a + b` rounded;
//! - `step(a, i)`, which adds term `i` to `a`: `fma(xᵢ, yᵢ, a)` rounded once if the schedule has `fma` and the terms are pairs, else `add(a, product(i))`.
//!
//! A *chain* over terms `i₁ < i₂ < …` is `a = begin(i₁)`, then `a = step(a, iₖ)` for `k = 2, 3, …`, where `begin(i)` is given by [`Start`] and [`BiasPosition`].
//! With `n = 0` the result is the bias where there is one, else `+0`. A padding term counts as a term; its operand is `+0`.

use crate::context::EvalError;
use crate::ir::attributes::keywords;
use std::ops::Range;

/// Deepest nesting of [`Order::Blocks`].
pub const MAX_DEPTH: usize = 8;

/// How a reduction is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// One chain over all terms.
    Sequential,
    /// Recursive halving: a range of `m ≤ leaf` terms is a chain; a longer one is split into its first `⌈m/2⌉` terms and the rest, and is
    /// `add(first part, second part)`. `leaf ≥ 1`.
    Pairwise {
        /// Largest range that is summed as a chain.
        leaf: usize,
    },
    /// Lane `j < width` is a chain over the terms `i ≡ j (mod width)`; lanes without a term do not take part. Then `combine` adds the lanes. `width ≥ 1`.
    Lanes {
        /// Number of lanes.
        width: usize,
        /// How the lanes become one value.
        combine: Combine,
    },
    /// Consecutive blocks of `size` terms (the last may be shorter), each reduced by `inner`; then the results are added from the left:
    /// `a = block₀`, `a = add(a, blockₖ)`. Terms are renumbered from 0 in each block. `size ≥ 1`; blocks nest at most [`MAX_DEPTH`] deep, and no tree is among them.
    Blocks {
        /// Terms of one block.
        size: usize,
        /// Order within a block.
        inner: Box<Order>,
    },
    /// An explicit binary tree. Nodes `0 … n−1` are the terms; pair `k`, `(l, r)`, makes node `n + k` of two earlier nodes; every node but the last
    /// is used exactly once, so there are `n − 1` pairs and the last node is the result. The pair is `step(value of l, r)` when `r` is a term,
    /// else `add(value of l, value of r)`, where a term `i` has the value `begin(i)`.
    Tree {
        /// `(left, right)` node numbers.
        pairs: Vec<(usize, usize)>,
    },
}

keywords! {
    /// How lanes `0 … w−1` are added into one value. A missing lane (there are fewer terms than lanes) leaves its partner as it is.
    pub enum Combine {
        /// From the left: `a = lane₀`, `a = add(a, laneⱼ)`.
        Sequential = "sequential",
        /// While `w > 1`: `h = ⌈w/2⌉`, `laneⱼ = add(laneⱼ, laneⱼ₊ₕ)` for `j < w − h`, `w = h` (fold the upper half onto the lower one).
        Halving = "halving",
        /// While `w > 1`: `laneⱼ = add(lane₂ⱼ, lane₂ⱼ₊₁)`, an odd last lane moves down, `w = ⌈w/2⌉` (neighbours, as horizontal adds do).
        Adjacent = "adjacent",
    }
}

keywords! {
    /// What a chain begins with, where no bias does.
    #[derive(Default)]
    pub enum Start {
        /// `begin(i) = product(i)`.
        #[default]
        FirstTerm = "first_term",
        /// `begin(i) = step(+0, i)`: a cleared accumulator. Differs from `FirstTerm` only in the sign of a zero result.
        Zero = "zero",
    }
}

keywords! {
    /// Where the bias of an affine map enters, if there is one.
    #[derive(Default)]
    pub enum BiasPosition {
        /// `begin(0) = step(bias, 0)`: the chain with term 0 begins with the bias; in `Tree` the leftmost term (from the root always left) takes the
        /// part of term 0. In `Blocks` the sum of the outermost blocks begins with it instead: `a = bias`, `a = add(a, blockₖ)` for all `k`.
        First = "first",
        /// `add(result, bias)`.
        #[default]
        Last = "last",
    }
}

/// A complete description of a reduction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The order of the terms.
    pub order: Order,
    /// Whether a pair is added to an accumulator by one fused multiply-add.
    pub fma: bool,
    /// What a chain begins with.
    pub start: Start,
    /// Where the bias enters.
    pub bias: BiasPosition,
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule::new(Order::Sequential, false, BiasPosition::Last)
    }
}

/// The terms and operations of one reduction.
pub trait Accumulate {
    /// An accumulator.
    type Value: Copy;
    /// `+0`.
    fn zero(&self) -> Self::Value;
    /// `a + b`.
    fn add(&self, a: Self::Value, b: Self::Value) -> Self::Value;
    /// Term `i`; for a dot product `xᵢ · yᵢ`.
    fn product(&self, i: usize) -> Self::Value;
    /// `xᵢ · yᵢ + a`, rounded once; for a plain sum `a + tᵢ`.
    fn fma(&self, i: usize, a: Self::Value) -> Self::Value;
}

fn malformed(reason: &'static str) -> EvalError {
    EvalError::Undefined { function: "schedule", reason }
}

impl Order {
    /// Whether the order is well-formed for `terms` terms.
    fn validate(&self, terms: usize) -> Result<(), EvalError> {
        let mut order = self;
        for depth in 0..=MAX_DEPTH {
            match order {
                Order::Pairwise { leaf: 0 } => return Err(malformed("a leaf is empty")),
                Order::Lanes { width: 0, .. } => return Err(malformed("there are no lanes")),
                Order::Blocks { size: 0, .. } => return Err(malformed("a block is empty")),
                Order::Blocks { inner, .. } => order = inner,
                Order::Tree { .. } if depth > 0 => return Err(malformed("a tree in a block")),
                Order::Tree { pairs } => return validate_tree(pairs, terms),
                _ => return Ok(()),
            }
        }
        Err(malformed("blocks are nested too deeply"))
    }
}

fn validate_tree(pairs: &[(usize, usize)], terms: usize) -> Result<(), EvalError> {
    let broken = malformed("the pairs are not a tree over the terms");
    if terms.checked_sub(1) != Some(pairs.len()) && (terms, pairs.len()) != (0, 0) {
        return Err(broken);
    }
    // 2(n − 1) uses of the 2(n − 1) nodes below the last one, none twice: each exactly once.
    let mut used = vec![false; terms + pairs.len()];
    for (made, &(left, right)) in (terms..).zip(pairs) {
        for node in [left, right] {
            match used.get_mut(node) {
                Some(used) if node < made && !*used => *used = true,
                _ => return Err(broken),
            }
        }
    }
    Ok(())
}

impl Schedule {
    /// A schedule whose chains begin with their first term.
    pub fn new(order: Order, fma: bool, bias: BiasPosition) -> Self {
        Schedule { order, fma, start: Start::FirstTerm, bias }
    }

    /// Whether the schedule is well-formed and describes a reduction of `terms` terms; says in words why not.
    pub fn validate(&self, terms: usize) -> Result<(), EvalError> {
        self.order.validate(terms)
    }

    /// Whether the schedule is well-formed for some number of terms.
    pub(crate) fn validate_form(&self) -> Result<(), EvalError> {
        match &self.order {
            Order::Tree { pairs } => self.validate(pairs.len() + 1),
            _ => self.validate(1),
        }
    }

    /// The reduction of `n` terms and the bias, if there is one, in this order. Fails only where [`Schedule::validate`] does.
    pub fn reduce<A: Accumulate>(&self, n: usize, bias: Option<A::Value>, terms: &A) -> Result<A::Value, EvalError> {
        self.validate(n)?;
        if n == 0 {
            return Ok(bias.unwrap_or_else(|| terms.zero()));
        }
        let (in_chain, in_blocks, last) = match (self.bias, &self.order) {
            (BiasPosition::Last, _) => (None, None, bias),
            (BiasPosition::First, Order::Blocks { .. }) => (None, bias, None),
            (BiasPosition::First, _) => (bias, None, None),
        };
        let reduction =
            Reduction { terms, fma: self.fma, start: self.start, bias: in_chain, first: leftmost(&self.order, n) };
        let total = reduction.evaluate(&self.order, 0..n, in_blocks)?;
        Ok(last.map_or(total, |bias| terms.add(total, bias)))
    }
}

/// The term that a leading bias goes to.
fn leftmost(order: &Order, n: usize) -> usize {
    let Order::Tree { pairs } = order else {
        return 0;
    };
    let mut node = n + pairs.len() - 1; // n ≥ 1; every pair made of earlier nodes, so the walk ends
    while let Some(&(left, _)) = node.checked_sub(n).and_then(|k| pairs.get(k)) {
        node = left;
    }
    node
}

/// One reduction under way; its order is well-formed, its ranges are not empty.
struct Reduction<'a, A: Accumulate> {
    terms: &'a A,
    fma: bool,
    start: Start,
    bias: Option<A::Value>,
    first: usize,
}

impl<A: Accumulate> Reduction<'_, A> {
    fn step(&self, a: A::Value, i: usize) -> A::Value {
        if self.fma { self.terms.fma(i, a) } else { self.terms.add(a, self.terms.product(i)) }
    }

    fn begin(&self, i: usize) -> A::Value {
        match (self.bias, self.start) {
            (Some(bias), _) if i == self.first => self.step(bias, i),
            (_, Start::Zero) => self.step(self.terms.zero(), i),
            (_, Start::FirstTerm) => self.terms.product(i),
        }
    }

    fn chain(&self, range: Range<usize>) -> A::Value {
        let begin = self.begin(range.start);
        (range.start + 1..range.end).fold(begin, |a, i| self.step(a, i))
    }

    /// `blocks`: what the sum of the blocks begins with, in the outermost order only. Recursion goes down the nesting, [`MAX_DEPTH`] at most.
    fn evaluate(&self, order: &Order, range: Range<usize>, blocks: Option<A::Value>) -> Result<A::Value, EvalError> {
        match order {
            Order::Sequential => Ok(self.chain(range)),
            Order::Pairwise { leaf } => Ok(self.pairwise(range, *leaf)),
            Order::Lanes { width, combine } => {
                let mut lanes: Vec<A::Value> = range.clone().take(*width).map(|i| self.begin(i)).collect();
                let mut at = range.start + lanes.len();
                while at < range.end {
                    for (lane, i) in lanes.iter_mut().zip(at..range.end) {
                        *lane = self.step(*lane, i);
                    }
                    at = at.saturating_add(*width);
                }
                self.combine(lanes, *width, *combine)
            }
            Order::Blocks { size, inner } => {
                let mut total = blocks;
                let mut at = range.start;
                while at < range.end {
                    let end = at.saturating_add(*size).min(range.end);
                    let block = self.evaluate(inner, at..end, None)?;
                    total = Some(total.map_or(block, |total| self.terms.add(total, block)));
                    at = end;
                }
                total.ok_or_else(broken)
            }
            Order::Tree { pairs } => self.tree(pairs, range.end),
        }
    }

    /// Recursion goes down the halvings, 64 at most.
    fn pairwise(&self, range: Range<usize>, leaf: usize) -> A::Value {
        if range.len() <= leaf {
            return self.chain(range);
        }
        let middle = range.start + range.len().div_ceil(2);
        let first = self.pairwise(range.start..middle, leaf);
        self.terms.add(first, self.pairwise(middle..range.end, leaf))
    }

    /// The lanes that have a term are the first ones throughout, so a missing partner is one beyond the end.
    fn combine(&self, mut lanes: Vec<A::Value>, mut width: usize, combine: Combine) -> Result<A::Value, EvalError> {
        let add = |a, b| self.terms.add(a, b);
        while lanes.len() > 1 && width > 1 {
            match combine {
                Combine::Sequential => lanes = lanes.into_iter().reduce(add).into_iter().collect(),
                Combine::Halving => {
                    let upper = lanes.split_off(width.div_ceil(2).min(lanes.len()));
                    for (lane, partner) in lanes.iter_mut().zip(upper) {
                        *lane = add(*lane, partner);
                    }
                }
                Combine::Adjacent => {
                    let pairs = lanes.chunks(2);
                    lanes = pairs.filter_map(|pair| pair.iter().copied().reduce(add)).collect();
                }
            }
            width = width.div_ceil(2);
        }
        lanes.first().copied().ok_or_else(broken)
    }

    fn tree(&self, pairs: &[(usize, usize)], n: usize) -> Result<A::Value, EvalError> {
        let mut made: Vec<A::Value> = Vec::with_capacity(pairs.len());
        for &(left, right) in pairs {
            let value = |node: usize| match node.checked_sub(n) {
                None => Ok(self.begin(node)),
                Some(k) => made.get(k).copied().ok_or_else(broken),
            };
            let left = value(left)?;
            let node = if right < n { self.step(left, right) } else { self.terms.add(left, value(right)?) };
            made.push(node);
        }
        Ok(made.last().copied().unwrap_or_else(|| self.begin(0)))
    }
}

fn broken() -> EvalError {
    EvalError::Internal { what: "a reduction of a validated schedule has no value" }
}
