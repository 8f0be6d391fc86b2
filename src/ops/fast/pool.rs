//! Pools over two spatial axes, in the layout of images: loops over channels.
//!
//! Maximum: the greatest cell that the window sees, padding none; its cotangent goes to the first maximum in row-major order. Mean: the sum of the cells, divided by
//! a constant for each window. A NaN in a window makes a NaN.

use super::image::Image;
use super::simd::vectorized;
use std::ops::Range;

/// The sizes of a pool. Lists are rows, columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The input.
    pub input: Image,
    /// The output.
    pub output: Image,
    /// Cells of the window.
    pub kernel: [usize; 2],
    /// Step between output pixels.
    pub stride: [usize; 2],
    /// Step between window cells.
    pub dilation: [usize; 2],
    /// Padding before the first pixel.
    pub pad: [usize; 2],
}

impl Pool {
    /// The window cells that lie within the input, along one axis.
    fn within(&self, axis: usize, o: usize) -> Range<usize> {
        let (start, step) = (o * self.stride[axis], self.dilation[axis]);
        let first = self.pad[axis].saturating_sub(start).div_ceil(step);
        let end = (self.input.extent[axis] + self.pad[axis]).saturating_sub(start).div_ceil(step);
        first..end.min(self.kernel[axis])
    }

    /// Where the cells that the window of an output pixel sees begin in the input, row-major.
    fn cells(&self, y: usize, x: usize) -> impl DoubleEndedIterator<Item = usize> {
        let place =
            move |axis: usize, o: usize, k: usize| o * self.stride[axis] + k * self.dilation[axis] - self.pad[axis];
        let (rows, columns) = (self.within(0, y), self.within(1, x));
        rows.flat_map(move |ky| columns.clone().map(move |kx| self.input.pixel(place(0, y, ky), place(1, x, kx))))
    }

    /// How many cells the window of every output pixel sees.
    pub fn counts(&self) -> Vec<usize> {
        self.pixels().map(|(y, x)| self.cells(y, x).count()).collect()
    }

    fn pixels(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let [rows, columns] = self.output.extent;
        (0..rows).flat_map(move |y| (0..columns).map(move |x| (y, x)))
    }

    /// The maxima of one image.
    pub fn max(&self, from: &[f32], to: &mut [f32]) {
        let channels = self.output.channels;
        vectorized(
            #[inline(always)]
            || {
                for (y, x) in self.pixels() {
                    let to = &mut to[self.output.pixel(y, x)..][..channels];
                    let mut cells = self.cells(y, x);
                    if let Some(first) = cells.next() {
                        to.copy_from_slice(&from[first..first + channels]);
                    }
                    for cell in cells {
                        for (to, &from) in to.iter_mut().zip(&from[cell..cell + channels]) {
                            *to = if *to >= from || to.is_nan() { *to } else { from };
                        }
                    }
                }
            },
        );
    }

    /// Adds the cotangent of the maxima `y` of `x` to that of the input.
    pub fn max_back(&self, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32]) {
        let channels = self.output.channels;
        let mut left = vec![0.0f32; channels];
        vectorized(
            #[inline(always)]
            || {
                for (row, column) in self.pixels() {
                    let at = self.output.pixel(row, column);
                    let y = &y[at..at + channels];
                    left.copy_from_slice(&dy[at..at + channels]);
                    for cell in self.cells(row, column) {
                        let cells = x[cell..cell + channels].iter().zip(&mut dx[cell..cell + channels]);
                        for (((x, dx), y), left) in cells.zip(y).zip(&mut left) {
                            let sent = if *x == *y { *left } else { 0.0 };
                            *dx += sent;
                            *left -= sent;
                        }
                    }
                }
            },
        );
    }

    /// The tangents of the maxima `y` of `x`: each that of the first maximum.
    pub fn max_along(&self, x: &[f32], y: &[f32], dx: &[f32], dy: &mut [f32]) {
        let channels = self.output.channels;
        vectorized(
            #[inline(always)]
            || {
                for (row, column) in self.pixels() {
                    let at = self.output.pixel(row, column);
                    let (y, dy) = (&y[at..at + channels], &mut dy[at..at + channels]);
                    for cell in self.cells(row, column).rev() {
                        let cells = x[cell..cell + channels].iter().zip(&dx[cell..cell + channels]);
                        for (((x, dx), y), dy) in cells.zip(y).zip(&mut *dy) {
                            *dy = if *x == *y { *dx } else { *dy };
                        }
                    }
                }
            },
        );
    }

    /// The sums of one image, each divided by `divisor(cells seen)`.
    pub fn mean(&self, from: &[f32], to: &mut [f32], divisor: impl Fn(usize, usize, usize) -> f32) {
        let channels = self.output.channels;
        vectorized(
            #[inline(always)]
            || {
                for (y, x) in self.pixels() {
                    let to = &mut to[self.output.pixel(y, x)..][..channels];
                    to.fill(0.0);
                    let mut seen = 0;
                    for cell in self.cells(y, x) {
                        seen += 1;
                        for (to, &from) in to.iter_mut().zip(&from[cell..cell + channels]) {
                            *to += from;
                        }
                    }
                    let divisor = divisor(y, x, seen);
                    to.iter_mut().for_each(|to| *to /= divisor);
                }
            },
        );
    }

    /// Adds the cotangent of the means to that of the input.
    pub fn mean_back(&self, dy: &[f32], dx: &mut [f32], divisor: impl Fn(usize, usize, usize) -> f32) {
        let channels = self.output.channels;
        vectorized(
            #[inline(always)]
            || {
                for (y, x) in self.pixels() {
                    let dy = &dy[self.output.pixel(y, x)..][..channels];
                    let divisor = divisor(y, x, self.cells(y, x).count());
                    for cell in self.cells(y, x) {
                        for (dx, &dy) in dx[cell..cell + channels].iter_mut().zip(dy) {
                            *dx += dy / divisor;
                        }
                    }
                }
            },
        );
    }
}
