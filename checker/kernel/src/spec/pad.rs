//! Cells added before and after every axis.
//!
//! Value: the added cell at distance d beyond an end is the constant (`constant`), the end itself (`edge`), the cell at distance d inside,
//! bouncing between the ends (`reflect`), or the cell at distance d − 1 from the other end, going round (`wrap`).
//! Constraints: pad_c1 … pad_c4 (`spec-tests/ops/pad.md`).

use crate::spec::prelude::*;

keywords! {
    /// What the added cells hold.
    pub enum PadMode {
        /// The constant.
        Constant = "constant",
        /// The mirror image, the end not repeated.
        Reflect = "reflect",
        /// The nearest cell.
        Edge = "edge",
        /// The other end, periodically.
        Wrap = "wrap",
    }
}

attributes! {
    /// Padding; `before` and `after` have one entry per axis.
    pub struct Pad {
        /// Cells before the first.
        pub before: Vec<usize>,
        /// Cells after the last.
        pub after: Vec<usize>,
        /// What they hold.
        pub mode: PadMode,
        /// The constant of `constant`, one number; empty in the other modes.
        pub value: Vec<Exact>,
    }
}

impl Operation for Pad {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        let lengths = [self.before.len(), self.after.len()];
        require(lengths == [x.rank(); 2], "pad_c1", || format!("lists of {lengths:?} entries for x {x}"))?;
        let constants = usize::from(self.mode == PadMode::Constant);
        require(self.value.len() == constants, "pad_c2", || {
            format!("mode {} takes {constants} values, has {}", self.mode.keyword(), self.value.len())
        })?;
        let extent = |((&n, &before), &after): ((&usize, &usize), &usize)| {
            require(self.mode != PadMode::Reflect || n > 1 || (before, after) == (0, 0), "pad_c3", || {
                format!("an axis of extent 1 of x {x} has no mirror image")
            })?;
            let padded = n.checked_add(before).and_then(|n| n.checked_add(after));
            padded.ok_or_else(|| Fault::new("pad_c4", "an extent overflows"))
        };
        let extents = x.dimensions().iter().zip(&self.before).zip(&self.after).map(extent);
        shape_of(extents.collect::<Result<_, _>>()?, "pad_c4")
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, _: Parents<C>, shape: &Shape) -> Values<C> {
        let fill = self.value.first().map(|value| context.constant(value)).transpose()?;
        let strides = x.shape().strides();
        rearrange(x, shape.dimensions(), fill.as_ref(), |axis, i| {
            let (&n, &before) = (x.dimensions().get(axis)?, self.before.get(axis)?);
            let within = |period: usize| (i + period - before % period) % period; // (i − before) mod period
            let cell = match self.mode {
                PadMode::Constant => i.checked_sub(before).filter(|&cell| cell < n)?,
                PadMode::Edge => i.saturating_sub(before).min(n - 1),
                PadMode::Wrap => within(n),
                PadMode::Reflect if n == 1 => 0,
                PadMode::Reflect => within(2 * n - 2).min(2 * n - 2 - within(2 * n - 2)),
            };
            Some(strides.get(axis)? * cell)
        })
    }
}

linear!(Pad);
