//! Residual blocks of a 1×1, a 3×3 and a 1×1 convolution, a quarter as wide in the middle (He et al. 2016, figure 5), the stride on the 3×3.
//!
//! Shapes: [input, h, w] → [output, ⌈h / stride⌉, ⌈w / stride⌉]. A block, with m = output / 4: conv1, norm1, activation, conv2 (with the stride), norm2, activation, conv3, norm3, plus
//! its input, activation. Parameters of a block: conv1.weight [m, input or output, 1, 1], conv2.weight [m, m, 3, 3], conv3.weight [output, m, 1, 1], the norms, and the projection of
//! the first block where channels or extents change.

use super::prelude::*;
use super::residual::Stage;

record! {
    /// Residual blocks of a 1×1, a 3×3 and a 1×1 convolution.
    pub struct BottleneckBlock {
        /// Channels that come in.
        pub input: usize,
        /// Channels of every block's result, a multiple of 4.
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

impl BottleneckBlock {
    fn stage(&self) -> Stage {
        let &BottleneckBlock { input, output, blocks, stride, padding, .. } = self;
        Stage { input, output, blocks, stride, padding }
    }
}

impl Rule for BottleneckBlock {
    fn output(&self, x: &Features) -> Fitting<Features> {
        require(self.output.is_multiple_of(4), || format!("output {} is not a multiple of 4", self.output))?;
        self.stage().output(x, &[3])
    }

    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        let middle = self.output / 4;
        let he = |fan_in| Initial::He { fan_in };
        self.stage().lower(draft, x, self.activation, |draft, x, stride| {
            let x = draft.conv("conv1", x, Convolution::pointwise(middle), he)?;
            let x = draft.batch_norm("norm1", x)?;
            let x = draft.activation(self.activation, x)?;
            let conv = Convolution { kernel: 3, stride, padding: self.padding, ..Convolution::pointwise(middle) };
            let x = draft.conv("conv2", x, conv, he)?;
            let x = draft.batch_norm("norm2", x)?;
            let x = draft.activation(self.activation, x)?;
            let x = draft.conv("conv3", x, Convolution::pointwise(self.output), he)?;
            draft.batch_norm("norm3", x)
        })
    }

    fn blocks(&self) -> usize {
        self.blocks
    }
}
