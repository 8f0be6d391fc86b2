//! Whether what is stated is enough: truth tables of the decision, and what certificates state.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::cmp::Ordering;
use std::collections::BTreeMap;
use tl_kernel::cert::digest::Digest;
use tl_kernel::number::Exact;
use tl_kernel::policy::{Demand, LEAST, Stated};
use tl_kernel::{Code, Limits, decode};

fn exact(text: &str) -> Exact {
    Exact::parse(text).expect("an exact number")
}

/// A `forward` claim of three cases with |y − s| ≤ 1e-5 + 1e-6·max(|y|, |s|).
fn stated() -> Stated {
    Stated {
        kind: "forward",
        graph: Digest::of(b"graph"),
        parameters: Digest::of(b"parameters"),
        file: None,
        figures: Some(vec![("abs", exact("1e-5")), ("rel", exact("1e-6")), ("cases", exact("3"))]),
        assumptions: Vec::new(),
    }
}

/// The weakest demand that lets [`stated`] pass and mentions no digest.
fn demand() -> Demand {
    Demand {
        kinds: vec!["forward".into()],
        figures: BTreeMap::from([("abs", Some(exact("1e-5"))), ("rel", Some(exact("1e-6")))]),
        ..Demand::default()
    }
}

fn with_figure(name: &'static str, limit: Option<&str>) -> Demand {
    let mut demand = demand();
    demand.figures.insert(name, limit.map(exact));
    demand
}

#[test]
fn a_demand_is_met_when_nothing_stated_is_weaker() {
    let digest = |text: &[u8]| Some(Digest::of(text));
    let of_file = Stated { file: digest(b"file"), assumptions: vec!["importer"], ..stated() };
    let permitting = Demand { assumptions: vec!["importer".into()], ..demand() };
    let exec = Stated { kind: "exec", figures: Some(vec![("cases", exact("3"))]), ..stated() };
    let of_exec = |figures| Demand { kinds: vec!["forward".into(), "exec".into()], figures, ..Demand::default() };
    let gap = Stated { kind: "divergence", figures: Some(vec![("gap", exact("1/7"))]), ..stated() };
    let of_gap = |least: Option<&str>| Demand {
        kinds: vec!["divergence".into()],
        figures: least.map(|text| ("gap", Some(exact(text)))).into_iter().collect(),
        ..Demand::default()
    };
    let table: &[(&str, Demand, Stated, Option<Code>)] = &[
        ("exactly what is demanded", demand(), stated(), None),
        ("nothing is permitted that is not mentioned", Demand::default(), stated(), Some(Code::PolicyClaim)),
        // The kind.
        ("another kind", Demand { kinds: vec!["exec".into()], ..demand() }, stated(), Some(Code::PolicyClaim)),
        ("one of two kinds", Demand { kinds: vec!["exec".into(), "forward".into()], ..demand() }, stated(), None),
        ("a kind that states nothing", demand(), Stated { figures: None, ..stated() }, Some(Code::PolicyClaim)),
        // Tolerances.
        ("a hair less abs", with_figure("abs", Some("0.0000099999")), stated(), Some(Code::PolicyFigure)),
        ("a hair more abs", with_figure("abs", Some("0.0000100001")), stated(), None),
        ("any abs", with_figure("abs", None), stated(), None),
        ("no rel", with_figure("rel", Some("0")), stated(), Some(Code::PolicyFigure)),
        ("rel by another notation", with_figure("rel", Some("1/1000000")), stated(), None),
        (
            "rel not mentioned",
            Demand { figures: BTreeMap::from([("abs", None)]), ..demand() },
            stated(),
            Some(Code::PolicyFigure),
        ),
        ("a figure that is not stated", with_figure("gap", Some("0")), stated(), Some(Code::PolicyFigure)),
        ("any figure, not stated", with_figure("ulps", None), stated(), None),
        // Cases.
        ("as many cases", with_figure("cases", Some("3")), stated(), None),
        ("fewer cases", with_figure("cases", Some("4")), stated(), Some(Code::PolicyFigure)),
        // Claims without a tolerance.
        ("bits need no tolerance", of_exec(BTreeMap::new()), exec.clone(), None),
        (
            "bits are no bound on the error",
            of_exec(BTreeMap::from([("abs", Some(exact("1")))])),
            exec,
            Some(Code::PolicyFigure),
        ),
        // A gap is the stronger the larger it is.
        ("the same gap", of_gap(Some("1/7")), gap.clone(), None),
        ("a smaller gap than stated", of_gap(Some("0.1")), gap.clone(), None),
        ("a larger gap than stated", of_gap(Some("0.143")), gap.clone(), Some(Code::PolicyFigure)),
        ("a gap not mentioned", of_gap(None), gap, None),
        // Models.
        ("this graph", Demand { graph: digest(b"graph"), ..demand() }, stated(), None),
        ("another graph", Demand { graph: digest(b"parameters"), ..demand() }, stated(), Some(Code::PolicyModel)),
        ("these parameters", Demand { parameters: digest(b"parameters"), ..demand() }, stated(), None),
        ("other parameters", Demand { parameters: digest(b"graph"), ..demand() }, stated(), Some(Code::PolicyModel)),
        ("no model file", Demand { file: digest(b"file"), ..permitting.clone() }, stated(), Some(Code::PolicyModel)),
        ("this model file", Demand { file: digest(b"file"), ..permitting.clone() }, of_file.clone(), None),
        (
            "another model file",
            Demand { file: digest(b"graph"), ..permitting.clone() },
            of_file.clone(),
            Some(Code::PolicyModel),
        ),
        // Assumptions.
        ("an assumption not permitted", demand(), of_file.clone(), Some(Code::PolicyAssumption)),
        ("an assumption permitted", permitting.clone(), of_file, None),
        ("an assumption permitted and not made", permitting, stated(), None),
    ];
    for (case, demand, stated, expected) in table {
        let found = demand.met_by(stated);
        assert_eq!(found.as_ref().err().map(|finding| finding.code), *expected, "{case}: {found:?}");
        if let Err(finding) = found {
            let demanded = finding.facts.iter().any(|(name, value)| *name == "demanded" && !value.is_empty());
            assert!(finding.claimed.is_some() && demanded, "{case} shows both sides: {finding:?}");
        }
    }
}

/// Every figure against every limit around it: enough exactly when the comparison says so.
#[test]
fn figures_are_compared_exactly_and_each_in_its_direction() {
    let values = ["0", "1e-300", "1/3", "0.33333333333333333333", "0.33333333333333333334", "1", "1e300"];
    for name in ["abs", "rel", "ulps", "factor", "library", "gap", "cases", "nodes"] {
        for (value, limit) in values.iter().flat_map(|value| values.map(|limit| (*value, limit))) {
            let stated = Stated { figures: Some(vec![(name, exact(value))]), ..stated() };
            let figures = BTreeMap::from([(name, Some(exact(limit)))]);
            let demand = Demand { kinds: vec!["forward".into()], figures, ..Demand::default() };
            let order = exact(value).cmp(&exact(limit));
            let weaker = if LEAST.contains(&name) { Ordering::Less } else { Ordering::Greater };
            assert_eq!(demand.met_by(&stated).is_ok(), order != weaker, "{name} {value} against {limit}");
        }
    }
}

#[test]
fn a_figure_that_is_stated_twice_is_held_to_the_limit_twice() {
    let figures = Some(vec![("abs", exact("0")), ("abs", exact("1")), ("abs", exact("0"))]);
    let demand = Demand { kinds: vec!["forward".into()], ..Demand::default() };
    assert!(demand.met_by(&Stated { figures, ..stated() }).is_err());
}

#[test]
fn a_forward_certificate_states_its_tolerance_with_the_slack_counted_in() {
    let text = r#"{"format": "tl-cert/1",
        "claim": {"kind": "forward", "tolerance": {"abs": "1/3", "rel": "0.5", "ulps": "1", "slack": "6"},
            "outputs": [{"y": {"shape": [], "words": "3f800000"}}, {"y": {"shape": [], "words": "3f800000"}}]},
        "model": {"parameters": {}, "graph": {"outputs": {"y": 0},
            "nodes": [{"op": "input", "attributes": {"name": "y"}, "parents": [], "shape": []}]}},
        "inputs": [{"y": {"shape": [], "words": "3f800000"}}, {"y": {"shape": [], "words": "3f800000"}}]}"#;
    let limits = Limits::default();
    let certificate = decode(text.as_bytes(), &limits).and_then(|document| document.bind(&BTreeMap::new(), &limits));
    let stated = Stated::by(&certificate.expect("well-formed"));
    assert_eq!(
        stated.figures,
        Some(vec![("abs", exact("2")), ("rel", exact("3")), ("ulps", exact("6")), ("cases", exact("2"))])
    );
    assert_eq!((stated.kind, stated.file, stated.assumptions.len()), ("forward", None, 0));
}
