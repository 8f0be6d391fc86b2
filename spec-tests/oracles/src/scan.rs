//! Scans: the words (or the pairs) in blocks, which parts of them a run takes, and the record that outlives it.
//!
//! Claim: a record holds the counts of exactly the blocks that it marks as finished, all by the kernel whose digest it names. It is written aside and
//! renamed, so an interrupted run loses at most the blocks since the last writing.

use crate::function::{Bench, Counts, Unary, mode_name};
use crate::power;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Error;
use std::path::Path;
use tl_kernel::context::binary32::RoundingMode;

/// Words in a block.
pub const BLOCK: u64 = 1 << 14;
/// A digest of the kernel's sources that compute elementary functions (`build.rs`).
pub const KERNEL: &str = env!("TL_KERNEL_DIGEST");

/// What is scanned.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    /// A function at all words.
    Words(&'static Unary),
    /// The power at random pairs.
    Pairs {
        /// How many, rounded up to whole blocks.
        pairs: u64,
        /// Which.
        seed: u64,
    },
}

impl Subject {
    /// The name of the record.
    pub fn title(self, mode: RoundingMode) -> String {
        match self {
            Subject::Words(function) => format!("{}-{}", function.name, mode_name(mode)),
            Subject::Pairs { pairs, seed } => format!("pow-{}-{pairs}-{seed:x}", mode_name(mode)),
        }
    }

    /// How many blocks there are.
    pub fn blocks(self) -> u64 {
        match self {
            Subject::Words(_) => (1 << 32) / BLOCK,
            Subject::Pairs { pairs, .. } => pairs.div_ceil(power::BLOCK),
        }
    }

    /// Arguments in a block.
    pub fn block_size(self) -> u64 {
        match self {
            Subject::Words(_) => BLOCK,
            Subject::Pairs { .. } => power::BLOCK,
        }
    }

    /// The verdicts of one block.
    pub fn judge(self, block: u64, mode: RoundingMode, bench: &mut Bench) -> Counts {
        let mut counts = Counts::default();
        match self {
            Subject::Words(function) => {
                let first = u32::try_from(block * BLOCK).expect("a block of words");
                function.judge(first..=first + (BLOCK as u32 - 1), mode, bench, &mut counts);
            }
            Subject::Pairs { seed, .. } => power::judge(power::random_pairs(seed, block), mode, bench, &mut counts),
        }
        counts
    }
}

/// One part of `of`: of every `of` neighbouring blocks one, in a place that varies, so that each part has all exponents and the parts are disjoint.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Which, below `of`.
    pub index: u64,
    /// Of how many.
    pub of: u64,
}

impl Part {
    /// All blocks.
    pub const WHOLE: Part = Part { index: 0, of: 1 };

    /// Whether a block belongs to the part.
    pub fn has(self, block: u64) -> bool {
        let group = block / self.of;
        let turn = group.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32; // Knuth's multiplicative hash
        (block + turn) % self.of == self.index
    }
}

/// What has been scanned so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The subject and mode.
    pub title: String,
    /// The kernel's digest.
    pub kernel: String,
    /// The finished blocks, one bit each, the first in the lowest bit of the first hexadecimal digit.
    finished: String,
    /// The verdicts in them.
    pub counts: Counts,
    /// Processor time spent, microseconds.
    pub cpu_us: u64,
}

/// Why a record is not taken up.
#[derive(Debug)]
pub enum Refusal {
    /// It cannot be read or written.
    Io(Error),
    /// It is not a record.
    Malformed(String),
    /// It is about another subject, mode, or kernel: what, there, here.
    Stale(&'static str, String, String),
}

impl Record {
    /// An empty one.
    pub fn new(title: String, blocks: u64) -> Self {
        let digits = usize::try_from(blocks.div_ceil(4)).expect("fits");
        Record { title, kernel: KERNEL.into(), finished: "0".repeat(digits), counts: Counts::default(), cpu_us: 0 }
    }

    /// The one in a file, or an empty one where there is no file.
    pub fn open(path: &Path, title: String, blocks: u64) -> Result<Self, Refusal> {
        let fresh = Record::new(title, blocks);
        if !path.exists() {
            return Ok(fresh);
        }
        let text = fs::read_to_string(path).map_err(Refusal::Io)?;
        let record: Record = serde_json::from_str(&text).map_err(|error| Refusal::Malformed(error.to_string()))?;
        if record.title != fresh.title {
            return Err(Refusal::Stale("subject", record.title, fresh.title));
        }
        if record.kernel != fresh.kernel {
            return Err(Refusal::Stale("kernel", record.kernel, fresh.kernel));
        }
        if record.finished.len() != fresh.finished.len() || !record.finished.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Refusal::Malformed("its list of blocks is not of this size".into()));
        }
        Ok(record)
    }

    /// Write it aside, and rename.
    pub fn save(&self, path: &Path) -> Result<(), Refusal> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(Refusal::Io)?;
        }
        let aside = path.with_extension("partial");
        let text = serde_json::to_string(self).map_err(|error| Refusal::Malformed(error.to_string()))?;
        fs::write(&aside, text + "\n").and_then(|()| fs::rename(&aside, path)).map_err(Refusal::Io)
    }

    fn digit(&self, block: u64) -> (usize, u32) {
        let place = usize::try_from(block / 4).expect("fits");
        let digit = char::from(self.finished.as_bytes()[place]).to_digit(16).expect("a digit");
        (place, digit)
    }

    /// Whether a block is finished.
    pub fn has(&self, block: u64) -> bool {
        self.digit(block).1 >> (block % 4) & 1 == 1
    }

    /// How many blocks are finished.
    pub fn finished(&self) -> u64 {
        self.finished.chars().map(|digit| u64::from(digit.to_digit(16).expect("a digit").count_ones())).sum()
    }

    /// Enter the verdicts of a block.
    pub fn enter(&mut self, block: u64, counts: Counts, cpu_us: u64) {
        assert!(!self.has(block), "block {block} twice");
        let (place, digit) = self.digit(block);
        let digit = char::from_digit(digit | 1 << (block % 4), 16).expect("a digit");
        self.finished.replace_range(place..=place, digit.encode_utf8(&mut [0; 4]));
        self.counts.add(counts);
        self.cpu_us += cpu_us;
    }
}

/// Processor time of this thread, microseconds; where the system does not tell, 0.
pub fn thread_time_us() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<u64>().ok()).unwrap_or(0) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_scan_are_disjoint_and_make_the_whole() {
        for of in [1, 2, 3, 7, 16, 256, 1000] {
            let sizes: Vec<usize> =
                (0..of).map(|index| (0..1u64 << 18).filter(|&block| Part { index, of }.has(block)).count()).collect();
            assert_eq!(sizes.iter().sum::<usize>(), 1 << 18);
            assert!(sizes.iter().all(|&size| size.abs_diff((1 << 18) / of as usize) <= 1), "{of}: {sizes:?}");
        }
    }

    #[test]
    fn a_part_has_every_exponent_of_either_sign() {
        for index in [0, 3, 255] {
            let part = Part { index, of: 256 };
            for binade in 0..512u64 {
                assert!((binade * 512..(binade + 1) * 512).any(|block| part.has(block)), "{index} {binade}");
            }
        }
    }

    #[test]
    fn a_record_is_taken_up_where_it_was_left_and_refused_when_stale() {
        let folder = std::env::temp_dir().join(format!("tl-scan-{}", std::process::id()));
        let path = folder.join("record.json");
        let mut record = Record::open(&path, "exp-rne".into(), 1 << 18).unwrap();
        record.enter(77, Counts { run: 5, agreed: 4, by_mpfr: 2, wrong: 1, findings: vec!["one".into()] }, 12);
        record.save(&path).unwrap();
        let read = Record::open(&path, "exp-rne".into(), 1 << 18).unwrap();
        assert_eq!(read, record);
        assert!(read.has(77) && !read.has(76) && !read.has(78) && read.finished() == 1);
        assert!(matches!(Record::open(&path, "exp-rtz".into(), 1 << 18), Err(Refusal::Stale("subject", ..))));
        record.kernel = "of another time".into();
        record.save(&path).unwrap();
        assert!(matches!(Record::open(&path, "exp-rne".into(), 1 << 18), Err(Refusal::Stale("kernel", ..))));
        fs::write(&path, "{}").unwrap();
        assert!(matches!(Record::open(&path, "exp-rne".into(), 1 << 18), Err(Refusal::Malformed(_))));
        fs::remove_dir_all(folder).unwrap();
    }
}
