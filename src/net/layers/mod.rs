//! The layers: one file each, with its record, its shape rule, and what it is in the IR.
//!
//! The table at the end is the vocabulary. A row names the word in specifications, the file and the record. The shape rule speaks of one sample, without a batch, and is
//! stated apart from the lowering; `NetSpec::lower` holds both against each other. A parameter is declared where the lowering uses it and nowhere else, so that a count
//! cannot differ from what is built. All numbers of a record may be as large as they like: rules and declarations are checked arithmetic.

use super::draft::Draft;
use super::features::{Features, Fitting};
use tl_kernel::cert::json::{Cursor, Json, Object};
use tl_kernel::diagnostic::{Code, Diagnostic};

/// The arguments of a layer as a specification writes them.
pub(crate) trait Record: Sized {
    /// Decodes and consumes the keys in `object`; the caller finishes it.
    fn decode(object: &mut Object) -> Result<Self, Diagnostic>;
    /// The keys in the order of declaration.
    fn encode(&self) -> Vec<(String, Json)>;
    /// The keys with what they mean, in the order of declaration.
    fn arguments() -> Vec<Argument>;
}

/// A key of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The key.
    pub name: &'static str,
    /// What it means, a sentence.
    pub about: &'static str,
    /// The JSON Schema of its value.
    pub schema: Json,
}

/// What a layer is.
pub(crate) trait Rule: Record {
    /// The shape rule: what it makes of one sample, or why it cannot take it.
    fn output(&self, x: &Features) -> Fitting<Features>;
    /// Its nodes and parameters after node `x`, and the node of its result.
    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize>;
    /// How many blocks it repeats; a plain layer is one.
    fn blocks(&self) -> usize {
        1
    }
}

/// What the file of every layer needs.
mod prelude {
    pub(super) use super::{Argument, Record, Rule};
    pub(super) use crate::net::draft::{Convolution, Draft};
    pub(super) use crate::net::features::{Features, Fitting, Misfit, positive, require};
    pub(super) use crate::net::initial::Initial;
    pub(super) use crate::net::words::{Activation, Padding, Returns, Squeeze};
    pub(super) use tl_kernel::cert::json::{Json, Object};
    pub(super) use tl_kernel::diagnostic::Diagnostic;
    pub(super) use tl_kernel::ir::attributes::Attribute;
}

/// Declares a record together with its decoder and encoder, so that the three cannot drift apart.
macro_rules! record {
    ($(#[$meta:meta])* pub struct $name:ident { $(#[doc = $about:literal] pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name { $(#[doc = $about] pub $field: $type,)* }

        impl Record for $name {
            #[allow(unused_variables, reason = "a layer without arguments decodes nothing")]
            fn decode(object: &mut Object) -> Result<Self, Diagnostic> {
                Ok($name { $($field: <$type as Attribute>::decode(object.take(stringify!($field))?)?,)* })
            }
            fn encode(&self) -> Vec<(String, Json)> {
                vec![$((stringify!($field).into(), Attribute::encode(&self.$field)),)*]
            }
            fn arguments() -> Vec<Argument> {
                vec![$(Argument {
                    name: stringify!($field),
                    about: $about,
                    schema: <$type as Attribute>::schema(),
                },)*]
            }
        }
    };
}

macro_rules! layers {
    ($(#[doc = $about:literal] $word:literal => $file:ident::$variant:ident;)*) => {
        $(mod $file; pub use $file::$variant;)*

        /// A layer with its arguments.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Layer { $(#[doc = $about] $variant($variant),)* }

        impl Layer {
            /// Every word of the vocabulary.
            pub const WORDS: &'static [&'static str] = &[$($word,)*];

            /// Every word with what it is, a sentence, and its arguments.
            pub fn vocabulary() -> Vec<(&'static str, &'static str, Vec<Argument>)> {
                vec![$(($word, $about, <$variant as Record>::arguments()),)*]
            }

            /// The word, as specifications write it.
            pub fn word(&self) -> &'static str {
                match self { $(Layer::$variant(_) => $word,)* }
            }

            /// What it makes of one sample, or why it cannot take it.
            pub fn output(&self, x: &Features) -> Fitting<Features> {
                match self { $(Layer::$variant(layer) => layer.output(x),)* }
            }

            /// How many blocks it repeats; a plain layer is one.
            pub fn blocks(&self) -> usize {
                match self { $(Layer::$variant(layer) => layer.blocks(),)* }
            }

            pub(super) fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
                match self { $(Layer::$variant(layer) => layer.lower(draft, x),)* }
            }

            /// Decodes `{"layer": WORD, …}`.
            pub(super) fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
                let mut object = cursor.object()?;
                let word = object.take("layer")?;
                let place = word.pointer();
                let word = word.string()?;
                let layer = match word.as_str() {
                    $($word => Layer::$variant(Record::decode(&mut object)?),)*
                    _ => {
                        let message = format!("no layer is called {word:?}, but {}", Self::WORDS.join(", "));
                        return Err(Diagnostic::new(Code::UnknownKeyword, place, message));
                    }
                };
                object.finish()?;
                Ok(layer)
            }

            /// The arguments by name, in the order of declaration.
            pub fn arguments(&self) -> Vec<(String, Json)> {
                match self { $(Layer::$variant(layer) => layer.encode(),)* }
            }
        }

        $(impl From<$variant> for Layer {
            fn from(layer: $variant) -> Self {
                Layer::$variant(layer)
            }
        })*
    };
}

mod residual;

layers! {
    /// An affine map of the last axis.
    "dense" => dense::Dense;
    /// A convolution with a bias.
    "conv2d" => conv2d::Conv2d;
    /// A convolution, batch normalisation, an activation.
    "convBn" => conv_bn::ConvBn;
    /// The maximum over windows.
    "maxPool" => max_pool::MaxPool;
    /// Features as a vector.
    "flatten" => flatten::Flatten;
    /// The mean of every channel.
    "globalAvgPool" => global_avg_pool::GlobalAvgPool;
    /// Residual blocks of two convolutions.
    "residualBlock" => residual_block::ResidualBlock;
    /// Residual blocks of three convolutions, narrow in the middle.
    "bottleneckBlock" => bottleneck_block::BottleneckBlock;
    /// A depthwise convolution and a pointwise one.
    "separableConv" => separable_conv::SeparableConv;
    /// Residual blocks that are wide in the middle.
    "invertedResidual" => inverted_residual::InvertedResidual;
    /// The same with squeeze-and-excitation.
    "mbConv" => mb_conv::MbConv;
    /// A squeeze, and two expansions beside each other.
    "fireModule" => fire_module::FireModule;
    /// An image as tokens.
    "patchEmbed" => patch_embed::PatchEmbed;
    /// Blocks of self-attention.
    "transformerEncoder" => transformer_encoder::TransformerEncoder;
    /// The product with a mask, while training.
    "dropout" => dropout::Dropout;
    /// Normalisation of the last axis.
    "layerNorm" => layer_norm::LayerNorm;
}
