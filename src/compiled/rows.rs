//! Steps on a whole batch that work on rows, and batch normalisation.

use super::step::{Along, Back, Keeps, PerBatch, PerImage, Sink};
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
    fn tangent(&self, _: &Weights, along: Along, dy: &mut [f32], _: &Threads) -> Result<(), EvalError> {
        along.dx[0].into_iter().for_each(|dx| norm::softmax_along(along.y, dx, dy, self.width, self.logarithm));
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
    fn tangent(&self, _: &Weights, _: Along, _: &mut [f32], _: &Threads) -> Result<(), EvalError> {
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

impl Products {
    /// The products of the pairs of `x`, from `start`.
    fn times(&self, x: [&[f32]; 2], start: Start, y: &mut [f32], threads: &Threads) {
        let [m, k, n] = self.sizes;
        let alone = Threads::new(1);
        let parts = x[0].chunks_exact(m * k).zip(x[1].chunks_exact(k * n)).zip(y.chunks_exact_mut(m * n));
        let of = |((a, b), c): ((&[f32], &[f32]), &mut [f32]), threads: &Threads| {
            let mut panels = Panels::zeros(k, n);
            panels.copy(b, n);
            product(threads, Left { data: a, row: k, step: 1 }, m, &panels, c, n, start, Finish::Store);
        };
        if self.count < threads.count() {
            parts.for_each(|part| of(part, threads))
        } else {
            threads.each(parts, |part| of(part, &alone))
        }
    }
}

impl PerBatch for Products {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], threads: &Threads) -> Result<(), EvalError> {
        self.times([x[0], x[1]], Start::Zero, y, threads);
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

    fn tangent(&self, _: &Weights, along: Along, dy: &mut [f32], threads: &Threads) -> Result<(), EvalError> {
        let Along { x, dx, .. } = along;
        dx[0].into_iter().for_each(|dx| self.times([dx, x[1]], Start::Value, dy, threads));
        dx[1].into_iter().for_each(|dx| self.times([x[0], dx], Start::Value, dy, threads));
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
    fn tangent(&self, _: &Weights, along: Along, dy: &mut [f32], _: &Threads) {
        along.dx[0].into_iter().for_each(|dx| norm::moments_along(&self.0, along.x[0], dx, dy));
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

    /// By the rule of [`norm::joined`], with tangents m′ of the means and s′ of the squared distances: μ′ is the mean of the m′, and
    /// (σ²)′ = Σ (s′ + 2·pixels·(m − μ)·(m′ − μ′)) / n.
    fn tangent(&self, _: &Weights, along: Along, dy: &mut [f32], _: &Threads) -> Result<(), EvalError> {
        let (Along { x, y, dx, .. }, channels) = (along, self.image.channels);
        let Some(dx) = dx[0] else { return Ok(()) };
        let pixels = (self.image.extent[0] * self.image.extent[1]) as f64;
        let images = (dx.len() / (2 * channels)) as f64;
        for c in 0..channels {
            let (mean, root) = (f64::from(y[c]), f64::from(y[channels + c]));
            let of =
                |values: &'_ [f32]| values.iter().skip(c).step_by(channels).map(|&v| f64::from(v)).collect::<Vec<_>>();
            let (x, dx) = (of(x[0]), of(dx));
            let moved = dx.iter().step_by(2).sum::<f64>() / images;
            let squares: f64 = x
                .chunks_exact(2)
                .zip(dx.chunks_exact(2))
                .map(|(x, dx)| dx[1] + 2.0 * pixels * (x[0] - mean) * (dx[0] - moved))
                .sum();
            let tilt = -0.5 * root * root * root * squares / (images * pixels);
            for of in dy.chunks_exact_mut(2 * channels) {
                (of[c], of[channels + c]) = (moved as f32, tilt as f32);
            }
        }
        Ok(())
    }

    fn keeps(&self) -> Keeps {
        Keeps { x: true, y: true }
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

    fn tangent(&self, weights: &Weights, along: Along, dy: &mut [f32], _: &Threads) {
        let (Along { x, y, dx, dw }, channels) = (along, self.input.channels);
        let still = vec![0.0; 2 * channels];
        let zeros = Weights { panels: Vec::new(), vectors: vec![still[channels..].to_vec(); 2] };
        let ((mean, root), (to_mean, to_root)) = (x[1].split_at(channels), dx[1].unwrap_or(&still).split_at(channels));
        let (gain, dw) = (Apply::gain(weights, root), dw.unwrap_or(&zeros));
        let both = Apply::gain(weights, to_root).into_iter().zip(Apply::gain(dw, root));
        let tilt: Vec<f32> = both.map(|(a, b)| a + b).collect();
        let shift: Vec<f32> =
            dw.vectors[1].iter().zip(to_mean.iter().zip(&gain)).map(|(db, (m, g))| db - m * g).collect();
        norm::affine(&self.input, x[0], &self.output, dy, [mean, &tilt, &shift], false);
        if let Some(dx) = dx[0] {
            norm::add_scaled_channels([&self.input, &self.output], dx, &gain, dy);
        }
        if self.relu {
            where_positive(y, dy);
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
    fn tangent(&self, _: &Weights, _: Along, _: &mut [f32], _: &Threads) -> Result<(), EvalError> {
        Err(EvalError::Internal { what: "a normalisation was planned without gradients" })
    }
    fn keeps(&self) -> Keeps {
        Keeps { x: true, y: false }
    }
}
