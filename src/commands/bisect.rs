//! `tl bisect`: runs ONNX Runtime or PyTorch itself, records every value on the way, and names the first node at fault.

use super::ModelArguments;
use super::diff::{Telling, one_case};
use crate::diff::recorder::{Recorder, Runtime};
use crate::diff::recording::{Reading, Recording, read};
use crate::error::{Code, Error};
use clap::Args;
use std::path::PathBuf;

/// The options.
#[derive(Debug, Args)]
pub(super) struct Bisect {
    #[command(flatten)]
    model: ModelArguments,

    /// A tensor for an input: .npy, .npz, .pb or .safetensors
    #[arg(short, long = "input", value_name = "[NAME=]FILE")]
    inputs: Vec<String>,

    /// What runs the model: onnxruntime[:none|basic|extended|all] (how far the graph is optimised) or torch (the operators of the file in eager PyTorch)
    #[arg(long, value_name = "RUNTIME", default_value = "onnxruntime")]
    runtime: Runtime,

    /// A second one
    #[arg(long, value_name = "RUNTIME")]
    against: Option<Runtime>,

    /// The Python that runs them; default: TL_PYTHON, else python3
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,

    /// Keep the recordings here, as LABEL.npz
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,

    /// Take tensors of another shape with as many elements, row-major
    #[arg(long)]
    reshape: bool,

    #[command(flatten)]
    telling: Telling,
}

impl Bisect {
    pub(super) fn run(&self, text: &mut String, notes: &mut String) -> Result<u8, Error> {
        let model = self.model.load()?;
        let inputs = one_case(&model, &self.inputs, self.reshape)?;
        let recorder = Recorder::new(self.python.as_deref())?;
        let mut recordings: Vec<Recording> = Vec::new();
        let how = Reading { reshape: false, skip_unknown: true };
        for runtime in [Some(&self.runtime), self.against.as_ref()].into_iter().flatten() {
            let label = runtime.label();
            if recordings.iter().any(|recording| recording.label == label) {
                return Err(Error::new(Code::Usage, "--against", format!("{label} would be compared with itself")));
            }
            let file = recorder.record(&self.model.model, &self.model.bindings, &inputs, runtime)?;
            if let Some(folder) = &self.keep {
                crate::files::make_folder(folder)?;
                let kept = folder.join(format!("{label}.npz"));
                let bytes = std::fs::read(&file)
                    .map_err(|error| Error::new(Code::Read, file.display(), format!("it cannot be read: {error}")))?;
                crate::files::write(&kept, &bytes)?;
            }
            recordings.extend(read(&model, &[], &[format!("{label}:{}", file.display())], how)?);
        }
        self.telling.tell(&model, &inputs, &recordings, text, notes)
    }
}
