//! Affine layer `y = x Wᵀ + b`.
//!
//! Value: for every context, exactly Σ_j W[i,j]·x[j] + b[i]; the order of the sum is the context's.
//! Shapes: x [.., in], weight [out, in], bias [out] (may be absent) → y [.., out]. Constraints: linear_c1 … linear_c3
//! (`spec-tests/ops/linear.md`).

use crate::context::Rows;
use crate::spec::prelude::*;

attributes! {
    /// The affine layer; it has no attributes.
    pub struct Linear {}
}

impl Operation for Linear {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        let [x, weight, bias @ ..] = parents else {
            return Err(wrong_parents());
        };
        let (Some((&width, batch)), &[out, fan_in]) = (x.dimensions().split_last(), weight.dimensions()) else {
            return Err(Fault::new("linear_c1", format!("x {x} needs at least one dimension, weight {weight} two")));
        };
        require(width == fan_in, "linear_c2", || format!("x {x} ends in {width}, weight {weight} takes {fan_in}"))?;
        for bias in bias {
            require(bias.dimensions() == [out], "linear_c3", || format!("bias {bias} is not [{out}]"))?;
        }
        shape_of([batch, &[out]].concat(), "linear_c1")
    }

    fn value<C: Context>(
        &self,
        context: &C,
        parents: Parents<C>,
        _: &Shape,
    ) -> Values<C> {
        let [x, weight, bias @ ..] = parents else {
            return Err(WRONG_PARENTS);
        };
        let &[_, fan_in] = weight.dimensions() else {
            return Err(WRONG_PARENTS);
        };
        let bias = bias.first().map(|bias| bias.data());
        context.dots(&Rows::contiguous(x.data(), fan_in), &Rows::contiguous(weight.data(), fan_in), bias)
    }

    fn work(&self, parents: &[&Shape], shape: &Shape) -> u64 {
        let fan_in = parents.first().and_then(|x| x.dimensions().last()).copied().unwrap_or(1);
        elements(shape).saturating_mul(u64::try_from(fan_in).unwrap_or(u64::MAX).saturating_add(DOT))
    }
}
