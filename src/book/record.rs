//! Records: a function and the backward function that is claimed for it, both as graphs; and the rules that make records of records.
//!
//! The book's calculus in our words: one object (a function with its vector-Jacobian product), three rules that compose such objects, five
//! tricks for Jacobians that nobody wants to write out. Here an object is a pair of graph builders, a rule is a function from pairs to a pair, and a
//! trick is a function that makes a pair from what is special about a Jacobian. Nothing is believed: whatever a rule or trick builds is held against
//! the derivative of the forward graph (`check`).
//!
//! | rule | backward |
//! |---|---|
//! | [`chain`] | `x, dz ↦ f*(x, g*(f(x), dz))` |
//! | [`fan_in`] | `x, dy ↦ f*(x, dy) + g*(x, dy)` |
//! | [`product`], [`matrix_product`] | `x, dy ↦ f*(x, dy∘g(x)) + g*(x, f(x)∘dy)` |
//!
//! | trick | Jacobian | backward |
//! |---|---|---|
//! | [`diagonal`] | diag(σ'(x)) | one product |
//! | [`toeplitz`] | block-sparse, sliding | a convolution with the reversed kernel |
//! | [`selection`] | zeros and ones | the cotangent sent to where the value came from |
//! | [`rank_one`] | diag(d) − Σ p qᵀ | `d∘dy − Σ p·⟨q, dy⟩` |
//! | [`outer_product`] | δ ⊗ xᵀ | `dW = dy ⊗ x` |

use super::sheet::Sheet;
use std::rc::Rc;

/// A node of a function of the node `x`.
pub(super) type Function = Rc<dyn Fn(&mut Sheet, usize) -> usize>;
/// A node of the cotangent of `x`, from the nodes `x` and `dy`.
pub(super) type Backward = Rc<dyn Fn(&mut Sheet, usize, usize) -> usize>;

/// A function of one variable, and the backward function that is claimed for it.
#[derive(Clone)]
pub(super) struct Record {
    pub(super) forward: Function,
    pub(super) backward: Backward,
}

/// A function of one variable, and the Jacobian that is claimed for it: entry (i, j) is ∂f_j/∂x_i, elements row-major.
#[derive(Clone)]
pub(super) struct Map {
    pub(super) forward: Function,
    pub(super) jacobian: Function,
}

impl Record {
    pub(super) fn new(
        forward: impl Fn(&mut Sheet, usize) -> usize + 'static,
        backward: impl Fn(&mut Sheet, usize, usize) -> usize + 'static,
    ) -> Self {
        Record { forward: Rc::new(forward), backward: Rc::new(backward) }
    }

    /// The same backward function for another way to write the function.
    pub(super) fn of(self, forward: impl Fn(&mut Sheet, usize) -> usize + 'static) -> Self {
        Record { forward: Rc::new(forward), backward: self.backward }
    }
}

impl Map {
    pub(super) fn new(
        forward: impl Fn(&mut Sheet, usize) -> usize + 'static,
        jacobian: impl Fn(&mut Sheet, usize) -> usize + 'static,
    ) -> Self {
        Map { forward: Rc::new(forward), jacobian: Rc::new(jacobian) }
    }

    /// The record whose backward function multiplies by the Jacobian.
    pub(super) fn record(self) -> Record {
        let Map { forward, jacobian } = self;
        let backward = move |s: &mut Sheet, x: usize, dy: usize| {
            let (jacobian, n) = (jacobian(s, x), s.elements(dy));
            let column = s.reshape(dy, &[n, 1]);
            let product = s.matmul(jacobian, column);
            s.reshape_like(product, x)
        };
        Record { forward, backward: Rc::new(backward) }
    }
}

/// `g ∘ f` of Jacobians: J(g ∘ f)(x) = Jf(x) · Jg(f(x)).
pub(super) fn chain_of_maps(f: Map, g: Map) -> Map {
    let (ff, gf) = (f.forward.clone(), g.forward.clone());
    let (fj, gj) = (f.jacobian, g.jacobian);
    let inner = f.forward;
    Map::new(
        move |s, x| {
            let y = ff(s, x);
            gf(s, y)
        },
        move |s, x| {
            let y = inner(s, x);
            let (left, right) = (fj(s, x), gj(s, y));
            s.matmul(left, right)
        },
    )
}

/// `f + g + …`: the Jacobians add.
pub(super) fn sum_of_maps(maps: Vec<Map>) -> Map {
    let total = |s: &mut Sheet, x: usize, parts: &[Function]| {
        let parts: Vec<usize> = parts.iter().map(|part| part(s, x)).collect();
        parts[1..].iter().fold(parts[0], |sum, &part| s.add(sum, part))
    };
    let (forwards, jacobians): (Vec<_>, Vec<_>) = maps.into_iter().map(|m| (m.forward, m.jacobian)).unzip();
    Map::new(move |s, x| total(s, x, &forwards), move |s, x| total(s, x, &jacobians))
}

/// `f ∘ g`, element by element: J[i, j] = Jf[i, j]·g_j + f_j·Jg[i, j].
pub(super) fn product_of_maps(f: Map, g: Map) -> Map {
    let (ff, gf) = (f.forward.clone(), g.forward.clone());
    Map::new(
        move |s, x| {
            let (y, z) = (ff(s, x), gf(s, x));
            s.mul(y, z)
        },
        move |s, x| {
            let (y, z) = ((f.forward)(s, x), (g.forward)(s, x));
            let (jy, jz) = ((f.jacobian)(s, x), (g.jacobian)(s, x));
            let n = s.elements(y);
            let (y, z) = (s.reshape(y, &[1, n]), s.reshape(z, &[1, n]));
            let (y, z) = (s.broadcast_like(y, jz), s.broadcast_like(z, jy));
            let (left, right) = (s.mul(jy, z), s.mul(y, jz));
            s.add(left, right)
        },
    )
}

// The three rules.

/// Rule 1: `g ∘ f`. The backward functions compose, in the other order.
pub(super) fn chain(f: Record, g: Record) -> Record {
    let (ff, gf, inner) = (f.forward.clone(), g.forward, f.forward);
    Record::new(
        move |s, x| {
            let y = ff(s, x);
            gf(s, y)
        },
        move |s, x, dz| {
            let y = inner(s, x);
            let dy = (g.backward)(s, y, dz);
            (f.backward)(s, x, dy)
        },
    )
}

/// Rule 1 for any number of functions, the first applied first.
pub(super) fn chain_all(records: impl IntoIterator<Item = Record>) -> Record {
    records.into_iter().reduce(chain).unwrap_or_else(super::layers::identity)
}

/// Rule 2: `f + g`. One cotangent goes down both paths, and what comes back adds.
pub(super) fn fan_in(f: Record, g: Record) -> Record {
    Record::new(
        move |s, x| {
            let (y, z) = ((f.forward)(s, x), (g.forward)(s, x));
            s.add(y, z)
        },
        move |s, x, dy| {
            let (left, right) = ((f.backward)(s, x, dy), (g.backward)(s, x, dy));
            s.add(left, right)
        },
    )
}

/// Rule 3: `f ∘ g`, element by element. Each path gets the cotangent times the value of the other, and what comes back adds.
pub(super) fn product(f: Record, g: Record) -> Record {
    let (ff, gf) = (f.forward.clone(), g.forward.clone());
    Record::new(
        move |s, x| {
            let (y, z) = (ff(s, x), gf(s, x));
            s.mul(y, z)
        },
        move |s, x, dy| {
            let (y, z) = ((f.forward)(s, x), (g.forward)(s, x));
            let (to_f, to_g) = (s.mul(dy, z), s.mul(y, dy));
            let (left, right) = ((f.backward)(s, x, to_f), (g.backward)(s, x, to_g));
            s.add(left, right)
        },
    )
}

/// Rule 3 for the matrix product `f · g`: one path gets `dy · gᵀ`, the other `fᵀ · dy`.
pub(super) fn matrix_product(f: Record, g: Record) -> Record {
    let (ff, gf) = (f.forward.clone(), g.forward.clone());
    Record::new(
        move |s, x| {
            let (y, z) = (ff(s, x), gf(s, x));
            s.matmul(y, z)
        },
        move |s, x, dy| {
            let (y, z) = ((f.forward)(s, x), (g.forward)(s, x));
            let (yt, zt) = (s.transpose(y), s.transpose(z));
            let (to_f, to_g) = (s.matmul(dy, zt), s.matmul(yt, dy));
            let (left, right) = ((f.backward)(s, x, to_f), (g.backward)(s, x, to_g));
            s.add(left, right)
        },
    )
}

// The five tricks.

/// Trick 1: a function of each element for itself, with its derivative.
pub(super) fn diagonal(
    forward: impl Fn(&mut Sheet, usize) -> usize + 'static,
    derivative: impl Fn(&mut Sheet, usize) -> usize + 'static,
) -> Record {
    Record::new(forward, move |s, x, dy| {
        let slope = derivative(s, x);
        s.mul(slope, dy)
    })
}

/// Trick 2: a convolution of stride 1 with `pad` cells of zeros around it; the backward function is the convolution with the reversed kernel, channels exchanged.
pub(super) fn toeplitz(
    forward: impl Fn(&mut Sheet, usize) -> usize + 'static,
    reversed: impl Fn(&mut Sheet) -> usize + 'static,
    pad: usize,
    groups: usize,
) -> Record {
    Record::new(forward, move |s, _, dy| {
        let kernel = reversed(s);
        // A window of k cells that sees `pad` cells of padding forwards sees k − 1 − pad of them backwards.
        let back = s.extents(kernel)[2] - 1 - pad;
        s.node(&super::images::convolution(1, back, groups), &[dy, kernel])
    })
}

/// Trick 3: every result is one of the operands. `parts` are the operands in the shape of the result, and `back` sends something of that shape to their place.
pub(super) fn selection(
    parts: impl Fn(&mut Sheet, usize) -> Vec<usize> + 'static,
    forward: impl Fn(&mut Sheet, usize) -> usize + 'static,
    back: impl Fn(&mut Sheet, usize, usize) -> usize + 'static,
) -> Record {
    Record::new(forward, move |s, x, dy| {
        let parts = parts(s, x);
        let mut total = None;
        for (i, &a) in parts.iter().enumerate() {
            let mut chosen = dy;
            for &b in parts.iter().filter(|&&b| b != a) {
                let wins = wins(s, a, b);
                chosen = s.mul(chosen, wins);
            }
            let sent = back(s, i, chosen);
            total = Some(total.map_or(sent, |total| s.add(total, sent)));
        }
        let total = total.unwrap_or(dy);
        s.reshape_like(total, x)
    })
}

/// 1 where a > b, 0 where a < b, undefined where they are equal: (a − b)₊/(a − b).
pub(super) fn wins(s: &mut Sheet, a: usize, b: usize) -> usize {
    let difference = s.sub(a, b);
    let positive = s.node("relu", &[difference]);
    s.node("div", &[positive, difference])
}

/// The vectors of a Jacobian diag(d) − Σ p qᵀ along some axes.
pub(super) struct Correction {
    /// The diagonal.
    pub(super) diagonal: usize,
    /// What is taken off: p and q.
    pub(super) pairs: Vec<(usize, usize)>,
}

/// Trick 4: along `axes` the Jacobian is a diagonal less products of two vectors.
pub(super) fn rank_one(
    axes: &'static [usize],
    forward: impl Fn(&mut Sheet, usize) -> usize + 'static,
    correction: impl Fn(&mut Sheet, usize) -> Correction + 'static,
) -> Record {
    Record::new(forward, move |s, x, dy| {
        let Correction { diagonal, pairs } = correction(s, x);
        let mut dx = s.mul(diagonal, dy);
        for (p, q) in pairs {
            let terms = s.mul(q, dy);
            let inner = s.sum(terms, axes);
            let inner = s.broadcast_like(inner, x);
            let off = s.mul(p, inner);
            dx = s.sub(dx, off);
        }
        dx
    })
}

/// Trick 5: `y = x·Wᵀ` as a function of W, x the node that `fixed` makes: dW = dyᵀ · x.
pub(super) fn outer_product(
    forward: impl Fn(&mut Sheet, usize) -> usize + 'static,
    fixed: impl Fn(&mut Sheet) -> usize + 'static,
) -> Record {
    Record::new(forward, move |s, w, dy| {
        let x = fixed(s);
        let extents = s.extents(w);
        let rows = s.elements(x) / extents[1];
        let (x, dy) = (s.reshape(x, &[rows, extents[1]]), s.reshape(dy, &[rows, extents[0]]));
        let dy = s.transpose(dy);
        s.matmul(dy, x)
    })
}

/// A record for vectors, applied to every row of a matrix for itself.
pub(super) fn rows(record: Record) -> Record {
    let (forward, backward) = (record.forward, record.backward);
    let stack = |s: &mut Sheet, rows: Vec<usize>| {
        let n = s.elements(rows[0]);
        let rows: Vec<usize> = rows.into_iter().map(|row| s.reshape(row, &[1, n])).collect();
        s.concat(&rows, 0)
    };
    Record::new(
        move |s, x| {
            let count = s.extents(x)[0];
            let rows = (0..count).map(|row| {
                let row = s.row(x, row);
                forward(s, row)
            });
            let rows = rows.collect();
            stack(s, rows)
        },
        move |s, x, dy| {
            let count = s.extents(x)[0];
            let rows = (0..count).map(|row| {
                let (row, cotangent) = (s.row(x, row), s.row(dy, row));
                backward(s, row, cotangent)
            });
            let rows = rows.collect();
            stack(s, rows)
        },
    )
}

/// The record with weights and biases of its own, named after `scope`.
pub(super) fn scoped(scope: String, record: Record) -> Record {
    let Record { forward, backward } = record;
    let below = scope.clone();
    Record::new(
        move |s, x| s.scoped(&scope, |s| forward(s, x)),
        move |s, x, dy| s.scoped(&below, |s| backward(s, x, dy)),
    )
}
