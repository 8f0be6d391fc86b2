//! Blocks that are wide in the middle (Sandler et al. 2018, MobileNetV2), with a 3×3 depthwise convolution and no squeeze-and-excitation.
//!
//! Shapes, nodes and parameters are those of `mbConv` with kernel 3 and squeeze none.

use super::mb_conv::MbConv;
use super::prelude::*;

record! {
    /// Blocks that are wide in the middle.
    pub struct InvertedResidual {
        /// Channels that come in.
        pub input: usize,
        /// Channels of every block's result.
        pub output: usize,
        /// How many times wider the middle is.
        pub expand: usize,
        /// How many blocks.
        pub blocks: usize,
        /// Step of the first block.
        pub stride: usize,
        /// Where windows may reach beyond the image.
        pub padding: Padding,
        /// The activation after the first two convolutions.
        pub activation: Activation,
    }
}

impl InvertedResidual {
    fn wide(&self) -> MbConv {
        let &InvertedResidual { input, output, expand, blocks, stride, padding, activation } = self;
        MbConv { input, output, expand, kernel: 3, blocks, stride, padding, squeeze: Squeeze::None, activation }
    }
}

impl Rule for InvertedResidual {
    fn output(&self, x: &Features) -> Fitting<Features> {
        self.wide().output(x)
    }

    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        self.wide().lower(draft, x)
    }

    fn blocks(&self) -> usize {
        self.blocks
    }
}
