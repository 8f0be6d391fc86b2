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
                let (scale, cubic) = tanh_constants(context)?;
                map(x, |x| {
                    let cube = context.mul(x, &context.square(x)?)?;
                    let inner = context.add(x, &context.mul(&cubic, &cube)?)?;
                    gate(x, context.tanh(&context.mul(&scale, &inner)?)?)
                })
            }
        }
    }
}

impl Vjp for Gelu {
    /// `Φ + x·Φ'`: for `erf` Φ' = e^(−x²/2)/√(2π), for `tanh` Φ' = ½(1 − t²)·c·(1 + 3·0.044715·x²).
    fn vjp<C: Context>(&self, context: &C, at: &Point<C>, dy: &Tensor<C::Value>) -> Cotangents<C> {
        let (one, two) = (context.integer(1)?, context.integer(2)?);
        let half = context.div(&one, &two)?;
        let slope = |x: &C::Value| {
            let squared = context.square(x)?;
            let (t, density) = match self.form {
                Form::Erf => {
                    let bell = context.exp(&context.neg(&context.mul(&half, &squared)?)?)?;
                    let density = context.div(&bell, &context.sqrt(&context.mul(&two, &context.pi()?)?)?)?;
                    (context.erf(&context.mul(x, &context.rsqrt(&two)?)?)?, density)
                }
                Form::Tanh => {
                    let (scale, cubic) = tanh_constants(context)?;
                    let cube = context.mul(&cubic, &context.mul(x, &squared)?)?;
                    let t = context.tanh(&context.mul(&scale, &context.add(x, &cube)?)?)?;
                    let inner = context.add(&one, &context.mul(&context.integer(3)?, &context.mul(&cubic, &squared)?)?)?;
                    let outer = context.mul(&half, &context.sub(&one, &context.mul(&t, &t)?)?)?;
                    (t, context.mul(&outer, &context.mul(&scale, &inner)?)?)
                }
            };
            context.add(&context.mul(&half, &context.add(&one, &t)?)?, &context.mul(x, &density)?)
        };
        let pairs = at.x.data().iter().zip(dy.data());
        Ok(vec![Some(pairs.map(|(x, d)| context.mul(d, &slope(x)?)).collect::<Result<_, EvalError>>()?)])
    }
}

/// `1/√(π/2)` and 0.044715.
fn tanh_constants<C: Context>(context: &C) -> Result<(C::Value, C::Value), EvalError> {
    let scale = context.div(&context.integer(1)?, &context.sqrt(&context.div(&context.pi()?, &context.integer(2)?)?)?)?;
    Ok((scale, context.div(&context.integer(44_715)?, &context.integer(1_000_000)?)?))
}
