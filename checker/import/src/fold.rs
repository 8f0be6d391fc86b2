//! Arithmetic of constant integers: the sub-graph that computes shapes, axes and indices is done here, exactly, and leaves no node.
//!
//! Every result is checked against the range of its type; what would wrap, divide by zero or round is an error, not a value.

use crate::array::{Array, Dtype, Elements, MAX_FOLDED, count, folded, strides};
use crate::error::{ImportError, fault};

/// The dimensions that `a` and `b` broadcast to (numpy alignment).
pub(crate) fn broadcast_dimensions(a: &[usize], b: &[usize]) -> Result<Vec<usize>, ImportError> {
    let rank = a.len().max(b.len());
    let at = |dims: &[usize], axis: usize| {
        (axis + dims.len()).checked_sub(rank).and_then(|i| dims.get(i).copied()).unwrap_or(1)
    };
    let join = |axis| match (at(a, axis), at(b, axis)) {
        (1, n) | (n, 1) => Ok(n),
        (m, n) if m == n => Ok(n),
        _ => Err(fault!(Shapes, "{a:?} and {b:?} do not broadcast")),
    };
    (0..rank).map(join).collect()
}

/// The array repeated to `dimensions`.
pub(crate) fn broadcast(array: &Array, dimensions: &[usize]) -> Result<Array, ImportError> {
    if broadcast_dimensions(array.dimensions(), dimensions)? != dimensions {
        return Err(fault!(Shapes, "{:?} does not repeat to {dimensions:?}", array.dimensions()));
    }
    let mut steps = vec![0isize; dimensions.len() - array.rank()];
    for (&step, &dimension) in strides(array.dimensions()).iter().zip(array.dimensions()) {
        steps.push(if dimension == 1 { 0 } else { isize::try_from(step).unwrap_or(0) }); // below 2^31
    }
    array.view(dimensions.to_vec(), &steps, 0)
}

fn integers(array: &Array) -> Result<&[i64], ImportError> {
    array.as_integers().ok_or_else(|| fault!(Dtype, "{} beside integers", array.dtype().name()))
}

fn in_range(dtype: Dtype, value: Option<i64>) -> Result<i64, ImportError> {
    let (lo, hi) = dtype.range().unwrap_or_default();
    value
        .filter(|value| (lo..=hi).contains(value))
        .ok_or_else(|| fault!(Inexact, "a result is outside {}", dtype.name()))
}

/// The elementwise function `op` of two integer arrays.
pub(crate) fn binary(op: &str, x: &Array, y: &Array) -> Result<Array, ImportError> {
    if x.dtype() != y.dtype() {
        return Err(fault!(Dtype, "{op} of {} and {}", x.dtype().name(), y.dtype().name()));
    }
    let dimensions = broadcast_dimensions(x.dimensions(), y.dimensions())?;
    let (x, y) = (broadcast(x, &dimensions)?, broadcast(y, &dimensions)?);
    let truth = |value: bool| Some(i64::from(value));
    let (dtype, f): (Dtype, &dyn Fn(i64, i64) -> Option<i64>) = match op {
        "Add" | "Sum" => (x.dtype(), &i64::checked_add),
        "Sub" => (x.dtype(), &i64::checked_sub),
        "Mul" => (x.dtype(), &i64::checked_mul),
        "Div" => (x.dtype(), &i64::checked_div),
        "Mod" => (x.dtype(), &floor_mod),
        "Min" => (x.dtype(), &|a, b| Some(a.min(b))),
        "Max" => (x.dtype(), &|a, b| Some(a.max(b))),
        "And" => (Dtype::Bool, &|a, b| Some(a & b)),
        "Or" => (Dtype::Bool, &|a, b| Some(a | b)),
        "Xor" => (Dtype::Bool, &|a, b| Some(a ^ b)),
        "Equal" => (Dtype::Bool, &|a, b| truth(a == b)),
        "Less" => (Dtype::Bool, &|a, b| truth(a < b)),
        "LessOrEqual" => (Dtype::Bool, &|a, b| truth(a <= b)),
        "Greater" => (Dtype::Bool, &|a, b| truth(a > b)),
        "GreaterOrEqual" => (Dtype::Bool, &|a, b| truth(a >= b)),
        _ => return Err(fault!(UnsupportedOp, "{op} of integers")),
    };
    let logical = matches!(op, "And" | "Or" | "Xor");
    if logical != (x.dtype() == Dtype::Bool) && op != "Equal" {
        return Err(fault!(Dtype, "{op} of {}", x.dtype().name()));
    }
    let values = integers(&x)?.iter().zip(integers(&y)?).map(|(&a, &b)| in_range(dtype, f(a, b)));
    Array::new(dtype, dimensions, Elements::Integers(values.collect::<Result<_, _>>()?))
}

/// The comparison `op` of two float32 arrays, as IEEE 754 compares: a NaN is equal to nothing, −0 is 0.
pub(crate) fn compare(op: &str, x: &Array, y: &Array) -> Result<Array, ImportError> {
    let f: fn(&f32, &f32) -> bool = match op {
        "Equal" => |a, b| a == b,
        "Less" => |a, b| a < b,
        "LessOrEqual" => |a, b| a <= b,
        "Greater" => |a, b| a > b,
        "GreaterOrEqual" => |a, b| a >= b,
        _ => return Err(fault!(UnsupportedOp, "{op} of float32")),
    };
    let dimensions = broadcast_dimensions(x.dimensions(), y.dimensions())?;
    let (x, y) = (broadcast(x, &dimensions)?, broadcast(y, &dimensions)?);
    let pairs = x.words().unwrap_or_default().iter().zip(y.words().unwrap_or_default());
    let truth = pairs.map(|(&a, &b)| i64::from(f(&f32::from_bits(a), &f32::from_bits(b)))).collect();
    Array::new(Dtype::Bool, dimensions, Elements::Integers(truth))
}

/// The bits of −∞.
const NEGATIVE_INFINITY: u32 = 0xff80_0000;

/// A float32 array with −∞ somewhere, and otherwise numbers, as these numbers with 0 in the other places, and a mask with 0 in those and 1 elsewhere.
pub(crate) fn masked(x: &Array) -> Result<Option<(Array, Array)>, ImportError> {
    let words = x.words().unwrap_or_default();
    let blocked = |word: u32| word == NEGATIVE_INFINITY;
    let number = |word: u32| blocked(word) || f32::from_bits(word).is_finite();
    if !words.iter().any(|&word| blocked(word)) || !words.iter().all(|&word| number(word)) {
        return Ok(None);
    }
    let array = |f: &dyn Fn(u32) -> u32| {
        let words = words.iter().map(|&word| f(word)).collect();
        Array::new(Dtype::Float32, x.dimensions().to_vec(), Elements::Words(words))
    };
    let one = 1f32.to_bits();
    Ok(Some((
        array(&|word| if blocked(word) { 0 } else { word })?,
        array(&|word| if blocked(word) { 0 } else { one })?,
    )))
}

/// The sum of two float32 arrays of which one has −∞ somewhere, when no entry is rounded.
pub(crate) fn masked_sum(x: &Array, y: &Array) -> Result<Option<Array>, ImportError> {
    if masked(x)?.is_none() && masked(y)?.is_none() {
        return Ok(None);
    }
    let dimensions = broadcast_dimensions(x.dimensions(), y.dimensions())?;
    let (x, y) = (broadcast(x, &dimensions)?, broadcast(y, &dimensions)?);
    let sum = |(&a, &b): (&u32, &u32)| {
        let (a, b) = (f32::from_bits(a), f32::from_bits(b));
        let exact = a == f32::NEG_INFINITY && b < f32::INFINITY || b == f32::NEG_INFINITY && a < f32::INFINITY;
        (exact || a == 0.0 || b == 0.0).then(|| (a + b).to_bits())
    };
    let pairs = x.words().unwrap_or_default().iter().zip(y.words().unwrap_or_default());
    let words: Option<Vec<u32>> = pairs.map(sum).collect();
    words.map(|words| Array::new(Dtype::Float32, dimensions, Elements::Words(words))).transpose()
}

/// The remainder with the sign of the divisor (the `Mod` of ONNX with `fmod = 0`).
fn floor_mod(a: i64, b: i64) -> Option<i64> {
    let remainder = a.checked_rem(b)?;
    if remainder != 0 && (remainder < 0) != (b < 0) { remainder.checked_add(b) } else { Some(remainder) }
}

/// The elementwise function `op` of one integer array.
pub(crate) fn unary(op: &str, x: &Array) -> Result<Array, ImportError> {
    let f: &dyn Fn(i64) -> Option<i64> = match op {
        "Neg" => &i64::checked_neg,
        "Abs" => &i64::checked_abs,
        "Not" if x.dtype() == Dtype::Bool => &|a| Some(1 - a),
        _ => return Err(fault!(UnsupportedOp, "{op} of {}", x.dtype().name())),
    };
    let values = integers(x)?.iter().map(|&a| in_range(x.dtype(), f(a)));
    Array::new(x.dtype(), x.dimensions().to_vec(), Elements::Integers(values.collect::<Result<_, _>>()?))
}

/// The reduction `op` of an integer array along all axes in `axes`, which become 1.
pub(crate) fn reduce(op: &str, x: &Array, axes: &[usize]) -> Result<Array, ImportError> {
    let combine = match op {
        "ReduceSum" => i64::checked_add,
        "ReduceProd" => i64::checked_mul,
        "ReduceMax" => |a: i64, b: i64| Some(a.max(b)),
        "ReduceMin" => |a: i64, b: i64| Some(a.min(b)),
        _ => return Err(fault!(UnsupportedOp, "{op} of integers")),
    };
    let step = |sum: i64, value: i64| in_range(x.dtype(), combine(sum, value));
    let (dimensions, values) = along(op, x.dimensions(), integers(x)?, axes, step)?;
    Array::new(x.dtype(), dimensions, Elements::Integers(values))
}

/// The greatest or least float32 along all axes in `axes`, which become 1: one of the elements, as −0 is below 0. Nothing where there is a NaN.
pub(crate) fn extremum(op: &str, x: &Array, axes: &[usize]) -> Result<Option<Array>, ImportError> {
    let words = x.words().unwrap_or_default();
    if words.iter().any(|&word| f32::from_bits(word).is_nan()) {
        return Ok(None);
    }
    let below = |a: u32, b: u32| f32::from_bits(a).total_cmp(&f32::from_bits(b)).is_lt();
    let step = |a: u32, b: u32| Ok(if below(a, b) == (op == "ReduceMax") { b } else { a });
    let (dimensions, words) = along(op, x.dimensions(), words, axes, step)?;
    Array::new(x.dtype(), dimensions, Elements::Words(words)).map(Some)
}

/// The elements combined along all axes in `axes`, which become 1, in row-major order.
fn along<T: Copy>(
    op: &str,
    from: &[usize],
    elements: &[T],
    axes: &[usize],
    step: impl Fn(T, T) -> Result<T, ImportError>,
) -> Result<(Vec<usize>, Vec<T>), ImportError> {
    let mut dimensions = from.to_vec();
    for &axis in axes {
        if let Some(dimension) = dimensions.get_mut(axis) {
            *dimension = 1;
        }
    }
    let (outer, to) = (strides(from), strides(&dimensions));
    let mut result: Vec<Option<T>> = vec![None; count(&dimensions)?];
    for (position, &value) in elements.iter().enumerate() {
        let index = |axis: usize| position / outer[axis] % from[axis]; // axis < rank; no dimension is zero here
        let at: usize = (0..from.len()).filter(|axis| !axes.contains(axis)).map(|axis| index(axis) * to[axis]).sum();
        if let Some(place) = result.get_mut(at) {
            *place = Some(match *place {
                None => value,
                Some(sum) => step(sum, value)?,
            });
        }
    }
    let values: Option<Vec<T>> = result.into_iter().collect();
    Ok((dimensions, values.ok_or_else(|| fault!(Inexact, "{op} of nothing"))?))
}

/// The integers `start, start + delta, …` before `limit`.
pub(crate) fn range(start: i64, limit: i64, delta: i64) -> Result<Vec<i64>, ImportError> {
    let span = if delta > 0 { i128::from(limit) - i128::from(start) } else { i128::from(start) - i128::from(limit) };
    let step = i128::from(delta).abs();
    if step == 0 {
        return Err(fault!(Inexact, "a range with a step of zero"));
    }
    let number = if span > 0 { (span - 1) / step + 1 } else { 0 };
    let number = usize::try_from(number).unwrap_or(usize::MAX);
    folded(&[number])?;
    (0..number).map(|i| Ok(start + delta * i64::try_from(i).unwrap_or(0))).collect() // between start and limit
}

/// The binary32 words of `start, start + delta, …` before `limit`, when each of them is a binary32 number.
pub(crate) fn float_range(start: u32, limit: u32, delta: u32) -> Result<Vec<u32>, ImportError> {
    let [start, limit, delta] = [start, limit, delta].map(|word| f64::from(f32::from_bits(word)));
    let mut words = Vec::new();
    for i in 0..=MAX_FOLDED {
        let offset = i as f64 * delta; // exact: 26 bits times 24
        let value = start + offset;
        if delta == 0.0 || value - start != offset || value - offset != start || f64::from(value as f32) != value {
            return Err(fault!(Inexact, "the range from {start} to {limit} by {delta}"));
        } else if (limit - value) * delta.signum() <= 0.0 {
            return Ok(words);
        }
        words.push((value as f32).to_bits());
    }
    Err(fault!(LimitElements, "a range of more than {MAX_FOLDED} elements"))
}

/// The array with elements of the type `to`, every one of the same value; to bool, whether it is not zero.
pub(crate) fn cast(x: &Array, to: Dtype) -> Result<Array, ImportError> {
    let inexact = |value: String| fault!(Inexact, "{value} of {} is not a {}", x.dtype().name(), to.name());
    if x.dtype() == to {
        return Ok(x.clone());
    }
    let elements = match (x.elements(), to) {
        (Elements::Integers(values), Dtype::Float32) => {
            let word = |&value: &i64| {
                let float = value as f32; // rounds; compared with the integer in the next line
                if float as i128 == i128::from(value) { Ok(float.to_bits()) } else { Err(inexact(value.to_string())) }
            };
            Elements::Words(values.iter().map(word).collect::<Result<_, _>>()?)
        }
        (Elements::Words(words), Dtype::Float32) => Elements::Words(words.clone()),
        (Elements::Wide(words), Dtype::Float32) => {
            let narrow = |&word: &u64| {
                let (wide, float) = (f64::from_bits(word), f64::from_bits(word) as f32); // rounds; compared in the next line
                if f64::from(float).to_bits() == word { Ok(float.to_bits()) } else { Err(inexact(wide.to_string())) }
            };
            Elements::Words(words.iter().map(narrow).collect::<Result<_, _>>()?)
        }
        (elements, to) if to.range().is_some() => {
            let value = |i: usize| -> Result<i64, ImportError> {
                let float = match elements {
                    Elements::Integers(values) => return Ok(values.get(i).copied().unwrap_or(0)),
                    Elements::Words(words) => f64::from(f32::from_bits(words.get(i).copied().unwrap_or(0))),
                    Elements::Wide(words) => f64::from_bits(words.get(i).copied().unwrap_or(0)),
                };
                if to == Dtype::Bool {
                    return Ok(i64::from(float != 0.0));
                }
                let integer = float as i64; // truncates and saturates; compared in the next line
                if integer as f64 == float && integer != i64::MAX {
                    Ok(integer)
                } else {
                    Err(inexact(float.to_string()))
                }
            };
            let one = |i| match value(i)? {
                value if to == Dtype::Bool => Ok(i64::from(value != 0)),
                value => in_range(to, Some(value)),
            };
            Elements::Integers((0..count(x.dimensions())?).map(one).collect::<Result<_, _>>()?)
        }
        _ => {
            return Err(fault!(Dtype, "a conversion of {} to {}", x.dtype().name(), to.name()));
        }
    };
    Array::new(to, x.dimensions().to_vec(), elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ints(values: &[i64]) -> Array {
        Array::integers(values.to_vec())
    }

    #[test]
    fn integer_arithmetic_is_checked() {
        for (op, x, y, expected) in [
            ("Add", [7, -7], [2, 2], Some([9, -5])),
            ("Div", [7, -7], [2, 2], Some([3, -3])),
            ("Mod", [7, -7], [3, 3], Some([1, 2])),
            ("Equal", [7, -7], [7, 7], Some([1, 0])),
            ("Div", [7, 1], [0, 1], None),
            ("Mul", [i64::MAX, 1], [2, 1], None),
            ("And", [1, 1], [0, 1], None),
        ] {
            let result = binary(op, &ints(&x), &ints(&y));
            assert_eq!(
                result.as_ref().ok().and_then(Array::as_integers),
                expected.as_ref().map(|e| e.as_slice()),
                "{op}"
            );
        }
    }

    #[test]
    fn floats_are_compared_and_never_rounded() {
        let floats = |values: &[f32]| {
            let words = values.iter().map(|x| x.to_bits()).collect();
            Array::new(Dtype::Float32, vec![values.len()], Elements::Words(words)).unwrap()
        };
        let (x, y) =
            (floats(&[-0.0, f32::NAN, f32::NEG_INFINITY, 1.0]), floats(&[0.0, f32::NAN, f32::NEG_INFINITY, 2.0]));
        for (op, expected) in [("Equal", [1, 0, 1, 0]), ("Less", [0, 0, 0, 1]), ("GreaterOrEqual", [1, 0, 1, 0])] {
            assert_eq!(compare(op, &x, &y).unwrap().as_integers(), Some(expected.as_slice()), "{op}");
        }
        assert_eq!(extremum("ReduceMax", &x, &[0]).unwrap(), None);
        let x = floats(&[-0.0, 0.0, -1.0, f32::NEG_INFINITY]).reshaped(vec![2, 2]).unwrap();
        assert_eq!(extremum("ReduceMax", &x, &[1]).unwrap(), Some(floats(&[0.0, -1.0]).reshaped(vec![2, 1]).unwrap()));
        assert_eq!(
            extremum("ReduceMin", &x, &[0]).unwrap(),
            Some(floats(&[-1.0, f32::NEG_INFINITY]).reshaped(vec![1, 2]).unwrap())
        );
    }

    #[test]
    fn a_cast_keeps_the_value_or_is_refused() {
        assert_eq!(cast(&ints(&[3, -1]), Dtype::Float32).unwrap().words(), Some([0x4040_0000, 0xbf80_0000].as_slice()));
        assert_eq!(cast(&ints(&[(1 << 24) + 1]), Dtype::Float32).unwrap_err().code(), "TL0431");
        assert_eq!(cast(&ints(&[300]), Dtype::Uint8).unwrap_err().code(), "TL0431");
        assert_eq!(cast(&ints(&[300, 0]), Dtype::Bool).unwrap().as_integers(), Some([1, 0].as_slice()));
        let float = Array::new(Dtype::Float32, vec![1], Elements::Words(vec![0x3fc0_0000])).unwrap();
        assert_eq!(cast(&float, Dtype::Int64).unwrap_err().code(), "TL0431");
    }

    #[test]
    fn a_range_stops_before_its_limit() {
        for (start, limit, delta, expected) in
            [(0, 5, 2, vec![0, 2, 4]), (5, 0, -2, vec![5, 3, 1]), (3, 3, 1, vec![]), (3, 0, 1, vec![])]
        {
            assert_eq!(range(start, limit, delta).unwrap(), expected);
        }
        assert!(range(0, 1, 0).is_err() && range(i64::MIN, i64::MAX, 1).is_err());
        for (start, limit, delta, expected) in [
            (1.0f32, 5.0f32, 2.0f32, Some(vec![1.0f32, 3.0])),
            (1.0, -1.0, -0.5, Some(vec![1.0, 0.5, 0.0, -0.5])),
            (1.0, 1.0, 1.0, Some(vec![])),
            (0.0, 1.0, 0.1, None), // 3 · 0.1 has more than 24 bits
            (0.0, 1.0, 0.0, None),
            (0.0, 1.0, f32::NAN, None),
            (0.0, f32::INFINITY, 1.0, None),
        ] {
            let found = float_range(start.to_bits(), limit.to_bits(), delta.to_bits());
            let expected = expected.map(|values| values.into_iter().map(f32::to_bits).collect::<Vec<_>>());
            assert_eq!(found.ok(), expected, "{start} {limit} {delta}");
        }
    }
}
