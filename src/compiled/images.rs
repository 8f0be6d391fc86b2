//! Steps on one image: pools, pointwise functions and changes of layout.

use super::step::{Along, Back, Keeps, PerImage};
use super::weights::Weights;
use crate::ops::fast::image::Image;
use crate::ops::fast::pointwise::{self, Binary, Function, add_scaled, where_positive};
use crate::ops::fast::pool::Pool;
use crate::ops::fast::threads::Threads;

const BOTH: Keeps = Keeps { x: true, y: true };
const NEITHER: Keeps = Keeps { x: false, y: false };

/// A maximum or, with its divisors, a mean over windows.
#[derive(Debug)]
pub(super) struct Pooling {
    pub(super) pool: Pool,
    pub(super) kind: Kind,
}

/// What a window comes to.
#[derive(Debug)]
pub(super) enum Kind {
    Max,
    /// The mean; one divisor for every output pixel, or the number of cells seen.
    Mean(Option<Vec<f32>>),
}

impl PerImage for Pooling {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], _: &Threads) {
        let columns = self.pool.output.extent[1];
        match &self.kind {
            Kind::Max => self.pool.max(x[0], y),
            Kind::Mean(None) => self.pool.mean(x[0], y, |_, _, seen| seen as f32),
            Kind::Mean(Some(divisors)) => self.pool.mean(x[0], y, |row, column, _| divisors[row * columns + column]),
        }
        self.pool.output.clear_halo(y);
    }

    fn backward(&self, _: &Weights, back: Back, _: Option<&mut Weights>) {
        let columns = self.pool.output.extent[1];
        let Some(slope) = &mut back.dx[0] else { return };
        slope.ready();
        match &self.kind {
            Kind::Max => self.pool.max_back(back.x[0], back.y, back.dy, slope.data),
            Kind::Mean(None) => self.pool.mean_back(back.dy, slope.data, |_, _, seen| seen as f32),
            Kind::Mean(Some(divisors)) => {
                self.pool.mean_back(back.dy, slope.data, |row, column, _| divisors[row * columns + column]);
            }
        }
    }

    fn tangent(&self, weights: &Weights, along: Along, dy: &mut [f32], threads: &Threads) {
        let Some(dx) = along.dx[0] else { return };
        match &self.kind {
            Kind::Max => self.pool.max_along(along.x[0], along.y, dx, dy),
            Kind::Mean(_) => self.forward(weights, &[dx], dy, threads),
        }
    }

    fn keeps(&self) -> Keeps {
        if matches!(self.kind, Kind::Max) { BOTH } else { NEITHER }
    }
}

/// Values that one thread takes at a time.
const PART: usize = 1 << 13;

/// A function of one value. In images it works row by row.
#[derive(Debug)]
pub(super) struct Pointwise {
    pub(super) function: Function,
    /// The layouts of the operand and of the result, where they are images.
    pub(super) images: Option<[Image; 2]>,
}

impl Pointwise {
    fn runs(&self, length: usize) -> Vec<[std::ops::Range<usize>; 2]> {
        match &self.images {
            Some([a, b]) => a.rows().zip(b.rows()).map(|(a, b)| [a, b]).collect(),
            None => vec![[0..length, 0..length]],
        }
    }
}

impl PerImage for Pointwise {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], threads: &Threads) {
        let Some([_, output]) = &self.images else {
            let parts = x[0].chunks(PART).zip(y.chunks_mut(PART));
            return threads.each(parts, |(x, y)| pointwise::forward(self.function, x, y));
        };
        for [from, to] in self.runs(y.len()) {
            pointwise::forward(self.function, &x[0][from], &mut y[to]);
        }
        output.clear_halo(y);
    }
    fn backward(&self, _: &Weights, back: Back, _: Option<&mut Weights>) {
        let Some(slope) = &mut back.dx[0] else { return };
        for [from, to] in self.runs(back.dy.len()) {
            let (x, dx) = (&back.x[0][from.clone()], &mut slope.data[from]);
            pointwise::backward(self.function, x, &back.y[to.clone()], &back.dy[to], dx, slope.add);
        }
    }
    fn tangent(&self, _: &Weights, along: Along, dy: &mut [f32], _: &Threads) {
        let Some(dx) = along.dx[0] else { return };
        for [from, to] in self.runs(dy.len()) {
            let (x, y) = (&along.x[0][from.clone()], &along.y[to.clone()]);
            pointwise::backward(self.function, x, y, &dx[from], &mut dy[to], false); // a derivative element by element is its own transpose
        }
    }
    fn keeps(&self) -> Keeps {
        BOTH
    }
}

/// A function of two values, perhaps with relu after it. In images of different halos it works row by row.
#[derive(Debug)]
pub(super) struct Combine {
    pub(super) function: Binary,
    pub(super) relu: bool,
    /// The layouts of the operands and of the result, where they are images.
    pub(super) images: Option<[Image; 3]>,
}

impl Combine {
    /// The runs of the operands and of the result that belong together.
    fn runs(&self, length: usize) -> Vec<[std::ops::Range<usize>; 3]> {
        match &self.images {
            Some([a, b, c]) if a != b || b != c => {
                a.rows().zip(b.rows()).zip(c.rows()).map(|((a, b), c)| [a, b, c]).collect()
            }
            _ => vec![[0..length, 0..length, 0..length]],
        }
    }

    /// Adds the derivative by one of the operands `x` times `from`, in the run `at` of both: element by element, so the same for tangents and for cotangents.
    fn add_partial(&self, by: usize, x: &[&[f32]], at: [std::ops::Range<usize>; 2], from: &[f32], to: &mut [f32]) {
        let [a, b] = at;
        match (self.function, by) {
            (Binary::Add, _) | (Binary::Sub, 0) => add_scaled(1.0, from, to),
            (Binary::Sub, _) => add_scaled(-1.0, from, to),
            (Binary::Mul, 0) => from.iter().zip(&x[1][b]).zip(to).for_each(|((from, w), to)| *to += from * w),
            (Binary::Mul, _) => from.iter().zip(&x[0][a]).zip(to).for_each(|((from, v), to)| *to += from * v),
            (Binary::Div, 0) => from.iter().zip(&x[1][b]).zip(to).for_each(|((from, w), to)| *to += from / w),
            (Binary::Div, _) => {
                let pairs = x[0][a].iter().zip(&x[1][b]);
                from.iter().zip(pairs).zip(to).for_each(|((from, (v, w)), to)| *to -= (from / w) * (v / w));
            }
        }
    }
}

impl PerImage for Combine {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], threads: &Threads) {
        let of = |a: &[f32], b: &[f32], to: &mut [f32]| {
            pointwise::binary(self.function, a, b, to);
            if self.relu {
                pointwise::in_place(Function::Relu, to);
            }
        };
        let Some([.., output]) = &self.images else {
            let parts = x[0].chunks(PART).zip(x[1].chunks(PART)).zip(y.chunks_mut(PART));
            return threads.each(parts, |((a, b), to)| of(a, b, to));
        };
        for [a, b, c] in self.runs(y.len()) {
            of(&x[0][a], &x[1][b], &mut y[c]);
        }
        output.clear_halo(y);
    }

    fn backward(&self, _: &Weights, back: Back, _: Option<&mut Weights>) {
        let Back { x, y, dy, dx } = back;
        if self.relu {
            where_positive(y, dy);
        }
        for slope in dx.iter_mut().flatten() {
            slope.ready();
        }
        for [a, b, c] in self.runs(dy.len()) {
            for (by, slope) in dx.iter_mut().enumerate() {
                let Some(slope) = slope else { continue };
                let to = &mut slope.data[[&a, &b][by].clone()];
                self.add_partial(by, x, [a.clone(), b.clone()], &dy[c.clone()], to);
            }
        }
    }

    fn tangent(&self, _: &Weights, along: Along, dy: &mut [f32], _: &Threads) {
        for [a, b, c] in self.runs(dy.len()) {
            for (by, dx) in along.dx.iter().enumerate() {
                let Some(dx) = dx else { continue };
                let from = &dx[[&a, &b][by].clone()];
                self.add_partial(by, along.x, [a.clone(), b.clone()], from, &mut dy[c.clone()]);
            }
        }
        if self.relu {
            where_positive(along.y, dy);
        }
        if let Some([.., output]) = &self.images {
            output.clear_halo(dy);
        }
    }

    fn keeps(&self) -> Keeps {
        Keeps { x: matches!(self.function, Binary::Mul | Binary::Div), y: self.relu }
    }
}

/// From channels first to an image, or back.
#[derive(Debug)]
pub(super) struct Arrange {
    pub(super) image: Image,
    /// Whether the result is the image.
    pub(super) store: bool,
}

impl PerImage for Arrange {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], _: &Threads) {
        if self.store { self.image.store(x[0], y) } else { self.image.load(x[0], y) }
    }
    fn backward(&self, _: &Weights, back: Back, _: Option<&mut Weights>) {
        let Some(slope) = &mut back.dx[0] else { return };
        let mut turned = vec![0.0; slope.data.len()];
        if self.store {
            self.image.load(back.dy, &mut turned)
        } else {
            self.image.store(back.dy, &mut turned)
        }
        if slope.add { add_scaled(1.0, &turned, slope.data) } else { slope.data.copy_from_slice(&turned) }
    }
    fn tangent(&self, weights: &Weights, along: Along, dy: &mut [f32], threads: &Threads) {
        along.dx[0].into_iter().for_each(|dx| self.forward(weights, &[dx], dy, threads));
    }
    fn keeps(&self) -> Keeps {
        NEITHER
    }
}

/// A copy, for an operand that is given twice.
#[derive(Debug)]
pub(super) struct Copied;

impl PerImage for Copied {
    fn forward(&self, _: &Weights, x: &[&[f32]], y: &mut [f32], _: &Threads) {
        y.copy_from_slice(x[0]);
    }
    fn backward(&self, _: &Weights, back: Back, _: Option<&mut Weights>) {
        let Some(slope) = &mut back.dx[0] else { return };
        slope.ready();
        add_scaled(1.0, back.dy, slope.data);
    }
    fn tangent(&self, _: &Weights, along: Along, dy: &mut [f32], _: &Threads) {
        along.dx[0].into_iter().for_each(|dx| dy.copy_from_slice(dx));
    }
    fn keeps(&self) -> Keeps {
        NEITHER
    }
}
