//! Repetition to a larger shape (NumPy alignment: at the last axis).
//!
//! Value: y[.., i, ..] = x[.., i or 0, ..], 0 along an axis of extent 1. Constraints: broadcast_c1 (`spec-tests/ops/broadcast.md`).

use crate::spec::prelude::*;

attributes! {
    /// x repeated to `shape`.
    pub struct Broadcast {
        /// The shape of the result.
        pub shape: Shape,
    }
}

impl Operation for Broadcast {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        let mut aligned = x.dimensions().iter().rev().zip(self.shape.dimensions().iter().rev());
        let repeats = x.rank() <= self.shape.rank() && aligned.all(|(&from, &to)| from == to || from == 1);
        require(repeats, "broadcast_c1", || format!("x {x} does not repeat to {}", self.shape))?;
        Ok(self.shape.clone())
    }

    fn value<C: Context>(&self, _: &C, x: &Tensor<C::Value>, _: Parents<C>, shape: &Shape) -> Values<C> {
        let strides = repeating_strides(x.shape(), shape.rank());
        rearrange(x, shape.dimensions(), None, |axis, i| Some(strides.get(axis)? * i))
    }
}

linear!(Broadcast);
