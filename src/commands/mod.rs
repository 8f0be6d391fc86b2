//! The command line of `tl`.
//!
//! Exit codes are those of `tl-check`: 0 done (and ACCEPTED, as expected), 1 REJECTED or not as expected, 2 DECLINED, 3 usage, or a file or value that cannot be used.

mod bisect;
mod bugs;
mod certify;
mod corpus;
mod diff;
mod generate;
mod grad;
mod import;
mod plan;
mod run;
mod view;
mod vjp;
mod worst;
mod zoo;

pub(crate) use certify::settings;

use crate::error::{Code, Error};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use tl_import::ImportOptions;
use tl_kernel::cert::json::{Cursor, Json, parse};
use tl_kernel::context::binary32::Schedule;
use tl_kernel::ir::attributes::Attribute;
use tl_kernel::number::Exact;

/// Done, and whatever was judged is as it should be.
pub const DONE: u8 = 0;
/// A certificate was REJECTED, or an entry of the corpus is not as expected.
pub const FAILED: u8 = 1;
/// A certificate was DECLINED.
pub const UNDECIDED: u8 = 2;
/// Usage, or a file or value that cannot be used.
pub const TROUBLE: u8 = 3;

/// Import neural networks, run them under several readings of the same specification, and write certificates for tl-check.
#[derive(Debug, Parser)]
#[command(name = "tl", version, max_term_width = 110)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read an ONNX model and write it as a graph file (.json) with its parameters (.safetensors)
    Import(import::Import),
    /// Run a model under a reading: float32 on the processor, bit-exact binary32, exact rationals, real balls, or intervals
    Run(run::Run),
    /// Differentiate an output of a model by its inputs and parameters, and write the gradients
    Grad(grad::Grad),
    /// Write a certificate about a model and its recorded outputs, and check it
    Certify(Box<certify::Certify>),
    /// Say whether what runtimes computed is the rounding of the exact values or something else, and where that begins
    Diff(Box<diff::Diff>),
    /// Run ONNX Runtime or PyTorch, record every value on the way, and name the first node at fault
    Bisect(Box<bisect::Bisect>),
    /// Check every certificate of a corpus against what is expected of it
    Corpus(corpus::Corpus),
    /// Write a reference model with seeded parameters, and an input for it
    Generate(generate::Generate),
    /// List the bug zoo with its numbers, or run entries of it: broken, fixed, and the certificates of the difference
    Bugs(bugs::Bugs),
    /// Check a book's 81 items about backpropagation, each with certificates
    Vjp(vjp::Vjp),
    /// Draw a graph, or a run of it with its gradients, as one self-contained page
    View(view::Show),
    /// Networks as lists of layers: list, show, count and check them, and build graph files of them
    Zoo(zoo::Zoo),
    /// Print the JSON Schema of certificates
    Schema,
    /// Print the page of a diagnostic code, such as TL0231
    Explain {
        /// The code, of tl, tl-check or the importer
        code: String,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, of a subcommand where one is named
    Man {
        /// The subcommand
        subcommand: Option<String>,
    },
}

/// Which model, and what its file leaves open.
#[derive(Debug, Args)]
struct ModelArguments {
    /// The model: .onnx, .onnx.gz, or a graph file (.json)
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Size of an open first dimension of an input
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,

    /// Size of an open dimension, by its name in the model
    #[arg(long = "dimension", value_name = "NAME=N")]
    dimensions: Vec<String>,

    /// Make an input a constant, read from a .npy, .npz, .pb or .safetensors file
    #[arg(long = "bind", value_name = "NAME=FILE")]
    bindings: Vec<String>,
}

impl ModelArguments {
    fn options(&self) -> Result<ImportOptions, Error> {
        let (mut dimensions, mut bindings) = (BTreeMap::new(), BTreeMap::new());
        for text in &self.dimensions {
            let size = |size: &str| size.parse().ok().filter(|&size| size > 0);
            let (name, size) = text.split_once('=').and_then(|(name, n)| Some((name, size(n)?))).ok_or_else(|| {
                Error::new(Code::Usage, "--dimension", format!("{text:?} is not NAME=N with N at least 1"))
            })?;
            dimensions.insert(name.to_string(), size);
        }
        for text in &self.bindings {
            let (name, file) = text
                .split_once('=')
                .ok_or_else(|| Error::new(Code::Usage, "--bind", format!("{text:?} is not NAME=FILE")))?;
            let arrays = tl_import::read_arrays(file)?;
            let [array] = <[_; 1]>::try_from(arrays.into_values().collect::<Vec<_>>()).map_err(|arrays| {
                let message = format!("{file} holds {} arrays, an input is bound to a file of one", arrays.len());
                Error::new(Code::Usage, "--bind", message)
            })?;
            bindings.insert(name.to_string(), array);
        }
        Ok(ImportOptions { batch: self.batch, dimensions, bindings, ..ImportOptions::default() })
    }

    fn load(&self) -> Result<crate::Model, Error> {
        crate::Model::load(&self.model, &self.options()?)
    }
}

/// Runs the command with these arguments (the first is the command's name) and returns the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let text = error.render();
            let asked = !error.use_stderr(); // --help, --version
            let told = if asked { write!(out, "{text}") } else { write!(err, "{text}") };
            return if asked && told.is_ok() { DONE } else { TROUBLE };
        }
    };
    let (mut text, mut notes) = (String::new(), String::new());
    let result = match &arguments.command {
        Command::Import(import) => import.run(&mut text),
        Command::Run(run) => run.run(&mut text),
        Command::Grad(grad) => grad.run(&mut text, &mut notes),
        Command::Certify(certify) => certify.run(&mut text, &mut notes),
        Command::Diff(diff) => diff.run(&mut text, &mut notes),
        Command::Bisect(bisect) => bisect.run(&mut text, &mut notes),
        Command::Corpus(corpus) => corpus.run(&mut text, &mut notes),
        Command::Generate(generate) => generate.run(&mut text),
        Command::Bugs(bugs) => bugs.run(&mut text, &mut notes),
        Command::Vjp(vjp) => vjp.run(&mut text),
        Command::View(view) => view.run(&mut text),
        Command::Zoo(zoo) => zoo.run(&mut text, &mut notes),
        Command::Schema => schema(&mut text),
        Command::Explain { code } => explain(code, &mut text),
        Command::Completions { shell } => completions(*shell, &mut text),
        Command::Man { subcommand } => man(subcommand.as_deref(), &mut text),
    };
    let code = result.unwrap_or_else(|error| {
        text.clear(); // half a table is no answer
        notes += &format!("{error}\n");
        TROUBLE
    });
    let told = out.write_all(text.as_bytes()).and_then(|()| out.flush()).and_then(|()| err.write_all(notes.as_bytes()));
    if told.is_err() { TROUBLE } else { code }
}

fn schema(text: &mut String) -> Result<u8, Error> {
    let schema =
        crate::schema::schema().map_err(|finding| Error::new(Code::Usage, "the schema", finding.to_string()))?;
    *text += &crate::files::pretty(&schema);
    Ok(DONE)
}

fn explain(code: &str, text: &mut String) -> Result<u8, Error> {
    match Code::ALL.iter().find(|known| known.id().eq_ignore_ascii_case(code)) {
        Some(known) => *text += &format!("# {}: {}\n\n{}\n", known.id(), known.title(), known.help()),
        None => {
            *text += tl_check::page(code)
                .ok_or_else(|| Error::new(Code::Usage, "explain", format!("no code is called {code:?}")))?;
        }
    }
    Ok(DONE)
}

/// The JSON value in an option: text, or `@FILE`.
fn parse_json(option: &str, text: &str) -> Result<Json, Error> {
    let cannot = |message: String| Error::new(Code::Usage, option, message);
    let json = match text.strip_prefix('@') {
        None => text.as_bytes().to_vec(),
        Some(file) => std::fs::read(file).map_err(|error| cannot(format!("{file} cannot be read: {error}")))?,
    };
    parse(&json).map_err(|finding| cannot(finding.to_string()))
}

/// The schedule in an option.
fn parse_schedule(text: &str) -> Result<Schedule, Error> {
    let schedule = Schedule::decode(Cursor::root(parse_json("--schedule", text)?));
    schedule.map_err(|finding| Error::new(Code::Usage, "--schedule", finding.to_string()))
}

/// The exact number in an option; a negative one is refused.
fn parse_exact(option: &str, text: &str) -> Result<Exact, Error> {
    let cannot = |message: String| Error::new(Code::Usage, option, message);
    let value = Exact::parse(text).map_err(cannot)?;
    if value.is_negative() { Err(cannot(format!("{value} is negative"))) } else { Ok(value) }
}

fn completions(shell: clap_complete::Shell, text: &mut String) -> Result<u8, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "tl", &mut script);
    *text += &String::from_utf8_lossy(&script);
    Ok(DONE)
}

fn man(subcommand: Option<&str>, text: &mut String) -> Result<u8, Error> {
    let mut command = Arguments::command();
    command.build();
    if let Some(name) = subcommand {
        let unknown = || Error::new(Code::Usage, "man", format!("tl has no subcommand {name:?}"));
        command = command.find_subcommand(name).ok_or_else(unknown)?.clone();
    }
    let mut page = Vec::new();
    let written = clap_mangen::Man::new(command).render(&mut page);
    written.map_err(|error| Error::new(Code::Write, "man", error.to_string()))?;
    *text += &String::from_utf8_lossy(&page);
    Ok(DONE)
}
