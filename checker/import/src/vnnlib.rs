//! VNN-LIB 1.0: the boxes of a property's inputs.
//!
//! Read are `(declare-const X_i Real)`, `(declare-const Y_i Real)`, and assertions that compare an input with a number under `and` and `or`: they are
//! multiplied out to a list of boxes, whose union is the set of inputs. Assertions about outputs are kept as they stand. One assertion
//! about both is refused, because the boxes would lose what it says. The parser keeps its own stack, of at most [`MAX_DEPTH`].

use crate::error::{ImportError, fault};
use crate::{DEFAULT_LIMIT, file};
use std::collections::BTreeMap;
use std::path::Path;
use tl_kernel::number::Exact;

/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 16;
/// Most boxes that assertions may multiply out to.
const MAX_BOXES: usize = 4096;

/// The closed interval of one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The lower end.
    pub lo: Exact,
    /// The upper end.
    pub hi: Exact,
}

/// A property: boxes of inputs, and what is asserted of the outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The set of inputs is the union of these boxes; each has one interval an input, row-major over the input tensor.
    pub boxes: Vec<Vec<Bounds>>,
    /// Number of outputs.
    pub outputs: usize,
    /// The assertions about outputs, one text each, blanks normalised.
    pub assertions: Vec<String>,
}

/// The property in the file at `path` (`.vnnlib`, `.vnnlib.gz`).
pub fn read_property(path: impl AsRef<Path>) -> Result<Property, ImportError> {
    let path = path.as_ref();
    let read = || {
        let bytes = file::read(path, DEFAULT_LIMIT)?;
        parse_property(str::from_utf8(&bytes).map_err(|_| fault!(VnnLib, "it is not UTF-8 text"))?)
    };
    read().map_err(|error| error.in_file(path.display()))
}

/// The property that the text states.
pub fn parse_property(text: &str) -> Result<Property, ImportError> {
    let (mut inputs, mut outputs) = (0usize, 0usize);
    let mut boxes = vec![OpenBox::new()];
    let mut assertions = Vec::new();
    for (line, form) in forms(text)? {
        let mut read = || -> Result<(), ImportError> {
            let Form::List(items) = &form else {
                return Err(fault!(VnnLib, "{form} outside of parentheses"));
            };
            match items.as_slice() {
                [Form::Atom("declare-const"), Form::Atom(name), Form::Atom("Real")] => {
                    let (number, next) = match variable(name) {
                        Some(Variable::Input(number)) => (number, &mut inputs),
                        Some(Variable::Output(number)) => (number, &mut outputs),
                        None => {
                            return Err(fault!(VnnLibUnsupported, "a constant {name:?}, neither X_i nor Y_i"));
                        }
                    };
                    if number != *next {
                        return Err(fault!(VnnLib, "{name} is declared where number {next} is due"));
                    }
                    *next += 1;
                    Ok(())
                }
                [Form::Atom("assert"), assertion] => {
                    let (of_inputs, of_outputs) = assertion.mentions(inputs, outputs)?;
                    match (of_inputs, of_outputs) {
                        (true, true) => {
                            Err(fault!(VnnLibUnsupported, "an assertion about inputs and outputs together"))
                        }
                        (true, false) => {
                            boxes = meet(std::mem::take(&mut boxes), &disjuncts(assertion)?)?;
                            Ok(())
                        }
                        _ => {
                            assertions.push(assertion.to_string());
                            Ok(())
                        }
                    }
                }
                _ => Err(fault!(VnnLibUnsupported, "the form {form}")),
            }
        };
        read().map_err(|error| error.at(format!("line {line}")))?;
    }
    if inputs == 0 {
        return Err(fault!(VnnLib, "it declares no input"));
    }
    let bounded = |open: &OpenBox| -> Result<Vec<Bounds>, ImportError> {
        let bounds = |i: usize| match open.get(&i) {
            Some((Some(lo), Some(hi))) => Ok(Bounds { lo: lo.clone(), hi: hi.clone() }),
            _ => Err(fault!(VnnLibUnsupported, "X_{i} has no lower or no upper bound")),
        };
        (0..inputs).map(bounds).collect()
    };
    let boxes = boxes.iter().map(bounded).collect::<Result<Vec<_>, _>>()?;
    let is_empty = |bounds: &Vec<Bounds>| bounds.iter().any(|b| b.lo > b.hi);
    let boxes: Vec<_> = boxes.into_iter().filter(|bounds| !is_empty(bounds)).collect();
    if boxes.is_empty() {
        return Err(fault!(VnnLibUnsupported, "no input satisfies the assertions"));
    }
    Ok(Property { boxes, outputs, assertions })
}

/// A variable of a property.
enum Variable {
    Input(usize),
    Output(usize),
}

fn variable(name: &str) -> Option<Variable> {
    let number = |digits: &str| digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
    match name.split_at_checked(2)? {
        ("X_", digits) => number(digits).map(Variable::Input),
        ("Y_", digits) => number(digits).map(Variable::Output),
        _ => None,
    }
}

/// A parenthesised expression.
#[derive(Debug)]
enum Form<'a> {
    Atom(&'a str),
    List(Vec<Form<'a>>),
}

/// The forms of the text with the lines where they begin; a comment goes from `;` to the end of its line.
fn forms(text: &str) -> Result<Vec<(usize, Form<'_>)>, ImportError> {
    let mut done = Vec::new();
    let mut stack: Vec<Vec<Form>> = Vec::new();
    let mut begin = 1;
    for (number, line) in text.lines().enumerate() {
        let at = |error: ImportError| error.at(format!("line {}", number + 1));
        let mut rest = line.split(';').next().unwrap_or_default().trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '(' | ')' => 1,
                _ => rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')')).unwrap_or(rest.len()),
            };
            let (token, after) = rest.split_at(length);
            rest = after.trim_start();
            let form = match token {
                "(" => {
                    if stack.is_empty() {
                        begin = number + 1;
                    }
                    if stack.len() == MAX_DEPTH {
                        return Err(at(fault!(VnnLibUnsupported, "more than {MAX_DEPTH} nested parentheses")));
                    }
                    stack.push(Vec::new());
                    continue;
                }
                ")" => Form::List(stack.pop().ok_or_else(|| at(fault!(VnnLib, "a closing parenthesis too many")))?),
                atom => Form::Atom(atom),
            };
            match stack.last_mut() {
                Some(open) => open.push(form),
                None => done.push((begin, form)),
            }
        }
    }
    if stack.is_empty() {
        Ok(done)
    } else {
        Err(fault!(VnnLib, "a parenthesis is not closed").at(format!("line {begin}")))
    }
}

impl std::fmt::Display for Form<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Form::Atom(atom) => f.write_str(atom),
            Form::List(items) => {
                f.write_str("(")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { " " })?;
                }
                f.write_str(")")
            }
        }
    }
}

impl Form<'_> {
    /// Whether it names inputs, and whether it names outputs; every variable has to be declared.
    fn mentions(&self, inputs: usize, outputs: usize) -> Result<(bool, bool), ImportError> {
        match self {
            Form::Atom(atom) => match variable(atom) {
                Some(Variable::Input(i)) if i < inputs => Ok((true, false)),
                Some(Variable::Output(i)) if i < outputs => Ok((false, true)),
                Some(_) => Err(fault!(VnnLib, "{atom} is not declared")),
                None => Ok((false, false)),
            },
            Form::List(items) => items.iter().try_fold((false, false), |(x, y), item| {
                let (in_item, out_item) = item.mentions(inputs, outputs)?;
                Ok((x || in_item, y || out_item))
            }),
        }
    }

    /// The number that it is: an atom, or `(- number)`.
    fn number(&self) -> Option<Result<Exact, ImportError>> {
        let parse = |text: String| Exact::parse(&text).map_err(|error| fault!(VnnLib, "{text:?}: {error}"));
        match self {
            Form::Atom(atom) if variable(atom).is_none() => Some(parse(atom.to_string())),
            Form::List(items) => match items.as_slice() {
                [Form::Atom("-"), Form::Atom(atom)] => Some(parse(format!("-{atom}"))),
                _ => None,
            },
            Form::Atom(_) => None,
        }
    }
}

/// The ends known so far of the intervals of some inputs.
type OpenBox = BTreeMap<usize, (Option<Exact>, Option<Exact>)>;

/// The boxes whose union an assertion about inputs describes.
fn disjuncts(form: &Form) -> Result<Vec<OpenBox>, ImportError> {
    let unsupported = || fault!(VnnLibUnsupported, "the assertion {form} about inputs");
    let Form::List(items) = form else {
        return Err(unsupported());
    };
    match items.as_slice() {
        [Form::Atom("and"), rest @ ..] => {
            rest.iter().try_fold(vec![OpenBox::new()], |boxes, item| meet(boxes, &disjuncts(item)?))
        }
        [Form::Atom("or"), rest @ ..] => {
            let boxes = rest.iter().map(disjuncts).collect::<Result<Vec<_>, _>>()?.concat();
            if boxes.len() > MAX_BOXES {
                Err(fault!(VnnLibUnsupported, "more than {MAX_BOXES} boxes"))
            } else {
                Ok(boxes)
            }
        }
        [Form::Atom(relation @ ("<=" | ">=")), left, right] => {
            let input = |form: &Form| match form {
                Form::Atom(atom) => variable(atom),
                Form::List(_) => None,
            };
            let (i, bound, is_upper) = match (input(left), right.number(), left.number(), input(right)) {
                (Some(Variable::Input(i)), Some(bound), ..) => (i, bound?, *relation == "<="),
                (_, _, Some(bound), Some(Variable::Input(i))) => (i, bound?, *relation == ">="),
                _ => return Err(unsupported()),
            };
            let ends = if is_upper { (None, Some(bound)) } else { (Some(bound), None) };
            Ok(vec![BTreeMap::from([(i, ends)])])
        }
        _ => Err(unsupported()),
    }
}

/// The intersections of every box of one list with every box of the other.
fn meet(mut some: Vec<OpenBox>, others: &[OpenBox]) -> Result<Vec<OpenBox>, ImportError> {
    if some.len().saturating_mul(others.len()) > MAX_BOXES {
        return Err(fault!(VnnLibUnsupported, "more than {MAX_BOXES} boxes"));
    }
    if let [other] = others {
        some.iter_mut().for_each(|one| narrow(one, other)); // the common case, without a copy
        return Ok(some);
    }
    let mut boxes = Vec::new();
    for one in some {
        for other in others {
            let mut both = one.clone();
            narrow(&mut both, other);
            boxes.push(both);
        }
    }
    Ok(boxes)
}

/// Makes the box its intersection with another.
fn narrow(one: &mut OpenBox, other: &OpenBox) {
    for (&i, (lo, hi)) in other {
        let ends = one.entry(i).or_default();
        ends.0 = ends.0.take().max(lo.clone()); // none is less than every number
        ends.1 = match (ends.1.take(), hi.clone()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "(declare-const X_0 Real)(declare-const X_1 Real)(declare-const Y_0 Real)(assert (<= X_0 1))(assert (>= X_0 -1e-1))";

    #[test]
    fn bounds_are_exact_and_the_tightest_holds() {
        let text = format!(
            "{HEAD}\n(assert (and (<= 0.25 X_1) (>= X_1 (- 2))\n (<= X_1 7.5))) ; comment )\n(assert (or (>= Y_0 0.0)))"
        );
        let property = parse_property(&text).unwrap();
        let bound = |lo, hi| Bounds { lo: Exact::parse(lo).unwrap(), hi: Exact::parse(hi).unwrap() };
        assert_eq!(property.boxes, [[bound("-1/10", "1"), bound("1/4", "15/2")]]);
        assert_eq!(property.assertions, ["(or (>= Y_0 0.0))"]);
    }

    #[test]
    fn alternatives_multiply_out_to_boxes_and_empty_ones_are_dropped() {
        let text = format!(
            "{HEAD}(assert (or (and (>= X_1 0) (<= X_1 1)) (and (>= X_1 3) (<= X_1 2)) (and (>= X_1 5) (<= X_1 6))))"
        );
        assert_eq!(parse_property(&text).unwrap().boxes.len(), 2);
    }

    #[test]
    fn what_is_outside_the_subset_is_refused() {
        let deep = format!("{}{}", "(".repeat(100_000), ")".repeat(100_000));
        for (tail, code) in [
            ("(assert (<= X_1 X_0))", "TL0438"),
            ("(assert (or (<= X_1 0) (<= Y_0 0)))", "TL0438"),
            ("(assert (< X_1 0))", "TL0438"),
            ("(assert (<= X_1 0))", "TL0438"),
            ("(assert (<= X_2 0))", "TL0437"),
            ("(assert (<= X_1 0x))", "TL0437"),
            ("(declare-const X_0 Real)", "TL0437"),
            ("(declare-fun f () Real)", "TL0438"),
            ("(assert (<= X_1 0)", "TL0437"),
            (")", "TL0437"),
            ("X_0", "TL0437"),
            (deep.as_str(), "TL0438"),
        ] {
            let error = parse_property(&format!("{HEAD}{tail}")).unwrap_err();
            assert_eq!(error.code(), code, "{error}");
        }
    }
}
