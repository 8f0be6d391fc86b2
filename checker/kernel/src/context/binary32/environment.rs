//! What IEEE 754-2019 leaves to the user: the rounding direction (§4.3), the payload of a NaN result (§6.2.3), and the status flags (§7).

use crate::ir::attributes::keywords;
use std::ops::{BitOr, BitOrAssign};

keywords! {
    /// Rounding-direction attribute, IEEE 754-2019 §4.3.
    #[derive(Default)]
    pub enum RoundingMode {
        /// To nearest, ties to the even significand (roundTiesToEven).
        #[default]
        NearestEven = "nearest_even",
        /// Towards zero (roundTowardZero).
        TowardZero = "toward_zero",
        /// Towards −∞ (roundTowardNegative).
        Down = "down",
        /// Towards +∞ (roundTowardPositive).
        Up = "up",
        /// To nearest, ties away from zero (roundTiesToAway).
        NearestAway = "nearest_away",
    }
}

impl RoundingMode {
    /// The five modes.
    pub const ALL: [RoundingMode; 5] = [
        RoundingMode::NearestEven,
        RoundingMode::TowardZero,
        RoundingMode::Down,
        RoundingMode::Up,
        RoundingMode::NearestAway,
    ];
}

keywords! {
    /// Which NaN an operation delivers; the standard recommends but does not prescribe.
    #[derive(Default)]
    pub enum NanPolicy {
        /// Every NaN result is `7fc00000` (as on RISC-V).
        #[default]
        Canonical = "canonical",
        /// SSE on x86: the first operand that is a NaN, made quiet; `ffc00000` where no operand is one.
        /// For `fma(x, y, z)` the operands count in the order x, y, z.
        PropagateX86 = "propagate_x86",
    }
}

/// The attributes under which an operation is performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Environment {
    /// Rounding direction.
    pub rounding: RoundingMode,
    /// Payload of NaN results.
    pub nan: NanPolicy,
}

/// Status flags raised by one operation, IEEE 754-2019 §7; the bit assignment is SoftFloat's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Flags(u8);

impl Flags {
    /// No exception.
    pub const NONE: Flags = Flags(0);
    /// The result is not the exact one.
    pub const INEXACT: Flags = Flags(0x01);
    /// The result is inexact and tiny; tininess is detected after rounding (as x86 does).
    pub const UNDERFLOW: Flags = Flags(0x02);
    /// The rounded result with unbounded exponent would exceed the largest finite number.
    pub const OVERFLOW: Flags = Flags(0x04);
    /// An exact infinite result of finite operands.
    pub const DIVIDE_BY_ZERO: Flags = Flags(0x08);
    /// No usefully definable result.
    pub const INVALID: Flags = Flags(0x10);

    /// The flags as bits.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// These flags but those of `other`.
    pub(crate) fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }

    /// `self` when `raised`, nothing otherwise.
    pub(super) fn when(self, raised: bool) -> Flags {
        Flags(self.0 * u8::from(raised))
    }
}

impl BitOr for Flags {
    type Output = Flags;
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Flags) {
        self.0 |= other.0;
    }
}
