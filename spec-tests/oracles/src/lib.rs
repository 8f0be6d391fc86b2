//! The readings of the kernel against oracles written in C: MPFR (through rug), CORE-MATH, Berkeley SoftFloat 3, and the intervals of inari.
//!
//! Empty without the feature `oracles`, so that nobody needs a C compiler, make and m4 to build and test the project.
//!
//! `mpfr` brackets real values for `tests/real_mpfr.rs`.
//!
//! The proof that the elementary functions of `Binary32` are correctly rounded: `rounding` (a second rounding routine), `arbiter` (MPFR),
//! `function` (each function of ours beside its oracles, and the verdict at one argument), `power` (the same for `x^y`), `scan` (all words,
//! in blocks that any run may take up where another left off). `src/bin/scan.rs` is its command, `tests/exhaustive.rs` its sample.
//!
//! `certificate` is a second reading of certificates, and decides slowly whether what they say is true, for `tests/certificate_mutants.rs`.

#[cfg(feature = "oracles")]
pub mod arbiter;
#[cfg(feature = "oracles")]
pub mod certificate;
#[cfg(feature = "oracles")]
pub mod function;
#[cfg(feature = "oracles")]
pub mod mpfr;
#[cfg(feature = "oracles")]
pub mod power;
#[cfg(feature = "oracles")]
pub mod rounding;
#[cfg(feature = "oracles")]
pub mod scan;
