//! `tl view`: a graph, or a run of it with its gradients, as one page that needs no network.

use super::{DONE, ModelArguments};
use crate::cases::read_inputs;
use crate::error::{Code, Error};
use crate::files::write;
use crate::tape::{Id, Run, Tape};
use crate::view::{Source, View};
use clap::{Args, Subcommand};
use std::path::PathBuf;
use tl_kernel::ir::Tensor;

/// The options.
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The graph of a model or of a certificate: shapes, attributes, parameters, and what a certificate says of errors
    Graph {
        #[command(flatten)]
        file: ModelArguments,

        /// The page
        #[arg(short, long, value_name = "FILE.html")]
        output: PathBuf,
    },
    /// A run of it: values, gradients, who contributed what, and the reverse pass step by step
    Tape(Box<TapeArguments>),
}

#[derive(Debug, Args)]
struct TapeArguments {
    #[command(flatten)]
    file: ModelArguments,

    /// Inputs: FILE or NAME=FILE (.npy, .npz, .pb, .safetensors); a certificate has its own
    #[arg(short, long = "input", value_name = "FILE")]
    inputs: Vec<String>,

    /// Which of a certificate's cases
    #[arg(long, default_value_t = 0)]
    case: usize,

    /// The output that is differentiated; default: the first by name
    #[arg(long = "of", value_name = "OUTPUT")]
    of: Option<String>,

    /// The page
    #[arg(short, long, value_name = "FILE.html")]
    output: PathBuf,
}

fn name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Show {
    pub(super) fn run(&self, text: &mut String) -> Result<u8, Error> {
        let output = match &self.what {
            What::Graph { file, output } => {
                let source = Source::read(&file.model, &file.options()?)?;
                let view = View {
                    title: name(&file.model),
                    sentence: source.sentence,
                    graph: &source.model.graph,
                    tape: None,
                    gradients: None,
                    budgets: source.budgets,
                };
                write(output, view.page()?.as_bytes())?;
                output
            }
            What::Tape(tape) => {
                tape.page()?;
                &tape.output
            }
        };
        *text += &format!("{}\n", output.display());
        Ok(DONE)
    }
}

impl TapeArguments {
    fn page(&self) -> Result<(), Error> {
        let path = &self.file.model;
        let source = Source::read(path, &self.file.options()?)?;
        let (model, mut cases) = (&source.model, source.inputs);
        if cases.is_empty() || !self.inputs.is_empty() {
            cases = read_inputs(model, &self.inputs, false)?;
        }
        let count = cases.len();
        let inputs = cases.into_iter().nth(self.case).ok_or_else(|| {
            Error::new(Code::Usage, "--case", format!("there are {count} cases, counted from 0; {} is none", self.case))
        })?;
        let inputs = inputs.into_iter().map(|(name, words)| (name, words.map(|&word| f32::from_bits(word)))).collect();
        let run = Run::default();
        let tape = Tape::replay(&run, &model.graph, &model.parameters, &inputs)?;
        let outputs = model.graph.outputs();
        let of = match &self.of {
            None => outputs.first_key_value(),
            Some(of) => outputs.get_key_value(of),
        };
        let (of, &id) = of.ok_or_else(|| {
            let names: Vec<&str> = outputs.keys().map(String::as_str).collect();
            Error::new(Code::Usage, "--of", format!("no output has this name, but {}", names.join(", ")))
        })?;
        // Of several elements each counts alike.
        let shape = model.graph.nodes()[id].shape.clone();
        let ones = Tensor::new(shape.clone(), vec![1.0; shape.elements()]);
        let gradients = tape.backward(Id(id), ones)?;
        let what = if shape.elements() == 1 { of.clone() } else { format!("the sum of {of}") };
        let view = View {
            title: format!("{}: gradient of {what}", name(path)),
            sentence: source.sentence,
            graph: &model.graph,
            tape: Some(&tape),
            gradients: Some(&gradients),
            budgets: source.budgets,
        };
        write(&self.output, view.page()?.as_bytes())
    }
}
