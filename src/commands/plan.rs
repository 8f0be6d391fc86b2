//! The options of commands that may run a compiled graph.

use crate::compiled::{Compiled, Options};
use crate::error::{Code, Error};
use crate::model::Model;
use clap::Args;
use tl_kernel::ir::attributes::Attribute;

/// Whether the graph is compiled, and how.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// Plan the graph first, and run the plan: sums in any order, elementary functions within a few units in the last place
    #[arg(long)]
    compiled: bool,

    /// Let the plan keep the engine's own order of sums, and print it as certificates have it (`tl certify --claim exec --schedule`)
    #[arg(long, requires = "compiled")]
    deterministic: bool,

    /// Threads of the plan; no result depends on them
    #[arg(long, value_name = "N", requires = "compiled", default_value_t = 1)]
    threads: usize,
}

impl Plan {
    /// The compiled graph, if one is asked for; `others` are options that it cannot have, and whether they are given.
    pub(super) fn of(
        &self,
        model: &Model,
        gradients: bool,
        others: &[(&str, bool)],
    ) -> Result<Option<Compiled>, Error> {
        if !self.compiled {
            return Ok(None);
        }
        if let Some((option, _)) = others.iter().find(|(_, given)| *given) {
            let message =
                format!("a plan runs under the reading f32 and its own order of sums: it cannot have {option}");
            return Err(Error::new(Code::Usage, "--compiled", message));
        }
        let options =
            Options { threads: self.threads, deterministic: self.deterministic, gradients, inputs: gradients };
        Compiled::new(&model.graph, &model.parameters, options).map(Some)
    }
}

/// The line with the order of sums, where the graph keeps one.
pub(super) fn schedule(compiled: &Compiled) -> String {
    compiled.schedule().map_or_else(String::new, |schedule| format!("schedule    {}\n", schedule.encode()))
}
