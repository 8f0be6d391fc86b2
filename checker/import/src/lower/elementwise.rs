//! Operators that apply one function everywhere: float operands are broadcast to one shape, integer constants are folded.

use crate::array::{Array, Dtype, Elements};
use crate::builder::{Builder, Value};
use crate::call::Call;
use crate::error::{ImportError, fault};
use crate::fold;
use tl_kernel::number::Exact;
use tl_kernel::spec::{self, Op};

/// The array of a constant that is not float32.
pub(super) fn other(value: &Value) -> Option<&Array> {
    match value {
        Value::Constant(constant) if constant.array.dtype() != Dtype::Float32 => Some(&constant.array),
        _ => None,
    }
}

/// The result of `op` on two float operands of any shapes that broadcast.
pub(super) fn join(builder: &mut Builder, op: Op, x: &Value, y: &Value) -> Result<Value, ImportError> {
    let dimensions = fold::broadcast_dimensions(&builder.dimensions(x), &builder.dimensions(y))?;
    if dimensions.contains(&0) {
        return nothing(dimensions);
    }
    let (x, y) = (builder.broadcast(x, &dimensions)?, builder.broadcast(y, &dimensions)?);
    builder.apply(op, &[&x, &y])
}

/// The float tensor without an element: what any function makes of one.
fn nothing(dimensions: Vec<usize>) -> Result<Value, ImportError> {
    Ok(Value::constant("", Array::new(Dtype::Float32, dimensions, Elements::Words(Vec::new()))?))
}

/// `op` without attributes, of one operand.
pub(super) fn unary(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    if let Some(array) = other(&x) {
        return Ok(vec![Value::constant("", fold::unary(call.op, array)?)]);
    }
    let op = match call.op {
        "Abs" => Op::Abs(spec::abs::Abs {}),
        "Cos" => Op::Cos(spec::cos::Cos {}),
        "Erf" => Op::Erf(spec::erf::Erf {}),
        "Exp" => Op::Exp(spec::exp::Exp {}),
        "HardSwish" => Op::HardSwish(spec::hard_swish::HardSwish {}),
        "Log" => Op::Log(spec::log::Log {}),
        "Mish" => Op::Mish(spec::mish::Mish {}),
        "Neg" => Op::Neg(spec::neg::Neg {}),
        "Reciprocal" => Op::Reciprocal(spec::reciprocal::Reciprocal {}),
        "Relu" => Op::Relu(spec::relu::Relu {}),
        "Sigmoid" => Op::Sigmoid(spec::sigmoid::Sigmoid {}),
        "Sin" => Op::Sin(spec::sin::Sin {}),
        "Softplus" => Op::Softplus(spec::softplus::Softplus { beta: Exact::integer(1) }),
        "Sqrt" => Op::Sqrt(spec::sqrt::Sqrt {}),
        "Tanh" => Op::Tanh(spec::tanh::Tanh {}),
        other => return Err(fault!(UnsupportedOp, "{other} of float32")),
    };
    if builder.dimensions(&x).contains(&0) {
        return nothing(builder.dimensions(&x)).map(|value| vec![value]);
    }
    Ok(vec![builder.apply(op, &[&x])?])
}

fn binary_op(name: &str) -> Result<Op, ImportError> {
    Ok(match name {
        "Add" | "Sum" | "Mean" => Op::Add(spec::add::Add {}),
        "Sub" => Op::Sub(spec::sub::Sub {}),
        "Mul" => Op::Mul(spec::mul::Mul {}),
        "Div" => Op::Div(spec::div::Div {}),
        "Max" => Op::Max(spec::max::Max {}),
        "Min" => Op::Min(spec::min::Min {}),
        "Pow" => Op::Pow(spec::pow::Pow {}),
        other => return Err(fault!(UnsupportedOp, "{other} of float32")),
    })
}

fn pair(builder: &mut Builder, name: &str, x: &Value, y: &Value) -> Result<Value, ImportError> {
    match (x, y) {
        (Value::Constant(a), Value::Constant(b)) if other(x).is_some() || other(y).is_some() => {
            Ok(Value::constant("", fold::binary(name, &a.array, &b.array)?))
        }
        (Value::Constant(a), Value::Constant(b)) if name == "Add" => match fold::masked_sum(&a.array, &b.array)? {
            Some(sum) => Ok(Value::constant("", sum)),
            None => join(builder, binary_op(name)?, x, y),
        },
        (node @ Value::Node(_), Value::Constant(c)) | (Value::Constant(c), node @ Value::Node(_)) if name == "Add" => {
            let Some((numbers, mask)) = fold::masked(&c.array)? else {
                return join(builder, binary_op(name)?, x, y);
            };
            // −∞ added to a number blocks it, whatever it is: the convention of attention masks.
            let sum = join(builder, binary_op(name)?, node, &Value::constant(&c.name, numbers))?;
            let mask = fold::broadcast(&mask, &builder.dimensions(&sum))?;
            builder.mask(sum, mask)
        }
        _ => join(builder, binary_op(name)?, x, y),
    }
}

/// Arithmetic of two operands.
pub(super) fn binary(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    Ok(vec![pair(builder, call.op, &call.input(0)?, &call.input(1)?)?])
}

/// `Pow`, whose exponent may be an integer constant.
pub(super) fn pow(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let (x, mut y) = (call.input(0)?, call.input(1)?);
    if let (Value::Constant(constant), Some(array)) = (&y, other(&y)) {
        y = Value::constant(&constant.name, fold::cast(array, Dtype::Float32)?);
    }
    Ok(vec![join(builder, binary_op("Pow")?, &x, &y)?])
}

/// `Min`, `Max`, `Sum`: from the left, as the operands stand.
pub(super) fn variadic(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let values = call.all()?;
    let (first, rest) = values.split_first().ok_or_else(|| fault!(Arity, "{} of nothing", call.op))?;
    let mut result = first.clone();
    for value in rest {
        result = pair(builder, call.op, &result, value)?;
    }
    Ok(vec![result])
}

/// `Mean`: the sum from the left, divided by the number of operands.
pub(super) fn mean(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let sum = variadic(builder, call)?;
    let number = Array::integers(vec![i64::try_from(call.arity()).unwrap_or(i64::MAX)]).reshaped(Vec::new())?;
    let number = fold::cast(&number, Dtype::Float32)?;
    let name = format!("{}.count", call.outputs.first().unwrap_or(&""));
    match sum.as_slice() {
        [sum] if call.arity() > 1 => Ok(vec![join(builder, binary_op("Div")?, sum, &Value::constant(&name, number))?]),
        _ => Ok(sum),
    }
}

/// Comparisons and logic: constants only, because a computed truth value has no counterpart.
pub(super) fn folded(_: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let (Some(x), Some(y)) = (call.constant(0)?, call.constant(1)?) else {
        return Err(fault!(Arity, "{} of less than two", call.op));
    };
    if x.words().is_some() && y.words().is_some() {
        return Ok(vec![Value::constant("", fold::compare(call.op, &x, &y)?)]);
    } else if matches!(x.elements(), Elements::Words(_) | Elements::Wide(_)) {
        return Err(fault!(UnsupportedOp, "{} of {}", call.op, x.dtype().name()));
    }
    Ok(vec![Value::constant("", fold::binary(call.op, &x, &y)?)])
}

/// `Mod` of integers.
pub(super) fn modulo(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    call.only("fmod", 0)?;
    folded(builder, call)
}
