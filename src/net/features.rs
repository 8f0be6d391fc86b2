//! What passes from layer to layer: the shape of one sample, and the finding that two of them do not fit.
//!
//! Features are [n] (a vector), [length, width] (tokens) or [channels, height, width] (an image). The batch stands before them and is no layer's business.

use std::fmt;
use tl_kernel::ir::Shape;

/// The shape of one sample: one to three dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Features(Shape);

/// Why a layer cannot take what it is given, or cannot be built: one sentence, lower case, without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    what: String,
    /// Whether the sentence ends with the features that are given.
    given: bool,
}

/// A result, or why there is none.
pub type Fitting<T> = Result<T, Misfit>;

impl Misfit {
    /// What is wrong with the layer itself.
    pub fn new(what: impl Into<String>) -> Self {
        Misfit { what: what.into(), given: false }
    }

    /// The layer takes features like `expected`, and is given others.
    pub fn takes(expected: impl fmt::Display, given: &Features) -> Self {
        Misfit { what: format!("it takes {expected}, it is given {given}"), given: true }
    }

    /// The same, where `giver` says what gives the features.
    pub(crate) fn by(self, giver: impl FnOnce() -> String) -> Self {
        if self.given { Misfit::new(format!("{} by {}", self.what, giver())) } else { self }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// `Ok` when the condition holds, else the misfit.
pub(crate) fn require(condition: bool, message: impl FnOnce() -> String) -> Fitting<()> {
    if condition { Ok(()) } else { Err(Misfit::new(message())) }
}

/// `Ok` when none of these numbers of a layer is zero.
pub(crate) fn positive(numbers: &[(&str, usize)]) -> Fitting<()> {
    numbers.iter().try_for_each(|&(name, n)| require(n > 0, || format!("{name} is zero")))
}

/// The shape of these dimensions; what has a zero, or more elements than a tensor may have, is none.
pub(crate) fn shape(dimensions: &[usize]) -> Fitting<Shape> {
    Shape::new(dimensions.to_vec()).map_err(Misfit::new)
}

impl Features {
    /// Features of these dimensions, one to three.
    pub fn new(dimensions: &[usize]) -> Fitting<Self> {
        require((1..=3).contains(&dimensions.len()), || {
            format!("features have one to three dimensions, not {}", dimensions.len())
        })?;
        shape(dimensions).map(Features)
    }

    /// The dimensions.
    pub fn dimensions(&self) -> &[usize] {
        self.0.dimensions()
    }

    /// Number of elements of one sample.
    pub fn elements(&self) -> usize {
        self.0.elements()
    }

    /// The shape of `batch` samples.
    pub fn batched(&self, batch: usize) -> Fitting<Shape> {
        shape(&[&[batch], self.dimensions()].concat())
    }

    /// Height and width of an image of so many channels.
    pub(crate) fn image(&self, channels: usize) -> Fitting<[usize; 2]> {
        match *self.dimensions() {
            [given, height, width] if given == channels => Ok([height, width]),
            _ => Err(Misfit::takes(format_args!("[{channels}, height, width]"), self)),
        }
    }

    /// The length of tokens of this width.
    pub(crate) fn tokens(&self, width: usize) -> Fitting<usize> {
        match *self.dimensions() {
            [length, given] if given == width => Ok(length),
            _ => Err(Misfit::takes(format_args!("[length, {width}]"), self)),
        }
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
