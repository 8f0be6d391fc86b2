//! Initial values of parameters: what each is drawn from, and the draw. The same seed gives the same bits on every machine.
//!
//! Uniform bits are those of SplitMix64 (Steele, Lea and Flood 2014): draw number i (from 0) of parameter number t (from 0, in the order of the layers) under seed s is
//!
//! ```text
//! key = mix(s + (t + 1) · 9e3779b97f4a7c15),   z = mix(key + (i + 1) · 9e3779b97f4a7c15)      (mod 2^64)
//! mix(z): z ⊕= z >> 30; z ·= bf58476d1ce4e5b9; z ⊕= z >> 27; z ·= 94d049bb133111eb; z ⊕ (z >> 31)
//! ```
//!
//! and u = (⌊z / 2^11⌋ + 1/2) · 2^−53, inside (0, 1). Element e of a uniform tensor is made of draw e. Element e of a normal one is σ·√(−2 ln u)·cos(2πu′) (Box and Muller
//! 1958) of draws 32e + 2a and 32e + 2a + 1, where a counts from 0 the attempts that fell outside the truncation, at most 16 of them: the sixteenth is clipped.
//! Binary64 throughout, `ln` and `cos` from the `libm` crate, which is software, then one rounding to binary32.

use rayon::prelude::*;
use std::f64::consts::TAU;
use tl_kernel::ir::{Shape, Tensor};

/// What a parameter begins as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initial {
    /// Normal with variance 2 / fan_in (He et al. 2015), before a rectifier or a normalisation.
    He {
        /// Terms of each sum.
        fan_in: usize,
    },
    /// Uniform within ±√(6 / (fan_in + fan_out)) (Glorot and Bengio 2010), where nothing rectifies.
    Xavier {
        /// Terms of each sum.
        fan_in: usize,
        /// Sums that each value takes part in.
        fan_out: usize,
    },
    /// Normal with standard deviation 0.02, none further than two of them from zero: the parameters of transformers.
    Truncated,
    /// One.
    Ones,
    /// Zero.
    Zeros,
}

/// Attempts at a normal value inside the truncation; all of them fail for one element in 10^21.
const ATTEMPTS: u64 = 16;

fn mix(z: u64) -> u64 {
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// The output of SplitMix64 of state `key` after `i + 1` steps.
fn draw(key: u64, i: u64) -> u64 {
    mix(key.wrapping_add(i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// Draw number i, inside (0, 1).
fn unit(key: u64, i: u64) -> f64 {
    ((draw(key, i) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// A standard normal value of draws i and i + 1.
fn normal(key: u64, i: u64) -> f64 {
    (-2.0 * libm::log(unit(key, i))).sqrt() * libm::cos(TAU * unit(key, i + 1))
}

/// The words of parameter number `number` under `seed`.
pub(crate) fn tensor(seed: u64, number: u64, shape: &Shape, initial: Initial) -> Tensor<u32> {
    let key = draw(seed, number);
    let element = |e: usize| -> f64 {
        let e = e as u64; // below 2^31
        match initial {
            Initial::He { fan_in } => (2.0 / fan_in as f64).sqrt() * normal(key, 2 * ATTEMPTS * e),
            Initial::Xavier { fan_in, fan_out } => {
                (6.0 / (fan_in as f64 + fan_out as f64)).sqrt() * (2.0 * unit(key, e) - 1.0)
            }
            Initial::Truncated => {
                let mut attempts = (0..ATTEMPTS).map(|a| normal(key, 2 * ATTEMPTS * e + 2 * a));
                let inside = attempts.find(|z| z.abs() <= 2.0);
                0.02 * inside.unwrap_or_else(|| normal(key, 2 * ATTEMPTS * e + 2 * (ATTEMPTS - 1)).clamp(-2.0, 2.0))
            }
            Initial::Ones => 1.0,
            Initial::Zeros => 0.0,
        }
    };
    let words = (0..shape.elements()).into_par_iter().map(|e| (element(e) as f32).to_bits()).collect();
    Tensor::new(shape.clone(), words).expect("as many words as the shape has elements")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_splitmix64() {
        // The first outputs for the state 0 are published with the algorithm (Vigna, splitmix64.c).
        for (i, output) in [(0, 0xe220_a839_7b1d_cdafu64), (1, 0x6e78_9e6a_a1b9_65f4), (2, 0x06c4_5d18_8009_454f)] {
            assert_eq!(draw(0, i), output);
        }
    }

    #[test]
    fn values_have_the_spread_that_is_stated() {
        let shape = Shape::new(vec![100, 1000]).expect("a shape");
        let table = [
            (Initial::He { fan_in: 50 }, 0.2, f64::INFINITY),
            (Initial::Xavier { fan_in: 1, fan_out: 5 }, 1.0 / 3f64.sqrt(), 1.0),
            (Initial::Truncated, 0.02 * 0.879_626, 0.040_000_01), // the deviation of a normal distribution cut at two of them
            (Initial::Ones, 1.0, 1.0),
            (Initial::Zeros, 0.0, 0.0),
        ];
        for (initial, deviation, bound) in table {
            let values = tensor(7, 3, &shape, initial);
            let values: Vec<f64> = values.data().iter().map(|&word| f64::from(f32::from_bits(word))).collect();
            let square = values.iter().map(|x| x * x).sum::<f64>() / values.len() as f64;
            assert!((square.sqrt() - deviation).abs() <= 0.01 * deviation, "{initial:?} {}", square.sqrt());
            assert!(values.iter().all(|x| x.abs() <= bound), "{initial:?}");
        }
    }
}
