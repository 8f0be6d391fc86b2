//! Steps on one image: convolutions.

use super::step::{Along, Back, Keeps, PerImage, Slope};
use super::weights::Weights;
use crate::ops::fast::convolution::Convolution;
use crate::ops::fast::image::Image;
use crate::ops::fast::pointwise::{add_scaled, where_positive};
use crate::ops::fast::product::Panels;
use crate::ops::fast::threads::Threads;
use crate::ops::fast::tile::{Finish, Start};

/// A convolution, perhaps with relu after it.
#[derive(Debug)]
pub(super) struct Convolve {
    pub(super) convolution: Convolution,
    pub(super) relu: bool,
    /// The weights by which cotangents go back.
    back: Vec<Panels>,
}

impl Convolve {
    pub(super) fn new(convolution: Convolution, relu: bool) -> Self {
        Convolve { convolution, relu, back: Vec::new() }
    }

    /// The convolution of x with these weights, from `start`; the rows on several threads.
    fn times(&self, x: &[f32], panels: &[Panels], start: Start, finish: Finish, y: &mut [f32], threads: &Threads) {
        let convolution = &self.convolution;
        by_rows(&convolution.output, y, threads, |y, first| convolution.forward(x, panels, start, y, first, finish));
    }
}

impl PerImage for Convolve {
    fn forward(&self, weights: &Weights, x: &[&[f32]], y: &mut [f32], threads: &Threads) {
        let finish = if self.relu { Finish::Relu } else { Finish::Store };
        self.times(x[0], &weights.panels, weights.bias(0), finish, y, threads);
    }

    fn backward(&self, _: &Weights, back: Back, dw: Option<&mut Weights>) {
        let (convolution, Back { x, y, dy, dx }) = (&self.convolution, back);
        if self.relu {
            where_positive(y, dy);
        }
        convolution.output.clear_halo(dy);
        if let Some(dw) = dw {
            convolution.by_weight(x[0], dy, &mut dw.panels);
            if let Some(db) = dw.vectors.first_mut() {
                convolution.by_bias(dy, db);
            }
        }
        if let Some(Slope { data, add }) = &mut dx[0] {
            if convolution.turns() {
                let (turned, rows) = (convolution.turned(), inner(&convolution.input));
                let start = if *add { Start::Value } else { Start::Zero };
                turned.forward(dy, &self.back, start, &mut data[rows], 0, Finish::Store);
            } else {
                if !*add {
                    data.fill(0.0);
                }
                convolution.send_back(dy, &self.back, data);
            }
        }
    }

    fn tangent(&self, weights: &Weights, along: Along, dy: &mut [f32], threads: &Threads) {
        if let Some(dw) = along.dw {
            self.times(along.x[0], &dw.panels, dw.bias(0), Finish::Store, dy, threads);
        }
        if let Some(dx) = along.dx[0] {
            self.times(dx, &weights.panels, Start::Value, Finish::Store, dy, threads);
        }
        if self.relu {
            where_positive(along.y, dy);
        }
    }

    fn keeps(&self) -> Keeps {
        Keeps { x: true, y: self.relu }
    }

    fn renew(&mut self, weights: &Weights) {
        if self.convolution.turns() {
            self.convolution.turn(&weights.panels, &mut self.back);
        } else {
            self.convolution.cell_weights(&weights.panels, &mut self.back);
        }
    }
}

/// A convolution of every channel with its own kernel, perhaps with relu after it.
#[derive(Debug)]
pub(super) struct Depthwise {
    pub(super) convolution: Convolution,
    pub(super) relu: bool,
}

impl Depthwise {
    /// The convolution of x with the kernels and the bias, or none; the rows on several threads.
    fn times(&self, x: &[f32], kernels: &[f32], bias: Option<&[f32]>, relu: bool, y: &mut [f32], threads: &Threads) {
        let convolution = &self.convolution;
        by_rows(&convolution.output, y, threads, |y, first| convolution.depthwise(x, kernels, bias, y, first, relu));
    }
}

impl PerImage for Depthwise {
    fn forward(&self, weights: &Weights, x: &[&[f32]], y: &mut [f32], threads: &Threads) {
        let bias = weights.vectors.get(1).map(Vec::as_slice);
        self.times(x[0], &weights.vectors[0], bias, self.relu, y, threads);
    }

    fn backward(&self, weights: &Weights, back: Back, dw: Option<&mut Weights>) {
        let (convolution, Back { x, y, dy, dx }) = (&self.convolution, back);
        if self.relu {
            where_positive(y, dy);
        }
        if let Some(dw) = dw {
            convolution.depthwise_by_weight(x[0], dy, &mut dw.vectors[0]);
            if let Some(db) = dw.vectors.get_mut(1) {
                convolution.by_bias(dy, db);
            }
        }
        if let Some(slope) = &mut dx[0] {
            slope.ready();
            convolution.depthwise_back(dy, &weights.vectors[0], slope.data);
        }
    }

    fn tangent(&self, weights: &Weights, along: Along, dy: &mut [f32], threads: &Threads) {
        if let Some(dw) = along.dw {
            self.times(along.x[0], &dw.vectors[0], dw.vectors.get(1).map(Vec::as_slice), false, dy, threads);
        }
        if let Some(dx) = along.dx[0] {
            let mut moved = vec![0.0; dy.len()];
            self.times(dx, &weights.vectors[0], None, false, &mut moved, threads);
            add_scaled(1.0, &moved, dy);
        }
        if self.relu {
            where_positive(along.y, dy);
        }
    }

    fn keeps(&self) -> Keeps {
        Keeps { x: true, y: self.relu }
    }
}

/// The rows of an image within the halo above and below.
fn inner(image: &Image) -> std::ops::Range<usize> {
    image.before[0] * image.row()..(image.before[0] + image.extent[0]) * image.row()
}

/// Writes an image by parts of whole rows, each with the number of its first one, on several threads; the halo is zero.
fn by_rows(output: &Image, y: &mut [f32], threads: &Threads, of: impl Fn(&mut [f32], usize) + Sync) {
    let rows = output.extent[0].div_ceil(threads.count());
    let parts = y[inner(output)].chunks_mut(rows * output.row()).enumerate();
    threads.each(parts, |(part, y)| of(y, part * rows));
    output.clear_halo(y);
}
