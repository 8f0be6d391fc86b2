//! Softmax along one axis.
//!
//! Value: `e^(x_i − m) / Σ_j e^(x_j − m)` with `m = max_j x_j`, in this order of operations; over ℝ it does not depend on `m`.
//! Shapes: x → the same shape. Constraints: softmax_c1 (`spec-tests/ops/softmax.md`).

use crate::spec::prelude::*;

attributes! {
    /// Softmax along `axis`.
    pub struct Softmax {
        /// The axis whose values sum to one.
        pub axis: usize,
    }
}

impl Operation for Softmax {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        require_axis(x, self.axis, "softmax_c1")
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, _: Parents<C>, _: &Shape) -> Values<C> {
        along([x], self.axis, |[x]| {
            let (_, _, exps) = shifted(context, &x)?;
            let total = context.sum(&exps)?;
            exps.iter().map(|e| context.div(e, &total)).collect()
        })
    }
}

/// What the exponentials of one row of values come to.
type Shifted<V> = Result<(V, Vec<V>, Vec<V>), EvalError>;

/// `m = max_j x_j` of a nonempty row, every `x_i − m`, and every `e^(x_i − m)`.
pub(crate) fn shifted<C: Context>(context: &C, x: &[C::Value]) -> Shifted<C::Value> {
    let max = fold(x, |max, x| context.max(max, x))?;
    let shifted = x.iter().map(|x| context.sub(x, &max)).collect::<Result<Vec<_>, _>>()?;
    let exps = shifted.iter().map(|x| context.exp(x)).collect::<Result<_, _>>()?;
    Ok((max, shifted, exps))
}

impl Vjp for Softmax {
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        Ok(vec![Some(along([at.y, dy], self.axis, |[y, d]| softened(context, &y, &d))?)])
    }
}

/// `y_i·(d_i − Σ_j y_j·d_j)`: the cotangents of a row whose softmax is y.
pub(crate) fn softened<C: Context>(context: &C, y: &[C::Value], d: &[C::Value]) -> Values<C> {
    let products = y.iter().zip(d).map(|(y, d)| context.mul(y, d)).collect::<Result<Vec<_>, _>>()?;
    let total = context.sum(&products)?;
    y.iter().zip(d).map(|(y, d)| context.mul(y, &context.sub(d, &total)?)).collect()
}
