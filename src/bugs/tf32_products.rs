//! Products of operands that were cut to ten fraction bits.

use super::{Bug, Build, Entry, Program, Version, within};
use crate::certificate::Statement;
use crate::generate::draft::{Draft, shape};
use crate::generate::{Range, tensor};
use tl_kernel::cert::json::{Json, parse};
use tl_kernel::ir::Tensor;
use tl_kernel::ir::evaluate::Named;

pub(super) const ENTRY: Entry = Entry {
    name: "tf32_products",
    wrong: "products in TF32 passed off as binary32",
    story: "A GPU may round the operands of a matrix product to ten fraction bits (TF32) unless it is told not to. The sums are still binary32, and so is the result, but it is off \
            by thousands of units in the last place, more than binary32 rounding can explain in any order: a trace of the recorded words is rejected under the rounding model, and accepted \
            with a tolerance that says what is going on.",
    repair: "the same product of the operands as they are: a trace is accepted under the rounding model.",
    build: Build::Written(build),
};

const SEED: u64 = 101;

/// The word nearest to a finite one that has ten fraction bits, ties to even.
fn tf32(word: &u32) -> u32 {
    (word + 0xfff + (word >> 13 & 1)) & !0x1fff
}

fn cut(tensors: &Named<u32>) -> Named<u32> {
    let cut = |tensor: &Tensor<u32>| {
        let words = tensor.data().iter().map(tf32).collect();
        Tensor::new(tensor.shape().clone(), words).expect("as many words as before")
    };
    tensors.iter().map(|(name, tensor)| (name.clone(), cut(tensor))).collect()
}

fn trace(tolerance: &str) -> Statement {
    let tolerance: Json = parse(tolerance.as_bytes()).expect("the tolerance is JSON");
    Statement::Trace { tolerance, operations: Vec::new(), nodes: vec![Named::new()] }
}

fn build() -> Bug {
    let mut d = Draft::default();
    let x = d.input("x", tensor(SEED, 0, &shape(&[1, 64]), Range::Symmetric(0)));
    let weight = d.parameter("weight", tensor(SEED, 1, &shape(&[4, 64]), Range::Symmetric(0)));
    let bias = d.parameter("bias", tensor(SEED, 2, &shape(&[4]), Range::Symmetric(0)));
    let y = d.node("linear", &[x, weight, bias]);
    let fixed = Program::new(d.output("y", y));
    let mut rounded = fixed.clone();
    rounded.inputs = cut(&fixed.inputs);
    rounded.model.parameters.extend(cut(&fixed.model.parameters));
    let bias = fixed.model.parameters.get("bias").cloned();
    rounded.model.parameters.extend(bias.map(|bias| ("bias".to_string(), bias))); // added, not multiplied
    let recorded = rounded.outputs().expect("the graph of the zoo has values");
    let broken = Program { recorded: Some(recorded), ..fixed.clone() };
    let rounding = r#"{"rounding":{"factor":"1","library":0}}"#;
    Bug::new(broken, fixed, "y", &[0, 1])
        .claim(
            "trace",
            [Version::Broken; 2],
            trace(rounding),
            Some("TL0251"),
            "TF32 products are beyond what binary32 rounding can explain in any order",
        )
        .claim(
            "stated",
            [Version::Broken; 2],
            trace(r#"{"abs":"1/64","rel":"0"}"#),
            None,
            "TF32 products, with a tolerance that admits them",
        )
        .claim(
            "fixed_trace",
            [Version::Fixed; 2],
            trace(rounding),
            None,
            "binary32 products are within what rounding can explain",
        )
        .fixed_is_near(within("1e-5"), "binary32 products are within 1e-5 of the exact ones")
}
