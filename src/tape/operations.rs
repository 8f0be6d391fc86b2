//! The operations that most programs are made of, as functions of a tape; [`Tape::apply`] takes any other.

use super::{Id, Tape};
use crate::error::{Code, Error};
use tl_kernel::ir::Shape;
use tl_kernel::number::Exact;
use tl_kernel::spec::*;

macro_rules! plain {
    ($($(#[$meta:meta])* $function:ident($($x:ident),+) = $file:ident::$name:ident;)*) => {
        impl Tape<'_> {
            $($(#[$meta])*
            pub fn $function(&mut self, $($x: Id),+) -> Result<Id, Error> {
                self.apply(Op::$name($file::$name {}), &[$($x),+], None)
            })*
        }
    };
}

plain! {
    /// `x + y`.
    add(x, y) = add::Add;
    /// `x − y`.
    sub(x, y) = sub::Sub;
    /// `x · y`, element by element.
    mul(x, y) = mul::Mul;
    /// `x / y`.
    div(x, y) = div::Div;
    /// The greater of two elements.
    max(x, y) = max::Max;
    /// The smaller of two elements.
    min(x, y) = min::Min;
    /// `x^y`.
    pow(x, y) = pow::Pow;
    /// The matrix product.
    matmul(x, y) = matmul::Matmul;
    /// `−x`.
    neg(x) = neg::Neg;
    /// `|x|`.
    abs(x) = abs::Abs;
    /// `1/x`.
    reciprocal(x) = reciprocal::Reciprocal;
    /// `e^x`.
    exp(x) = exp::Exp;
    /// Natural logarithm.
    log(x) = log::Log;
    /// `√x`.
    sqrt(x) = sqrt::Sqrt;
    /// `1/√x`.
    rsqrt(x) = rsqrt::Rsqrt;
    /// `max(x, 0)`.
    relu(x) = relu::Relu;
    /// Hyperbolic tangent.
    tanh(x) = tanh::Tanh;
    /// `1/(1 + e^−x)`.
    sigmoid(x) = sigmoid::Sigmoid;
    /// `x · sigmoid(x)`.
    silu(x) = silu::Silu;
    /// The error function.
    erf(x) = erf::Erf;
    /// Sine.
    sin(x) = sin::Sin;
    /// Cosine.
    cos(x) = cos::Cos;
}

impl Tape<'_> {
    /// `factor · x`.
    pub fn scale(&mut self, x: Id, factor: &str) -> Result<Id, Error> {
        let factor = Exact::parse(factor).map_err(|fault| Error::new(Code::Operands, "scale", fault))?;
        self.apply(Op::Scale(scale::Scale { factor }), &[x], None)
    }

    /// `x·weightᵀ + bias`: weight [out, in], bias [out].
    pub fn linear(&mut self, x: Id, weight: Id, bias: Option<Id>) -> Result<Id, Error> {
        let parents: Vec<Id> = [x, weight].into_iter().chain(bias).collect();
        self.apply(Op::Linear(linear::Linear {}), &parents, None)
    }

    /// The sum over some axes, which are dropped.
    pub fn sum(&mut self, x: Id, axes: &[usize]) -> Result<Id, Error> {
        self.apply(Op::Sum(sum::Sum { axes: axes.to_vec(), keepdims: false }), &[x], None)
    }

    /// The mean over some axes, which are dropped.
    pub fn mean(&mut self, x: Id, axes: &[usize]) -> Result<Id, Error> {
        self.apply(Op::Mean(mean::Mean { axes: axes.to_vec(), keepdims: false }), &[x], None)
    }

    /// Softmax along an axis.
    pub fn softmax(&mut self, x: Id, axis: usize) -> Result<Id, Error> {
        self.apply(Op::Softmax(softmax::Softmax { axis }), &[x], None)
    }

    /// The logarithm of softmax along an axis.
    pub fn log_softmax(&mut self, x: Id, axis: usize) -> Result<Id, Error> {
        self.apply(Op::LogSoftmax(log_softmax::LogSoftmax { axis }), &[x], None)
    }

    /// The same elements in another shape.
    pub fn reshape(&mut self, x: Id, dimensions: &[usize]) -> Result<Id, Error> {
        let shape = shape_of("reshape", dimensions)?;
        self.apply(Op::Reshape(reshape::Reshape { shape }), &[x], None)
    }

    /// The elements repeated to a shape; dimensions are aligned at the last.
    pub fn broadcast(&mut self, x: Id, dimensions: &[usize]) -> Result<Id, Error> {
        let shape = shape_of("broadcast", dimensions)?;
        self.apply(Op::Broadcast(broadcast::Broadcast { shape }), &[x], None)
    }

    /// Two axes exchanged.
    pub fn transpose(&mut self, x: Id, first: usize, second: usize) -> Result<Id, Error> {
        self.apply(Op::Transpose(transpose::Transpose { first, second }), &[x], None)
    }
}

fn shape_of(op: &str, dimensions: &[usize]) -> Result<Shape, Error> {
    Shape::new(dimensions.to_vec()).map_err(|fault| Error::new(Code::Operands, op, fault))
}
