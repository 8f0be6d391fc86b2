//! Chapter 2: partial derivatives, the rules for Jacobians, and the rules for backward functions on vectors, matrices and 3-tensors.

use super::layers::{Dense, identity, left_factor, right_factor, scaled, softmax, square, transposed};
use super::record::{Map, Record, chain, chain_of_maps, fan_in, product, product_of_maps, rows, sum_of_maps};
use super::sheet::Sheet;
use super::{Case, Check, Item, Kind};

pub(super) const ITEMS: &[Item] = &[
    Item {
        number: 1,
        kind: Kind::Definition,
        name: "partial derivative",
        statement: "For f from m to n numbers the partial derivative (i, j) at x is coordinate j of the derivative of f at x along the basis vector e_i.",
        graph: "f(x) = Ax ∘ Bx from ℝ³ to ℝ², whose Jacobian is written out entry by entry",
        check: Check::Jacobian(|| Case::of(quadratic("A", "B", 3, 2), &[3])),
    },
    Item {
        number: 2,
        kind: Kind::Theorem,
        name: "chain rule",
        statement: "Where f is differentiable at x and g at f(x), the Jacobian of g ∘ f is the matrix product of the Jacobian of f at x and that of g at f(x).",
        graph: "a quadratic map of a quadratic map, ℝ³ → ℝ² → ℝ³; the Jacobian is the product of two",
        check: Check::Jacobian(|| Case::of(chain_of_maps(quadratic("A", "B", 3, 2), quadratic("C", "D", 2, 3)), &[3])),
    },
    Item {
        number: 3,
        kind: Kind::Theorem,
        name: "sum rule",
        statement: "Where f and g are differentiable, the Jacobian of f + g is the sum of theirs.",
        graph: "the sum of two quadratic maps ℝ³ → ℝ²",
        check: Check::Jacobian(|| {
            Case::of(sum_of_maps(vec![quadratic("A", "B", 3, 2), quadratic("C", "D", 3, 2)]), &[3])
        }),
    },
    Item {
        number: 4,
        kind: Kind::Theorem,
        name: "product rule",
        statement: "Where f and g are differentiable, entry (i, j) of the Jacobian of the elementwise product is Jf[i, j]·g_j + f_j·Jg[i, j].",
        graph: "the elementwise product of two quadratic maps ℝ³ → ℝ²",
        check: Check::Jacobian(|| {
            Case::of(product_of_maps(quadratic("A", "B", 3, 2), quadratic("C", "D", 3, 2)), &[3])
        }),
    },
    Item {
        number: 5,
        kind: Kind::Theorem,
        name: "Jacobian of the identity",
        statement: "The Jacobian of the identity is the identity matrix.",
        graph: "x ↦ x on ℝ³",
        check: Check::Jacobian(|| Case::of(Map::new(|_, x| x, delta), &[3])),
    },
    Item {
        number: 6,
        kind: Kind::Theorem,
        name: "Jacobian of a constant",
        statement: "A function that does not depend on x has the Jacobian 0.",
        graph: "x ↦ c + 0·x on ℝ³ (a graph has no input that nothing uses)",
        check: Check::Jacobian(|| {
            Case::of(
                Map::new(constant, |s, x| {
                    let identity = delta(s, x);
                    s.scale(identity, "0")
                }),
                &[3],
            )
        }),
    },
    Item {
        number: 7,
        kind: Kind::Theorem,
        name: "Jacobian of a reindexing",
        statement: "Where y_j = x_σ(j), for any map σ of indices, entry (i, j) of the Jacobian is 1 where i = σ(j) and 0 elsewhere: permutations, reshapes, slices, repetitions.",
        graph: "gather of ℝ⁴ by σ = (2, 0, 2, 3, 1), in which one position is taken twice",
        check: Check::Jacobian(|| Case::of(reindexing(), &[4])),
    },
    Item {
        number: 8,
        kind: Kind::Theorem,
        name: "independent rows",
        statement: "Where one differentiable function is applied to every row of a matrix, the Jacobian is block-diagonal: no row depends on another, and each block is that of the function at its row.",
        graph: "a quadratic map ℝ³ → ℝ² on both rows of a 2×3 matrix; the Jacobian has a block for each row",
        check: Check::Jacobian(|| Case::of(independent_rows(), &[2, 3])),
    },
    Item {
        number: 9,
        kind: Kind::Theorem,
        name: "sum rule for many summands",
        statement: "The Jacobian of a finite sum of differentiable functions is the sum of their Jacobians.",
        graph: "the sum of four quadratic maps ℝ³ → ℝ²",
        check: Check::Jacobian(|| {
            let maps = [("A", "B"), ("C", "D"), ("E", "F"), ("G", "H")].map(|(a, b)| quadratic(a, b, 3, 2));
            Case::of(sum_of_maps(maps.into()), &[3])
        }),
    },
    Item {
        number: 10,
        kind: Kind::Theorem,
        name: "rule 1, chain",
        statement: "From backward functions of f and of g comes one of g ∘ f: first that of g at f(x), then that of f at x.",
        graph: "chain of two quadratic maps",
        check: Check::Backward(|| {
            Case::new(chain(quadratic("A", "B", 3, 2).record(), quadratic("C", "D", 2, 3).record()), &[3])
        }),
    },
    Item {
        number: 11,
        kind: Kind::Theorem,
        name: "rule 2, additive fan-in",
        statement: "A backward function of f + g sends the cotangent down both paths and adds what comes back.",
        graph: "fan-in of a quadratic map and an affine map of one value",
        check: Check::Backward(|| {
            Case::new(fan_in(quadratic("A", "B", 3, 2).record(), Dense::new("affine", 3, 2).record()), &[3])
        }),
    },
    Item {
        number: 12,
        kind: Kind::Theorem,
        name: "rule 3, multiplicative fan-in",
        statement: "A backward function of the elementwise product f ∘ g sends the cotangent times the value of the other down each path and adds what comes back.",
        graph: "product of a quadratic map and an affine map of one value",
        check: Check::Backward(|| {
            Case::new(product(quadratic("A", "B", 3, 2).record(), Dense::new("affine", 3, 2).record()), &[3])
        }),
    },
    Item {
        number: 13,
        kind: Kind::Theorem,
        name: "backward of the identity",
        statement: "The backward function of the identity returns the cotangent.",
        graph: "x ↦ x on ℝ³",
        check: Check::Backward(|| Case::new(identity(), &[3])),
    },
    Item {
        number: 14,
        kind: Kind::Theorem,
        name: "chain rule for matrices",
        statement: "Rule 1 holds for functions of matrices: they are functions of vectors, through the row-major flattening, which is a bijection.",
        graph: "on 2×3 matrices: squares, then a factor on the left; once more with every step on the flattened matrix",
        check: Check::Backward(|| Case::new(chain(flattened(square()), left_factor("C", &[2, 2])), &[2, 3])),
    },
    Item {
        number: 15,
        kind: Kind::Theorem,
        name: "additive fan-in for matrices",
        statement: "Rule 2 holds for functions of matrices.",
        graph: "on 2×3 matrices: squares plus a factor on the left",
        check: Check::Backward(|| Case::new(fan_in(square(), left_factor("C", &[2, 2])), &[2, 3])),
    },
    Item {
        number: 16,
        kind: Kind::Theorem,
        name: "identity on matrices",
        statement: "The backward function of the identity on matrices returns the cotangent.",
        graph: "X ↦ X on 2×3 matrices",
        check: Check::Backward(|| Case::new(identity(), &[2, 3])),
    },
    Item {
        number: 17,
        kind: Kind::Theorem,
        name: "Jacobian of a constant factor",
        statement: "The Jacobian of X ↦ s·X is s times the identity.",
        graph: "3/4·X on 2×3 matrices",
        check: Check::Jacobian(|| {
            Case::of(
                Map::new(
                    |s, x| s.scale(x, "3/4"),
                    |s, x| {
                        let identity = delta(s, x);
                        s.scale(identity, "3/4")
                    },
                ),
                &[2, 3],
            )
        }),
    },
    Item {
        number: 18,
        kind: Kind::Theorem,
        name: "Jacobian of transposition",
        statement: "The Jacobian of X ↦ Xᵀ is the permutation that sends (a, b) to (b, a).",
        graph: "Xᵀ of 2×3 matrices",
        check: Check::Jacobian(|| Case::of(Map::new(|s, x| s.transpose(x), transposition), &[2, 3])),
    },
    Item {
        number: 19,
        kind: Kind::Theorem,
        name: "Jacobian of a product, left factor fixed",
        statement: "Entry ((k, j), (i, l)) of the Jacobian of X ↦ C·X is C[i, k] where j = l, and 0 elsewhere.",
        graph: "C·X, C 2×2 and X 2×3; the Jacobian is Cᵀ ⊗ I",
        check: Check::Jacobian(|| {
            Case::of(
                Map::new(left_factor("C", &[2, 2]).forward_of(), |s, x| {
                    let columns = s.extents(x)[1];
                    let (factor, identity) = (s.weight("C", &[2, 2]), s.identity(columns));
                    let factor = s.transpose(factor);
                    s.kronecker(factor, identity)
                }),
                &[2, 3],
            )
        }),
    },
    Item {
        number: 20,
        kind: Kind::Theorem,
        name: "Jacobian of a product, right factor fixed",
        statement: "Entry ((i, k), (l, j)) of the Jacobian of X ↦ X·D is D[k, j] where i = l, and 0 elsewhere.",
        graph: "X·D, X 2×3 and D 3×2; the Jacobian is I ⊗ D",
        check: Check::Jacobian(|| Case::of(last_axis(), &[2, 3])),
    },
    Item {
        number: 21,
        kind: Kind::Theorem,
        name: "backward of a product, left factor fixed",
        statement: "The backward function of X ↦ C·X is dY ↦ Cᵀ·dY.",
        graph: "C·X, C 2×2 and X 2×3",
        check: Check::Backward(|| Case::new(left_factor("C", &[2, 2]), &[2, 3])),
    },
    Item {
        number: 22,
        kind: Kind::Theorem,
        name: "backward of a product, right factor fixed",
        statement: "The backward function of X ↦ X·D is dY ↦ dY·Dᵀ.",
        graph: "X·D, X 2×3 and D 3×2",
        check: Check::Backward(|| Case::new(right_factor("D", &[3, 2]), &[2, 3])),
    },
    Item {
        number: 23,
        kind: Kind::Theorem,
        name: "backward of a constant factor",
        statement: "The backward function of X ↦ s·X is dY ↦ s·dY.",
        graph: "3/4·X on 2×3 matrices",
        check: Check::Backward(|| Case::new(scaled("3/4"), &[2, 3])),
    },
    Item {
        number: 24,
        kind: Kind::Theorem,
        name: "backward of transposition",
        statement: "The backward function of X ↦ Xᵀ is dY ↦ dYᵀ.",
        graph: "Xᵀ of 2×3 matrices",
        check: Check::Backward(|| Case::new(transposed(), &[2, 3])),
    },
    Item {
        number: 25,
        kind: Kind::Theorem,
        name: "lifting to rows",
        statement: "From a backward function of g on vectors comes one of g applied to every row of a matrix: the same, row by row.",
        graph: "a quadratic map ℝ³ → ℝ² on each of three rows, lifted row by row",
        check: Check::Backward(|| Case::new(rows(quadratic("A", "B", 3, 2).record()), &[3, 3])),
    },
    Item {
        number: 26,
        kind: Kind::Theorem,
        name: "chain rule for 3-tensors",
        statement: "The Jacobian of a composition of functions of 3-tensors is the product of their Jacobians over the flattened indices.",
        graph: "on 2×1×3 tensors: squares, then a matrix on the last axis",
        check: Check::Jacobian(|| Case::of(chain_of_maps(squares(), last_axis()), &[2, 1, 3])),
    },
    Item {
        number: 27,
        kind: Kind::Theorem,
        name: "rule 1 for 3-tensors",
        statement: "Backward functions of functions of 3-tensors compose as in rule 1.",
        graph: "on 2×2×3 tensors: squares, then a matrix on the last axis",
        check: Check::Backward(|| Case::new(chain(square(), right_factor("D", &[3, 2])), &[2, 2, 3])),
    },
    Item {
        number: 28,
        kind: Kind::Theorem,
        name: "additive fan-in for 3-tensors",
        statement: "Rule 2 holds for functions of 3-tensors.",
        graph: "on 2×2×3 tensors: softmax along the last axis plus squares",
        check: Check::Backward(|| Case::new(fan_in(softmax(&[2]), square()), &[2, 2, 3])),
    },
];

/// `x ↦ Ax ∘ Bx` from m to n numbers, with J[i, j] = A[j, i]·(Bx)_j + (Ax)_j·B[j, i] written out.
fn quadratic(a: &'static str, b: &'static str, m: usize, n: usize) -> Map {
    let both = move |s: &mut Sheet, x: usize| {
        let (a, b) = (s.weight(a, &[n, m]), s.weight(b, &[n, m]));
        let (y, z) = (s.node("linear", &[x, a]), s.node("linear", &[x, b]));
        [a, b, y, z]
    };
    Map::new(
        move |s, x| {
            let [_, _, y, z] = both(s, x);
            s.mul(y, z)
        },
        move |s, x| {
            let [a, b, y, z] = both(s, x);
            let (a, b) = (s.transpose(a), s.transpose(b));
            let (y, z) = (s.broadcast(y, &[m, n]), s.broadcast(z, &[m, n]));
            let (left, right) = (s.mul(a, z), s.mul(y, b));
            s.add(left, right)
        },
    )
}

/// The identity matrix of as many rows as x has elements.
fn delta(s: &mut Sheet, x: usize) -> usize {
    let n = s.elements(x);
    s.identity(n)
}

fn constant(s: &mut Sheet, x: usize) -> usize {
    let n = s.elements(x);
    let (constant, nothing) = (s.weight("c", &[n]), s.scale(x, "0"));
    s.add(constant, nothing)
}

fn reindexing() -> Map {
    const FROM: [usize; 5] = [2, 0, 2, 3, 1];
    Map::new(
        |s, x| s.node(&format!(r#"gather {{"axis":0,"indices":{FROM:?},"indices_shape":[5]}}"#), &[x]),
        |s, _| {
            let data: Vec<f32> = (0..20).map(|at| if at / 5 == FROM[at % 5] { 1.0 } else { 0.0 }).collect();
            s.constant("selection", &[4, 5], &data)
        },
    )
}

fn independent_rows() -> Map {
    let row = || quadratic("A", "B", 3, 2);
    let (forward, block) = (row(), row().jacobian);
    Map::new(rows(forward.record()).forward_of(), move |s, x| {
        let blocks = [0, 1].map(|r| {
            let mut place = [0.0; 4];
            place[3 * r] = 1.0;
            let (place, row) = (s.constant(&format!("block {r}"), &[2, 2], &place), s.row(x, r));
            let block = block(s, row);
            s.kronecker(place, block)
        });
        s.add(blocks[0], blocks[1])
    })
}

fn transposition(s: &mut Sheet, x: usize) -> usize {
    let extents = s.extents(x);
    let (rows, columns) = (extents[0], extents[1]);
    let n = rows * columns;
    let sent = |i: usize| (i % columns) * rows + i / columns;
    let data: Vec<f32> = (0..n * n).map(|at| if sent(at / n) == at % n { 1.0 } else { 0.0 }).collect();
    s.constant("transposition", &[n, n], &data)
}

/// A matrix D on the last axis; the Jacobian is I ⊗ D.
fn last_axis() -> Map {
    Map::new(right_factor("D", &[3, 2]).forward_of(), |s, x| {
        let rows = s.elements(x) / 3;
        let (identity, factor) = (s.identity(rows), s.weight("D", &[3, 2]));
        s.kronecker(identity, factor)
    })
}

/// Squares; the Jacobian is diag(2x).
fn squares() -> Map {
    Map::new(square().forward_of(), |s, x| {
        let slope = s.scale(x, "2");
        s.diagonal(slope)
    })
}

/// The record on the flattened tensor.
fn flattened(record: Record) -> Record {
    let (forward, backward) = (record.forward, record.backward);
    Record::new(
        move |s, x| {
            let n = s.elements(x);
            let flat = s.reshape(x, &[n]);
            let y = forward(s, flat);
            s.reshape_like(y, x)
        },
        move |s, x, dy| {
            let n = s.elements(x);
            let (flat, cotangent) = (s.reshape(x, &[n]), s.reshape(dy, &[n]));
            let dx = backward(s, flat, cotangent);
            s.reshape_like(dx, x)
        },
    )
}
