//! Chapter 5: batch normalisation, from its affine step to the three terms of its backward function.

use super::layers::{affine, batch_norm, normalised, statistics};
use super::record::{Map, chain};
use super::sheet::Sheet;
use super::{Case, Check, Item, Kind};

/// Numbers in a batch of one channel.
const N: usize = 4;

pub(super) const ITEMS: &[Item] = &[
    Item {
        number: 44,
        kind: Kind::Theorem,
        name: "Jacobian of the affine step",
        statement: "The Jacobian of v ↦ γ·v + β is γ times the identity.",
        graph: "one γ and one β on ℝ⁴",
        check: Check::Jacobian(|| {
            Case::of(
                Map::new(
                    |s, x| {
                        let (gamma, beta) = (s.weight("gamma", &[1]), s.bias("beta", 1));
                        let (gamma, beta) = (s.broadcast_like(gamma, x), s.broadcast_like(beta, x));
                        let y = s.mul(gamma, x);
                        s.add(y, beta)
                    },
                    |s, x| {
                        let gamma = s.weight("gamma", &[1]);
                        let gamma = s.broadcast_like(gamma, x);
                        s.diagonal(gamma)
                    },
                ),
                &[N],
            )
        }),
    },
    Item {
        number: 45,
        kind: Kind::Theorem,
        name: "Jacobian of centring",
        statement: "Entry (i, j) of the Jacobian of x ↦ x − mean(x) is δ_ij − 1/n.",
        graph: "x less its mean on ℝ⁴",
        check: Check::Jacobian(|| {
            Case::of(
                Map::new(centred, |s, x| {
                    let n = s.elements(x);
                    let (identity, ones) = (s.identity(n), s.ones(&[n, n]));
                    let share = s.scale(ones, &format!("1/{n}"));
                    s.sub(identity, share)
                }),
                &[N],
            )
        }),
    },
    Item {
        number: 46,
        kind: Kind::Theorem,
        name: "Jacobian of the inverse deviation",
        statement: "With r = 1/√(σ² + ε), repeated to every position, entry (i, j) of the Jacobian is −r³·(x_i − μ)/n.",
        graph: "1/√(variance + ε) of ℝ⁴, repeated; the Jacobian has equal columns",
        check: Check::Jacobian(|| {
            Case::of(
                Map::new(inverse_deviation, |s, x| {
                    let n = s.elements(x);
                    let (istd, hat, per) = statistics(s, x, &[0]);
                    // r³·(x − μ) = r²·x̂.
                    let square = s.mul(istd, istd);
                    let column = s.mul(square, hat);
                    let column = s.scale(column, &format!("-{per}"));
                    let column = s.reshape(column, &[n, 1]);
                    s.broadcast(column, &[n, n])
                }),
                &[N],
            )
        }),
    },
    Item {
        number: 47,
        kind: Kind::Theorem,
        name: "smoothness of the inverse deviation",
        statement: "For ε > 0 the inverse deviation is differentiable everywhere, also where all numbers are equal.",
        graph: "1/√(variance + ε) of ℝ⁴, repeated, at general points and at one where all numbers are equal",
        check: Check::Smooth(|| {
            Case::of(
                Map::new(inverse_deviation, |s, x| {
                    let n = s.elements(x);
                    s.identity(n)
                }),
                &[N],
            )
            .at(&[&[1.0, -0.5, 2.0, 0.25], &[0.75, 0.75, 0.75, 0.75]])
        }),
    },
    Item {
        number: 48,
        kind: Kind::Theorem,
        name: "backward of normalisation (rank-1 correction)",
        statement: "The backward function of x̂ = (x − μ)/√(σ² + ε) has three terms: the cotangent, less its mean, less x̂ times the mean of the cotangent times x̂; all times the inverse deviation.",
        graph: "x̂ on ℝ⁴; the Jacobian is a diagonal less two products of vectors",
        check: Check::Backward(|| Case::new(normalised(&[0]), &[N])),
    },
    Item {
        number: 49,
        kind: Kind::Theorem,
        name: "backward of the affine step",
        statement: "The backward function of the affine step multiplies the cotangent by γ.",
        graph: "a γ and a β for each of two channels, images of 2×2",
        check: Check::Backward(|| Case::new(affine("norm", 1), &[2, 2, 2, 2])),
    },
    Item {
        number: 50,
        kind: Kind::Theorem,
        name: "backward of batch normalisation",
        statement: "Batch normalisation is normalisation, then the affine step, and its backward function is their chain.",
        graph: "batch_norm with batch statistics, two samples, two channels, images of 2×2; ε = 1/100000",
        check: Check::Backward(|| {
            Case::new(batch_norm("norm"), &[2, 2, 2, 2]).also(chain(normalised(&[0, 2, 3]), affine("norm", 1)).forward)
        }),
    },
];

fn centred(s: &mut Sheet, x: usize) -> usize {
    let mean = s.mean(x, &[0]);
    let mean = s.broadcast_like(mean, x);
    s.sub(x, mean)
}

fn inverse_deviation(s: &mut Sheet, x: usize) -> usize {
    statistics(s, x, &[0]).0
}
