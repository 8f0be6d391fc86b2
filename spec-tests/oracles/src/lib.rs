//! The readings of the kernel against oracles written in C: MPFR (through rug), CORE-MATH, Berkeley SoftFloat 3, and the intervals of inari.
//!
//! Empty without the feature `oracles`, so that nobody needs a C compiler, make and m4 to build and test the project.

#[cfg(feature = "oracles")]
pub mod mpfr;
