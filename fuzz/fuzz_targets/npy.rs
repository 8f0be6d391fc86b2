//! Arbitrary bytes as a tensor file: reading never panics, and an array that is read has as many elements as its shape.
//!
//! The first byte chooses the format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tl_import::parse_arrays;

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, rest)) = bytes.split_first() else {
        return;
    };
    let extension = ["npy", "npz", "pb", "safetensors"][usize::from(first) % 4];
    let Ok(arrays) = parse_arrays(extension, rest, 1 << 20) else {
        return;
    };
    for (name, array) in arrays {
        if let Ok(tensor) = array.tensor() {
            assert_eq!(tensor.data().len(), tensor.dimensions().iter().product::<usize>(), "{name}");
        }
    }
});
