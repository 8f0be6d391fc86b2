//! Resampling of the spatial axes by nearest cell or linear interpolation (ONNX Resize, PyTorch interpolate).
//!
//! Along an axis of extent n with m = `size`, output position i stands at the input coordinate c (`coordinates`, s = `scale`):
//! half_pixel (i + ½)/s − ½; half_pixel_symmetric the same plus n/2·(1 − m/(n·s)); pytorch_half_pixel the same as half_pixel, 0 when m = 1;
//! align_corners i·(n − 1)/(m − 1), 0 when m = 1; asymmetric i/s. c is clamped to 0 ≤ c ≤ n − 1.
//! Value: nearest modes take the cell ⌊c⌋, ⌈c⌉, ⌈c − ½⌉ (round_prefer_floor) or ⌊c + ½⌋ (round_prefer_ceil); `linear` combines the cells l = ⌊c⌋ and
//! min(l + 1, n − 1) as (1 − t)·x[l] + t·x[l + 1], t = c − l, the last axis first. Coordinates and t are exact rationals.
//! Shapes: x [N, C, spatial..] → y [N, C, size..]. Constraints: upsample_c1 … upsample_c3 (`spec-tests/ops/upsample.md`).

#![expect(clippy::indexing_slicing, reason = "lists have one entry an axis (upsample_c1)")]

use crate::spec::prelude::*;

keywords! {
    /// How the cells around a coordinate make a value.
    pub enum Interpolation {
        /// The linear interpolation of two cells per axis.
        Linear = "linear",
        /// The cell at or below.
        NearestFloor = "nearest_floor",
        /// The cell at or above.
        NearestCeil = "nearest_ceil",
        /// The nearest cell, the lower at a tie.
        NearestRoundPreferFloor = "nearest_round_prefer_floor",
        /// The nearest cell, the upper at a tie.
        NearestRoundPreferCeil = "nearest_round_prefer_ceil",
    }
}

keywords! {
    /// Which input coordinate an output position stands at.
    pub enum Coordinates {
        /// Cells are intervals, and the grids' outer edges coincide.
        HalfPixel = "half_pixel",
        /// The same about the centre of the image.
        HalfPixelSymmetric = "half_pixel_symmetric",
        /// The same, and a single output position stands at 0.
        PytorchHalfPixel = "pytorch_half_pixel",
        /// Cells are points, and the grids' corners coincide.
        AlignCorners = "align_corners",
        /// Cells are points, and the grids begin together.
        Asymmetric = "asymmetric",
    }
}

attributes! {
    /// Resampling; the lists have one entry per spatial axis.
    pub struct Upsample {
        /// How the cells around a coordinate make a value.
        pub mode: Interpolation,
        /// Which input coordinate an output position stands at.
        pub coordinates: Coordinates,
        /// The output extents.
        pub size: Vec<usize>,
        /// Output cells per input cell: numerator and denominator below 2^61. It need not be `size` over the input extent.
        pub scale: Vec<Exact>,
    }
}

/// Numerator and denominator of a positive scale; `None` beyond 2^61.
fn ratio(scale: &Exact) -> Option<(i128, i128)> {
    let small = |n| u64::try_from(n).ok().filter(|&n| (1..1 << 61).contains(&n)).map(i128::from);
    Some((small(scale.rational().numer())?, small(scale.rational().denom())?))
}

impl Upsample {
    /// The clamped coordinate of output position `i` along an axis of extent `n`, as a fraction with a denominator in `1..2^62`.
    /// Nothing overflows: positions are below 2^31, and the scale is below 2^61 over 2^61.
    fn coordinate(&self, axis: usize, i: usize, n: usize) -> Option<(i128, i128)> {
        let wide = |n: usize| i128::try_from(n).ok();
        let (i, n, m) = (wide(i)?, wide(n)?, wide(*self.size.get(axis)?)?);
        let (p, q) = ratio(self.scale.get(axis)?)?;
        let half_pixel = ((2 * i + 1) * q - p, 2 * p);
        let (c, denominator) = match self.coordinates {
            Coordinates::PytorchHalfPixel | Coordinates::AlignCorners if m == 1 => (0, 1),
            Coordinates::HalfPixel | Coordinates::PytorchHalfPixel => half_pixel,
            Coordinates::HalfPixelSymmetric => (half_pixel.0 + n * p - m * q, half_pixel.1),
            Coordinates::AlignCorners => (i * (n - 1), m - 1),
            Coordinates::Asymmetric => (i * q, p),
        };
        Some((c.clamp(0, (n - 1) * denominator), denominator))
    }

    /// The cells that output position `i` combines, one or two, and the weights 1 − t and t of the two.
    fn cells(&self, axis: usize, i: usize, n: usize) -> Option<(Vec<usize>, [Exact; 2])> {
        let (c, d) = self.coordinate(axis, i, n)?;
        let cell = match self.mode {
            Interpolation::Linear | Interpolation::NearestFloor => c / d,
            Interpolation::NearestCeil => (c + d - 1) / d,
            Interpolation::NearestRoundPreferFloor => (2 * c + d - 1) / (2 * d),
            Interpolation::NearestRoundPreferCeil => (2 * c + d) / (2 * d),
        };
        let weight = |part: i128| Exact::fraction(i64::try_from(part).ok()?, i64::try_from(d).ok()?);
        let cell = usize::try_from(cell).ok()?;
        let second = (self.mode == Interpolation::Linear).then_some((cell + 1).min(n - 1));
        Some((std::iter::once(cell).chain(second).collect(), [weight(d - c % d)?, weight(c % d)?]))
    }
}

impl Operation for Upsample {
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        let spatial = x.rank().saturating_sub(2);
        require_spatial(spatial, &[&self.size], "upsample_c1")?;
        require(self.scale.len() == spatial, "upsample_c1", || {
            format!("{} scales for {spatial} spatial axes", self.scale.len())
        })?;
        for scale in &self.scale {
            require(ratio(scale).is_some(), "upsample_c2", || "a scale is not positive, or beyond 2^61".into())?;
        }
        resized(x, &self.size, "upsample_c3")
    }

    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, _: Parents<C>, shape: &Shape) -> Values<C> {
        // Per axis and output position: the cells, and the weights of the two.
        let tap = |axis: usize, i: usize, n: usize| {
            let (cells, [near, far]) = self.cells(axis, i, n).ok_or(WRONG_PARENTS)?;
            Ok((cells, [context.constant(&near)?, context.constant(&far)?]))
        };
        let axes = spatial(x.shape()).iter().zip(spatial(shape)).enumerate();
        let taps = axes.map(|(axis, (&n, &m))| (0..m).map(|i| tap(axis, i, n)).collect::<Result<Vec<_>, EvalError>>());
        let taps = taps.collect::<Result<Vec<_>, _>>()?;
        let list = |axis: usize, i: usize, _| taps[axis][i].0.clone(); // one row an axis, one entry a position
        over_windows(x, shape, list, |index, mut values| {
            if self.mode == Interpolation::Linear {
                for (&i, taps) in index.iter().zip(&taps).rev() {
                    let [near, far] = &taps[i].1;
                    let pair = |pair: &[C::Value]| match pair {
                        [a, b] => context.add(&context.mul(near, a)?, &context.mul(far, b)?),
                        _ => Err(WRONG_PARENTS),
                    };
                    values = values.chunks(2).map(pair).collect::<Result<_, _>>()?;
                }
            }
            values.pop().ok_or(WRONG_PARENTS)
        })
    }

    fn work(&self, _: &Shape, _: &[&Shape], shape: &Shape) -> u64 {
        elements(shape).saturating_mul(1 << self.size.len().min(3))
    }
}

linear!(Upsample);
