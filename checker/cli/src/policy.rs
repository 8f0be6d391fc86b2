//! Policy files: `tl-policy.toml` says what the certificates of a project must state, and of which models.
//!
//! Claim: [`Policy::parse`] gives the demands that the text writes down, or the line and column of the first thing in it that is not understood; nothing
//! is skipped. Whether a certificate meets a demand is decided in the kernel (`tl_kernel::policy`); here stands which demands concern it.
//!
//! Matching: `path` is compared with the path of the certificate relative to the folder of the policy file, after links are resolved and with `/`
//! between names, case included. `?` is one character and `*` any number within a name, `[a-z]` and `[!a-z]` one of some characters, `{a,b}` one of some
//! patterns, `**/` any folders (none, too), `/**` everything below. A certificate outside the folder matches nothing. *Every* rule that matches must be
//! met, so the order of rules is without meaning.

use crate::files::{Position, Trouble, read_whole, shown};
use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tl_kernel::cert::digest::Digest;
use tl_kernel::claim::is_kind;
use tl_kernel::number::Exact;
use tl_kernel::policy::{Demand, Stated};
use tl_kernel::{Code, Diagnostic};
use toml::Spanned;

/// The format that is read.
const FORMAT: &str = "tl-policy/1";
/// Largest policy file, in bytes.
const MOST_BYTES: usize = 1 << 20;
/// Most rules.
const MOST_RULES: usize = 1000;
/// Longest pattern, in bytes.
const LONGEST_PATTERN: usize = 1000;
/// What a sentence may rest on beside the kernel.
const ASSUMPTIONS: &[&str] = &["importer"];

/// What certificates must state.
#[derive(Debug)]
pub struct Policy {
    rules: Vec<Rule>,
    unlisted: Unlisted,
}

/// What the certificates at some paths must state.
#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    demand: Demand,
    required: bool,
    position: Position,
}

/// What is wrong with the text of a policy, and where.
#[derive(Clone, Debug)]
pub struct Malformed {
    /// The first thing that is not understood.
    pub position: Position,
    /// What is wrong with it.
    pub message: String,
}

#[derive(Deserialize)]
struct Head {
    format: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "format")]
    _format: String,
    #[serde(default)]
    unlisted: Unlisted,
    certificate: Vec<Spanned<Entry>>,
}

/// What becomes of a certificate that no rule matches.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Unlisted {
    #[default]
    Reject,
    Allow,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    path: Pattern,
    claim: Vec<Kind>,
    graph: Option<Sha256>,
    parameters: Option<Sha256>,
    model_file: Option<Spanned<Sha256>>,
    abs: Option<Largest>,
    rel: Option<Largest>,
    ulps: Option<Largest>,
    factor: Option<Largest>,
    library: Option<Largest>,
    gap: Option<Smallest>,
    cases: Option<Count>,
    nodes: Option<Count>,
    #[serde(default)]
    assume: Vec<Assumption>,
    #[serde(default)]
    required: bool,
}

/// A value that is written as a string.
macro_rules! written {
    ($name:ident($inner:ty), |$text:ident| $read:expr) => {
        #[derive(Clone, Debug, Deserialize)]
        #[serde(try_from = "String")]
        struct $name($inner);

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from($text: String) -> Result<Self, String> {
                ($read).map($name)
            }
        }
    };
}

written!(Sha256(Digest), |text| Digest::parse(&text)
    .ok_or_else(|| "a digest is 64 lower-case hexadecimal digits".into()));
written!(Kind(String), |text| if is_kind(&text) { Ok(text) } else { Err(format!("no claim is of kind {text:?}")) });
written!(Assumption(String), |text| if ASSUMPTIONS.contains(&text.as_str()) {
    Ok(text)
} else {
    Err(format!("no assumption is called {text:?}; there are {ASSUMPTIONS:?}"))
});
written!(Smallest(Exact), |text| not_negative(&text));
written!(Largest(Option<Exact>), |text| if text == "any" { Ok(None) } else { not_negative(&text).map(Some) });
written!(Pattern(GlobMatcher), |text| pattern(&text));

/// A number of listed inputs or recorded nodes, at least one.
#[derive(Debug, Deserialize)]
#[serde(try_from = "i64")]
struct Count(Exact);

impl TryFrom<i64> for Count {
    type Error = String;

    fn try_from(count: i64) -> Result<Self, String> {
        if count > 0 {
            Ok(Count(Exact::integer(count)))
        } else {
            Err("a number of inputs or nodes is at least 1".into())
        }
    }
}

fn not_negative(text: &str) -> Result<Exact, String> {
    let value = Exact::parse(text)?;
    if value.is_negative() { Err(format!("{text} is negative")) } else { Ok(value) }
}

/// A pattern of relative paths in their plain form; one that could match none of them is a mistake.
fn pattern(text: &str) -> Result<GlobMatcher, String> {
    if text.len() > LONGEST_PATTERN {
        return Err(format!("a path has at most {LONGEST_PATTERN} bytes"));
    }
    if text.contains('\\') || text.chars().any(char::is_control) {
        return Err("a path has no backslash and no control character; names are separated by /".into());
    }
    if text.split('/').any(|name| matches!(name, "" | "." | "..")) {
        return Err("a path is relative to the policy file, without empty names, \".\" and \"..\"".into());
    }
    let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(false).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| error.kind().to_string())
}

impl Entry {
    /// The demand, if it is one that a certificate can meet.
    fn demand(&self) -> Result<Demand, &'static str> {
        if self.claim.is_empty() {
            return Err("a rule takes at least one kind of claim");
        }
        let assumptions: Vec<String> = self.assume.iter().map(|one| one.0.clone()).collect();
        if self.model_file.is_some() && !assumptions.iter().any(|one| one == "importer") {
            return Err("a sentence about a model file rests on the importer: add assume = [\"importer\"]");
        }
        let tolerances = [("abs", &self.abs), ("rel", &self.rel), ("ulps", &self.ulps)];
        let largest = tolerances.into_iter().chain([("factor", &self.factor), ("library", &self.library)]);
        let counts = [("cases", &self.cases), ("nodes", &self.nodes)];
        let mut figures: BTreeMap<_, _> =
            largest.filter_map(|(name, limit)| Some((name, limit.as_ref()?.0.clone()))).collect();
        figures.extend(self.gap.as_ref().map(|gap| ("gap", Some(gap.0.clone()))));
        figures.extend(counts.into_iter().filter_map(|(name, least)| Some((name, Some(least.as_ref()?.0.clone())))));
        Ok(Demand {
            kinds: self.claim.iter().map(|kind| kind.0.clone()).collect(),
            graph: self.graph.as_ref().map(|digest| digest.0),
            parameters: self.parameters.as_ref().map(|digest| digest.0),
            file: self.model_file.as_ref().map(|digest| digest.get_ref().0),
            figures,
            assumptions,
        })
    }
}

impl Policy {
    /// The policy that these bytes write down.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let malformed = |offset, message: String| Malformed { position: Position::of(bytes, offset), message };
        if bytes.len() > MOST_BYTES {
            return Err(malformed(0, format!("a policy has at most {MOST_BYTES} bytes")));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| malformed(error.valid_up_to(), "not UTF-8".into()))?;
        let of_toml = |error: toml::de::Error| {
            malformed(error.span().map_or(0, |span| span.start), error.message().trim().replace('\n', ", "))
        };
        // The format first: what another version means by a key is not ours to say.
        let Head { format } = toml::from_str(text).map_err(of_toml)?;
        if format.get_ref() != FORMAT {
            let message = format!("this checker reads {FORMAT:?}, not {:?}", format.get_ref());
            return Err(malformed(format.span().start, message));
        }
        let file: File = toml::from_str(text).map_err(of_toml)?;
        if file.certificate.is_empty() || file.certificate.len() > MOST_RULES {
            return Err(malformed(0, format!("a policy has 1 to {MOST_RULES} rules, not {}", file.certificate.len())));
        }
        let rules = file.certificate.into_iter().map(|entry| {
            let start = entry.span().start;
            let entry = entry.into_inner();
            let demand = entry.demand().map_err(|message| malformed(start, message.into()))?;
            let position = Position::of(bytes, start);
            Ok(Rule { pattern: entry.path, demand, required: entry.required, position })
        });
        Ok(Policy { rules: rules.collect::<Result<_, _>>()?, unlisted: file.unlisted })
    }
}

/// A policy as read from the very bytes that the digest is taken of.
#[derive(Debug)]
pub struct NamedPolicy {
    path: PathBuf,
    folder: PathBuf,
    digest: Digest,
    policy: Policy,
}

impl NamedPolicy {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, Trouble> {
        let bytes = read_whole(path, MOST_BYTES)?;
        let policy = Policy::parse(&bytes).map_err(|Malformed { position, message }| Trouble {
            position: Some(position),
            ..Trouble::new("TL0004", path, format!("the policy is malformed: {message}"))
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = fs::canonicalize(folder).map_err(|error| Trouble::unreadable(folder, &error))?;
        Ok(NamedPolicy { path: path.into(), folder, digest: Digest::of(&bytes), policy })
    }

    /// Its path, as it was given.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The rules that concern the certificate at `path`, with their numbers.
    fn concerning(&self, path: &Path) -> impl Iterator<Item = (usize, &Rule)> {
        let real = fs::canonicalize(path).ok();
        let below = real.and_then(|real| Some(real.strip_prefix(&self.folder).ok()?.to_path_buf()));
        let matches = move |rule: &Rule| below.as_ref().is_some_and(|below| rule.pattern.0.is_match(below));
        self.policy.rules.iter().enumerate().filter(move |(_, rule)| matches(rule))
    }

    /// What the sentence about the certificate at `path` may say of the policy; or a finding for each rule that it does not meet, or that there is none.
    pub(crate) fn allows(&self, path: &Path, stated: &Stated) -> Result<String, Vec<Diagnostic>> {
        let name = shown(Path::new(self.path.file_name().unwrap_or_default()));
        let of_rule = |rule: &Rule| format!("{name}:{} path {:?}", rule.position.line, rule.pattern.0.glob().glob());
        let results: Vec<_> = self
            .concerning(path)
            .map(|(_, rule)| rule.demand.met_by(stated).map_err(|finding| finding.with("rule", of_rule(rule))))
            .collect();
        if results.is_empty() && self.policy.unlisted == Unlisted::Reject {
            let message = "no rule of the policy has a path that matches this certificate";
            return Err(vec![Diagnostic::new(Code::PolicyUnlisted, "", message).with("policy", name)]);
        }
        let listed = !results.is_empty();
        let findings: Vec<_> = results.into_iter().filter_map(Result::err).collect();
        let (name, digest) = (&name, self.digest);
        match (findings.is_empty(), listed) {
            (false, _) => Err(findings),
            (true, true) => Ok(format!(", within the policy {name} ({digest:?})")),
            (true, false) => Ok(format!(", of which the policy {name} ({digest:?}) demands nothing")),
        }
    }

    /// A finding for each required rule that concerns none of the certificates that were judged, with the place of the rule.
    pub(crate) fn missing(&self, judged: &[&Path]) -> Vec<(Position, Diagnostic)> {
        let seen: Vec<usize> = judged.iter().flat_map(|path| self.concerning(path)).map(|(number, _)| number).collect();
        let missing =
            self.policy.rules.iter().enumerate().filter(|(number, rule)| rule.required && !seen.contains(number));
        missing
            .map(|(number, rule)| {
                let message = format!("no certificate that was checked matches {:?}", rule.pattern.0.glob().glob());
                (rule.position, Diagnostic::new(Code::PolicyMissing, format!("/certificate/{number}"), message))
            })
            .collect()
    }
}
