//! `adjoint`: the reverse rules of a graph's operations are the adjoints of their derivatives.
//!
//! Statement: `⟨u, J·v⟩ = ⟨Jᵀu, v⟩`, where J·v is the derivative along v that forward mode (`crate::context::dual`) takes of the operations' own *values*, and Jᵀu is what their reverse rules
//! (`crate::spec::vjp`) make of u: so no derivative is believed beyond those of the elementary functions in `dual`. u are cotangents of the outputs, v tangents of inputs and parameters.
//! - `identity`: for all inputs, parameters, u and v at which both sides are defined. Both are rational functions of these over ℚ; their difference, written as one quotient, has a numerator of degree at most
//!   d (`crate::context::degree`), which vanishes at a point drawn from [0, 2^128)ⁿ with probability at most d/2^128 unless it is zero (Schwartz 1980, Zippel 1979). The point is drawn from SHA-256 of the
//!   digest of the graph, so the statement holds up to that probability, below 2^−100, with the hash as the source of randomness.
//! - `exact`: at the listed points, over ℚ.
//! - `enclosure`: at the listed points, `|⟨u, J·v⟩ − ⟨Jᵀu, v⟩| ≤ 10^−100·max(1, |⟨u, J·v⟩|)` over ℝ.
//!
//! At a kink the one-sided derivatives along v must agree, or there is no J·v: TL0201 where a tie is exact, TL0305 where an enclosure cannot tell.
//! Fails: the two sides differ (TL0272); a point has no tangent or no cotangent (TL0270). Declines: a graph that the method does not decide (TL0273).

use super::{Case, Facts, Rule, elements, figure, finding, forward, gradient, model_in_words};
use crate::cert::Certificate;
use crate::cert::digest::Digest;
use crate::cert::json::Object;
use crate::context::chosen::{Any, Chosen};
use crate::context::degree::{Degree, Degrees};
use crate::context::dual::{Dual, Pair};
use crate::context::rational::{Number, Rational};
use crate::context::real::{Ball, Real};
use crate::context::{Context, EvalError};
use crate::diagnostic::{Code, Diagnostic};
use crate::ir::attributes::{Attribute, keywords};
use crate::ir::evaluate::{Cut, Located, read, source};
use crate::ir::reverse::{ById, pullback};
use crate::ir::{CheckedGraph, Tensor};
use crate::limits::{Limits, wide};
use crate::number::Dyadic;
use crate::number::decimal::decimal;
use num_bigint::BigInt;
use std::collections::BTreeSet;

keywords! {
    /// How the equation is decided.
    pub enum Method {
        /// As an identity of rational functions, at one point drawn at random.
        Identity = "identity",
        /// Over ℚ at the listed points.
        Exact = "exact",
        /// By enclosures of at least a hundred digits at the listed points.
        Enclosure = "enclosure",
    }
}

/// That the reverse rules are adjoint to the derivatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adjoint {
    /// How the equation is decided.
    pub method: Method,
}

impl Adjoint {
    /// Decodes and consumes the key `method`.
    pub(super) fn decode(claim: &mut Object) -> Result<Self, Diagnostic> {
        Ok(Adjoint { method: Method::decode(claim.take("method")?)? })
    }
}

/// Bits of a coordinate of a random point.
const POINT: u32 = 128;
/// The failure bound d/2^128 is below 2^−100 up to this degree.
const MAX_DEGREE: u64 = 1 << 27;
/// Bits of a rational number on the way, and what a step with such numbers may cost beside one of a dot product, as work.
const BITS: u64 = 1 << 15;
const STEP: u64 = 1 << 12;
/// Elements as which one of these numbers counts.
const RATIONAL: u64 = 64;

/// The sources, tangents of sources and cotangents of outputs at one point, by node.
struct At {
    sources: ById<Any>,
    tangents: ById<Any>,
    cotangents: ById<Any>,
}

/// `⟨u, J·v⟩` and `⟨Jᵀu, v⟩`.
fn sides(graph: &CheckedGraph, context: &Chosen, at: At) -> Result<[Any; 2], Located> {
    let dual = Dual(context);
    let pairs = |id: &usize| {
        let mut tangents = at.tangents.get(id).map(|tangent| tangent.data().iter());
        let mut next = || tangents.as_mut().and_then(Iterator::next).cloned();
        Some(at.sources.get(id)?.map(|value| Pair { value: value.clone(), tangent: next() }))
    };
    let nodes = 0..graph.nodes().len();
    let values = Cut::of(graph, nodes, |_| false).values(graph, |_| &dual, |id| pairs(&id).map(Ok))?;
    let plain = |(&id, tensor): (&usize, &Tensor<Pair<Any>>)| (id, tensor.map(|pair| pair.value.clone()));
    let along = |(&id, u): (&usize, &Tensor<Any>)| {
        let pairs = values.get(&id).into_iter().flat_map(|tensor| tensor.data());
        let moving = pairs.zip(u.data()).filter_map(|(pair, u)| Some((pair.tangent.as_ref()?, u)));
        moving.map(|(tangent, u)| context.mul(u, tangent)).collect::<Vec<_>>()
    };
    let total = |terms: Vec<Result<Any, EvalError>>| {
        let terms = terms.into_iter().collect::<Result<Vec<_>, _>>();
        terms.and_then(|terms| context.sum(&terms)).map_err(|error| Located { node: 0, op: "", error })
    };
    let forward = total(at.cotangents.iter().flat_map(along).collect())?;
    let (values, wanted) = (values.iter().map(plain).collect(), at.tangents.keys().copied().collect());
    let gradients = pullback(graph, context, &values, at.cotangents, &wanted)?;
    let inner = gradients.iter().flat_map(|(id, gradient)| {
        let tangents = at.tangents.get(id).into_iter().flat_map(|tangent| tangent.data());
        gradient.data().iter().zip(tangents).map(|(g, v)| context.mul(g, v)).collect::<Vec<_>>()
    });
    Ok([forward, total(inner.collect())?])
}

impl Rule for Adjoint {
    fn draws(&self) -> bool {
        self.method == Method::Identity
    }

    fn work(&self, graph: &CheckedGraph) -> u64 {
        let steps = graph.work().saturating_add(elements(graph)).saturating_mul(8);
        steps.saturating_mul(if self.method == Method::Enclosure { 1 } else { STEP })
    }

    fn live(&self, graph: &CheckedGraph) -> u64 {
        elements(graph).saturating_mul(4).saturating_add(gradient::beside(graph))
    }

    fn decide(&self, case: &Case, _: usize, limits: &Limits) -> Result<Facts, Diagnostic> {
        if self.method != Method::Identity {
            let complete = !case.vectors.sources.is_empty() && !case.vectors.cotangents.is_empty();
            Code::Cotangent.unless(complete, "/claim", || {
                format!("case {} lists no tangent of a source, or no cotangent of an output", case.number)
            })?;
        }
        if self.method != Method::Enclosure {
            let (live, most) = (self.live(case.certificate.graph()).saturating_mul(RATIONAL), limits.elements);
            let message = || format!("{live} elements alive at one time, the limit is {most}");
            Code::LimitElements.unless(live <= wide(most), "/model/graph", message)?;
        }
        match self.method {
            Method::Identity => identity(case.certificate.graph(), case.certificate.graph_digest()),
            Method::Exact => {
                let context = Chosen::Rational(Rational::new(BITS));
                let sides = sides(case.certificate.graph(), &context, listed(case, &context)?).map_err(unsuited)?;
                Ok(vec![("both sides", decimal(&equal(&sides)?.to_rational(), 9, false))])
            }
            Method::Enclosure => forward::decided(case.certificate, 512, limits, |precision| {
                let real = Real::new(precision);
                let context = Chosen::Real(real.clone());
                let sides = sides(case.certificate.graph(), &context, listed(case, &context)?);
                overlap(&real, &sides.map_err(|located| finding(located).with("precision", precision.to_string()))?)
            }),
        }
    }

    fn sentence(&self, certificate: &Certificate) -> String {
        let (cases, model) = (certificate.cases(), model_in_words(certificate));
        match self.method {
            Method::Identity => format!(
                "for all inputs, parameters, tangents v and cotangents u at which both sides are defined, <u, Jv> = <J^T u, v> over the rationals, where J is the derivative of the values and J^T u \
                 what the reverse rules give, up to a probability of error below 2^-100 (SHA-256 draws the point), in the graph {:?}",
                certificate.graph_digest()
            ),
            Method::Exact => format!(
                "at each of {cases} listed points, for the listed tangents v and cotangents u, <u, Jv> = <J^T u, v> over the rationals, where J is the derivative of the values and J^T u what \
                 the reverse rules give, in {model}"
            ),
            Method::Enclosure => format!(
                "at each of {cases} listed points, for the listed tangents v and cotangents u, |<u, Jv> - <J^T u, v>| <= 1e-100*max(1, |<u, Jv>|) over the reals, where J is the derivative of the \
                 values and J^T u what the reverse rules give, in {model}"
            ),
        }
    }
}

/// The finding that an error leads to; a graph that is not rational is one that another method decides.
fn unsuited(located: Located) -> Diagnostic {
    let rational = !matches!(located.error, EvalError::NotRational { .. });
    let found = finding(located);
    if rational { found } else { Diagnostic { code: Code::UnsuitedMethod, ..found } }
}

/// The listed points of a case.
fn listed(case: &Case, context: &Chosen) -> Result<At, Diagnostic> {
    let (graph, points) = (case.certificate.graph(), case.points(context)?);
    let failed = |error: EvalError| Diagnostic::new(Code::NotFinite, "/claim", error.to_string());
    let of = |id| Some((id, source(graph, id, context, &case.certificate.parameters, &points)?));
    let sources = (0..graph.nodes().len()).filter_map(of).map(|(id, tensor)| Ok((id, tensor.map_err(failed)?)));
    let tangents = case.vectors.sources.iter().map(|(&id, words)| Ok((id, read(context, words).map_err(failed)?)));
    Ok(At {
        sources: sources.collect::<Result<_, _>>()?,
        tangents: tangents.collect::<Result<_, _>>()?,
        cotangents: gradient::seeds(case, context)?,
    })
}

/// The finding that values of another reading came out, a bug of ours.
fn mixed() -> Diagnostic {
    Diagnostic::new(Code::Internal, "/claim", "a side has a value of another reading")
}

/// The rational number that both sides are.
fn equal(sides: &[Any; 2]) -> Result<&Number, Diagnostic> {
    let [Any::Rational(forward), Any::Rational(reverse)] = sides else { return Err(mixed()) };
    let [from, to] = [forward, reverse].map(Number::to_rational);
    let found = Code::NotAdjoint.unless(from == to, "/claim", || "the two sides differ".into());
    found.map_err(|found| found.comparing(decimal(&to, 12, false), decimal(&from, 12, false)))?;
    Ok(forward)
}

/// That two enclosures are of one number, to a hundred digits.
fn overlap(real: &Real, sides: &[Any; 2]) -> Result<Facts, Diagnostic> {
    let [Any::Real(forward), Any::Real(reverse)] = sides else { return Err(mixed()) };
    let failed = |error: EvalError| Diagnostic::new(Code::LimitNumber, "/claim", error.to_string());
    let distance = real.sub(forward, reverse).map_err(failed)?.abs();
    // 2^332 < 10^100 < 2^333.
    let scale = forward.abs().lower().max(Dyadic::one());
    let allowed = scale.scaled(-333);
    let refused = forward.abs().upper().max(Dyadic::one()).scaled(-332);
    let side = |ball: &Ball| figure(ball.mid(), 12, false);
    if distance.lower() > refused {
        return Err(
            Diagnostic::new(Code::NotAdjoint, "/claim", "the two sides differ").comparing(side(reverse), side(forward))
        );
    }
    let precise = || format!("they are known to within {}", figure(&distance.upper(), 3, true));
    Code::Undecided.unless(distance.upper() <= allowed, "/claim", precise)?;
    Ok(vec![("both sides", side(forward)), ("apart", figure(&distance.upper(), 3, true))])
}

/// The identity, at the point that the digest of the graph draws.
fn identity(graph: &CheckedGraph, digest: Digest) -> Result<Facts, Diagnostic> {
    let sources = || graph.nodes().iter().enumerate().filter(|(_, node)| node.op.is_source()).map(|(id, _)| id);
    let ends: BTreeSet<usize> = graph.outputs().values().copied().collect();
    let fill = |ids: &mut dyn Iterator<Item = usize>, next: &mut dyn FnMut() -> Any| {
        let tensor = |id: usize| {
            let shape = graph.nodes().get(id)?.shape.clone();
            Some((id, Tensor::new(shape.clone(), (0..shape.elements()).map(|_| next()).collect())?))
        };
        ids.filter_map(tensor).collect::<ById<Any>>()
    };
    let mut counter = 0u64;
    let mut next = || {
        counter += 1;
        let drawn = Digest::of(format!("tl adjoint {digest} {counter}").as_bytes());
        Any::Rational(Number::Dyadic(Dyadic::new(BigInt::from(drawn.low()), 0)))
    };
    let at = At {
        sources: fill(&mut sources(), &mut next),
        tangents: fill(&mut sources(), &mut next),
        cotangents: fill(&mut ends.iter().copied(), &mut next),
    };
    let variable = |point: &ById<Any>| {
        point.iter().map(|(&id, tensor)| (id, tensor.map(|_| Any::Degree(Degrees::VARIABLE)))).collect()
    };
    let degrees =
        At { sources: variable(&at.sources), tangents: variable(&at.tangents), cotangents: variable(&at.cotangents) };
    let context = Chosen::Degree(Degree);
    let [forward, reverse] = sides(graph, &context, degrees).map_err(unsuited)?;
    let difference = context.sub(&forward, &reverse).map_err(|error| unsuited(Located { node: 0, op: "", error }))?;
    let Any::Degree(Degrees { numerator: degree, .. }) = difference else { return Err(mixed()) };
    let too_high = || format!("the identity has a degree of up to {degree}, the limit is {MAX_DEGREE}");
    Code::UnsuitedMethod.unless(degree <= MAX_DEGREE, "/claim/method", too_high)?;
    equal(&sides(graph, &Chosen::Rational(Rational::new(BITS)), at).map_err(unsuited)?)?;
    let (degree, bound) = (degree.to_string(), format!("{degree}/2^{POINT}"));
    Ok(vec![("degree", degree), ("field", "the rationals".into()), ("failure bound", bound)])
}
