//! Residual blocks of two 3×3 convolutions (He et al. 2016, figure 2).
//!
//! Shapes: [input, h, w] → [output, ⌈h / stride⌉, ⌈w / stride⌉]. A block: conv1 (with the stride), norm1, activation, conv2, norm2, plus its input, activation.
//! Parameters of a block: conv1.weight [output, input or output, 3, 3], conv2.weight [output, output, 3, 3], the weights and biases of norm1 and norm2 [output], and, in the first
//! block where channels or extents change, projection.conv.weight [output, input, 1, 1] with its norm.

use super::prelude::*;
use super::residual::Stage;

record! {
    /// Residual blocks of two 3×3 convolutions.
    pub struct ResidualBlock {
        /// Channels that come in.
        pub input: usize,
        /// Channels of every block's result.
        pub output: usize,
        /// How many blocks.
        pub blocks: usize,
        /// Step of the first block.
        pub stride: usize,
        /// Where windows may reach beyond the image.
        pub padding: Padding,
        /// The activation within a block and after its sum.
        pub activation: Activation,
    }
}

impl ResidualBlock {
    fn stage(&self) -> Stage {
        let &ResidualBlock { input, output, blocks, stride, padding, .. } = self;
        Stage { input, output, blocks, stride, padding }
    }
}

impl Rule for ResidualBlock {
    fn output(&self, x: &Features) -> Fitting<Features> {
        self.stage().output(x, &[3, 3])
    }

    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        let conv = |stride| Convolution {
            output: self.output,
            kernel: 3,
            stride,
            padding: self.padding,
            depthwise: false,
            bias: false,
        };
        let he = |fan_in| Initial::He { fan_in };
        self.stage().lower(draft, x, self.activation, |draft, x, stride| {
            let x = draft.conv("conv1", x, conv(stride), he)?;
            let x = draft.batch_norm("norm1", x)?;
            let x = draft.activation(self.activation, x)?;
            let x = draft.conv("conv2", x, conv(1), he)?;
            draft.batch_norm("norm2", x)
        })
    }

    fn blocks(&self) -> usize {
        self.blocks
    }
}
