//! The specification: one file an operation, its shape rule and its value, each written once over a [`Context`].
//!
//! The table at the end of this page is the vocabulary. A row names the keyword in certificates, the file, the type that holds
//! the attributes, and the number of parents. The numbered constraints of every operation stand in `spec-tests/ops/KEYWORD.md`.

use crate::cert::json::{Json, Object};
use crate::context::{Context, EvalError};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::attributes::Attributes;
use crate::ir::{Shape, Tensor};
use std::ops::RangeInclusive;

/// A constraint that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its number, as in `spec-tests/ops/`.
    pub constraint: &'static str,
    /// What does not hold, with the figures.
    pub message: String,
}

impl Fault {
    /// A fault against `constraint`.
    pub fn new(constraint: &'static str, message: impl Into<String>) -> Self {
        Fault { constraint, message: message.into() }
    }
}

/// `Ok` when `condition` holds, else the fault against `constraint`.
pub(crate) fn require(
    condition: bool,
    constraint: &'static str,
    message: impl FnOnce() -> String,
) -> Result<(), Fault> {
    if condition { Ok(()) } else { Err(Fault::new(constraint, message())) }
}

/// The shape of these dimensions, or the fault against `constraint`.
pub(crate) fn shape_of(dimensions: Vec<usize>, constraint: &'static str) -> Result<Shape, Fault> {
    Shape::new(dimensions).map_err(|error| Fault::new(constraint, error))
}

/// The tensors of the parents, in order.
pub type Parents<'a, C> = &'a [&'a Tensor<<C as Context>::Value>];
/// The values of a result, row-major, or why there are none.
pub type Values<C> = Result<Vec<<C as Context>::Value>, EvalError>;

/// The meaning of an operation with given attributes. `parents` has as many entries as the table says.
pub trait Operation: Attributes {
    /// The shape of the result, or the constraint that the parents' shapes break.
    fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault>;

    /// The values of the result, row-major, in the reading `context`; `shape` is the result of [`Operation::shape`].
    fn value<C: Context>(&self, context: &C, parents: Parents<C>, shape: &Shape) -> Values<C>;

    /// At least how many steps the value takes: terms of a contraction, cells of a window, or elements read and written.
    fn work(&self, parents: &[&Shape], shape: &Shape) -> u64 {
        parents.iter().copied().chain([shape]).fold(0u64, |work, s| work.saturating_add(elements(s)))
    }
}

/// Number of elements, as work.
pub(crate) fn elements(shape: &Shape) -> u64 {
    u64::try_from(shape.elements()).unwrap_or(u64::MAX)
}

/// A bug of ours: an operation was given other parents than its table row says.
pub(crate) const WRONG_PARENTS: EvalError = EvalError::Internal { what: "an operation has the wrong parents" };

/// The same bug, met in a shape rule.
pub(crate) fn wrong_parents() -> Fault {
    Fault::new("graph_c2", "the number of parents is not that of the operation")
}

/// What the file of every operation needs.
mod prelude {
    pub(super) use super::{
        DOT, Fault, Operation, Parents, Values, WRONG_PARENTS, elements, require, shape_of, sole, wrong_parents,
    };
    pub(super) use crate::context::{Context, EvalError};
    pub(super) use crate::ir::attributes::attributes;
    pub(super) use crate::ir::{Shape, Tensor};
    pub(super) use crate::number::Exact;
}

/// The parent of an operation that takes one.
pub(crate) fn sole<'a, T>(parents: &[&'a T]) -> Option<&'a T> {
    match parents {
        [x] => Some(x),
        _ => None,
    }
}

macro_rules! ops {
    ($($keyword:ident => $file:ident::$variant:ident, $arity:expr;)*) => {
        $(pub mod $file;)*

        /// An operation with its attributes.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each variant is documented in its file")]
        pub enum Op { $($variant($file::$variant),)* }

        impl Op {
            /// Every keyword of the vocabulary.
            pub const KEYWORDS: &'static [&'static str] = &[$(stringify!($keyword),)*];

            /// The keyword, as certificates write it.
            pub fn name(&self) -> &'static str {
                match self { $(Op::$variant(_) => stringify!($keyword),)* }
            }

            /// How many parents it takes.
            pub fn arity(&self) -> RangeInclusive<usize> {
                match self { $(Op::$variant(_) => $arity,)* }
            }

            /// The shape of the result, or the constraint that the parents' shapes break.
            pub fn shape(&self, parents: &[&Shape]) -> Result<Shape, Fault> {
                match self { $(Op::$variant(op) => op.shape(parents),)* }
            }

            /// The values of the result in the reading `context`.
            pub fn value<C: Context>(&self, context: &C, parents: Parents<C>, shape: &Shape) -> Values<C> {
                match self { $(Op::$variant(op) => op.value(context, parents, shape),)* }
            }

            /// The cost of the value over the reals at 64 bits, in multiply-adds of a long dot product (about 5 ns): an upper estimate.
            pub fn work(&self, parents: &[&Shape], shape: &Shape) -> u64 {
                let steps = match self { $(Op::$variant(op) => op.work(parents, shape),)* };
                steps.saturating_mul(self.weight()).saturating_add(elements(shape).saturating_mul(VALUE))
            }

            /// Decodes the keys `op` and `attributes` of a node.
            pub fn decode(node: &mut Object) -> Result<Self, Diagnostic> {
                let keyword = node.take("op")?;
                let pointer = keyword.pointer();
                let keyword = keyword.string()?;
                let mut attributes = node.optional("attributes").map_or(Ok(Object::empty(node)), |a| a.object())?;
                let op = match keyword.as_str() {
                    $(stringify!($keyword) => Op::$variant(Attributes::decode(&mut attributes)?),)*
                    _ => return Err(Diagnostic::new(Code::UnknownOp, pointer, format!("no operation is called {keyword:?}"))),
                };
                attributes.finish()?;
                Ok(op)
            }

            /// The keys `op` and (where there are any) `attributes` of a node.
            pub fn encode(&self) -> Vec<(String, Json)> {
                let attributes = match self { $(Op::$variant(op) => op.encode(),)* };
                let mut entries = vec![("op".to_string(), Json::string(self.name()))];
                if !attributes.is_empty() {
                    entries.push(("attributes".to_string(), Json::Object(attributes)));
                }
                entries
            }

            /// Per operation: keyword, parents, names and JSON Schemas of the attributes.
            pub fn schemas() -> Vec<(&'static str, RangeInclusive<usize>, Vec<(String, Json)>)> {
                vec![$((stringify!($keyword), $arity, <$file::$variant as Attributes>::schema()),)*]
            }
        }
    };
}

/// What it costs to store one value, as work.
const VALUE: u64 = 16;
/// What the sum, the rounding and the radius of one dot product cost beside its terms, as work.
pub(crate) const DOT: u64 = 64;

impl Op {
    /// The cost of one step of [`Operation::work`]. It is measured, rounded up, and takes part in no verdict but TL0304.
    fn weight(&self) -> u64 {
        use Op::*;
        match self {
            Input(_) | Const(_) | Linear(_) | Matmul(_) | Conv(_) | ConvTranspose(_) => 1,
            Reshape(_) | Flatten(_) | Transpose(_) | Permute(_) | Concat(_) | Slice(_) | Pad(_) | Gather(_)
            | Broadcast(_) | Neg(_) | Abs(_) => 16,
            Add(_) | Sub(_) | Mul(_) | Scale(_) | Max(_) | Min(_) | Clamp(_) | Relu(_) | Sum(_) | Mean(_)
            | ReduceMax(_) | ReduceMin(_) => 32,
            LeakyRelu(_) | MaxPool(_) | AvgPool(_) | GlobalAvgPool(_) | AdaptiveAvgPool(_) | BatchNorm(_) => 64,
            Div(_) | Reciprocal(_) | HardSigmoid(_) | HardSwish(_) | Upsample(_) | LayerNorm(_) | RmsNorm(_)
            | GroupNorm(_) | InstanceNorm(_) => 192,
            Sqrt(_) | Rsqrt(_) => 384,
            Exp(_) | Log(_) | Tanh(_) | Sigmoid(_) | Softplus(_) | Silu(_) | Elu(_) | Sin(_) | Cos(_) | Softmax(_)
            | LogSoftmax(_) | MaskedSoftmax(_) | Logsumexp(_) => 1024,
            Pow(_) | Mish(_) | Erf(_) | Gelu(_) => 2048,
        }
    }

    /// Whether the value comes from outside the graph and the shape is declared, not inferred.
    pub fn is_source(&self) -> bool {
        matches!(self, Op::Input(_) | Op::Const(_))
    }
}

mod axis;
mod elementwise;
mod normalise;
mod rearrange;
mod reduce;
mod window;

ops! {
    input => input::Input, 0..=0;
    const => constant::Const, 0..=0;
    reshape => reshape::Reshape, 1..=1;
    flatten => flatten::Flatten, 1..=1;
    transpose => transpose::Transpose, 1..=1;
    permute => permute::Permute, 1..=1;
    concat => concat::Concat, 1..=1024;
    slice => slice::Slice, 1..=1;
    pad => pad::Pad, 1..=1;
    gather => gather::Gather, 1..=1;
    broadcast => broadcast::Broadcast, 1..=1;
    add => add::Add, 2..=2;
    sub => sub::Sub, 2..=2;
    mul => mul::Mul, 2..=2;
    div => div::Div, 2..=2;
    neg => neg::Neg, 1..=1;
    abs => abs::Abs, 1..=1;
    scale => scale::Scale, 1..=1;
    max => max::Max, 2..=2;
    min => min::Min, 2..=2;
    clamp => clamp::Clamp, 1..=1;
    relu => relu::Relu, 1..=1;
    leaky_relu => leaky_relu::LeakyRelu, 1..=1;
    elu => elu::Elu, 1..=1;
    sum => sum::Sum, 1..=1;
    mean => mean::Mean, 1..=1;
    reduce_max => reduce_max::ReduceMax, 1..=1;
    reduce_min => reduce_min::ReduceMin, 1..=1;
    matmul => matmul::Matmul, 2..=2;
    linear => linear::Linear, 2..=3;
    conv => conv::Conv, 2..=3;
    conv_transpose => conv_transpose::ConvTranspose, 2..=3;
    max_pool => max_pool::MaxPool, 1..=1;
    avg_pool => avg_pool::AvgPool, 1..=1;
    global_avg_pool => global_avg_pool::GlobalAvgPool, 1..=1;
    adaptive_avg_pool => adaptive_avg_pool::AdaptiveAvgPool, 1..=1;
    batch_norm => batch_norm::BatchNorm, 3..=5;
    upsample => upsample::Upsample, 1..=1;
    softmax => softmax::Softmax, 1..=1;
    exp => exp::Exp, 1..=1;
    log => log::Log, 1..=1;
    sqrt => sqrt::Sqrt, 1..=1;
    rsqrt => rsqrt::Rsqrt, 1..=1;
    reciprocal => reciprocal::Reciprocal, 1..=1;
    pow => pow::Pow, 2..=2;
    tanh => tanh::Tanh, 1..=1;
    sigmoid => sigmoid::Sigmoid, 1..=1;
    hard_sigmoid => hard_sigmoid::HardSigmoid, 1..=1;
    softplus => softplus::Softplus, 1..=1;
    silu => silu::Silu, 1..=1;
    hard_swish => hard_swish::HardSwish, 1..=1;
    mish => mish::Mish, 1..=1;
    erf => erf::Erf, 1..=1;
    gelu => gelu::Gelu, 1..=1;
    sin => sin::Sin, 1..=1;
    cos => cos::Cos, 1..=1;
    log_softmax => log_softmax::LogSoftmax, 1..=1;
    masked_softmax => masked_softmax::MaskedSoftmax, 2..=2;
    logsumexp => logsumexp::Logsumexp, 1..=1;
    layer_norm => layer_norm::LayerNorm, 1..=3;
    rms_norm => rms_norm::RmsNorm, 1..=2;
    group_norm => group_norm::GroupNorm, 1..=3;
    instance_norm => instance_norm::InstanceNorm, 1..=3;
}
