//! Compares a correctly rounded function of `Binary32` with its oracles at all words, in parts that can be interrupted and taken up again.

use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tl_kernel::context::binary32::RoundingMode;
use tl_oracles::function::{Bench, FUNCTIONS, named};
use tl_oracles::scan::{KERNEL, Part, Record, Refusal, Subject, thread_time_us};

/// Exit codes: 0 every block of the part agrees, 1 a wrong result, 2 usage, 3 a record that cannot be used, 130 interrupted.
#[derive(Parser)]
#[command(version, about, long_about = None, verbatim_doc_comment)]
struct Arguments {
    /// A function (exp, exp2, expm1, log, …), `all` of one argument, `pow`, or `list`
    function: String,
    /// The part I of N, as I/N, 0 ≤ I < N: every N-th block, over the whole range
    #[arg(long, value_parser = part, conflicts_with = "whole", default_value = "0/1", hide_default_value = true)]
    part: Part,
    /// All blocks (the default)
    #[arg(long)]
    whole: bool,
    /// Rounding mode
    #[arg(long, value_enum, default_value = "rne")]
    mode: Mode,
    /// Threads (default: one for each processor)
    #[arg(long)]
    threads: Option<usize>,
    /// The record that is taken up and kept (default: target/scan/FUNCTION-MODE.json; not with `all` or `--mode all`)
    #[arg(long)]
    state: Option<PathBuf>,
    /// Pairs for pow
    #[arg(long, default_value_t = 100_000_000)]
    pairs: u64,
    /// Seed for pow
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    Rne,
    Rtz,
    Rdn,
    Rup,
    Rna,
    All,
}

impl Mode {
    fn modes(self) -> Vec<RoundingMode> {
        match self {
            Mode::Rne => vec![RoundingMode::NearestEven],
            Mode::Rtz => vec![RoundingMode::TowardZero],
            Mode::Rdn => vec![RoundingMode::Down],
            Mode::Rup => vec![RoundingMode::Up],
            Mode::Rna => vec![RoundingMode::NearestAway],
            Mode::All => RoundingMode::ALL.to_vec(),
        }
    }
}

fn part(text: &str) -> Result<Part, String> {
    let parsed = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
    match parsed {
        Some((index, of)) if index < of => Ok(Part { index, of }),
        _ => Err("expected I/N with 0 ≤ I < N".into()),
    }
}

/// Set by Ctrl-C: the threads finish the blocks they are at.
static STOP: AtomicBool = AtomicBool::new(false);
/// Time between two writings of the record.
const SAVE_EVERY: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let subjects: Vec<Subject> = match arguments.function.as_str() {
        "list" => {
            FUNCTIONS.iter().for_each(|function| println!("{}", function.name));
            println!("pow");
            return ExitCode::SUCCESS;
        }
        "all" => FUNCTIONS.iter().map(Subject::Words).collect(),
        "pow" => vec![Subject::Pairs { pairs: arguments.pairs, seed: arguments.seed }],
        name => match named(name) {
            Some(function) => vec![Subject::Words(function)],
            None => return usage(&format!("no function {name:?}; `list` lists them")),
        },
    };
    let modes = arguments.mode.modes();
    if arguments.state.is_some() && subjects.len() * modes.len() > 1 {
        return usage("--state names the record of one function in one mode");
    }
    if let Err(error) = ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed)) {
        eprintln!("scan: Ctrl-C will not save: {error}");
    }
    let threads = arguments.threads.or_else(|| std::thread::available_parallelism().ok().map(Into::into)).unwrap_or(1);
    let mut right = true;
    for subject in subjects {
        for &mode in &modes {
            let title = subject.title(mode);
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/scan");
            let path = arguments.state.clone().unwrap_or_else(|| folder.join(format!("{title}.json")));
            match scan(subject, mode, arguments.part, threads.max(1), &path) {
                Ok(agreed) => right &= agreed,
                Err(refusal) => {
                    eprintln!("scan: {}: {}", path.display(), reason(refusal));
                    return ExitCode::from(3);
                }
            }
            if STOP.load(Ordering::Relaxed) {
                return ExitCode::from(130);
            }
        }
    }
    if right { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

fn usage(message: &str) -> ExitCode {
    eprintln!("scan: {message}");
    ExitCode::from(2)
}

fn reason(refusal: Refusal) -> String {
    match refusal {
        Refusal::Io(error) => error.to_string(),
        Refusal::Malformed(why) => format!("not a record of a scan: {why}"),
        Refusal::Stale(what, there, here) => {
            format!("stale: its {what} is {there}, here it is {here}; remove it, or name another with --state")
        }
    }
}

/// Scan what the record lacks of a part; whether all that the record holds is right and the part is finished.
fn scan(subject: Subject, mode: RoundingMode, part: Part, threads: usize, path: &Path) -> Result<bool, Refusal> {
    let record = Record::open(path, subject.title(mode), subject.blocks())?;
    let wanted: Vec<u64> = (0..subject.blocks()).filter(|&block| part.has(block)).collect();
    let missing: Vec<u64> = wanted.iter().copied().filter(|&block| !record.has(block)).collect();
    let bar = ProgressBar::new(wanted.len() as u64);
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} blocks, {elapsed}, {eta} left {msg}");
    bar.set_style(style.expect("a template"));
    bar.set_prefix(record.title.clone());
    bar.set_position((wanted.len() - missing.len()) as u64);
    bar.reset_eta();

    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let shared = Mutex::new((record, Instant::now(), Ok(())));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut bench = Bench::default();
                let mut clock = thread_time_us();
                while !STOP.load(Ordering::Relaxed) {
                    let Some(&block) = missing.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                    let counts = subject.judge(block, mode, &mut bench);
                    let now = thread_time_us();
                    let mut shared = shared.lock().expect("no thread panics with it");
                    let (record, saved, outcome) = &mut *shared;
                    for finding in &counts.findings {
                        bar.suspend(|| println!("{finding}"));
                    }
                    record.enter(block, counts, now - clock);
                    clock = now;
                    bar.inc(1);
                    if saved.elapsed() > SAVE_EVERY {
                        bar.set_message(format!("({} wrong)", record.counts.wrong));
                        *outcome = record.save(path);
                        *saved = Instant::now();
                        if outcome.is_err() {
                            return; // and the other threads at their next writing
                        }
                    }
                }
            });
        }
    });
    let (record, _, outcome) = shared.into_inner().expect("no thread panicked");
    outcome?;
    record.save(path)?;
    bar.finish_and_clear();

    let done = wanted.iter().filter(|&&block| record.has(block)).count();
    let counts = &record.counts;
    println!(
        "{}: part {}/{} has {done} of {} blocks; recorded: {} run, {} agreed, {} decided by MPFR, {} wrong; {:.1} CPU s, {:.4} h, this run {:.1} s; kernel {KERNEL}",
        record.title,
        part.index,
        part.of,
        wanted.len(),
        counts.run,
        counts.agreed,
        counts.by_mpfr,
        counts.wrong,
        record.cpu_us as f64 / 1e6,
        record.cpu_us as f64 / 3.6e9,
        start.elapsed().as_secs_f64(),
    );
    debug_assert_eq!(counts.run, record.finished() * subject.block_size());
    Ok(counts.wrong == 0 && done == wanted.len())
}
