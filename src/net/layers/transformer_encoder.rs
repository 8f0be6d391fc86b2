//! Blocks of multi-head self-attention and a feed-forward layer, normalisation first (Vaswani et al. 2017; Xiong et al. 2020), and a last normalisation after them.
//!
//! Shapes: [length, width] → [width] (`class`: the token at position 0) or [length, width] (`sequence`). A block: x + out(attention(norm1(x))), then that plus fc2(gelu(fc1(norm2(·)))), the gelu by the
//! exact error function. Attention, for each of `heads` heads of d = width / heads features: softmax(q·kᵀ · 1/√d) · v, where 1/√d is the nearest binary32 number. Nothing is masked.
//! Parameters of a block: norm1, norm2 (weight and bias [width]); query, key, value, out (weight [width, width], bias [width]); fc1 (weight [hidden, width], bias [hidden]); fc2 (weight [width, hidden],
//! bias [width]). After the blocks: norm.

use super::prelude::*;
use tl_kernel::number::Exact;
use tl_kernel::spec::{Op, matmul::Matmul, scale::Scale, softmax::Softmax};

record! {
    /// Blocks of multi-head self-attention and a feed-forward layer, and a last normalisation.
    pub struct TransformerEncoder {
        /// Width of a token.
        pub width: usize,
        /// Heads, which share the width evenly.
        pub heads: usize,
        /// Width of the feed-forward layer.
        pub hidden: usize,
        /// How many blocks.
        pub blocks: usize,
        /// What goes out.
        pub returns: Returns,
    }
}

impl Rule for TransformerEncoder {
    fn output(&self, x: &Features) -> Fitting<Features> {
        positive(&[("heads", self.heads), ("blocks", self.blocks)])?;
        require(self.width.is_multiple_of(self.heads), || {
            format!("width {} does not divide into {} heads", self.width, self.heads)
        })?;
        let length = x.tokens(self.width)?;
        match self.returns {
            Returns::Class => Features::new(&[self.width]),
            Returns::Sequence => Features::new(&[length, self.width]),
        }
    }

    fn lower(&self, draft: &mut Draft, mut x: usize) -> Fitting<usize> {
        for block in 0..self.blocks {
            x = draft.within(format!("block{block}"), |draft| {
                let normal = draft.layer_norm("norm1", x)?;
                let mixed = self.attention(draft, normal)?;
                let x = draft.add(x, mixed)?;
                let normal = draft.layer_norm("norm2", x)?;
                let inside = draft.linear("fc1", normal, self.hidden, Initial::Truncated)?;
                let inside = draft.activation(Activation::Gelu, inside)?;
                let y = draft.linear("fc2", inside, self.width, Initial::Truncated)?;
                draft.add(x, y)
            })?;
        }
        let x = draft.layer_norm("norm", x)?;
        match self.returns {
            Returns::Class => draft.first_token(x),
            Returns::Sequence => Ok(x),
        }
    }

    fn blocks(&self) -> usize {
        self.blocks
    }
}

impl TransformerEncoder {
    /// Self-attention of tokens [batch, length, width], with its last affine map.
    fn attention(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        let &[batch, length, _] = draft.dimensions(x) else {
            return Err(Misfit::new(format!("{:?} are not tokens", draft.dimensions(x))));
        };
        let each = self.width / self.heads;
        let head = |draft: &mut Draft, name: &str, order: &[usize; 4]| {
            let y = draft.linear(name, x, self.width, Initial::Truncated)?;
            let y = draft.reshape(y, &[batch, length, self.heads, each])?;
            draft.permute(y, order)
        };
        let query = head(draft, "query", &[0, 2, 1, 3])?;
        let key = head(draft, "key", &[0, 2, 3, 1])?;
        let value = head(draft, "value", &[0, 2, 1, 3])?;
        let scores = draft.node(Op::Matmul(Matmul {}), &[query, key])?;
        let factor = Exact::from_binary32(((1.0 / (each as f64).sqrt()) as f32).to_bits());
        let factor = factor.ok_or_else(|| Misfit::new(format!("1/√{each} is no binary32 number")))?;
        let scores = draft.node(Op::Scale(Scale { factor }), &[scores])?;
        let weights = draft.node(Op::Softmax(Softmax { axis: 3 }), &[scores])?;
        let mixed = draft.node(Op::Matmul(Matmul {}), &[weights, value])?;
        let mixed = draft.permute(mixed, &[0, 2, 1, 3])?;
        let mixed = draft.reshape(mixed, &[batch, length, self.width])?;
        draft.linear("out", mixed, self.width, Initial::Truncated)
    }
}
