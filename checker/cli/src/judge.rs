//! One certificate from its path to its verdict: bytes → certificate → obligations → verdict.

use crate::files::{Trouble, read_beside, read_certificate};
use crate::{ACCEPTED, DECLINED, REJECTED, TROUBLE};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use tl_import::ImportOptions;
use tl_kernel::diagnostic::Code;
use tl_kernel::{
    Certificate, Diagnostic, Limits, Verdict, conclude, decode, discharge, obligations, refuse,
};

/// How certificates are judged.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Limits of the kernel.
    pub limits: Limits,
    /// The model file that the sentence is to speak of.
    pub model: Option<PathBuf>,
    /// Size of a symbolic batch dimension of the model.
    pub batch: usize,
    /// Threads.
    pub jobs: usize,
}

/// What became of a certificate.
#[derive(Debug)]
pub enum Judged {
    /// The kernel reached a verdict; the text is what `--model` adds to an accepted sentence.
    Verdict(Verdict, String),
    /// There was nothing to judge.
    Trouble(String),
}

impl Judged {
    /// The exit code that it alone leads to.
    pub fn exit_code(&self) -> u8 {
        match self {
            Judged::Verdict(Verdict::Accepted(_), _) => ACCEPTED,
            Judged::Verdict(Verdict::Rejected(_), _) => REJECTED,
            Judged::Verdict(Verdict::Declined(_), _) => DECLINED,
            Judged::Trouble(_) => TROUBLE,
        }
    }
}

/// Judges the certificate at `path`.
pub fn judge(path: &Path, settings: &Settings) -> Judged {
    let limits = &settings.limits;
    let certificate = match load(path, limits) {
        Ok(certificate) => certificate,
        Err(Stop::Finding(finding)) => {
            return Judged::Verdict(refuse(vec![*finding]), String::new());
        }
        Err(Stop::Trouble(trouble)) => return Judged::Trouble(trouble.to_string()),
    };
    let mut about = String::new();
    if let Some(model) = &settings.model {
        let options = ImportOptions {
            batch: settings.batch,
            ..ImportOptions::default()
        };
        let imported = match tl_import::import_onnx(model, &options) {
            Ok(imported) => imported,
            Err(error) => return Judged::Trouble(error.to_string()),
        };
        if let Err(finding) = certificate.is_about(&imported.graph, &imported.parameters) {
            return Judged::Verdict(refuse(vec![finding]), String::new());
        }
        let name = model.file_name().unwrap_or_default().to_string_lossy();
        about = format!(
            ", which is the model {name} (sha256:{}) as tl-import reads it",
            imported.file_digest
        );
    }
    Judged::Verdict(decide(&certificate, limits, settings.jobs), about)
}

enum Stop {
    Finding(Box<Diagnostic>),
    Trouble(Trouble),
}

impl From<Diagnostic> for Stop {
    fn from(finding: Diagnostic) -> Self {
        Stop::Finding(Box::new(finding))
    }
}

fn load(path: &Path, limits: &Limits) -> Result<Certificate, Stop> {
    let bytes = read_certificate(path, limits.json_bytes).map_err(Stop::Trouble)?;
    let document = decode(&bytes, limits)?;
    let (mut files, mut left) = (BTreeMap::new(), limits.file_bytes);
    for (relative, _) in document.files() {
        match read_beside(path, relative, left) {
            Ok(bytes) => {
                left = left.saturating_sub(bytes.len());
                files.insert(relative.to_string(), bytes)
            }
            Err(trouble) if trouble.code == "TL0112" => {
                let place = format!("/files/{}", relative.replace('/', "~1"));
                return Err(Diagnostic::new(Code::FilePath, place, trouble.message).into());
            }
            Err(trouble) => return Err(Stop::Trouble(trouble)),
        };
    }
    Ok(document.bind(&files, limits)?)
}

/// Decides every obligation, `jobs` at a time, and concludes.
fn decide(certificate: &Certificate, limits: &Limits, jobs: usize) -> Verdict {
    let obligations = obligations(certificate);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut results = Vec::new();
        while let Some(&obligation) = obligations.get(next.fetch_add(1, Ordering::Relaxed)) {
            results.push(discharge(certificate, obligation, limits));
        }
        results
    };
    let results = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..jobs.min(obligations.len()))
            .map(|_| scope.spawn(work))
            .collect();
        let mut results = work();
        for helper in helpers {
            let lost = || {
                vec![Err(Diagnostic::new(
                    Code::Internal,
                    "",
                    "a thread ended without a result",
                ))]
            };
            results.extend(helper.join().unwrap_or_else(|_| lost()));
        }
        results
    });
    conclude(certificate, results)
}
