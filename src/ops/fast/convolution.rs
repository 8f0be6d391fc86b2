//! Convolution over two spatial axes on tiles, without unfolding the image: forward, by input, by weight.
//!
//! Value: y[p, o] = b[o] + Σ_{k, c} x[p·stride + k·dilation, c] · w[k, c, o], one chain of fused multiply-adds for each element, kernel cell by kernel cell, channels
//! innermost. For a row of output pixels this is a product whose left operand lies in the image as it is: its rows are `stride · channels` apart, and
//! a row of the kernel is one segment of the sum.
//! Its error is that of a dot product of as many terms (see `product`).
//! By input: for stride one the convolution of the cotangent with the kernel turned round; else each kernel cell is a product added to the pixels that it saw.
//! By weight: for each kernel row the product of the transposed image with the cotangent, summed over pixels, image after image.

use super::image::Image;
use super::product::Panels;
use super::simd::vectorized;
use super::tile::{Finish, Operands, Place, Segments, Start, WIDTH, cuts, most_rows, share, tile};

/// Pixels that a weight's gradient sums over before it looks at the next part of the weight, so that they stay in the first cache.
const PIXELS: usize = 112;

/// The sizes of a convolution. Lists are rows, columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// The input; its halo holds the padding.
    pub input: Image,
    /// The output.
    pub output: Image,
    /// Cells of the kernel.
    pub kernel: [usize; 2],
    /// Step between output pixels.
    pub stride: [usize; 2],
    /// Step between kernel cells.
    pub dilation: [usize; 2],
    /// Padding before the first pixel.
    pub pad: [usize; 2],
    /// Groups of channels.
    pub groups: usize,
}

impl Convolution {
    /// Input channels of a group.
    pub fn fan(&self) -> usize {
        self.input.channels / self.groups
    }

    /// Output channels of a group.
    pub fn out(&self) -> usize {
        self.output.channels / self.groups
    }

    /// Whether every channel has its own kernel.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.fan() == 1 && self.out() == 1
    }

    /// The halo that the input needs: what the padding takes, and what windows reach beyond the last pixel.
    pub fn halo(&self) -> ([usize; 2], [usize; 2]) {
        let after = std::array::from_fn(|axis| {
            let reach =
                (self.output.extent[axis] - 1) * self.stride[axis] + (self.kernel[axis] - 1) * self.dilation[axis] + 1;
            reach.saturating_sub(self.pad[axis] + self.input.extent[axis])
        });
        (self.pad, after)
    }

    /// Cells of the kernel.
    fn cells(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Where in the input, from the corner of its halo, the window of the output pixel (0, 0) begins.
    fn origin(&self) -> usize {
        self.input.cell(self.input.before[0] - self.pad[0], self.input.before[1] - self.pad[1])
    }

    /// Distance in the input between two output rows, and between two output pixels.
    fn steps(&self) -> (usize, usize) {
        (self.stride[0] * self.input.row(), self.stride[1] * self.input.channels)
    }

    /// Where the parts of the kernel that are one run of memory begin in the image, and how long they are: rows of the kernel, or its cells.
    fn runs(&self) -> (Vec<usize>, usize) {
        let [rows, columns] = self.kernel;
        let [down, across] = self.dilation;
        if self.groups == 1 && (across == 1 || columns == 1) {
            return ((0..rows).map(|ky| self.input.cell(ky * down, 0)).collect(), columns * self.fan());
        }
        let cells = (0..rows).flat_map(|ky| (0..columns).map(move |kx| (ky * down, kx * across)));
        (cells.map(|(y, x)| self.input.cell(y, x)).collect(), self.fan())
    }

    /// The weight [O, C/groups, kernel..] of the graph, for the forward direction: panels of [cells · C/groups, O/groups] for every group.
    pub fn pack(&self, weight: &[f32]) -> Vec<Panels> {
        let (fan, out, cells) = (self.fan(), self.out(), self.cells());
        let group =
            |g: usize| Panels::new(cells * fan, out, |k, o| weight[((g * out + o) * fan + k % fan) * cells + k / fan]);
        (0..self.groups).map(group).collect()
    }

    /// The inverse of [`Convolution::pack`].
    pub fn unpack(&self, panels: &[Panels], weight: &mut [f32]) {
        let (fan, out, cells) = (self.fan(), self.out(), self.cells());
        for (at, to) in weight.iter_mut().enumerate() {
            let (cell, channel, o) = (at % cells, at / cells % fan, at / cells / fan);
            *to = panels[o / out].at(cell * fan + channel, o % out);
        }
    }

    /// The rows `first..` of the output of one image. `y` begins with the output row `first`, halo included, and holds whole rows.
    pub fn forward(&self, x: &[f32], weight: &[Panels], start: Start, y: &mut [f32], first: usize, finish: Finish) {
        let (runs, length) = self.runs();
        let starts = runs.iter().enumerate().map(|(i, &run)| (run, i * length * WIDTH)).collect();
        let (wide, mut narrow) = (Segments::new(starts, length), None);
        let (down, across) = self.steps();
        let (row, width, channels) = (self.output.row(), self.output.extent[1], self.output.channels);
        for (g, weight) in weight.iter().enumerate() {
            for (column, panel, at) in weight.spans() {
                let segments = if panel == WIDTH {
                    &wide
                } else {
                    let starts = || runs.iter().enumerate().map(|(i, &run)| (run, i * length * panel)).collect();
                    narrow.get_or_insert_with(|| Segments::new(starts(), length))
                };
                let columns = WIDTH.min(weight.columns - column);
                let (size, mut number) = (weight.rows * panel, 0);
                let tiles = y.len() / row * width.div_ceil(most_rows(columns));
                let channel = g * self.out() + column;
                let start = match start {
                    Start::Bias(bias) => Start::Bias(&bias[channel..]),
                    start => start,
                };
                for (index, y) in y.chunks_exact_mut(row).enumerate() {
                    let line = self.origin() + (first + index) * down + g * self.fan();
                    for (from, to) in cuts(width, most_rows(columns)) {
                        let operands = Operands {
                            a: x,
                            a_at: line + from * across,
                            row: across,
                            step: 1,
                            b: &weight.data,
                            b_at: at,
                            b_row: panel,
                            segments,
                            ahead: share(at + size, size, number, tiles, weight.rows),
                        };
                        number += 1;
                        let at = (self.output.before[1] + from) * channels + channel;
                        let finish = match finish {
                            Finish::Where(of) => Finish::Where(&of[index * row + at..]),
                            finish => finish,
                        };
                        tile(&operands, Place { c: y, at, row: channels, rows: to - from, columns }, start, finish);
                    }
                }
            }
        }
    }

    /// Whether the cotangent of the input is a convolution of that of the output.
    pub fn turns(&self) -> bool {
        let fits = |axis: usize| (self.kernel[axis] - 1) * self.dilation[axis] >= self.pad[axis];
        self.stride == [1, 1] && fits(0) && fits(1)
    }

    /// That convolution, from a cotangent in the layout of the output; the halo that it needs is [`Convolution::halo`] of it.
    pub fn turned(&self) -> Convolution {
        let pad = std::array::from_fn(|axis| (self.kernel[axis] - 1) * self.dilation[axis] - self.pad[axis]);
        Convolution { input: self.output, output: self.input, pad, ..*self }
    }

    /// The weight of [`Convolution::turned`]: the kernel turned round, with the roles of its channels exchanged.
    pub fn turn(&self, weight: &[Panels], turned: &mut Vec<Panels>) {
        let (fan, out, cells) = (self.fan(), self.out(), self.cells());
        turned.resize_with(self.groups, || Panels::zeros(cells * out, fan));
        for (from, to) in weight.iter().zip(turned) {
            to.fill(|k, c| from.at((cells - 1 - k / out) * fan + c, k % out));
        }
    }

    /// The weights by which each kernel cell sends a cotangent back, where it does not turn: [O/groups, C/groups] for each group and cell.
    pub fn cell_weights(&self, weight: &[Panels], to: &mut Vec<Panels>) {
        let (fan, out, cells) = (self.fan(), self.out(), self.cells());
        to.resize_with(self.groups * cells, || Panels::zeros(out, fan));
        for (index, to) in to.iter_mut().enumerate() {
            to.fill(|o, c| weight[index / cells].at(index % cells * fan + c, o));
        }
    }

    /// The cotangent of the input of one image, added to `dx`, whose halo then holds what padding was sent. `weights` are [`Convolution::cell_weights`].
    pub fn send_back(&self, dy: &[f32], weights: &[Panels], dx: &mut [f32]) {
        let (out, fan, cells) = (self.out(), self.fan(), self.cells());
        let (down, across) = self.steps();
        let segments = Segments::new(vec![(0, 0)], out);
        for y in 0..self.output.extent[0] {
            for (index, weight) in weights.iter().enumerate() {
                let (g, cell) = (index / cells, index % cells);
                let (ky, kx) = (cell / self.kernel[1] * self.dilation[0], cell % self.kernel[1] * self.dilation[1]);
                let line = self.origin() + y * down + self.input.cell(ky, kx) + g * fan;
                for (column, panel, at) in weight.spans() {
                    let columns = WIDTH.min(fan - column);
                    for (from, to) in cuts(self.output.extent[1], most_rows(columns)) {
                        let operands = Operands {
                            a: dy,
                            a_at: self.output.pixel(y, from) + g * out,
                            row: self.output.channels,
                            step: 1,
                            b: &weight.data,
                            b_at: at,
                            b_row: panel,
                            segments: &segments,
                            ahead: (0, 0),
                        };
                        let place =
                            Place { c: dx, at: line + from * across + column, row: across, rows: to - from, columns };
                        tile(&operands, place, Start::Value, Finish::Store);
                    }
                }
            }
        }
    }

    /// The gradient of the weight by one image, added to `dw`, which is laid out as the weight.
    pub fn by_weight(&self, x: &[f32], dy: &[f32], dw: &mut [Panels]) {
        let (runs, length) = self.runs();
        let (down, across) = self.steps();
        let (height, width) = (self.output.extent[0], self.output.extent[1]);
        for (top, bottom) in cuts(height, (PIXELS / width).max(1)) {
            let starts = (top..bottom).map(|y| (y * down, self.output.pixel(y, 0))).collect();
            let segments = Segments::new(starts, width);
            for (g, dw) in dw.iter_mut().enumerate() {
                for (column, panel, at) in dw.spans() {
                    let columns = WIDTH.min(dw.columns - column);
                    for (index, run) in runs.iter().enumerate() {
                        for (from, to) in cuts(length, most_rows(columns)) {
                            let operands = Operands {
                                a: x,
                                a_at: self.origin() + run + g * self.fan() + from,
                                row: 1,
                                step: across,
                                b: dy,
                                b_at: g * self.out() + column,
                                b_row: self.output.channels,
                                segments: &segments,
                                ahead: (0, 0),
                            };
                            let at = at + (index * length + from) * panel;
                            let place = Place { c: &mut dw.data, at, row: panel, rows: to - from, columns };
                            tile(&operands, place, Start::Value, Finish::Store);
                        }
                    }
                }
            }
        }
    }

    /// The gradient of the bias by one image, added to `db`.
    pub fn by_bias(&self, dy: &[f32], db: &mut [f32]) {
        for row in self.output.rows() {
            for pixel in dy[row].chunks_exact(self.output.channels) {
                for (sum, value) in db.iter_mut().zip(pixel) {
                    *sum += value;
                }
            }
        }
    }

    /// The output pixels and kernel cells that meet, as the places of the input and of the output and the number of the cell; rows of the output from `first` on.
    fn meetings(&self, first: usize, rows: usize) -> impl Iterator<Item = (usize, usize, usize, usize)> {
        let (down, across) = self.steps();
        (0..rows).flat_map(move |row| {
            (0..self.output.extent[1]).flat_map(move |column| {
                let from = self.origin() + (first + row) * down + column * across;
                let cells = (0..self.cells()).map(move |cell| {
                    let (ky, kx) = (cell / self.kernel[1] * self.dilation[0], cell % self.kernel[1] * self.dilation[1]);
                    (from + self.input.cell(ky, kx), cell)
                });
                cells.map(move |(from, cell)| (from, row, column, cell))
            })
        })
    }

    /// The rows `first..` of the output, where every channel has its own kernel, `weight` [cells, C]; `y` is as in [`Convolution::forward`].
    pub fn depthwise(&self, x: &[f32], weight: &[f32], bias: Option<&[f32]>, y: &mut [f32], first: usize, relu: bool) {
        let (channels, row, cells) = (self.output.channels, self.output.row(), self.cells());
        vectorized(
            #[inline(always)]
            || {
                for (from, line, column, cell) in self.meetings(first, y.len() / row) {
                    let at = line * row + (self.output.before[1] + column) * channels;
                    let to = &mut y[at..at + channels];
                    if cell == 0 {
                        match bias {
                            Some(bias) => to.copy_from_slice(bias),
                            None => to.fill(0.0),
                        }
                    }
                    let weight = &weight[cell * channels..(cell + 1) * channels];
                    for ((to, x), w) in to.iter_mut().zip(&x[from..from + channels]).zip(weight) {
                        *to += x * w;
                    }
                    if relu && cell + 1 == cells {
                        to.iter_mut().for_each(|to| *to = if *to <= 0.0 { 0.0 } else { *to });
                    }
                }
            },
        );
    }

    /// Adds the cotangent of the input of [`Convolution::depthwise`], padding included.
    pub fn depthwise_back(&self, dy: &[f32], weight: &[f32], dx: &mut [f32]) {
        let channels = self.output.channels;
        vectorized(
            #[inline(always)]
            || {
                for (to, line, column, cell) in self.meetings(0, self.output.extent[0]) {
                    let dy = &dy[self.output.pixel(line, column)..][..channels];
                    let weight = &weight[cell * channels..(cell + 1) * channels];
                    for ((dx, dy), w) in dx[to..to + channels].iter_mut().zip(dy).zip(weight) {
                        *dx += dy * w;
                    }
                }
            },
        );
    }

    /// Adds the gradient of the weight of [`Convolution::depthwise`].
    pub fn depthwise_by_weight(&self, x: &[f32], dy: &[f32], dw: &mut [f32]) {
        let channels = self.output.channels;
        vectorized(
            #[inline(always)]
            || {
                for (from, line, column, cell) in self.meetings(0, self.output.extent[0]) {
                    let dy = &dy[self.output.pixel(line, column)..][..channels];
                    let dw = &mut dw[cell * channels..(cell + 1) * channels];
                    for ((dw, dy), x) in dw.iter_mut().zip(dy).zip(&x[from..from + channels]) {
                        *dw += dy * x;
                    }
                }
            },
        );
    }
}
