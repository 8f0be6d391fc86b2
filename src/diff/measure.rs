//! Recorded elements beside exact ones: distances, units in the last place, and whether a bound on rounding holds.
//!
//! Decisions (within a bound or not, which tolerance holds) are comparisons of exact numbers; what is only shown is rounded to a binary64.

use libm::scalbn;
use num_traits::ToPrimitive;
use tl_kernel::context::real::Ball;
use tl_kernel::context::rounded::Approximate;
use tl_kernel::number::decimal::decimal;
use tl_kernel::number::{Direction, Dyadic};

/// A number near `x`, for people.
pub fn near(x: &Dyadic) -> f64 {
    let (short, _) = x.round(53, Direction::Nearest);
    let exponent = short.exponent().clamp(-100_000, 100_000) as i32; // in range by the clamp
    scalbn(short.mantissa().to_f64().unwrap_or(f64::NAN), exponent)
}

/// A number of people's size in a few digits.
pub fn figures(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return format!("{x}");
    }
    let size = x.abs();
    if (1e-3..1e6).contains(&size) {
        let digits = (2 - size.log10().floor() as i32).clamp(0, 6) as usize; // three significant ones
        let text = format!("{x:.digits$}");
        return if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text };
    }
    format!("{x:.2e}")
}

/// Whether a word is an infinity or NaN.
pub fn is_finite(word: u32) -> bool {
    word << 1 < 0xff << 24
}

/// The exponent of one unit in the last place of a finite word.
pub fn ulp_exponent(word: u32) -> i64 {
    i64::from((word >> 23 & 0xff).max(1)) - 150
}

/// A finite recorded word beside the enclosure of the exact value.
#[derive(Clone, Debug)]
pub struct Distance {
    /// The recorded value.
    pub recorded: Dyadic,
    /// The least and the greatest distance from a point of the enclosure.
    pub nearest: Dyadic,
    /// The greatest one.
    pub farthest: Dyadic,
    /// The least max(|y|, |s|).
    pub size: Dyadic,
    /// The exponent of the unit in the last place of the recorded word.
    pub ulp: i64,
}

impl Distance {
    /// The distance; nothing where the word is an infinity or NaN.
    pub fn new(word: u32, exact: &Ball) -> Option<Self> {
        let recorded = Dyadic::from_binary32(word)?;
        let (below, above) = (recorded.sub(&exact.lower()), exact.upper().sub(&recorded));
        let nearest = below.neg().max(above.neg()).max(Dyadic::zero());
        let least = exact.mid().abs().sub(&exact.rad()).max(Dyadic::zero());
        let size = recorded.abs().max(least);
        Some(Distance { recorded, nearest, farthest: below.max(above), size, ulp: ulp_exponent(word) })
    }

    /// The error in units in the last place of the recorded word.
    pub fn ulps(&self) -> f64 {
        near(&self.farthest.scaled(-self.ulp))
    }

    /// An upper bound of the error over max(|y|, |s|), 64 bits of it; zero where both are zero.
    pub fn relative(&self) -> Dyadic {
        let quotient = self.farthest.div_rounded(&self.size, 64, Direction::Up);
        quotient.map_or(Dyadic::zero(), |(quotient, _)| quotient)
    }

    /// Whether the radius is too small to show in three digits of the error, or in a thousandth of an ulp.
    pub fn is_sharp(&self, radius: &Dyadic) -> bool {
        radius.scaled(10) <= self.farthest || *radius <= Dyadic::power_of_two(self.ulp - 10)
    }
}

/// Whether a finite word is within `error` + `more` of every point (of no point: `Some(false)`) that the exact value may be.
pub fn is_explained(word: u32, exact: &Approximate, more: &Dyadic) -> Option<bool> {
    let Some(distance) = Distance::new(word, exact.exact()) else { return Some(false) };
    let allowed = exact.error().to_dyadic().add(more);
    match (distance.farthest <= allowed, distance.nearest <= allowed) {
        (true, _) => Some(true),
        (false, false) => Some(false),
        (false, true) => None,
    }
}

/// Two significant digits, rounded up.
pub fn tolerance(x: &Dyadic) -> String {
    decimal(&x.to_rational(), 2, true)
}

/// Digits of an exact value, as many as help beside a binary32 number.
pub fn digits(x: &Dyadic) -> String {
    let (short, _) = x.round(96, Direction::Zero);
    if short.top().is_some_and(|top| !(-4096..4096).contains(&top)) {
        return if short.is_negative() { "below -1e1233".into() } else { figures(near(&short)) };
    }
    decimal(&short.to_rational(), 12, false)
}

/// A word as a number in the fewest digits that tell it from others.
pub fn word_text(word: u32) -> String {
    let value = f32::from_bits(word);
    if value == 0.0 || (1e-4..1e9).contains(&value.abs()) || !value.is_finite() {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        for (x, text) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (1234.5, "1234"),
            (0.012345, "0.0123"),
            (9.9999e-9, "1.00e-8"),
            (3e7, "3.00e7"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(figures(x), text);
        }
    }

    #[test]
    fn a_distance_is_in_units_of_the_recorded_word() {
        let three = Ball::exact(Dyadic::integer(3));
        for (recorded, ulps) in [(3.0f32, 0.0), (3.0 + 2f32.powi(-22), 1.0), (4.0, 2f64.powi(21)), (2.0, 2f64.powi(22))]
        {
            assert_eq!(Distance::new(recorded.to_bits(), &three).map(|distance| distance.ulps()), Some(ulps));
        }
        assert!(Distance::new(f32::NAN.to_bits(), &three).is_none());
        let zero = Distance::new(0, &Ball::exact(Dyadic::zero()));
        assert_eq!(zero.map(|zero| zero.relative()), Some(Dyadic::zero()));
    }
}
