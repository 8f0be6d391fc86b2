//! What layer_norm, rms_norm, group_norm and instance_norm share: normalising the lines of a tensor, then scaling and moving each value.
//!
//! Over a line x_1 … x_n: μ = (Σ x_i)/n, d_i = x_i − μ, σ² = (Σ |d_i|·|d_i|)/n (biased), r = 1/√(σ² + ε) as one function, and
//! y_i = (d_i · r) · weight + bias, in this order of operations. Without centring (rms_norm) d_i = x_i.

use crate::spec::elementwise::square;
use crate::spec::prelude::*;

/// The constraint that ε is not negative.
pub(crate) fn require_epsilon(epsilon: &Exact, constraint: &'static str) -> Result<(), Fault> {
    require(!epsilon.is_negative(), constraint, || format!("epsilon {epsilon} is negative"))
}

/// The constraint that weight and bias, where there are any, have these dimensions.
pub(crate) fn require_affine(affine: &[&Shape], dimensions: &[usize], constraint: &'static str) -> Result<(), Fault> {
    affine.iter().try_for_each(|parameter| {
        require(parameter.dimensions() == dimensions, constraint, || {
            format!("a weight or bias {parameter} is not {dimensions:?}")
        })
    })
}

/// How the lines of a tensor are normalised.
pub(crate) struct Normalise<'a> {
    /// Number of neighbouring values that make a line, at least 1.
    pub(crate) length: usize,
    /// ε, inside the root.
    pub(crate) epsilon: &'a Exact,
    /// Whether the mean is taken off.
    pub(crate) centred: bool,
}

impl Normalise<'_> {
    /// The normalised values of x, scaled and moved by the weight and the bias (where there are any) at `parameter(position)`.
    pub(crate) fn value<C: Context>(
        &self,
        context: &C,
        parents: Parents<C>,
        parameter: impl Fn(usize) -> usize,
    ) -> Values<C> {
        let [x, affine @ ..] = parents else {
            return Err(WRONG_PARENTS);
        };
        let at = |tensor: &&Tensor<C::Value>, position| {
            let value = tensor.data().get(parameter(position));
            value.cloned().ok_or(WRONG_PARENTS)
        };
        let count = context.integer(i64::try_from(self.length).map_err(|_| WRONG_PARENTS)?)?;
        let epsilon = context.constant(self.epsilon)?;
        let mut out = Vec::with_capacity(x.data().len());
        for line in x.data().chunks_exact(self.length) {
            let mut line = line.to_vec();
            if self.centred {
                let mean = context.div(&context.sum(&line)?, &count)?;
                for x in &mut line {
                    *x = context.sub(x, &mean)?;
                }
            }
            let squares: Vec<_> = line.iter().map(|x| square(context, x)).collect::<Result<_, _>>()?;
            let variance = context.div(&context.sum(&squares)?, &count)?;
            let scale = context.rsqrt(&context.add(&variance, &epsilon)?)?;
            for x in &line {
                let mut y = context.mul(x, &scale)?;
                if let Some(weight) = affine.first() {
                    y = context.mul(&y, &at(weight, out.len())?)?;
                }
                if let Some(bias) = affine.get(1) {
                    y = context.add(&y, &at(bias, out.len())?)?;
                }
                out.push(y);
            }
        }
        Ok(out)
    }
}
