//! Every certificate of `certs/accept`, one field changed at a time: each mutant is rejected, declined, or claims the same, or something that is true.
//!
//! What an accepted mutant claims is read a second time (`certificate/document.rs`), and decided by a slow evaluation that shares nothing with the
//! kernel (`certificate/evaluation.rs`): MPFR at 448 bits for the reals, SoftFloat for executions. A mutant that is accepted and malformed, false,
//! or described by a sentence that does not change with its model or its claim, is unsound, and the test fails. So it does on a mutant
//! that cannot be decided, but for a reason in `UNDECIDED`; and on one that claims the same and is not accepted.
//!
//! Of derivatives (`certificate/differences.rs`) every recorded gradient is decided by values beside the point, which follow the conventions at kinks as they are written; no rule of
//! differentiation is used. The ends of a difference are no proof (its header says by how much), and `exact` is decided to a hundred digits only. Of an
//! `identity` it is decided that the graph is a composition of +, −, ·, / and exact constants with a value somewhere: that the kernel's own reverse rules are the transposed derivative of such a graph is
//! what the certificate shows, and no evaluation from outside can. Its degree and the bound on its failure are not computed a second time.
//!
//! `TL_MUTANTS_OF=PART` takes only the certificates with this in their names. `TL_MUTANTS=FOLDER` also writes the mutants of the small `forward` certificates with what became of them, for `second_opinion/agree.py FOLDER`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tl_kernel::{Limits, Verdict, conclude, decode, discharge, obligations, refuse};
use tl_oracles::certificate::Judge;
use tl_oracles::certificate::claims::{Claim, Trace};
use tl_oracles::certificate::document::{Document, Files};
use tl_oracles::certificate::evaluation::Trouble;
use tl_oracles::certificate::mutants::{Effort, Mutant, mutants};
use tl_spec_tests::Random;

const SEED: u64 = 0x5eed_0000_0000_ce47;

/// What has no evaluator here, and why: accepted mutants that come to it are counted, and not decided.
const UNDECIDED: [(&str, &str); 6] = [
    ("what rounding can explain", "a checker may use any larger bound, so there is no second value to compare with"),
    ("a power of what may not be positive", "the second evaluation takes powers by logarithms"),
    ("a number too large", "beyond the exponents of MPFR"),
    (
        "at the end of the domain",
        "an enclosure reaches the end of where a function is defined, at the one precision of the second evaluation",
    ),
    (
        "nearer to the tolerance than differences tell",
        "a tolerance of nothing, and the slope of a function that is no polynomial",
    ),
    ("a gradient too large for differences", "every element takes an evaluation of the whole graph"),
];

/// Certificates that the second evaluation does not decide, and why; nor need it decide their mutants.
const NOT_DECIDED: [(&str, &str); 1] =
    [("divergence_far_below", "the exact value is nearer to zero than numbers are written out there")];

fn listed(why: &str) -> bool {
    UNDECIDED.iter().any(|(what, _)| why.ends_with(what))
}

/// Certificates of at most so many bytes are mutated completely, byte by byte too.
const SMALL: usize = 4096;

/// Limits under which no mutant takes long; the certificates themselves keep far below.
fn limits() -> Limits {
    Limits { elements: 1 << 25, work: 1 << 30, precision: 1024, ..Limits::default() }
}

#[derive(Debug, Default)]
struct Counts {
    mutants: usize,
    unreadable: usize,
    rejected: BTreeMap<&'static str, usize>,
    declined: BTreeMap<&'static str, usize>,
    same: usize,
    other_and_true: usize,
    listed: usize,
    undecided: Vec<String>,
    unsound: Vec<String>,
    same_and_refused: Vec<String>,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.mutants += other.mutants;
        self.unreadable += other.unreadable;
        other.rejected.into_iter().for_each(|(code, n)| *self.rejected.entry(code).or_default() += n);
        other.declined.into_iter().for_each(|(code, n)| *self.declined.entry(code).or_default() += n);
        self.same += other.same;
        self.other_and_true += other.other_and_true;
        self.listed += other.listed;
        self.undecided.extend(other.undecided);
        self.unsound.extend(other.unsound);
        self.same_and_refused.extend(other.same_and_refused);
    }

    fn line(&self) -> String {
        let total = |codes: &BTreeMap<&str, usize>| codes.values().sum::<usize>();
        format!(
            "{} mutants: {} rejected, {} declined, {} name a file that is not there, {} accepted with the same claim, {} with another that is \
             true, {} with one that is listed as undecided, {} undecided, {} the same and refused, {} unsound",
            self.mutants,
            total(&self.rejected),
            total(&self.declined),
            self.unreadable,
            self.same,
            self.other_and_true,
            self.listed,
            self.undecided.len(),
            self.same_and_refused.len(),
            self.unsound.len()
        )
    }
}

/// What the kernel says; `None` where a file is not there.
fn verdict(text: &[u8], files: &Files) -> Option<Verdict> {
    let limits = limits();
    let document = match decode(text, &limits) {
        Ok(document) => document,
        Err(finding) => return Some(refuse(vec![finding])),
    };
    let mut bound = BTreeMap::new();
    for (path, _) in document.files() {
        bound.insert(path.to_owned(), files.get(path)?.as_ref().clone());
    }
    let certificate = match document.bind(&bound, &limits) {
        Ok(certificate) => certificate,
        Err(finding) => return Some(refuse(vec![finding])),
    };
    let results = obligations(&certificate).into_iter().map(|part| discharge(&certificate, part, &limits)).collect();
    Some(conclude(&certificate, results))
}

/// The files that the certificate lists, as they are; `None` where one is missing.
fn files_of(text: &[u8], folder: &Path) -> Option<Files> {
    let document = decode(text, &limits()).expect("an accepted certificate");
    document.files().map(|(path, _)| Some((path.to_owned(), Rc::new(fs::read(folder.join(path)).ok()?)))).collect()
}

/// A claim as far as a sentence states it: of recorded nodes and gradients it says how many there are.
fn said(claim: &Claim) -> (Claim, usize) {
    match claim {
        Claim::Trace(trace) => {
            let recorded = trace.nodes.iter().map(BTreeMap::len).sum();
            (Claim::Trace(Trace { nodes: Vec::new(), ..trace.clone() }), recorded)
        }
        Claim::Gradient(tolerance, vectors) => {
            let recorded = vectors.iter().map(|case| case.inputs.len() + case.parameters.len()).sum();
            (Claim::Gradient(tolerance.clone(), Vec::new()), recorded)
        }
        Claim::Adjoint(method, _) => (Claim::Adjoint(method.clone(), Vec::new()), 0),
        other => (other.clone(), 0),
    }
}

/// Whether a claim is about every value of the parameters.
fn of_all_parameters(claim: &Claim) -> bool {
    matches!(claim, Claim::Adjoint(method, _) if method == "identity")
}

/// Judges one mutant of an accepted certificate.
fn judge(judge: &Judge, sentence: &str, mutant: &Mutant, files: &Files, counts: &mut Counts) -> Option<Verdict> {
    counts.mutants += 1;
    let verdict = verdict(&mutant.text, files);
    // A refused mutant is read only where that is cheap: it may still have claimed the same.
    let heavy = files.values().any(|bytes| bytes.len() > 100 * SMALL);
    let read = match verdict {
        Some(Verdict::Accepted(_)) => Document::read(&mutant.text, files),
        _ if heavy => Err("not read".into()),
        _ => Document::read(&mutant.text, files),
    };
    let same = read.as_ref().is_ok_and(|document| document == judge.original());
    match &verdict {
        None => counts.unreadable += 1,
        Some(Verdict::Rejected(findings) | Verdict::Declined(findings)) => {
            let code = findings.first().expect("a finding").code.id();
            let rejected = matches!(verdict, Some(Verdict::Rejected(_)));
            *if rejected { &mut counts.rejected } else { &mut counts.declined }.entry(code).or_default() += 1;
            if same {
                counts.same_and_refused.push(format!("{}: {code}", mutant.what));
            }
        }
        Some(Verdict::Accepted(accepted)) => {
            let mut unsound = |why: String| counts.unsound.push(format!("{}: accepted, {why}", mutant.what));
            let document = match read {
                Ok(document) => document,
                Err(why) => {
                    unsound(format!("but malformed: {why}"));
                    return verdict;
                }
            };
            let original = judge.original();
            let described = document.nodes == original.nodes
                && document.outputs_of_graph == original.outputs_of_graph
                && (document.parameters == original.parameters || of_all_parameters(&document.claim))
                && said(&document.claim) == said(&original.claim)
                && document.inputs.len() == original.inputs.len();
            if described != (accepted.sentence() == sentence) {
                unsound(format!("but its sentence does not fit: {}", accepted.sentence()));
            } else if same {
                counts.same += 1;
            } else {
                match judge.truth(&document) {
                    Some(Ok(())) => counts.other_and_true += 1,
                    Some(Err(Trouble::False(why) | Trouble::Malformed(why))) => unsound(format!("but {why}")),
                    Some(Err(Trouble::Unsupported(why) | Trouble::Undecided(why))) if listed(&why) => {
                        counts.listed += 1
                    }
                    Some(Err(why)) => counts.undecided.push(format!("{}: {why:?}", mutant.what)),
                    None => counts.undecided.push(format!("{}: a kind without an evaluator", mutant.what)),
                }
            }
        }
    }
    verdict
}

/// Mutants of the tensor files: a byte changed, with the digest as it was and with the right one.
fn of_files(text: &[u8], files: &Files, effort: Effort, random: &mut Random) -> Vec<(Mutant, Files)> {
    let mut found = Vec::new();
    for (path, bytes) in files {
        let small = bytes.len() <= SMALL;
        let table = 8 + usize::from(bytes[0]) + 256 * usize::from(bytes[1]);
        let mut places: Vec<usize> = if small { (0..bytes.len()).collect() } else { Vec::new() };
        if !small {
            let below = |random: &mut Random, n: usize| usize::try_from(random.below(n as u64)).expect("below n");
            places.extend((0..effort.samples).map(|_| below(random, table)));
            places.extend((0..effort.samples).map(|_| table + below(random, bytes.len() - table)));
        }
        let mut versions: Vec<(String, Vec<u8>)> = Vec::new();
        for place in places {
            for (what, change) in [("+ 1", 1u8), ("- 1", 255), ("+ 128", 128)] {
                let mut changed = bytes.as_ref().clone();
                changed[place] = changed[place].wrapping_add(change);
                versions.push((format!("{path} byte {place} {what}"), changed));
            }
        }
        versions.push((format!("{path} cut"), bytes[..bytes.len() - 1].to_vec()));
        versions.push((format!("{path} longer"), [bytes.as_slice(), b"\0"].concat()));
        for (what, changed) in versions {
            let digest =
                |bytes: &[u8]| format!("{:?}", tl_kernel::cert::digest::Digest::of(bytes)).replace("sha256:", "");
            let renewed = String::from_utf8(text.to_vec()).expect("UTF-8").replace(&digest(bytes), &digest(&changed));
            let mut others = files.clone();
            others.insert(path.clone(), Rc::new(changed));
            found
                .push((Mutant { what: format!("{what}, digest renewed"), text: renewed.into_bytes() }, others.clone()));
            if small {
                found.push((Mutant { what: format!("{what}, digest kept"), text: text.to_vec() }, others));
            }
        }
    }
    found
}

/// All mutants of one certificate; `None` where its files are not there.
fn all_of(path: &Path, number: u64) -> Option<Counts> {
    let text = fs::read(path).expect("a certificate");
    let files = files_of(&text, path.parent().expect("a folder"))?;
    let Some(Verdict::Accepted(accepted)) = verdict(&text, &files) else {
        panic!("{} is not accepted", path.display())
    };
    let original = Document::read(&text, &files).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let evaluator = Judge::new(original);
    let exempt = NOT_DECIDED.iter().any(|(name, _)| path.file_stem().is_some_and(|stem| stem == *name));
    match evaluator.truth(evaluator.original()) {
        Some(Ok(())) | None => {}
        Some(Err(Trouble::Unsupported(why) | Trouble::Undecided(why))) if listed(&why) => {}
        Some(Err(Trouble::Undecided(_))) if exempt => {}
        Some(Err(why)) => panic!("{}: accepted, but {why:?}", path.display()),
    }
    let cells: usize = evaluator.original().nodes.iter().map(|node| node.shape.iter().product::<usize>()).sum();
    let heavy = files.values().map(|bytes| bytes.len()).sum::<usize>();
    let effort = match (text.len(), heavy) {
        _ if cells > 500_000 => Effort { samples: 1, one_in: 128, bytes: false },
        (0..=SMALL, _) => Effort { samples: 16, one_in: 1, bytes: true },
        (_, 0..=1_000_000) => Effort { samples: 8, one_in: 1, bytes: false },
        (_, 0..=4_000_000) => Effort { samples: 4, one_in: 4, bytes: false },
        _ => Effort { samples: 2, one_in: 16, bytes: false },
    };
    let mut random = Random(SEED + number);
    let mut counts = Counts::default();
    let written = std::env::var_os("TL_MUTANTS")
        .filter(|_| effort.bytes && matches!(evaluator.original().claim, Claim::Forward(_)));
    mutants(&text, effort, &mut random, &mut |mutant| {
        let verdict = judge(&evaluator, accepted.sentence(), &mutant, &files, &mut counts);
        if let Some(folder) = &written {
            write(Path::new(folder), path, counts.mutants, &mutant, &verdict);
        }
    });
    for (mutant, files) in of_files(&text, &files, effort, &mut random) {
        judge(&evaluator, accepted.sentence(), &mutant, &files, &mut counts);
    }
    if exempt {
        counts.listed += counts.undecided.len();
        counts.undecided.clear();
    }
    let name = |what: &String| format!("{}: {what}", path.file_stem().expect("a name").to_string_lossy());
    for list in [&mut counts.undecided, &mut counts.unsound, &mut counts.same_and_refused] {
        *list = list.iter().map(name).collect();
    }
    Some(counts)
}

fn write(folder: &Path, path: &Path, number: usize, mutant: &Mutant, verdict: &Option<Verdict>) {
    let stem = format!("{}_{number}", path.file_stem().expect("a name").to_string_lossy());
    let expect = match verdict {
        Some(Verdict::Accepted(accepted)) => format!("exit: 0\nstdout:\n{}\n", accepted.sentence()),
        Some(Verdict::Rejected(_)) => "exit: 1\n".into(),
        Some(Verdict::Declined(_)) => "exit: 2\n".into(),
        None => "exit: 3\n".into(),
    };
    fs::write(folder.join(&stem).with_extension("json"), &mutant.text).expect("a folder to write to");
    fs::write(folder.join(&stem).with_extension("expect"), format!("# {}\n{expect}", mutant.what)).expect("the same");
}

#[test]
fn no_mutant_of_an_accepted_certificate_is_accepted_and_false() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../certs/accept"));
    let entries = fs::read_dir(folder).expect("the corpus").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|kind| kind == "json")).collect();
    let only = std::env::var("TL_MUTANTS_OF").unwrap_or_default();
    paths.retain(|path| path.file_stem().is_some_and(|name| name.to_string_lossy().contains(&only)));
    paths.sort();
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from).min(4) {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = paths.get(turn) else { break };
                    let counts = all_of(path, turn as u64);
                    eprintln!("{} is done", path.display());
                    done.lock().expect("no thread fails").push((turn, counts));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no thread fails");
    done.sort_by_key(|(turn, _)| *turn);
    let (mut all, mut left_out) = (Counts::default(), 0);
    for (turn, counts) in done {
        let name = paths[turn].file_stem().expect("a name").to_string_lossy();
        match counts {
            Some(counts) => {
                println!("  {name}: {}", counts.line());
                all.add(counts);
            }
            None => {
                left_out += 1;
                println!("  SKIPPED {name}: its tensor files are not there (`tl corpus` makes them)");
            }
        }
    }
    println!("certificate_mutants: {} certificates, {left_out} left out; {}", paths.len() - left_out, all.line());
    println!("  rejected by code: {:?}", all.rejected);
    println!("  declined by code: {:?}", all.declined);
    let first = |list: &[String]| list.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(all.unsound.is_empty(), "unsound:\n{}", first(&all.unsound));
    assert!(all.undecided.is_empty(), "undecided:\n{}", first(&all.undecided));
    assert!(all.same_and_refused.is_empty(), "the same claim, refused:\n{}", first(&all.same_and_refused));
}

/// That the evaluation can say no: it does to every certificate of `certs/reject` whose outputs are what is wrong.
#[test]
fn the_second_evaluation_refuses_what_is_false() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../certs/reject"));
    let mut found = 0;
    for entry in fs::read_dir(folder).expect("the corpus") {
        let path = entry.expect("an entry").path();
        let expected = fs::read_to_string(path.with_extension("expect")).unwrap_or_default();
        let false_ones =
            ["TL0201", "TL0202", "TL0231", "TL0241", "TL0271", "TL0272"].map(|code| format!("code: {code}"));
        if path.extension().is_none_or(|kind| kind != "json")
            || !false_ones.iter().any(|code| expected.contains(code.as_str()))
        {
            continue;
        }
        let text = fs::read(&path).expect("a certificate");
        let files = files_of(&text, folder).expect("its files");
        let document = Document::read(&text, &files).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let evaluator = Judge::new(document);
        let truth = evaluator.truth(evaluator.original()).expect("a kind with an evaluator");
        match truth {
            Err(Trouble::False(_)) => found += 1,
            Err(Trouble::Unsupported(why)) if listed(&why) => {}
            other => panic!("{}: {other:?}", path.display()),
        }
    }
    println!("certificate_mutants: {found} false certificates are found false");
    assert!(found >= 20, "{found}");
}
