//! The layers of the book as records: each forward function in operations of the vocabulary, each backward function in the book's closed form.
//!
//! Conventions where ours differ from the book's: a dense weight is `[out, in]`, images are `[N, C, H, W]`, and a Jacobian's entry (i, j) is ∂f_j/∂x_i,
//! as the book has it.

use super::record::{Correction, Map, Record, chain, diagonal, outer_product, rank_one};
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
