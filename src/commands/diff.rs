//! `tl diff`: is what a runtime computed the rounding of the exact values, or something else, and where does it begin?

use super::certify::threads;
use super::{DONE, FAILED, ModelArguments, TROUBLE, UNDECIDED};
use crate::cases;
use crate::certificate::Certificate;
use crate::diff::figures::{Figures, Histogram, exact_outputs};
use crate::diff::judge::judge;
use crate::diff::part::Part;
use crate::diff::recording::{Reading, Recording, read};
use crate::diff::report::{Answer, Entry, compared, figures_in_words, node_in_words};
use crate::diff::{picture, proof};
use crate::error::{Code, Error};
use crate::files::{Staged, pretty, write};
use crate::model::Model;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use tl_check::{Judged, Settings};
use tl_kernel::cert::json::Json;
use tl_kernel::context::real::Real;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::{Limits, Verdict};

/// The options.
#[derive(Debug, Args)]
pub(super) struct Diff {
    #[command(flatten)]
    model: ModelArguments,

    /// A tensor for an input: .npy, .npz, .pb or .safetensors
    #[arg(short, long = "input", value_name = "[NAME=]FILE")]
    inputs: Vec<String>,

    /// What a runtime computed; a label names the runtime
    #[arg(long = "output", value_name = "[LABEL:][NAME=]FILE")]
    outputs: Vec<String>,

    /// What it computed at nodes on the way: tensors by the names of the ONNX file, or by node id
    #[arg(long = "trace", value_name = "[LABEL:]FILE")]
    traces: Vec<String>,

    /// Leave out what a trace has under names that are no nodes
    #[arg(long)]
    skip_unknown: bool,

    /// Take tensors of another shape with as many elements, row-major
    #[arg(long)]
    reshape: bool,

    #[command(flatten)]
    telling: Telling,
}

/// What is told, and where it is written.
#[derive(Debug, Args)]
pub(super) struct Telling {
    /// Units in the last place that an elementary function of the runtime may be wrong by
    #[arg(long, value_name = "K", default_value_t = 4, value_parser = clap::value_parser!(u64).range(0..=65536))]
    library: u64,

    /// How many of the worst elements are listed
    #[arg(long, value_name = "N", default_value_t = 3)]
    worst: usize,

    /// Print the figures of this recorded node, too
    #[arg(long = "node", value_name = "ID")]
    nodes: Vec<usize>,

    /// Write the certificate that proves the answer, and check it
    #[arg(short = 'o', long, value_name = "FILE.json")]
    certificate: Option<PathBuf>,

    /// Largest number of elements of a tensor that stands in the certificate itself
    #[arg(long, value_name = "N", default_value_t = 4096)]
    inline_limit: usize,

    /// Write the histogram as SVG
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,

    /// Write the histogram as PNG
    #[arg(long, value_name = "FILE.png")]
    png: Option<PathBuf>,

    /// How the answer is told
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

impl Diff {
    pub(super) fn run(&self, text: &mut String, notes: &mut String) -> Result<u8, Error> {
        let model = self.model.load()?;
        let inputs = one_case(&model, &self.inputs, self.reshape)?;
        let how = Reading { reshape: self.reshape, skip_unknown: self.skip_unknown };
        let recordings = read(&model, &self.outputs, &self.traces, how)?;
        self.telling.tell(&model, &inputs, &recordings, text, notes)
    }
}

/// The inputs of the one case that is looked into.
pub(super) fn one_case(model: &Model, given: &[String], reshape: bool) -> Result<Named<u32>, Error> {
    let mut cases = cases::read_inputs(model, given, reshape)?;
    match (cases.pop(), cases.len()) {
        (Some(case), 0) => Ok(case),
        (_, more) => {
            Err(Error::new(Code::Cases, "--input", format!("{} cases are given, one is looked into", more + 1)))
        }
    }
}

impl Telling {
    /// Judges the recordings, tells what they come to, writes what is asked for; 0 rounding, 1 not rounding, 2 open.
    pub(super) fn tell(
        &self,
        model: &Model,
        inputs: &Named<u32>,
        recordings: &[Recording],
        text: &mut String,
        notes: &mut String,
    ) -> Result<u8, Error> {
        if self.certificate.as_ref().is_some_and(|path| path.extension().is_none_or(|e| e != "json")) {
            return Err(Error::new(Code::Usage, "--certificate", "the name of a certificate ends in .json"));
        }
        let exact = exact_outputs(model, inputs, recordings)?;
        let entry = |recording| {
            let Recording { outputs, .. }: &Recording = recording;
            let figures = outputs
                .iter()
                .filter_map(|(name, tensor)| Some((name.clone(), Figures::new(tensor, exact.get(name)?, self.worst))));
            let figures = figures.collect();
            Entry { recording, figures, judged: judge(model, inputs, recording, self.library) }
        };
        let entries: Vec<Entry> = recordings.iter().map(entry).collect();
        self.draw(&entries)?;
        let proved = self.certificate.as_ref().map(|path| self.prove(path, model, inputs, &entries)).transpose()?;
        match self.format {
            Format::Human => {
                human(model, &entries, text);
                for &id in &self.nodes {
                    self.look_into(model, inputs, recordings, id, text)?;
                }
                for entry in &entries {
                    *text += &format!("{}: {}\n", entry.recording.label, entry.sentence(model));
                }
            }
            Format::Json => {
                let certificate = proved.as_ref().map(|proved| ("certificate", Json::string(&proved.line)));
                let runtimes = ("runtimes", Json::Array(entries.iter().map(|entry| entry.json(model)).collect()));
                let model = ("model", Json::string(model.path.display().to_string()));
                *text += &pretty(&Json::object([model, runtimes].into_iter().chain(certificate)));
            }
        }
        let mut code = match proof::answer(&entries) {
            Answer::Rounding => DONE,
            Answer::NotRounding => FAILED,
            Answer::Open => UNDECIDED,
        };
        if let Some(proved) = proved {
            *notes += &proved.notes;
            match self.format {
                Format::Human => *text += &format!("{}\n", proved.line),
                Format::Json => (),
            }
            code = if proved.code == DONE { code } else { proved.code };
        }
        Ok(code)
    }

    /// The figures of a recorded node beside its exact operation at the recorded operands.
    fn look_into(
        &self,
        model: &Model,
        inputs: &Named<u32>,
        recordings: &[Recording],
        id: usize,
        text: &mut String,
    ) -> Result<(), Error> {
        const BITS: u64 = 256;
        let mut seen = false;
        for recording in recordings {
            let values = recording.values(model);
            let Some(words) = values.get(&id) else { continue };
            seen = true;
            let node = node_in_words(model, id);
            let exact = Part::of(model, inputs, &values, id).value(&Real::new(BITS));
            let exact =
                exact.map_err(|error| Error::new(Code::Evaluation, format!("node {node}"), error.to_string()))?;
            *text += &format!(
                "{}: node {node} {} beside its operation at the recorded operands\n",
                recording.label,
                words.shape()
            );
            *text += &figures_in_words(&Figures::new(words, &exact, self.worst));
        }
        if seen {
            Ok(())
        } else {
            Err(Error::new(Code::Usage, "--node", format!("no recording has a value of node {id}")))
        }
    }

    fn draw(&self, entries: &[Entry]) -> Result<(), Error> {
        if self.svg.is_none() && self.png.is_none() {
            return Ok(());
        }
        let all = |entry: &Entry| entry.figures.iter().flat_map(|(_, figures)| figures.all.clone()).collect::<Vec<_>>();
        let series: Vec<Vec<f64>> = entries.iter().map(all).collect();
        let histogram = Histogram::of(&series.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let labels: Vec<String> = entries.iter().map(|entry| entry.recording.label.clone()).collect();
        let title = "recorded outputs beside the exact reals";
        let svg = self.svg.as_ref().map(|path| write(path, picture::svg(&histogram, &labels, title).as_bytes()));
        let png = self.png.as_ref().map(|path| write(path, &picture::png(&histogram, &labels, title)));
        svg.into_iter().chain(png).collect()
    }

    fn prove(&self, path: &Path, model: &Model, inputs: &Named<u32>, entries: &[Entry]) -> Result<Proved, Error> {
        let (statement, about) = match proof::statement(model, entries, self.library) {
            Ok(statement) => statement,
            Err(why) => {
                return Ok(Proved { code: DONE, line: format!("no certificate: {why}"), notes: String::new() });
            }
        };
        let inputs = vec![inputs.clone(); entries.len()];
        let outputs: Vec<Named<u32>> = entries.iter().map(|entry| entry.recording.outputs.clone()).collect();
        let certificate = Certificate {
            model,
            inputs: &inputs,
            outputs: &outputs,
            statement: &statement,
            about: Some(&about),
            inline_limit: self.inline_limit,
            parameter_file: None,
        };
        let mut staged = Staged::default();
        certificate.stage(path, &mut staged)?;
        staged.commit()?;
        let settings = Settings { limits: Limits::default(), model: None, jobs: threads() };
        let judged = tl_check::judge(path, &settings, settings.jobs);
        let (code, line) = match &judged {
            Judged::Verdict(Verdict::Accepted(accepted), _) => {
                (DONE, format!("ACCEPTED {}: {}.", path.display(), accepted.sentence()))
            }
            Judged::Verdict(Verdict::Rejected(_), _) => (FAILED, format!("REJECTED {}", path.display())),
            Judged::Verdict(Verdict::Declined(_), _) => (UNDECIDED, format!("DECLINED {}", path.display())),
            Judged::Trouble(trouble) => (TROUBLE, trouble.to_string()),
        };
        let findings = match &judged {
            Judged::Verdict(Verdict::Rejected(findings) | Verdict::Declined(findings), _) => &findings[..],
            _ => &[],
        };
        let notes = findings.iter().map(|finding| format!("{}\n", Error::found(path, finding))).collect();
        Ok(Proved { code, line, notes })
    }
}

/// What became of the certificate.
struct Proved {
    code: u8,
    line: String,
    notes: String,
}

fn human(model: &Model, entries: &[Entry], text: &mut String) {
    for entry in entries {
        *text += &entry.text(model);
    }
    for (i, a) in entries.iter().enumerate() {
        for b in &entries[i + 1..] {
            *text += &compared(a, b);
        }
    }
}
