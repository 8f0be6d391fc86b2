//! `tl bugs`: the bug zoo, listed with its numbers or run entry by entry.

use super::{DONE, FAILED};
use crate::bugs::{ENTRIES, Entry, Report, report, table};
use crate::error::{Code, Error};
use crate::generate::{data_folder, gaps};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

/// The options.
#[derive(Debug, Args)]
pub(super) struct Bugs {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run the broken and the fixed version, and write and check the certificates of the difference
    Run {
        /// The entries; default: all that need no data of others
        #[arg(value_name = "NAME")]
        names: Vec<String>,

        /// Keep the certificates below this folder, in accept and reject
        #[arg(short, long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
}

impl Bugs {
    pub(super) fn run(&self, text: &mut String, notes: &mut String) -> Result<u8, Error> {
        let scratch = tempfile::TempDir::new()
            .map_err(|error| Error::new(Code::Write, "a temporary folder", error.to_string()))?;
        let (entries, folder): (Vec<&'static Entry>, &Path) = match &self.action {
            None => (ENTRIES.iter().collect(), scratch.path()),
            Some(Action::Run { names, output }) => (chosen(names)?, output.as_deref().unwrap_or(scratch.path())),
        };
        let data = data_folder();
        let mut reports: Vec<Report> = Vec::new();
        for entry in entries {
            match entry.bug(&data)? {
                Some(bug) => reports.push(report(entry, bug, folder)?),
                None => *notes += &gaps::skipped(entry.name, &data, entry.files()),
            }
        }
        match &self.action {
            None => *text += &table(&reports),
            Some(_) => *text += &reports.iter().map(Report::text).collect::<Vec<_>>().join("\n"),
        }
        Ok(if reports.iter().all(Report::as_expected) { DONE } else { FAILED })
    }
}

/// The entries of these names; without a name those that are our own.
fn chosen(names: &[String]) -> Result<Vec<&'static Entry>, Error> {
    if names.is_empty() {
        return Ok(ENTRIES.iter().filter(|entry| entry.files().is_empty()).collect());
    }
    let known = || ENTRIES.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ");
    let entry = |name: &String| {
        Entry::named(name)
            .ok_or_else(|| Error::new(Code::Usage, name, format!("no bug has this name, but {}", known())))
    };
    names.iter().map(entry).collect()
}
