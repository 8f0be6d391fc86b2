//! Arbitrary bytes as a network specification: reading and lowering never panic, and what is read is written and read again as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tl::net::{Mode, NetSpec};

fuzz_target!(|bytes: &[u8]| {
    let Ok(spec) = NetSpec::parse(bytes) else {
        return;
    };
    let text = spec.encode().to_string();
    assert_eq!(NetSpec::parse(text.as_bytes()).as_ref(), Ok(&spec), "{text}");
    let fits = spec.check().is_ok();
    for mode in [Mode::Train, Mode::Eval] {
        if let Ok(lowered) = spec.lower(mode, 2) {
            assert!(fits, "{text}");
            if let Err(error) = lowered.checked() {
                // Limits may stop it (a million nodes, too many live elements); a misshapen graph never gets here.
                assert!(error.code.starts_with("TL03"), "{text}: {error}");
            }
        }
    }
});
