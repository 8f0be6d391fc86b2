//! The interval test language of ITF1788 (Kiesner, Nehmeier, Wolff von Gudenberg 2015): `op operand … = result … [signal S];`.

use crate::binary64::from_dyadic;
use tl_kernel::number::{Direction, Dyadic};

/// One operand or result. Numbers are binary64, rounded to nearest where the text has more digits, as the suite's own translation to C++ does.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `[empty]`.
    Empty,
    /// `[nai]`, not an interval.
    Nai,
    /// `[lo, hi]`, ends possibly infinite; `[entire]`.
    Interval(f64, f64),
    /// A number.
    Number(f64),
    /// Anything else, as written.
    Other(String),
}

/// A literal with its decoration (`com`, `dac`, `def`, `trv`), where there is one.
pub type Decorated = (Literal, Option<String>);

/// One assertion.
#[derive(Clone, Debug)]
pub struct Assertion {
    /// The operation.
    pub operation: String,
    /// What it is applied to.
    pub operands: Vec<Decorated>,
    /// What it must give.
    pub results: Vec<Decorated>,
    /// As written.
    pub text: String,
}

/// The assertions of one file.
pub fn parse(text: &str) -> Vec<Assertion> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("/*") {
        plain.push_str(before);
        rest = comment.split_once("*/").expect("a closed comment").1;
    }
    plain.push_str(rest);
    let code: Vec<&str> = plain.lines().map(|line| line.split("//").next().unwrap_or("")).collect();
    code.join("\n").split(';').filter_map(assertion).collect()
}

fn assertion(statement: &str) -> Option<Assertion> {
    let statement = statement.trim_start_matches(|c: char| c == '}' || c.is_whitespace());
    let statement = match statement.strip_prefix("testcase") {
        Some(test) => test.split_once('{').expect("testcase name {").1,
        None => statement,
    };
    let text = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    let (operation, mut rest) = text.split_once(' ')?;
    let (mut operands, mut results, mut right) = (Vec::new(), Vec::new(), false);
    while let Some(c) = rest.chars().next() {
        let end = match c {
            '[' => rest.find(']').map(|at| at + 1),
            '{' => rest.find('}').map(|at| at + 1),
            '"' => rest[1..].find('"').map(|at| at + 2),
            _ => Some(0),
        };
        let end = end.expect("a closed literal");
        let end = rest[end..].find(' ').map_or(rest.len(), |at| end + at);
        match &rest[..end] {
            "=" => right = true,
            "signal" => break,
            word if right => results.push(literal(word)),
            word => operands.push(literal(word)),
        }
        rest = rest[end..].trim_start();
    }
    Some(Assertion { operation: operation.to_owned(), operands, results, text: text.clone() })
}

fn literal(word: &str) -> Decorated {
    let Some((inside, decoration)) = word.strip_prefix('[').and_then(|word| word.split_once(']')) else {
        return (number(word).map_or_else(|| Literal::Other(word.to_owned()), Literal::Number), None);
    };
    let ends = inside.split_once(',').map(|(lo, hi)| (number(lo.trim()), number(hi.trim())));
    let value = match (inside.trim(), ends) {
        ("empty", _) => Literal::Empty,
        ("nai", _) => Literal::Nai,
        ("entire", _) => Literal::Interval(f64::NEG_INFINITY, f64::INFINITY),
        (_, Some((Some(lo), Some(hi)))) => Literal::Interval(lo, hi),
        _ => Literal::Other(word.to_owned()),
    };
    (value, decoration.strip_prefix('_').map(str::to_owned))
}

/// A decimal or hexadecimal floating number, or an infinity.
fn number(word: &str) -> Option<f64> {
    let (negative, size) = match word.strip_prefix('-') {
        Some(size) => (true, size),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    let lower = size.to_ascii_lowercase();
    let value = match lower.strip_prefix("0x") {
        None => lower
            .parse()
            .ok()
            .filter(|_| lower == "infinity" || lower.starts_with(|c: char| c.is_ascii_digit() || c == '.'))?,
        Some(hex) => {
            let (digits, exponent) = hex.split_once('p')?;
            let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
            let mantissa = u128::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
            let exponent = exponent.parse::<i64>().ok()? - 4 * i64::try_from(fraction.len()).ok()?;
            let (nearest, _) = Dyadic::new(mantissa.into(), exponent).round(53, Direction::Nearest);
            from_dyadic(&nearest, Direction::Down)
        }
    };
    Some(if negative { -value } else { value })
}
