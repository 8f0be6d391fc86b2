//! A graph under construction, in the words of the book's formulas.
//!
//! Equal nodes are one node, so that a backward function may ask for the forward values again without computing them twice. Weights are
//! small multiples of 1/4 chosen by their name: exact in binary32, and so are the products and sums of a few of them.

use crate::generate::draft::{Draft, values};
use std::collections::BTreeMap;
use tl_kernel::ir::Tensor;

/// A graph under construction.
#[derive(Clone, Debug, Default)]
pub(super) struct Sheet {
    draft: Draft,
    known: BTreeMap<(String, Vec<usize>), usize>,
    scope: Vec<String>,
}

/// The 64-bit FNV-1a hash of a name.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// As many small multiples of 1/4 as asked for, none of them 0: those of this name.
pub(super) fn quarters(name: &str, count: usize) -> Vec<f32> {
    let mut state = hash(name);
    let mut next = || {
        // Splitmix64 (Steele, Lea and Flood 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % 14
    };
    let quarter =
        |n: u64| [-7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0][n as usize] / 4.0;
    (0..count).map(|_| quarter(next())).collect()
}

/// Odd multiples of 1/32: as biases of affine maps of multiples of 1/4 they keep every result away from 0, where `relu` has its kink.
fn biases(name: &str, count: usize) -> Vec<f32> {
    quarters(name, count).iter().map(|q| q / 4.0 + 1.0 / 32.0).collect()
}

impl Sheet {
    /// The graph so far.
    pub(super) fn into_draft(self) -> Draft {
        self.draft
    }

    fn once(&mut self, text: &str, parents: &[usize], make: impl FnOnce(&mut Draft) -> usize) -> usize {
        let key = (text.to_string(), parents.to_vec());
        if let Some(&id) = self.known.get(&key) {
            return id;
        }
        let id = make(&mut self.draft);
        self.known.insert(key, id);
        id
    }

    /// A node of the operation that is written so.
    pub(super) fn node(&mut self, text: &str, parents: &[usize]) -> usize {
        self.once(text, parents, |draft| draft.node(text, parents))
    }

    /// An input.
    pub(super) fn input(&mut self, name: &str, tensor: Tensor<u32>) -> usize {
        self.once(&format!("input {name}"), &[], |draft| draft.input(name, tensor))
    }

    /// A parameter with these values.
    pub(super) fn constant(&mut self, name: &str, dimensions: &[usize], data: &[f32]) -> usize {
        self.once(&format!("const {name}"), &[], |draft| draft.parameter(name, values(dimensions, data)))
    }

    /// What `build` builds, its weights and biases named after `scope`.
    pub(super) fn scoped<T>(&mut self, scope: &str, build: impl FnOnce(&mut Self) -> T) -> T {
        self.scope.push(format!("{scope} "));
        let built = build(self);
        self.scope.pop();
        built
    }

    /// The weight of this name.
    pub(super) fn weight(&mut self, name: &str, dimensions: &[usize]) -> usize {
        let name = self.scope.concat() + name;
        self.constant(&name, dimensions, &quarters(&name, dimensions.iter().product()))
    }

    /// The bias of this name.
    pub(super) fn bias(&mut self, name: &str, count: usize) -> usize {
        let name = self.scope.concat() + name;
        self.constant(&name, &[count], &biases(&name, count))
    }

    /// The numbers of a parameter.
    pub(super) fn data(&self, id: usize) -> Vec<f32> {
        let name = self.draft.graph.nodes[id].op.source().map_or("", |(_, name)| name);
        let words = self.draft.parameters.get(name).map_or(&[][..], |tensor| tensor.data());
        words.iter().map(|&word| f32::from_bits(word)).collect()
    }

    /// The extents of a node.
    pub(super) fn extents(&self, id: usize) -> Vec<usize> {
        self.draft.graph.nodes[id].shape.dimensions().to_vec()
    }

    /// Its number of elements.
    pub(super) fn elements(&self, id: usize) -> usize {
        self.extents(id).iter().product()
    }

    pub(super) fn add(&mut self, x: usize, y: usize) -> usize {
        self.node("add", &[x, y])
    }

    pub(super) fn sub(&mut self, x: usize, y: usize) -> usize {
        self.node("sub", &[x, y])
    }

    pub(super) fn mul(&mut self, x: usize, y: usize) -> usize {
        self.node("mul", &[x, y])
    }

    pub(super) fn matmul(&mut self, x: usize, y: usize) -> usize {
        self.node("matmul", &[x, y])
    }

    /// `factor · x`, the factor an exact number.
    pub(super) fn scale(&mut self, x: usize, factor: &str) -> usize {
        self.node(&format!(r#"scale {{"factor":"{factor}"}}"#), &[x])
    }

    pub(super) fn reshape(&mut self, x: usize, dimensions: &[usize]) -> usize {
        if self.extents(x) == dimensions {
            return x;
        }
        self.node(&format!(r#"reshape {{"shape":{dimensions:?}}}"#), &[x])
    }

    /// The shape of the node `like`.
    pub(super) fn reshape_like(&mut self, x: usize, like: usize) -> usize {
        let dimensions = self.extents(like);
        self.reshape(x, &dimensions)
    }

    pub(super) fn broadcast(&mut self, x: usize, dimensions: &[usize]) -> usize {
        if self.extents(x) == dimensions {
            return x;
        }
        self.node(&format!(r#"broadcast {{"shape":{dimensions:?}}}"#), &[x])
    }

    /// Repeated to the shape of the node `like`.
    pub(super) fn broadcast_like(&mut self, x: usize, like: usize) -> usize {
        let dimensions = self.extents(like);
        self.broadcast(x, &dimensions)
    }

    pub(super) fn permute(&mut self, x: usize, order: &[usize]) -> usize {
        self.node(&format!(r#"permute {{"order":{order:?}}}"#), &[x])
    }

    /// The last two axes exchanged.
    pub(super) fn transpose(&mut self, x: usize) -> usize {
        let rank = self.extents(x).len();
        self.node(&format!(r#"transpose {{"first":{},"second":{}}}"#, rank - 2, rank - 1), &[x])
    }

    /// The sum over axes, which stay with extent 1.
    pub(super) fn sum(&mut self, x: usize, axes: &[usize]) -> usize {
        self.node(&format!(r#"sum {{"axes":{axes:?},"keepdims":true}}"#), &[x])
    }

    /// The sum over axes, which go.
    pub(super) fn sum_away(&mut self, x: usize, axes: &[usize]) -> usize {
        self.node(&format!(r#"sum {{"axes":{axes:?},"keepdims":false}}"#), &[x])
    }

    /// The mean over axes, which stay with extent 1.
    pub(super) fn mean(&mut self, x: usize, axes: &[usize]) -> usize {
        self.node(&format!(r#"mean {{"axes":{axes:?},"keepdims":true}}"#), &[x])
    }

    pub(super) fn concat(&mut self, parts: &[usize], axis: usize) -> usize {
        self.node(&format!(r#"concat {{"axis":{axis}}}"#), parts)
    }

    /// Along each axis the positions `start`, `start + step`, … before `end`.
    pub(super) fn slice(&mut self, x: usize, start: &[usize], end: &[i64], step: &[i64]) -> usize {
        self.node(&format!(r#"slice {{"start":{start:?},"end":{end:?},"step":{step:?}}}"#), &[x])
    }

    /// Row `row` of a matrix, as a vector.
    pub(super) fn row(&mut self, x: usize, row: usize) -> usize {
        self.node(&format!(r#"gather {{"axis":0,"indices":[{row}],"indices_shape":[]}}"#), &[x])
    }

    /// The square matrix with the vector `x` on its diagonal.
    pub(super) fn diagonal(&mut self, x: usize) -> usize {
        let n = self.elements(x);
        let column = self.reshape(x, &[n, 1]);
        let wide = self.broadcast(column, &[n, n]);
        let identity = self.identity(n);
        self.mul(identity, wide)
    }

    /// The matrix δ.
    pub(super) fn identity(&mut self, n: usize) -> usize {
        let data: Vec<f32> = (0..n * n).map(|at| if at / n == at % n { 1.0 } else { 0.0 }).collect();
        self.constant(&format!("identity {n}"), &[n, n], &data)
    }

    /// `n` ones.
    pub(super) fn ones(&mut self, dimensions: &[usize]) -> usize {
        self.constant(&format!("ones {dimensions:?}"), dimensions, &vec![1.0; dimensions.iter().product()])
    }

    /// The Kronecker product of two matrices: entry (i·r + k, j·s + l) is x[i, j]·y[k, l].
    pub(super) fn kronecker(&mut self, x: usize, y: usize) -> usize {
        let (a, b) = (self.extents(x), self.extents(y));
        let whole = [a[0], b[0], a[1], b[1]];
        let (x, y) = (self.reshape(x, &[a[0], 1, a[1], 1]), self.reshape(y, &[1, b[0], 1, b[1]]));
        let (x, y) = (self.broadcast(x, &whole), self.broadcast(y, &whole));
        let product = self.mul(x, y);
        self.reshape(product, &[a[0] * b[0], a[1] * b[1]])
    }
}
