//! One node of the model as its lowering sees it: inputs by position, attributes by name, each attribute read at most once.
//!
//! An attribute that the lowering did not ask for is an error ([`Call::finish`]): a convention that is not understood is never ignored.

use crate::array::{Array, MAX_RANK};
use crate::builder::Value;
use crate::error::{ImportError, fault};
use crate::proto::{AttributeProto, NodeProto, attribute_type};
use crate::tensor_proto::{self, External};
use num_rational::BigRational;
use std::collections::BTreeMap;
use tl_kernel::number::Exact;

/// A node with its inputs.
pub(crate) struct Call<'a> {
    /// The operator.
    pub(crate) op: &'a str,
    /// The version of the operator set.
    pub(crate) opset: i64,
    /// The names of the outputs; an empty one is not wanted.
    pub(crate) outputs: Vec<&'a str>,
    inputs: Vec<Option<Value>>,
    attributes: BTreeMap<&'a str, &'a AttributeProto>,
    external: External<'a>,
}

impl<'a> Call<'a> {
    /// The node with its inputs, an absent one as `None`.
    pub(crate) fn new(
        node: &'a NodeProto,
        opset: i64,
        inputs: Vec<Option<Value>>,
        outputs: Vec<&'a str>,
        external: External<'a>,
    ) -> Result<Self, ImportError> {
        let mut attributes = BTreeMap::new();
        for attribute in &node.attribute {
            let name = attribute.name.as_deref().unwrap_or_default();
            if attribute.ref_attr_name.as_deref().is_some_and(|name| !name.is_empty()) {
                return Err(fault!(UnsupportedAttribute, "attribute {name:?} refers to an attribute of a function"));
            }
            if attributes.insert(name, attribute).is_some() {
                return Err(fault!(Attribute, "attribute {name:?} occurs twice"));
            }
        }
        let op = node.op_type.as_deref().unwrap_or_default();
        Ok(Call { op, opset, outputs, inputs, attributes, external })
    }

    /// Number of inputs, absent ones in between included.
    pub(crate) fn arity(&self) -> usize {
        self.inputs.len()
    }

    /// Input `position`, which has to be there.
    pub(crate) fn input(&self, position: usize) -> Result<Value, ImportError> {
        self.optional(position).ok_or_else(|| fault!(Arity, "input {position} is missing"))
    }

    /// Input `position`, when it is there.
    pub(crate) fn optional(&self, position: usize) -> Option<Value> {
        self.inputs.get(position).cloned().flatten()
    }

    /// All inputs, none of which may be absent.
    pub(crate) fn all(&self) -> Result<Vec<Value>, ImportError> {
        (0..self.inputs.len()).map(|position| self.input(position)).collect()
    }

    /// The constant at input `position`, when that is there.
    pub(crate) fn constant(&self, position: usize) -> Result<Option<Array>, ImportError> {
        match self.optional(position) {
            None => Ok(None),
            Some(Value::Constant(constant)) => Ok(Some((*constant.array).clone())),
            Some(Value::Node(_)) => Err(fault!(NotConstant, "input {position} of {} is computed", self.op)),
        }
    }

    /// The integers of the constant at input `position`, when that is there.
    pub(crate) fn integers(&self, position: usize) -> Result<Option<Vec<i64>>, ImportError> {
        let Some(array) = self.constant(position)? else {
            return Ok(None);
        };
        let wrong = || fault!(Dtype, "input {position} of {} is {}, not an integer", self.op, array.dtype().name());
        Ok(Some(array.as_integers().ok_or_else(wrong)?.to_vec()))
    }

    /// The one float32 word of the constant at input `position`, when that is there.
    pub(crate) fn word(&self, position: usize) -> Result<Option<u32>, ImportError> {
        let Some(array) = self.constant(position)? else {
            return Ok(None);
        };
        match array.words() {
            Some(&[word]) => Ok(Some(word)),
            Some(_) => Err(fault!(
                Shapes,
                "input {position} of {} has shape {:?}, not one element",
                self.op,
                array.dimensions()
            )),
            None => Err(fault!(Dtype, "input {position} of {} is {}", self.op, array.dtype().name())),
        }
    }

    fn take(&mut self, name: &str, kind: i32) -> Result<Option<&'a AttributeProto>, ImportError> {
        let Some(attribute) = self.attributes.remove(name) else {
            return Ok(None);
        };
        match attribute.r#type {
            Some(found) if found == kind => Ok(Some(attribute)),
            None | Some(0) => Ok(Some(attribute)), // before IR version 2 the type was not written
            Some(found) => Err(fault!(Attribute, "attribute {name:?} is of type {found}, not {kind}")),
        }
    }

    /// The integer attribute `name`.
    pub(crate) fn int(&mut self, name: &str) -> Result<Option<i64>, ImportError> {
        Ok(self.take(name, attribute_type::INT)?.map(|a| a.i.unwrap_or(0)))
    }

    /// The integer attribute `name`, 0 or 1.
    pub(crate) fn flag(&mut self, name: &str, default: bool) -> Result<bool, ImportError> {
        match self.int(name)? {
            None => Ok(default),
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(other) => Err(fault!(UnsupportedAttribute, "attribute {name:?} is {other}, neither 0 nor 1")),
        }
    }

    /// The list of integers `name`.
    pub(crate) fn ints(&mut self, name: &str) -> Result<Option<Vec<i64>>, ImportError> {
        Ok(self.take(name, attribute_type::INTS)?.map(|a| a.ints.clone()))
    }

    /// The list of sizes `name`, of `length` entries; each `default` where it is absent.
    pub(crate) fn sizes(&mut self, name: &str, length: usize, default: usize) -> Result<Vec<usize>, ImportError> {
        let Some(values) = self.ints(name)? else {
            return Ok(vec![default; length]);
        };
        let sizes: Option<Vec<usize>> = values.iter().map(|&v| usize::try_from(v).ok()).collect();
        sizes
            .filter(|sizes| sizes.len() == length)
            .ok_or_else(|| fault!(UnsupportedAttribute, "attribute {name:?} is {values:?}, not {length} sizes"))
    }

    /// The binary32 word of the float attribute `name`.
    pub(crate) fn float(&mut self, name: &str) -> Result<Option<u32>, ImportError> {
        Ok(self.take(name, attribute_type::FLOAT)?.map(|a| a.f.unwrap_or(0.0).to_bits()))
    }

    /// The exact value of the float attribute `name`, `default` where it is absent.
    pub(crate) fn exact(&mut self, name: &str, default: f32) -> Result<Exact, ImportError> {
        let word = self.float(name)?.unwrap_or(default.to_bits());
        exact(word).map_err(|error| error.at(format!("attribute {name:?}")))
    }

    /// The list of binary32 words of the attribute `name`.
    pub(crate) fn floats(&mut self, name: &str) -> Result<Option<Vec<u32>>, ImportError> {
        Ok(self.take(name, attribute_type::FLOATS)?.map(|a| a.floats.iter().map(|x| x.to_bits()).collect()))
    }

    /// The text of the attribute `name`, `default` where it is absent.
    pub(crate) fn string(&mut self, name: &str, default: &str) -> Result<String, ImportError> {
        match self.take(name, attribute_type::STRING)? {
            None => Ok(default.to_string()),
            Some(a) => String::from_utf8(a.s.clone().unwrap_or_default())
                .map_err(|_| fault!(Attribute, "attribute {name:?} is not text")),
        }
    }

    /// The constant in the attribute `name`.
    pub(crate) fn tensor(&mut self, name: &str) -> Result<Option<Array>, ImportError> {
        let Some(attribute) = self.take(name, attribute_type::TENSOR)? else {
            return Ok(None);
        };
        let tensor = attribute.t.as_ref().ok_or_else(|| fault!(Attribute, "attribute {name:?} has no tensor"))?;
        tensor_proto::array(tensor, self.external).map(Some)
    }

    /// Refuses attribute values of which only one is supported.
    pub(crate) fn only(&mut self, name: &str, supported: i64) -> Result<(), ImportError> {
        match self.int(name)? {
            Some(other) if other != supported => {
                Err(fault!(UnsupportedAttribute, "attribute {name:?} is {other}, only {supported} is supported"))
            }
            _ => Ok(()),
        }
    }

    /// Drops an attribute that does not bear on the result.
    pub(crate) fn ignore(&mut self, name: &str) {
        self.attributes.remove(name);
    }

    /// Refuses the attributes that nobody asked for.
    pub(crate) fn finish(&self) -> Result<(), ImportError> {
        match self.attributes.keys().next() {
            Some(name) => Err(fault!(
                UnsupportedAttribute,
                "{} in operator set {} has no attribute {name:?}",
                self.op,
                self.opset
            )),
            None => Ok(()),
        }
    }
}

/// The exact value of a finite binary32 word.
pub(crate) fn exact(word: u32) -> Result<Exact, ImportError> {
    Exact::from_binary32(word).ok_or_else(|| fault!(UnsupportedAttribute, "the number {word:08x} is not finite"))
}

/// The exact number of a rational.
pub(crate) fn of_rational(value: &BigRational) -> Result<Exact, ImportError> {
    let text = format!("{}/{}", value.numer(), value.denom());
    Exact::parse(&text).map_err(|error| fault!(UnsupportedAttribute, "{text}: {error}"))
}

/// The axis that `axis` names in `rank` dimensions, counted from the end when it is negative.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize, ImportError> {
    let out = || fault!(UnsupportedAttribute, "axis {axis} of {rank} dimensions");
    let rank = i64::try_from(rank).map_err(|_| out())?;
    let from_start = if axis < 0 { axis.checked_add(rank).ok_or_else(out)? } else { axis };
    usize::try_from(from_start).ok().filter(|_| from_start < rank).ok_or_else(out)
}

/// The different axes that `list` names, ascending.
pub(crate) fn axes(list: &[i64], rank: usize) -> Result<Vec<usize>, ImportError> {
    if list.len() > rank || rank > MAX_RANK {
        return Err(fault!(UnsupportedAttribute, "{} axes of {rank} dimensions", list.len()));
    }
    let mut found = list.iter().map(|&a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?;
    found.sort_unstable();
    if found.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(fault!(UnsupportedAttribute, "an axis occurs twice in {list:?}"));
    }
    Ok(found)
}
