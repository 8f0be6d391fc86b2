//! `tl import`: an ONNX model as a graph file, with a summary.

use super::{DONE, ModelArguments};
use crate::error::{Code, Error};
use crate::files::{Staged, make_folder};
use crate::model::{Model, is_onnx};
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The options.
#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    model: ModelArguments,

    /// The graph file, or the folder that it is written in under the model's name; default: the working folder
    #[arg(short, long, value_name = "DIR|FILE.json")]
    output: Option<PathBuf>,
}

impl Import {
    pub(super) fn run(&self, text: &mut String) -> Result<u8, Error> {
        if !is_onnx(&self.model.model) {
            return Err(Error::new(
                Code::ModelFile,
                self.model.model.display(),
                "only .onnx and .onnx.gz files are imported",
            ));
        }
        let model = self.model.load()?;
        let name = self.model.model.file_name().unwrap_or_default().to_string_lossy();
        let name = name.trim_end_matches(".gz").trim_end_matches(".onnx");
        let path = match &self.output {
            Some(path) if path.extension().is_some_and(|e| e == "json") => path.clone(),
            Some(folder) => {
                make_folder(folder)?;
                folder.join(format!("{name}.json"))
            }
            None => PathBuf::from(format!("{name}.json")),
        };
        let mut staged = Staged::default();
        model.save(&path, &mut staged)?;
        staged.commit()?;
        *text += &summary(&model);
        *text += &format!("written     {}\n", path.display());
        Ok(DONE)
    }
}

/// Inputs, outputs, nodes by operation, parameters and work.
pub(super) fn summary(model: &Model) -> String {
    let mut text = String::new();
    for (role, tensors) in [("input", model.inputs()), ("output", model.outputs())] {
        for (name, shape) in tensors {
            text += &format!("{role:<11} {name} {shape}\n");
        }
    }
    let mut operations = BTreeMap::new();
    for node in model.graph.nodes().iter().filter(|node| !node.op.is_source()) {
        *operations.entry(node.op.name()).or_insert(0usize) += 1;
    }
    let counts: Vec<String> = operations.iter().map(|(op, n)| format!("{op} {n}")).collect();
    text += &format!("nodes       {} ({})\n", operations.values().sum::<usize>(), counts.join(", "));
    let elements: usize = model.parameters.values().map(|tensor| tensor.data().len()).sum();
    text += &format!("parameters  {} in {} tensors\n", grouped(elements as u64), model.parameters.len());
    text + &format!("work        {} multiply-adds\n", grouped(model.graph.work()))
}

/// The number with a comma after every third digit from the right.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}
