//! Comparisons and extrema (IEEE 754-2019 §5.11, §9.6).
//!
//! Claim: [`compare`] yields the relation of two data (`None` is *unordered*: one of them is a NaN); every predicate of Tables 5.1–5.3 is a set of
//! relations, read off its result. The extrema differ only in what a NaN does.

use super::environment::{Environment, Flags};
use super::word::{SIGN, is_nan, is_sign_minus, is_signaling, propagate};
use std::cmp::Ordering;

/// Which NaN makes a comparison invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Only a signalling one (`compareQuiet…`; `==` in most languages).
    Quiet,
    /// Any (`compareSignaling…`; `<` and `<=` in most languages).
    Signaling,
}

/// The relation of `x` to `y`; `None` when unordered. Zeros are equal.
pub fn compare(x: u32, y: u32, comparison: Comparison) -> (Option<Ordering>, Flags) {
    if is_nan(x) || is_nan(y) {
        let invalid = comparison == Comparison::Signaling || is_signaling(x) || is_signaling(y);
        return (None, Flags::INVALID.when(invalid));
    }
    (Some(position(x).cmp(&position(y))), Flags::NONE)
}

/// The place of a number in the order of the binary32 numbers; zeros share place 0.
fn position(word: u32) -> i64 {
    let magnitude = i64::from(word & !SIGN);
    if is_sign_minus(word) { -magnitude } else { magnitude }
}

/// The greater number, `+0` above `−0`; a NaN if one operand is one (§9.6).
pub fn maximum(x: u32, y: u32, env: Environment) -> (u32, Flags) {
    if is_nan(x) || is_nan(y) {
        return propagate(&[x, y], env.nan);
    }
    (if above(x, y) { x } else { y }, Flags::NONE)
}

/// The smaller number, `−0` below `+0`; a NaN if one operand is one (§9.6).
pub fn minimum(x: u32, y: u32, env: Environment) -> (u32, Flags) {
    if is_nan(x) || is_nan(y) {
        return propagate(&[x, y], env.nan);
    }
    (if above(x, y) { y } else { x }, Flags::NONE)
}

/// [`maximum`] of the operands that are numbers; a NaN only if both are one (§9.6).
pub fn maximum_number(x: u32, y: u32, env: Environment) -> (u32, Flags) {
    number(x, y, env).unwrap_or_else(|| maximum(x, y, env))
}

/// [`minimum`] of the operands that are numbers; a NaN only if both are one (§9.6).
pub fn minimum_number(x: u32, y: u32, env: Environment) -> (u32, Flags) {
    number(x, y, env).unwrap_or_else(|| minimum(x, y, env))
}

/// The only operand that is a number, if just one is; a signalling NaN is still invalid.
fn number(x: u32, y: u32, env: Environment) -> Option<(u32, Flags)> {
    let (_, flags) = propagate(&[x, y], env.nan);
    match (is_nan(x), is_nan(y)) {
        (true, false) => Some((y, flags)),
        (false, true) => Some((x, flags)),
        _ => None,
    }
}

/// Whether the number `x` is at or above `y`, zeros told apart.
fn above(x: u32, y: u32) -> bool {
    (position(x), !is_sign_minus(x)) >= (position(y), !is_sign_minus(y))
}
