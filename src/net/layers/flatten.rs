//! Features as a vector, row-major.
//!
//! Shapes: [a, b, c] → [a·b·c], [a, b] → [a·b], [a] → [a].

use super::prelude::*;

record! {
    /// Features as a vector.
    pub struct Flatten {}
}

impl Rule for Flatten {
    fn output(&self, x: &Features) -> Fitting<Features> {
        Features::new(&[x.elements()])
    }

    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        draft.flatten(x, 1)
    }
}
