//! Activations with parameters, and those that are compositions of the kernel's operations.

use super::elementwise::join;
use crate::builder::{Builder, Value};
use crate::call::{Call, exact, of_rational};
use crate::error::{ImportError, fault};
use tl_kernel::number::Exact;
use tl_kernel::spec::{self, Op};

/// `min(x, 0)`.
fn below_zero() -> Op {
    Op::Clamp(spec::clamp::Clamp { lo: Vec::new(), hi: vec![Exact::integer(0)] })
}

/// `LeakyRelu`.
pub(super) fn leaky_relu(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let slope = call.exact("alpha", 0.01)?;
    Ok(vec![builder.apply(Op::LeakyRelu(spec::leaky_relu::LeakyRelu { slope }), &[&call.input(0)?])?])
}

/// `PRelu`: max(x, 0) + slope · min(x, 0), the slope broadcast to x.
pub(super) fn prelu(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let slope = builder.broadcast(&call.input(1)?, &builder.dimensions(&x))?;
    let positive = builder.apply(Op::Relu(spec::relu::Relu {}), &[&x])?;
    let negative = builder.apply(below_zero(), &[&x])?;
    let scaled = builder.apply(Op::Mul(spec::mul::Mul {}), &[&slope, &negative])?;
    Ok(vec![builder.apply(Op::Add(spec::add::Add {}), &[&positive, &scaled])?])
}

fn elu_op(alpha: Exact) -> Op {
    Op::Elu(spec::elu::Elu { alpha })
}

/// `Elu`.
pub(super) fn elu(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let alpha = call.exact("alpha", 1.0)?;
    Ok(vec![builder.apply(elu_op(alpha), &[&call.input(0)?])?])
}

/// `Selu`: gamma · elu(x).
pub(super) fn selu(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let alpha = call.exact("alpha", 1.673_263_2)?;
    let factor = call.exact("gamma", 1.050_701)?;
    let inner = builder.apply(elu_op(alpha), &[&call.input(0)?])?;
    Ok(vec![builder.apply(Op::Scale(spec::scale::Scale { factor }), &[&inner])?])
}

/// `Celu`: max(0, x) + alpha · (e^(min(x, 0)/alpha) − 1), for alpha > 0.
pub(super) fn celu(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let alpha = call.exact("alpha", 1.0)?;
    if alpha <= Exact::integer(0) {
        return Err(fault!(UnsupportedAttribute, "alpha {alpha} of Celu is not positive"));
    }
    let factor = of_rational(&alpha.rational().recip())?;
    let x = call.input(0)?;
    let positive = builder.apply(Op::Relu(spec::relu::Relu {}), &[&x])?;
    let negative = builder.apply(below_zero(), &[&x])?;
    let scaled = builder.apply(Op::Scale(spec::scale::Scale { factor }), &[&negative])?;
    let negative = builder.apply(elu_op(alpha), &[&scaled])?;
    Ok(vec![builder.apply(Op::Add(spec::add::Add {}), &[&positive, &negative])?])
}

/// `Clip`: the ends are attributes before version 11, constant inputs from it on; an infinite end is none.
pub(super) fn clip(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let (lo, hi) = if call.opset < 11 {
        if call.arity() > 1 {
            return Err(fault!(Arity, "Clip in operator set {} with {} inputs", call.opset, call.arity()));
        }
        (call.float("min")?, call.float("max")?)
    } else {
        (call.word(1)?, call.word(2)?)
    };
    const INFINITY: u32 = 0x7f80_0000;
    let end = |word: Option<u32>, none: u32| match word {
        Some(word) if word != none => exact(word).map(|value| vec![value]),
        _ => Ok(Vec::new()),
    };
    let (lo, hi) = (end(lo, INFINITY | 1 << 31)?, end(hi, INFINITY)?);
    let x = call.input(0)?;
    if lo.is_empty() && hi.is_empty() {
        return Ok(vec![x]);
    }
    Ok(vec![builder.apply(Op::Clamp(spec::clamp::Clamp { lo, hi }), &[&x])?])
}

/// `HardSigmoid`.
pub(super) fn hard_sigmoid(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let (alpha, beta) = (call.exact("alpha", 0.2)?, call.exact("beta", 0.5)?);
    Ok(vec![builder.apply(Op::HardSigmoid(spec::hard_sigmoid::HardSigmoid { alpha, beta }), &[&call.input(0)?])?])
}

/// `Gelu`, exact or in the tanh form.
pub(super) fn gelu(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let form = match call.string("approximate", "none")?.as_str() {
        "none" => spec::gelu::Form::Erf,
        "tanh" => spec::gelu::Form::Tanh,
        other => {
            return Err(fault!(UnsupportedAttribute, "attribute \"approximate\" is {other:?}"));
        }
    };
    Ok(vec![builder.apply(Op::Gelu(spec::gelu::Gelu { form }), &[&call.input(0)?])?])
}

fn swished(builder: &mut Builder, x: &Value, alpha: Exact) -> Result<Value, ImportError> {
    if alpha == Exact::integer(1) {
        return builder.apply(Op::Silu(spec::silu::Silu {}), &[x]);
    }
    let scaled = builder.apply(Op::Scale(spec::scale::Scale { factor: alpha }), &[x])?;
    let gate = builder.apply(Op::Sigmoid(spec::sigmoid::Sigmoid {}), &[&scaled])?;
    builder.apply(Op::Mul(spec::mul::Mul {}), &[x, &gate])
}

/// `Swish`: x · sigmoid(alpha · x).
pub(super) fn swish(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let alpha = call.exact("alpha", 1.0)?;
    Ok(vec![swished(builder, &call.input(0)?, alpha)?])
}

/// `SwiGLU`: the `Swish` of the gate times the second operand, of one shape.
pub(super) fn swiglu(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let alpha = call.exact("alpha", 1.0)?;
    let gate = swished(builder, &call.input(0)?, alpha)?;
    Ok(vec![builder.apply(Op::Mul(spec::mul::Mul {}), &[&gate, &call.input(1)?])?])
}

/// `Softsign`: x / (1 + |x|).
pub(super) fn softsign(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let x = call.input(0)?;
    let one = builder.scalar(call.outputs.first().unwrap_or(&""), "one", 1f32.to_bits())?;
    let size = builder.apply(Op::Abs(spec::abs::Abs {}), &[&x])?;
    let size = join(builder, Op::Add(spec::add::Add {}), &one, &size)?;
    Ok(vec![builder.apply(Op::Div(spec::div::Div {}), &[&x, &size])?])
}
