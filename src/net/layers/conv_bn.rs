//! A convolution, batch normalisation, an activation.
//!
//! Shapes: [input, h, w] → [output, h′, w′], h′ and w′ the positions of the window. Parameters: conv.weight [output, input, kernel, kernel], conv.bias [output] where the record says so
//! (the normalisation makes it superfluous, and some networks have it), norm.weight and norm.bias [output].

use super::prelude::*;

record! {
    /// A convolution, batch normalisation, an activation.
    pub struct ConvBn {
        /// Channels that come in.
        pub input: usize,
        /// Channels that go out.
        pub output: usize,
        /// Extent of the kernel.
        pub kernel: usize,
        /// Step between positions.
        pub stride: usize,
        /// Where the window may reach beyond the image.
        pub padding: Padding,
        /// Whether the convolution has a bias.
        pub bias: bool,
        /// What follows.
        pub activation: Activation,
    }
}

impl Rule for ConvBn {
    fn output(&self, x: &Features) -> Fitting<Features> {
        let [height, width] = self.padding.resized(x.image(self.input)?, self.kernel, self.stride)?;
        Features::new(&[self.output, height, width])
    }

    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        let &ConvBn { output, kernel, stride, padding, bias, .. } = self;
        draft.conv_norm(
            "",
            x,
            Convolution { output, kernel, stride, padding, depthwise: false, bias },
            self.activation,
        )
    }
}
