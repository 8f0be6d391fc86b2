//! A run of axes made into one.
//!
//! Shapes: x [a.., b.., c..] → y [a.., ∏b, c..], b the axes `first_axis ..= last_axis`. Constraints: flatten_c1 (`spec-tests/ops/flatten.md`).

use crate::spec::prelude::*;

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
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        let run = x.dimensions().get(..=self.last_axis).and_then(|upto| upto.split_at_checked(self.first_axis));
        let Some((before, run)) = run.filter(|(_, run)| !run.is_empty()) else {
            return Err(Fault::new("flatten_c1", format!("axes {} to {} of x {x}", self.first_axis, self.last_axis)));
        };
        let after = x.dimensions().get(self.last_axis + 1..).unwrap_or(&[]); // the last axis is below the rank
        shape_of([before, &[run.iter().product()], after].concat(), "flatten_c1")
    }

    fn value<C: Context>(&self, _: &C, x: &Tensor<C::Value>, _: Parents<C>, _: &Shape) -> Values<C> {
        Ok(x.data().to_vec())
    }
}

linear!(Flatten);
