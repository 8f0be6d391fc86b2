//! Blocks that are wide in the middle, with squeeze-and-excitation: the MBConv of EfficientNet (Tan and Le 2019).
//!
//! Shapes: [input, h, w] → [output, h′, w′], h′ and w′ the positions of the first block's window. A block that takes i channels, with m = expand · i: where expand ≠ 1, expand (1×1 to m), norm,
//! activation; depthwise (kernel × kernel, with the stride of the first block), norm, activation; squeeze-and-excitation, unless `none`: the product with sigmoid(W₂·act(W₁·mean of every channel));
//! project (1×1 to output), norm; plus its input where stride and channels leave it fitting. Parameters of a block: expand.conv.weight [m, i, 1, 1], depthwise.conv.weight [m, 1, k, k],
//! squeeze.reduce.weight [s, m, 1, 1] and bias [s], squeeze.expand.weight [m, s, 1, 1] and bias [m], project.conv.weight [output, m, 1, 1], and the norms; s is what `squeeze` says.

use super::prelude::*;

record! {
    /// Blocks that are wide in the middle, with squeeze-and-excitation.
    pub struct MbConv {
        /// Channels that come in.
        pub input: usize,
        /// Channels of every block's result.
        pub output: usize,
        /// How many times wider the middle is.
        pub expand: usize,
        /// Extent of the depthwise kernel.
        pub kernel: usize,
        /// How many blocks.
        pub blocks: usize,
        /// Step of the first block.
        pub stride: usize,
        /// Where windows may reach beyond the image.
        pub padding: Padding,
        /// What a quarter is taken of for the width inside squeeze-and-excitation.
        pub squeeze: Squeeze,
        /// The activation after the first two convolutions, and inside squeeze-and-excitation.
        pub activation: Activation,
    }
}

impl Rule for MbConv {
    fn output(&self, x: &Features) -> Fitting<Features> {
        positive(&[("expand", self.expand), ("blocks", self.blocks)])?;
        let image = x.image(self.input)?;
        let mut extents = self.padding.resized(image, self.kernel, self.stride)?;
        let added = |before: [usize; 2], after: [usize; 2]| {
            require(before == after, || {
                format!("its branch gives {after:?}, which cannot be added to {before:?} (padding {})", self.padding.word())
            })
        };
        if self.stride == 1 && self.input == self.output {
            added(image, extents)?;
        }
        if self.blocks > 1 {
            let next = self.padding.resized(extents, self.kernel, 1)?;
            added(extents, next)?;
            extents = next;
        }
        Features::new(&[self.output, extents[0], extents[1]])
    }

    fn lower(&self, draft: &mut Draft, mut x: usize) -> Fitting<usize> {
        let &MbConv { output, expand, kernel, padding, activation, .. } = self;
        for block in 0..self.blocks {
            let (input, stride) = if block == 0 { (self.input, self.stride) } else { (output, 1) };
            let middle = input.checked_mul(expand).ok_or_else(|| Misfit::new(format!("{expand} times {input} channels")))?;
            x = draft.within(format!("block{block}"), |draft| {
                let mut y = x;
                if expand != 1 {
                    y = draft.conv_norm("expand", y, Convolution::pointwise(middle), activation)?;
                }
                let depthwise = Convolution { output: middle, kernel, stride, padding, depthwise: true, bias: false };
                y = draft.conv_norm("depthwise", y, depthwise, activation)?;
                if let Some(width) = self.squeeze.width(input, middle) {
                    y = draft.within("squeeze", |draft| squeezed(draft, y, width, middle, activation))?;
                }
                y = draft.conv_norm("project", y, Convolution::pointwise(output), Activation::Identity)?;
                if stride == 1 && input == output { draft.add(y, x) } else { Ok(y) }
            })?;
        }
        Ok(x)
    }

    fn blocks(&self) -> usize {
        self.blocks
    }
}

/// The product of `x` with a gate for every one of its channels, made from their means through `width` features.
fn squeezed(draft: &mut Draft, x: usize, width: usize, channels: usize, activation: Activation) -> Fitting<usize> {
    let with_bias = |output| Convolution { bias: true, ..Convolution::pointwise(output) };
    let means = draft.mean_of_channels(x)?;
    let inside = draft.conv("reduce", means, with_bias(width), |fan_in| Initial::He { fan_in })?;
    let inside = draft.activation(activation, inside)?;
    let gate = draft.conv("expand", inside, with_bias(channels), |fan_in| Initial::Xavier { fan_in, fan_out: channels })?;
    draft.gated(x, gate)
}
