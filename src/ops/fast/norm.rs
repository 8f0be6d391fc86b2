//! Normalisations and softmax: loops over channels, and over rows of neighbours.

use super::image::Image;
use super::pointwise::exp;
use super::simd::vectorized;

/// Mean and sum of squared distances from it, by channel, of some pixels (Chan, Golub and LeVeque 1979 for joining two of them).
#[derive(Clone, Debug, Default)]
pub struct Moments {
    count: f64,
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    /// Those of one image: two passes over it.
    pub fn of(image: &Image, x: &[f32]) -> Self {
        let channels = image.channels;
        let (mut sum, mut row_sum) = (vec![0.0f64; channels], vec![0.0f32; channels]);
        let count = (image.extent[0] * image.extent[1]) as f64;
        let mut pass = |term: &dyn Fn(&mut [f32], &[f32])| {
            sum.fill(0.0);
            for row in image.rows() {
                row_sum.fill(0.0);
                term(&mut row_sum, &x[row]);
                sum.iter_mut().zip(&row_sum).for_each(|(sum, &term)| *sum += f64::from(term));
            }
            sum.clone()
        };
        let sums = pass(&|total, row| {
            vectorized(
                #[inline(always)]
                || row.chunks_exact(channels).for_each(|x| total.iter_mut().zip(x).for_each(|(t, x)| *t += x)),
            );
        });
        let mean: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
        let near: Vec<f32> = mean.iter().map(|&mean| mean as f32).collect();
        let mut squares = pass(&|total, row| {
            vectorized(
                #[inline(always)]
                || {
                    for x in row.chunks_exact(channels) {
                        total.iter_mut().zip(x).zip(&near).for_each(|((t, x), m)| *t += (x - m) * (x - m));
                    }
                },
            );
        });
        // Squares about the rounded mean are too large by n·(mean − rounded)².
        let excess = |(mean, near): (&f64, &f32)| (mean - f64::from(*near)) * (mean - f64::from(*near)) * count;
        squares.iter_mut().zip(mean.iter().zip(&near).map(excess)).for_each(|(s, e)| *s = (*s - e).max(0.0));
        Moments { count, mean, squares }
    }

    /// Joins those of other pixels.
    pub fn join(&mut self, other: &Moments) {
        if self.count == 0.0 {
            self.clone_from(other);
            return;
        }
        let total = self.count + other.count;
        for (c, (mean, squares)) in self.mean.iter_mut().zip(&mut self.squares).enumerate() {
            let apart = other.mean[c] - *mean;
            *mean += apart * other.count / total;
            *squares += other.squares[c] + apart * apart * self.count * other.count / total;
        }
        self.count = total;
    }

    /// The mean, and 1/√(variance + epsilon), by channel.
    pub fn statistics(&self, epsilon: f32) -> (Vec<f32>, Vec<f32>) {
        let root = |squares: &f64| (1.0 / (squares / self.count + f64::from(epsilon)).sqrt()) as f32;
        (self.mean.iter().map(|&mean| mean as f32).collect(), self.squares.iter().map(root).collect())
    }
}

/// `y = x · gain + shift`, by channel, then perhaps relu.
pub fn affine(from: &Image, x: &[f32], to: &Image, y: &mut [f32], gain: &[f32], shift: &[f32], relu: bool) {
    let channels = from.channels;
    let least = if relu { 0.0 } else { f32::NEG_INFINITY };
    vectorized(
        #[inline(always)]
        || {
            for (a, b) in from.rows().zip(to.rows()) {
                for (x, y) in x[a].chunks_exact(channels).zip(y[b].chunks_exact_mut(channels)) {
                    for (((x, y), gain), shift) in x.iter().zip(y).zip(gain).zip(shift) {
                        let value = x * gain + shift;
                        *y = if value < least { least } else { value };
                    }
                }
            }
        },
    );
    to.clear_halo(y);
}

/// Adds Σ dy and Σ dy·(x − mean)·root over one image, by channel.
pub fn affine_sums(
    from: &Image,
    x: &[f32],
    to: &Image,
    dy: &[f32],
    mean: &[f32],
    root: &[f32],
    sums: &mut [Vec<f32>; 2],
) {
    let channels = from.channels;
    let [plain, product] = sums;
    vectorized(
        #[inline(always)]
        || {
            for (a, b) in from.rows().zip(to.rows()) {
                for (x, dy) in x[a].chunks_exact(channels).zip(dy[b].chunks_exact(channels)) {
                    let statistics = mean.iter().zip(root);
                    for ((((x, dy), (mean, root)), plain), product) in
                        x.iter().zip(dy).zip(statistics).zip(&mut *plain).zip(&mut *product)
                    {
                        *plain += dy;
                        *product += dy * ((x - mean) * root);
                    }
                }
            }
        },
    );
}

/// `dx = dy · a + x · b + c`, by channel, stored or added.
pub fn affine_back(from: &Image, x: &[f32], to: &Image, dy: &[f32], dx: &mut [f32], [a, b, c]: [&[f32]; 3], add: bool) {
    let (channels, keep) = (from.channels, if add { 1.0 } else { 0.0 });
    vectorized(
        #[inline(always)]
        || {
            for (in_x, in_y) in from.rows().zip(to.rows()) {
                let cells = x[in_x.clone()].chunks_exact(channels).zip(dx[in_x].chunks_exact_mut(channels));
                for ((x, dx), dy) in cells.zip(dy[in_y].chunks_exact(channels)) {
                    let factors = a.iter().zip(b).zip(c);
                    for (((x, dx), dy), ((a, b), c)) in x.iter().zip(dx).zip(dy).zip(factors) {
                        *dx = keep * *dx + (dy * a + x * b + c);
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
