//! Normalisations and softmax: loops over channels, and over rows of neighbours.

use super::image::Image;
use super::pointwise::exp;
use super::simd::vectorized;

/// Channels that are summed at a time, in registers.
const LANES: usize = 16;

/// For every channel c the sums over the pixels of a row of `f(value of a, value of b, by[c])`, added to `sums`.
#[inline(always)]
fn add_rows<const N: usize>(
    a: &[f32],
    b: &[f32],
    by: &[f32],
    sums: &mut [Vec<f64>; N],
    f: impl Fn(f32, f32, f32) -> [f32; N],
) {
    let channels = by.len();
    for first in (0..channels).step_by(LANES) {
        let width = LANES.min(channels - first);
        let mut beside = [0.0f32; LANES];
        beside[..width].copy_from_slice(&by[first..first + width]);
        let mut lanes = [[0.0f32; LANES]; N];
        let sixteen = |of: &[f32]| {
            <[f32; LANES]>::try_from(of).unwrap_or_else(|_| {
                let mut padded = [0.0f32; LANES];
                padded[..width].copy_from_slice(of);
                padded
            })
        };
        for (a, b) in a.chunks_exact(channels).zip(b.chunks_exact(channels)) {
            let (a, b) = (sixteen(&a[first..first + width]), sixteen(&b[first..first + width]));
            for i in 0..LANES {
                let terms = f(a[i], b[i], beside[i]);
                for n in 0..N {
                    lanes[n][i] += terms[n];
                }
            }
        }
        for (sums, lanes) in sums.iter_mut().zip(&lanes) {
            sums[first..first + width].iter_mut().zip(lanes).for_each(|(sum, &lane)| *sum += f64::from(lane));
        }
    }
}

/// The mean of one image and the sum of the squared distances from it, by channel: two passes.
pub fn moments(image: &Image, x: &[f32], out: &mut [f32]) {
    let channels = image.channels;
    let count = (image.extent[0] * image.extent[1]) as f64;
    let (mean, squares) = out.split_at_mut(channels);
    vectorized(
        #[inline(always)]
        || {
            let mut sums = [vec![0.0f64; channels]];
            image.rows().for_each(|row| add_rows(&x[row.clone()], &x[row], mean, &mut sums, |x, _, _| [x]));
            mean.iter_mut().zip(&sums[0]).for_each(|(mean, sum)| *mean = (sum / count) as f32);
            let exact = std::mem::replace(&mut sums[0], vec![0.0; channels]);
            let square = |x: f32, _: f32, mean: f32| [(x - mean) * (x - mean)];
            image.rows().for_each(|row| add_rows(&x[row.clone()], &x[row], mean, &mut sums, square));
            // Squares about the rounded mean are too large by n·(mean − rounded)².
            for (c, squares) in squares.iter_mut().enumerate() {
                let apart = exact[c] / count - f64::from(mean[c]);
                *squares = (sums[0][c] - apart * apart * count).max(0.0) as f32;
            }
        },
    );
}

/// The tangents of [`moments`] along `dx`: the mean of dx, and twice the sum of the products of both distances from their means.
pub fn moments_along(image: &Image, x: &[f32], dx: &[f32], out: &mut [f32]) {
    let channels = image.channels;
    let mut of_x = vec![0.0; 2 * channels];
    moments(image, x, &mut of_x);
    moments(image, dx, out);
    let (mean, (moved, squares)) = (&of_x[..channels], out.split_at_mut(channels));
    let mut sums = [vec![0.0f64; channels]];
    for row in image.rows() {
        let pixels = dx[row.clone()].chunks_exact(channels);
        let apart: Vec<f32> = pixels.flat_map(|dx| dx.iter().zip(&*moved).map(|(dx, mean)| dx - mean)).collect();
        add_rows(&x[row], &apart, mean, &mut sums, |x, dx, mean| [(x - mean) * dx]);
    }
    squares.iter_mut().zip(&sums[0]).for_each(|(to, sum)| *to = (2.0 * sum) as f32);
}

/// Mean and 1/√(variance + epsilon), by channel, of images of `count` pixels from their [`moments`] (Chan, Golub and LeVeque 1979).
pub fn joined(moments: &[f32], channels: usize, count: usize, epsilon: f32) -> (Vec<f64>, Vec<f64>) {
    let images = moments.len() / (2 * channels);
    let (mut mean, mut squares) = (vec![0.0f64; channels], vec![0.0f64; channels]);
    for of in moments.chunks_exact(2 * channels) {
        mean.iter_mut().zip(of).for_each(|(sum, &m)| *sum += f64::from(m) / images as f64);
    }
    for of in moments.chunks_exact(2 * channels) {
        for (c, squares) in squares.iter_mut().enumerate() {
            let apart = f64::from(of[c]) - mean[c];
            *squares += f64::from(of[channels + c]) + apart * apart * count as f64;
        }
    }
    let whole = (images * count) as f64;
    let roots = squares.iter().map(|squares| 1.0 / (squares / whole + f64::from(epsilon)).sqrt()).collect();
    (mean, roots)
}

/// `y = (x − mean) · gain + bias`, by channel, then perhaps relu. The mean is taken off first: what is left of values near it is exact.
pub fn affine(from: &Image, x: &[f32], to: &Image, y: &mut [f32], [mean, gain, bias]: [&[f32]; 3], relu: bool) {
    let channels = from.channels;
    let least = if relu { 0.0 } else { f32::NEG_INFINITY };
    vectorized(
        #[inline(always)]
        || {
            for (a, b) in from.rows().zip(to.rows()) {
                for (x, y) in x[a].chunks_exact(channels).zip(y[b].chunks_exact_mut(channels)) {
                    for (((x, y), mean), (gain, bias)) in x.iter().zip(y).zip(mean).zip(gain.iter().zip(bias)) {
                        let value = (x - mean) * gain + bias;
                        *y = if value < least { least } else { value };
                    }
                }
            }
        },
    );
    to.clear_halo(y);
}

/// Σ dy and Σ dy·(x − mean) over one image, by channel; and `dy · gain`, stored in or added to `dx`, where it is wanted.
pub fn affine_back(
    [from, to]: [&Image; 2],
    x: &[f32],
    dy: &[f32],
    [mean, gain]: [&[f32]; 2],
    dx: Option<(&mut [f32], bool)>,
) -> [Vec<f64>; 2] {
    let channels = from.channels;
    let mut sums = [vec![0.0f64; channels], vec![0.0f64; channels]];
    vectorized(
        #[inline(always)]
        || {
            for (a, b) in from.rows().zip(to.rows()) {
                add_rows(&x[a], &dy[b], mean, &mut sums, |x, dy, mean| [dy, dy * (x - mean)]);
            }
            let Some((dx, add)) = dx else { return };
            let keep = if add { 1.0 } else { 0.0 };
            for (a, b) in from.rows().zip(to.rows()) {
                for (dx, dy) in dx[a].chunks_exact_mut(channels).zip(dy[b].chunks_exact(channels)) {
                    dx.iter_mut()
                        .zip(dy)
                        .zip(gain)
                        .for_each(|((dx, dy), gain)| *dx = if add { keep * *dx } else { 0.0 } + dy * gain);
                }
            }
        },
    );
    sums
}

/// Adds `x · gain` to `y`, by channel.
pub fn add_scaled_channels([from, to]: [&Image; 2], x: &[f32], gain: &[f32], y: &mut [f32]) {
    let channels = from.channels;
    vectorized(
        #[inline(always)]
        || {
            for (a, b) in from.rows().zip(to.rows()) {
                for (x, y) in x[a].chunks_exact(channels).zip(y[b].chunks_exact_mut(channels)) {
                    x.iter().zip(y).zip(gain).for_each(|((x, y), gain)| *y += x * gain);
                }
            }
        },
    );
}

/// Adds `a + b · x` to `dx`, by channel.
pub fn add_affine(image: &Image, x: &[f32], dx: &mut [f32], a: &[f32], b: &[f32]) {
    let channels = image.channels;
    vectorized(
        #[inline(always)]
        || {
            for row in image.rows() {
                for (x, dx) in x[row.clone()].chunks_exact(channels).zip(dx[row].chunks_exact_mut(channels)) {
                    for ((x, dx), (a, b)) in x.iter().zip(dx).zip(a.iter().zip(b)) {
                        *dx += a + b * x;
                    }
                }
            }
        },
    );
}

/// Sixteen partial sums of `f`, folded.
#[inline(always)]
fn total(x: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (chunks, rest) = x.as_chunks::<16>();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &x)| *lane += f(x));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, &x)| *lane += f(x));
    lanes.iter().sum()
}

/// The greatest value of a row.
#[inline(always)]
fn greatest(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (chunks, rest) = x.as_chunks::<16>();
    let larger = |(lane, &x): (&mut f32, &f32)| *lane = if x > *lane || x.is_nan() { x } else { *lane };
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(larger);
    }
    lanes.iter_mut().zip(rest).for_each(larger);
    lanes.iter().copied().fold(f32::NEG_INFINITY, |a, b| if b > a || b.is_nan() { b } else { a })
}

/// Softmax of every row of `width`; its logarithm where `logarithm`.
pub fn softmax(x: &[f32], y: &mut [f32], width: usize, logarithm: bool) {
    vectorized(
        #[inline(always)]
        || {
            for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
                let most = greatest(x);
                x.iter().zip(&mut *y).for_each(|(x, y)| *y = exp(x - most));
                let sum = total(y, |e| e);
                if logarithm {
                    let log = sum.ln();
                    x.iter().zip(y).for_each(|(x, y)| *y = (x - most) - log);
                } else {
                    y.iter_mut().for_each(|y| *y /= sum);
                }
            }
        },
    );
}

/// The cotangent of [`softmax`], added.
pub fn softmax_back(y: &[f32], dy: &[f32], dx: &mut [f32], width: usize, logarithm: bool) {
    vectorized(
        #[inline(always)]
        || {
            let rows = y.chunks_exact(width).zip(dy.chunks_exact(width)).zip(dx.chunks_exact_mut(width));
            for ((y, dy), dx) in rows {
                if logarithm {
                    let sum = total(dy, |dy| dy);
                    dx.iter_mut().zip(dy).zip(y).for_each(|((dx, dy), &y)| *dx += dy - sum * exp(y));
                } else {
                    let sum: f32 = y.iter().zip(dy).map(|(y, dy)| y * dy).sum();
                    dx.iter_mut().zip(dy).zip(y).for_each(|((dx, dy), y)| *dx += y * (dy - sum));
                }
            }
        },
    );
}

/// The tangent of [`softmax`], added: the derivative of softmax is its own transpose, that of its logarithm is not.
pub fn softmax_along(y: &[f32], dx: &[f32], dy: &mut [f32], width: usize, logarithm: bool) {
    if !logarithm {
        return softmax_back(y, dx, dy, width, false);
    }
    vectorized(
        #[inline(always)]
        || {
            for ((y, dx), dy) in y.chunks_exact(width).zip(dx.chunks_exact(width)).zip(dy.chunks_exact_mut(width)) {
                let mean: f32 = y.iter().zip(dx).map(|(&y, dx)| exp(y) * dx).sum();
                dy.iter_mut().zip(dx).for_each(|(dy, dx)| *dy += dx - mean);
            }
        },
    );
}

/// Layer normalisation of every row of `width`.
pub fn layer_norm(x: &[f32], y: &mut [f32], width: usize, epsilon: f32, weight: Option<&[f32]>, bias: Option<&[f32]>) {
    let count = width as f32;
    vectorized(
        #[inline(always)]
        || {
            for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
                let mean = total(x, |x| x) / count;
                let variance = total(x, |x| (x - mean) * (x - mean)) / count;
                let root = 1.0 / (variance + epsilon).sqrt();
                x.iter().zip(&mut *y).for_each(|(x, y)| *y = (x - mean) * root);
                if let Some(weight) = weight {
                    y.iter_mut().zip(weight).for_each(|(y, w)| *y *= w);
                }
                if let Some(bias) = bias {
                    y.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
                }
            }
        },
    );
}
