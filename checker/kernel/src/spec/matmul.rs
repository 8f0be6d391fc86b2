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
        let blocks = Blocks::of(x.shape(), w.shape())?;
        let mut out = Vec::with_capacity(shape.elements());
        for (x, w) in blocks.pairs(x, w)? {
            out.extend(context.dots(&Rows::contiguous(x, blocks.k), &Rows::columns(w, blocks.n)?, None)?);
        }
        Ok(out)
    }

    fn work(&self, x: &Shape, _: &[&Shape], shape: &Shape) -> u64 {
        dots(shape, x.dimensions().last().map_or(1, |&terms| wide(terms)))
    }
}

impl Vjp for Matmul {
    /// `dx = dy·wᵀ`, `dw = xᵀ·dy`, summed over the products that an operand repeats in.
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let w = at.other(0)?;
        let blocks = Blocks::of(at.x.shape(), w.shape())?;
        let Blocks { k, n, ref places, .. } = blocks;
        let (mut dx, mut dw) = (Vec::new(), Vec::new());
        for ((x, w), dy) in blocks.pairs(at.x, w)?.into_iter().zip(dy.data().chunks(blocks.m * n)) {
            if at.wants(0) {
                dx.push(context.dots(&Rows::contiguous(dy, n), &Rows::contiguous(w, n), None)?);
            }
            if at.wants(1) {
                dw.push(context.dots(&Rows::columns(x, k)?, &Rows::columns(dy, n)?, None)?);
            }
        }
        let summed = |of: Vec<Vec<C::Value>>, count, first: fn(&(usize, usize)) -> usize| {
            let first = |(place, block): (&(usize, usize), Vec<C::Value>)| {
                let first = first(place) * block.len();
                block.into_iter().enumerate().map(move |(i, value)| Ok((first + i, value)))
            };
            totals(context, count, places.iter().zip(of).flat_map(first))
        };
        let dx = at.when(0, || summed(dx, at.x.data().len(), |place| place.0))?;
        Ok(vec![dx, at.when(1, || summed(dw, w.data().len(), |place| place.1))?])
    }
}

/// The values of a left and a right matrix.
type Pair<'a, V> = (&'a [V], &'a [V]);

/// The products of matrices that a batched product consists of: [m, k] times [k, n], of the left and right matrices with these numbers.
struct Blocks {
    m: usize,
    k: usize,
    n: usize,
    places: Vec<(usize, usize)>,
}

impl Blocks {
    fn of(x: &Shape, w: &Shape) -> Result<Self, EvalError> {
        let ((a, m, k), (b, _, n)) = left(x).zip(right(w)).ok_or(WRONG_PARENTS)?;
        if b.iter().all(|&d| d == 1) {
            // One right matrix for all: the left ones are one tall matrix.
            return Ok(Blocks { m: a.iter().product::<usize>() * m, k, n, places: vec![(0, 0)] });
        }
        let batch = broadcast(a, b).ok_or(WRONG_PARENTS)?;
        let places = |batches: &[usize]| -> Result<Vec<usize>, EvalError> {
            let strides = repeating_strides(&Shape::new(batches.to_vec()).map_err(|_| WRONG_PARENTS)?, batch.len());
            let at = |axis: usize, i: usize| Some(strides.get(axis)? * i);
            (0..batch.iter().product()).map(|position| locate(&batch, position, at).ok_or(WRONG_PARENTS)).collect()
        };
        Ok(Blocks { m, k, n, places: places(a)?.into_iter().zip(places(b)?).collect() })
    }

    /// The matrices of each product.
    fn pairs<'a, V>(&self, x: &'a Tensor<V>, w: &'a Tensor<V>) -> Result<Vec<Pair<'a, V>>, EvalError> {
        let block = |of: &'a Tensor<V>, number: usize, size: usize| of.data().get(number * size..(number + 1) * size);
        let pair = |&(i, j)| block(x, i, self.m * self.k).zip(block(w, j, self.k * self.n)).ok_or(WRONG_PARENTS);
        self.places.iter().map(pair).collect()
    }
}
