//! `tl generate`: a reference model with seeded parameters, and an input for it.

use super::DONE;
use super::import::summary;
use crate::error::Error;
use crate::files::{Staged, make_folder, tensors};
use crate::generate;
use clap::Args;
use std::path::PathBuf;

/// The options.
#[derive(Debug, Args)]
pub(super) struct Generate {
    /// The model: mlp, mnist_cnn, attention or conv_groups
    #[arg(value_name = "NAME")]
    name: String,

    /// The folder for NAME.json, NAME.safetensors and NAME.input.npz
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

impl Generate {
    pub(super) fn run(&self, text: &mut String) -> Result<u8, Error> {
        let reference = generate::reference(&self.name)?;
        make_folder(&self.output)?;
        let path = self.output.join(format!("{}.json", self.name));
        let mut staged = Staged::default();
        reference.model.save(&path, &mut staged)?;
        let input = path.with_extension("input.npz");
        staged.add(&input, &tensors(&input, &reference.inputs)?)?;
        staged.commit()?;
        *text += &summary(&reference.model);
        *text += &format!("written     {}\n", path.display());
        Ok(DONE)
    }
}
