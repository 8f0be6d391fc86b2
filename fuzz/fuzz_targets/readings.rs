//! One small graph, read over every context: the readings never panic and never contradict one another, and neither do the verdicts.
//!
//! What is demanded of a generated graph with its data:
//! - `Binary32` has a value, except where a pool has a window without a cell, and a certificate of that execution is accepted, one bit off rejected;
//! - two enclosures of one real number (`Real` at two precisions, `Interval` at the point and on a box around it) have a point in common;
//! - a `Rational` value is in every enclosure of it;
//! - where one reading finds the real function undefined, no other finds a value;
//! - a `forward` claim whose exact outcome is known is never decided the other way.

#![no_main]

use arbitrary::{Result, Unstructured};
use libfuzzer_sys::{Corpus, fuzz_target};
use num_rational::BigRational;
use std::collections::BTreeMap;
use tl_fuzz::exact::{Ends, at_most, below};
use tl_fuzz::generate::{Case, case, schedule};
use tl_kernel::cert::json::Json;
use tl_kernel::cert::tensor::encode_inline;
use tl_kernel::claim::Execution;
use tl_kernel::context::binary32::{Binary32, Environment, NanPolicy, RoundingMode};
use tl_kernel::context::interval::{Enclosure, Interval};
use tl_kernel::context::rational::{Number, Rational};
use tl_kernel::context::real::Real;
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::evaluate::{Located, Named, evaluate};
use tl_kernel::ir::{Graph, Tensor};
use tl_kernel::number::{Dyadic, Exact};
use tl_kernel::{Verdict, conclude, decode, discharge, obligations};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let mut u = Unstructured::new(bytes);
    match case(&mut u) {
        Ok(Some(case)) => {
            if read(&mut u, &case).is_err() {
                return Corpus::Reject;
            }
            Corpus::Keep
        }
        _ => Corpus::Reject,
    }
});

fn read(u: &mut Unstructured, case: &Case) -> Result<()> {
    let execution = execution(u)?;
    let executed = executed(case, &execution);
    if let Some(words) = &executed {
        exec_verdicts(case, &execution, words);
    }
    let low = *u.choose(&[32, 40, 53, 64, 100])?;
    let radius = *u.choose(&[-30, -10, -3, 0, 4])?;
    let readings = [
        real(case, low),
        real(case, low + 96),
        interval(case, low, None),
        interval(case, low, Some(Dyadic::power_of_two(radius))),
    ];
    let rational = rational(case);
    let undefined =
        |error: &Option<Located>| error.as_ref().is_some_and(|at| matches!(at.error, EvalError::Undefined { .. }));
    let errors =
        readings.iter().map(|reading| reading.as_ref().err().cloned()).chain([rational.as_ref().err().cloned()]);
    for (at, error) in errors.enumerate().filter(|(_, error)| undefined(error)) {
        let values = readings.iter().map(std::result::Result::is_ok).chain([rational.is_ok()]);
        for (other, _) in values.enumerate().filter(|(_, value)| *value) {
            assert_eq!(other, 3, "reading {at} says {error:?}, reading {other} has a value of {case:#?}");
        }
    }
    let enclosures: Vec<&Named<Ends>> = readings.iter().flatten().collect();
    for (i, a) in enclosures.iter().enumerate() {
        for b in &enclosures[i + 1..] {
            each(a, b, |place, a, b| {
                assert!(a.0 <= b.1 && b.0 <= a.1, "{place}: {a:?} and {b:?} are apart in {case:#?}")
            });
        }
    }
    let Ok(exact) = rational else {
        return Ok(());
    };
    for (which, enclosure) in enclosures.iter().enumerate() {
        each(enclosure, &exact, |place, ends, value| {
            let inside = at_most(&ends.0, value) && !below(&ends.1, value);
            assert!(inside, "{place}: enclosure {which} {ends:?} does not contain {value} of {case:#?}");
        });
    }
    if let Some(words) = &executed {
        forward_verdict(u, case, words, &exact)?;
    }
    Ok(())
}

/// `f` on every element of the outputs of two readings.
fn each<A, B>(a: &Named<A>, b: &Named<B>, f: impl Fn(String, &A, &B)) {
    for (name, a) in a {
        for (i, (a, b)) in a.data().iter().zip(b[name].data()).enumerate() {
            f(format!("{name}[{i}]"), a, b);
        }
    }
}

/// The outputs in a reading, whose internal invariants hold.
fn outputs<C: Context>(
    case: &Case,
    context: &C,
    input: impl Fn(u32) -> std::result::Result<C::Value, EvalError>,
) -> std::result::Result<Named<C::Value>, Located> {
    let mut inputs = BTreeMap::new();
    for (name, tensor) in &case.inputs {
        let at_input = |error| Located { node: 0, op: "input", error };
        inputs.insert(name.clone(), tensor.try_map(|&word| input(word)).map_err(at_input)?);
    }
    let result = evaluate(&case.graph, |_| context, &case.parameters, &inputs);
    if let Err(at) = &result {
        assert!(!matches!(at.error, EvalError::Internal { .. }), "{at:?} in {case:#?}");
    }
    result
}

fn ends<V>(outputs: Named<V>, ends: impl Fn(&V) -> Ends) -> Named<Ends> {
    let tensor = |tensor: Tensor<V>| tensor.try_map(|value| Ok::<_, ()>(ends(value))).expect("nothing fails");
    outputs.into_iter().map(|(name, value)| (name, tensor(value))).collect()
}

fn real(case: &Case, precision: u64) -> std::result::Result<Named<Ends>, Located> {
    let real = Real::new(precision);
    let balls = outputs(case, &real, |word| real.datum(word))?;
    Ok(ends(balls, |ball| (ball.lower(), ball.upper())))
}

/// The enclosures at the point, or over the box of this radius about it.
fn interval(case: &Case, precision: u64, radius: Option<Dyadic>) -> std::result::Result<Named<Ends>, Located> {
    let interval = Interval::new(precision);
    let input = |word| {
        let point = interval.datum(word)?;
        let Some(radius) = &radius else {
            return Ok(point);
        };
        Ok(Enclosure::new(point.lo().sub(radius), point.hi().add(radius)).expect("the ends of a box are in order"))
    };
    let enclosures = outputs(case, &interval, input)?;
    Ok(ends(enclosures, |x| (x.lo().clone(), x.hi().clone())))
}

fn rational(case: &Case) -> std::result::Result<Named<BigRational>, Located> {
    let values = outputs(case, &Rational::default(), |word| Rational::default().datum(word))?;
    let tensor =
        |tensor: Tensor<Number>| tensor.try_map(|value| Ok::<_, ()>(value.to_rational())).expect("nothing fails");
    Ok(values.into_iter().map(|(name, value)| (name, tensor(value))).collect())
}

/// An execution in some order.
fn execution(u: &mut Unstructured) -> Result<Execution> {
    let environment = Environment {
        rounding: *u.choose(&RoundingMode::ALL)?,
        nan: *u.choose(&[NanPolicy::Canonical, NanPolicy::PropagateX86])?,
    };
    Ok(Execution { environment, schedule: schedule(u)?, nodes: BTreeMap::new() })
}

/// The words of the execution; none where a pool has a window without a cell, which is no shape of its own.
fn executed(case: &Case, execution: &Execution) -> Option<Named<u32>> {
    let context = Binary32::new(execution.environment, execution.schedule.clone());
    match outputs(case, &context, Ok) {
        Ok(words) => Some(words),
        Err(Located { error: EvalError::Undefined { function: "a pool", .. }, .. }) => None,
        Err(at) => panic!("an execution stopped: {at:?} in {case:#?}"),
    }
}

/// A certificate about the case, read from its text, and the verdict on it.
fn verdict(case: &Case, claim: Json) -> Verdict {
    let named = |tensors: &Named<u32>| {
        Json::Object(tensors.iter().map(|(name, tensor)| (name.clone(), encode_inline(tensor))).collect())
    };
    let graph: &Graph = case.graph.graph();
    let document = Json::object([
        ("format", Json::string("tl-cert/1")),
        ("claim", claim),
        ("model", Json::object([("graph", graph.encode()), ("parameters", named(&case.parameters))])),
        ("inputs", Json::Array(vec![named(&case.inputs)])),
    ]);
    let limits = tl_kernel::Limits { precision: 512, ..Default::default() };
    let certificate = decode(document.to_string().as_bytes(), &limits).and_then(|d| d.bind(&BTreeMap::new(), &limits));
    let certificate =
        certificate.unwrap_or_else(|finding| panic!("an honest certificate is well-formed: {finding} in {case:#?}"));
    let results = obligations(&certificate).into_iter().map(|part| discharge(&certificate, part, &limits)).collect();
    conclude(&certificate, results)
}

fn recorded(outputs: &Named<u32>) -> Json {
    let outputs = outputs.iter().map(|(name, tensor)| (name.clone(), encode_inline(tensor))).collect();
    Json::Array(vec![Json::Object(outputs)])
}

fn exec_verdicts(case: &Case, execution: &Execution, words: &Named<u32>) {
    let claim = |words: &Named<u32>| {
        Json::object([("kind", Json::string("exec")), ("execution", execution.encode()), ("outputs", recorded(words))])
    };
    let honest = verdict(case, claim(words));
    assert!(matches!(honest, Verdict::Accepted(_)), "{honest:?} of {case:#?}");
    let mut wrong = words.clone();
    if let Some(mut entry) = wrong.first_entry() {
        let mut first = true;
        let flipped = entry.get().try_map(|&word| Ok::<_, ()>(word ^ u32::from(std::mem::take(&mut first))));
        entry.insert(flipped.expect("nothing fails"));
    }
    let wrong = verdict(case, claim(&wrong));
    assert!(matches!(wrong, Verdict::Rejected(_)), "{wrong:?} of {case:#?}");
}

/// The verdict on the recorded words against the exact outcome.
fn forward_verdict(u: &mut Unstructured, case: &Case, words: &Named<u32>, exact: &Named<BigRational>) -> Result<()> {
    let part = |u: &mut Unstructured| u.choose(&["0", "1e-6", "0x1p-24", "0.001", "1/3", "1", "1e40"]).copied();
    let (abs, rel, slack) = (part(u)?, part(u)?, *u.choose(&["1", "0", "3/2"])?);
    let number = |text: &str| Exact::parse(text).expect("an exact number").rational().clone();
    let mut holds = true;
    for (name, words) in words {
        for (&word, s) in words.data().iter().zip(exact[name].data()) {
            let Some(y) = Dyadic::from_binary32(word).map(|y| y.to_rational()) else {
                return Ok(());
            };
            let zero = number("0");
            let abs_of = |x: BigRational| if x < zero { -x } else { x };
            let greatest = abs_of(y.clone()).max(abs_of(s.clone()));
            holds &= abs_of(y - s) <= number(slack) * (number(abs) + number(rel) * greatest);
        }
    }
    let tolerance = [("abs", Json::string(abs)), ("rel", Json::string(rel)), ("slack", Json::string(slack))];
    let claim = Json::object([
        ("kind", Json::string("forward")),
        ("tolerance", Json::object(tolerance)),
        ("outputs", recorded(words)),
    ]);
    match verdict(case, claim) {
        Verdict::Accepted(_) => assert!(holds, "a false claim was accepted: {words:?} against {exact:?} of {case:#?}"),
        Verdict::Rejected(findings) => assert!(!holds, "a true claim was rejected: {findings:?} of {case:#?}"),
        Verdict::Declined(_) => {}
    }
    Ok(())
}
