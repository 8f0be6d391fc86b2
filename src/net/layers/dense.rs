//! The affine map of the last axis, then an activation.
//!
//! Shapes: [input] → [output], [length, input] → [length, output]. Parameters: weight [output, input], bias [output].

use super::prelude::*;

record! {
    /// The affine map of the last axis, then an activation.
    pub struct Dense {
        /// Features that come in.
        pub input: usize,
        /// Features that go out.
        pub output: usize,
        /// What follows.
        pub activation: Activation,
    }
}

impl Rule for Dense {
    fn output(&self, x: &Features) -> Fitting<Features> {
        match *x.dimensions() {
            [input] if input == self.input => Features::new(&[self.output]),
            [length, input] if input == self.input => Features::new(&[length, self.output]),
            [_, input] if input != self.input => Err(Misfit::takes(format_args!("[length, {}]", self.input), x)),
            _ => Err(Misfit::takes(format_args!("[{}]", self.input), x)),
        }
    }

    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        let initial = match self.activation {
            Activation::Identity => Initial::Xavier { fan_in: self.input, fan_out: self.output },
            _ => Initial::He { fan_in: self.input },
        };
        let x = draft.linear("", x, self.output, initial)?;
        draft.activation(self.activation, x)
    }
}
