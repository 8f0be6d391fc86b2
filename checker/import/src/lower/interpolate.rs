//! The interpolations of `Resize` that the kernel has no operation for: cubic, antialiased, or of a part of the image.
//!
//! Along an axis each output position is a sum of cells with exact rational weights, and is written out so: one `slice` a cell, one `scale` a weight, sums,
//! and a `concat` of the positions. With c the coordinate of a position and f the triangle max(0, 1 − |u|) or the cubic kernel (Keys 1981, equation 4) with
//! coefficient a, cell k weighs f(r·(k − c)); r is 1, or min(1, scale) where antialiasing widens the kernel, whose weights are then divided by their sum.
//! A cell outside repeats the edge, or is left out (`exclude_outside`) and the rest divided by its sum.

use crate::array::{Array, Dtype, Elements};
use crate::builder::{Builder, Value};
use crate::call::of_rational;
use crate::error::{ImportError, fault};
use crate::moves::Positions;
use num_rational::BigRational;
use std::collections::BTreeMap;
use tl_kernel::number::Exact;
use tl_kernel::spec::upsample::Coordinates;
use tl_kernel::spec::{self, Op};

/// What weighs the cells.
pub(super) struct Kernel {
    /// The coefficient of the cubic kernel; the triangle where there is none.
    pub(super) cubic: Option<Exact>,
    pub(super) antialias: bool,
    pub(super) exclude_outside: bool,
    /// The word of what stands outside a cropped image.
    pub(super) extrapolation: u32,
}

/// One axis to resample.
pub(super) struct Axis {
    pub(super) axis: usize,
    /// The output extent.
    pub(super) size: usize,
    pub(super) scale: Exact,
    pub(super) grid: Grid,
}

/// Which input coordinate an output position stands at.
pub(super) enum Grid {
    Whole(Coordinates),
    /// From the first to the second part of the way from the first cell to the last.
    Crop(Exact, Exact),
}

/// Largest number of terms along one axis: each becomes a node or two.
const MAX_TERMS: i64 = 1 << 13;

fn too_long() -> ImportError {
    fault!(LimitElements, "an interpolation of more than {MAX_TERMS} terms")
}

fn whole(n: i64) -> BigRational {
    Exact::integer(n).rational().clone()
}

fn size_of(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX) // below 2^31
}

impl Axis {
    /// The coordinate of position `i` along an axis of extent `n`; nothing where a cropped image has none.
    fn coordinate(&self, i: usize, n: usize) -> Option<BigRational> {
        let (i, n, m) = (whole(size_of(i)), whole(size_of(n)), whole(size_of(self.size)));
        let (zero, one, half) = (whole(0), whole(1), whole(1) / whole(2));
        let scale = self.scale.rational();
        let half_pixel = (&i + &half) / scale - &half;
        Some(match &self.grid {
            Grid::Whole(Coordinates::PytorchHalfPixel | Coordinates::AlignCorners) if m == one => zero,
            Grid::Whole(Coordinates::HalfPixel | Coordinates::PytorchHalfPixel) => half_pixel,
            Grid::Whole(Coordinates::HalfPixelSymmetric) => half_pixel + &half * &n * (one - m / (&n * scale)),
            Grid::Whole(Coordinates::AlignCorners) => i * (n - &one) / (m - one),
            Grid::Whole(Coordinates::Asymmetric) => i / scale,
            Grid::Crop(start, end) => {
                let (start, end, last) = (start.rational(), end.rational(), n - &one);
                let way = if m == one { half * (start + end) } else { start + i * (end - start) / (m - one) };
                return Some(way * &last).filter(|c| (&zero..=&last).contains(&c));
            }
        })
    }

    /// The cells of position `i` and their weights, none of which is zero.
    fn weights(
        &self,
        kernel: &Kernel,
        i: usize,
        n: usize,
    ) -> Result<Option<BTreeMap<usize, BigRational>>, ImportError> {
        let Some(c) = self.coordinate(i, n) else {
            return Ok(None);
        };
        let (zero, one) = (whole(0), whole(1));
        let shrink = if kernel.antialias { self.scale.rational().clone().min(one.clone()) } else { one };
        let reach = whole(if kernel.cubic.is_some() { 2 } else { 1 }) / &shrink;
        let end = |c: BigRational| i64::try_from(c.to_integer()).map_err(|_| fault!(LimitElements, "a coordinate {c}"));
        let (first, last) = (end((&c - &reach).floor())?, end((&c + &reach).ceil())?);
        if last - first > MAX_TERMS {
            return Err(too_long());
        }
        let (mut weights, mut total): (BTreeMap<usize, BigRational>, _) = (BTreeMap::new(), whole(0));
        for k in first..=last {
            let weight = kernel.weight((whole(k) - &c) * &shrink);
            let inside = (0..size_of(n)).contains(&k);
            if weight == zero || (kernel.exclude_outside && !inside) {
                continue;
            }
            total += &weight;
            let cell = usize::try_from(k.clamp(0, size_of(n) - 1)).unwrap_or(0);
            *weights.entry(cell).or_insert(whole(0)) += weight;
        }
        if total == zero {
            return Err(fault!(UnsupportedAttribute, "weights of a position that add up to zero"));
        } else if kernel.antialias || kernel.exclude_outside {
            weights.values_mut().for_each(|weight| *weight /= &total);
        }
        weights.retain(|_, weight| *weight != zero);
        Ok(Some(weights))
    }
}

impl Kernel {
    /// The weight of a cell at distance `u`.
    fn weight(&self, u: BigRational) -> BigRational {
        let (zero, one, two) = (whole(0), whole(1), whole(2));
        let u = if u < zero { -u } else { u };
        match self.cubic.as_ref().map(Exact::rational) {
            None => (one - u).max(zero),
            Some(a) if u <= one => ((a + &two) * &u - (a + two + &one)) * &u * &u + one,
            Some(a) if u < two => ((a * &u - a * whole(5)) * &u + a * whole(8)) * &u - a * whole(4),
            Some(_) => zero,
        }
    }
}

/// `x` resampled along one axis.
pub(super) fn along(builder: &mut Builder, x: &Value, axis: &Axis, kernel: &Kernel) -> Result<Value, ImportError> {
    let from = builder.dimensions(x);
    let n = from.get(axis.axis).copied().unwrap_or(1);
    let slab: Vec<usize> = from.iter().enumerate().map(|(i, &d)| if i == axis.axis { 1 } else { d }).collect();
    let (mut cells, mut slabs, mut terms): (BTreeMap<usize, Value>, Vec<Value>, i64) = (BTreeMap::new(), Vec::new(), 0);
    if size_of(axis.size) > MAX_TERMS {
        return Err(too_long());
    }
    for i in 0..axis.size {
        let Some(weights) = axis.weights(kernel, i, n)? else {
            let outside = Array::new(Dtype::Float32, Vec::new(), Elements::Words(vec![kernel.extrapolation]))?;
            slabs.push(builder.broadcast(&Value::constant("outside", outside), &slab)?);
            continue;
        };
        let mut sum: Option<Value> = None;
        for (cell, weight) in weights {
            terms += 1; // at most one beyond the limit
            if terms > MAX_TERMS {
                return Err(too_long());
            }
            if let std::collections::btree_map::Entry::Vacant(vacant) = cells.entry(cell) {
                let at = |(i, &d): (usize, &usize)| {
                    if i == axis.axis { Positions::run(cell, 1) } else { Positions::run(0, d) }
                };
                vacant.insert(builder.slice(x, &from.iter().enumerate().map(at).collect::<Vec<_>>())?);
            }
            let Some(value) = cells.get(&cell) else { continue };
            let factor = of_rational(&weight)?;
            let term = if factor == Exact::integer(1) {
                value.clone()
            } else {
                builder.apply(Op::Scale(spec::scale::Scale { factor }), &[value])?
            };
            sum = Some(match sum {
                None => term,
                Some(sum) => builder.apply(Op::Add(spec::add::Add {}), &[&sum, &term])?,
            });
        }
        slabs.push(sum.ok_or_else(|| fault!(UnsupportedAttribute, "a position without a cell"))?);
    }
    builder.concat(&slabs, axis.axis)
}
