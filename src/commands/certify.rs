//! `tl certify`: a certificate about a model and recorded outputs, checked by the kernel when it is written.

use super::{DONE, FAILED, ModelArguments, TROUBLE, UNDECIDED, parse_exact, parse_schedule};
use crate::cases::{self, Role};
use crate::certificate::{Certificate, Statement};
use crate::error::{Code, Error};
use crate::files::Staged;
use crate::hardware::{Hardware32, default_schedule};
use crate::model::Model;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Instant;
use tl_check::{Judged, Settings, judge};
use tl_kernel::claim::Execution;
use tl_kernel::context::binary32::Schedule;
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::evaluate;
use tl_kernel::ir::evaluate::Named;
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

    /// What is claimed: forward (within a tolerance of the exact reals) or exec (bit for bit a binary32 execution)
    #[arg(long, value_enum, default_value_t = Kind::Forward)]
    claim: Kind,

    /// Absolute tolerance, an exact number; default: the smallest of two digits that holds
    #[arg(long, value_name = "E")]
    abs: Option<String>,

    /// Tolerance relative to the greater magnitude
    #[arg(long, value_name = "E")]
    rel: Option<String>,

    /// Factor on both tolerances
    #[arg(long, value_name = "E", default_value = "1")]
    slack: String,

    /// The order of sums for exec, as in certificates: JSON, or @FILE; default: the engine's own
    #[arg(long, value_name = "JSON")]
    schedule: Option<String>,

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
}

impl Certify {
    pub(super) fn run(&self, text: &mut String, notes: &mut String) -> Result<u8, Error> {
        self.check_options()?;
        let started = Instant::now();
        let model = self.model.load()?;
        let inputs = cases::read_inputs(&model, &self.inputs, self.reshape)?;
        let schedule = self.schedule.as_deref().map_or(Ok(default_schedule()), parse_schedule)?;
        let mut outputs = cases::read(Role::Output, &model.outputs(), &self.outputs, self.reshape)?;
        if outputs.is_empty() {
            let results = inputs.iter().map(|case| executed(&model, case, &schedule));
            outputs = results.collect::<Result<_, _>>()?;
        }
        if inputs.len() != outputs.len() {
            let message = format!("{} cases of inputs, {} of outputs", inputs.len(), outputs.len());
            return Err(Error::new(Code::Cases, "--output", message));
        }
        let statement = match self.claim {
            Kind::Exec => Statement::Exec(Execution { schedule, ..Execution::default() }),
            Kind::Forward => self.forward(&model, &inputs, &outputs, notes)?,
        };
        let certificate = Certificate {
            model: &model,
            inputs: &inputs,
            outputs: &outputs,
            statement: &statement,
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
        let refuse = |option, message: &str| Err(Error::new(Code::Usage, option, message));
        if self.claim == Kind::Exec && (self.abs.is_some() || self.rel.is_some()) {
            return refuse("--claim exec", "every bit is claimed, there is no tolerance");
        }
        if self.claim == Kind::Forward && self.schedule.is_some() && !self.outputs.is_empty() {
            return refuse("--schedule", "recorded outputs were computed already, in their own order");
        }
        if self.certificate.extension().is_none_or(|e| e != "json") {
            return refuse("--certificate", "the name of a certificate ends in .json");
        }
        Ok(())
    }

    fn forward(
        &self,
        model: &Model,
        inputs: &[Named<u32>],
        outputs: &[Named<u32>],
        notes: &mut String,
    ) -> Result<Statement, Error> {
        for (option, text) in [("--abs", &self.abs), ("--rel", &self.rel), ("--slack", &Some(self.slack.clone()))] {
            text.as_deref().map(|text| parse_exact(option, text)).transpose()?;
        }
        let (abs, rel, slack) = (self.abs.clone(), self.rel.clone(), self.slack.clone());
        let (abs, rel) = match (abs, rel) {
            (None, None) => {
                let worst = worst_error(model, inputs, outputs)?;
                let abs = decimal(&worst.to_rational(), 2, true);
                *notes += &format!(
                    "note: no tolerance is given; the smallest absolute one of two digits that holds is {abs}\n"
                );
                (abs, "0".into())
            }
            (abs, rel) => (abs.unwrap_or("0".into()), rel.unwrap_or("0".into())),
        };
        Ok(Statement::Forward { abs, rel, slack })
    }

    /// Runs the checker on what was written.
    fn check(&self, text: &mut String, notes: &mut String) -> u8 {
        let started = Instant::now();
        let settings = Settings { limits: Limits::default(), model: None, jobs: threads() };
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

/// Threads for independent cases.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// What the engine computes, every NaN the canonical one, as `exec` certificates state it.
fn executed(model: &Model, case: &Named<u32>, schedule: &Schedule) -> Result<Named<u32>, Error> {
    const NAN: u32 = 0x7fc0_0000;
    let hardware = Hardware32::new(schedule.clone());
    let outputs = real_inputs(&hardware, case).and_then(|inputs| {
        evaluate(&model.graph, |_| &hardware, &model.parameters, &inputs)
            .map_err(|located| Error::at_node(&model.path, &located))
    })?;
    let word = |x: &f32| Ok::<u32, Error>(if x.is_nan() { NAN } else { x.to_bits() });
    outputs.into_iter().map(|(name, tensor)| Ok((name, tensor.try_map(word)?))).collect()
}

fn real_inputs<C: Context>(context: &C, case: &Named<u32>) -> Result<Named<C::Value>, Error> {
    let datum = |error: EvalError| Error::new(Code::Evaluation, "an input", error.to_string());
    case.iter()
        .map(|(name, tensor)| Ok((name.clone(), tensor.try_map(|&word| context.datum(word)).map_err(datum)?)))
        .collect()
}

/// An upper bound of the largest |y − s| over all cases, known to within 1 part in 1,000 of itself, or to 4096 bits.
fn worst_error(model: &Model, inputs: &[Named<u32>], outputs: &[Named<u32>]) -> Result<Dyadic, Error> {
    let mut precision = 128;
    loop {
        match worst_error_at(model, inputs, outputs, precision) {
            Ok((worst, radius)) if worst.is_zero() || radius.scaled(10) <= worst || precision >= 4096 => {
                return Ok(worst);
            }
            Err(error) if precision >= 4096 || error.1 => return Err(error.0),
            _ => precision *= 2,
        }
    }
}

/// The bound, and the largest radius in it; an error, and whether more precision is of no use.
fn worst_error_at(
    model: &Model,
    inputs: &[Named<u32>],
    outputs: &[Named<u32>],
    precision: u64,
) -> Result<(Dyadic, Dyadic), (Error, bool)> {
    let real = Real::new(precision);
    let (mut worst, mut radius) = (Dyadic::zero(), Dyadic::zero());
    for (case, (inputs, outputs)) in inputs.iter().zip(outputs).enumerate() {
        let inputs = real_inputs(&real, inputs).map_err(|error| (error, true))?;
        let exact = evaluate(&model.graph, |_| &real, &model.parameters, &inputs);
        let exact = exact.map_err(|located| {
            let undecided = matches!(located.error, EvalError::Undecided { .. });
            (Error::at_node(&model.path, &located), !undecided)
        })?;
        for (name, recorded) in outputs {
            let balls: &[Ball] = exact.get(name).map_or(&[], |tensor| tensor.data());
            for (position, (&word, ball)) in recorded.data().iter().zip(balls).enumerate() {
                let Some(y) = Dyadic::from_binary32(word) else {
                    let place =
                        format!("case {case}, output {name:?}, index {:?}", recorded.shape().index_of(position));
                    return Err((Error::new(Code::NotFinite, place, format!("the word {word:08x}")), true));
                };
                let error = y.sub(ball.mid()).abs().add(&ball.rad());
                worst = worst.max(error);
                radius = radius.max(ball.rad());
            }
        }
    }
    Ok((worst, radius))
}
