//! A run of axes made into one.
//!
//! Shapes: x [a.., b.., c..] → y [a.., ∏b, c..], b the axes `first_axis ..= last_axis`. Constraints: flatten_c1 (`spec-tests/ops/flatten.md`).

use crate::spec::prelude::*;
use crate::spec::rearrange::unchanged;

attributes! {
    /// The axes `first_axis ..= last_axis` as one.
    pub struct Flatten {
        /// First axis of the run.
        pub first_axis: usize,
        /// Last axis of the run.
        pub last_axis: usize,
    }
}

impl Operation for Flatten {
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
        let x = sole(parents).ok_or_else(wrong_parents)?;
        let run = x.dimensions().get(..=self.last_axis).and_then(|upto| upto.split_at_checked(self.first_axis));
        match run {
            Some((before, run)) if !run.is_empty() => {
                let after = x.dimensions().iter().skip(before.len() + run.len());
                shape_of(before.iter().copied().chain([run.iter().product()]).chain(after.copied()).collect(), "flatten_c1")
            }
            _ => Err(Fault::new("flatten_c1", format!("axes {} to {} of x {x}", self.first_axis, self.last_axis))),
        }
    }

    fn value<C: Context>(&self, _: &C, parents: Parents<C>, _: &Shape) -> Values<C> {
        unchanged(parents)
    }
}
