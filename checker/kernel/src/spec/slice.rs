//! A regular selection along every axis.
//!
//! Value: along each axis the positions start, start + step, … before `end` (after it, where the step is negative).
//! Constraints: slice_c1 … slice_c3 (`spec-tests/ops/slice.md`).

use crate::spec::prelude::*;

attributes! {
    /// The selection; the lists have one entry per axis, and nothing is counted from the back or clipped.
    pub struct Slice {
        /// First position.
        pub start: Vec<usize>,
        /// Where the selection ends, exclusive; −1 lets a negative step take position 0.
        pub end: Vec<i64>,
        /// Distance between positions, not zero.
        pub step: Vec<i64>,
    }
}

/// How many positions one axis of extent `n` keeps; `None` when the numbers leave the axis or keep nothing.
fn count(n: usize, start: usize, end: i64, step: i64) -> Option<usize> {
    let (last, first) = (i64::try_from(n).ok()?, i64::try_from(start).ok()?);
    let span = if step > 0 { end.checked_sub(first)? } else { first.checked_sub(end)? };
    let inside = start < n && step != 0 && (-1..=last).contains(&end) && span > 0;
    inside.then(|| usize::try_from((span - 1).unsigned_abs() / step.unsigned_abs() + 1).ok()).flatten()
}

impl Operation for Slice {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        let lengths = [self.start.len(), self.end.len(), self.step.len()];
        require(lengths == [x.rank(); 3], "slice_c1", || format!("lists of {lengths:?} entries for x {x}"))?;
        let mut kept = Vec::with_capacity(x.rank());
        for (((&n, &start), &end), &step) in x.dimensions().iter().zip(&self.start).zip(&self.end).zip(&self.step) {
            require(step != 0, "slice_c2", || "a step of zero".into())?;
            let fault = || Fault::new("slice_c3", format!("{start} to {end} by {step} along an axis of extent {n}"));
            kept.push(count(n, start, end, step).ok_or_else(fault)?);
        }
        shape_of(kept, "slice_c3")
    }

    fn value<C: Context>(&self, _: &C, x: &Tensor<C::Value>, _: Parents<C>, shape: &Shape) -> Values<C> {
        let strides = x.shape().strides();
        rearrange(x, shape.dimensions(), None, |axis, i| {
            let offset = i64::try_from(i).ok()?.checked_mul(*self.step.get(axis)?)?;
            let start = i64::try_from(*self.start.get(axis)?).ok()?;
            Some(strides.get(axis)? * usize::try_from(start.checked_add(offset)?).ok()?)
        })
    }
}

linear!(Slice);
