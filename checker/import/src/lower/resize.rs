//! `Resize` and `Upsample`: nearest and linear interpolation of the spatial axes; the other kinds are written out (`interpolate.rs`).

use super::interpolate::{Axis, Grid, Kernel, along};
use crate::array::Array;
use crate::builder::{Builder, Value};
use crate::call::{Call, axis, exact};
use crate::error::{ImportError, fault};
use tl_kernel::number::Exact;
use tl_kernel::spec::Op;
use tl_kernel::spec::upsample::{Coordinates, Interpolation, Upsample};

fn unsupported(name: &str, value: &str) -> ImportError {
    fault!(UnsupportedAttribute, "attribute {name:?} is {value:?}")
}

/// Either operator in all its versions: scales are an attribute (`Upsample` 7), input 1 (to version 10) or input 2, sizes input 3.
pub(super) fn resize(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    if call.op == "Upsample" && call.opset >= 10 {
        return Err(fault!(UnsupportedOp, "Upsample in operator set {}, it was replaced by Resize in 10", call.opset));
    }
    let x = call.input(0)?;
    let from = builder.dimensions(&x);
    let (scales, sizes) = match (call.op, call.opset) {
        ("Upsample", ..9) => (call.floats("scales")?, None),
        (_, ..11) => (words(call, 1)?, None),
        _ => (words(call, 2)?, call.integers(3)?.filter(|sizes| !sizes.is_empty())),
    };
    let interpolation = call.string("mode", "nearest")?;
    let mut axes: Vec<usize> = (0..from.len()).collect();
    let mut policy = "stretch".to_string();
    // Before version 11 both operators took the cell at or below i/s, and interpolated there.
    let mut nearest = Interpolation::NearestFloor;
    let (mut coordinates, mut special) = (Some(Coordinates::Asymmetric), false);
    let mut kernel = Kernel { cubic: None, antialias: false, exclude_outside: false, extrapolation: 0 };
    if call.opset >= 11 {
        nearest = nearest_mode(&call.string("nearest_mode", "round_prefer_floor")?)?;
        coordinates = self::coordinates(call)?;
        let coefficient = call.exact("cubic_coeff_a", -0.75)?;
        kernel.cubic = (interpolation == "cubic").then_some(coefficient);
        kernel.exclude_outside = call.flag("exclude_outside", false)?;
        kernel.extrapolation = call.float("extrapolation_value")?.unwrap_or(0);
        kernel.antialias = call.opset >= 18 && call.flag("antialias", false)? && interpolation != "nearest";
        special = interpolation == "cubic" || kernel.antialias || coordinates.is_none();
    }
    if call.opset >= 18 {
        if let Some(list) = call.ints("axes")? {
            axes = list.iter().map(|&a| axis(a, from.len())).collect::<Result<_, _>>()?;
        }
        policy = call.string("keep_aspect_ratio_policy", "stretch")?;
    }
    if !["nearest", "linear"].contains(&interpolation.as_str()) && kernel.cubic.is_none() {
        return Err(unsupported("mode", &interpolation));
    } else if (interpolation == "nearest" && special) || (kernel.exclude_outside && kernel.cubic.is_none()) {
        return Err(fault!(
            UnsupportedAttribute,
            "nearest cells of a part, or linear interpolation without the cells outside"
        ));
    }
    let (size, scale) = extents(&from, &axes, scales, sizes, &policy)?;
    let exact = |((&n, &to), scale): ((&usize, &usize), &Exact)| {
        scale.rational() * whole(n).rational() == *whole(to).rational()
    };
    let corners = matches!(coordinates, None | Some(Coordinates::AlignCorners));
    if corners && !from.iter().zip(&size).zip(&scale).all(exact) {
        // The corner that is met is that of the rounded extent in one reading of the format, of the unrounded one in another.
        return Err(fault!(UnsupportedAttribute, "align_corners with a scale that does not give a whole extent"));
    }
    if special {
        let rois = if coordinates.is_none() { words(call, 1)?.unwrap_or_default() } else { Vec::new() };
        let mut y = x;
        for (axis, (&size, scale)) in size.iter().zip(&scale).enumerate() {
            let grid = match (coordinates, axes.iter().position(|&a| a == axis)) {
                (Some(coordinates), _) => Grid::Whole(coordinates),
                (None, None) => Grid::Crop(Exact::integer(0), Exact::integer(1)),
                (None, Some(place)) => {
                    let part = |place: usize| rois.get(place).map(|&word| self::exact(word)).transpose();
                    let ends = (part(place)?, part(place.saturating_add(axes.len()))?);
                    let missing = || fault!(Shapes, "{} entries of roi for {} axes", rois.len(), axes.len());
                    Grid::Crop(ends.0.ok_or_else(missing)?, ends.1.ok_or_else(missing)?)
                }
            };
            let same = from.get(axis) == Some(&size) && *scale == Exact::integer(1);
            let all = match &grid {
                Grid::Whole(_) => true,
                Grid::Crop(start, end) => *start == Exact::integer(0) && *end == Exact::integer(1),
            };
            if !(same && all) {
                y = along(builder, &y, &Axis { axis, size, scale: scale.clone(), grid }, &kernel)?;
            }
        }
        return Ok(vec![y]);
    }
    let mode = if interpolation == "nearest" { nearest } else { Interpolation::Linear };
    let outer = size.iter().zip(&from).zip(&scale).take(2);
    if from.len() < 3 || outer.into_iter().any(|((to, n), scale)| to != n || *scale != Exact::integer(1)) {
        return Err(fault!(
            UnsupportedAttribute,
            "{} of {from:?} to {size:?}; the first two axes have to stay",
            call.op
        ));
    }
    let upsample = Upsample {
        mode,
        coordinates: coordinates.unwrap_or(Coordinates::Asymmetric), // a crop has been dealt with
        size: size.into_iter().skip(2).collect(),
        scale: scale.into_iter().skip(2).collect(),
    };
    Ok(vec![builder.apply(Op::Upsample(upsample), &[&x])?])
}

/// An extent as an exact number.
fn whole(n: usize) -> Exact {
    Exact::integer(size_of(n))
}

fn size_of(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX) // below 2^31
}

/// The float32 words of a constant input, when it is there and not empty.
fn words(call: &Call, position: usize) -> Result<Option<Vec<u32>>, ImportError> {
    let array: Option<Array> = call.constant(position)?;
    match array.as_ref().map(|array| (array.words(), array.dtype())) {
        None | Some((Some([]), _)) => Ok(None),
        Some((Some(words), _)) => Ok(Some(words.to_vec())),
        Some((None, dtype)) => Err(fault!(Dtype, "input {position} of {} is {}", call.op, dtype.name())),
    }
}

fn nearest_mode(mode: &str) -> Result<Interpolation, ImportError> {
    Ok(match mode {
        "round_prefer_floor" => Interpolation::NearestRoundPreferFloor,
        "round_prefer_ceil" => Interpolation::NearestRoundPreferCeil,
        "floor" => Interpolation::NearestFloor,
        "ceil" => Interpolation::NearestCeil,
        other => return Err(unsupported("nearest_mode", other)),
    })
}

/// The coordinates; none for those of a part of the image.
fn coordinates(call: &mut Call) -> Result<Option<Coordinates>, ImportError> {
    let name = "coordinate_transformation_mode";
    Ok(Some(match call.string(name, "half_pixel")?.as_str() {
        "half_pixel" => Coordinates::HalfPixel,
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        "tf_crop_and_resize" => return Ok(None),
        other => return Err(unsupported(name, other)),
    }))
}

/// The output extent ⌊extent · scale⌋ and the scale of every axis; sizes give the scale size / extent, or where the ratio of the extents is to be kept
/// the least or greatest of these scales to all axes, the extents then rounded, a half upwards.
fn extents(
    from: &[usize],
    axes: &[usize],
    scales: Option<Vec<u32>>,
    sizes: Option<Vec<i64>>,
    policy: &str,
) -> Result<(Vec<usize>, Vec<Exact>), ImportError> {
    let (mut size, mut scale) = (from.to_vec(), vec![Exact::integer(1); from.len()]);
    let length = scales.as_ref().map(Vec::len).or(sizes.as_ref().map(Vec::len));
    if length != Some(axes.len()) || (scales.is_some() && sizes.is_some()) {
        return Err(fault!(Shapes, "either scales or sizes, one for each of {} axes, are needed", axes.len()));
    }
    let ratio = |(&axis, &to): (&usize, &i64)| Exact::fraction(to, size_of(from.get(axis).copied().unwrap_or(0)));
    let ratios = axes.iter().zip(sizes.iter().flatten()).map(ratio);
    let ratios: Vec<Exact> = ratios.collect::<Option<_>>().ok_or_else(|| fault!(Shapes, "an axis of extent zero"))?;
    let common = match policy {
        "not_larger" => ratios.iter().min(),
        "not_smaller" => ratios.iter().max(),
        "stretch" => None,
        other => return Err(unsupported("keep_aspect_ratio_policy", other)),
    };
    for (i, &axis) in axes.iter().enumerate() {
        let n = from.get(axis).copied().unwrap_or(1);
        let (to, factor) = if let Some(&word) = scales.as_ref().and_then(|scales| scales.get(i)) {
            let factor = exact(word)?;
            ((factor.rational() * whole(n).rational()).floor(), factor)
        } else if let Some(common) = common {
            let to = common.rational() * whole(n).rational();
            ((to + Exact::integer(1).rational() / Exact::integer(2).rational()).floor(), common.clone())
        } else {
            let factor = ratios.get(i).cloned().unwrap_or(Exact::integer(1));
            (factor.rational() * whole(n).rational(), factor)
        };
        let to = i64::try_from(to.to_integer()).unwrap_or(0);
        let to = usize::try_from(to).ok().filter(|&to| to > 0 && !factor.is_negative());
        let to = to.ok_or_else(|| fault!(Shapes, "axis {axis} of {from:?} scaled by {factor}"))?;
        size[axis] = to; // axis is below the rank, the length of both
        scale[axis] = factor;
    }
    Ok((size, scale))
}
