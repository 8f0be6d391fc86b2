//! What an item comes to: the certificates about its graph, the checker's verdicts on them, and what the engine finds beside them.
//!
//! A backward function has these steps. *adjoint*: the checker holds the operations' reverse rules against forward mode over the operations' values; for a polynomial as an identity,
//! for other rational functions exactly at the points, else by enclosures of a hundred digits. *formula*: the engine holds the backward function that is written down against both, in
//! the checker's readings. *gradient*: the checker holds what is written down, rounded to binary32, against its own exact gradient. At a kink there are two more: the adjoint is refused,
//! and the gradient by convention is the limit of derivatives along a stated direction.

use super::derivative::{Compare, Direction3, compare, identity, is_rational, written};
use super::program::{X, Y};
use super::sheet::quarters;
use super::{Case, Chapter, Check, Definition, Item, Kink, smooth};
use crate::error::{Code, Error};
use crate::files::{pretty, write};
use crate::generate::draft::values;
use crate::model::Model;
use std::path::Path;
use tl_check::{Judged, judge};
use tl_kernel::Verdict;
use tl_kernel::cert::FORMAT;
use tl_kernel::cert::digest::Digest;
use tl_kernel::cert::json::Json;
use tl_kernel::cert::tensor::encode_inline;
use tl_kernel::context::degree::{Degree, Degrees};
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{Tensor, evaluate};

/// A certificate that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// The name of its file.
    pub file: String,
    /// The SHA-256 of its text, in hexadecimal digits.
    pub digest: String,
    /// The kind of claim.
    pub kind: &'static str,
}

/// A step of a check.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it is: `adjoint`, `formula`, `gradient`, `definition`, `smooth`, `kink`, `convention`.
    pub name: &'static str,
    /// What it shows, in words.
    pub shows: String,
    /// What came of it: a verdict of the checker with its code, or `shown`, or what is wrong.
    pub result: String,
    /// Whether that is as it should be.
    pub holds: bool,
    /// The certificate, where the checker decided.
    pub certificate: Option<Written>,
}

/// What an item comes to.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Its chapter.
    pub chapter: &'static Chapter,
    /// The item.
    pub item: &'static Item,
    /// The steps of its check.
    pub steps: Vec<Step>,
}

impl Finding {
    /// Whether every step is as it should be.
    pub fn holds(&self) -> bool {
        !self.steps.is_empty() && self.steps.iter().all(|step| step.holds)
    }
}

/// Checks an item; its certificates are written to `folder` as `STEM.json` (the first) and `STEM_NAME.json`.
pub fn check(chapter: &'static Chapter, item: &'static Item, folder: &Path, stem: &str) -> Result<Finding, Error> {
    let mut clerk = Clerk { folder, stem, steps: Vec::new() };
    match item.check {
        Check::Backward(case) => clerk.backward(&case(), false)?,
        Check::Jacobian(case) => clerk.backward(&case(), true)?,
        Check::Definition(definition) => clerk.definition(&definition())?,
        Check::Smooth(case) => clerk.smooth(&case())?,
    }
    Ok(Finding { chapter, item, steps: clerk.steps })
}

/// Writes certificates and collects steps.
pub(super) struct Clerk<'a> {
    pub(super) folder: &'a Path,
    pub(super) stem: &'a str,
    pub(super) steps: Vec<Step>,
}

impl Case {
    /// The cotangents at a point: the basis where every entry of the Jacobian is wanted.
    fn cotangents(&self, point: usize, every: bool) -> Vec<Tensor<u32>> {
        let dimensions = self.value_dimensions();
        let count: usize = dimensions.iter().product();
        let unit = |at: usize| (0..count).map(|other| if other == at { 1.0 } else { 0.0 }).collect::<Vec<_>>();
        let vectors =
            if every { (0..count).map(unit).collect() } else { vec![quarters(&format!("cotangent {point}"), count)] };
        vectors.iter().map(|vector| values(&dimensions, vector)).collect()
    }

    /// Every point with its tangents and cotangents.
    fn directions(&self, every: bool) -> Vec<Direction3> {
        let one = |(k, point): (usize, &Vec<f32>)| {
            let v = self.tensor(&quarters(&format!("tangent {k}"), point.len()));
            let at = move |u| Direction3 { x: self.tensor(point), v: v.clone(), u };
            self.cotangents(k, every).into_iter().map(at).collect::<Vec<_>>()
        };
        self.points.iter().enumerate().flat_map(one).collect()
    }
}

/// Tensors by one name, as certificates write them.
fn named(name: &str, tensor: &Tensor<u32>) -> Json {
    Json::Object(vec![(name.to_string(), encode_inline(tensor))])
}

/// A tolerance that is zero but for so many units in the last place.
fn ulps(ulps: &str) -> Json {
    crate::certificate::tolerance("0", "0", ulps, "1")
}

/// How the checker can decide that the reverse rules of a graph are adjoint.
fn method(model: &Model, x: &Tensor<u32>) -> &'static str {
    let degrees =
        x.try_map(|_| Ok::<_, std::convert::Infallible>(Degrees::VARIABLE)).unwrap_or_else(|never| match never {});
    let polynomial = evaluate(&model.graph, |_| &Degree, &model.parameters, &Named::from([(X.to_string(), degrees)]));
    match (polynomial.is_ok(), is_rational(model, x)) {
        (true, _) => "identity",
        (false, true) => "exact",
        (false, false) => "enclosure",
    }
}

/// The claim `adjoint` about a graph, and its inputs.
fn adjoint(method: &str, directions: &[Direction3]) -> (Json, Vec<Json>) {
    let list = |each: fn(&Direction3) -> Json| Json::Array(directions.iter().map(each).collect());
    let mut claim = vec![("kind", Json::string("adjoint")), ("method", Json::string(method))];
    if method == "identity" {
        return (Json::object(claim), Vec::new());
    }
    claim.push(("tangents", list(|at| Json::object([("inputs", named(X, &at.v))]))));
    claim.push(("cotangents", list(|at| named(Y, &at.u))));
    (Json::object(claim), directions.iter().map(|at| named(X, &at.x)).collect())
}

/// The claim `gradient` about a graph, and its inputs.
fn gradient(directions: &[Direction3], gradients: &[Tensor<u32>], tolerance: Json) -> (Json, Vec<Json>) {
    let recorded = gradients.iter().map(|g| Json::object([("inputs", named(X, g))])).collect();
    let claim = Json::object([
        ("kind", Json::string("gradient")),
        ("tolerance", tolerance),
        ("gradients", Json::Array(recorded)),
        ("cotangents", Json::Array(directions.iter().map(|at| named(Y, &at.u)).collect())),
    ]);
    (claim, directions.iter().map(|at| named(X, &at.x)).collect())
}

/// How far from a kink the derivative is taken: near enough that no other kink lies between, and exact in binary32 beside the points here.
const STEP: f32 = 1.0 / 65536.0;

/// A direction in which the function is followed, and its words.
fn moved(case: &Case, at: &[f32], towards: &[f32], step: f32) -> Tensor<u32> {
    case.tensor(&at.iter().zip(towards).map(|(x, d)| x + step * d).collect::<Vec<f32>>())
}

impl Clerk<'_> {
    fn note(&mut self, name: &'static str, shows: impl Into<String>, fault: Option<String>) {
        let (holds, result) = (fault.is_none(), fault.unwrap_or_else(|| "shown".into()));
        self.steps.push(Step { name, shows: shows.into(), result, holds, certificate: None });
    }

    /// Writes a certificate and has it judged; `refused` is the code with which it should be rejected.
    fn certify(
        &mut self,
        name: &'static str,
        kind: &'static str,
        shows: String,
        model: &Model,
        (claim, inputs): (Json, Vec<Json>),
        refused: Option<&str>,
    ) -> Result<(), Error> {
        let parameters = model.parameters.iter().map(|(name, tensor)| (name.clone(), encode_inline(tensor))).collect();
        let model = [("graph", model.graph.graph().encode()), ("parameters", Json::Object(parameters))];
        let certificate = Json::object([
            ("format", Json::string(FORMAT)),
            ("about", Json::string(&shows)),
            ("claim", claim),
            ("model", Json::object(model)),
            ("inputs", Json::Array(inputs)),
        ]);
        let text = pretty(&certificate);
        let written = self.steps.iter().filter(|step| step.certificate.is_some()).count();
        let same = self.steps.iter().filter(|step| step.name == name).count();
        let suffix = match (written, same) {
            (0, _) => String::new(),
            (_, 0) => format!("_{name}"),
            _ => format!("_{name}_{}", same + 1),
        };
        let file = format!("{}{suffix}.json", self.stem);
        let path = self.folder.join(&file);
        write(&path, text.as_bytes())?;
        let settings = crate::commands::settings();
        let (verdict, code) = match judge(&path, &settings, settings.jobs) {
            Judged::Verdict(Verdict::Accepted(_), _) => ("ACCEPTED", None),
            Judged::Verdict(Verdict::Rejected(findings), _) => ("REJECTED", findings.first().map(|f| f.code.id())),
            Judged::Verdict(Verdict::Declined(findings), _) => ("DECLINED", findings.first().map(|f| f.code.id())),
            Judged::Trouble(trouble) => return Err(Error::new(Code::Read, path.display(), trouble.to_string())),
        };
        let holds = match refused {
            None => verdict == "ACCEPTED",
            Some(expected) => verdict == "REJECTED" && code == Some(expected),
        };
        let result = code.map_or(verdict.to_string(), |code| format!("{verdict} {code}"));
        let certificate = Some(Written { file, digest: Digest::of(text.as_bytes()).to_string(), kind });
        self.steps.push(Step { name, shows, result, holds, certificate });
        Ok(())
    }

    pub(super) fn backward(&mut self, case: &Case, every: bool) -> Result<(), Error> {
        let (forward, backward) = (case.forward()?, case.backward()?);
        let directions = case.directions(every);
        let found =
            directions.iter().map(|at| compare(&forward, Some(&backward), at)).collect::<Result<Vec<_>, _>>()?;
        self.adjoint(case, &forward, &directions)?;
        let what = if every { "Jacobian" } else { "backward function" };
        let exact = found.iter().all(|found| found.exact);
        let precisely = if exact { "exactly" } else { "to a hundred digits" };
        let mut shows = format!(
            "the {what} that is written down is that of forward mode and of the reverse rules, {precisely}, in {} directions",
            found.len()
        );
        let mut fault = found.iter().find_map(|found| found.fault.clone());
        if method(&forward, &case.tensor(&case.points[0])) == "identity" {
            let (degree, differs) = identity(&forward, &backward)?;
            shows += &format!(
                "; it is that for all inputs and weights: an identity of degree {degree} at a random point, failure bound {degree}/2^128"
            );
            fault = fault.or(differs);
        }
        self.note("formula", shows, fault);
        self.gradient(case, &forward, &backward, &directions, &found, every)?;
        if let Some(also) = &case.also {
            let (operation, written_out) = (case.record.forward.clone(), also.clone());
            self.definition(&Definition { operation, written_out, dimensions: case.dimensions.clone() })?;
        }
        for kink in &case.kinks {
            self.kink(case, kink)?;
        }
        Ok(())
    }

    fn adjoint(&mut self, case: &Case, forward: &Model, directions: &[Direction3]) -> Result<(), Error> {
        let method = method(forward, &case.tensor(&case.points[0]));
        let shows = match method {
            "identity" => "the reverse rules are the adjoint of the derivative: an identity of polynomials in all inputs and parameters, tested at a random point".to_string(),
            "exact" => format!("the reverse rules are the adjoint of the derivative, over the rationals, in {} directions", directions.len()),
            _ => format!("the reverse rules are the adjoint of the derivative, by enclosures of a hundred digits, in {} directions", directions.len()),
        };
        self.certify("adjoint", "adjoint", shows, forward, adjoint(method, directions), None)
    }

    fn gradient(
        &mut self,
        case: &Case,
        forward: &Model,
        backward: &Model,
        directions: &[Direction3],
        found: &[Compare],
        every: bool,
    ) -> Result<(), Error> {
        let gradients = directions.iter().map(|at| Ok(case.words(written(backward, at)?)));
        let gradients = gradients.collect::<Result<Vec<_>, Error>>()?;
        let exact = found.iter().all(|found| found.exact && found.representable);
        let (tolerance, near) = if exact { ("0", "exactly") } else { ("1/2", "rounded to binary32") };
        let what = if every {
            "every entry of the Jacobian that is written down"
        } else {
            "what the backward function that is written down gives"
        };
        let shows = format!("{what} is, {near}, the derivative by reverse mode");
        self.certify("gradient", "gradient", shows, forward, gradient(directions, &gradients, ulps(tolerance)), None)
    }

    /// At a kink: the adjoint is refused, and what the convention returns is the limit of derivatives along the direction, or what is listed.
    fn kink(&mut self, case: &Case, kink: &Kink) -> Result<(), Error> {
        let own = kink.record.clone().map(|record| Case::new(record, &kink.dimensions(case)));
        let case = own.as_ref().unwrap_or(case);
        let forward = case.forward()?;
        let x = case.tensor(&kink.at);
        let v = case.tensor(&quarters("tangent 0", kink.at.len()));
        let u = case.cotangents(0, false).remove(0);
        let at = Direction3 { x, v, u };
        let refused = "at a kink there is no derivative, and no adjoint of one: refused".to_string();
        self.certify(
            "kink",
            "adjoint",
            refused,
            &forward,
            adjoint("exact", std::slice::from_ref(&at)),
            Some("TL0201"),
        )?;
        let (directions, gradients) = match (&kink.towards, &kink.returns) {
            (Some(towards), _) => {
                let beside =
                    [STEP, STEP / 2.0].map(|step| Direction3 { x: moved(case, &kink.at, towards, step), ..at.clone() });
                // The derivative beside the kink, from forward mode and reverse rules: at the kink it is what is claimed of the convention.
                let found = beside.iter().map(|at| compare(&forward, None, at)).collect::<Result<Vec<_>, _>>()?;
                if let Some(fault) = found.iter().find_map(|found| found.fault.clone()) {
                    self.note("kink", "the derivative beside the kink", Some(fault));
                }
                let words = case.words(found[0].words.clone());
                ([vec![at], beside.to_vec()].concat(), vec![words; 3])
            }
            (None, Some(returns)) => {
                let beside = Direction3 { x: case.tensor(&vec![0.25; kink.at.len()]), ..at.clone() };
                let found = compare(&forward, None, &beside)?;
                let returned = case.tensor(returns);
                (vec![at, beside], vec![returned, case.words(found.words)])
            }
            (None, None) => return Ok(()),
        };
        self.certify(
            "convention",
            "gradient",
            kink.says.into(),
            &forward,
            gradient(&directions, &gradients, ulps("0")),
            None,
        )
    }

    pub(super) fn definition(&mut self, definition: &Definition) -> Result<(), Error> {
        let model = definition.difference()?;
        let count: usize = definition.dimensions.iter().product();
        let points: Vec<Tensor<u32>> = (0..super::POINTS)
            .map(|point| values(&definition.dimensions, &quarters(&format!("point {point}"), count)))
            .collect();
        let rational = is_rational(&model, &points[0]);
        let shape =
            model.graph.outputs().values().next().and_then(|&id| model.graph.nodes().get(id)).map(|node| &node.shape);
        let zero = shape.map(|shape| values(shape.dimensions(), &vec![0.0; shape.elements()]));
        let zero = zero.ok_or_else(|| Error::new(Code::Evaluation, model.path.display(), "it has no output"))?;
        let (abs, near) = if rational { ("0", "exactly 0") } else { ("1e-100", "below 1e-100") };
        let claim = Json::object([
            ("kind", Json::string("forward")),
            ("tolerance", crate::certificate::tolerance(abs, "0", "0", "1")),
            ("outputs", Json::Array(points.iter().map(|_| named(super::program::DIFFERENCE, &zero)).collect())),
        ]);
        let inputs = points.iter().map(|x| named(X, x)).collect();
        let shows = format!("the operation less its definition is {near} at {} points, in every element", points.len());
        self.certify("definition", "forward", shows, &model, (claim, inputs), None)
    }

    fn smooth(&mut self, case: &Case) -> Result<(), Error> {
        let forward = case.forward()?;
        let fault = smooth::fault(&forward).map(|(node, reason)| format!("node {node}: {reason}"));
        let shows =
            "every operation is analytic on all of its domain, and no argument leaves a domain, whatever the input is";
        let directions = case.directions(false);
        self.adjoint(case, &forward, &directions)?;
        self.note("smooth", shows, fault);
        Ok(())
    }
}

impl Case {
    /// Words in the shape of the variable.
    fn words(&self, words: Vec<u32>) -> Tensor<u32> {
        let values = words.into_iter().map(f32::from_bits).collect::<Vec<_>>();
        self.tensor(&values)
    }
}
