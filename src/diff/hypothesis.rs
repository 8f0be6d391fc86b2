//! What else a node may have been computed as: each hypothesis is *evaluated*, none is guessed.
//!
//! Statement of an explanation: with the operation, an operand or a rounding changed as the hypothesis says, every recorded element is within what binary32
//! rounding can explain of the changed node at the recorded operands, which it is not of the node as the model has it. Each variant is a [`Part`] that the
//! kernel's own specification gives a meaning ([`super::judge::decided`]); only the rounding of operands to a shorter format is done here, on words.
//!
//! | family | what is changed |
//! |---|---|
//! | products | operands of a contraction rounded to TF32, bfloat16 or float16 (the bias not); the result stored in bfloat16 or float16 |
//! | epsilon | left out, another common one, or added to the root instead of under it |
//! | statistics | the batch's own, the unbiased variance, or one formed in one pass, which cancels |
//! | layout | a transposed square weight, a flipped or transposed kernel, padding on the other side, softmax over another axis, other coordinates of a resize |
//! | constants | a bias or factor left out, another slope, the other form of GELU, padding counted in a mean |
//! | neighbours | recorded after a relu; a blocked row of a mask that is uniform; subnormals flushed to zero |
//!
//! Two hypotheses that the data do not tell apart are both named.

mod layout;
mod normal;
mod products;
mod scalars;

use super::judge::decided;
use super::measure::{Distance, is_explained, is_finite, near, ulp_exponent};
use super::part::Part;
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::context::rounded::Approximate;
use tl_kernel::ir::Tensor;
use tl_kernel::number::Dyadic;

/// One way to compute a part otherwise.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What was done, as a sentence says it.
    pub name: String,
    /// The part, changed.
    pub part: Part,
    /// What happened to the result.
    pub result: Stored,
}

/// What happens to a result beside the roundings of binary32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Nothing.
    Plainly,
    /// It is rounded to numbers of this many fraction bits.
    Short(u32),
    /// Numbers below 2^−126 become zero, this many terms each.
    Flushed(usize),
}

impl Variant {
    /// A variant whose result is kept as it is.
    fn new(name: impl Into<String>, part: Part) -> Self {
        Variant { name: name.into(), part, result: Stored::Plainly }
    }
}

impl Stored {
    /// How far the result may be from the rounded one; nothing where the word is no such result.
    fn more(self, word: u32) -> Option<Dyadic> {
        match self {
            Stored::Plainly => Some(Dyadic::zero()),
            Stored::Short(bits) => {
                let rest = 23 - bits;
                let is_short = word & ((1 << rest) - 1) == 0;
                is_short.then(|| Dyadic::power_of_two(ulp_exponent(word) + i64::from(rest) - 1))
            }
            Stored::Flushed(terms) => Some(Dyadic::integer(terms as i64 + 1).scaled(-126)), // far fewer than 2^63 terms
        }
    }
}

/// A family of variants.
type Hypothesis = fn(&Part) -> Vec<Variant>;

/// The table.
pub const HYPOTHESES: &[(&str, Hypothesis)] = &[
    ("short products", products::short),
    ("flush to zero", products::flushed),
    ("epsilon", normal::epsilon),
    ("statistics", normal::statistics),
    ("weight layout", layout::weight),
    ("padding side", layout::padding),
    ("softmax axis", layout::axis),
    ("resize coordinates", layout::coordinates),
    ("bias or factor", scalars::left_out),
    ("slope", scalars::slope),
    ("gelu form", scalars::gelu),
    ("padding counted", scalars::padding_counted),
    ("mask", scalars::mask),
    ("activation", scalars::activated),
];

/// The names of the variants that explain what was recorded for the target of the part, the nearest first.
pub fn explanations(part: &Part, recorded: &Tensor<u32>, library: u64) -> Vec<String> {
    if !recorded.data().iter().all(|&word| is_finite(word)) {
        return Vec::new();
    }
    let variants = HYPOTHESES.iter().flat_map(|(_, variants)| variants(part));
    let explaining = |variant: Variant| Some((explains(&variant, recorded, library)?, variant.name));
    let mut found: Vec<(f64, String)> = variants.filter_map(explaining).collect();
    found.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let mut names: Vec<String> = Vec::new();
    for (_, name) in found {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// How far off the variant is, Σ |y − s|², where every recorded element is within what rounding can explain of it; else nothing.
fn explains(variant: &Variant, recorded: &Tensor<u32>, library: u64) -> Option<f64> {
    let more: Vec<Dyadic> = recorded.data().iter().map(|&word| variant.result.more(word)).collect::<Option<_>>()?;
    let widest = more.iter().max().cloned().unwrap_or(Dyadic::zero());
    let values = decided(&variant.part, recorded, library, &widest).ok()?;
    let mut elements = recorded.data().iter().zip(values.data()).zip(&more);
    let holds = elements.all(|((&word, value), more)| is_explained(word, value, more) == Some(true));
    holds.then(|| square_distance(recorded, values.data().iter().map(Approximate::exact)))
}

/// Σ |y − s|².
fn square_distance<'a>(recorded: &Tensor<u32>, exact: impl Iterator<Item = &'a Ball>) -> f64 {
    let distances = recorded.data().iter().zip(exact).filter_map(|(&word, ball)| Distance::new(word, ball));
    distances.map(|distance| near(&distance.farthest).powi(2)).sum()
}

/// The variant that is nearest to what was recorded, where it is at least eight times nearer (in the mean square) than the part itself, and how many times.
pub fn nearest(part: &Part, recorded: &Tensor<u32>) -> Option<(String, f64)> {
    const TIMES: f64 = 8.0;
    let real = Real::new(96);
    let distance = |part: &Part| Some(square_distance(recorded, part.value(&real).ok()?.data().iter()));
    let own = distance(part)?;
    let variants = HYPOTHESES.iter().flat_map(|(_, variants)| variants(part));
    let plain = variants.filter(|variant| variant.result == Stored::Plainly);
    let measured = plain.filter_map(|variant| Some(((own / distance(&variant.part)?).sqrt(), variant.name)));
    let (times, name) = measured.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (times >= TIMES).then_some((name, times))
}
