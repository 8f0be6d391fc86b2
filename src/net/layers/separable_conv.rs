//! A depthwise 3×3 convolution and a pointwise one, each with batch normalisation and an activation (Howard et al. 2017).
//!
//! Shapes: [input, h, w] → [output, h′, w′], h′ and w′ the positions of the window. Parameters: depthwise.conv.weight [input, 1, 3, 3], pointwise.conv.weight [output, input, 1, 1], and their norms.

use super::prelude::*;

record! {
    /// A depthwise 3×3 convolution and a pointwise one.
    pub struct SeparableConv {
        /// Channels that come in.
        pub input: usize,
        /// Channels that go out.
        pub output: usize,
        /// Step between positions.
        pub stride: usize,
        /// Where the window may reach beyond the image.
        pub padding: Padding,
        /// What follows each of the two.
        pub activation: Activation,
    }
}

impl Rule for SeparableConv {
    fn output(&self, x: &Features) -> Fitting<Features> {
        let [height, width] = self.padding.resized(x.image(self.input)?, 3, self.stride)?;
        Features::new(&[self.output, height, width])
    }

    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        let &SeparableConv { input, output, stride, padding, activation } = self;
        let depthwise = Convolution { output: input, kernel: 3, stride, padding, depthwise: true, bias: false };
        let x = draft.conv_norm("depthwise", x, depthwise, activation)?;
        draft.conv_norm("pointwise", x, Convolution::pointwise(output), activation)
    }
}
