//! Steps on a whole batch that work on rows, and batch normalisation.

use super::step::{Back, Keeps, PerBatch, Sink};
use super::weights::Weights;
use crate::ops::fast::image::Image;
use crate::ops::fast::norm::{self, Moments};
use crate::ops::fast::pointwise::where_positive;
use crate::ops::fast::product::{Left, Panels, product};
use crate::ops::fast::threads::Threads;
use crate::ops::fast::tile::{Finish, Start};
use std::sync::{Mutex, PoisonError};
use tl_kernel::context::EvalError;

/// Values that one thread takes at a time.
const PART: usize = 1 << 15;

/// Softmax of the last axis, or its logarithm.
#[derive(Debug)]
pub(super) struct Softmax {
    pub(super) width: usize,
    pub(super) logarithm: bool,
}

impl PerBatch for Softmax {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], threads: &Threads) -> Result<(), EvalError> {
        let part = (PART / self.width).max(1) * self.width;
        let parts = x[0].chunks(part).zip(y.chunks_mut(part));
        threads.each(parts, |(x, y)| norm::softmax(x, y, self.width, self.logarithm));
        Ok(())
    }
    fn backward(&self, _: &mut Weights, back: Back, _: Sink, _: &Threads) -> Result<(), EvalError> {
        let Some(slope) = &mut back.dx[0] else { return Ok(()) };
        slope.ready();
        norm::softmax_back(back.y, back.dy, slope.data, self.width, self.logarithm);
        Ok(())
    }
    fn keeps(&self) -> Keeps {
        Keeps { x: false, y: true }
    }
}

/// Layer normalisation, where no gradient is wanted.
#[derive(Debug)]
pub(super) struct LayerNorm {
    pub(super) width: usize,
    pub(super) epsilon: f32,
}

impl PerBatch for LayerNorm {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], threads: &Threads) -> Result<(), EvalError> {
        let part = (PART / self.width).max(1) * self.width;
        let (weight, bias) = (x.get(1).copied(), x.get(2).copied());
        let parts = x[0].chunks(part).zip(y.chunks_mut(part));
        threads.each(parts, |(x, y)| norm::layer_norm(x, y, self.width, self.epsilon, weight, bias));
        Ok(())
    }
    fn backward(&self, _: &mut Weights, _: Back, _: Sink, _: &Threads) -> Result<(), EvalError> {
        Err(EvalError::Internal { what: "a layer normalisation was planned without gradients" })
    }
    fn keeps(&self) -> Keeps {
        Keeps { x: true, y: false }
    }
}

/// Products of as many pairs of matrices [m, k] · [k, n].
#[derive(Debug)]
pub(super) struct Products {
    pub(super) count: usize,
    pub(super) sizes: [usize; 3],
}

impl PerBatch for Products {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], threads: &Threads) -> Result<(), EvalError> {
        let [m, k, n] = self.sizes;
        let alone = Threads::new(1);
        let parts = x[0].chunks_exact(m * k).zip(x[1].chunks_exact(k * n)).zip(y.chunks_exact_mut(m * n));
        let of = |((a, b), c): ((&[f32], &[f32]), &mut [f32]), threads: &Threads| {
            let mut panels = Panels::zeros(k, n);
            panels.copy(b, n);
            product(threads, Left { data: a, row: k, step: 1 }, m, &panels, c, n, Start::Zero, Finish::Store);
        };
        if self.count < threads.count() {
            parts.for_each(|part| of(part, threads))
        } else {
            threads.each(parts, |part| of(part, &alone))
        }
        Ok(())
    }

    fn backward(&self, _: &mut Weights, back: Back, _: Sink, threads: &Threads) -> Result<(), EvalError> {
        let ([m, k, n], Back { x, dy, dx, .. }) = (self.sizes, back);
        let [left, right] = dx else { return Ok(()) };
        [&mut *left, &mut *right].into_iter().flatten().for_each(|slope| slope.ready());
        for at in 0..self.count {
            let (a, b, dy) = (&x[0][at * m * k..][..m * k], &x[1][at * k * n..][..k * n], &dy[at * m * n..][..m * n]);
            if let Some(slope) = left {
                let mut turned = Panels::zeros(n, k);
                turned.copy_transposed(b, n);
                let to = &mut slope.data[at * m * k..][..m * k];
                product(threads, Left { data: dy, row: n, step: 1 }, m, &turned, to, k, Start::Value, Finish::Store);
            }
            if let Some(slope) = right {
                let mut panels = Panels::zeros(m, n);
                panels.copy(dy, n);
                let to = &mut slope.data[at * k * n..][..k * n];
                product(threads, Left { data: a, row: 1, step: k }, k, &panels, to, n, Start::Value, Finish::Store);
            }
        }
        Ok(())
    }

    fn keeps(&self) -> Keeps {
        Keeps { x: true, y: false }
    }
}

/// Batch normalisation of images by the statistics of the batch, perhaps with relu after it. Weights: gain and shift.
#[derive(Debug)]
pub(super) struct BatchNorm {
    pub(super) input: Image,
    pub(super) output: Image,
    pub(super) epsilon: f32,
    pub(super) relu: bool,
    /// Mean and root of the last pass forward.
    pub(super) statistics: Mutex<(Vec<f32>, Vec<f32>)>,
}

impl PerBatch for BatchNorm {
    fn forward(&self, weights: &Weights, x: &[&[f32]], y: &mut [f32], threads: &Threads) -> Result<(), EvalError> {
        let (from, to) = (&self.input, &self.output);
        let mut parts = vec![Moments::default(); x[0].len() / from.size()];
        threads.each(x[0].chunks_exact(from.size()).zip(&mut parts), |(x, part)| *part = Moments::of(from, x));
        let mut whole = Moments::default();
        parts.iter().for_each(|part| whole.join(part));
        let (mean, root) = whole.statistics(self.epsilon);
        let gain: Vec<f32> = weights.vectors[0].iter().zip(&root).map(|(w, r)| w * r).collect();
        let shift: Vec<f32> = weights.vectors[1].iter().zip(&gain).zip(&mean).map(|((b, g), m)| b - g * m).collect();
        let images = x[0].chunks_exact(from.size()).zip(y.chunks_exact_mut(to.size()));
        threads.each(images, |(x, y)| norm::affine(from, x, to, y, &gain, &shift, self.relu));
        *self.statistics.lock().unwrap_or_else(PoisonError::into_inner) = (mean, root);
        Ok(())
    }

    fn backward(&self, weights: &mut Weights, back: Back, sink: Sink, threads: &Threads) -> Result<(), EvalError> {
        let (from, to, Back { x, y, dy, dx }) = (&self.input, &self.output, back);
        let (mean, root) = &*self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        let channels = from.channels;
        let mut parts = vec![[vec![0.0f32; channels], vec![0.0f32; channels]]; x[0].len() / from.size()];
        let masks = y.chunks(to.size()).map(Some).chain(std::iter::repeat(None));
        let images = x[0].chunks_exact(from.size()).zip(dy.chunks_exact_mut(to.size())).zip(masks).zip(&mut parts);
        threads.each(images, |(((x, dy), y), part)| {
            if let (true, Some(y)) = (self.relu, y) {
                where_positive(y, dy);
            }
            norm::affine_sums(from, x, to, dy, mean, root, part);
        });
        let sum = |which: usize, c: usize| parts.iter().map(|part| f64::from(part[which][c])).sum::<f64>();
        let plain: Vec<f64> = (0..channels).map(|c| sum(0, c)).collect();
        let along: Vec<f64> = (0..channels).map(|c| sum(1, c)).collect();
        if let Some(slope) = &mut dx[0] {
            // dx = γ·r·(dy − Σdy/n − x̂·Σ(dy·x̂)/n), x̂ = (x − mean)·r
            let count = (parts.len() * from.extent[0] * from.extent[1]) as f64;
            let gain = |c: usize| f64::from(weights.vectors[0][c]) * f64::from(root[c]);
            let tilt = |c: usize| -gain(c) * f64::from(root[c]) * along[c] / count;
            let a: Vec<f32> = (0..channels).map(|c| gain(c) as f32).collect();
            let b: Vec<f32> = (0..channels).map(|c| tilt(c) as f32).collect();
            let rest = |c: usize| -gain(c) * plain[c] / count - tilt(c) * f64::from(mean[c]);
            let c: Vec<f32> = (0..channels).map(|c| rest(c) as f32).collect();
            let add = slope.add;
            let images = x[0]
                .chunks_exact(from.size())
                .zip(dy.chunks_exact(to.size()))
                .zip(slope.data.chunks_exact_mut(from.size()));
            threads.each(images, |((x, dy), dx)| norm::affine_back(from, x, to, dy, dx, [&a, &b, &c], add));
        }
        let (weights, factor) = match sink {
            Sink::Sum(sum) => (sum, 1.0),
            Sink::Step(factor) => (weights, factor),
        };
        for (vector, sums) in weights.vectors.iter_mut().zip([&along, &plain]) {
            vector.iter_mut().zip(sums).for_each(|(to, sum)| *to += factor * *sum as f32);
        }
        Ok(())
    }

    fn keeps(&self) -> Keeps {
        Keeps { x: true, y: self.relu }
    }
}

/// Batch normalisation of images by given statistics that could not be folded: an operand each for gain, shift, mean and variance.
#[derive(Debug)]
pub(super) struct GivenNorm {
    pub(super) input: Image,
    pub(super) output: Image,
    pub(super) epsilon: f32,
}

impl PerBatch for GivenNorm {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], threads: &Threads) -> Result<(), EvalError> {
        let (from, to) = (&self.input, &self.output);
        let [x, weight, bias, mean, var] = *x else { return Ok(()) };
        let gain: Vec<f32> = weight.iter().zip(var).map(|(w, v)| w / (v + self.epsilon).sqrt()).collect();
        let shift: Vec<f32> = bias.iter().zip(&gain).zip(mean).map(|((b, g), m)| b - g * m).collect();
        let images = x.chunks_exact(from.size()).zip(y.chunks_exact_mut(to.size()));
        threads.each(images, |(x, y)| norm::affine(from, x, to, y, &gain, &shift, false));
        Ok(())
    }
    fn backward(&self, _: &mut Weights, _: Back, _: Sink, _: &Threads) -> Result<(), EvalError> {
        Err(EvalError::Internal { what: "a normalisation was planned without gradients" })
    }
    fn keeps(&self) -> Keeps {
        Keeps { x: true, y: false }
    }
}
