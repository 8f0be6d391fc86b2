//! The table of supported operators: since which version, how many inputs, and the function that lowers a node.
//!
//! A lowering reads the inputs and every attribute of its [`Call`] and returns the values of the outputs, in order; outputs that it does not
//! return are not supported. A convention that differs between versions of an operator stands in its function, beside its counterpart.

mod activation;
mod constant;
mod contract;
mod conv;
mod elementwise;
mod index;
mod interpolate;
mod loss;
mod norm;
mod pool;
mod reduce;
mod resize;
mod shape;
mod softmax;

use crate::builder::{Builder, Value};
use crate::call::Call;
use crate::error::{ImportError, fault};

/// What lowers one node.
type Lowering = fn(&mut Builder, &mut Call) -> Result<Vec<Value>, ImportError>;

macro_rules! operators {
    ($($name:literal $since:literal $arity:expr => $file:ident::$lowering:ident;)*) => {
        /// Name, first version in which it is supported, least and largest number of inputs, lowering; sorted by name.
        const OPERATORS: &[(&str, i64, std::ops::RangeInclusive<usize>, Lowering)] =
            &[$(($name, $since, $arity, $file::$lowering),)*];
    };
}

/// Any number of inputs from one on.
const MANY: std::ops::RangeInclusive<usize> = 1..=usize::MAX;

operators! {
    "Abs" 6 1..=1 => elementwise::unary;
    "Add" 7 2..=2 => elementwise::binary;
    "And" 7 2..=2 => elementwise::folded;
    "AveragePool" 7 1..=1 => pool::average_pool;
    "BatchNormalization" 7 5..=5 => norm::batch;
    "Cast" 6 1..=1 => constant::cast;
    "CastLike" 15 2..=2 => constant::cast_like;
    "Celu" 12 1..=1 => activation::celu;
    "Clip" 6 1..=3 => activation::clip;
    "Concat" 4 MANY => shape::concat;
    "Constant" 1 0..=0 => constant::constant;
    "ConstantOfShape" 9 1..=1 => constant::constant_of_shape;
    "Conv" 1 2..=3 => conv::conv;
    "ConvTranspose" 1 2..=3 => conv::conv_transpose;
    "Cos" 7 1..=1 => elementwise::unary;
    "DepthToSpace" 1 1..=1 => shape::depth_to_space;
    "Div" 7 2..=2 => elementwise::binary;
    "Dropout" 7 1..=3 => constant::dropout;
    "Elu" 6 1..=1 => activation::elu;
    "Equal" 7 2..=2 => elementwise::folded;
    "Erf" 9 1..=1 => elementwise::unary;
    "Exp" 6 1..=1 => elementwise::unary;
    "Expand" 8 2..=2 => shape::expand;
    "Flatten" 1 1..=1 => shape::flatten;
    "Gather" 1 2..=2 => index::gather;
    "Gelu" 20 1..=1 => activation::gelu;
    "Gemm" 7 2..=3 => contract::gemm;
    "GlobalAveragePool" 1 1..=1 => pool::global_average_pool;
    "GlobalMaxPool" 1 1..=1 => pool::global_max_pool;
    "Greater" 7 2..=2 => elementwise::folded;
    "GreaterOrEqual" 12 2..=2 => elementwise::folded;
    "GroupNormalization" 18 3..=3 => norm::group;
    "HardSigmoid" 6 1..=1 => activation::hard_sigmoid;
    "HardSwish" 14 1..=1 => elementwise::unary;
    "Identity" 1 1..=1 => shape::identity;
    "InstanceNormalization" 6 3..=3 => norm::instance;
    "LayerNormalization" 17 2..=3 => norm::layer;
    "LeakyRelu" 6 1..=1 => activation::leaky_relu;
    "Less" 7 2..=2 => elementwise::folded;
    "LessOrEqual" 12 2..=2 => elementwise::folded;
    "Log" 6 1..=1 => elementwise::unary;
    "LogSoftmax" 1 1..=1 => softmax::log_softmax;
    "MatMul" 1 2..=2 => contract::matmul;
    "Max" 6 MANY => elementwise::variadic;
    "MaxPool" 1 1..=1 => pool::max_pool;
    "Mean" 6 MANY => elementwise::mean;
    "Min" 6 MANY => elementwise::variadic;
    "Mish" 18 1..=1 => elementwise::unary;
    "Mod" 10 2..=2 => elementwise::modulo;
    "Mul" 7 2..=2 => elementwise::binary;
    "Neg" 6 1..=1 => elementwise::unary;
    "NegativeLogLikelihoodLoss" 12 2..=3 => loss::nll;
    "Not" 1 1..=1 => elementwise::unary;
    "Or" 7 2..=2 => elementwise::folded;
    "PRelu" 7 2..=2 => activation::prelu;
    "Pad" 2 1..=4 => index::pad;
    "Pow" 7 2..=2 => elementwise::pow;
    "RMSNormalization" 23 2..=2 => norm::rms;
    "Range" 11 3..=3 => constant::range;
    "Reciprocal" 6 1..=1 => elementwise::unary;
    "ReduceL1" 1 1..=2 => reduce::reduce;
    "ReduceL2" 1 1..=2 => reduce::reduce;
    "ReduceLogSum" 1 1..=2 => reduce::reduce;
    "ReduceLogSumExp" 1 1..=2 => reduce::reduce;
    "ReduceMax" 1 1..=2 => reduce::reduce;
    "ReduceMean" 1 1..=2 => reduce::reduce;
    "ReduceMin" 1 1..=2 => reduce::reduce;
    "ReduceProd" 1 1..=2 => reduce::reduce;
    "ReduceSum" 1 1..=2 => reduce::reduce;
    "ReduceSumSquare" 1 1..=2 => reduce::reduce;
    "Relu" 6 1..=1 => elementwise::unary;
    "Reshape" 5 2..=2 => shape::reshape;
    "Resize" 10 1..=4 => resize::resize;
    "Selu" 6 1..=1 => activation::selu;
    "Shape" 1 1..=1 => constant::shape;
    "Sigmoid" 6 1..=1 => elementwise::unary;
    "Sin" 7 1..=1 => elementwise::unary;
    "Size" 1 1..=1 => constant::size;
    "Slice" 1 1..=5 => index::slice;
    "Softmax" 1 1..=1 => softmax::softmax;
    "SoftmaxCrossEntropyLoss" 12 2..=3 => loss::softmax_cross_entropy;
    "Softplus" 1 1..=1 => elementwise::unary;
    "Softsign" 1 1..=1 => activation::softsign;
    "SpaceToDepth" 1 1..=1 => shape::space_to_depth;
    "Split" 2 1..=2 => index::split;
    "Sqrt" 6 1..=1 => elementwise::unary;
    "Squeeze" 1 1..=2 => shape::squeeze;
    "Sub" 7 2..=2 => elementwise::binary;
    "Sum" 6 MANY => elementwise::variadic;
    "SwiGLU" 28 2..=2 => activation::swiglu;
    "Swish" 24 1..=1 => activation::swish;
    "Tanh" 6 1..=1 => elementwise::unary;
    "Tile" 6 2..=2 => shape::tile;
    "Transpose" 1 1..=1 => shape::transpose;
    "Unsqueeze" 1 1..=2 => shape::unsqueeze;
    "Upsample" 7 1..=2 => resize::resize;
    "Where" 9 3..=3 => index::select;
    "Xor" 7 2..=2 => elementwise::folded;
}

/// The names of the supported operators, sorted.
pub fn operators() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|(name, ..)| *name)
}

/// The values of the outputs of a node.
pub(crate) fn lower(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let place = OPERATORS.binary_search_by_key(&call.op, |(name, ..)| name);
    let row = place.ok().and_then(|place| OPERATORS.get(place));
    let (name, since, arity, lowering) = row.ok_or_else(|| fault!(UnsupportedOp, "{}", call.op))?;
    if call.opset < *since {
        return Err(fault!(UnsupportedOp, "{name} in operator set {}, it is read from {since} on", call.opset));
    }
    if !arity.contains(&call.arity()) {
        return Err(fault!(Arity, "{name} with {} inputs", call.arity()));
    }
    lowering(builder, call)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(operators().is_sorted());
    }
}
