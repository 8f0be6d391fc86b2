//! Expressions over ℚ: the intervals of `Interval` contain every exact value, at any precision (see `tl_fuzz::expression`).

#![no_main]

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use tl_fuzz::expression::run;
use tl_kernel::context::interval::Interval;

fuzz_target!(|bytes: &[u8]| {
    let mut u = Unstructured::new(bytes);
    if let Ok(precision) = u.int_in_range(32..=300) {
        let _ = run(&Interval::new(precision), &mut u); // the bytes may end early
    }
});
