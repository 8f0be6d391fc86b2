//! `tl generate`: a reference model with seeded or written parameters, and an input for it.

use super::DONE;
use super::import::summary;
use crate::error::Error;
use crate::files::{Staged, make_folder, tensors};
use crate::generate::{self, gaps};
use clap::Args;
use std::path::PathBuf;

/// The options.
#[derive(Debug, Args)]
pub(super) struct Generate {
    /// The model: mlp, mnist_cnn, attention, conv_groups; absorb_const, absorb_trigger, zombori_step, mnist256x2_absorb (from the data in $TL_DATA)
    #[arg(value_name = "NAME")]
    name: String,

    /// The folder for NAME.json, NAME.safetensors and NAME.input.npz
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

impl Generate {
    pub(super) fn run(&self, text: &mut String) -> Result<u8, Error> {
        let reference = if self.name == gaps::MNIST {
            let data = generate::data_folder();
            let Some(reference) = gaps::mnist(&data)? else {
                *text += &gaps::skipped(gaps::MNIST, &data, &gaps::MNIST_FILES);
                return Ok(DONE);
            };
            reference
        } else {
            generate::reference(&self.name)?
        };
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
