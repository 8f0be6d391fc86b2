//! Gaussian error linear unit (Hendrycks and Gimpel 2016), exact or in the tanh form.
//!
//! Value: `(x/2) · (1 + t)`, where t = erf(x · 1/√2) for `erf`, and t = tanh(c · (x + 0.044715 · x³)) for `tanh`, in this order of operations;
//! x³ = x · (|x|·|x|), and c = 1/√(π/2), which `Binary32` computes to 3f4c422a, the word nearest √(2/π) (√(2/π) itself would miss it by an ulp).
//! The two forms are different functions: they part by up to 4.8e-4.

use crate::spec::prelude::*;

keywords! {
    /// Which function is meant.
    pub enum Form {
        /// `x · Φ(x)`, Φ the normal distribution function.
        Erf = "erf",
        /// The approximation by a hyperbolic tangent.
        Tanh = "tanh",
    }
}

attributes! {
    /// `x · Φ(x)` at every position.
    pub struct Gelu {
        /// Which function is meant.
        pub form: Form,
    }
}

impl Operation for Gelu {
    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, _: Parents<C>, _: &Shape) -> Values<C> {
        let (one, two) = (context.integer(1)?, context.integer(2)?);
        let half = context.div(&one, &two)?;
        let gate = |x: &C::Value, t: C::Value| context.mul(&context.mul(&half, x)?, &context.add(&one, &t)?);
        match self.form {
            Form::Erf => {
                let scale = context.rsqrt(&two)?;
                map(x, |x| gate(x, context.erf(&context.mul(x, &scale)?)?))
            }
            Form::Tanh => {
                let scale = context.div(&one, &context.sqrt(&context.div(&context.pi()?, &two)?)?)?;
                let cubic = context.div(&context.integer(44_715)?, &context.integer(1_000_000)?)?;
                map(x, |x| {
                    let cube = context.mul(x, &square(context, x)?)?;
                    let inner = context.add(x, &context.mul(&cubic, &cube)?)?;
                    gate(x, context.tanh(&context.mul(&scale, &inner)?)?)
                })
            }
        }
    }
}
