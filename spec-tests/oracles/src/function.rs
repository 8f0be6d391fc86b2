//! The functions of one argument of `Binary32` beside their oracles, and the verdict at one argument.
//!
//! What is right: the binary64 function of CORE-MATH (its error taken to be at most 2 units in the last place), where every number within that error
//! rounds to one word with one set of flags; to nearest the binary32 function of CORE-MATH must deliver that word too. Where this leaves the
//! matter open, and wherever ours differs, MPFR decides. `sqrt` has the processor's square roots in place of CORE-MATH's.

use crate::arbiter::{Arbiter, Precision, Truncate};
use crate::rounding::{Outcome, of_binary64};
use core_math as cr;
use rug::Float;
use rug::ops::NegAssign;
use serde::{Deserialize, Serialize};
use tl_kernel::context::binary32::arithmetic::{cbrt, rsqrt, sqrt};
use tl_kernel::context::binary32::word::{INFINITY, QUIET, SIGN, is_nan, is_signaling};
use tl_kernel::context::binary32::{Elementary, Environment, Flags, Function, NanPolicy, RoundingMode};

/// One function: ours, and the oracles.
#[derive(Clone, Copy, Debug)]
pub struct Unary {
    /// As certificates and C name it.
    pub name: &'static str,
    /// Ours; `None` where the kernel meets its limit.
    pub ours: fn(&Elementary, u32, Environment) -> Option<Outcome>,
    narrow: fn(f32) -> f32,
    wide: fn(f64) -> f64,
    /// MPFR's.
    pub truncate: Truncate,
    /// Whether a theorem says that `f(x)`, `x` finite and not zero, is no binary32 word; given `x` and the binary64 value.
    inexact: fn(f32, f64) -> bool,
}

/// By Lindemann's theorem (1882) the value at an algebraic number that is not zero is transcendental.
fn transcendental(_: f32, _: f64) -> bool {
    true
}

/// No theorem: MPFR says.
fn unknown(_: f32, _: f64) -> bool {
    false
}

/// `erf` and `erfc` reach none of their limits, and 1 = erfc 0 but once.
fn within_limits(_: f32, value: f64) -> bool {
    value == 0.0 || value.abs() == 1.0 || value == 2.0
}

macro_rules! elementary {
    ($name:literal, $function:ident, $narrow:ident, $wide:ident, $mpfr:ident, $inexact:expr) => {
        Unary {
            name: $name,
            ours: |elementary, x, env| elementary.evaluate(Function::$function, x, env).ok(),
            narrow: cr::$narrow,
            wide: cr::$wide,
            truncate: Float::$mpfr,
            inexact: $inexact,
        }
    };
}

/// All of them.
pub const FUNCTIONS: [Unary; 19] = [
    elementary!("exp", Exp, expf, exp, exp_round, transcendental),
    // 2^x is irrational at a rational x that is no integer, and beyond the words at a large one.
    elementary!("exp2", Exp2, exp2f, exp2, exp2_round, |x, _| x.fract() != 0.0 || x.abs() > 150.0),
    elementary!("expm1", Expm1, expm1f, expm1, exp_m1_round, transcendental),
    elementary!("log", Log, logf, log, ln_round, |x, _| x != 1.0),
    elementary!("log2", Log2, log2f, log2, log2_round, unknown),
    elementary!("log10", Log10, log10f, log10, log10_round, unknown),
    elementary!("log1p", Log1p, log1pf, log1p, ln_1p_round, transcendental),
    elementary!("sin", Sin, sinf, sin, sin_round, transcendental),
    elementary!("cos", Cos, cosf, cos, cos_round, transcendental),
    elementary!("tan", Tan, tanf, tan, tan_round, transcendental),
    elementary!("atan", Atan, atanf, atan, atan_round, transcendental),
    elementary!("sinh", Sinh, sinhf, sinh, sinh_round, transcendental),
    elementary!("cosh", Cosh, coshf, cosh, cosh_round, transcendental),
    elementary!("tanh", Tanh, tanhf, tanh, tanh_round, transcendental),
    elementary!("erf", Erf, erff, erf, erf_round, within_limits),
    elementary!("erfc", Erfc, erfcf, erfc, erfc_round, within_limits),
    Unary {
        name: "sqrt",
        ours: |_, x, env| Some(sqrt(x, env)),
        narrow: f32::sqrt,
        wide: f64::sqrt,
        truncate: Float::sqrt_round,
        inexact: unknown,
    },
    Unary {
        name: "rsqrt",
        ours: |_, x, env| Some(rsqrt(x, env)),
        narrow: cr::rsqrtf,
        wide: cr::rsqrt,
        // MPFR has +∞ at −0, IEEE 754-2019 §9.2.1 has −∞.
        truncate: |x, round| {
            let minus_zero = x.is_zero() && x.is_sign_negative();
            let order = x.recip_sqrt_round(round);
            if minus_zero {
                x.neg_assign();
            }
            order
        },
        inexact: unknown,
    },
    Unary {
        name: "cbrt",
        ours: |_, x, env| Some(cbrt(x, env)),
        narrow: cr::cbrtf,
        wide: cr::cbrt,
        truncate: Float::cbrt_round,
        inexact: unknown,
    },
];

/// The function of a name.
pub fn named(name: &str) -> Option<&'static Unary> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// The name of a mode in the vectors of TestFloat, and on the command line.
pub fn mode_name(mode: RoundingMode) -> &'static str {
    match mode {
        RoundingMode::NearestEven => "rne",
        RoundingMode::TowardZero => "rtz",
        RoundingMode::Down => "rdn",
        RoundingMode::Up => "rup",
        RoundingMode::NearestAway => "rna",
    }
}

/// The environment of a mode with canonical NaN.
pub fn environment(rounding: RoundingMode) -> Environment {
    Environment { rounding, nan: NanPolicy::Canonical }
}

/// What one thread needs.
#[derive(Debug, Default)]
pub struct Bench {
    /// Ours.
    pub elementary: Elementary,
    /// MPFR.
    pub arbiter: Arbiter,
}

/// Counts of verdicts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Arguments tried.
    pub run: u64,
    /// Of them, right.
    pub agreed: u64,
    /// Of them, put before MPFR.
    pub by_mpfr: u64,
    /// Of them, wrong.
    pub wrong: u64,
    /// The first wrong ones, and where CORE-MATH is: argument, ours, CORE-MATH's, MPFR's.
    pub findings: Vec<String>,
}

impl Counts {
    /// Findings kept.
    const KEPT: usize = 1000;

    /// Both.
    pub fn add(&mut self, other: Counts) {
        self.run += other.run;
        self.agreed += other.agreed;
        self.by_mpfr += other.by_mpfr;
        self.wrong += other.wrong;
        self.findings.extend(other.findings);
        self.findings.truncate(Self::KEPT);
    }

    /// One argument: `ours` against the `oracle`, if that knows, or else against MPFR; `rival` is the word of CORE-MATH's binary32 function.
    #[inline]
    pub fn judge(
        &mut self,
        ours: Option<Outcome>,
        oracle: Option<Outcome>,
        mpfr: impl FnMut(Precision) -> Outcome,
        rival: impl FnOnce() -> Option<u32>,
        describe: impl FnOnce() -> String,
    ) {
        self.run += 1;
        if ours.is_some() && ours == oracle {
            self.agreed += 1;
        } else {
            self.arbitrate(ours, mpfr, rival(), describe);
        }
    }

    #[cold]
    fn arbitrate(
        &mut self,
        ours: Option<Outcome>,
        mut mpfr: impl FnMut(Precision) -> Outcome,
        rival: Option<u32>,
        describe: impl FnOnce() -> String,
    ) {
        self.by_mpfr += 1;
        let mut right = mpfr(Precision::Low);
        if ours != Some(right) {
            right = mpfr(Precision::High);
        }
        let wrong = ours != Some(right);
        self.wrong += u64::from(wrong);
        self.agreed += u64::from(!wrong);
        let odd = rival.is_some_and(|word| word != right.0 && !(is_nan(word) && is_nan(right.0)));
        if (wrong || odd) && self.findings.len() < Self::KEPT {
            let verdict = match (wrong, odd) {
                (true, false) => "ours is WRONG",
                (true, true) => "both are WRONG",
                (false, _) => "ours is right, CORE-MATH wrong",
            };
            let show = |(word, flags): Outcome| format!("{word:08x}:{:02x}", flags.bits());
            let ours = ours.map_or("undecided".to_owned(), show);
            let rival = rival.map_or("-".to_owned(), |word| format!("{word:08x}"));
            self.findings.push(format!(
                "{}: ours {ours}, CORE-MATH {rival}, MPFR {}: {verdict}",
                describe(),
                show(right)
            ));
        }
    }
}

impl Unary {
    /// The verdict at every word of a range.
    pub fn judge(
        &self,
        words: impl IntoIterator<Item = u32>,
        mode: RoundingMode,
        bench: &mut Bench,
        counts: &mut Counts,
    ) {
        let env = environment(mode);
        for x in words {
            let ours = (self.ours)(&bench.elementary, x, env);
            if is_nan(x) {
                let invalid = if is_signaling(x) { Flags::INVALID } else { Flags::NONE };
                let nan = (INFINITY | QUIET, invalid); // IEEE 754-2019 §6.2; MPFR has one NaN
                counts.judge(ours, Some(nan), |_| nan, || None, || format!("{} {x:08x}", self.name));
                continue;
            }
            let value = f32::from_bits(x);
            counts.judge(
                ours,
                self.oracle(value, mode),
                |precision| bench.arbiter.unary(self.truncate, value, mode, precision),
                || (mode == RoundingMode::NearestEven).then(|| (self.narrow)(value).to_bits()),
                || format!("{} {x:08x} {}", self.name, mode_name(mode)),
            );
        }
    }

    /// CORE-MATH's result, where it is sure.
    #[inline]
    fn oracle(&self, x: f32, mode: RoundingMode) -> Option<Outcome> {
        let magnitude = x.to_bits() & !SIGN;
        // Zeros and infinities, and −1, the pole of log1p: MPFR.
        if magnitude == 0 || magnitude == INFINITY || x == -1.0 {
            return None;
        }
        let wide = (self.wide)(f64::from(x));
        if wide.is_nan() {
            return Some((INFINITY | QUIET, Flags::INVALID));
        }
        let outcome = of_binary64(wide, (self.inexact)(x, wide), mode)?;
        let confirmed = mode != RoundingMode::NearestEven || (self.narrow)(x).to_bits() == outcome.0;
        confirmed.then_some(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exp(ours: fn(&Elementary, u32, Environment) -> Option<Outcome>, words: &[u32], mode: RoundingMode) -> Counts {
        let mut counts = Counts::default();
        let function = Unary { ours, ..*named("exp").unwrap() };
        function.judge(words.iter().copied(), mode, &mut Bench::default(), &mut counts);
        counts
    }

    /// One third, a subnormal argument, −1, −100 (a subnormal result), 89 (overflow), −∞, a signalling NaN.
    const WORDS: [u32; 7] = [0x3eaa_aaab, 0x0000_1234, 0xbf80_0000, 0xc2c8_0000, 0x42b2_0000, 0xff80_0000, 0x7fa0_0000];

    #[test]
    fn a_wrong_bit_a_wrong_flag_and_no_result_are_found_at_every_word() {
        let right = named("exp").unwrap().ours;
        for mode in RoundingMode::ALL {
            assert_eq!(exp(right, &WORDS, mode).wrong, 0);
            let bit = exp(|e, x, env| e.evaluate(Function::Exp, x, env).ok().map(|(w, f)| (w ^ 1, f)), &WORDS, mode);
            assert_eq!((bit.wrong, bit.agreed, bit.findings.len()), (7, 0, 7));
            let flag = exp(
                |e, x, env| e.evaluate(Function::Exp, x, env).ok().map(|(w, f)| (w, f | Flags::DIVIDE_BY_ZERO)),
                &WORDS,
                mode,
            );
            assert_eq!(flag.wrong, 7);
            assert_eq!(exp(|_, _, _| None, &WORDS, mode).wrong, 7);
        }
    }

    #[test]
    fn a_finding_names_the_word_ours_core_maths_and_mpfrs() {
        let counts = exp(|_, _, _| Some((0x3f80_0001, Flags::INEXACT)), &[0x3eaa_aaab], RoundingMode::NearestEven);
        let expected = "exp 3eaaaaab rne: ours 3f800001:01, CORE-MATH 3fb2a36e, MPFR 3fb2a36e:01: ours is WRONG";
        assert_eq!(counts.findings, [expected]);
    }
}
