//! Every numbered constraint of every page under `spec-tests/ops`, tried both ways: the lines of `spec-tests/constraints.txt`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use tl_kernel::cert::json::{Cursor, parse};
use tl_kernel::ir::Shape;
use tl_kernel::ir::attributes::Attribute;
use tl_kernel::spec::Op;

const TABLE: &str = include_str!("../../../spec-tests/constraints.txt");

/// A line: name, attributes, shapes of the parents, and the shape of the result where the constraint holds.
struct Line {
    name: &'static str,
    attributes: &'static str,
    parents: Vec<Shape>,
    result: Option<Shape>,
}

/// Shapes written `[2,3] [3]`.
fn shapes(text: &str) -> Vec<Shape> {
    text.split_whitespace().map(|text| Shape::decode(Cursor::root(parse(text.as_bytes()).unwrap())).unwrap()).collect()
}

fn table() -> Vec<Line> {
    let line = |line: &'static str| {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let &[name, attributes, parents, result] = columns.as_slice() else { panic!("{line}") };
        Line { name, attributes, parents: shapes(parents), result: shapes(result).pop() }
    };
    TABLE.lines().filter(|text| !text.starts_with('#')).map(line).collect()
}

impl Line {
    /// `conv` of `conv_c3_…`.
    fn operation(&self) -> &'static str {
        self.name.split_once("_c").unwrap().0
    }

    /// `conv_c3` of `conv_c3_…`.
    fn constraint(&self) -> String {
        let number = self.name.split_once("_c").unwrap().1.split('_').next().unwrap();
        format!("{}_c{number}", self.operation())
    }
}

/// The numbered constraints of a page.
fn numbered(operation: &str) -> Vec<String> {
    let path = format!("{}/../../spec-tests/ops/{operation}.md", env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(path).unwrap();
    let number = |line: &str| {
        let (number, rest) = line.split_once(". `")?;
        number.parse::<usize>().ok()?;
        Some(rest.split('`').next()?.to_string())
    };
    page.lines().filter_map(number).collect()
}

#[test]
fn every_constraint_holds_or_is_named() {
    for line in table() {
        let text = format!(r#"{{"op":"{}","attributes":{{{}}}}}"#, line.operation(), line.attributes);
        let op = Op::decode(&mut Cursor::root(parse(text.as_bytes()).unwrap()).object().unwrap());
        let op = op.unwrap_or_else(|finding| panic!("{}: {finding:?}", line.name));
        assert!(op.arity().contains(&line.parents.len()), "{}", line.name);
        let found = op.shape(&line.parents.iter().collect::<Vec<_>>());
        let found = found.map_err(|fault| fault.constraint.to_string());
        assert_eq!(found, line.result.clone().ok_or(line.constraint()), "{}", line.name);
    }
}

#[test]
fn every_constraint_of_every_page_is_tried_both_ways() {
    let table = table();
    let tried = |holds: bool| -> BTreeSet<String> {
        table.iter().filter(|line| line.result.is_some() == holds).map(Line::constraint).collect()
    };
    let pages: BTreeSet<String> = Op::KEYWORDS.iter().flat_map(|operation| numbered(operation)).collect();
    assert_eq!(tried(true), pages);
    assert_eq!(tried(false), pages);
    let names: BTreeSet<&str> = table.iter().map(|line| line.name).collect();
    assert_eq!(names.len(), table.len(), "a name occurs twice");
}
