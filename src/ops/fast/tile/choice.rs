//! Which kernels are used: those of the best instructions that the processor has, or of others by name.

use super::kernel::Set;
use super::portable::PORTABLE;
#[cfg(target_arch = "x86_64")]
use super::x86::{AVX2, AVX512};
use std::sync::atomic::{AtomicU8, Ordering};

/// Instructions that there are tiles for, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Instructions {
    /// Sixteen lanes, masks, fused multiply-adds.
    Avx512 = 1,
    /// Twice eight lanes, fused multiply-adds: the same bits.
    Avx2,
    /// What every processor has; products are rounded before they are added.
    Portable,
}

impl Instructions {
    /// All of them.
    pub const ALL: [Instructions; 3] = [Instructions::Avx512, Instructions::Avx2, Instructions::Portable];

    /// What they are called.
    pub fn name(self) -> &'static str {
        match self {
            Instructions::Avx512 => "avx512",
            Instructions::Avx2 => "avx2",
            Instructions::Portable => "portable",
        }
    }

    /// Whether this processor has them.
    pub fn available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx512 => is_x86_feature_detected!("avx512f"),
            #[cfg(target_arch = "x86_64")]
            Instructions::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(not(target_arch = "x86_64"))]
            Instructions::Avx512 | Instructions::Avx2 => false,
            Instructions::Portable => true,
        }
    }
}

/// The choice of the whole process; 0: none was made yet.
static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// Has every tile of this process computed by the instructions of this name, from now on; `false` where the processor lacks them. For tests and comparisons: it is not to be called while
/// a product is computed, which may have been cut for tiles of another height.
pub fn choose(name: &str) -> bool {
    let known = Instructions::ALL.into_iter().find(|known| known.name() == name && known.available());
    known.inspect(|&known| CHOSEN.store(known as u8, Ordering::Relaxed)).is_some()
}

/// The kernels; only what is available is ever chosen.
pub(super) fn set() -> &'static Set {
    match CHOSEN.load(Ordering::Relaxed) {
        #[cfg(target_arch = "x86_64")]
        1 => &AVX512,
        #[cfg(target_arch = "x86_64")]
        2 => &AVX2,
        3 => &PORTABLE,
        _ => {
            let best = Instructions::ALL.into_iter().find(|known| known.available()).unwrap_or(Instructions::Portable);
            CHOSEN.store(best as u8, Ordering::Relaxed);
            set()
        }
    }
}
