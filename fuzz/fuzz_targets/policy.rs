//! Arbitrary bytes as a policy file: reading never panics, and there is a place in the file where one is malformed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tl_check::Policy;

fuzz_target!(|bytes: &[u8]| {
    let _ = Policy::parse(bytes);
});
