//! Numbers on both sides of a comparison: rational ones, and the ends of enclosures.

use num_rational::BigRational;
use tl_kernel::number::{Direction, Dyadic};

/// The ends of an enclosure.
pub type Ends = (Dyadic, Dyadic);

/// Exponents beyond this are not expanded into fractions.
const GRID: i64 = 1 << 16;

/// Whether `end ≤ value`; also when the comparison would be of too large numbers.
pub fn at_most(end: &Dyadic, value: &BigRational) -> bool {
    if end.top() > Some(GRID) {
        return end.is_negative() || value.numer().bits() > GRID as u64;
    }
    end.to_grid(-GRID, Direction::Down).to_rational() <= *value
}

/// Whether `end < value`; also not when the comparison would be of too large numbers.
pub fn below(end: &Dyadic, value: &BigRational) -> bool {
    if end.top() > Some(GRID) {
        return end.is_negative() && value.numer().bits() <= GRID as u64;
    }
    end.to_grid(-GRID, Direction::Up).to_rational() < *value
}
