//! Binary64 numbers as dyadic ones, and back with a direction: the grid on which the interval suites state their results.

use num_bigint::BigInt;
use tl_kernel::number::{Direction, Dyadic};

/// The value; `None` for an infinity or NaN.
pub fn to_dyadic(x: f64) -> Option<Dyadic> {
    let bits = x.to_bits();
    let (field, fraction) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
    let significand = if field == 0 { fraction } else { fraction | 1 << 52 };
    let magnitude = BigInt::from(significand);
    x.is_finite().then(|| {
        Dyadic::new(if x.is_sign_negative() { -magnitude } else { magnitude }, field.max(1).cast_signed() - 1075)
    })
}

/// The nearest binary64 number not below (`Up`) or not above (`Down`), infinite beyond the greatest finite one.
pub fn from_dyadic(x: &Dyadic, direction: Direction) -> f64 {
    let outward = if x.is_negative() { Direction::Down } else { Direction::Up };
    let Some(top) = x.top() else { return 0.0 };
    let sign = f64::from(x.signum());
    if top > 1024 {
        return sign * if direction == outward { f64::INFINITY } else { f64::MAX };
    }
    let grid = (top - 53).max(-1074);
    let rounded = x.abs().to_grid(grid, if direction == outward { Direction::Up } else { Direction::Down });
    let units = &*rounded.mantissa() << u64::try_from(rounded.exponent().max(grid) - grid).unwrap_or(0);
    // At most 2^53 units of 2^grid: each factor is exact, and the product overflows only where the next number is infinity.
    let units = u64::try_from(&units).expect("at most 2^53 units") as f64;
    sign * units * power(grid)
}

/// `2^exponent`, from −1074 to 1023.
fn power(exponent: i64) -> f64 {
    f64::from_bits(if exponent < -1022 { 1 << (exponent + 1074) } else { ((exponent + 1023) as u64) << 52 })
}

/// The place of a number in the order of binary64 numbers, both zeros at 0: the distance of two places is a distance in ulps.
pub fn place(x: f64) -> i64 {
    let magnitude = (x.to_bits() & !(1 << 63)).cast_signed();
    if x.is_sign_negative() { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_there_and_back_and_round_outward() {
        for x in [0.0, 1.0, -1.5, f64::MAX, f64::MIN_POSITIVE, 5e-324, -2.2e-308, 0.1] {
            let exact = to_dyadic(x).expect("finite");
            for direction in [Direction::Down, Direction::Up] {
                assert_eq!(from_dyadic(&exact, direction), x);
            }
            let above = exact.add(&Dyadic::power_of_two(-2000));
            assert_eq!(from_dyadic(&above, Direction::Down), x);
            assert_eq!(from_dyadic(&above, Direction::Up), x.next_up());
            assert_eq!(place(x.next_up()) - place(x), 1);
        }
    }
}
