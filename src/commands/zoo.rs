//! `tl zoo`: networks as lists of layers: listed, shown, counted, checked, and built as graph files.

use super::{DONE, FAILED};
use crate::error::Error;
use crate::files::{Staged, pretty};
use crate::net::{Lowered, Mode, NetSpec};
use crate::zoo::{NETWORKS, grouped, named_or_read, variants};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use tl_kernel::cert::json::Json;
use tl_kernel::ir::attributes::Attribute;

/// The options.
#[derive(Debug, Args)]
pub(super) struct Zoo {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeArgument {
    /// Batch statistics; the masks of dropout are inputs
    Train,
    /// Running statistics as constants; no dropout
    Eval,
}

/// Which network.
#[derive(Debug, Args)]
struct Network {
    /// A name of `tl zoo list`, or a file in the format tl-net/1 (.json)
    #[arg(value_name = "NAME|FILE.json")]
    network: String,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the networks: name, input, parameters, multiply-adds of one sample
    List {
        /// Those of the bestiary too
        #[arg(long)]
        all: bool,

        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a network layer by layer: kind, shape of one sample after it, parameters, multiply-adds
    Show {
        #[command(flatten)]
        network: Network,

        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a network as a file of the format tl-net/1
    Spec {
        #[command(flatten)]
        network: Network,
    },
    /// Print the number of parameters
    Count {
        #[command(flatten)]
        network: Network,

        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Say whether the layers of a network fit one another; exit 1 where they do not
    Check {
        #[command(flatten)]
        network: Network,
    },
    /// Write a network as a graph file (.json) with initial parameters (.safetensors)
    Build {
        #[command(flatten)]
        network: Network,

        /// The graph file; its parameters stand beside it
        #[arg(short, long, value_name = "FILE.json")]
        output: PathBuf,

        /// Samples at one time
        #[arg(long, value_name = "N", default_value_t = 1)]
        batch: usize,

        /// What the graph is for
        #[arg(long, value_enum, default_value_t = ModeArgument::Eval)]
        mode: ModeArgument,

        /// Seed of the initial parameters
        #[arg(long, value_name = "S", default_value_t = 0)]
        seed: u64,
    },
}

impl Network {
    /// The network and its layers, for one sample.
    fn load(&self) -> Result<(NetSpec, Lowered), Error> {
        let spec = named_or_read(&self.network)?;
        let lowered = spec.lower(Mode::Eval, 1)?;
        Ok((spec, lowered))
    }
}

impl Zoo {
    pub(super) fn run(&self, text: &mut String, notes: &mut String) -> Result<u8, Error> {
        match &self.action {
            Action::List { all, json } => list(*all, *json, text)?,
            Action::Show { network, json } => {
                let (spec, lowered) = network.load()?;
                *text += &if *json { pretty(&shown(&spec, &lowered)) } else { layers(&spec, &lowered) };
            }
            Action::Spec { network } => *text += &pretty(&named_or_read(&network.network)?.encode()),
            Action::Count { network, json } => {
                let (spec, lowered) = network.load()?;
                *text += &match json {
                    true => pretty(&Json::object([
                        ("name", Json::string(spec.name)),
                        ("parameters", integer(lowered.count())),
                    ])),
                    false => format!("{}\n", lowered.count()),
                };
            }
            Action::Check { network } => {
                let spec = named_or_read(&network.network)?;
                match spec.lower(Mode::Train, 1) {
                    Err(misfit) => {
                        *notes += &format!("{misfit}\n");
                        return Ok(FAILED);
                    }
                    Ok(lowered) => *text += &summary(&spec, &lowered),
                }
            }
            Action::Build { network, output, batch, mode, seed } => {
                let mode = match mode {
                    ModeArgument::Train => Mode::Train,
                    ModeArgument::Eval => Mode::Eval,
                };
                let spec = named_or_read(&network.network)?;
                let lowered = spec.lower(mode, *batch)?;
                let mut staged = Staged::default();
                lowered.model(output, *seed)?.save(output, &mut staged)?;
                staged.commit()?;
                *text += &summary(&spec, &lowered);
                for (name, shape) in lowered.inputs() {
                    *text += &format!("input       {name} {shape}\n");
                }
                *text += &format!("written     {}\n", output.display());
            }
        }
        Ok(DONE)
    }
}

fn integer(n: u64) -> Json {
    Json::Integer(i64::try_from(n).unwrap_or(i64::MAX))
}

fn summary(spec: &NetSpec, lowered: &Lowered) -> String {
    let output = lowered.layers.last().map_or(String::new(), |layer| layer.output.to_string());
    format!(
        "{}: {} layers, {:?} to {output}, {} parameters, {} multiply-adds\n",
        spec.name,
        spec.layers.len(),
        spec.input,
        grouped(lowered.count()),
        grouped(lowered.multiply_adds()),
    )
}

/// The networks with their figures; of the bestiary those that fit.
fn list(all: bool, json: bool, text: &mut String) -> Result<(), Error> {
    let mut rows: Vec<(&str, NetSpec, Lowered)> = Vec::new();
    for entry in NETWORKS {
        rows.push((entry.name, entry.spec(), entry.lowered()?));
    }
    for variant in variants().filter(|_| all) {
        let spec = variant.spec().ok();
        let lowered = spec.and_then(|spec| spec.lower(Mode::Eval, 1).ok().map(|lowered| (spec, lowered)));
        rows.extend(lowered.map(|(spec, lowered)| (variant.name, spec, lowered)));
    }
    if json {
        let row = |(name, spec, lowered): &(&str, NetSpec, Lowered)| {
            Json::object([
                ("name", Json::string(*name)),
                ("title", Json::string(&*spec.name)),
                ("input", spec.input.encode()),
                ("parameters", integer(lowered.count())),
                ("multiply_adds", integer(lowered.multiply_adds())),
            ])
        };
        *text += &pretty(&Json::Array(rows.iter().map(row).collect()));
        return Ok(());
    }
    let cells = |(name, spec, lowered): &(&str, NetSpec, Lowered)| {
        [name.to_string(), format!("{:?}", spec.input), grouped(lowered.count()), grouped(lowered.multiply_adds())]
    };
    *text += &table(["network", "input", "parameters", "multiply-adds"], rows.iter().map(cells).collect());
    Ok(())
}

/// A network layer by layer.
fn layers(spec: &NetSpec, lowered: &Lowered) -> String {
    let rows = lowered.layers.iter().zip(&spec.layers).enumerate().map(|(i, (row, layer))| {
        let arguments: Vec<String> = layer
            .arguments()
            .iter()
            .map(|(name, value)| format!("{name} {}", value.to_string().trim_matches('"')))
            .collect();
        let what = format!("{i} {} {}", row.word, arguments.join(", "));
        [what.trim_end().to_string(), row.output.to_string(), grouped(row.parameters), grouped(row.multiply_adds)]
    });
    let mut rows: Vec<[String; 4]> = rows.collect();
    rows.push(["total".into(), String::new(), grouped(lowered.count()), grouped(lowered.multiply_adds())]);
    format!("{}, input {:?}\n\n", spec.name, spec.input)
        + &table(["layer", "output", "parameters", "multiply-adds"], rows)
}

fn shown(spec: &NetSpec, lowered: &Lowered) -> Json {
    let row = |(row, layer): (&crate::net::Row, &crate::net::Layer)| {
        Json::object([
            ("layer", Json::string(row.word)),
            ("arguments", Json::Object(layer.arguments())),
            ("output", row.output.dimensions().to_vec().encode()),
            ("parameters", integer(row.parameters)),
            ("multiply_adds", integer(row.multiply_adds)),
        ])
    };
    let parameter = |parameter: &crate::net::Parameter| {
        Json::object([
            ("name", Json::string(&*parameter.name)),
            ("shape", parameter.shape.encode()),
            ("trained", parameter.trained.encode()),
        ])
    };
    Json::object([
        ("name", Json::string(&*spec.name)),
        ("input", spec.input.encode()),
        ("parameters", integer(lowered.count())),
        ("multiply_adds", integer(lowered.multiply_adds())),
        ("layers", Json::Array(lowered.layers.iter().zip(&spec.layers).map(row).collect())),
        ("tensors", Json::Array(lowered.parameters.iter().map(parameter).collect())),
    ])
}

/// Two columns of words and two of numbers, aligned.
fn table(headings: [&str; 4], rows: Vec<[String; 4]>) -> String {
    let rows: Vec<[String; 4]> = [headings.map(String::from)].into_iter().chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [a, b, c, d] = [0, 1, 2, 3].map(width);
    rows.iter().map(|[w, x, y, z]| format!("{w:<a$}  {x:<b$}  {y:>c$}  {z:>d$}\n")).collect()
}
