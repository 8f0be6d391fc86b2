//! Dyadic numbers to and from MPFR, exactly, over the whole exponent range of the readings (rug stops at `2^(2^31)`), and brackets of real values.

#![expect(unsafe_code, reason = "rug has no door to exponents beyond i32; each call is on values that it owns")]

use gmp_mpfr_sys::mpfr;
use num_bigint::{BigInt, BigUint, Sign};
use rug::float::Round;
use rug::integer::Order;
use rug::{Float, Integer};
use std::cmp::Ordering;
use tl_kernel::number::Dyadic;

/// Let this thread's MPFR have exponents of 62 bits; a thread that does not ask for it has 30.
pub fn widen_range() {
    // SAFETY: sets two thread-local integers to the ends that MPFR itself names.
    unsafe {
        mpfr::set_emin(mpfr::get_emin_min());
        mpfr::set_emax(mpfr::get_emax_max());
    }
}

/// The number, exactly.
pub fn from_dyadic(x: &Dyadic) -> Float {
    let mut digits = Integer::from_digits(&x.mantissa().magnitude().to_u64_digits(), Order::Lsf);
    if x.is_negative() {
        digits = -digits;
    }
    let precision = u32::try_from(x.bits()).expect("fewer than 2^32 bits").max(2);
    let mut value = Float::with_val(precision, &digits);
    // SAFETY: `value` is a live MPFR number, source and target may be the same; it becomes mantissa · 2^exponent, exactly.
    unsafe { mpfr::mul_2si(value.as_raw_mut(), value.as_raw(), x.exponent(), mpfr::rnd_t::RNDN) };
    value
}

/// The number, exactly, for a finite one.
pub fn to_dyadic(x: &Float) -> Dyadic {
    if x.is_zero() {
        return Dyadic::zero();
    }
    let mut mantissa = Integer::new();
    // SAFETY: both are live; `x` is finite and not zero, so that the exponent is meaningful.
    let exponent = unsafe { mpfr::get_z_2exp(mantissa.as_raw_mut(), x.as_raw()) };
    let sign = if mantissa.is_negative() { Sign::Minus } else { Sign::Plus };
    let magnitude = BigUint::from_slice(&mantissa.to_digits::<u32>(Order::Lsf));
    Dyadic::new(BigInt::from_biguint(sign, magnitude), exponent)
}

/// The `t` with `2^(t−1) ≤ |x| < 2^t`; `None` for zero, infinities and NaN.
pub fn top(x: &Float) -> Option<i64> {
    // SAFETY: reads the exponent field of a live number, which is meaningful for a normal one.
    x.is_normal().then(|| unsafe { mpfr::get_exp(x.as_raw()) })
}

/// What MPFR returns when it rounds down: a number, and its order relative to the true value.
pub type RoundedDown = (Float, Ordering);

/// The neighbours `lo ≤ value ≤ hi` of a real value among the numbers of some precision, equal when it is one of them.
pub fn bracket((lo, order): RoundedDown) -> (Float, Float) {
    let mut hi = lo.clone();
    if order != Ordering::Equal {
        hi.next_up();
    }
    (lo, hi)
}

/// A bracket of `erf x`; where it is ±1 at that precision, from `erfc |x|` to 64 bits, in place of the many bits that tell it from ±1.
pub fn erf_bracket(x: &Float, precision: u32) -> (Float, Float) {
    let size = x.clone().abs();
    let away = |round| Float::with_val_round(64, size.erfc_ref(), round).0;
    let (least, most) = (away(Round::Down), away(Round::Up));
    let Some(lost) = top(&most).filter(|&top| size > 1 && top < -i64::from(precision)) else {
        return bracket(Float::with_val_round(precision, x.erf_ref(), Round::Down));
    };
    let bits = u32::try_from(64 - lost).unwrap_or(u32::MAX).min(1 << 17);
    let (lo, _) = Float::with_val_round(bits, 1 - &most, Round::Down);
    let (hi, _) = Float::with_val_round(bits, 1 - &least, Round::Up);
    if x.is_sign_negative() { (-hi, -lo) } else { (lo, hi) }
}

/// A bracket of `erfc x`, from that of `erf` for `x < 0`.
pub fn erfc_bracket(x: &Float, precision: u32) -> (Float, Float) {
    if !x.is_sign_negative() {
        return bracket(Float::with_val_round(precision, x.erfc_ref(), Round::Down));
    }
    let (lo, hi) = erf_bracket(x, precision);
    let add_one = |erf: &Float, round| Float::with_val_round(precision.max(erf.prec()), 1 - erf, round).0;
    (add_one(&hi, Round::Down), add_one(&lo, Round::Up))
}

/// Whether the ball `mid ± rad` contains the value that `bracket` gives at any precision.
///
/// A bracket within the ball proves it, and one wholly outside disproves it; a bracket across a border of the ball is asked again with more bits
/// (a value on the border itself is dyadic, and then MPFR says that it is exact). Undecided at 2^18 bits counts as outside.
pub fn contains(mid: &Float, rad: &Float, mut precision: u32, bracket: impl Fn(u32) -> (Float, Float)) -> bool {
    let difference = |a: &Float, b: &Float, round| Float::with_val_round(64, a - b, round).0;
    if let (Some(mid), Some(rad)) = (top(mid), top(rad)) {
        precision = precision.max(u32::try_from(mid - rad + 64).unwrap_or(0));
    }
    while precision < 1 << 18 {
        let (lo, hi) = bracket(precision);
        if lo.is_nan() {
            return false;
        }
        if difference(mid, &lo, Round::Up) <= *rad && difference(&hi, mid, Round::Up) <= *rad {
            return true;
        }
        if difference(mid, &hi, Round::Down) > *rad || difference(&lo, mid, Round::Down) > *rad {
            return false;
        }
        precision *= 4;
    }
    false
}
