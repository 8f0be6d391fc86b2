//! Where the conformance data lies, how it is read, and how a suite reports.
//!
//! The suites (Berkeley TestFloat, IBM FPgen, ITF1788, scans for hard cases) are not part of this repository. `TL_DATA` names the folder that holds them;
//! a suite without data prints one `SKIPPED` line and passes.

pub mod binary64;
pub mod itl;

use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// The folder with the conformance data: `$TL_DATA`, or `shared/data` beside the checkout.
pub fn data_dir() -> PathBuf {
    std::env::var_os("TL_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")), PathBuf::from)
}

/// A gzipped file below the data folder; `None`, with a `SKIPPED` line for `suite`, when it is absent.
fn open(suite: &str, path: &str) -> Option<GzDecoder<File>> {
    let path = data_dir().join(path);
    let file = File::open(&path);
    if file.is_err() {
        println!("SKIPPED {suite}: no data at {} (set TL_DATA)", path.display());
    }
    file.ok().map(GzDecoder::new)
}

/// The text files `(name, text)` of a `.tar.gz` below the data folder that end in `suffix`, by name.
pub fn archive(suite: &str, path: &str, suffix: &str) -> Option<Vec<(String, String)>> {
    let mut archive = tar::Archive::new(open(suite, path)?);
    let mut files = Vec::new();
    for entry in archive.entries().unwrap_or_else(|error| panic!("{path}: {error}")) {
        let mut entry = entry.unwrap_or_else(|error| panic!("{path}: {error}"));
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if name.ends_with(suffix) {
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap_or_else(|error| panic!("{path}, {name}: {error}"));
            files.push((name, text));
        }
    }
    files.sort();
    Some(files)
}

/// The lines of a gzipped text below the data folder but comments.
pub fn lines(suite: &str, path: &str) -> Option<Vec<String>> {
    let mut text = String::new();
    open(suite, path)?.read_to_string(&mut text).unwrap_or_else(|error| panic!("{path}: {error}"));
    Some(text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect())
}

/// Counts of one suite; a failure is kept with its operands.
#[derive(Debug, Default)]
pub struct Tally {
    run: usize,
    skipped: usize,
    reasons: BTreeMap<&'static str, usize>,
    failures: Vec<String>,
}

impl Tally {
    /// One case: passed, or failed as `describe` says.
    pub fn check(&mut self, passed: bool, describe: impl FnOnce() -> String) {
        self.run += 1;
        if !passed {
            self.failures.push(describe());
        }
    }

    /// One case left out.
    pub fn skip(&mut self) {
        self.skipped += 1;
    }

    /// One case left out for a reason that the report tells.
    pub fn skip_because(&mut self, reason: &'static str) {
        self.skipped += 1;
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// Print the line of the suite; panic when a case failed.
    pub fn report(self, suite: &str) {
        let failed = self.failures.len();
        let reasons: Vec<String> = self.reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        let why = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
        println!("{suite}: {} run, {} passed, {} skipped{why}", self.run, self.run - failed, self.skipped);
        assert!(
            failed == 0,
            "{suite}: {failed} failed, first:\n{}",
            self.failures.iter().take(8).cloned().collect::<Vec<_>>().join("\n")
        );
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): random operands from a listed seed.
#[derive(Clone, Copy, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An integer below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.bits() % n
    }
    /// A word of binary32.
    pub fn word(&mut self) -> u32 {
        (self.bits() >> 32) as u32
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / 9_007_199_254_740_992.0
    }
}
