//! What every verdict rests on, in words. `TRUST.md` says it at length.

/// The text of `--print-assumptions`.
pub(crate) const TEXT: &str = "\
ACCEPTED means: the sentence that is printed is true, provided that
  1. the kernel (tl-kernel) implements the specification of operations, numbers and claims that its documentation states;
  2. the libraries that it computes with are right: num-bigint, num-rational, num-integer, num-traits (integers and fractions),
     serde and serde_json (reading JSON), sha2 (SHA-256);
  3. SHA-256 is collision resistant, where the certificate names files by digest;
  4. rustc, the Rust standard library, the operating system and the processor ran the checker as written;
  5. with --policy only, for the words “within the policy”: toml (reading it) and globset (which paths its rules match);
  6. with --model only: tl-import read the named file as ONNX defines it (this is larger than the kernel, and not verified).
It does not rest on tl, on the producer of the certificate, on any witness in it, or on floating-point hardware.

A claim over the reals (forward) speaks of the graph read over the real numbers, with parameters and inputs that are the exact values of their
binary32 words. A claim about an execution (exec) speaks of binary32 arithmetic in the stated rounding, NaN policy and schedule, with
correctly rounded elementary functions; a library whose exp or tanh is not correctly rounded is another execution.

REJECTED means: the certificate is malformed, the claim is false, or it states less than the policy demands. DECLINED means: not decided. Neither rests on less than ACCEPTED does.
";
