//! Attention and the transformer block as records: rules only, no closed form.

use super::layers::{Dense, gelu, identity, layer_norm, scaled, softmax, transposed};
use super::record::{Record, chain, chain_all, fan_in, matrix_product};
use super::sheet::Sheet;

/// How attention is divided: tokens, width, heads.
#[derive(Clone, Copy)]
pub(super) struct Attention {
    pub(super) tokens: usize,
    pub(super) width: usize,
    pub(super) heads: usize,
}

impl Attention {
    /// `[tokens, width]` to `[heads, tokens, width/heads]`.
    fn split(self) -> Record {
        let Attention { tokens, width, heads, .. } = self;
        let forward = move |s: &mut Sheet, x: usize| {
            let x = s.reshape(x, &[tokens, heads, width / heads]);
            s.permute(x, &[1, 0, 2])
        };
        let back = move |s: &mut Sheet, x: usize| {
            let x = s.permute(x, &[1, 0, 2]);
            s.reshape(x, &[tokens, width])
        };
        Record::new(forward, move |s, _, dy| back(s, dy))
    }

    fn merge(self) -> Record {
        let split = self.split();
        let (forward, backward) = (split.forward, split.backward);
        Record::new(move |s, x| backward(s, x, x), move |s, _, dy| forward(s, dy))
    }

    fn projection(self, of: &'static str) -> Record {
        Dense::new(of, self.width, self.width).record()
    }

    /// Multi-head self-attention: queries, keys and values are three paths from the same tokens, which meet in two matrix products.
    pub(super) fn record(self) -> Record {
        let [query, key, value, output] = ["query", "key", "value", "output"].map(|of| self.projection(of));
        let queries = chain(query, self.split());
        let keys = chain_all([key, self.split(), transposed()]);
        let values = chain(value, self.split());
        let scores = matrix_product(queries, keys);
        let scale = match self.width / self.heads {
            1 => "1",
            4 => "1/2",
            _ => "1/4",
        };
        let weights = chain_all([scores, scaled(scale), softmax(&[2])]);
        chain_all([matrix_product(weights, values), self.merge(), output])
    }
}

/// A transformer block: attention and a two-layer perceptron, each after a layer norm, each beside an identity.
#[derive(Clone, Copy)]
pub(super) struct Block {
    pub(super) attention: Attention,
    pub(super) hidden: usize,
}

impl Block {
    /// Affine, GELU, affine, token by token.
    pub(super) fn perceptron(self) -> Record {
        let width = self.attention.width;
        let (up, down) = (Dense::new("up", width, self.hidden), Dense::new("down", self.hidden, width));
        chain_all([up.record(), gelu(), down.record()])
    }

    /// `x + attention(norm(x))`.
    pub(super) fn attention_sublayer(self) -> Record {
        fan_in(identity(), chain(layer_norm("norm 1", &[1]), self.attention.record()))
    }

    /// `x + perceptron(norm(x))`.
    pub(super) fn perceptron_sublayer(self) -> Record {
        fan_in(identity(), chain(layer_norm("norm 2", &[1]), self.perceptron()))
    }

    pub(super) fn record(self) -> Record {
        chain(self.attention_sublayer(), self.perceptron_sublayer())
    }
}
