//! Matrix product with NumPy's rules for batches and vectors.
//!
//! Value: y[b.., i, j] = Σ_t x[b.., i, t] · w[b.., t, j]; the order of the sum is the context's.
//! Shapes: x [a.., m, k], w [b.., k, n] → y [a ∨ b.., m, n], `∨` the broadcast; a vector x stands for [1, k], a vector w for [k, 1], and that
//! dimension is dropped from the result. Constraints: matmul_c1 … matmul_c4 (`spec-tests/ops/matmul.md`).

use crate::spec::prelude::*;

attributes! {
    /// The matrix product; it has no attributes.
    pub struct Matmul {}
}

/// Batch, rows and columns of a left operand; a vector is one row.
fn left(x: &Shape) -> Option<(&[usize], usize, usize)> {
    match x.dimensions() {
        [] => None,
        &[k] => Some((&[], 1, k)),
        &[ref batch @ .., m, k] => Some((batch, m, k)),
    }
}

/// Batch, rows and columns of a right operand; a vector is one column.
fn right(w: &Shape) -> Option<(&[usize], usize, usize)> {
    match w.dimensions() {
        &[k] => Some((&[], k, 1)),
        _ => left(w),
    }
}

/// The dimensions that both broadcast to, aligned at the last.
fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at =
        |list: &[usize], axis: usize| (axis + list.len()).checked_sub(rank).and_then(|i| list.get(i)).map_or(1, |&d| d);
    let common = |axis| match (at(a, axis), at(b, axis)) {
        (a, b) if a == b || b == 1 => Some(a),
        (1, b) => Some(b),
        _ => None,
    };
    (0..rank).map(common).collect()
}

impl Operation for Matmul {
    fn shape(&self, x: &Shape, others: &[&Shape]) -> Result<Shape, Fault> {
        let w = others.first().ok_or_else(wrong_parents)?;
        let (Some((a, m, fan)), Some((b, k, n))) = (left(x), right(w)) else {
            return Err(Fault::new("matmul_c1", format!("x {x} and w {w} need at least one dimension")));
        };
        require(fan == k, "matmul_c2", || format!("x {x} has rows of {fan}, w {w} columns of {k}"))?;
        let fault = || Fault::new("matmul_c3", format!("the batches of x {x} and w {w} do not broadcast"));
        let mut dimensions = broadcast(a, b).ok_or_else(fault)?;
        dimensions.extend((x.rank() > 1).then_some(m));
        dimensions.extend((w.rank() > 1).then_some(n));
        shape_of(dimensions, "matmul_c4")
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, others: Parents<C>, shape: &Shape) -> Values<C> {
        let w = others.first().ok_or(WRONG_PARENTS)?;
        let (a, m, k) = left(x.shape()).ok_or(WRONG_PARENTS)?;
        let (b, _, n) = right(w.shape()).ok_or(WRONG_PARENTS)?;
        let transposed: Result<Vec<u32>, _> =
            (0..n).flat_map(|j| (0..k).map(move |t| u32::try_from(t * n + j))).collect();
        let transposed = transposed.map_err(|_| WRONG_PARENTS)?;
        if b.iter().all(|&d| d == 1) {
            // One right matrix for all: the left ones are one tall matrix.
            return context.dots(&Rows::contiguous(x.data(), k), &Rows::gathered(w.data(), n, k, transposed)?, None);
        }
        let batch = broadcast(a, b).ok_or(WRONG_PARENTS)?;
        let places = |batches: &[usize]| -> Result<Vec<usize>, EvalError> {
            let strides = repeating_strides(&Shape::new(batches.to_vec()).map_err(|_| WRONG_PARENTS)?, batch.len());
            let at = |axis: usize, i: usize| Some(strides.get(axis)? * i);
            (0..batch.iter().product()).map(|position| locate(&batch, position, at).ok_or(WRONG_PARENTS)).collect()
        };
        let mut out = Vec::with_capacity(shape.elements());
        for (x_at, w_at) in places(a)?.into_iter().zip(places(b)?) {
            let x = x.data().get(x_at * m * k..(x_at + 1) * m * k).ok_or(WRONG_PARENTS)?;
            let w = w.data().get(w_at * k * n..(w_at + 1) * k * n).ok_or(WRONG_PARENTS)?;
            out.extend(context.dots(&Rows::contiguous(x, k), &Rows::gathered(w, n, k, transposed.clone())?, None)?);
        }
        Ok(out)
    }

    fn work(&self, x: &Shape, _: &[&Shape], shape: &Shape) -> u64 {
        dots(shape, x.dimensions().last().map_or(1, |&terms| wide(terms)))
    }
}
