//! `tl-check`: the shell around the trusted kernel. It finds and reads files, runs obligations on threads, prints verdicts, and decides nothing.
//!
//! Exit codes: 0 ACCEPTED, 1 REJECTED, 2 DECLINED, 3 usage or a file that cannot be read; of several certificates the worst, in the order 3, 1, 2, 0.
//! stdout carries verdict sentences and nothing else; diagnostics go to stderr.

mod args;
mod assumptions;
mod explain;
mod files;
mod judge;
mod render;

pub use explain::page;
pub use files::Trouble;
pub use judge::{Judged, NamedModel, Settings, judge};

use args::{Arguments, Format};
use clap::Parser;
use std::io::Write;
use std::path::PathBuf;

/// Everything was ACCEPTED.
pub const ACCEPTED: u8 = 0;
/// Something was REJECTED.
pub const REJECTED: u8 = 1;
/// Something was DECLINED, nothing rejected.
pub const DECLINED: u8 = 2;
/// Usage, or a file that cannot be read, or no certificate found.
pub const TROUBLE: u8 = 3;

/// Runs the command with these arguments (the first is the command's name) and returns the exit code.
pub fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    match Arguments::try_parse_from(arguments) {
        // A reader that has gone away does not change a verdict that was reached, but nothing was told: trouble.
        Ok(arguments) => perform(&arguments, out, err).unwrap_or(TROUBLE),
        Err(error) => {
            let text = error.render();
            let told = if error.use_stderr() { write!(err, "{text}") } else { write!(out, "{text}") };
            if error.use_stderr() || told.is_err() { TROUBLE } else { ACCEPTED }
        }
    }
}

fn perform(arguments: &Arguments, out: &mut dyn Write, err: &mut dyn Write) -> std::io::Result<u8> {
    if let Some(code) = &arguments.explain {
        return match page(code) {
            Some(text) => write!(out, "{text}").map(|()| ACCEPTED),
            None => writeln!(err, "error[TL0001]: no code is called {code:?}").map(|()| TROUBLE),
        };
    }
    if arguments.print_assumptions {
        return write!(out, "{}", assumptions::TEXT).map(|()| ACCEPTED);
    }
    let model = match arguments.model.as_ref().map(|path| NamedModel::import(path, arguments.batch)).transpose() {
        Ok(model) => model,
        Err(trouble) => return writeln!(err, "{trouble}").map(|()| TROUBLE),
    };
    let settings = Settings { limits: arguments.limits(), model, jobs: arguments.jobs };
    let (mut code, mut judged) = (ACCEPTED, Vec::new());
    let found = files::certificates(&arguments.paths);
    // As many certificates at one time as there are jobs; a certificate that is alone has the jobs for its cases.
    for together in found.chunks(arguments.jobs.max(1)) {
        for (path, result) in judge_together(together, &settings) {
            code = worse(code, result.exit_code());
            match arguments.format {
                Format::Human => render::human(&path, &result, out, err)?,
                Format::Json => judged.push((path, result)),
            }
        }
    }
    if matches!(arguments.format, Format::Json) {
        render::json(&judged, out)?;
    }
    Ok(code)
}

/// Judges certificates at one time, each on a thread of its own; the results stand in their order.
fn judge_together(found: &[Result<PathBuf, Trouble>], settings: &Settings) -> Vec<JudgedFile> {
    let alone = |found: &Result<PathBuf, Trouble>, jobs| match found {
        Ok(path) => (path.clone(), judge(path, settings, jobs)),
        Err(trouble) => (trouble.path.clone(), Judged::Trouble(trouble.clone())),
    };
    if let [one] = found {
        return vec![alone(one, settings.jobs)];
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = found.iter().map(|found| (found, scope.spawn(|| alone(found, 1)))).collect();
        // A thread that ended without a result is judged again here, where a panic is not hidden.
        threads.into_iter().map(|(found, thread)| thread.join().unwrap_or_else(|_| alone(found, 1))).collect()
    })
}

/// The worse of two exit codes: trouble, then rejected, then declined.
fn worse(a: u8, b: u8) -> u8 {
    let rank = |code| [ACCEPTED, DECLINED, REJECTED, TROUBLE].iter().position(|&c| c == code);
    if rank(a) >= rank(b) { a } else { b }
}

/// A file together with what became of it.
type JudgedFile = (PathBuf, Judged);
