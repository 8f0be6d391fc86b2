//! The maximum over square windows; padding never wins.
//!
//! Shapes: [c, h, w] → [c, h′, w′], h′ and w′ the positions of the window.

use super::prelude::*;

record! {
    /// The maximum over square windows.
    pub struct MaxPool {
        /// Extent of the window.
        pub kernel: usize,
        /// Step between positions.
        pub stride: usize,
        /// Where the window may reach beyond the image.
        pub padding: Padding,
    }
}

impl Rule for MaxPool {
    fn output(&self, x: &Features) -> Fitting<Features> {
        let &[channels, height, width] = x.dimensions() else {
            return Err(Misfit::takes("[channels, height, width]", x));
        };
        let [height, width] = self.padding.resized([height, width], self.kernel, self.stride)?;
        Features::new(&[channels, height, width])
    }

    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        draft.max_pool(x, self.kernel, self.stride, self.padding)
    }
}
