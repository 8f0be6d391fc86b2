//! What residual blocks have in common: `blocks` of them, of which the first changes channels and extents.
//!
//! A block adds its input to what its branch makes of it; where channels or stride differ, the input goes through a 1×1 convolution and batch normalisation first.

use super::prelude::*;

/// Channels, stride and number of residual blocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    pub(super) input: usize,
    pub(super) output: usize,
    pub(super) blocks: usize,
    pub(super) stride: usize,
    pub(super) padding: Padding,
}

impl Stage {
    /// The shape after the blocks, whose branch has windows of these extents; the first moves in steps of the stride. A branch that does not fit what it is added to is refused.
    pub(super) fn output(&self, x: &Features, kernels: &[usize]) -> Fitting<Features> {
        positive(&[("blocks", self.blocks)])?;
        let image = x.image(self.input)?;
        let skip = Padding::Valid.resized(image, 1, self.stride)?;
        for (start, stride) in [(image, self.stride), (skip, 1)].into_iter().take(self.blocks) {
            let mut branch = start;
            for (i, &kernel) in kernels.iter().enumerate() {
                branch = self.padding.resized(branch, kernel, if i == 0 { stride } else { 1 })?;
            }
            require(branch == skip, || {
                format!(
                    "its branch gives {branch:?}, which cannot be added to {skip:?} (padding {})",
                    self.padding.word()
                )
            })?;
        }
        Features::new(&[self.output, skip[0], skip[1]])
    }

    /// The blocks after node `x`; `branch` is given the stride.
    pub(super) fn lower(
        &self,
        draft: &mut Draft,
        mut x: usize,
        activation: Activation,
        branch: impl Fn(&mut Draft, usize, usize) -> Fitting<usize>,
    ) -> Fitting<usize> {
        let project = self.input != self.output || self.stride != 1;
        for block in 0..self.blocks {
            let first = block == 0;
            let stride = if first { self.stride } else { 1 };
            x = draft.within(format!("block{block}"), |draft| {
                let y = branch(draft, x, stride)?;
                let skip = if first && project {
                    let conv = Convolution { stride, ..Convolution::pointwise(self.output) };
                    draft.conv_norm("projection", x, conv, Activation::Identity)?
                } else {
                    x
                };
                let sum = draft.add(y, skip)?;
                draft.activation(activation, sum)
            })?;
        }
        Ok(x)
    }
}
