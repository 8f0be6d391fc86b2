//! Normalisation of the last axis (Ba, Kiros and Hinton 2016).
//!
//! Shapes: [width] → [width], [length, width] → [length, width]. Parameters: weight [width], bias [width].

use super::prelude::*;

record! {
    /// Normalisation of the last axis.
    pub struct LayerNorm {
        /// Extent of the last axis.
        pub width: usize,
    }
}

impl Rule for LayerNorm {
    fn output(&self, x: &Features) -> Fitting<Features> {
        match *x.dimensions() {
            [width] | [_, width] if width == self.width => Ok(x.clone()),
            _ => Err(Misfit::takes(format_args!("[{0}] or [length, {0}]", self.width), x)),
        }
    }

    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        draft.layer_norm("", x)
    }
}
