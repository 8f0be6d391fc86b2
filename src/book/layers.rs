//! The layers of the book as records: each forward function in operations of the vocabulary, each backward function in the book's closed form.
//!
//! Conventions where ours differ from the book's: a dense weight is `[out, in]`, images are `[N, C, H, W]`, and a Jacobian's entry (i, j) is ∂f_j/∂x_i,
//! as the book has it.

use super::record::{
    Correction, Map, Record, chain, chain_all, diagonal, fan_in, matrix_product, outer_product, product, rank_one,
    selection, toeplitz,
};
use super::sheet::Sheet;

/// 1/√(2π) to 120 digits: what the density of the normal distribution is at 0. The checks show that the digits are right.
const NORMAL_AT_0: &str = "0.398942280401432677939946059934381868475858631164934657665925829670657925899301838501252333907306936430302558863518268551";
/// ε of every normalisation.
const EPSILON: &str = "1/100000";

// Identity, constant factors, and reindexing.

pub(super) fn identity() -> Record {
    Record::new(|_, x| x, |_, _, dy| dy)
}

/// `factor · x`.
pub(super) fn scaled(factor: &'static str) -> Record {
    Record::new(move |s, x| s.scale(x, factor), move |s, _, dy| s.scale(dy, factor))
}

/// A matrix, or the last two axes, transposed.
pub(super) fn transposed() -> Record {
    Record::new(|s, x| s.transpose(x), |s, _, dy| s.transpose(dy))
}

// Affine maps.

/// A weight and a bias by name.
#[derive(Clone, Copy)]
pub(super) struct Dense {
    pub(super) name: &'static str,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
}

impl Dense {
    pub(super) fn new(name: &'static str, inputs: usize, outputs: usize) -> Self {
        Dense { name, inputs, outputs }
    }

    pub(super) fn weight(self, s: &mut Sheet) -> usize {
        s.weight(&format!("{} weight", self.name), &[self.outputs, self.inputs])
    }

    pub(super) fn bias(self, s: &mut Sheet) -> usize {
        s.bias(&format!("{} bias", self.name), self.outputs)
    }

    /// `x ↦ x·Wᵀ + b`, on the last axis; dx = dy·W.
    pub(super) fn record(self) -> Record {
        Record::new(
            move |s, x| {
                let (weight, bias) = (self.weight(s), self.bias(s));
                s.node("linear", &[x, weight, bias])
            },
            move |s, _, dy| {
                let weight = self.weight(s);
                s.matmul(dy, weight)
            },
        )
    }

    /// The map of a vector with its Jacobian Wᵀ.
    pub(super) fn map(self) -> Map {
        Map::new(self.record().forward_of(), move |s, _| {
            let weight = self.weight(s);
            s.transpose(weight)
        })
    }

    /// As a function of the weight, at rows of fixed `x`.
    pub(super) fn of_weight(self, rows: usize) -> Record {
        let fixed = move |s: &mut Sheet| s.weight("x", &[rows, self.inputs]);
        let forward = move |s: &mut Sheet, weight: usize| {
            let (x, bias) = (fixed(s), self.bias(s));
            s.node("linear", &[x, weight, bias])
        };
        outer_product(forward, fixed)
    }

    /// As a function of the bias, at rows of fixed `x`: db is the sum of the rows of dy.
    pub(super) fn of_bias(self, rows: usize) -> Record {
        let forward = move |s: &mut Sheet, bias: usize| {
            let (x, weight) = (s.weight("x", &[rows, self.inputs]), self.weight(s));
            s.node("linear", &[x, weight, bias])
        };
        Record::new(forward, |s, _, dy| s.sum_away(dy, &[0]))
    }
}

impl Record {
    /// Its function alone.
    pub(super) fn forward_of(&self) -> impl Fn(&mut Sheet, usize) -> usize + 'static {
        let forward = self.forward.clone();
        move |s, x| forward(s, x)
    }
}

/// `C · X` with C of this name and shape: dX = Cᵀ · dY.
pub(super) fn left_factor(name: &'static str, dimensions: &'static [usize]) -> Record {
    Record::new(
        move |s, x| {
            let factor = s.weight(name, dimensions);
            s.matmul(factor, x)
        },
        move |s, _, dy| {
            let factor = s.weight(name, dimensions);
            let factor = s.transpose(factor);
            s.matmul(factor, dy)
        },
    )
}

/// `X · D` with D of this name and shape: dX = dY · Dᵀ.
pub(super) fn right_factor(name: &'static str, dimensions: &'static [usize]) -> Record {
    Record::new(
        move |s, x| {
            let factor = s.weight(name, dimensions);
            s.matmul(x, factor)
        },
        move |s, _, dy| {
            let factor = s.weight(name, dimensions);
            let factor = s.transpose(factor);
            s.matmul(dy, factor)
        },
    )
}

// Activations: diagonal Jacobians.

/// The derivative is [x > 0], written as (x)₊/x: undefined at the kink, where the closed form says nothing.
pub(super) fn relu() -> Record {
    diagonal(
        |s, x| s.node("relu", &[x]),
        |s, x| {
            let positive = s.node("relu", &[x]);
            s.node("div", &[positive, x])
        },
    )
}

pub(super) fn square() -> Record {
    diagonal(|s, x| s.mul(x, x), |s, x| s.scale(x, "2"))
}

/// σ' = σ·(1 − σ).
pub(super) fn sigmoid() -> Record {
    diagonal(
        |s, x| s.node("sigmoid", &[x]),
        |s, x| {
            let y = s.node("sigmoid", &[x]);
            let square = s.mul(y, y);
            s.sub(y, square)
        },
    )
}

/// Φ(x) + x·φ(x), φ and Φ the density and the distribution function of the normal distribution.
pub(super) fn gelu_derivative(s: &mut Sheet, x: usize) -> usize {
    let exponent = s.mul(x, x);
    let exponent = s.scale(exponent, "-1/2");
    let density = s.node("exp", &[exponent]);
    let density = s.scale(density, NORMAL_AT_0);
    let distribution = distribution(s, x);
    let steep = s.mul(x, density);
    s.add(distribution, steep)
}

/// Φ(x) = (1 + erf(x/√2))/2.
pub(super) fn distribution(s: &mut Sheet, x: usize) -> usize {
    let two = s.constant("two", &[1], &[2.0]);
    let root = s.node("rsqrt", &[two]);
    let root = s.broadcast_like(root, x);
    let t = s.mul(x, root);
    let t = s.node("erf", &[t]);
    let one = s.ones(&[1]);
    let one = s.broadcast_like(one, x);
    let t = s.add(t, one);
    s.scale(t, "1/2")
}

pub(super) fn gelu() -> Record {
    diagonal(|s, x| s.node(r#"gelu {"form":"erf"}"#, &[x]), gelu_derivative)
}

// Softmax and normalisations: a diagonal less a product of two vectors.

/// Softmax along these axes (one, and the last): J = diag(p) − p·pᵀ.
pub(super) fn softmax(axes: &'static [usize]) -> Record {
    let forward = move |s: &mut Sheet, x: usize| s.node(&format!(r#"softmax {{"axis":{}}}"#, axes[0]), &[x]);
    rank_one(axes, forward, move |s, x| {
        let p = forward(s, x);
        Correction { diagonal: p, pairs: vec![(p, p)] }
    })
}

/// What normalisation along `axes` is made of: 1/√(σ² + ε) and x̂, both in the shape of x, and 1/n.
pub(super) fn statistics(s: &mut Sheet, x: usize, axes: &[usize]) -> (usize, usize, String) {
    let extents = s.extents(x);
    let n: usize = axes.iter().map(|&axis| extents[axis]).product();
    let mean = s.mean(x, axes);
    let mean = s.broadcast_like(mean, x);
    let distance = s.sub(x, mean);
    let square = s.mul(distance, distance);
    let variance = s.mean(square, axes);
    let one = s.ones(&[1]);
    let epsilon = s.scale(one, EPSILON);
    let epsilon = s.broadcast_like(epsilon, variance);
    let variance = s.add(variance, epsilon);
    let istd = s.node("rsqrt", &[variance]);
    let istd = s.broadcast_like(istd, x);
    (istd, s.mul(distance, istd), format!("1/{n}"))
}

/// x̂ = (x − μ)/√(σ² + ε) along `axes`: J = istd·(I − 1·1ᵀ/n − x̂·x̂ᵀ/n), the three terms of the book.
pub(super) fn normalised(axes: &'static [usize]) -> Record {
    let forward = move |s: &mut Sheet, x: usize| statistics(s, x, axes).1;
    rank_one(axes, forward, move |s, x| {
        let (istd, hat, per) = statistics(s, x, axes);
        let share = s.scale(istd, &per);
        let tilted = s.mul(share, hat);
        let one = s.ones(&[1]);
        let one = s.broadcast_like(one, x);
        Correction { diagonal: istd, pairs: vec![(share, one), (tilted, hat)] }
    })
}

/// `γ·x + β` with one γ and β for every index along `axis`.
pub(super) fn affine(name: &'static str, axis: usize) -> Record {
    let along = move |s: &mut Sheet, what: &str, x: usize| {
        let extents = s.extents(x);
        let vector = match what {
            "weight" => s.weight(&format!("{name} weight"), &[extents[axis]]),
            _ => s.bias(&format!("{name} bias"), extents[axis]),
        };
        let mut dimensions = vec![1; extents.len()];
        dimensions[axis] = extents[axis];
        let vector = s.reshape(vector, &dimensions);
        s.broadcast_like(vector, x)
    };
    Record::new(
        move |s, x| {
            let (gamma, beta) = (along(s, "weight", x), along(s, "bias", x));
            let y = s.mul(gamma, x);
            s.add(y, beta)
        },
        move |s, x, dy| {
            let gamma = along(s, "weight", x);
            s.mul(gamma, dy)
        },
    )
}

/// The `batch_norm` of the vocabulary with batch statistics, over images.
pub(super) fn batch_norm(name: &'static str) -> Record {
    chain(normalised(&[0, 2, 3]), affine(name, 1)).of(move |s, x| {
        let channels = s.extents(x)[1];
        let (weight, bias) =
            (s.weight(&format!("{name} weight"), &[channels]), s.bias(&format!("{name} bias"), channels));
        s.node(&format!(r#"batch_norm {{"statistics":"batch","epsilon":"{EPSILON}"}}"#), &[x, weight, bias])
    })
}

/// The `layer_norm` of the vocabulary over the last axis of a matrix (`[1]`) or of a vector (`[0]`).
pub(super) fn layer_norm(name: &'static str, axes: &'static [usize]) -> Record {
    let axis = axes[0];
    chain(normalised(axes), affine(name, axis)).of(move |s, x| {
        let n = s.extents(x)[axis];
        let (weight, bias) = (s.weight(&format!("{name} weight"), &[n]), s.bias(&format!("{name} bias"), n));
        s.node(&format!(r#"layer_norm {{"axis":{axis},"epsilon":"{EPSILON}"}}"#), &[x, weight, bias])
    })
}

// Convolutions and pooling.

/// The text of a convolution over two spatial axes.
pub(super) fn convolution(stride: usize, pad: usize, groups: usize) -> String {
    format!(
        r#"conv {{"stride":[{stride},{stride}],"dilation":[1,1],"pad_before":[{pad},{pad}],"pad_after":[{pad},{pad}],"groups":{groups}}}"#
    )
}

/// A convolution with a 3×3 kernel that keeps the size, `groups` = 1, or depthwise with `groups` = channels.
#[derive(Clone, Copy)]
pub(super) struct Conv {
    pub(super) name: &'static str,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) groups: usize,
}

impl Conv {
    pub(super) fn new(name: &'static str, inputs: usize, outputs: usize) -> Self {
        Conv { name, inputs, outputs, groups: 1 }
    }

    pub(super) fn depthwise(name: &'static str, channels: usize) -> Self {
        Conv { name, inputs: channels, outputs: channels, groups: channels }
    }

    pub(super) fn weight(self, s: &mut Sheet) -> usize {
        s.weight(&format!("{} weight", self.name), &[self.outputs, self.inputs / self.groups, 3, 3])
    }

    pub(super) fn bias(self, s: &mut Sheet) -> usize {
        s.bias(&format!("{} bias", self.name), self.outputs)
    }

    fn apply(self, s: &mut Sheet, x: usize, weight: usize, bias: usize) -> usize {
        s.node(&convolution(1, 1, self.groups), &[x, weight, bias])
    }

    /// As a function of the image.
    pub(super) fn record(self) -> Record {
        toeplitz(
            move |s, x| {
                let (weight, bias) = (self.weight(s), self.bias(s));
                self.apply(s, x, weight, bias)
            },
            move |s| {
                let weight = self.weight(s);
                let extents = s.extents(weight);
                // Both spatial axes from the last position to the first.
                let ends = [extents[0] as i64, extents[1] as i64, -1, -1];
                let reversed = s.slice(weight, &[0, 0, 2, 2], &ends, &[1, 1, -1, -1]);
                // With one channel a group there is nothing to exchange.
                if self.groups == 1 { s.permute(reversed, &[1, 0, 2, 3]) } else { reversed }
            },
            1,
            self.groups,
        )
    }

    /// As a function of the kernel, at a fixed image of these extents: the image, its channels as samples, convolved with the cotangent.
    pub(super) fn of_weight(self, size: usize) -> Record {
        let fixed = move |s: &mut Sheet| s.weight("x", &[1, self.inputs, size, size]);
        Record::new(
            move |s, weight| {
                let (x, bias) = (fixed(s), self.bias(s));
                self.apply(s, x, weight, bias)
            },
            move |s, weight, dy| {
                let x = fixed(s);
                if self.groups > 1 {
                    // Every channel for itself: the cotangent of a channel is the kernel for that channel.
                    let kernel = s.permute(dy, &[1, 0, 2, 3]);
                    let y = s.node(&convolution(1, 1, self.groups), &[x, kernel]);
                    return s.reshape_like(y, weight);
                }
                let (x, kernel) = (s.permute(x, &[1, 0, 2, 3]), s.permute(dy, &[1, 0, 2, 3]));
                let y = s.node(&convolution(1, 1, 1), &[x, kernel]);
                s.permute(y, &[1, 0, 2, 3])
            },
        )
    }

    /// As a function of the bias, at a fixed image: the cotangent summed over samples and positions.
    pub(super) fn of_bias(self, size: usize) -> Record {
        Record::new(
            move |s, bias| {
                let (x, weight) = (s.weight("x", &[1, self.inputs, size, size]), self.weight(s));
                self.apply(s, x, weight, bias)
            },
            |s, _, dy| s.sum_away(dy, &[0, 2, 3]),
        )
    }

    /// The definition, written out: for every cell of the kernel, the shifted image times that cell, summed over channels and cells.
    pub(super) fn written_out(self, s: &mut Sheet, x: usize) -> usize {
        let (weight, bias) = (self.weight(s), self.bias(s));
        let n = s.extents(x)[2];
        let padded = s.node(r#"pad {"before":[0,0,1,1],"after":[0,0,1,1],"mode":"constant","value":["0"]}"#, &[x]);
        let per_group = self.inputs / self.groups;
        let whole = [self.outputs, per_group, n, n];
        let bias = s.reshape(bias, &[1, self.outputs, 1, 1]);
        let mut y = s.broadcast(bias, &[1, self.outputs, n, n]);
        for at in 0..9 {
            let (i, j) = (at / 3, at % 3);
            let (end_i, end_j) = ((i + n) as i64, (j + n) as i64);
            let window = s.slice(padded, &[0, 0, i, j], &[1, self.inputs as i64, end_i, end_j], &[1; 4]);
            // One group: every output sees every channel. A group for each channel: output c sees channel c.
            let window = if self.groups > 1 { s.permute(window, &[1, 0, 2, 3]) } else { window };
            let window = s.broadcast(window, &whole);
            let (end_i, end_j) = (i as i64 + 1, j as i64 + 1);
            let cell = s.slice(weight, &[0, 0, i, j], &[self.outputs as i64, per_group as i64, end_i, end_j], &[1; 4]);
            let cell = s.broadcast(cell, &whole);
            let terms = s.mul(window, cell);
            let terms = s.sum_away(terms, &[1]);
            let terms = s.reshape_like(terms, y);
            y = s.add(y, terms);
        }
        y
    }
}

/// The four quarters of the 2×2 windows: the cell (i, j) of every window.
pub(super) fn quarters_of(s: &mut Sheet, x: usize) -> Vec<usize> {
    let ends: Vec<i64> = s.extents(x).iter().map(|&n| n as i64).collect();
    (0..4).map(|at| s.slice(x, &[0, 0, at / 2, at % 2], &ends, &[1, 1, 2, 2])).collect()
}

/// Maximum over 2×2 windows, stride 2, of images with one channel.
pub(super) fn max_pool() -> Record {
    const POOL: &str = r#"max_pool {"kernel":[2,2],"stride":[2,2],"dilation":[1,1],"pad_before":[0,0],"pad_after":[0,0],"ceil_mode":false}"#;
    selection(
        quarters_of,
        |s, x| s.node(POOL, &[x]),
        |s, at, chosen| {
            let mut place = [0.0; 4];
            place[at] = 1.0;
            let kernel = s.constant(&format!("cell {at}"), &[1, 1, 2, 2], &place);
            s.node(
                r#"conv_transpose {"stride":[2,2],"dilation":[1,1],"pad_before":[0,0],"pad_after":[0,0],"output_padding":[0,0],"groups":1}"#,
                &[chosen, kernel],
            )
        },
    )
}

/// The mean of every channel, `[N, C, H, W]` to `[N, C]`; what comes back is spread evenly.
pub(super) fn channel_means() -> Record {
    Record::new(
        |s, x| {
            let y = s.node("global_avg_pool", &[x]);
            let extents = s.extents(x);
            s.reshape(y, &extents[..2])
        },
        |s, x, dy| {
            let extents = s.extents(x);
            let dy = s.reshape(dy, &[extents[0], extents[1], 1, 1]);
            let dy = s.broadcast(dy, &extents);
            s.scale(dy, &format!("1/{}", extents[2] * extents[3]))
        },
    )
}

/// `[N, C]` repeated to the whole images of `[N, C, n, n]`; what comes back is summed over positions.
pub(super) fn spread(n: usize) -> Record {
    Record::new(
        move |s, x| {
            let extents = s.extents(x);
            let y = s.reshape(x, &[extents[0], extents[1], 1, 1]);
            s.broadcast(y, &[extents[0], extents[1], n, n])
        },
        |s, _, dy| s.sum_away(dy, &[2, 3]),
    )
}

/// Squeeze-and-excitation: the image times a gate for each channel that is computed from all channel means.
pub(super) fn squeeze_and_excitation(channels: usize, squeezed: usize, n: usize) -> Record {
    let (down, up) = (Dense::new("squeeze", channels, squeezed), Dense::new("excite", squeezed, channels));
    let gate = chain_all([channel_means(), down.record(), relu(), up.record(), sigmoid(), spread(n)]);
    product(identity(), gate)
}

// Attention and the transformer.

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

/// Patch embedding of `[1, 3, 4, 4]` with patches of 2×2: a class token, four patch tokens, positions added.
///
/// The function is a convolution whose stride is its kernel; the backward function is that of the other way to see it: patches unfolded to rows, one product
/// with the kernel as a matrix, and folded back.
pub(super) fn patch_embedding(width: usize) -> Record {
    Record::new(
        move |s, x| {
            let (weight, bias) = (s.weight("patch weight", &[width, 3, 2, 2]), s.bias("patch bias", width));
            let y = s.node(&convolution(2, 0, 1), &[x, weight, bias]);
            let y = s.reshape(y, &[width, 4]);
            let y = s.transpose(y);
            tokens(s, y, width)
        },
        move |s, _, dy| {
            let weight = s.weight("patch weight", &[width, 3, 2, 2]);
            let weight = s.reshape(weight, &[width, 12]);
            let tokens = s.slice(dy, &[1, 0], &[5, width as i64], &[1, 1]);
            let patches = s.matmul(tokens, weight);
            let cells = s.reshape(patches, &[2, 2, 3, 2, 2]);
            let cells = s.permute(cells, &[2, 0, 3, 1, 4]);
            s.reshape(cells, &[1, 3, 4, 4])
        },
    )
}

/// The class token in front, and the positions added.
fn tokens(s: &mut Sheet, patches: usize, width: usize) -> usize {
    let (class, positions) = (s.weight("class token", &[1, width]), s.weight("positions", &[5, width]));
    let y = s.concat(&[class, patches], 0);
    s.add(y, positions)
}

/// Patch embedding as patches unfolded to rows times the kernel as a matrix.
pub(super) fn unfolded_patches(s: &mut Sheet, x: usize, width: usize) -> usize {
    let (weight, bias) = (s.weight("patch weight", &[width, 3, 2, 2]), s.bias("patch bias", width));
    let weight = s.reshape(weight, &[width, 12]);
    let cells = s.reshape(x, &[3, 2, 2, 2, 2]);
    let cells = s.permute(cells, &[1, 3, 0, 2, 4]);
    let patches = s.reshape(cells, &[4, 12]);
    let y = s.node("linear", &[patches, weight, bias]);
    tokens(s, y, width)
}

/// The maximum of four quarters.
pub(super) fn greatest(s: &mut Sheet, parts: &[usize]) -> usize {
    parts[1..].iter().fold(parts[0], |greatest, &part| s.node("max", &[greatest, part]))
}
