//! Reference models with seeded parameters: the same bytes on every machine, in Rust and in numpy (`certs/make/record.py`).
//!
//! Element i (row-major, from 0) of tensor number t of a model with seed s is made from
//!
//! ```text
//! z₀ = (s·2^40 + t·2^32 + i + 1) · 9e3779b97f4a7c15        (mod 2^64)
//! z₁ = (z₀ ⊕ (z₀ >> 30)) · bf58476d1ce4e5b9               (mod 2^64)
//! z₂ = (z₁ ⊕ (z₁ >> 27)) · 94d049bb133111eb               (mod 2^64)
//! u  = (z₂ ⊕ (z₂ >> 31)) >> 40                            (24 bits)
//! ```
//!
//! (SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). A parameter is `(u − 2^23) · 2^−23 · 2^−k`, in [−2^−k, 2^−k), where
//! k is the greatest integer, 0 at least, with `3 · 4^k ≤ fan_in`: then 2^−k is √(6 / fan_in) rounded to a power of two (He et al. 2015). A bias has the
//! k of its weight, an affine map after a normalisation k = 0. An input is `u · 2^−24`, in [0, 1), or `(u − 2^23) · 2^−23`, in [−1, 1).
//! All are binary32 numbers exactly. Tensor 0 is the input; parameters are numbered from 1 in the order of the nodes.
//!
//! Beside them stand the networks of [`gaps`], whose parameters are written out.

pub(crate) mod draft;
pub mod gaps;
mod models;

use crate::error::{Code, Error};
use crate::model::Model;
use std::path::{Path, PathBuf};
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{Shape, Tensor};

/// A reference model and an input for it.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The model.
    pub model: Model,
    /// Its inputs.
    pub inputs: Named<u32>,
}

/// The names of the reference models.
pub const NAMES: &[&str] =
    &["mlp", "mnist_cnn", "attention", "conv_groups", "absorb_const", "absorb_trigger", "zombori_step"];

/// The reference model of this name.
pub fn reference(name: &str) -> Result<Reference, Error> {
    let unknown = || {
        let message = format!("no reference model has this name, but {}, {}", NAMES.join(", "), gaps::MNIST);
        Error::new(Code::Usage, name, message)
    };
    Reference::of(name, models::draft(name).ok_or_else(unknown)?)
}

impl Reference {
    pub(crate) fn of(name: &str, draft: draft::Draft) -> Result<Self, Error> {
        Ok(Reference { model: Model::new(Path::new(name), draft.graph, draft.parameters)?, inputs: draft.inputs })
    }
}

/// The folder with the networks and properties that others published: `$TL_DATA`, or `../shared/data`.
pub fn data_folder() -> PathBuf {
    std::env::var_os("TL_DATA").map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from)
}

/// What the elements of a tensor are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// [0, 1).
    Unit,
    /// [−2^−k, 2^−k).
    Symmetric(u32),
}

/// The range of the parameters of a layer with this many terms in each sum.
pub fn range_for(fan_in: usize) -> Range {
    let fits = |k: &u32| 3usize.checked_shl(2 * k).is_some_and(|least| least <= fan_in);
    Range::Symmetric((1..31).take_while(fits).last().unwrap_or(0))
}

/// The words of tensor number `number` of the model with this seed.
pub fn tensor(seed: u64, number: u64, shape: &Shape, range: Range) -> Tensor<u32> {
    let word = |i: usize| {
        let u = draw((seed << 40) + (number << 32) + i as u64 + 1);
        // 24 bits and a power of two: every step is exact.
        let value = match range {
            Range::Unit => u as f32 / (1 << 24) as f32,
            Range::Symmetric(k) => (u as i32 - (1 << 23)) as f32 / (1u64 << (23 + k)) as f32,
        };
        value.to_bits()
    };
    let words = (0..shape.elements()).map(word).collect();
    Tensor::new(shape.clone(), words).expect("as many words as the shape has elements")
}

/// The 24 bits that SplitMix64 gives for a counter.
fn draw(counter: u64) -> u32 {
    let z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ z >> 31) >> 40) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // The first outputs for the state 0 are published with the algorithm (Vigna, splitmix64.c).
        for (counter, output) in [(1, 0xe220_a839_7b1d_cdafu64), (2, 0x6e78_9e6a_a1b9_65f4), (3, 0x06c4_5d18_8009_454f)]
        {
            assert_eq!(draw(counter), (output >> 40) as u32);
        }
    }

    #[test]
    fn ranges_are_powers_of_two_near_he_initialisation() {
        for (fan_in, k) in [(1, 0), (9, 0), (12, 1), (288, 3), (512, 3), (784, 4), (6272, 5)] {
            assert_eq!(range_for(fan_in), Range::Symmetric(k), "{fan_in}");
        }
    }
}
