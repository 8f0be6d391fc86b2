//! Sums in binary64 with what binary32 may make of them.
//!
//! A sum of n terms that starts from c may be off by γₙ₊₂·(|c| + Σ|a||b|), γₖ = k·u/(1 − k·u), u = 2⁻²⁴ (Higham 2002, §3.1): one rounding for each addition, one for each product where it
//! is not fused, and room for the reference, whose own error is below 2⁻²⁹ of what is allowed.

#![allow(dead_code, reason = "each test binary uses a part")]

use crate::graphs::Random;
use tl::ops::fast::image::Image;

/// The unit roundoff.
pub(crate) const U: f64 = 1.0 / (1u64 << 24) as f64;

pub(crate) fn gamma(k: usize) -> f64 {
    let k = k as f64 * U;
    k / (1.0 - k)
}

/// A sum with the sum of its magnitudes, and how many terms it has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) value: f64,
    pub(crate) size: f64,
    pub(crate) terms: usize,
}

impl Sum {
    pub(crate) fn start(value: f32) -> Self {
        Sum { value: value.into(), size: f64::from(value).abs(), terms: 0 }
    }
    pub(crate) fn add(&mut self, a: f32, b: f32) {
        let product = f64::from(a) * f64::from(b);
        (self.value, self.size, self.terms) = (self.value + product, self.size + product.abs(), self.terms + 1);
    }
}

/// Every element within `γ(terms + more)` of its sum.
pub(crate) fn close(what: &str, found: impl IntoIterator<Item = f32>, sums: &[Sum], more: usize) {
    let mut count = 0;
    for (position, (found, sum)) in found.into_iter().zip(sums).enumerate() {
        let (error, allowed) = ((f64::from(found) - sum.value).abs(), gamma(sum.terms + more) * sum.size);
        assert!(
            error <= allowed,
            "{what}, position {position}: {found:e}, not {:e}: {error:e} > {allowed:e}",
            sum.value
        );
        count += 1;
    }
    assert_eq!(count, sums.len(), "{what}");
}

pub(crate) fn vector(random: &mut Random, n: usize) -> Vec<f32> {
    (0..n).map(|_| random.number()).collect()
}

pub(crate) fn stored(image: &Image, values: &[f32]) -> Vec<f32> {
    let mut to = vec![f32::NAN; image.size()];
    image.store(values, &mut to);
    to
}

pub(crate) fn loaded(image: &Image, values: &[f32]) -> Vec<f32> {
    let mut to = vec![f32::NAN; image.elements()];
    image.load(values, &mut to);
    to
}
