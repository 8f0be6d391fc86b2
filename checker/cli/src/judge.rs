//! One certificate from its path to its verdict: bytes → certificate → obligations → verdict.

use crate::files::{Trouble, read_beside, read_certificate, read_whole};
use crate::policy::NamedPolicy;
use crate::{ACCEPTED, DECLINED, REJECTED, TROUBLE};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use tl_import::{ImportError, ImportOptions, Model};
use tl_kernel::cert::digest::Digest;
use tl_kernel::diagnostic::Code;
use tl_kernel::policy::Stated;
use tl_kernel::{Certificate, Diagnostic, Limits, Verdict, conclude, decode, discharge, obligations, refuse};

/// How certificates are judged.
#[derive(Debug)]
pub struct Settings {
    /// Limits of the kernel.
    pub limits: Limits,
    /// The model that the sentence is to speak of.
    pub model: Option<NamedModel>,
    /// Threads.
    pub jobs: usize,
}

/// A model as imported from the very bytes that the digest is taken of.
#[derive(Debug)]
pub struct NamedModel {
    name: String,
    digest: Digest,
    model: Model,
}

impl NamedModel {
    /// Imports the file, its open first dimension fixed to `batch`.
    pub fn import(path: &Path, batch: usize) -> Result<Self, Trouble> {
        let options = ImportOptions { batch, ..ImportOptions::default() };
        let bytes = read_whole(path, options.limit)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let refused = |error: ImportError| {
            let message = error.place().in_words(error.title());
            Trouble::new(error.code(), path, message)
        };
        let model = tl_import::import_onnx_bytes(&bytes, Some(folder), &options).map_err(refused)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(NamedModel { name, digest: Digest::of(&bytes), model })
    }
}

/// What became of a certificate.
#[derive(Debug)]
pub enum Judged {
    /// The kernel reached a verdict; the text is what `--model` and `--policy` add to an accepted sentence.
    Verdict(Verdict, String),
    /// There was nothing to judge.
    Trouble(Trouble),
}

impl Judged {
    /// The exit code that it alone leads to.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Judged::Verdict(Verdict::Accepted(_), _) => ACCEPTED,
            Judged::Verdict(Verdict::Rejected(_), _) => REJECTED,
            Judged::Verdict(Verdict::Declined(_), _) => DECLINED,
            Judged::Trouble(_) => TROUBLE,
        }
    }
}

/// Judges the certificate at `path`, `jobs` of its obligations at one time.
pub fn judge(path: &Path, settings: &Settings, jobs: usize) -> Judged {
    judge_under(path, settings, None, jobs)
}

/// The same, where a certificate that states less than the policy demands is rejected.
pub fn judge_under(path: &Path, settings: &Settings, policy: Option<&NamedPolicy>, jobs: usize) -> Judged {
    let limits = &settings.limits;
    let certificate = match load(path, limits) {
        Ok(certificate) => certificate,
        Err(Stop::Finding(finding)) => return Judged::Verdict(refuse(vec![*finding]), String::new()),
        Err(Stop::Trouble(trouble)) => return Judged::Trouble(trouble),
    };
    let (mut about, mut stated) = (String::new(), Stated::by(&certificate));
    if let Some(NamedModel { name, digest, model }) = &settings.model {
        if let Err(finding) = certificate.is_about(&model.graph, &model.parameters) {
            return Judged::Verdict(refuse(vec![finding]), String::new());
        }
        about = format!(", which is the model {name} ({digest:?}) as tl-import reads it");
        (stated.file, stated.assumptions) = (Some(*digest), vec!["importer"]);
    }
    match policy.map(|policy| policy.allows(path, &stated)).transpose() {
        Ok(within) => about += &within.unwrap_or_default(),
        Err(findings) => return Judged::Verdict(refuse(findings), String::new()),
    }
    Judged::Verdict(decide(&certificate, limits, jobs), about)
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
        loop {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let Some(&obligation) = obligations.get(turn) else {
                return results;
            };
            results.push((turn, discharge(certificate, obligation, limits)));
        }
    };
    let mut results = std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..jobs.min(obligations.len())).map(|_| scope.spawn(work)).collect();
        let mut results = work();
        for helper in helpers {
            let lost = || vec![(0, Err(Diagnostic::new(Code::Internal, "", "a thread ended without a result")))];
            results.extend(helper.join().unwrap_or_else(|_| lost()));
        }
        results
    });
    // Whichever thread was first, findings and facts stand in the order of the obligations.
    results.sort_by_key(|(turn, _)| *turn);
    conclude(certificate, results.into_iter().map(|(_, result)| result).collect())
}
