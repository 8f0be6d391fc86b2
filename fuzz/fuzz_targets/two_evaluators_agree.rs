//! One small graph over ℚ, by the kernel's reading and by a second evaluation that shares no code with it: both have the same numbers.

#![no_main]

use arbitrary::Unstructured;
use libfuzzer_sys::{Corpus, fuzz_target};
use tl_fuzz::generate::case;
use tl_fuzz::second;
use tl_kernel::context::Context;
use tl_kernel::context::rational::Rational;
use tl_kernel::ir::evaluate::evaluate;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(Some(case)) = case(&mut Unstructured::new(bytes)) else {
        return Corpus::Reject;
    };
    let Some(second) = second::outputs(&case.graph, &case.parameters, &case.inputs) else {
        return Corpus::Reject;
    };
    let inputs = case.inputs.iter().map(|(name, tensor)| {
        (
            name.clone(),
            tensor.try_map(|&word| Rational::default().datum(word)).expect("the second evaluation has read it"),
        )
    });
    // The kernel alone bounds the size of its numbers.
    let rational = Rational::default();
    let Ok(first) = evaluate(&case.graph, |_| &rational, &case.parameters, &inputs.collect()) else {
        return Corpus::Reject;
    };
    for (name, tensor) in first {
        let same = tensor.data().iter().map(|x| x.to_rational()).eq(second[&name].elements().cloned());
        assert!(same, "{name}: {tensor:?} in {case:#?}");
    }
    Corpus::Keep
});
