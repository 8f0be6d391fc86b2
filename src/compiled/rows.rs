//! Steps on a whole batch that work on rows, and batch normalisation.

use super::step::{Back, Keeps, PerBatch, PerImage, Sink};
use super::weights::Weights;
use crate::ops::fast::image::Image;
use crate::ops::fast::norm;
use crate::ops::fast::pointwise::where_positive;
use crate::ops::fast::product::{Left, Panels, product};
use crate::ops::fast::threads::Threads;
use crate::ops::fast::tile::{Finish, Start};
use tl_kernel::context::EvalError;

/// Values that one thread takes at a time.
const PART: usize = 1 << 12;

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

/// Mean and squared distances of every image, by channel: the first of three parts of a batch normalisation. It runs where the image is made, and its
/// cotangent, two factors for each channel, is used where the image's own is: neither costs a pass over memory.
#[derive(Debug)]
pub(super) struct Measure(pub(super) Image);

impl PerImage for Measure {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], _: &Threads) {
        norm::moments(&self.0, x[0], y);
    }
    fn backward(&self, _: &Weights, back: Back, _: Option<&mut Weights>) {
        let Some(slope) = &mut back.dx[0] else { return };
        slope.ready();
        let (a, b) = back.dy.split_at(self.0.channels);
        norm::add_affine(&self.0, back.x[0], slope.data, a, b);
    }
    fn keeps(&self) -> Keeps {
        Keeps { x: true, y: false }
    }
}

/// The second part: the statistics of the batch, for every image the same. The cotangent that it passes on are the factors a and b with dx = a + b·x:
/// for mean μ and root r = (σ² + ε)^−½ of n pixels, ∂μ/∂x = 1/n and ∂r/∂x = −r³·(x − μ)/n.
#[derive(Debug)]
pub(super) struct Join {
    pub(super) image: Image,
    pub(super) epsilon: f32,
}

impl PerBatch for Join {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], _: &Threads) -> Result<(), EvalError> {
        let count = self.image.extent[0] * self.image.extent[1];
        let (mean, root) = norm::joined(x[0], self.image.channels, count, self.epsilon);
        for of in y.chunks_exact_mut(2 * self.image.channels) {
            of.iter_mut().zip(mean.iter().chain(&root)).for_each(|(to, &value)| *to = value as f32);
        }
        Ok(())
    }

    fn backward(&self, _: &mut Weights, back: Back, _: Sink, _: &Threads) -> Result<(), EvalError> {
        let Back { y, dy, dx, .. } = back;
        let Some(slope) = &mut dx[0] else { return Ok(()) };
        let channels = self.image.channels;
        let images = dy.len() / (2 * channels);
        let count = (images * self.image.extent[0] * self.image.extent[1]) as f64;
        let mut sum = vec![0.0f64; 2 * channels];
        for of in dy.chunks_exact(2 * channels) {
            sum.iter_mut().zip(of).for_each(|(sum, &term)| *sum += f64::from(term));
        }
        let factors: Vec<(f64, f64)> = (0..channels)
            .map(|c| {
                let (mean, root) = (f64::from(y[c]), f64::from(y[channels + c]));
                let tilt = -sum[channels + c] * root * root * root / count;
                (sum[c] / count - tilt * mean, tilt)
            })
            .collect();
        slope.ready();
        for of in slope.data.chunks_exact_mut(2 * channels) {
            let (a, b) = of.split_at_mut(channels);
            a.iter_mut().zip(&factors).for_each(|(to, factors)| *to += factors.0 as f32);
            b.iter_mut().zip(&factors).for_each(|(to, factors)| *to += factors.1 as f32);
        }
        Ok(())
    }

    fn keeps(&self) -> Keeps {
        Keeps { x: false, y: true }
    }
}

/// The third part: `(x − mean) · root · weight + bias`, perhaps with relu after it, of an image and the statistics.
#[derive(Debug)]
pub(super) struct Apply {
    pub(super) input: Image,
    pub(super) output: Image,
    pub(super) relu: bool,
}

impl Apply {
    /// The gain of every channel.
    fn gain(weights: &Weights, root: &[f32]) -> Vec<f32> {
        weights.vectors[0].iter().zip(root).map(|(w, r)| w * r).collect()
    }
}

impl PerImage for Apply {
    fn forward(&self, weights: &Weights, x: &[&[f32]], y: &mut [f32], _: &Threads) {
        let (mean, root) = x[1].split_at(self.input.channels);
        let factors = [mean, &Apply::gain(weights, root), &weights.vectors[1]];
        norm::affine(&self.input, x[0], &self.output, y, factors, self.relu);
    }

    fn backward(&self, weights: &Weights, back: Back, dw: Option<&mut Weights>) {
        let Back { x, y, dy, dx } = back;
        if self.relu {
            where_positive(y, dy);
        }
        let channels = self.input.channels;
        let (mean, root) = x[1].split_at(channels);
        let gain = Apply::gain(weights, root);
        let [image, statistics] = dx else { return };
        let to = image.as_mut().map(|slope| (&mut *slope.data, slope.add));
        let [plain, along] = norm::affine_back([&self.input, &self.output], x[0], dy, [mean, &gain], to);
        if let Some(dw) = dw {
            let along = along.iter().zip(root).map(|(along, root)| (along * f64::from(*root)) as f32);
            dw.vectors[0].iter_mut().zip(along).for_each(|(to, term)| *to += term);
            dw.vectors[1].iter_mut().zip(&plain).for_each(|(to, term)| *to += *term as f32);
        }
        if let Some(slope) = statistics {
            slope.ready();
            let (to_mean, to_root) = slope.data.split_at_mut(channels);
            to_mean
                .iter_mut()
                .zip(plain.iter().zip(&gain))
                .for_each(|(to, (sum, gain))| *to -= (sum * f64::from(*gain)) as f32);
            to_root
                .iter_mut()
                .zip(along.iter().zip(&weights.vectors[0]))
                .for_each(|(to, (sum, w))| *to += (sum * f64::from(*w)) as f32);
        }
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
        let images = x.chunks_exact(from.size()).zip(y.chunks_exact_mut(to.size()));
        threads.each(images, |(x, y)| norm::affine(from, x, to, y, [mean, &gain, bias], false));
        Ok(())
    }
    fn backward(&self, _: &mut Weights, _: Back, _: Sink, _: &Threads) -> Result<(), EvalError> {
        Err(EvalError::Internal { what: "a normalisation was planned without gradients" })
    }
    fn keeps(&self) -> Keeps {
        Keeps { x: true, y: false }
    }
}
