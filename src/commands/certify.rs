//! `tl certify`: a certificate about a model and recorded outputs, checked by the kernel when it is written.

use super::grad::What;
use super::worst::{worst_error, worst_gradient, worst_output};
use super::{DONE, FAILED, ModelArguments, TROUBLE, UNDECIDED, parse_exact, parse_json, parse_schedule};
use crate::cases::{self, Role};
use crate::certificate::{Certificate, Statement, tolerance};
use crate::error::{Code, Error};
use crate::files::Staged;
use crate::hardware::{Hardware32, default_schedule};
use crate::model::Model;
use crate::tape::Run;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Instant;
use tl_check::{Judged, Settings, judge};
use tl_kernel::cert::json::Json;
use tl_kernel::claim::Execution;
use tl_kernel::context::binary32::Schedule;
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::evaluate::{Cut, Named, source};
use tl_kernel::number::Dyadic;
use tl_kernel::number::decimal::decimal;
use tl_kernel::{Limits, Verdict};

/// The options.
#[derive(Debug, Args)]
pub(super) struct Certify {
    #[command(flatten)]
    model: ModelArguments,

    /// A tensor for an input: .npy, .npz, .pb or .safetensors; a name that is given again begins the next case
    #[arg(short, long = "input", value_name = "[NAME=]FILE")]
    inputs: Vec<String>,

    /// A recorded output, in the same way; default: what the engine itself computes
    #[arg(long = "output", value_name = "[NAME=]FILE")]
    outputs: Vec<String>,

    /// Take tensors of another shape with as many elements, row-major
    #[arg(long)]
    reshape: bool,

    /// What is claimed: forward (within a tolerance of the exact reals), exec (bit for bit a binary32 execution), trace (every recorded node within what is allowed
    /// of its own operation at the recorded values), divergence (an execution and the reals part ways), or gradient (within a tolerance of the exact gradients)
    #[arg(long, value_enum, default_value_t = Kind::Forward)]
    claim: Kind,

    /// Absolute tolerance, an exact number; default: the smallest of two digits that holds (forward)
    #[arg(long, value_name = "E")]
    abs: Option<String>,

    /// Tolerance relative to the greater magnitude
    #[arg(long, value_name = "E")]
    rel: Option<String>,

    /// Tolerance in units in the last place of the recorded value
    #[arg(long, value_name = "E")]
    ulps: Option<String>,

    /// Factor on the tolerances; default: 1
    #[arg(long, value_name = "E")]
    slack: Option<String>,

    /// The order of sums for exec and divergence, as in certificates: JSON, or @FILE; default: the engine's own
    #[arg(long, value_name = "JSON")]
    schedule: Option<String>,

    /// In what the execution and the reals part ways, as in certificates (FORMAT.md, 5.4): JSON, or @FILE
    #[arg(long, value_name = "JSON")]
    gap: Option<String>,

    /// Recorded nodes for trace, by id; default: what the engine computes at every node, where no output is given either
    #[arg(long, value_name = "[ID=]FILE")]
    nodes: Vec<String>,

    /// Allow at each node of a trace this factor times what rounding in any order can explain; default, without a tolerance: 1
    #[arg(long, value_name = "FACTOR")]
    rounding: Option<String>,

    /// With --rounding: units in the last place within which elementary functions are; default: 4
    #[arg(long, value_name = "K")]
    library: Option<u16>,

    #[command(flatten)]
    what: What,

    /// A recorded gradient, by the name of its input or parameter; default: what the engine itself computes
    #[arg(long = "gradient", value_name = "[NAME=]FILE")]
    gradients: Vec<String>,

    /// Largest number of elements of a tensor that stands in the certificate itself
    #[arg(long, value_name = "N", default_value_t = 4096)]
    inline_limit: usize,

    /// One file for all parameters, relative to the certificate, that other certificates share; written where it is not there
    #[arg(long, value_name = "PATH.safetensors")]
    parameters: Option<String>,

    /// Free text for people
    #[arg(long, value_name = "TEXT")]
    about: Option<String>,

    /// Do not check the certificate
    #[arg(long)]
    no_check: bool,

    /// The certificate
    #[arg(short = 'o', short_alias = 'c', long, value_name = "FILE.json")]
    certificate: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Forward,
    Exec,
    Trace,
    Divergence,
    Gradient,
}

impl Certify {
    pub(super) fn run(&self, text: &mut String, notes: &mut String) -> Result<u8, Error> {
        self.check_options()?;
        let started = Instant::now();
        let model = self.model.load()?;
        let inputs = cases::read_inputs(&model, &self.inputs, self.reshape)?;
        let schedule = self.schedule.as_deref().map_or(Ok(default_schedule()), parse_schedule)?;
        if self.claim == Kind::Gradient {
            let statement = self.gradient(&model, &inputs, &Run::new(schedule), notes)?;
            return self.write(&model, &inputs, &[], &statement, started, text, notes);
        }
        let mut outputs = cases::read(Role::Output, &model.outputs(), &self.outputs, self.reshape)?;
        let mut nodes = cases::read_nodes(&model, &self.nodes, self.reshape)?;
        let own = outputs.is_empty();
        if own {
            let all = self.claim == Kind::Trace && nodes.is_empty();
            let results = inputs.iter().map(|case| executed(&model, case, &schedule, all));
            let results = results.collect::<Result<Vec<_>, _>>()?;
            let (of_outputs, of_nodes): (Vec<_>, Vec<_>) = results.into_iter().unzip();
            outputs = of_outputs;
            nodes = if all { of_nodes } else { nodes };
        }
        if inputs.len() != outputs.len() {
            let message = format!("{} cases of inputs, {} of outputs", inputs.len(), outputs.len());
            return Err(Error::new(Code::Cases, "--output", message));
        }
        if nodes.len() > inputs.len() || (own && !self.nodes.is_empty()) {
            let given = if own { 0 } else { outputs.len() };
            let message = format!("{} cases of recorded nodes, {given} of recorded outputs", nodes.len());
            return Err(Error::new(Code::Cases, "--nodes", message));
        }
        let statement = match self.claim {
            Kind::Exec => Statement::Exec(Execution { schedule, ..Execution::default() }),
            Kind::Forward => self.forward(&model, &inputs, &outputs, notes)?,
            Kind::Trace => {
                nodes.resize(inputs.len(), Named::new());
                Statement::Trace { tolerance: self.allowance(notes)?, operations: Vec::new(), nodes }
            }
            Kind::Divergence => {
                let execution = Execution { schedule, ..Execution::default() };
                Statement::Divergence { gap: self.gap(&execution)?, execution }
            }
            Kind::Gradient => return Err(Error::new(Code::Usage, "--claim gradient", "it records no outputs")),
        };
        self.write(&model, &inputs, &outputs, &statement, started, text, notes)
    }

    /// Writes the certificate, and checks it.
    #[expect(clippy::too_many_arguments, reason = "the parts of one certificate, and where to report")]
    fn write(
        &self,
        model: &Model,
        inputs: &[Named<u32>],
        outputs: &[Named<u32>],
        statement: &Statement,
        started: Instant,
        text: &mut String,
        notes: &mut String,
    ) -> Result<u8, Error> {
        let certificate = Certificate {
            model,
            inputs,
            outputs,
            statement,
            about: self.about.as_deref(),
            inline_limit: self.inline_limit,
            parameter_file: self.parameters.as_deref(),
        };
        let mut staged = Staged::default();
        certificate.stage(&self.certificate, &mut staged)?;
        staged.commit()?;
        *notes += &format!("note: written in {:.2} s\n", started.elapsed().as_secs_f64());
        if self.no_check { Ok(DONE) } else { Ok(self.check(text, notes)) }
    }

    fn check_options(&self) -> Result<(), Error> {
        use Kind::{Divergence, Exec, Forward, Gradient, Trace};
        let Certify { abs, rel, ulps, slack, claim, .. } = self;
        let tolerance = [abs, rel, ulps, slack].into_iter().any(Option::is_some);
        let recorded = !self.outputs.is_empty();
        let rounding = self.rounding.is_some() || self.library.is_some();
        let What { of, cotangents, wrt } = &self.what;
        let derivative = of.is_some() || !cotangents.is_empty() || !wrt.is_empty() || !self.gradients.is_empty();
        let refusals = [
            (*claim == Exec && tolerance, "--claim exec", "every bit is claimed, there is no tolerance"),
            (*claim == Divergence && tolerance, "--claim divergence", "its tolerance stands in the gap, as \"beyond\""),
            (*claim == Divergence && self.gap.is_none(), "--claim divergence", "--gap says in what the two part ways"),
            (*claim != Divergence && self.gap.is_some(), "--gap", "only --claim divergence has a gap"),
            (*claim != Trace && !self.nodes.is_empty(), "--nodes", "only --claim trace records nodes"),
            (*claim != Trace && rounding, "--rounding", "only --claim trace can allow what rounding explains"),
            (
                *claim != Gradient && derivative,
                "--claim gradient",
                "only it has --of, --cotangent, --wrt and --gradient",
            ),
            (*claim == Gradient && recorded, "--output", "--claim gradient records gradients: --gradient NAME=FILE"),
            (
                *claim == Gradient && self.schedule.is_some() && !self.gradients.is_empty(),
                "--schedule",
                "recorded gradients were computed already, in their own order",
            ),
            (rounding && tolerance, "--rounding", "a trace allows a tolerance or what rounding explains, not both"),
            (
                matches!(claim, Forward | Trace) && self.schedule.is_some() && recorded,
                "--schedule",
                "recorded outputs were computed already, in their own order",
            ),
            (
                self.certificate.extension().is_none_or(|e| e != "json"),
                "--certificate",
                "the name of a certificate ends in .json",
            ),
        ];
        match refusals.into_iter().find(|(refused, ..)| *refused) {
            Some((_, option, message)) => Err(Error::new(Code::Usage, option, message)),
            None => Ok(()),
        }
    }

    /// The parts of the tolerance that are given, each an exact number that is not negative.
    fn check_tolerance(&self) -> Result<(), Error> {
        let parts = [("--abs", &self.abs), ("--rel", &self.rel), ("--ulps", &self.ulps), ("--slack", &self.slack)];
        parts
            .into_iter()
            .try_for_each(|(option, text)| text.as_deref().map_or(Ok(()), |text| parse_exact(option, text).map(drop)))
    }

    /// What a trace allows at each node.
    fn allowance(&self, notes: &mut String) -> Result<Json, Error> {
        self.check_tolerance()?;
        let or = |text: &Option<String>, default: &str| text.clone().unwrap_or(default.into());
        if self.abs.is_some() || self.rel.is_some() || self.ulps.is_some() || self.slack.is_some() {
            return Ok(tolerance(
                &or(&self.abs, "0"),
                &or(&self.rel, "0"),
                &or(&self.ulps, "0"),
                &or(&self.slack, "1"),
            ));
        }
        let (factor, library) = (or(&self.rounding, "1"), self.library.unwrap_or(4));
        parse_exact("--rounding", &factor)?;
        if self.rounding.is_none() {
            *notes += &format!(
                "note: no tolerance is given; allowed is what rounding can explain, elementary functions within {library} ulps\n"
            );
        }
        let rounding = [("factor", Json::string(factor)), ("library", Json::Integer(library.into()))];
        Ok(Json::object([("rounding", Json::object(rounding))]))
    }

    /// The gap as it is given, where the kernel can read it.
    fn gap(&self, execution: &Execution) -> Result<Json, Error> {
        let gap = parse_json("--gap", self.gap.as_deref().unwrap_or_default())?;
        let claim = [
            ("kind", Json::string("divergence")),
            ("execution", execution.encode()),
            ("gap", gap.clone()),
            ("outputs", Json::Array(Vec::new())),
        ];
        let graph = [("nodes", Json::Array(Vec::new())), ("outputs", Json::Object(Vec::new()))];
        let model = [("graph", Json::object(graph)), ("parameters", Json::Object(Vec::new()))];
        let certificate = Json::object([
            ("format", Json::string(tl_kernel::cert::FORMAT)),
            ("claim", Json::object(claim)),
            ("model", Json::object(model)),
            ("inputs", Json::Array(Vec::new())),
        ]);
        match tl_kernel::decode(certificate.to_string().as_bytes(), &Limits::default()) {
            Err(finding) if finding.pointer.starts_with("/claim/gap") => {
                let place = finding.pointer.trim_start_matches("/claim/gap");
                let message = format!("{}: {}", finding.code.title(), finding.message);
                Err(Error::new(Code::Usage, format!("--gap {place}").trim_end(), message))
            }
            _ => Ok(gap),
        }
    }

    fn forward(
        &self,
        model: &Model,
        inputs: &[Named<u32>],
        outputs: &[Named<u32>],
        notes: &mut String,
    ) -> Result<Statement, Error> {
        let worst = || worst_error(|precision| worst_output(model, inputs, outputs, precision));
        let [abs, rel, ulps, slack] = self.parts(worst, notes)?;
        Ok(Statement::Forward { abs, rel, ulps, slack })
    }

    /// The recorded gradients, or those that the engine computes, with the tolerance on them.
    fn gradient(
        &self,
        model: &Model,
        inputs: &[Named<u32>],
        run: &Run,
        notes: &mut String,
    ) -> Result<Statement, Error> {
        let listed = self.what.listed((run, model), inputs, &self.gradients, self.reshape, notes)?;
        let worst = || worst_error(|precision| worst_gradient(model, inputs, &listed, precision));
        let [abs, rel, ulps, slack] = self.parts(worst, notes)?;
        Ok(listed.statement(model, tolerance(&abs, &rel, &ulps, &slack)))
    }

    /// The parts of the tolerance; where none is given, the smallest absolute one of two digits.
    fn parts(&self, worst: impl FnOnce() -> Result<Dyadic, Error>, notes: &mut String) -> Result<[String; 4], Error> {
        self.check_tolerance()?;
        let or = |text: &Option<String>, default: &str| text.clone().unwrap_or(default.into());
        let mut abs = or(&self.abs, "0");
        if self.abs.is_none() && self.rel.is_none() && self.ulps.is_none() {
            abs = decimal(&worst()?.to_rational(), 2, true);
            *notes +=
                &format!("note: no tolerance is given; the smallest absolute one of two digits that holds is {abs}\n");
        }
        Ok([abs, or(&self.rel, "0"), or(&self.ulps, "0"), or(&self.slack, "1")])
    }

    /// Runs the checker on what was written.
    fn check(&self, text: &mut String, notes: &mut String) -> u8 {
        let started = Instant::now();
        let settings = settings();
        let judged = judge(&self.certificate, &settings, settings.jobs);
        let path = self.certificate.display();
        let code = match &judged {
            Judged::Verdict(Verdict::Accepted(accepted), _) => {
                for (name, value) in accepted.facts() {
                    *notes += &format!("note: {name} {value}\n");
                }
                *text += &format!("ACCEPTED {path}: {}.\n", accepted.sentence());
                DONE
            }
            Judged::Verdict(Verdict::Rejected(findings), _) | Judged::Verdict(Verdict::Declined(findings), _) => {
                let rejected = matches!(judged, Judged::Verdict(Verdict::Rejected(_), _));
                for finding in findings {
                    *notes += &format!("{}\n", Error::found(&self.certificate, finding));
                }
                let (word, code) = if rejected { ("REJECTED", FAILED) } else { ("DECLINED", UNDECIDED) };
                *text += &format!("{word} {path}; it is written as it was asked for.\n");
                code
            }
            Judged::Trouble(trouble) => {
                *notes += &format!("{trouble}\n");
                TROUBLE
            }
        };
        *notes += &format!("note: checked in {:.2} s\n", started.elapsed().as_secs_f64());
        code
    }
}

/// How the engine has certificates checked.
pub(crate) fn settings() -> Settings {
    Settings { limits: Limits::default(), model: None, jobs: threads() }
}

/// Threads for independent cases.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// What the engine computes, every NaN the canonical one, as `exec` certificates state it: the outputs, and where `all` is set the other nodes by id.
fn executed(
    model: &Model,
    case: &Named<u32>,
    schedule: &Schedule,
    all: bool,
) -> Result<(Named<u32>, Named<u32>), Error> {
    const NAN: u32 = 0x7fc0_0000;
    let hardware = Hardware32::new(schedule.clone());
    let inputs = real_inputs(&hardware, case)?;
    let nodes: Vec<usize> = if all { cases::recordable(model).collect() } else { Vec::new() };
    let outputs = model.graph.outputs();
    let cut = Cut::of(&model.graph, outputs.values().chain(&nodes).copied(), |_| false);
    let values =
        cut.values(&model.graph, |_| &hardware, |id| source(&model.graph, id, &hardware, &model.parameters, &inputs));
    let values = values.map_err(|located| Error::at_node(&model.path, &located))?;
    let word = |x: &f32| Ok::<u32, Error>(if x.is_nan() { NAN } else { x.to_bits() });
    // The values of all targets are kept.
    let named = |(name, id): (String, usize)| Ok((name, values[&id].try_map(word)?));
    let outputs = outputs.iter().map(|(name, &id)| (name.clone(), id)).map(named).collect::<Result<_, Error>>()?;
    Ok((outputs, nodes.iter().map(|&id| (id.to_string(), id)).map(named).collect::<Result<_, _>>()?))
}

pub(super) fn real_inputs<C: Context>(context: &C, case: &Named<u32>) -> Result<Named<C::Value>, Error> {
    let datum = |error: EvalError| Error::new(Code::Evaluation, "an input", error.to_string());
    case.iter()
        .map(|(name, tensor)| Ok((name.clone(), tensor.try_map(|&word| context.datum(word)).map_err(datum)?)))
        .collect()
}
