//! `tl corpus`: every certificate of a corpus against what is expected of it.
//!
//! A corpus is a folder with `accept`, `reject` and `decline`. Beside each certificate `NAME.json` stands `NAME.expect`:
//!
//! ```text
//! run: tl-check NAME.json
//! exit: 1
//! code: TL0231
//! stdout:
//! REJECTED NAME.json: TL0231 the recorded output is outside its tolerance.
//! stderr:
//! error[TL0231]: the recorded output is outside its tolerance
//!   …
//! ```
//!
//! `run` is the command as it is typed in the folder of the file; `code` is the first code on stderr and absent where something is accepted; the rest is
//! what the command prints. With `BLESS=1` in the environment the file is written anew, `run` as it was.
//! Tensor files that a certificate names under `generated/` are made first where they are missing (`tl generate`).

use super::{DONE, FAILED};
use crate::error::{Code, Error};
use crate::files::{make_folder, safetensors, write};
use crate::generate;
use clap::Args;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tl_kernel::{Limits, decode};

/// The options.
#[derive(Debug, Args)]
pub(super) struct Corpus {
    /// The corpus
    #[arg(value_name = "DIR", default_value = "certs")]
    folder: PathBuf,
}

/// The folders, with the exit code that everything in them has.
const FOLDERS: [(&str, &[u8]); 3] = [("accept", &[0]), ("reject", &[1, 3]), ("decline", &[2])];

/// What is expected of a run, or what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Outcome {
    run: String,
    exit: u8,
    code: Option<String>,
    stdout: String,
    stderr: String,
}

impl Corpus {
    pub(super) fn run(&self, text: &mut String, notes: &mut String) -> Result<u8, Error> {
        let bless = std::env::var_os("BLESS").is_some_and(|value| value == "1");
        let (mut rows, mut wrong) = (Vec::new(), 0usize);
        for (folder, exits) in FOLDERS {
            for path in entries(&self.folder.join(folder))? {
                generate_missing(&path)?;
                let expected = expectation(&path, bless)?;
                let started = Instant::now();
                let (found, claim) = (perform(&self.folder.join(folder), &expected.run), claim_of(&path));
                let seconds = started.elapsed().as_secs_f64();
                let mut problem = difference(&expected, &found);
                if bless {
                    write(&path.with_extension("expect"), found.render().as_bytes())?;
                    problem = None;
                }
                if !exits.contains(&found.exit) {
                    problem = Some(format!("exit {} does not belong in {folder}", found.exit));
                }
                let verdict = ["ACCEPTED", "REJECTED", "DECLINED", "TROUBLE"]
                    .get(usize::from(found.exit))
                    .copied()
                    .unwrap_or("?");
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                let code = found.code.as_deref().unwrap_or("-");
                let mark = if problem.is_none() { "ok" } else { "NOT AS EXPECTED" };
                rows.push([
                    format!("{folder}/{name}"),
                    claim,
                    verdict.into(),
                    code.into(),
                    format!("{seconds:.2}"),
                    mark.into(),
                ]);
                if let Some(problem) = problem {
                    wrong += 1;
                    *notes += &format!("not as expected: {}\n  {problem}\n", path.display());
                }
            }
        }
        if rows.is_empty() {
            return Err(Error::new(
                Code::Corpus,
                self.folder.display(),
                "no certificate (.json) is in accept, reject or decline",
            ));
        }
        *text += &table(&rows);
        *text += &format!("{} certificates, {} as expected, {wrong} not\n", rows.len(), rows.len() - wrong);
        Ok(if wrong == 0 { DONE } else { FAILED })
    }
}

/// The certificates of a folder in byte order; none where there is no folder.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let unreadable =
        |error: std::io::Error| Error::new(Code::Read, folder.display(), format!("it cannot be read: {error}"));
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|e| e == "json"));
    paths.sort();
    Ok(paths)
}

/// Makes the reference parameters that the certificate names and that are not there.
fn generate_missing(path: &Path) -> Result<(), Error> {
    let Ok(document) = fs::read(path).map_err(drop).and_then(|bytes| decode(&bytes, &Limits::default()).map_err(drop))
    else {
        return Ok(()); // a certificate that is to be rejected
    };
    for (relative, _) in document.files() {
        let file = path.parent().unwrap_or(Path::new("")).join(relative);
        let name = relative.strip_prefix("generated/").and_then(|name| name.strip_suffix(".safetensors"));
        if let Some(name) = name.filter(|name| generate::NAMES.contains(name) && !file.exists()) {
            make_folder(crate::files::folder_of(&file))?;
            write(&file, &safetensors(&generate::reference(name)?.model.parameters)?)?;
        }
    }
    Ok(())
}

/// The kind of claim, as far as the certificate can be read.
fn claim_of(path: &Path) -> String {
    use tl_kernel::cert::json::{Cursor, parse};
    let kind = || {
        let json = parse(&fs::read(path).ok()?).ok()?;
        Cursor::root(json).object().ok()?.take("claim").ok()?.object().ok()?.take("kind").ok()?.string().ok()
    };
    kind().unwrap_or_else(|| "-".into())
}

fn expectation(path: &Path, bless: bool) -> Result<Outcome, Error> {
    let file = path.with_extension("expect");
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let usual = format!("tl-check {name}");
    match fs::read_to_string(&file) {
        Ok(text) => Outcome::parse(&text).map_err(|message| Error::new(Code::Corpus, file.display(), message)),
        Err(_) if bless => Ok(Outcome { run: usual, ..Outcome::default() }),
        Err(error) => {
            Err(Error::new(Code::Corpus, file.display(), format!("it cannot be read: {error} (BLESS=1 writes it)")))
        }
    }
}

impl Outcome {
    fn parse(text: &str) -> Result<Self, String> {
        let (head, printed) = text.split_once("stdout:\n").ok_or("there is no line `stdout:`")?;
        let (stdout, stderr) = printed.split_once("stderr:\n").ok_or("there is no line `stderr:`")?;
        let mut outcome = Outcome { stdout: stdout.into(), stderr: stderr.into(), ..Outcome::default() };
        for line in head.lines() {
            match line.split_once(": ") {
                Some(("run", run)) => outcome.run = run.into(),
                Some(("exit", exit)) => outcome.exit = exit.parse().map_err(|_| format!("{exit:?} is no exit code"))?,
                Some(("code", code)) => outcome.code = Some(code.into()),
                _ => return Err(format!("the line {line:?} is none of run, exit, code")),
            }
        }
        if outcome.run.split(' ').next() != Some("tl-check") {
            return Err(format!("the command {:?} is not tl-check", outcome.run));
        }
        Ok(outcome)
    }

    fn render(&self) -> String {
        let code = self.code.as_ref().map_or(String::new(), |code| format!("code: {code}\n"));
        let Outcome { run, exit, stdout, stderr, .. } = self;
        format!("run: {run}\nexit: {exit}\n{code}stdout:\n{stdout}stderr:\n{stderr}")
    }
}

/// Runs `tl-check` as if in `folder`: certificates are meant there, and what is printed names them as the command does.
fn perform(folder: &Path, run: &str) -> Outcome {
    let argument = |word: &str| match word.strip_suffix(".json") {
        Some(_) => folder.join(word).into_os_string(),
        None => OsString::from(word),
    };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let exit = tl_check::run(run.split(' ').map(argument), &mut out, &mut err);
    let here = format!("{}/", folder.display());
    let [stdout, stderr] = [out, err].map(|bytes| String::from_utf8_lossy(&bytes).replace(&here, ""));
    let code = stderr.lines().find_map(|line| {
        let rest = line.strip_prefix("error[").or_else(|| line.strip_prefix("declined["))?;
        rest.split(']').next().map(str::to_string)
    });
    Outcome { run: run.into(), exit, code, stdout, stderr }
}

/// What of the outcome is not as expected, if anything.
fn difference(expected: &Outcome, found: &Outcome) -> Option<String> {
    let verdict =
        |outcome: &Outcome| format!("exit {} ({})", outcome.exit, outcome.code.as_deref().unwrap_or("no code"));
    let rows = [
        ("verdict", verdict(expected), verdict(found)),
        ("stdout", expected.stdout.clone(), found.stdout.clone()),
        ("stderr", expected.stderr.clone(), found.stderr.clone()),
    ];
    let (what, expected, found) = rows.into_iter().find(|(_, expected, found)| expected != found)?;
    Some(format!("{what}\n  expected {expected:?}\n  found    {found:?}"))
}

/// Rows under headings, columns aligned.
fn table(rows: &[[String; 6]]) -> String {
    let headings = ["certificate", "claim", "verdict", "code", "seconds", "as expected"].map(String::from);
    let all = || [&headings].into_iter().chain(rows);
    let width = |column: usize| all().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let line = |row: &[String; 6]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    all().map(line).collect()
}
