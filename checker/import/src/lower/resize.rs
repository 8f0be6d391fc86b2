//! `Resize` and `Upsample`: nearest and linear interpolation of the spatial axes.

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
    let (coordinates, mode) = if call.opset < 11 {
        // Both operators took the cell at or below i/s, and interpolated there.
        (
            Coordinates::Asymmetric,
            if interpolation == "nearest" { Interpolation::NearestFloor } else { linear(&interpolation)? },
        )
    } else {
        let nearest = call.string("nearest_mode", "round_prefer_floor")?;
        (coordinates(call)?, if interpolation == "nearest" { nearest_mode(&nearest)? } else { linear(&interpolation)? })
    };
    let mut axes: Vec<usize> = (0..from.len()).collect();
    if call.opset >= 11 {
        call.ignore("cubic_coeff_a"); // bears only on cubic interpolation
        call.only("exclude_outside", 0)?;
        call.ignore("extrapolation_value"); // bears only on tf_crop_and_resize
    }
    if call.opset >= 18 {
        call.only("antialias", 0)?;
        if let Some(list) = call.ints("axes")? {
            axes = list.iter().map(|&a| axis(a, from.len())).collect::<Result<_, _>>()?;
        }
        let policy = call.string("keep_aspect_ratio_policy", "stretch")?;
        if policy != "stretch" && sizes.is_some() {
            return Err(unsupported("keep_aspect_ratio_policy", &policy));
        }
    }
    let (size, scale) = extents(&from, &axes, scales, sizes)?;
    let exact = |((&n, &to), scale): ((&usize, &usize), &Exact)| {
        scale.rational() * whole(n).rational() == *whole(to).rational()
    };
    if coordinates == Coordinates::AlignCorners && !from.iter().zip(&size).zip(&scale).all(exact) {
        // The corner that is met is that of the rounded extent in one reading of the format, of the unrounded one in another.
        return Err(fault!(UnsupportedAttribute, "align_corners with a scale that does not give a whole extent"));
    }
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
        coordinates,
        size: size.into_iter().skip(2).collect(),
        scale: scale.into_iter().skip(2).collect(),
    };
    Ok(vec![builder.apply(Op::Upsample(upsample), &[&x])?])
}

/// An extent as an exact number.
fn whole(n: usize) -> Exact {
    Exact::integer(i64::try_from(n).unwrap_or(i64::MAX)) // below 2^31
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

fn linear(mode: &str) -> Result<Interpolation, ImportError> {
    if mode == "linear" { Ok(Interpolation::Linear) } else { Err(unsupported("mode", mode)) }
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

fn coordinates(call: &mut Call) -> Result<Coordinates, ImportError> {
    let name = "coordinate_transformation_mode";
    Ok(match call.string(name, "half_pixel")?.as_str() {
        "half_pixel" => Coordinates::HalfPixel,
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        other => return Err(unsupported(name, other)),
    })
}

/// The output extent ⌊extent · scale⌋ and the scale of every axis; sizes give the scale size / extent.
fn extents(
    from: &[usize],
    axes: &[usize],
    scales: Option<Vec<u32>>,
    sizes: Option<Vec<i64>>,
) -> Result<(Vec<usize>, Vec<Exact>), ImportError> {
    let (mut size, mut scale) = (from.to_vec(), vec![Exact::integer(1); from.len()]);
    let length = scales.as_ref().map(Vec::len).or(sizes.as_ref().map(Vec::len));
    if length != Some(axes.len()) || (scales.is_some() && sizes.is_some()) {
        return Err(fault!(Shapes, "either scales or sizes, one for each of {} axes, are needed", axes.len()));
    }
    for (i, &axis) in axes.iter().enumerate() {
        let n = from.get(axis).copied().unwrap_or(1);
        let wide = i64::try_from(n).unwrap_or(i64::MAX); // below 2^31
        let (to, factor) = if let Some(&word) = scales.as_ref().and_then(|scales| scales.get(i)) {
            let factor = exact(word)?;
            let to = (factor.rational().numer() * wide) / factor.rational().denom(); // both positive, or refused below
            (i64::try_from(to).unwrap_or(0), factor)
        } else {
            let to = sizes.as_ref().and_then(|sizes| sizes.get(i)).copied().unwrap_or(0);
            (to, Exact::fraction(to, wide).ok_or_else(|| fault!(Shapes, "an axis of extent zero"))?)
        };
        let to = usize::try_from(to).ok().filter(|&to| to > 0 && !factor.is_negative());
        let to = to.ok_or_else(|| fault!(Shapes, "axis {axis} of {from:?} scaled by {factor}"))?;
        size[axis] = to; // axis is below the rank, the length of both
        scale[axis] = factor;
    }
    Ok((size, scale))
}
