//! Chapter 10: softmax, attention, the transformer block, and the body of a vision transformer.

use super::images::{patch_embedding, unfolded_patches};
use super::layers::{Dense, gelu, identity, layer_norm, softmax};
use super::record::{Map, Record, chain, chain_all, rows, scoped};
use super::sheet::Sheet;
use super::transformer::{Attention, Block};
use super::{Case, Check, Item, Kind};
use std::rc::Rc;

const ATTENTION: Attention = Attention { tokens: 3, width: 8, heads: 2 };
const BLOCK: Block = Block { attention: Attention { tokens: 3, width: 4, heads: 1 }, hidden: 6 };
const TOKENS: [usize; 2] = [3, 8];
const NARROW: [usize; 2] = [3, 4];

pub(super) const ITEMS: &[Item] = &[
    Item {
        number: 62,
        kind: Kind::Theorem,
        name: "Jacobian of softmax",
        statement: "With p = softmax(z), entry (i, j) of the Jacobian is p_j·(δ_ij − p_i): a diagonal less the product of p with itself.",
        graph: "softmax of ℝ⁴, all sixteen entries",
        check: Check::Jacobian(|| {
            Case::of(
                Map::new(softmax(&[0]).forward_of(), |s, x| {
                    let n = s.elements(x);
                    let p = s.node(r#"softmax {"axis":0}"#, &[x]);
                    let (column, row) = (s.reshape(p, &[n, 1]), s.reshape(p, &[1, n]));
                    let (diagonal, both) = (s.diagonal(p), s.matmul(column, row));
                    s.sub(diagonal, both)
                }),
                &[4],
            )
        }),
    },
    Item {
        number: 63,
        kind: Kind::Theorem,
        name: "backward of softmax",
        statement: "The backward function of softmax collapses to p ∘ (dy − ⟨p, dy⟩).",
        graph: "softmax of ℝ⁵",
        check: Check::Backward(|| Case::new(collapsed_softmax(), &[5])),
    },
    Item {
        number: 64,
        kind: Kind::Theorem,
        name: "backward of softmax on rows",
        statement: "The backward function of softmax on every row of a matrix is that of softmax, row by row.",
        graph: "softmax along the last axis of 3×4 matrices, lifted row by row",
        check: Check::Backward(|| lifted(softmax(&[0]), softmax(&[1]), &[3, 4])),
    },
    Item {
        number: 65,
        kind: Kind::Theorem,
        name: "attention, gradient in the queries",
        statement: "With P = softmax(Q·Kᵀ/√d) and dP = dY·Vᵀ, the gradient in Q is dS·K/√d, where dS = P ∘ (dP − ⟨P, dP⟩), row by row.",
        graph: "scaled dot-product attention of 3 tokens, width 4, as a function of Q",
        check: Check::Backward(|| Case::new(head(Role::Query), &NARROW)),
    },
    Item {
        number: 66,
        kind: Kind::Theorem,
        name: "attention, gradient in the keys",
        statement: "The gradient in K is dSᵀ·Q/√d.",
        graph: "the same as a function of K",
        check: Check::Backward(|| Case::new(head(Role::Key), &NARROW)),
    },
    Item {
        number: 67,
        kind: Kind::Theorem,
        name: "attention, gradient in the values",
        statement: "The gradient in V is Pᵀ·dY.",
        graph: "the same as a function of V",
        check: Check::Backward(|| Case::new(head(Role::Value), &NARROW)),
    },
    Item {
        number: 68,
        kind: Kind::Axiom,
        name: "backward of multi-head attention",
        statement: "The backward function of multi-head self-attention works head by head between the projections; what comes back through queries, keys and values adds at the tokens.",
        graph: "3 tokens of width 8, two heads, four projections: rules 1 and 3 only, nothing written out",
        check: Check::Backward(|| Case::new(ATTENTION.record(), &TOKENS)),
    },
    Item {
        number: 69,
        kind: Kind::Axiom,
        name: "smoothness of multi-head attention",
        statement: "Multi-head self-attention is differentiable everywhere.",
        graph: "the same graph: affine maps, products, and softmax",
        check: Check::Smooth(|| Case::new(ATTENTION.record(), &TOKENS)),
    },
    Item {
        number: 70,
        kind: Kind::Axiom,
        name: "backward of patch embedding",
        statement: "The backward function of patch embedding drops the class token's cotangent, multiplies the others by the projection, and folds the patches back into the image.",
        graph: "a 4×4 image of 3 channels in 2×2 patches, to 5 tokens of width 4: a convolution forwards, unfolded patches backwards",
        check: Check::Backward(|| {
            Case::new(patch_embedding(4), &[1, 3, 4, 4]).also(Rc::new(|s, x| unfolded_patches(s, x, 4)))
        }),
    },
    Item {
        number: 71,
        kind: Kind::Axiom,
        name: "smoothness of patch embedding",
        statement: "Patch embedding is differentiable everywhere.",
        graph: "the same graph: it is affine",
        check: Check::Smooth(|| Case::new(patch_embedding(4), &[1, 3, 4, 4])),
    },
    Item {
        number: 72,
        kind: Kind::Theorem,
        name: "layer normalisation, token by token",
        statement: "The backward function of layer normalisation of every token is that of one token, row by row.",
        graph: "layer_norm of 3×4 tokens, lifted from a vector row by row",
        check: Check::Backward(|| lifted(layer_norm("norm", &[0]), layer_norm("norm", &[1]), &NARROW)),
    },
    Item {
        number: 73,
        kind: Kind::Theorem,
        name: "dense layer, token by token",
        statement: "The backward function of an affine map of every token is that of one token, row by row.",
        graph: "linear on 3×4 tokens, lifted from a vector row by row",
        check: Check::Backward(|| {
            lifted(Dense::new("dense", 4, 2).record(), Dense::new("dense", 4, 2).record(), &NARROW)
        }),
    },
    Item {
        number: 74,
        kind: Kind::Theorem,
        name: "GELU, token by token",
        statement: "The backward function of GELU of every token is that of one token, row by row.",
        graph: "gelu on 3×4 tokens, lifted from a vector row by row",
        check: Check::Backward(|| lifted(gelu(), gelu(), &NARROW)),
    },
    Item {
        number: 75,
        kind: Kind::Theorem,
        name: "smoothness of softmax on rows",
        statement: "Softmax on the rows of a matrix is differentiable everywhere: its denominators are positive.",
        graph: "softmax along the last axis of 3×4 matrices",
        check: Check::Smooth(|| Case::new(softmax(&[1]), &[3, 4])),
    },
    Item {
        number: 76,
        kind: Kind::Theorem,
        name: "backward of the perceptron of a transformer",
        statement: "The backward function of affine, GELU, affine, token by token, is the chain of theirs.",
        graph: "3 tokens, 4 → 6 → 4",
        check: Check::Backward(|| Case::new(BLOCK.perceptron(), &NARROW)),
    },
    Item {
        number: 77,
        kind: Kind::Theorem,
        name: "backward of the attention sublayer",
        statement: "The backward function of x + attention(norm(x)) is rule 2 of the identity and a chain.",
        graph: "3 tokens of width 4, one head",
        check: Check::Backward(|| Case::new(BLOCK.attention_sublayer(), &NARROW)),
    },
    Item {
        number: 78,
        kind: Kind::Theorem,
        name: "backward of the perceptron sublayer",
        statement: "The backward function of x + perceptron(norm(x)) is rule 2 of the identity and a chain.",
        graph: "3 tokens of width 4, hidden width 6",
        check: Check::Backward(|| Case::new(BLOCK.perceptron_sublayer(), &NARROW)),
    },
    Item {
        number: 79,
        kind: Kind::Theorem,
        name: "backward of a transformer block",
        statement: "The backward function of a transformer block is the chain of its two sublayers.",
        graph: "both sublayers, 3 tokens of width 4",
        check: Check::Backward(|| Case::new(BLOCK.record(), &NARROW)),
    },
    Item {
        number: 80,
        kind: Kind::Theorem,
        name: "backward of a tower of blocks",
        statement: "A tower of k blocks has a backward function for every k: none is the identity, and one block more is one chain more.",
        graph: "a tower of three blocks, each with parameters of its own (a step of the induction is item 10; depths 0 to 3 are in the tests)",
        check: Check::Backward(|| Case::new(tower(3), &NARROW)),
    },
    Item {
        number: 81,
        kind: Kind::Theorem,
        name: "backward of the body of a vision transformer",
        statement: "The body, a tower of blocks and a final layer normalisation, has a backward function: one more chain.",
        graph: "a tower of two blocks and a layer_norm, 3 tokens of width 4",
        check: Check::Backward(|| Case::new(chain(tower(2), layer_norm("final norm", &[1])), &NARROW)),
    },
];

/// A record for vectors lifted to rows, as the backward function of one for the whole matrix; the two functions are one.
fn lifted(row: Record, whole: Record, dimensions: &[usize]) -> Case {
    let lifted = rows(row);
    let also = lifted.forward.clone();
    Case::new(lifted.of(whole.forward_of()), dimensions).also(also)
}

/// `p ∘ (dy − ⟨p, dy⟩)`.
fn collapsed_softmax() -> Record {
    let forward = |s: &mut Sheet, x: usize| s.node(r#"softmax {"axis":0}"#, &[x]);
    Record::new(forward, move |s, x, dy| {
        let p = forward(s, x);
        collapse(s, p, dy)
    })
}

/// `p ∘ (dy − ⟨p, dy⟩)` along the last axis.
fn collapse(s: &mut Sheet, p: usize, dy: usize) -> usize {
    let last = s.extents(p).len() - 1;
    let terms = s.mul(p, dy);
    let inner = s.sum(terms, &[last]);
    let inner = s.broadcast_like(inner, dy);
    let rest = s.sub(dy, inner);
    s.mul(p, rest)
}

/// Which of the three operands of attention is the variable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Query,
    Key,
    Value,
}

/// Scaled dot-product attention of one head as a function of one operand, with the gradients written out.
fn head(role: Role) -> Record {
    let operands = move |s: &mut Sheet, x: usize| {
        [(Role::Query, "queries"), (Role::Key, "keys"), (Role::Value, "values")]
            .map(|(of, name)| if of == role { x } else { s.weight(name, &NARROW) })
    };
    // 1/√4.
    let probabilities = |s: &mut Sheet, queries: usize, keys: usize| {
        let keys = s.transpose(keys);
        let scores = s.matmul(queries, keys);
        let scores = s.scale(scores, "1/2");
        s.node(r#"softmax {"axis":1}"#, &[scores])
    };
    Record::new(
        move |s, x| {
            let [queries, keys, values] = operands(s, x);
            let p = probabilities(s, queries, keys);
            s.matmul(p, values)
        },
        move |s, x, dy| {
            let [queries, keys, values] = operands(s, x);
            let p = probabilities(s, queries, keys);
            if role == Role::Value {
                let p = s.transpose(p);
                return s.matmul(p, dy);
            }
            let values = s.transpose(values);
            let dp = s.matmul(dy, values);
            let ds = collapse(s, p, dp);
            let ds = s.scale(ds, "1/2");
            if role == Role::Query {
                return s.matmul(ds, keys);
            }
            let ds = s.transpose(ds);
            s.matmul(ds, queries)
        },
    )
}

/// `depth` blocks, each with parameters of its own.
pub(super) fn tower(depth: usize) -> Record {
    if depth == 0 {
        return identity();
    }
    chain_all((0..depth).map(|block| scoped(format!("block {block}"), BLOCK.record())))
}
