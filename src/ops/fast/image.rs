//! Images: the layout in which convolutions and pools work, channels innermost, with a halo for the padding.
//!
//! A value [N, C, H, W] of the graph is stored as [N, top + H + bottom, left + W + right, C]. The halo is zero when a convolution reads it, so that
//! padding costs no branch; pools never look at it.

/// One image of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Channels.
    pub channels: usize,
    /// Rows and columns.
    pub extent: [usize; 2],
    /// Rows above and columns to the left.
    pub before: [usize; 2],
    /// Rows below and columns to the right.
    pub after: [usize; 2],
}

impl Image {
    /// An image without a halo.
    pub fn new(channels: usize, extent: [usize; 2]) -> Self {
        Image { channels, extent, before: [0, 0], after: [0, 0] }
    }

    /// Values of one row, with its halo.
    pub fn row(&self) -> usize {
        (self.before[1] + self.extent[1] + self.after[1]) * self.channels
    }

    /// Values of the image, with its halo.
    pub fn size(&self) -> usize {
        (self.before[0] + self.extent[0] + self.after[0]) * self.row()
    }

    /// Values of the image, without its halo.
    pub fn elements(&self) -> usize {
        self.extent[0] * self.extent[1] * self.channels
    }

    /// Where the pixel lies; coordinates may reach into the halo, counted from its corner.
    pub fn cell(&self, y: usize, x: usize) -> usize {
        y * self.row() + x * self.channels
    }

    /// Where the pixel lies.
    pub fn pixel(&self, y: usize, x: usize) -> usize {
        self.cell(self.before[0] + y, self.before[1] + x)
    }

    /// Where the rows of an image lie, without their halo.
    pub fn rows(&self) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let image = *self;
        (0..image.extent[0]).map(move |y| image.pixel(y, 0)..image.pixel(y, image.extent[1]))
    }

    /// Widens the halo to at least these.
    pub fn widen(&mut self, before: [usize; 2], after: [usize; 2]) {
        for axis in 0..2 {
            self.before[axis] = self.before[axis].max(before[axis]);
            self.after[axis] = self.after[axis].max(after[axis]);
        }
    }

    /// Writes zeros into the halo.
    pub fn clear_halo(&self, values: &mut [f32]) {
        let mut from = 0;
        for row in self.rows() {
            values[from..row.start].fill(0.0);
            from = row.end;
        }
        values[from..self.size()].fill(0.0);
    }

    /// Stores channels-first values, and zeros in the halo.
    pub fn store(&self, from: &[f32], to: &mut [f32]) {
        let (plane, channels) = (self.extent[0] * self.extent[1], self.channels);
        for (y, row) in self.rows().enumerate() {
            let to = &mut to[row];
            for channel in 0..channels {
                let from = &from[channel * plane + y * self.extent[1]..][..self.extent[1]];
                for (to, &from) in to[channel..].iter_mut().step_by(channels).zip(from) {
                    *to = from;
                }
            }
        }
        self.clear_halo(to);
    }

    /// The values, channels first.
    pub fn load(&self, from: &[f32], to: &mut [f32]) {
        let (plane, channels) = (self.extent[0] * self.extent[1], self.channels);
        for (y, row) in self.rows().enumerate() {
            let from = &from[row];
            for channel in 0..channels {
                let to = &mut to[channel * plane + y * self.extent[1]..][..self.extent[1]];
                for (to, &from) in to.iter_mut().zip(from[channel..].iter().step_by(channels)) {
                    *to = from;
                }
            }
        }
    }
}
