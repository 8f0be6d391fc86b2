//! What an entry comes to: the two results bit by bit, the exact values, and the verdicts on its certificates.

use super::{Bug, Claim, Entry, Program, Version};
use crate::certificate::{Certificate, Statement};
use crate::error::{Code, Error};
use crate::files::{Staged, make_folder};
use std::path::Path;
use tl_check::{Judged, judge};
use tl_kernel::Verdict;
use tl_kernel::context::binary32::Binary32;
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::evaluate;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::number::Dyadic;
use tl_kernel::number::decimal::decimal;

/// The figures of one version at the element of the entry.
#[derive(Clone, Debug)]
pub struct Figures {
    /// The word.
    pub word: u32,
    /// The real value of its own graph there; `None` where it has none.
    pub real: Option<Ball>,
}

/// What became of a certificate.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Its path below the folder of the corpus.
    pub file: String,
    /// Its name within the entry.
    pub name: &'static str,
    /// The kind of claim.
    pub kind: &'static str,
    /// What it shows.
    pub about: String,
    /// `ACCEPTED`, or `REJECTED` and a code.
    pub verdict: String,
    /// Whether that is the verdict that it should have.
    pub as_expected: bool,
}

/// What an entry comes to.
#[derive(Debug)]
pub struct Report {
    /// The entry.
    pub entry: &'static Entry,
    /// Its programs.
    pub bug: Bug,
    /// The broken version.
    pub broken: Figures,
    /// The fixed version; its real value is the right one.
    pub fixed: Figures,
    /// The certificates.
    pub certificates: Vec<Judgement>,
}

/// Largest number of elements of a tensor that stands in a certificate itself.
const INLINE: usize = 4096;
/// Bits of the real values: more than any text shows.
const PRECISION: u64 = 128;

impl Program {
    /// What the program gives, bit by bit.
    pub fn outputs(&self) -> Result<Named<u32>, Error> {
        if let Some(recorded) = &self.recorded {
            return Ok(recorded.clone());
        }
        let reading = |schedule: &_| Binary32::new(self.execution.environment, Clone::clone(schedule));
        let common = reading(&self.execution.schedule);
        let own: Vec<_> = self.execution.nodes.iter().map(|(&id, schedule)| (id, reading(schedule))).collect();
        let context = |id: usize| own.iter().find(|(own, _)| *own == id).map_or(&common, |(_, reading)| reading);
        let outputs = evaluate(&self.model.graph, context, &self.model.parameters, &self.inputs);
        outputs.map_err(|located| Error::at_node(&self.model.path, &located))
    }

    /// The exact values; `None` where the graph has none at these inputs.
    fn exact(&self) -> Result<Option<Named<Ball>>, Error> {
        let real = Real::new(PRECISION);
        let point = |(name, tensor): (&String, &tl_kernel::ir::Tensor<u32>)| {
            Ok((name.clone(), tensor.try_map(|&word| real.datum(word))?))
        };
        let inputs = self.inputs.iter().map(point).collect::<Result<_, EvalError>>();
        let inputs = inputs.map_err(|error| Error::new(Code::Evaluation, "an input", error.to_string()))?;
        match evaluate(&self.model.graph, |_| &real, &self.model.parameters, &inputs) {
            Ok(values) => Ok(Some(values)),
            Err(located) if matches!(located.error, EvalError::Undefined { .. }) => Ok(None),
            Err(located) => Err(Error::at_node(&self.model.path, &located)),
        }
    }
}

/// Runs both versions, writes the certificates below `folder` (`accept/…` and `reject/…`) and has them judged.
pub fn report(entry: &'static Entry, bug: Bug, folder: &Path) -> Result<Report, Error> {
    let outputs = [bug.broken.outputs()?, bug.fixed.outputs()?];
    let (name, index) = &bug.at;
    let figures = |program: &Program, outputs: &Named<u32>| -> Result<Figures, Error> {
        let missing = || Error::new(Code::InputName, entry.name, format!("it has no element {name}{index:?}"));
        let of = outputs.get(*name).ok_or_else(missing)?;
        let position = of.shape().position_of(index).ok_or_else(missing)?;
        let real = program.exact()?.and_then(|values| values.get(*name)?.data().get(position).cloned());
        Ok(Figures { word: of.data()[position], real })
    };
    let (broken, fixed) = (figures(&bug.broken, &outputs[0])?, figures(&bug.fixed, &outputs[1])?);
    let mut certificates = Vec::new();
    for claim in &bug.claims {
        certificates.push(certify(entry, &bug, &outputs, claim, folder)?);
    }
    Ok(Report { entry, bug, broken, fixed, certificates })
}

fn certify(
    entry: &Entry,
    bug: &Bug,
    outputs: &[Named<u32>; 2],
    claim: &Claim,
    folder: &Path,
) -> Result<Judgement, Error> {
    let place = if claim.refused.is_some() { "reject" } else { "accept" };
    let file = format!("{place}/{}.json", entry.certificate(claim.name));
    let path = folder.join(&file);
    make_folder(&folder.join(place))?;
    let program = if claim.model == Version::Broken { &bug.broken } else { &bug.fixed };
    let recorded = &outputs[usize::from(claim.outputs == Version::Fixed)];
    let certificate = Certificate {
        model: &program.model,
        inputs: std::slice::from_ref(&program.inputs),
        outputs: std::slice::from_ref(recorded),
        statement: &claim.statement,
        about: Some(&claim.about),
        inline_limit: INLINE,
        parameter_file: bug.parameters,
    };
    let mut staged = Staged::default();
    certificate.stage(&path, &mut staged)?;
    staged.commit()?;
    if let Some((from, to)) = claim.edit {
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Error::new(Code::Read, path.display(), error.to_string()))?;
        crate::files::write(&path, text.replacen(from, to, 1).as_bytes())?;
    }
    let settings = crate::commands::settings();
    let (verdict, code) = match judge(&path, &settings, settings.jobs) {
        Judged::Verdict(Verdict::Accepted(_), _) => ("ACCEPTED", None),
        Judged::Verdict(Verdict::Rejected(findings), _) => ("REJECTED", findings.first().map(|f| f.code.id())),
        Judged::Verdict(Verdict::Declined(findings), _) => ("DECLINED", findings.first().map(|f| f.code.id())),
        Judged::Trouble(trouble) => return Err(Error::new(Code::Read, path.display(), trouble.to_string())),
    };
    let as_expected = match claim.refused {
        None => verdict == "ACCEPTED",
        Some(expected) => verdict == "REJECTED" && code == Some(expected),
    };
    let verdict = code.map_or(verdict.to_string(), |code| format!("{verdict} {code}"));
    let kind = match claim.statement {
        Statement::Forward { .. } => "forward",
        Statement::Exec(_) => "exec",
        Statement::Trace { .. } => "trace",
        Statement::Divergence { .. } => "divergence",
        Statement::Gradient { .. } => "gradient",
    };
    Ok(Judgement { file, name: claim.name, kind, about: claim.about.clone(), verdict, as_expected })
}

impl Report {
    /// Whether every certificate has the verdict that it should have.
    pub fn as_expected(&self) -> bool {
        self.certificates.iter().all(|judgement| judgement.as_expected)
    }

    /// The distance of the broken result from the right value, `not finite` where there is none.
    pub fn gap(&self) -> String {
        distance(self.broken.word, self.fixed.real.as_ref())
    }
}

/// The value of a word, nine digits.
pub(super) fn number(word: u32) -> String {
    match Dyadic::from_binary32(word) {
        Some(value) => decimal(&value.to_rational(), 9, false),
        None if word << 9 != 0 => "NaN".into(),
        None if word >> 31 == 1 => "-∞".into(),
        None => "∞".into(),
    }
}

/// A real value, twelve digits; `…` where there is more to it.
pub(super) fn real(ball: Option<&Ball>) -> String {
    let Some(ball) = ball else {
        return "undefined".into();
    };
    let text = decimal(&ball.mid().to_rational(), 12, false);
    if ball.is_exact() || text.ends_with('…') { text } else { text + "…" }
}

/// How far a word is from a real value.
pub(super) fn distance(word: u32, ball: Option<&Ball>) -> String {
    match (Dyadic::from_binary32(word), ball) {
        (Some(y), Some(s)) => {
            let (distance, radius) = (y.sub(s.mid()).abs(), s.rad());
            // Where the enclosure is all of the distance, only its end is known.
            match distance <= radius && !radius.is_zero() {
                true => format!("below {}", decimal(&distance.add(&radius).to_rational(), 1, true)),
                false => decimal(&distance.to_rational(), 4, false),
            }
        }
        (None, _) => "not finite".into(),
        (_, None) => "undefined".into(),
    }
}
