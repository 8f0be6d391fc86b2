//! The bug zoo: famous mistakes around floats in neural networks, each as a broken and a fixed graph with numbers, and the certificates that prove the difference.
//!
//! The idea of a zoo of contracts is TorchLean's (its `BugZoo`); here every entry has inputs, the binary32 result bit by bit under a stated order of sums, the exact real
//! value, and certificates that `tl-check` accepts or rejects as it should. Where the formula is right and rounding is not, a `divergence` says so of the broken version;
//! where the formula is wrong, its result is held against the right graph, and REJECTED. Either way the fixed version is within a tight tolerance.
//!
//! One file an entry: what is wrong, what repairs it, and the two programs. [`report`] runs them; `docs/bugs.md` is generated from what it finds.

mod average_counts_padding;
mod batch_invariance;
mod epsilon_outside_root;
mod fused_multiply_add;
mod ignored_labels;
mod layer_norm_one_feature;
mod log_of_softmax;
mod mask_absorbs_scores;
mod mask_blocked_row;
mod networks;
mod pad_id_out_of_range;
mod pad_row_in_mean;
mod page;
mod report;
mod rope_off_by_one;
mod sequential_sum;
mod silent_broadcast;
mod softmax_overflow;
mod tf32_products;
mod variance_cancels;

pub use page::{page, table};
pub use report::{Judgement, Report, report};

use crate::certificate::Statement;
use crate::error::Error;
use crate::generate::draft::Draft;
use crate::model::Model;
use std::path::Path;
use tl_kernel::cert::json::Json;
use tl_kernel::claim::Execution;
use tl_kernel::context::binary32::schedule::{BiasPosition, Order, Schedule};
use tl_kernel::ir::attributes::Attribute;
use tl_kernel::ir::evaluate::Named;

/// Every entry, the networks last.
pub const ENTRIES: &[Entry] = &[
    softmax_overflow::ENTRY,
    log_of_softmax::ENTRY,
    variance_cancels::ENTRY,
    sequential_sum::ENTRY,
    fused_multiply_add::ENTRY,
    batch_invariance::ENTRY,
    mask_absorbs_scores::ENTRY,
    mask_blocked_row::ENTRY,
    layer_norm_one_feature::ENTRY,
    tf32_products::ENTRY,
    epsilon_outside_root::ENTRY,
    rope_off_by_one::ENTRY,
    average_counts_padding::ENTRY,
    ignored_labels::ENTRY,
    pad_row_in_mean::ENTRY,
    pad_id_out_of_range::ENTRY,
    silent_broadcast::ENTRY,
    networks::ABSORB_CONST,
    networks::ABSORB_TRIGGER,
    networks::ZOMBORI_STEP,
    networks::MNIST_ABSORB,
    networks::ACASXU,
];

/// An entry of the zoo.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name, as `tl bugs run` takes it.
    pub name: &'static str,
    /// What is wrong, in a few words.
    pub wrong: &'static str,
    /// How it comes about.
    pub story: &'static str,
    /// What the fixed version does.
    pub repair: &'static str,
    build: Build,
}

/// Where an entry comes from.
#[derive(Clone, Copy, Debug)]
enum Build {
    /// It is written out.
    Written(fn() -> Bug),
    /// It is a reference network of ours.
    Network(fn() -> Bug),
    /// It is made from these files below the data folder.
    Published(&'static [&'static str], fn(&Path) -> Result<Bug, Error>),
}

impl Entry {
    /// The entry of this name.
    pub fn named(name: &str) -> Option<&'static Entry> {
        ENTRIES.iter().find(|entry| entry.name == name)
    }

    /// The programs and claims; `None` where the data that it is made from are not in the folder `data`.
    pub fn bug(&self, data: &Path) -> Result<Option<Bug>, Error> {
        match self.build {
            Build::Written(build) | Build::Network(build) => Ok(Some(build())),
            Build::Published(files, build) if files.iter().all(|file| data.join(file).exists()) => {
                build(data).map(Some)
            }
            Build::Published(..) => Ok(None),
        }
    }

    /// The files below the data folder that it is made from; none where it is our own, and its certificates are in the corpus.
    pub fn files(&self) -> &'static [&'static str] {
        match self.build {
            Build::Published(files, _) => files,
            _ => &[],
        }
    }

    /// The name of its certificate about `claim`, without an extension.
    pub fn certificate(&self, claim: &str) -> String {
        let prefix = if matches!(self.build, Build::Written(_)) { "bug_" } else { "" };
        format!("{prefix}{}_{claim}", self.name)
    }
}

/// A graph with parameters, what it is run on, and how.
#[derive(Clone, Debug)]
pub struct Program {
    /// The graph and its parameters.
    pub model: Model,
    /// The inputs.
    pub inputs: Named<u32>,
    /// Rounding, and the order of sums.
    pub execution: Execution,
    /// What came out, where that is not the result of the execution.
    pub recorded: Option<Named<u32>>,
}

/// One of the two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The one with the mistake.
    Broken,
    /// The one without.
    Fixed,
}

/// A claim about the difference.
#[derive(Clone, Debug)]
pub struct Claim {
    /// What its certificate is called after the entry.
    pub name: &'static str,
    /// What it shows.
    pub about: String,
    /// Whose graph, parameters and inputs it is about.
    pub model: Version,
    /// Whose outputs it lists.
    pub outputs: Version,
    /// What it states.
    pub statement: Statement,
    /// The code with which it is rejected; `None` where it is accepted.
    pub refused: Option<&'static str>,
    /// A change to the text of the certificate, for what our own types cannot say.
    pub edit: Option<(&'static str, &'static str)>,
}

/// A mistake and its repair.
#[derive(Clone, Debug)]
pub struct Bug {
    /// The version with the mistake.
    pub broken: Program,
    /// The version without.
    pub fixed: Program,
    /// The output and the element at which the figures are taken.
    pub at: (&'static str, Vec<usize>),
    /// What is proved.
    pub claims: Vec<Claim>,
    /// A file for the parameters, where they are too many to stand in the certificates.
    pub parameters: Option<&'static str>,
}

/// Sums from the left to the right, the bias last.
fn sequential(fma: bool) -> Schedule {
    Schedule::new(Order::Sequential, fma, BiasPosition::Last)
}

/// An execution with this schedule everywhere.
fn scheduled(schedule: Schedule) -> Execution {
    Execution { schedule, ..Execution::default() }
}

impl Program {
    /// A program whose sums run from the left.
    fn new(draft: Draft) -> Self {
        let model = Model::new(Path::new("a graph of the zoo"), draft.graph, draft.parameters);
        let model = model.unwrap_or_else(|error| panic!("{error}"));
        Program { model, inputs: draft.inputs, execution: Execution::default(), recorded: None }
    }

    /// The program with this order of sums.
    fn in_order(self, schedule: Schedule) -> Self {
        Program { execution: scheduled(schedule), ..self }
    }
}

/// `y − s` is zero but for so many units in the last place of y.
fn ulps(ulps: &str) -> Statement {
    Statement::Forward { abs: "0".into(), rel: "0".into(), ulps: ulps.into(), slack: "1".into() }
}

/// `|y − s|` is at most this.
fn within(abs: &str) -> Statement {
    Statement::Forward { abs: abs.into(), rel: "0".into(), ulps: "0".into(), slack: "1".into() }
}

/// `coefficient · output[index] + …` is at most zero.
fn at_most_zero(output: &str, terms: &[(&[usize], &str)]) -> Json {
    let term = |&(index, coefficient): &(&[usize], &str)| {
        let index = index.to_vec().encode();
        let coefficient = Json::string(coefficient);
        Json::object([("output", Json::string(output)), ("index", index), ("coefficient", coefficient)])
    };
    Json::object([("terms", Json::Array(terms.iter().map(term).collect())), ("at_most", Json::string("0"))])
}

impl Bug {
    fn new(broken: Program, fixed: Program, output: &'static str, index: &[usize]) -> Self {
        Bug { broken, fixed, at: (output, index.to_vec()), claims: Vec::new(), parameters: None }
    }

    fn claim(
        mut self,
        name: &'static str,
        [model, outputs]: [Version; 2],
        statement: Statement,
        refused: Option<&'static str>,
        about: &str,
    ) -> Self {
        let about = about.to_string();
        self.claims.push(Claim { name, about, model, outputs, statement, refused, edit: None });
        self
    }

    /// That the broken version and its own real meaning part ways so.
    fn diverges_in(self, gap: Json, about: &str) -> Self {
        let statement = Statement::Divergence { execution: self.broken.execution.clone(), gap };
        self.claim("divergence", [Version::Broken; 2], statement, None, about)
    }

    /// That the element of the broken version is not finite, or farther than `abs` from its real value.
    fn diverges(self, abs: &str, about: &str) -> Self {
        let beyond = Json::object([("abs", Json::string(abs)), ("rel", Json::string("0"))]);
        let (output, index) = (Json::string(self.at.0), self.at.1.encode());
        let gap = [("kind", Json::string("element")), ("output", output), ("index", index), ("beyond", beyond)];
        self.diverges_in(Json::object(gap), about)
    }

    /// That the element at `index` is the greatest in binary32 and not over the reals.
    fn diverges_in_argmax(self, index: &[usize], about: &str) -> Self {
        let (output, index) = (Json::string(self.at.0), index.to_vec().encode());
        self.diverges_in(Json::object([("kind", Json::string("argmax")), ("output", output), ("index", index)]), about)
    }

    /// That the property holds of the broken version in binary32 and not over the reals (`binary32`), or the other way around.
    fn diverges_in_decision(self, property: Vec<Vec<Json>>, binary32: bool, about: &str) -> Self {
        let property = Json::Array(property.into_iter().map(Json::Array).collect());
        let gap = [("kind", Json::string("decision")), ("property", property), ("binary32", Json::Bool(binary32))];
        self.diverges_in(Json::object(gap), about)
    }

    /// That what the broken version computes is not what the right graph means: rejected.
    fn broken_is_refused(self, statement: Statement, about: &str) -> Self {
        self.claim("broken", [Version::Fixed, Version::Broken], statement, Some("TL0231"), about)
    }

    /// That the fixed version is near what the right graph means.
    fn fixed_is_near(self, statement: Statement, about: &str) -> Self {
        self.claim("fixed", [Version::Fixed; 2], statement, None, about)
    }
}
