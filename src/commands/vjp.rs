//! `tl vjp`: a book's 81 items about backpropagation, each with a check and its certificates.

use super::{DONE, FAILED};
use crate::book::{Finding, check, items, table};
use crate::error::{Code, Error};
use crate::files::{folder_of, make_folder, pretty};
use clap::Args;
use std::path::{Path, PathBuf};
use tl_kernel::cert::json::Json;

/// The options.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true)]
pub(super) struct Vjp {
    /// An item, by its number in the book: its statement, its graph, and the steps of its check
    #[arg(value_name = "NUMBER", conflicts_with = "all", required_unless_present = "all")]
    number: Option<u32>,

    /// Every item, a line each
    #[arg(long)]
    all: bool,

    /// Keep the certificates: the file of the item's first one, the others beside it; with --all the folder
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Vjp {
    pub(super) fn run(&self, text: &mut String) -> Result<u8, Error> {
        let scratch = tempfile::TempDir::new()
            .map_err(|error| Error::new(Code::Write, "a temporary folder", error.to_string()))?;
        let findings = match self.number {
            None => self.all(self.output.as_deref().unwrap_or(scratch.path()))?,
            Some(number) => vec![self.one(number, scratch.path())?],
        };
        if self.json {
            let items = Json::Array(findings.iter().map(Finding::json).collect());
            let holding = findings.iter().filter(|finding| finding.holds()).count();
            let count = |n: usize| Json::Integer(i64::try_from(n).unwrap_or(i64::MAX));
            *text += &pretty(&Json::object([
                ("items", items),
                ("checked", count(findings.len())),
                ("holding", count(holding)),
            ]));
        } else if self.all {
            *text += &table(&findings, self.output.is_some());
        } else {
            *text += &findings.iter().map(Finding::text).collect::<String>();
        }
        Ok(if findings.iter().all(Finding::holds) { DONE } else { FAILED })
    }

    fn all(&self, folder: &Path) -> Result<Vec<Finding>, Error> {
        make_folder(folder)?;
        items().map(|(chapter, item)| check(chapter, item, folder, &format!("vjp_{:02}", item.number))).collect()
    }

    fn one(&self, number: u32, scratch: &Path) -> Result<Finding, Error> {
        let known = items().find(|(_, item)| item.number == number);
        let (chapter, item) = known
            .ok_or_else(|| Error::new(Code::Usage, number, "the book's items that count are numbered from 1 to 81"))?;
        let path = self.output.clone().unwrap_or_else(|| scratch.join(format!("vjp_{number:02}.json")));
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem = stem.filter(|_| path.extension().is_some_and(|extension| extension == "json"));
        let stem = stem.ok_or_else(|| Error::new(Code::Usage, path.display(), "a certificate is a file NAME.json"))?;
        make_folder(folder_of(&path))?;
        check(chapter, item, folder_of(&path), &stem)
    }
}
