//! Limits: how much memory and work a certificate may ask for, stated before anything is allocated for it.
//!
//! Passing a limit DECLINES; it never accepts and never says that the claim is false. The defaults suit a CI job; each is raised only by
//! a long option of the command.

/// The limits of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the certificate's JSON text, and of the table of a tensor file.
    pub json_bytes: usize,
    /// Bytes of the tensor files together.
    pub file_bytes: usize,
    /// Nodes of the graph.
    pub nodes: usize,
    /// Elements alive at one time during an evaluation; one of a real evaluation at p bits counts as 6 + p/128,
    /// of at most about 60 bytes each with what an operation holds in between.
    pub elements: usize,
    /// The cost of evaluating all cases, in multiply-adds over the reals (5 ns each; see `spec::Op::work`); one of binary32 counts as five,
    /// one at p > 64 bits as (p/64)²/8, beyond 1,024 bits as (p/64)².
    pub work: u64,
    /// Bits of precision at which an undecided claim is given up.
    pub precision: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            json_bytes: 32 << 20,
            file_bytes: 1 << 30,
            nodes: 100_000,
            elements: 1 << 26,
            work: 1 << 35,
            precision: 4096,
        }
    }
}

/// A count of this machine as a number of 64 bits, as digests and work have it.
pub(crate) fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
