//! Cosine embedding loss of pairs of vectors with signs t = ±1: `1 − cos` for t = 1, `max(cos − margin, 0)` for t = −1.
//!
//! Value: `(1 + t)/2·(1 − cos) + (1 − t)/2·max(cos − margin, 0)` with `cos = Σ x·z / √(Σx²·Σz²)` over the last axis, then the reduction; undefined for a zero vector. Shapes: x, z [.., n], t [..].
//! Constraints: cosine_c1 … cosine_c3 (`spec-tests/ops/cosine.md`).

use crate::spec::loss::Reduction;
use crate::spec::prelude::*;

attributes! {
    /// The cosine embedding loss.
    pub struct Cosine {
        /// The cosine up to which a pair of unlike vectors costs nothing.
        pub margin: Exact,
        /// What becomes of the losses of all pairs.
        pub reduction: Reduction,
    }
}

/// `x/|x|`, `z/|z|`, their product, and 1/|x|, 1/|z|.
type Directions<V> = (Vec<V>, Vec<V>, V, [V; 2]);

fn directions<C: Context>(context: &C, x: &[C::Value], z: &[C::Value]) -> Result<Directions<C::Value>, EvalError> {
    let unit = |x: &[C::Value]| {
        let squares = x.iter().map(|x| context.square(x)).collect::<Result<Vec<_>, _>>()?;
        let scale = context.rsqrt(&context.sum(&squares)?)?;
        Ok((x.iter().map(|x| context.mul(x, &scale)).collect::<Result<Vec<_>, EvalError>>()?, scale))
    };
    let ((x, of_x), (z, of_z)): ((Vec<_>, _), (Vec<_>, _)) = (unit(x)?, unit(z)?);
    let products = x.iter().zip(&z).map(|(x, z)| context.mul(x, z)).collect::<Result<Vec<_>, _>>()?;
    let cosine = context.sum(&products)?;
    Ok((x, z, cosine, [of_x, of_z]))
}

impl Cosine {
    /// `(1 + t)/2` and `(1 − t)/2`.
    fn parts<C: Context>(context: &C, t: &C::Value) -> Result<[C::Value; 2], EvalError> {
        let (one, two) = (context.integer(1)?, context.integer(2)?);
        Ok([context.div(&context.add(&one, t)?, &two)?, context.div(&context.sub(&one, t)?, &two)?])
    }
}

impl Operation for Cosine {
    fn shape(&self, x: &Shape, others: &[&Shape]) -> Result<Shape, Fault> {
        let &[z, t] = others else { return Err(wrong_parents()) };
        require(x == z, "cosine_c1", || format!("the vectors have shapes {x} and {z}"))?;
        let Some((_, pairs)) = x.dimensions().split_last() else {
            return Err(Fault::new("cosine_c2", format!("x {x} is no vector")));
        };
        require_all("t ", &[t], pairs, "cosine_c3")?;
        Ok(self.reduction.shape(t))
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, others: Parents<C>, _: &Shape) -> Values<C> {
        let &[z, t] = others else { return Err(WRONG_PARENTS) };
        let (one, zero, margin) = (context.integer(1)?, context.integer(0)?, context.constant(&self.margin)?);
        let length = x.dimensions().last().copied().ok_or(WRONG_PARENTS)?;
        let loss = |((x, z), t): ((&[_], &[_]), &C::Value)| {
            let (_, _, cosine, _) = directions(context, x, z)?;
            let [like, unlike] = Cosine::parts(context, t)?;
            let far = context.max(&context.sub(&cosine, &margin)?, &zero)?;
            context.add(&context.mul(&like, &context.sub(&one, &cosine)?)?, &context.mul(&unlike, &far)?)
        };
        let pairs = x.data().chunks_exact(length).zip(z.data().chunks_exact(length)).zip(t.data());
        self.reduction.of(context, pairs.map(loss).collect::<Result<_, EvalError>>()?, t.shape())
    }
}

impl Vjp for Cosine {
    /// The gradient of the cosine by x is `(ẑ − cos·x̂)/|x|`, x̂ and ẑ the unit vectors.
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let &[z, t] = at.others else { return Err(WRONG_PARENTS) };
        at.without(2, "cosine")?;
        let margin = context.constant(&self.margin)?;
        let length = at.x.dimensions().last().copied().ok_or(WRONG_PARENTS)?;
        let losses = self.reduction.back(context, dy, t.shape())?;
        let (mut dx, mut dz) = (Vec::new(), Vec::new());
        let pairs = at.x.data().chunks_exact(length).zip(z.data().chunks_exact(length));
        for ((x, z), (t, d)) in pairs.zip(t.data().iter().zip(&losses)) {
            let (x, z, cosine, [of_x, of_z]) = directions(context, x, z)?;
            let [like, unlike] = Cosine::parts(context, t)?;
            let slope = context.sub(&gate(context, &cosine, &margin, &unlike)?, &like)?;
            let d = context.mul(d, &slope)?;
            let toward = |from: &[C::Value], to: &[C::Value], scale: &C::Value| -> Values<C> {
                let d = context.mul(&d, scale)?;
                let part = |(a, b)| context.mul(&d, &context.sub(b, &context.mul(&cosine, a)?)?);
                from.iter().zip(to).map(part).collect()
            };
            dx.extend(toward(&x, &z, &of_x)?);
            dz.extend(toward(&z, &x, &of_z)?);
        }
        Ok(vec![Some(dx), Some(dz), None])
    }
}
