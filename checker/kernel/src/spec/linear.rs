//! Affine layer `y = x Wᵀ + b`.
//!
//! Value: for every context, exactly Σ_j W[i,j]·x[j] + b[i]; the order of the sum is the context's.
//! Shapes: x [.., in], weight [out, in], bias [out] (may be absent) → y [.., out]. Constraints: linear_c1 … linear_c3
//! (`spec-tests/ops/linear.md`).

use crate::spec::prelude::*;

attributes! {
    /// The affine layer; it has no attributes.
    pub struct Linear {}
}

impl Operation for Linear {
    fn shape(&self, x: &Shape, others: &[&Shape]) -> Result<Shape, Fault> {
        let (weight, bias) = others.split_first().ok_or_else(wrong_parents)?;
        let (Some((&width, batch)), &[out, fan_in]) = (x.dimensions().split_last(), weight.dimensions()) else {
            return Err(Fault::new("linear_c1", format!("x {x} needs at least one dimension, weight {weight} two")));
        };
        require(width == fan_in, "linear_c2", || format!("x {x} ends in {width}, weight {weight} takes {fan_in}"))?;
        require_all("bias ", bias, &[out], "linear_c3")?;
        shape_of([batch, &[out]].concat(), "linear_c1")
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, others: Parents<C>, _: &Shape) -> Values<C> {
        let (weight, bias) = others.split_first().ok_or(WRONG_PARENTS)?;
        let &fan_in = weight.dimensions().last().ok_or(WRONG_PARENTS)?;
        let bias = bias.first().map(|bias| bias.data());
        context.dots(&Rows::contiguous(x.data(), fan_in), &Rows::contiguous(weight.data(), fan_in), bias)
    }

    fn work(&self, x: &Shape, _: &[&Shape], shape: &Shape) -> u64 {
        dots(shape, x.dimensions().last().map_or(1, |&terms| wide(terms)))
    }
}

impl Vjp for Linear {
    /// `dx = dy·W`, `dW = dyᵀ·x`, `db = Σ dy`.
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let weight = at.other(0)?;
        let &[out, fan_in] = weight.dimensions() else { return Err(WRONG_PARENTS) };
        let dx = || context.dots(&Rows::contiguous(dy.data(), out), &Rows::columns(weight.data(), fan_in)?, None);
        let dw = || context.dots(&Rows::columns(dy.data(), out)?, &Rows::columns(at.x.data(), fan_in)?, None);
        let db = || totals(context, out, dy.data().iter().enumerate().map(|(i, d)| Ok((i % out, d.clone()))));
        let mut cotangents = vec![at.when(0, dx)?, at.when(1, dw)?];
        cotangents.extend((at.others.len() > 1).then(|| at.when(2, db)).transpose()?);
        Ok(cotangents)
    }
}
