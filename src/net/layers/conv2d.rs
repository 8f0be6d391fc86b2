//! A convolution with a square kernel and a bias, then an activation.
//!
//! Shapes: [input, h, w] → [output, h′, w′], h′ and w′ the positions of the window. Parameters: weight [output, input, kernel, kernel], bias [output].

use super::prelude::*;

record! {
    /// A convolution with a square kernel and a bias, then an activation.
    pub struct Conv2d {
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
        /// What follows.
        pub activation: Activation,
    }
}

impl Rule for Conv2d {
    fn output(&self, x: &Features) -> Fitting<Features> {
        let [height, width] = self.padding.resized(x.image(self.input)?, self.kernel, self.stride)?;
        Features::new(&[self.output, height, width])
    }

    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        let &Conv2d { output, kernel, stride, padding, .. } = self;
        let conv = Convolution { output, kernel, stride, padding, depthwise: false, bias: true };
        let x = draft.conv("", x, conv, |fan_in| Initial::He { fan_in })?;
        draft.activation(self.activation, x)
    }
}
