//! An image as tokens (Dosovitskiy et al. 2021): a class token, then the patches row-major, plus learned positions.
//!
//! Shapes: [input, h, w] → [patches + 1, width], patches = (h / patch)·(w / patch), both without remainder. Parameters: conv.weight [width, input, patch, patch], conv.bias [width],
//! class_token [1, 1, width], positions [1, patches + 1, width].

use super::prelude::*;
use tl_kernel::spec::{Op, concat::Concat};

record! {
    /// An image as tokens.
    pub struct PatchEmbed {
        /// Channels that come in.
        pub input: usize,
        /// Width of a token.
        pub width: usize,
        /// Extent of a patch.
        pub patch: usize,
        /// How many patches the image has.
        pub patches: usize,
    }
}

impl Rule for PatchEmbed {
    fn output(&self, x: &Features) -> Fitting<Features> {
        let [height, width] = x.image(self.input)?;
        let patch = self.patch;
        positive(&[("patch", patch)])?;
        require(height % patch == 0 && width % patch == 0, || {
            format!("{height}×{width} does not divide into patches of {patch}×{patch}")
        })?;
        let patches = (height / patch) * (width / patch); // at most the elements of x
        require(patches == self.patches, || {
            format!("it states {} patches, {x} has {patches} of {patch}×{patch}", self.patches)
        })?;
        Features::new(&[patches + 1, self.width])
    }

    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        let batch = draft.dimensions(x)[0];
        let (width, length) = (self.width, self.patches + 1); // the shape rule holds
        let conv = Convolution { kernel: self.patch, stride: self.patch, bias: true, ..Convolution::pointwise(width) };
        let x = draft.conv("conv", x, conv, |_| Initial::Truncated)?;
        let x = draft.flatten(x, 2)?;
        let x = draft.permute(x, &[0, 2, 1])?;
        let class = draft.parameter("class_token", &[1, 1, width], Initial::Truncated)?;
        let class = draft.broadcast(class, &[batch, 1, width])?;
        let x = draft.node(Op::Concat(Concat { axis: 1 }), &[class, x])?;
        let positions = draft.parameter("positions", &[1, length, width], Initial::Truncated)?;
        let positions = draft.broadcast(positions, &[batch, length, width])?;
        draft.add(x, positions)
    }
}
