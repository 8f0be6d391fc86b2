//! `Interval` at 53 bits against ITF1788: containment, domains, and how tight the results are (`spec-tests/TIGHTNESS.md`, renewed with `BLESS=1`).
//!
//! The suite states the tightest binary64 intervals. The ends of the reading have 53 bits but no bounds on the exponent that a binary64 number
//! could reach, so a result is rounded outward to binary64, and must then contain the stated one: an enclosure of the exact image rounds to
//! one that contains the tightest. At 128 bits the same must hold. Excess is counted in binary64 numbers between the ends, the worse end.
//! The reading has bounded intervals only: an infinite end of an operand is replaced by a number so great that the image of the rest rounds to the
//! same binary64 numbers ([`Operation::infinity`]). It has no empty interval and no partial functions: where an operand leaves the domain it must
//! refuse (`Undefined` where the suite has the empty set, else `Undecided`), and only there; decorations are compared by that (`trv`, or not).

use std::collections::BTreeMap;
use std::fmt::Write;
use tl_kernel::context::interval::{Enclosure, Interval};
use tl_kernel::context::{Context, EvalError, Rows};
use tl_kernel::number::{Direction, Dyadic};
use tl_spec_tests::binary64::{from_dyadic, place, to_dyadic};
use tl_spec_tests::itl::{Assertion, Literal, parse};
use tl_spec_tests::{Tally, archive};

const ARCHIVES: [&str; 2] = ["arith/itf1788/itl-apache.tar.gz", "arith/itf1788/itl-lgpl.tar.gz"];
const PRECISION: u64 = 53;

struct Operation {
    name: &'static str,
    evaluate: fn(&Interval, &[Enclosure]) -> Result<Enclosure, EvalError>,
    /// An infinite end of operand `i` is replaced by 2 to this power; `None` where no number would do.
    infinity: Option<[i64; 3]>,
    /// Whether the function is defined on all of the operands.
    defined: fn(&[Enclosure]) -> bool,
}

/// Beyond binary64 after any operation on binary64 numbers but the transcendental ones.
const FAR: Option<[i64; 3]> = Some([4000; 3]);

fn has_zero(x: &Enclosure) -> bool {
    x.contains(&Dyadic::zero())
}

fn powers_are_defined(x: &Enclosure, y: &Enclosure) -> bool {
    if y.is_point() && y.lo().normalised().exponent() >= 0 {
        y.lo().signum() >= 0 || !has_zero(x)
    } else {
        x.lo().signum() > 0 || (x.lo().is_zero() && y.lo().signum() >= 0)
    }
}

const OPERATIONS: [Operation; 21] = {
    const fn operation(
        name: &'static str,
        evaluate: fn(&Interval, &[Enclosure]) -> Result<Enclosure, EvalError>,
        infinity: Option<[i64; 3]>,
        defined: fn(&[Enclosure]) -> bool,
    ) -> Operation {
        Operation { name, evaluate, infinity, defined }
    }
    const fn total(
        name: &'static str,
        evaluate: fn(&Interval, &[Enclosure]) -> Result<Enclosure, EvalError>,
        infinity: Option<[i64; 3]>,
    ) -> Operation {
        operation(name, evaluate, infinity, |_| true)
    }
    [
        total("neg", |c, x| c.neg(&x[0]), FAR),
        total("abs", |c, x| c.abs(&x[0]), FAR),
        total("add", |c, x| c.add(&x[0], &x[1]), FAR),
        total("sub", |c, x| c.sub(&x[0], &x[1]), FAR),
        total("mul", |c, x| c.mul(&x[0], &x[1]), FAR),
        operation("div", |c, x| c.div(&x[0], &x[1]), FAR, |x| !has_zero(&x[1])),
        operation("recip", |c, x| c.div(&c.integer(1)?, &x[0]), FAR, |x| !has_zero(&x[0])),
        total("fma", fma, FAR),
        total("min", |c, x| c.min(&x[0], &x[1]), FAR),
        total("max", |c, x| c.max(&x[0], &x[1]), FAR),
        total("sqr", |c, x| c.pow(&x[0], &c.integer(2)?), FAR),
        operation("sqrt", |c, x| c.sqrt(&x[0]), FAR, |x| !x[0].lo().is_negative()),
        operation("pown", |c, x| c.pow(&x[0], &x[1]), FAR, |x| powers_are_defined(&x[0], &x[1])),
        operation("pow", |c, x| c.pow(&x[0], &x[1]), Some([20_000, 24, 0]), |x| powers_are_defined(&x[0], &x[1])),
        total("exp", |c, x| c.exp(&x[0]), Some([20; 3])),
        total("expm1", |c, x| c.expm1(&x[0]), Some([20; 3])),
        operation("log", |c, x| c.log(&x[0]), None, |x| x[0].lo().signum() > 0),
        operation("logp1", |c, x| c.log1p(&x[0]), None, |x| *x[0].lo() > Dyadic::integer(-1)),
        total("sin", |c, x| c.sin(&x[0]), FAR),
        total("cos", |c, x| c.cos(&x[0]), FAR),
        total("tanh", |c, x| c.tanh(&x[0]), FAR),
    ]
};

/// `x y + z` with one rounding: a dot product of one term.
fn fma(context: &Interval, x: &[Enclosure]) -> Result<Enclosure, EvalError> {
    let [a, b, c] = x else { panic!("three operands") };
    let (left, right) = (std::slice::from_ref(a), std::slice::from_ref(b));
    let bias = Some(std::slice::from_ref(c));
    let all = context.dots(&Rows::contiguous(left, 1), &Rows::contiguous(right, 1), bias)?;
    Ok(all[0].clone())
}

/// What became of the assertions of one operation.
#[derive(Default)]
struct Row {
    cases: usize,
    skipped: usize,
    refused: usize,
    /// Results by their excess: 0, 1, 2, more ulps.
    excess: [usize; 4],
    worst: (i64, String),
}

/// Why an assertion is left out.
const EMPTY: &str = "an operand is the empty set, which the reading does not have";
const NAI: &str = "an operand is not an interval";
const UNBOUNDED: &str = "logarithm of an unbounded interval, which no bounded one stands for";
const INTEGER_POWER: &str =
    "pow of a base below or at zero to an integer power (0^0 too): defined in the reading, not in the suite";

/// The operands as intervals of the reading, or why there are none.
fn operands(operation: &Operation, assertion: &Assertion) -> Result<Vec<Enclosure>, &'static str> {
    let end = |x: f64, i: usize| -> Result<Dyadic, &'static str> {
        let Some(exact) = to_dyadic(x) else {
            let far = Dyadic::power_of_two(operation.infinity.ok_or(UNBOUNDED)?[i]);
            return Ok(if x > 0.0 { far } else { far.neg() });
        };
        Ok(exact)
    };
    let enclosure = |(i, (literal, _)): (usize, &(Literal, Option<String>))| match literal {
        Literal::Empty => Err(EMPTY),
        Literal::Nai => Err(NAI),
        Literal::Interval(lo, hi) => Ok(Enclosure::new(end(*lo, i)?, end(*hi, i)?).expect("lo ≤ hi")),
        Literal::Number(x) => Ok(Enclosure::point(end(*x, i)?)),
        Literal::Other(other) => panic!("{other} in {}", assertion.text),
    };
    let all: Vec<Enclosure> = assertion.operands.iter().enumerate().map(enclosure).collect::<Result<_, _>>()?;
    let integer = |y: &Enclosure| y.is_point() && y.lo().normalised().exponent() >= 0;
    if operation.name == "pow" && all[0].lo().signum() <= 0 {
        let zero_to_zero = all[0].is_point() && has_zero(&all[0]) && has_zero(&all[1]);
        if integer(&all[1]) || zero_to_zero {
            return Err(INTEGER_POWER);
        }
    }
    Ok(all)
}

/// The excess in ulps over the stated result, or what is wrong.
fn excess(found: &Enclosure, lo: f64, hi: f64) -> Result<i64, String> {
    let ends = (from_dyadic(found.lo(), Direction::Down), from_dyadic(found.hi(), Direction::Up));
    if ends.0 > lo || ends.1 < hi {
        return Err(format!("found [{:e}, {:e}]", ends.0, ends.1));
    }
    Ok((place(lo) - place(ends.0)).max(place(ends.1) - place(hi)))
}

fn judge(operation: &Operation, precision: u64, assertion: &Assertion, x: &[Enclosure]) -> Result<Option<i64>, String> {
    let found = (operation.evaluate)(&Interval::new(precision), x);
    let defined = (operation.defined)(x);
    let trivial = |(_, decoration): &(Literal, Option<String>)| decoration.as_deref().map(|name| name == "trv");
    let result = &assertion.results[0];
    // A decoration of operands that are not trivial says whether the function is defined on them; 0^0 is 1 in the reading only.
    let zero_to_zero = operation.name == "pow" && has_zero(&x[0]) && has_zero(&x[1]);
    let told = !zero_to_zero && assertion.operands.iter().all(|x| trivial(x) != Some(true));
    if told && trivial(result) == Some(defined) {
        return Err(format!("defined: {defined}"));
    }
    match (&result.0, &found) {
        (Literal::Interval(lo, hi), Ok(found)) if defined => excess(found, *lo, *hi).map(Some),
        (Literal::Interval(..), Err(EvalError::Undecided { .. })) if !defined => Ok(None),
        (Literal::Empty, Err(EvalError::Undefined { .. })) if !defined => Ok(None),
        // A negative base has integer powers, so that not all of such a box is outside the domain of the reading.
        (Literal::Empty, Err(EvalError::Undecided { .. })) if operation.name == "pow" => Ok(None),
        _ => Err(format!("found {found:?}")),
    }
}

#[test]
fn intervals_enclose_what_the_itf1788_suite_states() {
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    let (mut skips, mut other, mut files) = (BTreeMap::new(), BTreeMap::new(), 0);
    let mut tally = Tally::default();
    for path in ARCHIVES {
        let Some(texts) = archive("itf1788", path, ".itl") else { return };
        files += texts.len();
        for assertion in texts.iter().flat_map(|(_, text)| parse(text)) {
            let Some(operation) = OPERATIONS.iter().find(|operation| operation.name == assertion.operation) else {
                tally.skip();
                *other.entry(assertion.operation).or_insert(0usize) += 1;
                continue;
            };
            let row = rows.entry(operation.name).or_default();
            row.cases += 1;
            let x = match operands(operation, &assertion) {
                Ok(x) => x,
                Err(reason) => {
                    row.skipped += 1;
                    tally.skip();
                    *skips.entry(reason).or_insert(0usize) += 1;
                    continue;
                }
            };
            let verdict = judge(operation, PRECISION, &assertion, &x);
            let finer = judge(operation, 128, &assertion, &x);
            match &verdict {
                Ok(Some(ulps)) => {
                    row.excess[usize::try_from(*ulps).unwrap_or(3).min(3)] += 1;
                    if *ulps > row.worst.0 {
                        row.worst = (*ulps, assertion.text.clone());
                    }
                }
                Ok(None) => row.refused += 1,
                Err(_) => {}
            }
            tally.check(verdict.is_ok() && finer.is_ok(), || format!("{}: {verdict:?}, {finer:?}", assertion.text));
        }
    }
    let table = table(&rows, &skips, &other, files);
    println!("{table}");
    tally.report("itf1788");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/TIGHTNESS.md");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, &table).expect("TIGHTNESS.md is written");
    }
    let recorded = std::fs::read_to_string(path).unwrap_or_default();
    assert!(recorded == table, "spec-tests/TIGHTNESS.md is not what was found; BLESS=1 renews it");
}

fn table(
    rows: &BTreeMap<&str, Row>,
    skips: &BTreeMap<&str, usize>,
    other: &BTreeMap<String, usize>,
    files: usize,
) -> String {
    let mut text = String::from(
        "# How tight the intervals are\n\nITF1788 states the tightest binary64 result of an operation. Below, by operation: the assertions, those left out, \
         those that the reading must\nrefuse because an operand leaves the domain, and the results of `Interval` at 53 bits by their excess over the \
         tightest, in binary64 numbers at\nthe worse end (ulps). Every result contains the stated one. Written by `spec-tests/tests/itf1788.rs` with \
         `BLESS=1`, and compared by it.\n\n\
         | operation | cases | left out | refused | tight | 1 ulp | 2 ulps | more | worst |\n|---|--:|--:|--:|--:|--:|--:|--:|---|\n",
    );
    for (name, row) in rows {
        let Row { cases, skipped, refused, excess: [tight, one, two, more], worst } = row;
        let worst = if worst.0 > 0 { format!("{}: `{}`", worst.0, worst.1) } else { String::new() };
        writeln!(text, "| {name} | {cases} | {skipped} | {refused} | {tight} | {one} | {two} | {more} | {worst} |")
            .expect("text");
    }
    let run: usize = rows.values().map(|row| row.cases - row.skipped).sum();
    let unread: usize = other.values().sum();
    let all = run + unread + skips.values().sum::<usize>();
    writeln!(text, "\n{all} assertions in {files} files: {run} run; left out\n").expect("text");
    for (reason, count) in skips {
        writeln!(text, "- {count}: {reason};").expect("text");
    }
    let names: Vec<String> = other.iter().map(|(name, count)| format!("{name} {count}")).collect();
    writeln!(text, "- {unread}: operations that the reading does not have: {}.", names.join(", ")).expect("text");
    text
}
