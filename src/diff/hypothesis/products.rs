//! Operands of products in shorter formats, and subnormal numbers that count as zero.

use super::{Stored, Variant};
use crate::diff::part::Part;
use tl_kernel::ir::Tensor;
use tl_kernel::spec::Op;

/// How a number is brought to fewer fraction bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    /// To nearest, ties to even.
    Nearest,
    /// To nearest, ties away from zero.
    NearestAway,
    /// Towards zero.
    Zero,
}

/// The word with `bits` fraction bits, its exponent kept; nothing where it overflows.
fn shortened(word: u32, bits: u32, to: To) -> Option<u32> {
    let rest = 23 - bits;
    let half = 1 << (rest - 1);
    let added = match to {
        To::Zero => 0,
        To::NearestAway => half,
        To::Nearest => half - 1 + (word >> rest & 1),
    };
    // The fraction carries into the exponent, as it should.
    let short = ((word & !(1 << 31)) + added) >> rest << rest | word & 1 << 31;
    (short << 1 < 0xff << 24).then_some(short)
}

/// The nearest float16 as a word; nothing where it overflows.
fn half(word: u32) -> Option<u32> {
    let x = f32::from_bits(word);
    const LEAST: f32 = 1.0 / (1 << 24) as f32; // of the subnormal ones
    if x.abs() < 1.0 / (1 << 14) as f32 {
        return Some(((x / LEAST).round_ties_even() * LEAST).to_bits()); // exact: a power of two
    }
    shortened(word, 10, To::Nearest).filter(|&short| f32::from_bits(short).abs() <= 65504.0)
}

/// The parts of a number of `f` applied to both factors of every contraction; nothing where there is none, or a factor is no source.
fn factors(part: &Part, f: impl Fn(u32) -> Option<u32>) -> Option<Part> {
    let mut changed = part.clone();
    let is_contraction = |op: &Op| matches!(op, Op::Linear(_) | Op::Matmul(_) | Op::Conv(_) | Op::ConvTranspose(_));
    let mut found = false;
    for id in 0..part.nodes.len() {
        let (op, parents) = part.node(id);
        if part.words.contains_key(&id) || !is_contraction(op) {
            continue;
        }
        found = true;
        for parent in parents.iter().take(2) {
            let words = part.words.get(parent)?;
            let short = words.try_map(|&word| f(word).ok_or(())).ok()?;
            changed.words.insert(*parent, short);
        }
    }
    found.then_some(changed)
}

/// TF32, bfloat16 and float16.
pub(super) fn short(part: &Part) -> Vec<Variant> {
    let mut variants = Vec::new();
    let mut add = |name: &str, part: Option<Part>, stored: Option<u32>| {
        let Some(part) = part else { return };
        variants.push(Variant::new(name, part.clone()));
        if let Some(bits) = stored {
            variants.push(Variant { name: format!("{name}, stored so"), part, result: Stored::Short(bits) });
        }
    };
    for to in [To::Nearest, To::NearestAway, To::Zero] {
        add("TF32-like products (operands of 10 fraction bits)", factors(part, |word| shortened(word, 10, to)), None);
    }
    for to in [To::Nearest, To::Zero] {
        add("bfloat16 products", factors(part, |word| shortened(word, 7, to)), Some(7));
    }
    add("float16 products", factors(part, half), Some(10));
    let stored = |name: &str, bits| Variant { name: name.into(), part: part.clone(), result: Stored::Short(bits) };
    variants.extend([stored("a result stored in bfloat16", 7), stored("a result stored in float16", 10)]);
    variants
}

/// Subnormal operands and results are zero.
pub(super) fn flushed(part: &Part) -> Vec<Variant> {
    let mut changed = part.clone();
    let flush = |word: &u32| Ok::<u32, ()>(if word << 1 < 1 << 24 { word & 1 << 31 } else { *word });
    for words in changed.words.values_mut() {
        *words = words.try_map(flush).unwrap_or_else(|()| words.clone());
    }
    let terms = part.words.values().map(|words: &Tensor<u32>| words.data().len()).max().unwrap_or(1);
    [part.clone(), changed]
        .map(|part| Variant { name: "flush-to-zero of subnormal numbers".into(), part, result: Stored::Flushed(terms) })
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_shortened_as_the_formats_say() {
        for (x, bits, to, short) in [
            (1.0f32 + 2f32.powi(-10), 10, To::Nearest, Some(1.0f32 + 2f32.powi(-10))),
            (1.0 + 2f32.powi(-11), 10, To::Nearest, Some(1.0)),
            (1.0 + 2f32.powi(-11), 10, To::NearestAway, Some(1.0 + 2f32.powi(-10))),
            (-1.0 - 3.0 * 2f32.powi(-11), 10, To::Nearest, Some(-1.0 - 2f32.powi(-9))),
            (1.9999999, 10, To::Zero, Some(2.0 - 2f32.powi(-10))),
            (1.9999999, 7, To::Nearest, Some(2.0)),
            (f32::MAX, 7, To::Nearest, None),
            (f32::MAX, 7, To::Zero, Some(3.3895314e38)),
        ] {
            assert_eq!(shortened(x.to_bits(), bits, to).map(f32::from_bits), short, "{x} {bits} {to:?}");
        }
        for (x, expected) in [
            (65519.0f32, Some(65504.0f32)),
            (65520.0, None),
            (6.0e-8, Some(2f32.powi(-24))),
            (2.9e-8, Some(0.0)),
            (1.0009, Some(1.0 + 2f32.powi(-10))),
        ] {
            assert_eq!(half(x.to_bits()).map(f32::from_bits), expected, "{x}");
        }
    }
}
