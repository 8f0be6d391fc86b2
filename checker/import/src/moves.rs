//! Operations that move elements without changing one: done at once on a constant, a node on a computed value.
//!
//! Float constants are repeated by a `broadcast` node, not at import, so that a parameter keeps the size it has in the file.

use crate::array::{Array, Elements, count, folded, strides};
use crate::builder::{Builder, Constant, Value};
use crate::error::{ImportError, fault};
use crate::fold;
use std::rc::Rc;
use tl_kernel::ir::Shape;
use tl_kernel::spec::Op;
use tl_kernel::spec::broadcast::Broadcast;
use tl_kernel::spec::concat::Concat;
use tl_kernel::spec::gather::Gather;
use tl_kernel::spec::permute::Permute;
use tl_kernel::spec::reshape::Reshape;
use tl_kernel::spec::slice::Slice;

/// The positions `first, first + step, …`, `count` of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Positions {
    pub(crate) first: usize,
    pub(crate) step: i64,
    pub(crate) count: usize,
}

impl Positions {
    /// `count` neighbours from `first` on.
    pub(crate) fn run(first: usize, count: usize) -> Self {
        Positions { first, step: 1, count }
    }
}

impl Constant {
    /// The moved constant under the same name.
    fn moved(&self, array: Array) -> Value {
        Value::Constant(Constant { name: self.name.clone(), array: Rc::new(array) })
    }
}

/// The kernel shape of these dimensions.
pub(crate) fn shape(dimensions: Vec<usize>) -> Result<Shape, ImportError> {
    Shape::new(dimensions).map_err(|error| fault!(Shapes, "{error}"))
}

fn signed(n: usize) -> isize {
    isize::try_from(n).unwrap_or(isize::MAX) // dimensions and strides are below 2^31
}

impl Builder {
    /// The node of `op` applied to `value`.
    pub(crate) fn apply(&mut self, op: Op, values: &[&Value]) -> Result<Value, ImportError> {
        let parents = values.iter().map(|value| self.node(value)).collect::<Result<Vec<_>, _>>()?;
        self.push(op, &parents).map(Value::Node)
    }

    /// The elements of `value`, row-major, in other dimensions.
    pub(crate) fn reshape(&mut self, value: &Value, dimensions: Vec<usize>) -> Result<Value, ImportError> {
        let from = self.dimensions(value);
        if count(&from)? != count(&dimensions)? {
            return Err(fault!(Shapes, "{from:?} does not fill {dimensions:?}"));
        }
        match value {
            Value::Constant(constant) => Ok(constant.moved(constant.array.reshaped(dimensions)?)),
            Value::Node(_) if from == dimensions => Ok(value.clone()),
            Value::Node(_) => self.apply(Op::Reshape(Reshape { shape: shape(dimensions)? }), &[value]),
        }
    }

    /// The axes of `value` in another order.
    pub(crate) fn permute(&mut self, value: &Value, order: Vec<usize>) -> Result<Value, ImportError> {
        match value {
            Value::Constant(constant) => {
                let array = &constant.array;
                let steps = strides(array.dimensions());
                let pick =
                    |from: &[usize]| order.iter().map(|&axis| from.get(axis).copied()).collect::<Option<Vec<_>>>();
                match (pick(array.dimensions()), pick(&steps)) {
                    (Some(dimensions), Some(steps)) if order.len() == array.rank() => {
                        let steps: Vec<isize> = steps.into_iter().map(signed).collect();
                        Ok(constant.moved(array.view(dimensions, &steps, 0)?))
                    }
                    _ => Err(fault!(Shapes, "the order {order:?} of the axes of {:?}", array.dimensions())),
                }
            }
            Value::Node(_)
                if order.iter().enumerate().all(|(i, &axis)| i == axis)
                    && order.len() == self.dimensions(value).len() =>
            {
                Ok(value.clone())
            }
            Value::Node(_) => self.apply(Op::Permute(Permute { order }), &[value]),
        }
    }

    /// `value` repeated to `dimensions`.
    pub(crate) fn broadcast(&mut self, value: &Value, dimensions: &[usize]) -> Result<Value, ImportError> {
        let from = self.dimensions(value);
        if from == dimensions {
            return Ok(value.clone());
        }
        match value {
            Value::Constant(constant) if constant.array.words().is_none() => {
                Ok(constant.moved(fold::broadcast(&constant.array, dimensions)?))
            }
            Value::Constant(_) if count(&from)? == count(dimensions)? && from.len() <= dimensions.len() => {
                self.reshape(value, dimensions.to_vec())
            }
            _ => self.apply(Op::Broadcast(Broadcast { shape: shape(dimensions.to_vec())? }), &[value]),
        }
    }

    /// The elements of `value` at these positions along every axis.
    pub(crate) fn slice(&mut self, value: &Value, positions: &[Positions]) -> Result<Value, ImportError> {
        let dimensions = self.dimensions(value);
        let whole = |(p, &n): (&Positions, &usize)| p.first == 0 && p.step == 1 && p.count == n;
        if positions.len() != dimensions.len() {
            return Err(fault!(Shapes, "{} ranges for {dimensions:?}", positions.len()));
        } else if positions.iter().zip(&dimensions).all(whole) {
            return Ok(value.clone());
        }
        match value {
            Value::Constant(constant) => {
                let all = strides(&dimensions);
                let steps = positions
                    .iter()
                    .zip(&all)
                    .map(|(p, &s)| isize::try_from(p.step).unwrap_or(0).saturating_mul(signed(s)));
                let offset: isize =
                    positions.iter().zip(&all).map(|(p, &s)| signed(p.first).saturating_mul(signed(s))).sum();
                let counts = positions.iter().map(|p| p.count).collect();
                Ok(constant.moved(constant.array.view(counts, &steps.collect::<Vec<_>>(), offset)?))
            }
            Value::Node(_) if positions.iter().any(|p| p.count == 0) => {
                let counts = positions.iter().map(|p| p.count).collect();
                Ok(Value::constant("", Array::new(crate::Dtype::Float32, counts, Elements::Words(Vec::new()))?))
            }
            Value::Node(_) => {
                let end = |p: &Positions| {
                    let steps = i64::try_from(p.count).ok()?.checked_sub(1)?.checked_mul(p.step)?;
                    i64::try_from(p.first).ok()?.checked_add(steps)?.checked_add(p.step.signum())
                };
                let end: Option<Vec<i64>> = positions.iter().map(end).collect();
                let end = end.ok_or_else(|| fault!(Shapes, "a slice of {dimensions:?}"))?;
                let (start, step) = positions.iter().map(|p| (p.first, p.step)).unzip();
                self.apply(Op::Slice(Slice { start, end, step }), &[value])
            }
        }
    }

    /// The elements of `value` at `indices` along `axis`, which becomes the axes `dimensions`.
    pub(crate) fn gather(
        &mut self,
        value: &Value,
        axis: usize,
        indices: Vec<usize>,
        dimensions: Vec<usize>,
    ) -> Result<Value, ImportError> {
        let constant = match value {
            Value::Node(_) => {
                let gather = Gather { axis, indices, indices_shape: shape(dimensions)? };
                return self.apply(Op::Gather(gather), &[value]);
            }
            Value::Constant(constant) => constant,
        };
        let from = constant.array.dimensions();
        let (Some(before), Some(&extent), Some(after)) = (from.get(..axis), from.get(axis), from.get(axis + 1..))
        else {
            return Err(fault!(Shapes, "axis {axis} of {from:?}"));
        };
        if let Some(index) = indices.iter().find(|&&index| index >= extent) {
            return Err(fault!(Shapes, "index {index} along an axis of extent {extent}"));
        }
        let to = [before, &dimensions, after].concat();
        let (outer, inner): (usize, usize) = (before.iter().product(), after.iter().product());
        let mut positions = Vec::with_capacity(folded(&to)?);
        for o in 0..outer {
            for index in &indices {
                positions.extend((0..inner).map(|i| (o * extent + index) * inner + i));
            }
        }
        Ok(constant.moved(constant.array.pick(to, &positions)?))
    }

    /// The values one after the other along `axis`.
    pub(crate) fn concat(&mut self, values: &[Value], axis: usize) -> Result<Value, ImportError> {
        let arrays = values.iter().map(|value| match value {
            Value::Constant(constant) => Some(&*constant.array),
            Value::Node(_) => None,
        });
        let Some(arrays) = arrays.collect::<Option<Vec<_>>>() else {
            let values: Vec<&Value> = values.iter().filter(|value| !self.dimensions(value).contains(&0)).collect();
            return match values.as_slice() {
                [value] => Ok((*value).clone()),
                values => self.apply(Op::Concat(Concat { axis }), values),
            };
        };
        let mut dimensions = arrays.first().map(|a| a.dimensions().to_vec()).unwrap_or_default();
        let others = |array: &Array| {
            array.dimensions().iter().enumerate().filter(|(i, _)| *i != axis).map(|(_, &d)| d).collect()
        };
        let shapes: Vec<Vec<usize>> = arrays.iter().map(|array| others(array)).collect();
        if axis >= dimensions.len() || shapes.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(fault!(Shapes, "arrays that do not fit along axis {axis}"));
        }
        dimensions[axis] = arrays.iter().map(|array| array.dimensions().get(axis).copied().unwrap_or(0)).sum(); // axis < rank
        let outer: usize = dimensions.iter().take(axis).product();
        let mut positions = Vec::with_capacity(folded(&dimensions)?);
        for o in 0..outer {
            let mut start = 0;
            for array in &arrays {
                let size = array.elements().len();
                let block = size.checked_div(outer).unwrap_or(0);
                positions.extend((0..block).map(|i| start + o * block + i));
                start += size;
            }
        }
        Ok(Value::constant("", Array::chained(&arrays)?.pick(dimensions, &positions)?))
    }

    /// A float32 scalar constant, named after the output that it serves.
    pub(crate) fn scalar(&mut self, output: &str, role: &str, word: u32) -> Result<Value, ImportError> {
        let array = Array::new(crate::Dtype::Float32, Vec::new(), Elements::Words(vec![word]))?;
        Ok(Value::constant(&format!("{output}.{role}"), array))
    }
}
