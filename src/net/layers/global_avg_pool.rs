//! The mean of every channel.
//!
//! Shapes: [c, h, w] → [c].

use super::prelude::*;

record! {
    /// The mean of every channel.
    pub struct GlobalAvgPool {}
}

impl Rule for GlobalAvgPool {
    fn output(&self, x: &Features) -> Fitting<Features> {
        match *x.dimensions() {
            [channels, _, _] => Features::new(&[channels]),
            _ => Err(Misfit::takes("[channels, height, width]", x)),
        }
    }

    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        let x = draft.mean_of_channels(x)?;
        draft.flatten(x, 1)
    }
}
