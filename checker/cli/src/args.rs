//! The command line.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use tl_kernel::Limits;

/// Decide certificates about neural networks: ACCEPTED (exit 0), REJECTED (1), DECLINED (2); 3 is usage or a file that
/// cannot be read.
#[derive(Debug, Parser)]
#[command(name = "tl-check", version, max_term_width = 110)]
pub(crate) struct Arguments {
    /// Certificates, or folders that are searched for .json files
    #[arg(required_unless_present_any = ["explain", "print_assumptions", "completions", "man"])]
    pub(crate) paths: Vec<PathBuf>,

    /// Import this model and speak of it: its graph and parameters must be those of every certificate
    #[arg(long, value_name = "FILE.onnx")]
    pub(crate) model: Option<PathBuf>,

    /// Size that a symbolic batch dimension of --model is given
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) batch: usize,

    /// Reject what states less than this policy demands
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) policy: Option<PathBuf>,

    /// Form of the report
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,

    /// Write the report here, all of it or nothing; verdicts are then printed for people
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Append a summary in Markdown, as GitHub shows it for a job
    #[arg(long, value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,

    /// Say nothing about what is accepted
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// Colours; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, default_value_t = Colours::Auto, value_name = "WHEN")]
    pub(crate) color: Colours,

    /// Certificates judged at one time; of one certificate alone, its cases
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) jobs: usize,

    /// Bits of precision at which an undecided claim is declined (32 to 4096)
    #[arg(long, value_name = "B", default_value_t = Limits::default().precision, value_parser = clap::value_parser!(u64).range(32..=4096))]
    pub(crate) max_precision: u64,

    /// Largest certificate, in bytes of JSON
    #[arg(long, value_name = "N", default_value_t = Limits::default().json_bytes)]
    pub(crate) max_json_bytes: usize,

    /// Most bytes of tensor files together
    #[arg(long, value_name = "N", default_value_t = Limits::default().file_bytes)]
    pub(crate) max_file_bytes: usize,

    /// Most nodes of a graph
    #[arg(long, value_name = "N", default_value_t = Limits::default().nodes)]
    pub(crate) max_nodes: usize,

    /// Most elements alive at one time in an evaluation; a real number counts as six or more
    #[arg(long, value_name = "N", default_value_t = Limits::default().elements)]
    pub(crate) max_elements: usize,

    /// Most work of all cases, in multiply-adds of a dot product
    #[arg(long, value_name = "N", default_value_t = Limits::default().work)]
    pub(crate) max_work: u64,

    /// Print the page of a diagnostic code, such as TL0231
    #[arg(long, value_name = "CODE")]
    pub(crate) explain: Option<String>,

    /// Print what every verdict rests on
    #[arg(long)]
    pub(crate) print_assumptions: bool,

    /// Print completions for a shell
    #[arg(long, value_name = "SHELL")]
    pub(crate) completions: Option<clap_complete::Shell>,

    /// Print the manual page
    #[arg(long)]
    pub(crate) man: bool,
}

/// Forms of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A sentence a certificate on stdout, diagnostics on stderr.
    Human,
    /// One JSON array.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// JUnit XML, a test case a certificate.
    Junit,
    /// Sentences and GitHub's workflow commands, at most ten of each kind.
    Github,
}

/// When to colour what people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colours {
    /// On a terminal that wants them.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Arguments {
    /// The limits that the options state.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            json_bytes: self.max_json_bytes,
            file_bytes: self.max_file_bytes,
            nodes: self.max_nodes,
            elements: self.max_elements,
            work: self.max_work,
            precision: self.max_precision,
        }
    }
}
