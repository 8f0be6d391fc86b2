//! A 1×1 squeeze, then a 1×1 and a 3×3 expansion beside each other (Iandola et al. 2016, SqueezeNet), each with batch normalisation and an activation.
//!
//! Shapes: [input, h, w] → [expand1 + expand3, h, w]. Parameters: squeeze.conv.weight [squeeze, input, 1, 1], expand1.conv.weight [expand1, squeeze, 1, 1],
//! expand3.conv.weight [expand3, squeeze, 3, 3], and their norms.

use super::prelude::*;
use tl_kernel::spec::{Op, concat::Concat};

record! {
    /// A 1×1 squeeze, then a 1×1 and a 3×3 expansion beside each other.
    pub struct FireModule {
        /// Channels that come in.
        pub input: usize,
        /// Channels of the squeeze.
        pub squeeze: usize,
        /// Channels of the 1×1 expansion, which come first.
        pub expand1: usize,
        /// Channels of the 3×3 expansion.
        pub expand3: usize,
        /// What follows each of the three.
        pub activation: Activation,
    }
}

impl Rule for FireModule {
    fn output(&self, x: &Features) -> Fitting<Features> {
        let [height, width] = x.image(self.input)?;
        let output = self.expand1.checked_add(self.expand3);
        let output = output.ok_or_else(|| Misfit::new(format!("{} and {} channels", self.expand1, self.expand3)))?;
        Features::new(&[output, height, width])
    }

    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        let x = draft.conv_norm("squeeze", x, Convolution::pointwise(self.squeeze), self.activation)?;
        let small = draft.conv_norm("expand1", x, Convolution::pointwise(self.expand1), self.activation)?;
        let wide = Convolution { kernel: 3, padding: Padding::Same, ..Convolution::pointwise(self.expand3) };
        let wide = draft.conv_norm("expand3", x, wide, self.activation)?;
        draft.node(Op::Concat(Concat { axis: 1 }), &[small, wide])
    }
}
