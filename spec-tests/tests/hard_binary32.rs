//! Correctly rounded functions of `Binary32` at the arguments whose values lie nearest to a midpoint of two words (results by MPFR at 240 bits).
//!
//! The data have four modes; to nearest with ties away is compared with ties to even, from which it differs only at a tie (exp2 has one).

use tl_kernel::context::binary32::arithmetic::{cbrt, rsqrt};
use tl_kernel::context::binary32::{Elementary, Environment, Flags, Function, NanPolicy, RoundingMode};
use tl_spec_tests::{Tally, lines};

type Evaluate = fn(&Elementary, u32, Environment) -> (u32, Flags);

#[test]
fn the_hardest_arguments_round_as_mpfr_rounds_them() {
    macro_rules! elementary {
        ($function:ident) => {
            |elementary, x, env| elementary.evaluate(Function::$function, x, env).expect("decided")
        };
    }
    let functions: [(&str, Evaluate); 14] = [
        ("exp", elementary!(Exp)),
        ("exp2", elementary!(Exp2)),
        ("expm1", elementary!(Expm1)),
        ("log", elementary!(Log)),
        ("log1p", elementary!(Log1p)),
        ("tanh", elementary!(Tanh)),
        ("sinh", elementary!(Sinh)),
        ("cosh", elementary!(Cosh)),
        ("erf", elementary!(Erf)),
        ("erfc", elementary!(Erfc)),
        ("sin", elementary!(Sin)),
        ("cos", elementary!(Cos)),
        ("rsqrt", |_, x, env| rsqrt(x, env)),
        ("cbrt", |_, x, env| cbrt(x, env)),
    ];
    let elementary = Elementary::default();
    for (name, evaluate) in functions {
        let suite = format!("hard {name}");
        let Some(lines) = lines("hard_binary32", &format!("arith/hard_binary32/hard_{name}.txt.gz")) else {
            return;
        };
        let mut tally = Tally::default();
        for line in &lines {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let word = |i: usize| u32::from_str_radix(fields[i], 16).expect("a word");
            let tie = fields[5] == "-inf";
            for (rounding, column) in [
                (RoundingMode::NearestEven, 1),
                (RoundingMode::TowardZero, 2),
                (RoundingMode::Down, 3),
                (RoundingMode::Up, 4),
                (RoundingMode::NearestAway, 1),
            ] {
                if tie && rounding == RoundingMode::NearestAway {
                    tally.skip_because("tie, given to even only");
                    continue;
                }
                let env = Environment { rounding, nan: NanPolicy::Canonical };
                let (found, flags) = evaluate(&elementary, word(0), env);
                let inexact = flags.bits() & Flags::INEXACT.bits() != 0;
                tally.check(found == word(column) && inexact, || {
                    format!(
                        "{name} {} {rounding:?}: {found:08x}:{:02x}, expected {}",
                        fields[0],
                        flags.bits(),
                        fields[column]
                    )
                });
            }
        }
        tally.report(&suite);
    }
}
