//! Functions of one value at every position, written so that the compiler vectorizes them.
//!
//! `exp`, `expm1`, `tanh` and `erf` are polynomials after a reduction of the argument: within 2, 3, 3 and 4 ulp of the real value (a test measures one argument
//! in 2,039); results of `exp` below the normal numbers are +0. Where bits matter the kernel's correctly rounded functions are used instead.

use super::simd::vectorized;

/// `eˣ` (Cody and Waite 1980 for the reduction; a Taylor polynomial of degree seven over |r| ≤ ln 2 / 2, whose remainder is below 2⁻²⁷).
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const TOP: f32 = 88.722_84; // e^TOP is the greatest finite result, e^BOTTOM the least that is normal
    const BOTTOM: f32 = -87.336_55;
    const ROUND: f32 = 12_582_912.0; // 3·2²²: adding it rounds to an integer, which stands in the low bits
    let clamped = if x > TOP { TOP } else { x };
    let clamped = if clamped < BOTTOM { BOTTOM } else { clamped };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (clamped - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let mut p = 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r * r + r + 1.0;
    // 2ⁿ, in two factors where n may be 128.
    let over = u32::from(clamped > 88.0);
    let scale = f32::from_bits((shifted.to_bits().wrapping_sub(over) << 23).wrapping_add(0x3f80_0000));
    let near = p * scale * if over == 1 { 2.0 } else { 1.0 };
    let near = if x > TOP { f32::INFINITY } else { near };
    if x < BOTTOM { 0.0 } else { near }
}

/// `eˣ − 1`: a Taylor polynomial of degree eleven below |x| = 1, whose remainder is below 2⁻²⁸.
#[inline(always)]
pub fn expm1(x: f32) -> f32 {
    let mut p = 1.0 / 39_916_800.0;
    p = p * x + 1.0 / 3_628_800.0;
    p = p * x + 1.0 / 362_880.0;
    p = p * x + 1.0 / 40_320.0;
    p = p * x + 1.0 / 5040.0;
    p = p * x + 1.0 / 720.0;
    p = p * x + 1.0 / 120.0;
    p = p * x + 1.0 / 24.0;
    p = p * x + 1.0 / 6.0;
    p = p * x + 0.5;
    if x.abs() < 1.0 { x + x * x * p } else { exp(x) - 1.0 }
}

/// `tanh x`: odd, a polynomial below 0.5, `1 − 2/(e^2x + 1)` above.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let magnitude = x.abs();
    let s = x * x;
    // x − x³/3 + 2x⁵/15 − 17x⁷/315 + …, to x¹⁵
    let mut p = -929_569.0 / 638_512_875.0;
    p = p * s + 21_844.0 / 6_081_075.0;
    p = p * s - 1_382.0 / 155_925.0;
    p = p * s + 62.0 / 2_835.0;
    p = p * s - 17.0 / 315.0;
    p = p * s + 2.0 / 15.0;
    p = p * s - 1.0 / 3.0;
    let small = x + x * s * p;
    let limited = if magnitude > 10.0 { 10.0 } else { magnitude };
    let large = (1.0 - 2.0 / (exp(2.0 * limited) + 1.0)).copysign(x);
    let y = if magnitude < 0.5 { small } else { large };
    if x.is_nan() { x } else { y }
}

/// `erf x`: odd, the series below 1; above, Abramowitz and Stegun 7.1.26 (absolute error 1.5e-7).
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let magnitude = x.abs();
    let s = x * x;
    // 2/√π · Σ (−1)ⁿ x^(2n+1) / (n! (2n+1)), to x²¹
    let mut p = 1.0 / 76_204_800.0;
    p = p * s - 1.0 / 6_894_720.0;
    p = p * s + 1.0 / 685_440.0;
    p = p * s - 1.0 / 75_600.0;
    p = p * s + 1.0 / 9_360.0;
    p = p * s - 1.0 / 1_320.0;
    p = p * s + 1.0 / 216.0;
    p = p * s - 1.0 / 42.0;
    p = p * s + 0.1;
    p = p * s - 1.0 / 3.0;
    let small = std::f32::consts::FRAC_2_SQRT_PI * (x + x * s * p);
    let t = 1.0 / (1.0 + 0.327_591_1 * magnitude);
    let mut q = 1.061_405_4;
    q = q * t - 1.453_152;
    q = q * t + 1.421_413_7;
    q = q * t - 0.284_496_74;
    q = q * t + 0.254_829_6;
    let large = (1.0 - q * t * exp(-s)).copysign(x);
    let y = if magnitude < 1.0 { small } else { large };
    if x.is_nan() { x } else { y }
}

/// `1/(1 + e⁻ˣ)`
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// A function with its derivative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// The greater of x and +0; its derivative at 0 is 0.
    Relu,
    /// x, or `slope · x` below zero.
    LeakyRelu {
        /// The slope below zero.
        slope: f32,
    },
    /// x, or `alpha · (eˣ − 1)` below zero.
    Elu {
        /// The factor.
        alpha: f32,
    },
    /// −x
    Neg,
    /// |x|; its derivative at 0 is 0.
    Abs,
    /// `factor · x`
    Scale {
        /// The factor.
        factor: f32,
    },
    /// `x + by`
    Shift {
        /// What is added.
        by: f32,
    },
    /// x between two bounds; its derivative is 1 inside and on them.
    Clamp {
        /// The lower bound.
        lo: f32,
        /// The upper bound.
        hi: f32,
    },
    /// eˣ
    Exp,
    /// √x
    Sqrt,
    /// 1/√x
    Rsqrt,
    /// 1/x
    Reciprocal,
    /// The hyperbolic tangent.
    Tanh,
    /// 1/(1 + e⁻ˣ)
    Sigmoid,
    /// x/(1 + e⁻ˣ)
    Silu,
    /// The error function.
    Erf,
    /// `x·Φ(x)`
    GeluErf,
    /// Its form with a hyperbolic tangent.
    GeluTanh,
}

/// `√(2/π)`
const GELU_SCALE: f32 = 0.797_884_6;
/// The cubic coefficient of the tanh form.
const GELU_CUBIC: f32 = 0.044_715;

/// `1/√(2π)`
const DENSITY: f32 = 0.398_942_3;

macro_rules! functions {
    ($function:ident: $($pattern:pat => |$x:ident, $y:ident| $value:expr, $derivative:expr;)*) => {
        /// `y = f(x)` at every position.
        pub fn forward($function: Function, from: &[f32], to: &mut [f32]) {
            match $function {
                $($pattern => vectorized(#[inline(always)] || {
                    for (&$x, to) in from.iter().zip(to) {
                        *to = $value;
                    }
                }),)*
            }
        }

        /// `y = f(y)` at every position.
        pub fn in_place($function: Function, values: &mut [f32]) {
            match $function {
                $($pattern => vectorized(#[inline(always)] || {
                    for value in values {
                        let $x = *value;
                        *value = $value;
                    }
                }),)*
            }
        }

        /// `f′(x) · dy` at every position, where `y = f(x)`: stored, or added.
        pub fn backward($function: Function, x: &[f32], y: &[f32], dy: &[f32], dx: &mut [f32], add: bool) {
            let keep = if add { 1.0 } else { 0.0 };
            if !add {
                dx.fill(0.0);
            }
            match $function {
                $($pattern => vectorized(#[inline(always)] || {
                    for (((&$x, &$y), dy), dx) in x.iter().zip(y).zip(dy).zip(dx) {
                        let _ = ($x, $y);
                        *dx = keep * *dx + dy * $derivative;
                    }
                }),)*
            }
        }
    };
}

functions! { function:
    Function::Relu => |x, y| if x <= 0.0 { 0.0 } else { x }, if y > 0.0 { 1.0 } else { 0.0 };
    Function::LeakyRelu { slope } => |x, y| if x < 0.0 { slope * x } else { x }, if x > 0.0 { 1.0 } else { slope };
    Function::Elu { alpha } => |x, y| if x > 0.0 { x } else { alpha * expm1(x) }, if x > 0.0 { 1.0 } else { alpha * exp(x) };
    Function::Neg => |x, y| -x, -1.0;
    Function::Abs => |x, y| x.abs(), if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { 0.0 };
    Function::Scale { factor } => |x, y| factor * x, factor;
    Function::Shift { by } => |x, y| x + by, { let _ = by; 1.0 };
    Function::Clamp { lo, hi } => |x, y| if x < lo { lo } else if x > hi { hi } else { x }, if x >= lo && x <= hi { 1.0 } else { 0.0 };
    Function::Exp => |x, y| exp(x), y;
    Function::Sqrt => |x, y| x.sqrt(), 0.5 / y;
    Function::Rsqrt => |x, y| 1.0 / x.sqrt(), -0.5 * y / x;
    Function::Reciprocal => |x, y| 1.0 / x, -y * y;
    Function::Tanh => |x, y| tanh(x), 1.0 - y * y;
    Function::Sigmoid => |x, y| sigmoid(x), { let e = exp(-x.abs()); e / ((1.0 + e) * (1.0 + e)) }; // y·(1 − y) cancels near 1
    Function::Silu => |x, y| x * sigmoid(x), { let s = sigmoid(x); s * (1.0 + x * (1.0 - s)) };
    Function::Erf => |x, y| erf(x), std::f32::consts::FRAC_2_SQRT_PI * exp(-x * x);
    Function::GeluErf => |x, y| 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)),
        0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)) + x * DENSITY * exp(-0.5 * x * x);
    Function::GeluTanh => |x, y| 0.5 * x * (1.0 + tanh(GELU_SCALE * (x + GELU_CUBIC * x * x * x))), {
        let t = tanh(GELU_SCALE * (x + GELU_CUBIC * x * x * x));
        0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * GELU_SCALE * (1.0 + 3.0 * GELU_CUBIC * x * x)
    };
}

/// A function of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// x + y
    Add,
    /// x − y
    Sub,
    /// x · y
    Mul,
    /// x / y
    Div,
}

/// `f(x, y)` at every position.
pub fn binary(function: Binary, x: &[f32], y: &[f32], to: &mut [f32]) {
    macro_rules! each {
        ($op:tt) => { vectorized(#[inline(always)] || x.iter().zip(y).zip(to).for_each(|((x, y), to)| *to = x $op y)) };
    }
    match function {
        Binary::Add => each!(+),
        Binary::Sub => each!(-),
        Binary::Mul => each!(*),
        Binary::Div => each!(/),
    }
}

/// `to = keep·to + factor·from` at every position.
pub fn add_scaled(factor: f32, from: &[f32], to: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || from.iter().zip(to).for_each(|(from, to)| *to += factor * from),
    );
}

/// +0 wherever `of` is zero or less.
pub fn where_positive(of: &[f32], values: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || of.iter().zip(values).for_each(|(&of, value)| *value = if of <= 0.0 { 0.0 } else { *value }),
    );
}

#[cfg(test)]
mod tests {
    /// The greatest distance from `reference`, in units in the last place, over one argument in 2,039; results that are not normal are left out.
    fn worst(f: fn(f32) -> f32, reference: fn(f64) -> f64) -> f64 {
        let words = (0..0x7f80_0000u32).step_by(2039).flat_map(|word| [word, word | 0x8000_0000]);
        let distance = |word: u32| {
            let x = f32::from_bits(word);
            let exact = reference(x.into());
            let near = exact as f32;
            let unit = f64::from(f32::from_bits(near.abs().to_bits() + 1)) - f64::from(near.abs());
            if near.is_normal() { (f64::from(f(x)) - exact).abs() / unit } else { 0.0 }
        };
        words.map(distance).fold(0.0, f64::max)
    }

    #[test]
    fn functions_are_as_near_as_the_header_says() {
        for (name, f, reference, bound) in [
            ("exp", super::exp as fn(f32) -> f32, f64::exp as fn(f64) -> f64, 2.0),
            ("expm1", super::expm1, f64::exp_m1, 3.0),
            ("tanh", super::tanh, f64::tanh, 3.0),
            ("erf", super::erf, libm::erf, 4.0),
        ] {
            let worst = worst(f, reference);
            assert!(worst <= bound, "{name}: {worst} ulps");
        }
    }

    #[test]
    fn what_is_no_number_and_what_overflows_stay_so() {
        for f in [super::exp, super::expm1, super::tanh, super::erf] {
            assert!(f(f32::NAN).is_nan());
        }
        assert_eq!(
            [super::exp(89.0), super::exp(f32::INFINITY), super::exp(-200.0)],
            [f32::INFINITY, f32::INFINITY, 0.0]
        );
        assert_eq!([super::tanh(f32::INFINITY), super::erf(f32::NEG_INFINITY)], [1.0, -1.0]);
    }
}
