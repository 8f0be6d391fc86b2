//! The meaning of a graph over any reading: each operation as its page in `spec-tests/ops` states it, in its order of operations.

use super::attributes::Attributes;
use super::document::{Attribute, Document, Node, Tensor, Tensors};
use super::json::Json;
use super::positions::{gathered, lines, positions, sliced, steps, stretched, windows, within_padding};
use rug::Rational;
use std::collections::BTreeMap;

/// Why there is no value, or no truth.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The claim is false: a value differs, or the graph has none.
    False(String),
    /// The document is no certificate.
    Malformed(String),
    /// Not decided at this precision.
    Undecided(String),
    /// An operation that is not evaluated here.
    Unsupported(String),
}

impl Trouble {
    /// The same trouble, its place in front.
    #[must_use]
    pub fn at(self, place: &str) -> Trouble {
        match self {
            Trouble::False(what) => Trouble::False(format!("{place}: {what}")),
            Trouble::Malformed(what) => Trouble::Malformed(format!("{place}: {what}")),
            Trouble::Undecided(what) => Trouble::Undecided(format!("{place}: {what}")),
            Trouble::Unsupported(what) => Trouble::Unsupported(format!("{place}: {what}")),
        }
    }
}

pub(super) type Result<T> = std::result::Result<T, Trouble>;

/// A function of one argument that a reading has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Function {
    Exp,
    Expm1,
    Log,
    Log1p,
    Tanh,
    Erf,
    Sin,
    Cos,
    Sqrt,
    Rsqrt,
}

/// A reading: what numbers are, and how they are computed with.
pub trait Reading {
    /// A number.
    type Value: Clone;
    /// The number of a word.
    fn word(&self, word: u32) -> Result<Self::Value>;
    /// The numbers of an input or parameter (`input` or `const`, and its name).
    fn source(&self, _op: &str, _name: &str, words: &[u32]) -> Result<Vec<Self::Value>> {
        words.iter().map(|&word| self.word(word)).collect()
    }
    /// An exact constant.
    fn constant(&self, number: &Rational) -> Self::Value;
    /// x + y.
    fn add(&self, x: &Self::Value, y: &Self::Value) -> Result<Self::Value>;
    /// x − y.
    fn sub(&self, x: &Self::Value, y: &Self::Value) -> Result<Self::Value>;
    /// x · y.
    fn mul(&self, x: &Self::Value, y: &Self::Value) -> Result<Self::Value>;
    /// x / y.
    fn div(&self, x: &Self::Value, y: &Self::Value) -> Result<Self::Value>;
    /// x^y.
    fn pow(&self, x: &Self::Value, y: &Self::Value) -> Result<Self::Value>;
    /// −x.
    fn neg(&self, x: &Self::Value) -> Self::Value;
    /// |x|; a slope is 0 at zero.
    fn abs(&self, x: &Self::Value) -> Self::Value;
    /// The greater; a slope is that of the first where they tie.
    fn max(&self, x: &Self::Value, y: &Self::Value) -> Self::Value;
    /// The smaller, likewise.
    fn min(&self, x: &Self::Value, y: &Self::Value) -> Self::Value;
    /// The greater, where a slope is that of the second if they tie.
    fn max_last(&self, x: &Self::Value, y: &Self::Value) -> Self::Value {
        self.max(x, y)
    }
    /// The greater, where the operation has one slope whichever is taken at a tie.
    fn smooth_max(&self, x: &Self::Value, y: &Self::Value) -> Self::Value {
        self.max(x, y)
    }
    /// The smaller, likewise.
    fn smooth_min(&self, x: &Self::Value, y: &Self::Value) -> Self::Value {
        self.min(x, y)
    }
    /// |x|, likewise: x where `smooth_max(x, 0)` is.
    fn smooth_abs(&self, x: &Self::Value) -> Self::Value {
        self.abs(x)
    }
    /// f(x).
    fn function(&self, f: Function, x: &Self::Value) -> Result<Self::Value>;
    /// Σ tᵢ at a node.
    fn sum(&self, node: usize, terms: &[&Self::Value]) -> Result<Self::Value>;
    /// Σ xᵢ·yᵢ + bias at a node.
    fn dot(
        &self,
        node: usize,
        pairs: &[(&Self::Value, &Self::Value)],
        bias: Option<&Self::Value>,
    ) -> Result<Self::Value>;
}

/// Values in row-major order.
#[derive(Clone, Debug)]
pub struct Array<V> {
    /// The extents.
    pub shape: Vec<usize>,
    /// The values.
    pub data: Vec<V>,
}

/// The values of a graph's outputs at one case.
pub type Outputs<V> = BTreeMap<String, Vec<V>>;

/// The outputs at one case; a value is dropped after its last use.
pub fn evaluate<R: Reading>(reading: &R, document: &Document, inputs: &Tensors) -> Result<Outputs<R::Value>> {
    evaluate_with(reading, document, inputs, &mut |_, value| Ok(value))
}

/// What becomes of the value of a node before others use it.
pub type Settle<'f, V> = &'f mut dyn FnMut(usize, Array<V>) -> Result<Array<V>>;

/// The outputs at one case, where the value of every node but inputs and constants goes through `settle`.
pub fn evaluate_with<R: Reading>(
    reading: &R,
    document: &Document,
    inputs: &Tensors,
    settle: Settle<'_, R::Value>,
) -> Result<Outputs<R::Value>> {
    let read = |op: &str, name: &str, tensor: &Tensor| -> Result<Array<R::Value>> {
        Ok(Array { shape: tensor.shape.clone(), data: reading.source(op, name, &tensor.words)? })
    };
    let mut last: Vec<usize> = (0..document.nodes.len()).collect();
    for (id, node) in document.nodes.iter().enumerate() {
        node.parents.iter().for_each(|&parent| last[parent] = id);
    }
    document.outputs_of_graph.values().for_each(|&id| last[id] = usize::MAX);
    let mut values: BTreeMap<usize, Array<R::Value>> = BTreeMap::new();
    for (id, node) in document.nodes.iter().enumerate() {
        let mut value = match (node.op.as_str(), node.attributes.get("name")) {
            ("input", Some(Attribute::Plain(Json::String(name)))) => read("input", name, &inputs[name])?,
            ("const", Some(Attribute::Plain(Json::String(name)))) => read("const", name, &document.parameters[name])?,
            _ => {
                let parents: Vec<_> = node.parents.iter().map(|parent| &values[parent]).collect();
                apply(reading, id, node, &parents).map_err(|trouble| trouble.at(&format!("node {id} ({})", node.op)))?
            }
        };
        if value.shape != node.shape || value.data.len() != node.shape.iter().product::<usize>() {
            return Err(Trouble::Malformed(format!("node {id}: {:?} declared, {:?} found", node.shape, value.shape)));
        }
        if !matches!(node.op.as_str(), "input" | "const") {
            value = settle(id, value)?;
        }
        values.insert(id, value);
        values.retain(|&kept, _| last[kept] > id);
    }
    let output = |(name, id): (&String, &usize)| (name.clone(), values[id].data.clone());
    Ok(document.outputs_of_graph.iter().map(output).collect())
}

pub(super) fn malformed<T>(what: &str) -> Result<T> {
    Err(Trouble::Malformed(what.into()))
}

pub(super) fn require(condition: bool, what: &str) -> Result<()> {
    if condition { Ok(()) } else { malformed(what) }
}

type Unary<'f, V> = &'f dyn Fn(&V) -> Result<V>;
type Binary<'f, V> = &'f dyn Fn(&V, &V) -> Result<V>;
type Choice<'f, V> = &'f dyn Fn(&V, &V) -> V;
type Reduction<'f, V> = &'f dyn Fn(&[&V]) -> Result<V>;

/// One value of a node.
#[allow(clippy::too_many_lines, reason = "one arm an operation")]
fn apply<R: Reading>(r: &R, id: usize, node: &Node, xs: &[&Array<R::Value>]) -> Result<Array<R::Value>> {
    let integral = |n: usize| r.constant(&Rational::from(n));
    let one = integral(1);
    let map = |f: Unary<'_, R::Value>| -> Result<Array<R::Value>> {
        let [x] = xs else { return malformed("not one parent") };
        Ok(Array { shape: x.shape.clone(), data: x.data.iter().map(f).collect::<Result<_>>()? })
    };
    let plain = |f: Unary<'_, R::Value>| Attributes::exactly(node, &[]).and_then(|_| map(f));
    let both = |f: Binary<'_, R::Value>| -> Result<Array<R::Value>> {
        Attributes::exactly(node, &[])?;
        let [x, y] = xs else { return malformed("not two parents") };
        require(x.shape == y.shape, "operands of different shapes")?;
        let data = x.data.iter().zip(&y.data).map(|(x, y)| f(x, y)).collect::<Result<_>>()?;
        Ok(Array { shape: x.shape.clone(), data })
    };
    let moved = |shape: Vec<usize>, from: Vec<usize>| Array {
        shape,
        data: from.iter().map(|&i| xs[0].data[i].clone()).collect(),
    };
    let sigmoid = |x: &R::Value| r.div(&one, &r.add(&one, &r.function(Function::Exp, &r.neg(x))?)?);
    let softplus = |x: &R::Value, beta: &R::Value| -> Result<R::Value> {
        let z = r.mul(beta, x)?;
        let below = r.function(Function::Exp, &r.neg(&r.smooth_abs(&z)))?;
        r.div(&r.add(&r.smooth_max(&z, &integral(0)), &r.function(Function::Log1p, &below)?)?, beta)
    };
    let reduce = |f: Reduction<'_, R::Value>| -> Result<Array<R::Value>> {
        let attributes = Attributes::exactly(node, &["axes", "keepdims"])?;
        let ([x], axes) = (xs, attributes.integers("axes")?) else { return malformed("not one parent") };
        require(axes.windows(2).all(|pair| pair[0] < pair[1]) && axes.iter().all(|&a| a < x.shape.len()), "axes")?;
        let (lines, shape) = lines(&x.shape, &axes, attributes.flag("keepdims")?);
        let data = lines.iter().map(|line| f(&line.iter().map(|&i| &x.data[i]).collect::<Vec<_>>()));
        Ok(Array { shape, data: data.collect::<Result<_>>()? })
    };
    let fold = |terms: &[&R::Value], f: Choice<'_, R::Value>| terms[1..].iter().fold(terms[0].clone(), |m, x| f(&m, x));
    match node.op.as_str() {
        "relu" => plain(&|x| Ok(r.max_last(x, &integral(0)))),
        "neg" => plain(&|x| Ok(r.neg(x))),
        "abs" => plain(&|x| Ok(r.abs(x))),
        "exp" => plain(&|x| r.function(Function::Exp, x)),
        "log" => plain(&|x| r.function(Function::Log, x)),
        "tanh" => plain(&|x| r.function(Function::Tanh, x)),
        "erf" => plain(&|x| r.function(Function::Erf, x)),
        "sin" => plain(&|x| r.function(Function::Sin, x)),
        "cos" => plain(&|x| r.function(Function::Cos, x)),
        "sqrt" => plain(&|x| r.function(Function::Sqrt, x)),
        "rsqrt" => plain(&|x| r.function(Function::Rsqrt, x)),
        "reciprocal" => plain(&|x| r.div(&one, x)),
        "sigmoid" => plain(&sigmoid),
        "silu" => plain(&|x| r.mul(x, &sigmoid(x)?)),
        "mish" => plain(&|x| r.mul(x, &r.function(Function::Tanh, &softplus(x, &one)?)?)),
        "hard_swish" => plain(&|x| {
            let inside = r.max(&r.min(&r.add(x, &integral(3))?, &integral(6)), &integral(0));
            r.mul(&r.div(&inside, &integral(6))?, x)
        }),
        "softplus" => {
            let beta = r.constant(Attributes::exactly(node, &["beta"])?.number("beta")?);
            map(&|x| softplus(x, &beta))
        }
        "scale" => {
            let factor = r.constant(Attributes::exactly(node, &["factor"])?.number("factor")?);
            map(&|x| r.mul(&factor, x))
        }
        "leaky_relu" => {
            let slope = r.constant(Attributes::exactly(node, &["slope"])?.number("slope")?);
            let zero = integral(0);
            map(&|x| r.add(&r.max_last(x, &zero), &r.mul(&slope, &r.min(x, &zero))?))
        }
        "elu" => {
            let alpha = r.constant(Attributes::exactly(node, &["alpha"])?.number("alpha")?);
            let zero = integral(0);
            map(&|x| r.add(&r.max_last(x, &zero), &r.mul(&alpha, &r.function(Function::Expm1, &r.min(x, &zero))?)?))
        }
        "hard_sigmoid" => {
            let attributes = Attributes::exactly(node, &["alpha", "beta"])?;
            let (alpha, beta) = (r.constant(attributes.number("alpha")?), r.constant(attributes.number("beta")?));
            let zero = integral(0);
            map(&|x| Ok(r.max(&r.min(&r.add(&r.mul(&alpha, x)?, &beta)?, &one), &zero)))
        }
        "clamp" => {
            let attributes = Attributes::exactly(node, &["lo", "hi"])?;
            let (lo, hi) = (attributes.numbers("lo")?, attributes.numbers("hi")?);
            require(lo.len() <= 1 && hi.len() <= 1, "clamp_c1")?;
            let point = lo.first().zip(hi.first()).is_some_and(|(lo, hi)| lo >= hi); // hi everywhere: no tie is with x
            map(&|x| {
                let x = lo.iter().fold(x.clone(), |x, lo| r.max(&x, &r.constant(lo)));
                Ok(hi
                    .iter()
                    .fold(x, |x, hi| if point { r.min(&r.constant(hi), &x) } else { r.min(&x, &r.constant(hi)) }))
            })
        }
        "gelu" => match Attributes::exactly(node, &["form"])?.text("form")? {
            "erf" => {
                let root = r.function(Function::Rsqrt, &integral(2))?;
                map(&|x| {
                    let t = r.function(Function::Erf, &r.mul(x, &root)?)?;
                    r.mul(&r.mul(x, &r.constant(&Rational::from((1, 2))))?, &r.add(&one, &t)?)
                })
            }
            _ => Err(Trouble::Unsupported("gelu with tanh".into())),
        },
        "add" => both(&|x, y| r.add(x, y)),
        "sub" => both(&|x, y| r.sub(x, y)),
        "mul" => both(&|x, y| r.mul(x, y)),
        "div" => both(&|x, y| r.div(x, y)),
        "pow" => both(&|x, y| r.pow(x, y)),
        "max" => both(&|x, y| Ok(r.max(x, y))),
        "min" => both(&|x, y| Ok(r.min(x, y))),
        "reshape" => {
            let ([x], shape) = (xs, Attributes::exactly(node, &["shape"])?.integers("shape")?) else {
                return malformed("not one parent");
            };
            require(shape.iter().product::<usize>() == x.data.len(), "reshape_c1")?;
            Ok(Array { shape, data: x.data.clone() })
        }
        "flatten" => {
            let attributes = Attributes::exactly(node, &["first_axis", "last_axis"])?;
            let (first, last) = (attributes.integer("first_axis")?, attributes.integer("last_axis")?);
            let [x] = xs else { return malformed("not one parent") };
            require(first <= last && last < x.shape.len(), "flatten_c1")?;
            let mut shape = x.shape[..first].to_vec();
            shape.push(x.shape[first..=last].iter().product());
            shape.extend(&x.shape[last + 1..]);
            Ok(Array { shape, data: x.data.clone() })
        }
        "permute" | "transpose" => {
            let [x] = xs else { return malformed("not one parent") };
            let rank = x.shape.len();
            let order = if node.op == "permute" {
                Attributes::exactly(node, &["order"])?.integers("order")?
            } else {
                let attributes = Attributes::exactly(node, &["first", "second"])?;
                let (first, second) = (attributes.integer("first")?, attributes.integer("second")?);
                require(first < rank && second < rank, "transpose_c1")?;
                let mut order: Vec<usize> = (0..rank).collect();
                order.swap(first, second);
                order
            };
            let mut sorted = order.clone();
            sorted.sort_unstable();
            require(sorted.into_iter().eq(0..rank), "permute_c1")?;
            let (shape, all) = (order.iter().map(|&axis| x.shape[axis]).collect::<Vec<_>>(), steps(&x.shape));
            let from = positions(&shape, &order.iter().map(|&axis| all[axis]).collect::<Vec<_>>());
            Ok(moved(shape, from))
        }
        "broadcast" => {
            let ([x], shape) = (xs, Attributes::exactly(node, &["shape"])?.integers("shape")?) else {
                return malformed("not one parent");
            };
            let from = stretched(&x.shape, &shape)?;
            Ok(moved(shape, from))
        }
        "concat" => {
            let axis = Attributes::exactly(node, &["axis"])?.integer("axis")?;
            let first = xs.first().map(|x| x.shape.clone()).unwrap_or_default();
            require(axis < first.len(), "concat_c1")?;
            let beside = |shape: &[usize]| [&shape[..axis], &shape[axis + 1..]].concat();
            let fits = |x: &&Array<R::Value>| x.shape.len() == first.len() && beside(&x.shape) == beside(&first);
            require(xs.iter().all(fits), "concat_c2")?;
            let mut data = Vec::new();
            for block in 0..first[..axis].iter().product() {
                for x in xs {
                    let size: usize = x.shape[axis..].iter().product();
                    data.extend_from_slice(&x.data[block * size..(block + 1) * size]);
                }
            }
            let mut shape = first.clone();
            shape[axis] = xs.iter().map(|x| x.shape[axis]).sum();
            Ok(Array { shape, data })
        }
        "sum" => reduce(&|terms| r.sum(id, terms)),
        "mean" => reduce(&|terms| r.div(&r.sum(id, terms)?, &integral(terms.len()))),
        "reduce_max" => reduce(&|terms| Ok(fold(terms, &|x, y| r.max(x, y)))),
        "reduce_min" => reduce(&|terms| Ok(fold(terms, &|x, y| r.min(x, y)))),
        "logsumexp" => reduce(&|terms| {
            let greatest = fold(terms, &|x, y| r.smooth_max(x, y));
            let exponentials = terms.iter().map(|x| r.function(Function::Exp, &r.sub(x, &greatest)?));
            let exponentials: Vec<R::Value> = exponentials.collect::<Result<_>>()?;
            let total = r.sum(id, &exponentials.iter().collect::<Vec<_>>())?;
            r.add(&greatest, &r.function(Function::Log, &total)?)
        }),
        "mse" | "mae" | "huber" | "hinge" | "bce" | "bce_with_logits" | "poisson" => {
            let own: &[&str] = match node.op.as_str() {
                "huber" => &["delta"],
                "hinge" => &["margin"],
                "bce_with_logits" => &["positive_weight"],
                "poisson" => &["log_input", "epsilon"],
                _ => &[],
            };
            let attributes = Attributes::exactly(node, &[own, &["reduction"]].concat())?;
            let number = |name: &str| attributes.number(name).map(|number| r.constant(number));
            let [x, t] = xs else { return malformed("not two parents") };
            require(x.shape == t.shape, "operands of different shapes")?;
            let loss = |x: &R::Value, t: &R::Value| -> Result<R::Value> {
                let rest = r.sub(&one, t)?;
                match node.op.as_str() {
                    "mse" => {
                        let error = r.smooth_abs(&r.sub(x, t)?);
                        r.mul(&error, &error)
                    }
                    "mae" => Ok(r.abs(&r.sub(x, t)?)),
                    "huber" => {
                        let error = r.smooth_abs(&r.sub(x, t)?);
                        let below = r.smooth_min(&error, &number("delta")?);
                        r.mul(&below, &r.sub(&error, &r.mul(&below, &r.constant(&Rational::from((1, 2))))?)?)
                    }
                    "hinge" => Ok(r.max_last(&r.sub(&number("margin")?, &r.mul(t, x)?)?, &integral(0))),
                    "bce" => {
                        let (yes, no) = (r.function(Function::Log, x)?, r.function(Function::Log1p, &r.neg(x))?);
                        Ok(r.neg(&r.add(&r.mul(t, &yes)?, &r.mul(&rest, &no)?)?))
                    }
                    "bce_with_logits" => {
                        let weight = r.add(&one, &r.mul(&r.sub(&number("positive_weight")?, &one)?, t)?)?;
                        r.add(&r.mul(&rest, x)?, &r.mul(&weight, &softplus(&r.neg(x), &one)?)?)
                    }
                    _ if attributes.flag("log_input")? => r.sub(&r.function(Function::Exp, x)?, &r.mul(t, x)?),
                    _ => r.sub(x, &r.mul(t, &r.function(Function::Log, &r.add(x, &number("epsilon")?)?)?)?),
                }
            };
            let data: Vec<R::Value> = x.data.iter().zip(&t.data).map(|(x, t)| loss(x, t)).collect::<Result<_>>()?;
            let count = match attributes.text("reduction")? {
                "none" => return Ok(Array { shape: x.shape.clone(), data }),
                "sum" => None,
                "mean" => Some(data.len()),
                "batch_mean" => Some(x.shape.first().copied().unwrap_or(1)),
                other => return malformed(other),
            };
            let total = r.sum(id, &data.iter().collect::<Vec<_>>())?;
            let value = count.map_or(Ok(total.clone()), |count| r.div(&total, &integral(count)))?;
            Ok(Array { shape: Vec::new(), data: vec![value] })
        }
        "softmax" | "log_softmax" | "masked_softmax" => {
            let masked = node.op == "masked_softmax";
            let attributes = Attributes::exactly(node, if masked { &["axis", "fully_blocked"] } else { &["axis"] })?;
            let (x, mask) = match xs {
                [x] if !masked => (x, None),
                [x, mask] if masked => (x, Some(mask)),
                _ => return malformed("parents"),
            };
            let axis = attributes.integer("axis")?;
            require(axis < x.shape.len() && mask.is_none_or(|mask| mask.shape == x.shape), "softmax_c1")?;
            let zeros = masked && attributes.text("fully_blocked")? == "zeros";
            require(!masked || zeros || attributes.text("fully_blocked")? == "undefined", "fully_blocked")?;
            let mut data = x.data.clone();
            for line in lines(&x.shape, &[axis], false).0 {
                let mut z: Vec<R::Value> = line.iter().map(|&i| x.data[i].clone()).collect();
                if let Some(mask) = mask {
                    let least = fold(&z.iter().collect::<Vec<_>>(), &|x, y| r.smooth_min(x, y));
                    for (z, &i) in z.iter_mut().zip(&line) {
                        let k = &mask.data[i];
                        *z = r.add(&r.mul(k, z)?, &r.mul(&r.sub(&one, k)?, &least)?)?;
                    }
                }
                let greatest = fold(&z.iter().collect::<Vec<_>>(), &|x, y| r.smooth_max(x, y));
                let shifted: Vec<R::Value> = z.iter().map(|z| r.sub(z, &greatest)).collect::<Result<_>>()?;
                let exponentials = shifted.iter().map(|z| r.function(Function::Exp, z));
                let mut exponentials: Vec<R::Value> = exponentials.collect::<Result<_>>()?;
                if let Some(mask) = mask {
                    for (e, &i) in exponentials.iter_mut().zip(&line) {
                        *e = r.mul(&mask.data[i], e)?;
                    }
                }
                let mut total = r.sum(id, &exponentials.iter().collect::<Vec<_>>())?;
                if zeros {
                    total = r.smooth_max(&total, &one);
                }
                for ((&i, e), z) in line.iter().zip(&exponentials).zip(&shifted) {
                    data[i] = match node.op.as_str() {
                        "log_softmax" => r.sub(z, &r.function(Function::Log, &total)?)?,
                        _ => r.div(e, &total)?,
                    };
                }
            }
            Ok(Array { shape: x.shape.clone(), data })
        }
        "layer_norm" => {
            let attributes = Attributes::exactly(node, &["axis", "epsilon"])?;
            let (axis, epsilon) = (attributes.integer("axis")?, attributes.number("epsilon")?);
            let [x, affine @ ..] = xs else { return malformed("no parent") };
            require(axis < x.shape.len() && *epsilon >= 0 && affine.len() <= 2, "layer_norm_c")?;
            require(affine.iter().all(|t| t.shape == x.shape[axis..]), "layer_norm_c3")?;
            let mut data = x.data.clone();
            for line in lines(&x.shape, &(axis..x.shape.len()).collect::<Vec<_>>(), false).0 {
                let n = integral(line.len());
                let mean = r.div(&r.sum(id, &line.iter().map(|&i| &x.data[i]).collect::<Vec<_>>())?, &n)?;
                let d: Vec<R::Value> = line.iter().map(|&i| r.sub(&x.data[i], &mean)).collect::<Result<_>>()?;
                let magnitudes: Vec<R::Value> = d.iter().map(|d| r.smooth_abs(d)).collect();
                let squares: Vec<_> = magnitudes.iter().map(|m| (m, m)).collect();
                let variance = r.div(&r.dot(id, &squares, None)?, &n)?;
                let scale = r.function(Function::Rsqrt, &r.add(&variance, &r.constant(epsilon))?)?;
                for (k, (&i, d)) in line.iter().zip(&d).enumerate() {
                    data[i] = r.mul(d, &scale)?;
                    if let Some(weight) = affine.first() {
                        data[i] = r.mul(&data[i], &weight.data[k])?;
                    }
                    if let Some(bias) = affine.get(1) {
                        data[i] = r.add(&data[i], &bias.data[k])?;
                    }
                }
            }
            Ok(Array { shape: x.shape.clone(), data })
        }
        "linear" => {
            Attributes::exactly(node, &[])?;
            let [x, weight, bias @ ..] = xs else { return malformed("parents") };
            let ([.., terms], [rows, columns]) = (&x.shape[..], &weight.shape[..]) else {
                return malformed("linear_c1");
            };
            require(terms == columns && bias.len() <= 1, "linear_c2")?;
            require(bias.iter().all(|bias| bias.shape == [*rows]), "linear_c3")?;
            let mut data = Vec::new();
            for x in x.data.chunks(*terms) {
                for (i, row) in weight.data.chunks(*terms).enumerate() {
                    let pairs: Vec<_> = row.iter().zip(x).collect();
                    data.push(r.dot(id, &pairs, bias.first().map(|bias| &bias.data[i]))?);
                }
            }
            let mut shape = x.shape.clone();
            *shape.last_mut().expect("an axis") = *rows;
            Ok(Array { shape, data })
        }
        "matmul" => {
            Attributes::exactly(node, &[])?;
            let [x, w] = xs else { return malformed("not two parents") };
            require(!x.shape.is_empty() && !w.shape.is_empty(), "matmul_c1")?;
            let (row, column) = (x.shape.len() == 1, w.shape.len() == 1);
            let (mut left, mut right) = (x.shape.clone(), w.shape.clone());
            if row {
                left.insert(0, 1);
            }
            if column {
                right.push(1);
            }
            let ([a @ .., m, k], [b @ .., l, n]) = (&left[..], &right[..]) else { return malformed("matmul_c1") };
            require(k == l, "matmul_c2")?;
            let rank = a.len().max(b.len());
            let extent = |t: &[usize], axis: usize| (axis + t.len()).checked_sub(rank).map_or(1, |axis| t[axis]);
            let batch: Vec<usize> = (0..rank).map(|axis| extent(a, axis).max(extent(b, axis))).collect();
            let mut data = Vec::new();
            for (p, q) in stretched(a, &batch)?.into_iter().zip(stretched(b, &batch)?) {
                for i in 0..*m {
                    for j in 0..*n {
                        let pair = |t| (&x.data[(p * m + i) * k + t], &w.data[(q * k + t) * n + j]);
                        data.push(r.dot(id, &(0..*k).map(pair).collect::<Vec<_>>(), None)?);
                    }
                }
            }
            let mut shape = batch;
            shape.extend((!row).then_some(*m));
            shape.extend((!column).then_some(*n));
            Ok(Array { shape, data })
        }
        "conv" => {
            let attributes = Attributes::exactly(node, &["stride", "dilation", "pad_before", "pad_after", "groups"])?;
            let groups = attributes.integer("groups")?;
            let [x, weight, bias @ ..] = xs else { return malformed("parents") };
            let ([batch, channels, space @ ..], [filters, depth, kernel @ ..]) = (&x.shape[..], &weight.shape[..])
            else {
                return malformed("conv_c1");
            };
            require(groups > 0 && filters % groups == 0 && *channels == groups * depth, "conv_c2, conv_c3")?;
            require(bias.len() <= 1 && bias.iter().all(|bias| bias.shape == [*filters]), "conv_c5")?;
            let (out, windows) = windows(&attributes, space, kernel, false)?;
            let (area, cells, zero) = (space.iter().product::<usize>(), kernel.iter().product::<usize>(), integral(0));
            let mut data = Vec::new();
            for n in 0..*batch {
                for o in 0..*filters {
                    let first = n * channels + o / (filters / groups) * depth;
                    for window in &windows {
                        let mut pairs = Vec::with_capacity(depth * cells);
                        for c in 0..*depth {
                            for (cell, place) in window.iter().enumerate() {
                                let datum = place.map_or(&zero, |place| &x.data[(first + c) * area + place]);
                                pairs.push((datum, &weight.data[(o * depth + c) * cells + cell]));
                            }
                        }
                        data.push(r.dot(id, &pairs, bias.first().map(|bias| &bias.data[o]))?);
                    }
                }
            }
            Ok(Array { shape: [*batch, *filters].into_iter().chain(out).collect(), data })
        }
        "max_pool" => {
            let names = ["kernel", "stride", "dilation", "pad_before", "pad_after", "ceil_mode"];
            let attributes = Attributes::exactly(node, &names)?;
            let [x] = xs else { return malformed("not one parent") };
            let [batch, channels, space @ ..] = &x.shape[..] else { return malformed("max_pool_c1") };
            let kernel = attributes.integers("kernel")?;
            let (out, windows) = windows(&attributes, space, &kernel, attributes.flag("ceil_mode")?)?;
            let mut data = Vec::new();
            for plane in x.data.chunks(space.iter().product()) {
                for window in &windows {
                    let cells: Vec<_> = window.iter().flatten().map(|&place| &plane[place]).collect();
                    if cells.is_empty() {
                        return Err(Trouble::False("a window that sees nothing".into()));
                    }
                    data.push(fold(&cells, &|x, y| r.max(x, y)));
                }
            }
            Ok(Array { shape: [*batch, *channels].into_iter().chain(out).collect(), data })
        }
        "avg_pool" => {
            let names = ["kernel", "stride", "dilation", "pad_before", "pad_after", "ceil_mode"];
            let names = [&names[..], &["count_include_pad", "divisor"]].concat();
            let attributes = Attributes::exactly(node, &names)?;
            let [x] = xs else { return malformed("not one parent") };
            let [batch, channels, space @ ..] = &x.shape[..] else { return malformed("avg_pool_c1") };
            let (kernel, divisor) = (attributes.integers("kernel")?, attributes.numbers("divisor")?);
            require(divisor.len() <= 1 && divisor.iter().all(|number| *number != 0), "avg_pool_c4")?;
            let (out, windows) = windows(&attributes, space, &kernel, attributes.flag("ceil_mode")?)?;
            let padded = within_padding(&attributes, space, &kernel, &out)?;
            let count_padding = attributes.flag("count_include_pad")?;
            let mut data = Vec::new();
            for plane in x.data.chunks(space.iter().product()) {
                for (window, padded) in windows.iter().zip(&padded) {
                    let cells: Vec<_> = window.iter().flatten().map(|&place| &plane[place]).collect();
                    if cells.is_empty() {
                        return Err(Trouble::False("a window that sees nothing".into()));
                    }
                    let count = integral(if count_padding { *padded } else { cells.len() });
                    let divisor = divisor.first().map_or(count, |divisor| r.constant(divisor));
                    data.push(r.div(&r.sum(id, &cells)?, &divisor)?);
                }
            }
            Ok(Array { shape: [*batch, *channels].into_iter().chain(out).collect(), data })
        }
        "slice" => {
            let ([x], attributes) = (xs, Attributes::exactly(node, &["start", "end", "step"])?) else {
                return malformed("not one parent");
            };
            let (from, shape) = sliced(&attributes, &x.shape)?;
            Ok(moved(shape, from))
        }
        "gather" => {
            let ([x], attributes) = (xs, Attributes::exactly(node, &["axis", "indices", "indices_shape"])?) else {
                return malformed("not one parent");
            };
            let (from, shape) = gathered(&attributes, &x.shape)?;
            Ok(moved(shape, from))
        }
        other => Err(Trouble::Unsupported(other.into())),
    }
}
