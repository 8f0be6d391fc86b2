//! The specification: one file an operation, its shape rule and its value, each written once over a [`Context`].
//!
//! The table at the end of this page is the vocabulary. A row names the keyword in certificates, the file, the type that holds
//! the attributes, the number of parents, and the cost of one step of [`Operation::work`], which is measured, rounded up, and takes part in no
//! verdict but TL0304. The numbered constraints of every operation stand in `spec-tests/ops/KEYWORD.md`.
//!
//! Beside the value stands the reverse rule, `vjp` ([`vjp`] has what these share).
//!
//! Operations of a family share its form or its rule: `elementwise`, `reduce`, `window`, `normalise`, `rearrange` and `axis` hold what they have in
//! common. The forms (`unary!`, `binary!`, `reduction!`) bring the prelude, so that a file that needs no more states its function only.

use crate::cert::json::{Json, Object};
use crate::context::{Context, EvalError};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::attributes::Attributes;
use crate::ir::{Shape, Tensor};
use crate::limits::wide;
use std::ops::RangeInclusive;
use vjp::{Cotangents, Point, Vjp};

// The forms in which the files below declare their operations come first.
#[macro_use]
mod elementwise;
#[macro_use]
pub mod loss;
#[macro_use]
mod reduce;
#[macro_use]
mod window;
#[macro_use]
pub mod vjp;
mod axis;
pub mod classes;
mod normalise;
mod rearrange;

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

/// `Ok` when all of these parents (`what`) have the dimensions, else the fault against `constraint`.
pub(crate) fn require_all(
    what: &str,
    parents: &[&Shape],
    dimensions: &[usize],
    constraint: &'static str,
) -> Result<(), Fault> {
    parents.iter().try_for_each(|parent| {
        require(parent.dimensions() == dimensions, constraint, || format!("{what}{parent} is not {dimensions:?}"))
    })
}

/// The shape of these dimensions, or the fault against `constraint`.
pub(crate) fn shape_of(dimensions: Vec<usize>, constraint: &'static str) -> Result<Shape, Fault> {
    Shape::new(dimensions).map_err(|error| Fault::new(constraint, error))
}

/// The tensors of the parents, in order.
pub type Parents<'a, C> = &'a [&'a Tensor<<C as Context>::Value>];
/// The values of a result, row-major, or why there are none.
pub type Values<C> = Result<Vec<<C as Context>::Value>, EvalError>;

/// The meaning of an operation with given attributes. `x` is its first parent; with the `others` there are as many as the table says.
pub trait Operation: Attributes {
    /// The shape of the result, or the constraint that the parents' shapes break; that of `x` unless the operation says otherwise.
    fn shape(&self, x: &Shape, _: &[&Shape]) -> Result<Shape, Fault> {
        Ok(x.clone())
    }

    /// The values of the result, row-major, in the reading `context`; `shape` is the result of [`Operation::shape`].
    fn value<C: Context>(&self, context: &C, x: &Tensor<C::Value>, others: Parents<C>, shape: &Shape) -> Values<C>;

    /// At least how many steps the value takes: terms of a contraction, cells of a window, or elements read and written.
    fn work(&self, x: &Shape, others: &[&Shape], shape: &Shape) -> u64 {
        others.iter().copied().chain([x, shape]).fold(0u64, |work, s| work.saturating_add(elements(s)))
    }
}

/// Number of elements, as work.
pub(crate) fn elements(shape: &Shape) -> u64 {
    wide(shape.elements())
}

/// The work of a dot product of this many terms for every element.
pub(crate) fn dots(shape: &Shape, terms: u64) -> u64 {
    elements(shape).saturating_mul(terms.saturating_add(DOT))
}

/// The product of extents, as work.
pub(crate) fn cells(extents: &[usize]) -> u64 {
    extents.iter().fold(1, |cells, &n| cells.saturating_mul(wide(n)))
}

/// A bug of ours: an operation was given other parents than its table row says.
pub(crate) const WRONG_PARENTS: EvalError = EvalError::Internal { what: "an operation has the wrong parents" };

/// The same bug, met in a shape rule.
pub(crate) fn wrong_parents() -> Fault {
    Fault::new("graph_c2", "the number of parents is not that of the operation")
}

/// What the file of every operation needs: the forms of its declaration, and the families that operations belong to.
mod prelude {
    pub(super) use super::axis::{along, around, at, lines, reduced, require_axis};
    pub(super) use super::elementwise::{equal_shapes, map};
    pub(super) use super::normalise::{normalise, normalised, require_epsilon, statistics};
    pub(super) use super::rearrange::{locate, rearrange, repeating_strides};
    pub(super) use super::reduce::{fold, mean, reduce};
    pub(super) use super::vjp::{Cotangents, Point, Vjp, gate, routed, totals, transposed, unreduced, within};
    pub(super) use super::window::{Sliding, over_windows, product, require_spatial, resized, spatial};
    pub(super) use super::{
        Fault, Operation, Parents, Values, WRONG_PARENTS, cells, dots, elements, require, require_all, shape_of,
        wrong_parents,
    };
    pub(super) use crate::context::{Context, EvalError, Rows};
    pub(super) use crate::ir::{Shape, Tensor};
    pub(super) use crate::limits::wide;
    pub(super) use crate::number::Exact;
}

macro_rules! ops {
    ($($keyword:ident => $file:ident::$variant:ident, $arity:expr, $cost:literal;)*) => {
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
                let (x, others) = parents.split_first().ok_or_else(wrong_parents)?;
                match self { $(Op::$variant(op) => op.shape(x, others),)* }
            }

            /// The values of the result in the reading `context`.
            pub fn value<C: Context>(&self, context: &C, parents: Parents<C>, shape: &Shape) -> Values<C> {
                let (x, others) = parents.split_first().ok_or(WRONG_PARENTS)?;
                match self { $(Op::$variant(op) => op.value(context, x, others, shape),)* }
            }

            /// The cotangents of the parents where the value is `y` and its cotangent `dy`; those of them that are `wanted`.
            pub fn vjp<C: Context>(
                &self,
                context: &C,
                parents: Parents<C>,
                y: &Tensor<C::Value>,
                dy: &Tensor<C::Value>,
                wanted: &[bool],
            ) -> Cotangents<C> {
                let (x, others) = parents.split_first().ok_or(WRONG_PARENTS)?;
                let at = Point { x, others, y, wanted };
                match self { $(Op::$variant(op) => op.vjp(context, &at, dy),)* }
            }

            /// The cost of the value over the reals at 64 bits, in multiply-adds of a long dot product (about 5 ns): an upper estimate.
            pub fn work(&self, parents: &[&Shape], shape: &Shape) -> u64 {
                let steps = |(x, others): (&&Shape, &[&Shape])| match self { $(Op::$variant(op) => op.work(x, others, shape),)* };
                let steps = parents.split_first().map_or(elements(shape), steps);
                let cost = match self { $(Op::$variant(_) => $cost,)* };
                steps.saturating_mul(cost).saturating_add(elements(shape).saturating_mul(VALUE))
            }

            /// Decodes the keys `op` and `attributes` of a node.
            pub fn decode(node: &mut Object) -> Result<Self, Diagnostic> {
                let (keyword, place) = node.text("op")?;
                let mut attributes = node.optional("attributes").map_or(Ok(Object::empty(node)), |a| a.object())?;
                let op = match keyword.as_str() {
                    $(stringify!($keyword) => Op::$variant(Attributes::decode(&mut attributes)?),)*
                    _ => return Err(Diagnostic::new(Code::UnknownOp, place, format!("no operation is called {keyword:?}"))),
                };
                attributes.finish()?;
                Ok(op)
            }

            /// The keys `op` and (where there are any) `attributes` of a node.
            pub fn encode(&self) -> Vec<(String, Json)> {
                let attributes = match self { $(Op::$variant(op) => op.encode(),)* };
                let attributes = Some(attributes).filter(|attributes| !attributes.is_empty()).map(Json::Object);
                let entries = [("op", Some(Json::string(self.name()))), ("attributes", attributes)];
                entries.into_iter().filter_map(|(key, value)| Some((key.to_string(), value?))).collect()
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
    /// The keyword and the name of an operation whose value comes from outside the graph and whose shape is declared, not inferred.
    pub fn source(&self) -> Option<(&'static str, &str)> {
        match self {
            Op::Input(input::Input { name }) | Op::Const(constant::Const { name }) => Some((self.name(), name)),
            _ => None,
        }
    }

    /// Whether it is a source.
    pub fn is_source(&self) -> bool {
        self.source().is_some()
    }
}

ops! {
    input => input::Input, 0..=0, 1;
    const => constant::Const, 0..=0, 1;
    reshape => reshape::Reshape, 1..=1, 16;
    flatten => flatten::Flatten, 1..=1, 16;
    transpose => transpose::Transpose, 1..=1, 16;
    permute => permute::Permute, 1..=1, 16;
    concat => concat::Concat, 1..=1024, 16;
    slice => slice::Slice, 1..=1, 16;
    pad => pad::Pad, 1..=1, 16;
    gather => gather::Gather, 1..=1, 16;
    broadcast => broadcast::Broadcast, 1..=1, 16;
    add => add::Add, 2..=2, 32;
    sub => sub::Sub, 2..=2, 32;
    mul => mul::Mul, 2..=2, 32;
    div => div::Div, 2..=2, 192;
    neg => neg::Neg, 1..=1, 16;
    abs => abs::Abs, 1..=1, 16;
    scale => scale::Scale, 1..=1, 32;
    max => max::Max, 2..=2, 32;
    min => min::Min, 2..=2, 32;
    clamp => clamp::Clamp, 1..=1, 32;
    relu => relu::Relu, 1..=1, 32;
    leaky_relu => leaky_relu::LeakyRelu, 1..=1, 64;
    elu => elu::Elu, 1..=1, 1024;
    sum => sum::Sum, 1..=1, 32;
    mean => mean::Mean, 1..=1, 32;
    reduce_max => reduce_max::ReduceMax, 1..=1, 32;
    reduce_min => reduce_min::ReduceMin, 1..=1, 32;
    matmul => matmul::Matmul, 2..=2, 1;
    linear => linear::Linear, 2..=3, 1;
    conv => conv::Conv, 2..=3, 1;
    conv_transpose => conv_transpose::ConvTranspose, 2..=3, 1;
    max_pool => max_pool::MaxPool, 1..=1, 64;
    avg_pool => avg_pool::AvgPool, 1..=1, 64;
    global_avg_pool => global_avg_pool::GlobalAvgPool, 1..=1, 64;
    adaptive_avg_pool => adaptive_avg_pool::AdaptiveAvgPool, 1..=1, 64;
    batch_norm => batch_norm::BatchNorm, 3..=5, 64;
    upsample => upsample::Upsample, 1..=1, 192;
    softmax => softmax::Softmax, 1..=1, 1024;
    exp => exp::Exp, 1..=1, 1024;
    log => log::Log, 1..=1, 1024;
    sqrt => sqrt::Sqrt, 1..=1, 384;
    rsqrt => rsqrt::Rsqrt, 1..=1, 384;
    reciprocal => reciprocal::Reciprocal, 1..=1, 192;
    pow => pow::Pow, 2..=2, 2048;
    tanh => tanh::Tanh, 1..=1, 1024;
    sigmoid => sigmoid::Sigmoid, 1..=1, 1024;
    hard_sigmoid => hard_sigmoid::HardSigmoid, 1..=1, 192;
    softplus => softplus::Softplus, 1..=1, 1024;
    silu => silu::Silu, 1..=1, 1024;
    hard_swish => hard_swish::HardSwish, 1..=1, 192;
    mish => mish::Mish, 1..=1, 2048;
    erf => erf::Erf, 1..=1, 2048;
    gelu => gelu::Gelu, 1..=1, 2048;
    sin => sin::Sin, 1..=1, 1024;
    cos => cos::Cos, 1..=1, 1024;
    log_softmax => log_softmax::LogSoftmax, 1..=1, 1024;
    masked_softmax => masked_softmax::MaskedSoftmax, 2..=2, 1024;
    logsumexp => logsumexp::Logsumexp, 1..=1, 1024;
    layer_norm => layer_norm::LayerNorm, 1..=3, 192;
    rms_norm => rms_norm::RmsNorm, 1..=2, 192;
    group_norm => group_norm::GroupNorm, 1..=3, 192;
    instance_norm => instance_norm::InstanceNorm, 1..=3, 192;
    mse => mse::Mse, 2..=2, 64;
    mae => mae::Mae, 2..=2, 64;
    huber => huber::Huber, 2..=2, 192;
    bce => bce::Bce, 2..=2, 2048;
    bce_with_logits => bce_with_logits::BceWithLogits, 2..=2, 2048;
    cross_entropy => cross_entropy::CrossEntropy, 2..=3, 1024;
    nll => nll::Nll, 2..=3, 192;
    kl => kl::Kl, 2..=2, 1024;
    hinge => hinge::Hinge, 2..=2, 64;
    poisson => poisson::Poisson, 2..=2, 1024;
    cosine => cosine::Cosine, 3..=3, 192;
}
