//! Vector–Jacobian products: what the reverse rules of the operations have in common.
//!
//! Claim of every rule ([`Vjp::vjp`]): where J is the derivative of the operation's value at a point, the cotangents of its parents are `Jᵀ·dy`. A rule is written once over a
//! [`Context`] and stands beside the value in the file of the operation; claim `adjoint` compares it with the value itself, differentiated forward
//! (`crate::context::dual`). A linear operation has no rule of its own: its transpose is read off its value ([`transposed`]).
//! Conventions where no derivative exists: relu'(0) = 0, leaky_relu and elu take the lower branch at 0, abs'(0) = 0; clamp and its kin have slope 1 inside and on the bounds;
//! a maximum or minimum goes to the first operand, cell or term (row-major) that attains it. Where a reading cannot tell which branch is meant, the cotangent is the hull of both.

pub(crate) mod normal;
pub(crate) mod window;

use crate::context::linear::{Form, Linear};
use crate::spec::Op;
use crate::spec::prelude::*;
use std::cmp::Ordering;

/// Where an operation is differentiated: its parents, its value, and which parents are asked for.
#[derive(Debug)]
pub struct Point<'a, C: Context> {
    /// The first parent.
    pub x: &'a Tensor<C::Value>,
    /// The other parents.
    pub others: Parents<'a, C>,
    /// The value.
    pub y: &'a Tensor<C::Value>,
    /// For every parent, whether its cotangent is asked for.
    pub wanted: &'a [bool],
}

/// The cotangents of the parents, row-major; of those that are not asked for there may be none.
pub type Cotangents<C> = Result<Vec<Option<Vec<<C as Context>::Value>>>, EvalError>;

/// The reverse rule of an operation.
pub trait Vjp: Operation {
    /// The cotangents of the parents, from that of the value.
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C>;
}

impl<'a, C: Context> Point<'a, C> {
    /// Whether the cotangent of this parent is asked for.
    pub(crate) fn wants(&self, parent: usize) -> bool {
        self.wanted.get(parent).is_some_and(|&wanted| wanted)
    }

    /// The cotangent of this parent, if it is asked for.
    pub(crate) fn when(
        &self,
        parent: usize,
        cotangent: impl FnOnce() -> Values<C>,
    ) -> Result<Option<Vec<C::Value>>, EvalError> {
        self.wants(parent).then(cotangent).transpose()
    }

    /// That no cotangent of this parent, a mask or a label, is asked for.
    pub(crate) fn without(&self, parent: usize, function: &'static str) -> Result<(), EvalError> {
        let reason = "it has no derivative by its mask, labels or weights";
        if self.wants(parent) { Err(EvalError::Undefined { function, reason }) } else { Ok(()) }
    }

    /// One of the other parents.
    pub(crate) fn other(&self, number: usize) -> Result<&'a Tensor<C::Value>, EvalError> {
        self.others.get(number).copied().ok_or(WRONG_PARENTS)
    }
}

/// Elements that the reverse rule holds for a while, beside operands and results, where they may be many more than those: a product of matrices keeps the blocks of every pair until they are
/// summed; a pool the terms of every window, two for each cell, which is 64 units of work; a convolution which cell every position sees, an eighth of an element each.
pub(crate) fn room(op: &Op, parents: &[&Shape], shape: &Shape) -> u64 {
    let dims = |parent: usize| parents.get(parent).map_or(&[][..], |shape| shape.dimensions());
    let area = |dimensions: &[usize]| cells(dimensions.get(2..).unwrap_or_default());
    match (op, dims(0), shape.dimensions()) {
        (Op::Matmul(_), [.., m, k], [batch @ .., _, n]) => {
            cells(batch).saturating_mul(wide(*k)).saturating_mul(wide(*m).saturating_add(wide(*n)))
        }
        (Op::MaxPool(_) | Op::AvgPool(_) | Op::AdaptiveAvgPool(_), ..) => op.work(parents, shape) / 32,
        (Op::Conv(_), _, small) | (Op::ConvTranspose(_), small, _) => area(dims(1)).saturating_mul(area(small)) / 8,
        _ => 0,
    }
}

/// `d` where x > y, else zero.
pub(crate) fn gate<C: Context>(context: &C, x: &C::Value, y: &C::Value, d: &C::Value) -> Result<C::Value, EvalError> {
    context.choose(x, y, d, &context.integer(0)?)
}

/// `d` where lo ≤ x ≤ hi, else zero.
pub(crate) fn within<C: Context>(
    context: &C,
    x: &C::Value,
    [lo, hi]: [Option<&C::Value>; 2],
    d: &C::Value,
) -> Result<C::Value, EvalError> {
    let zero = context.integer(0)?;
    let d = lo.map_or_else(|| Ok(d.clone()), |lo| context.choose(lo, x, &zero, d))?;
    hi.map_or_else(|| Ok(d.clone()), |hi| context.choose(x, hi, &zero, &d))
}

/// For each of `count` places the sum of the terms that belong to it.
pub(crate) fn totals<C: Context>(
    context: &C,
    count: usize,
    terms: impl Iterator<Item = Result<(usize, C::Value), EvalError>>,
) -> Values<C> {
    let mut places = vec![Vec::new(); count];
    for term in terms {
        let (place, value) = term?;
        places.get_mut(place).ok_or(WRONG_PARENTS)?.push(value);
    }
    places.iter().map(|terms| if let [term] = &terms[..] { Ok(term.clone()) } else { context.sum(terms) }).collect()
}

/// The cotangents of an operation that is linear (up to a constant) in all its parents together.
pub(crate) fn transposed<O: Operation, C: Context>(
    op: &O,
    context: &C,
    at: &Point<C>,
    dy: &Tensor<C::Value>,
) -> Cotangents<C> {
    // The elements of all parents, numbered through.
    let mut first = 0;
    let mut elements = |parent: &Tensor<C::Value>| {
        let forms = (first..first + parent.data().len()).map(|at| Form::Sum(vec![(at, None)])).collect();
        first += parent.data().len();
        Tensor::new(parent.shape().clone(), forms).ok_or(WRONG_PARENTS)
    };
    let x = elements(at.x)?;
    let others = at.others.iter().map(|other| elements(other)).collect::<Result<Vec<_>, _>>()?;
    let others: Vec<_> = others.iter().collect();
    let forms = op.value(&Linear(context), &x, &others, dy.shape())?;
    let terms = forms.iter().zip(dy.data()).flat_map(|(form, d)| {
        let form = if let Form::Sum(form) = form { &form[..] } else { &[] };
        form.iter().map(move |(place, coefficient)| {
            Ok((*place, coefficient.as_ref().map_or_else(|| Ok(d.clone()), |c| context.mul(c, d))?))
        })
    });
    let mut all = totals(context, first, terms)?.into_iter();
    let parents = [at.x].into_iter().chain(at.others.iter().copied());
    Ok(parents.map(|parent| Some(all.by_ref().take(parent.data().len()).collect())).collect())
}

/// The cotangents of the terms whose greatest (or, `first` reversed, least) is a value with cotangent `d`.
pub(crate) fn routed<C: Context>(context: &C, terms: &[C::Value], first: Ordering, d: &C::Value) -> Values<C> {
    let zero = context.integer(0)?;
    let mut cotangents = vec![zero.clone(); terms.len()];
    let Some((mut best, rest)) = terms.split_first().map(|(best, rest)| (best.clone(), rest)) else {
        return Ok(cotangents);
    };
    // Those that may have attained it so far, with what they may be due.
    let mut open = vec![(0, d.clone())];
    for (i, term) in rest.iter().enumerate() {
        match context.order(term, &best)? {
            Some(order) if order == first => {
                open = vec![(i + 1, d.clone())];
                best = term.clone();
            }
            Some(_) => (),
            None => {
                for (_, due) in &mut open {
                    *due = context.hull(due, &zero)?;
                }
                open.push((i + 1, context.hull(d, &zero)?));
                best = if first.is_gt() { context.max(&best, term)? } else { context.min(&best, term)? };
            }
        }
    }
    for (i, due) in open {
        *cotangents.get_mut(i).ok_or(WRONG_PARENTS)? = due;
    }
    Ok(cotangents)
}

/// The cotangents of a reduction: `f(terms, value, cotangent)` of every line of positions, one for each of its terms.
pub(crate) fn unreduced<C: Context>(
    at: &Point<C>,
    dy: &Tensor<C::Value>,
    lines: impl Iterator<Item = Vec<usize>>,
    mut f: impl FnMut(&[C::Value], &C::Value, &C::Value) -> Values<C>,
) -> Result<Vec<(usize, C::Value)>, EvalError> {
    let mut placed = Vec::with_capacity(at.x.data().len());
    for (line, (y, d)) in lines.zip(at.y.data().iter().zip(dy.data())) {
        placed.extend(line.iter().copied().zip(f(&crate::spec::axis::at(at.x, &line), y, d)?));
    }
    Ok(placed)
}

/// Declares that operations are linear (up to a constant) in all their parents together.
macro_rules! linear {
    ($($name:ty),+) => {
        $(impl $crate::spec::vjp::Vjp for $name {
            fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
                transposed(self, context, at, dy)
            }
        })+
    };
}
