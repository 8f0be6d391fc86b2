//! `tl-check`: the shell around the trusted kernel. It finds and reads files, runs obligations on threads, prints verdicts, and decides nothing.
//!
//! Exit codes: 0 ACCEPTED, 1 REJECTED, 2 DECLINED, 3 usage or a file that cannot be read; of several certificates the worst, in the order 3, 1, 2, 0.
//! stdout carries verdict sentences, or the report in the form that `--format` asks for, and nothing else; diagnostics go to stderr.

mod args;
mod assumptions;
mod explain;
mod files;
mod judge;
mod policy;
mod render;
mod report;

pub use explain::page;
pub use files::{Position, Trouble};
pub use judge::{Judged, NamedModel, Settings, judge, judge_under};
pub use policy::{Malformed, NamedPolicy, Policy};

use anstream::{AutoStream, ColorChoice};
use args::{Arguments, Colours, Format};
use clap::{CommandFactory, Parser};
use files::shown;
use render::Paint;
use report::{Row, exit_code};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Everything was ACCEPTED.
pub const ACCEPTED: u8 = 0;
/// Something was REJECTED.
pub const REJECTED: u8 = 1;
/// Something was DECLINED, nothing rejected.
pub const DECLINED: u8 = 2;
/// Usage, or a file that cannot be read or written, or no certificate found.
pub const TROUBLE: u8 = 3;

/// Where the command prints.
struct Screen<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    /// Whether either wants colours when nobody says.
    colours: [bool; 2],
    /// Whether somebody watches `err`.
    watched: bool,
}

/// Runs the command with these arguments (the first is the command's name) and returns the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    run_on(arguments, &mut Screen { out, err, colours: [false; 2], watched: false })
}

/// The same on the standard streams, with colours and progress where they are a terminal.
pub fn run_in_terminal(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let (out, err) = (io::stdout().lock(), io::stderr().lock());
    // The choice heeds NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM.
    let wanted = |choice| !matches!(choice, ColorChoice::Never);
    let colours = [wanted(AutoStream::choice(&out)), wanted(AutoStream::choice(&err))];
    let watched = err.is_terminal();
    // The streams translate colours for terminals that do not know their codes.
    let (mut out, mut err) = (AutoStream::always(out), AutoStream::always(err));
    run_on(arguments, &mut Screen { out: &mut out, err: &mut err, colours, watched })
}

fn run_on(arguments: impl IntoIterator<Item = OsString>, screen: &mut Screen) -> u8 {
    match Arguments::try_parse_from(arguments) {
        // A reader that has gone away does not change a verdict that was reached, but nothing was told: trouble.
        Ok(arguments) => perform(&arguments, screen).unwrap_or(TROUBLE),
        Err(error) => {
            let text = error.render();
            let told = if error.use_stderr() { write!(screen.err, "{text}") } else { write!(screen.out, "{text}") };
            if error.use_stderr() || told.is_err() { TROUBLE } else { ACCEPTED }
        }
    }
}

fn perform(arguments: &Arguments, screen: &mut Screen) -> io::Result<u8> {
    if let Some(code) = &arguments.explain {
        return match page(code) {
            Some(text) => write!(screen.out, "{text}").map(|()| ACCEPTED),
            None => writeln!(screen.err, "error[TL0001]: no code is called {code:?}").map(|()| TROUBLE),
        };
    }
    if arguments.print_assumptions {
        return write!(screen.out, "{}", assumptions::TEXT).map(|()| ACCEPTED);
    }
    if let Some(shell) = arguments.completions {
        clap_complete::generate(shell, &mut Arguments::command(), "tl-check", &mut screen.out);
        return Ok(ACCEPTED);
    }
    if arguments.man {
        return clap_mangen::Man::new(Arguments::command()).render(&mut screen.out).map(|()| ACCEPTED);
    }
    let paints = screen
        .colours
        .map(|wanted| Paint(wanted && arguments.color == Colours::Auto || arguments.color == Colours::Always));
    // Where the report goes to stdout in another form, verdicts are not printed for people, too.
    let told = arguments.format == Format::Human || arguments.output.is_some();
    let mut tell = |row: &Row, screen: &mut Screen| match told {
        true => render::human(row, arguments.quiet, (screen.out, paints[0]), (screen.err, paints[1])),
        false => Ok(()),
    };
    let rows = match prepare(arguments) {
        Ok((settings, policy)) => judge_all(arguments, &settings, policy.as_ref(), screen, &mut tell)?,
        // Without the model or the policy that was asked for, nothing is judged.
        Err(trouble) => {
            let row = Row::trouble(trouble);
            tell(&row, screen)?;
            vec![row]
        }
    };
    finish(arguments, &rows, screen)
}

/// What certificates are judged by.
fn prepare(arguments: &Arguments) -> Result<(Settings, Option<NamedPolicy>), Trouble> {
    let model = arguments.model.as_ref().map(|path| NamedModel::import(path, arguments.batch)).transpose()?;
    let policy = arguments.policy.as_deref().map(NamedPolicy::read).transpose()?;
    Ok((Settings { limits: arguments.limits(), model, jobs: arguments.jobs }, policy))
}

/// Judges every certificate, tells each as soon as it is judged, and what the policy misses at the end.
fn judge_all(
    arguments: &Arguments,
    settings: &Settings,
    policy: Option<&NamedPolicy>,
    screen: &mut Screen,
    tell: &mut dyn FnMut(&Row, &mut Screen) -> io::Result<()>,
) -> io::Result<Vec<Row>> {
    let found = files::certificates(&arguments.paths);
    let watched = screen.watched && !arguments.quiet && found.len() > 1;
    let mut rows = Vec::new();
    // As many certificates at one time as there are jobs; a certificate that is alone has the jobs for its cases.
    for together in found.chunks(arguments.jobs.max(1)) {
        if let (true, Some(Ok(path))) = (watched, together.first()) {
            write!(screen.err, "\r\x1b[Kchecking {} of {}: {}", rows.len() + 1, found.len(), shown(path))?;
            screen.err.flush()?;
        }
        let judged = judge_together(together, settings, policy);
        if watched {
            write!(screen.err, "\r\x1b[K")?;
        }
        for (path, judged) in judged {
            let row = Row::new(path, judged, settings.limits.json_bytes);
            tell(&row, screen)?;
            rows.push(row);
        }
    }
    let judged: Vec<&Path> = rows.iter().filter(|row| row.word().is_some()).map(|row| row.path.as_path()).collect();
    if let Some(row) = policy.and_then(|policy| Row::policy(policy.path(), policy.missing(&judged))) {
        tell(&row, screen)?;
        rows.push(row);
    }
    Ok(rows)
}

/// Writes the report and the summary where they are asked for. What cannot be written is trouble.
fn finish(arguments: &Arguments, rows: &[Row], screen: &mut Screen) -> io::Result<u8> {
    let mut code = exit_code(rows);
    let report = match arguments.format {
        Format::Human if arguments.output.is_none() => String::new(), // told already
        Format::Human => rows.iter().map(render::in_full).collect(),
        Format::Json => render::json(rows),
        Format::Sarif => render::sarif(rows, code),
        Format::Junit => render::junit(rows),
        Format::Github => render::github(rows, arguments.quiet),
    };
    let summary = arguments.summary.as_ref().map(|path| files::append(path, &render::summary(rows)));
    let output = match &arguments.output {
        Some(path) => Some(files::replace(path, report.as_bytes())),
        None => write!(screen.out, "{report}").map(|()| None)?,
    };
    for trouble in [summary, output].into_iter().flatten().filter_map(Result::err) {
        writeln!(screen.err, "{trouble}")?;
        code = TROUBLE;
    }
    screen.out.flush().map(|()| code)
}

/// Judges certificates at one time, each on a thread of its own; the results stand in their order.
fn judge_together(
    found: &[Result<PathBuf, Trouble>],
    settings: &Settings,
    policy: Option<&NamedPolicy>,
) -> Vec<(PathBuf, Judged)> {
    let alone = |found: &Result<PathBuf, Trouble>, jobs| match found {
        Ok(path) => (path.clone(), judge_under(path, settings, policy, jobs)),
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
