//! Losses: what they have in common.
//!
//! A loss of predictions x and targets t is a function of each pair of elements, and the `reduction` of these: `none` leaves them, `sum` adds them, `mean` divides the sum by their number and
//! `batch_mean` by the first dimension. Losses of classes ([`Classes`]) are `Σ_c a_c·(−ln p_c)` at every position, with coefficients a that the targets fix.

use crate::spec::prelude::*;
use std::cmp::Ordering;

keywords! {
    /// What becomes of the losses of all elements.
    pub enum Reduction {
        /// They stay.
        None = "none",
        /// Their sum.
        Sum = "sum",
        /// Their mean.
        Mean = "mean",
        /// Their sum, divided by the first dimension.
        BatchMean = "batch_mean",
    }
}

impl Reduction {
    /// The shape of the reduction of losses of shape `x`.
    pub(crate) fn shape(self, x: &Shape) -> Shape {
        if self == Reduction::None { x.clone() } else { Shape::scalar() }
    }

    /// What the sum of losses of shape `x` is divided by.
    fn divisor<C: Context>(self, context: &C, x: &Shape) -> Result<Option<C::Value>, EvalError> {
        let count = match self {
            Reduction::None | Reduction::Sum => return Ok(None),
            Reduction::Mean => x.elements(),
            Reduction::BatchMean => x.dimensions().first().copied().unwrap_or(1),
        };
        context.integer(i64::try_from(count).map_err(|_| WRONG_PARENTS)?).map(Some)
    }

    /// The reduction of `losses` of shape `x`.
    pub(crate) fn of<C: Context>(self, context: &C, losses: Vec<C::Value>, x: &Shape) -> Values<C> {
        if self == Reduction::None {
            return Ok(losses);
        }
        let total = context.sum(&losses)?;
        let divisor = self.divisor(context, x)?;
        Ok(vec![divisor.map_or_else(|| Ok(total.clone()), |divisor| context.div(&total, &divisor))?])
    }

    /// The cotangents of losses of shape `x`, from that of their reduction.
    pub(crate) fn back<C: Context>(self, context: &C, dy: &Tensor<C::Value>, x: &Shape) -> Values<C> {
        if self == Reduction::None {
            return Ok(dy.data().to_vec());
        }
        let d = dy.data().first().ok_or(WRONG_PARENTS)?;
        let divisor = self.divisor(context, x)?;
        let d = divisor.map_or_else(|| Ok(d.clone()), |divisor| context.div(d, &divisor))?;
        Ok(vec![d; x.elements()])
    }
}

/// `t·ln t`, zero at t = 0: its limit.
pub(crate) fn entropy<C: Context>(context: &C, t: &C::Value) -> Result<C::Value, EvalError> {
    if context.order(t, &context.integer(0)?)? == Some(Ordering::Equal) {
        return context.sqrt(t); // zero as well, and as steep there
    }
    context.mul(t, &context.log(t)?)
}

/// Declares a loss of predictions x and targets t of one shape: its own attributes, which are exact constants bound by name, the loss of a pair of elements, and the
/// cotangents of both from that of the loss.
macro_rules! loss {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident,)* }, $constraint:literal,
     |$context:ident, $x:ident, $t:ident| $value:expr, |$d:ident| $dx:expr, $dt:expr) => {
        use $crate::spec::loss::Reduction;
        use $crate::spec::prelude::*;

        attributes! {
            $(#[$meta])*
            pub struct $name {
                $($(#[$field_meta])* pub $field: Exact,)*
                /// What becomes of the losses of all elements.
                pub reduction: Reduction,
            }
        }

        impl Operation for $name {
            fn shape(&self, x: &Shape, others: &[&Shape]) -> Result<Shape, Fault> {
                Ok(self.reduction.shape(&equal_shapes(x, others, $constraint)?))
            }

            fn value<C: Context>(&self, $context: &C, x: &Tensor<C::Value>, others: Parents<C>, _: &Shape) -> Values<C> {
                $(let $field = $context.constant(&self.$field)?;)*
                let pairs = x.data().iter().zip(others.first().ok_or(WRONG_PARENTS)?.data());
                let losses: Result<_, EvalError> = pairs.map(|($x, $t)| $value).collect();
                self.reduction.of($context, losses?, x.shape())
            }
        }

        impl Vjp for $name {
            #[allow(unused_variables, reason = "a derivative may need neither operand")]
            fn vjp<C: Context>(&self, $context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
                $(let $field = $context.constant(&self.$field)?;)*
                let losses = self.reduction.back($context, dy, at.x.shape())?;
                let targets = at.other(0)?;
                let terms = || at.x.data().iter().zip(targets.data()).zip(&losses);
                let first = || terms().map(|(($x, $t), $d)| $dx).collect();
                let second = || terms().map(|(($x, $t), $d)| $dt).collect();
                Ok(vec![at.when(0, first)?, at.when(1, second)?])
            }
        }
    };
}
