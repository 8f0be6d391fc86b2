//! Arithmetic of constant integers: the sub-graph that computes shapes, axes and indices is done here, exactly, and leaves no node.
//!
//! Every result is checked against the range of its type; what would wrap, divide by zero or round is an error, not a value.

use crate::array::{Array, Dtype, Elements, count, folded, strides};
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
    let mut dimensions = x.dimensions().to_vec();
    for &axis in axes {
        if let Some(dimension) = dimensions.get_mut(axis) {
            *dimension = 1;
        }
    }
    let (from, to) = (strides(x.dimensions()), strides(&dimensions));
    let mut result: Vec<Option<i64>> = vec![None; count(&dimensions)?];
    for (position, &value) in integers(x)?.iter().enumerate() {
        let index = |axis: usize| position / from[axis] % x.dimensions()[axis]; // axis < rank; no dimension is zero here
        let at: usize = (0..x.rank()).filter(|axis| !axes.contains(axis)).map(|axis| index(axis) * to[axis]).sum();
        if let Some(place) = result.get_mut(at) {
            *place = Some(match *place {
                None => value,
                Some(sum) => in_range(x.dtype(), combine(sum, value))?,
            });
        }
    }
    let values: Option<Vec<i64>> = result.into_iter().collect();
    let values = values.ok_or_else(|| fault!(Inexact, "{op} of nothing"))?;
    Array::new(x.dtype(), dimensions, Elements::Integers(values))
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
    }
}
