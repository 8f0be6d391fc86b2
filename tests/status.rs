//! The columns of `spec-tests/STATUS.md` that need nobody else's data: every operation in every reading, and its constraints.

mod matrix;
mod running;

use num_rational::BigRational;
use running::{Running, evaluated};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use tl::Hardware32;
use tl_kernel::cert::json::{Cursor, parse};
use tl_kernel::context::binary32::{Binary32, Environment};
use tl_kernel::context::interval::Interval;
use tl_kernel::context::rational::Rational;
use tl_kernel::context::real::Real;
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::attributes::Attribute;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::ir::{CheckedGraph, Graph, Shape, Tensor};
use tl_kernel::limits::Limits;
use tl_kernel::number::Dyadic;
use tl_kernel::spec::Op;
use tl_kernel::{Verdict, conclude, decode, discharge, obligations};

const EXAMPLES: &str = include_str!("../spec-tests/examples.txt");
const CONSTRAINTS: &str = include_str!("../spec-tests/constraints.txt");

/// The lines of a table, in columns.
fn lines(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('|').map(str::trim).collect())
}

/// A graph of one operation, with the words of its inputs and parameters.
struct Example {
    text: String,
    graph: CheckedGraph,
    inputs: Named<u32>,
    parameters: Named<u32>,
}

/// A tensor written `[2] 1 -0.5`.
fn tensor(text: &str) -> Tensor<u32> {
    let (shape, numbers) = text.trim().split_once(' ').unwrap();
    let shape = Shape::decode(Cursor::root(parse(shape.as_bytes()).unwrap())).unwrap();
    let word = |number: &str| number.parse::<f32>().unwrap().to_bits();
    Tensor::new(shape, numbers.split_whitespace().map(word).collect()).unwrap()
}

/// The example of a line, or the constraint that its shapes break.
fn example(keyword: &str, attributes: &str, parents: &str) -> Example {
    let tensors: Vec<Tensor<u32>> = parents.split(';').map(tensor).collect();
    let text = format!(r#"{{"op":"{keyword}","attributes":{{{attributes}}}}}"#);
    let op = Op::decode(&mut Cursor::root(parse(text.as_bytes()).unwrap()).object().unwrap()).unwrap();
    let (mut nodes, mut inputs) = (String::new(), Named::new());
    let mut parents = Vec::new();
    if !op.is_source() {
        for (i, tensor) in tensors.iter().enumerate() {
            write!(nodes, r#"{{"op":"input","attributes":{{"name":"{i}"}},"parents":[],"shape":{}}},"#, tensor.shape())
                .unwrap();
            inputs.insert(i.to_string(), tensor.clone());
            parents.push(i);
        }
    }
    let shapes: Vec<&Shape> = tensors.iter().map(Tensor::shape).collect();
    let shape = if op.is_source() { shapes[0].clone() } else { op.shape(&shapes).unwrap() };
    let last = parents.len();
    let text = format!(
        r#"{{"nodes":[{nodes}{{"op":"{keyword}","attributes":{{{attributes}}},"parents":{parents:?},"shape":{shape}}}],"outputs":{{"y":{last}}}}}"#
    );
    let graph = Graph::decode(Cursor::root(parse(text.as_bytes()).unwrap()), &Limits::default()).unwrap();
    let graph = graph.check("", &Limits::default()).unwrap();
    let own = Named::from([("x".to_string(), tensors[0].clone())]);
    match keyword {
        "input" => Example { text, graph, inputs: own, parameters: Named::new() },
        "const" => Example { text, graph, inputs: Named::new(), parameters: own },
        _ => Example { text, graph, inputs, parameters: Named::new() },
    }
}

impl Example {
    /// The values of the output.
    fn read<C: Context>(&self, context: &C) -> Result<Vec<C::Value>, EvalError> {
        let outputs = evaluated(&self.graph, &self.parameters, &self.inputs, context)?;
        let shape = &self.graph.nodes().last().unwrap().shape;
        assert_eq!(outputs["y"].shape(), shape);
        Ok(outputs["y"].data().to_vec())
    }

    /// What the kernel says of the claim `adjoint` by this method, with tangents of the first parents.
    fn adjoint(&self, method: &str, parents: usize) -> Result<(), &'static str> {
        let named = |(name, tensor): (&String, &Tensor<u32>)| {
            let words: Vec<String> = tensor.data().iter().map(|word| format!("{word:08x}")).collect();
            format!(r#""{name}":{{"shape":{},"words":"{}"}}"#, tensor.shape(), words.join(" "))
        };
        // Quarters that grow and change their sign.
        let quarters = |shape: &Shape| {
            let word = |i: usize| ((i + 1) as f32 / if i % 3 == 1 { -4.0 } else { 4.0 }).to_bits();
            Tensor::new(shape.clone(), (0..shape.elements()).map(word).collect()).unwrap()
        };
        let x: Vec<String> = self.inputs.iter().map(named).collect();
        let v = self.inputs.iter().take(parents).map(|(name, x)| named((name, &quarters(x.shape()))));
        let u = named((&"y".to_string(), &quarters(&self.graph.nodes().last().unwrap().shape)));
        let (v, x) = (v.collect::<Vec<_>>().join(","), x.join(","));
        let (points, x) = match method {
            "identity" => (String::new(), String::new()),
            _ => (format!(r#","tangents":[{{"inputs":{{{v}}}}}],"cotangents":[{{{u}}}]"#), format!("{{{x}}}")),
        };
        let text = format!(
            r#"{{"format":"tl-cert/1","claim":{{"kind":"adjoint","method":"{method}"{points}}},"model":{{"graph":{},"parameters":{{}}}},"inputs":[{x}]}}"#,
            self.text
        );
        let limits = Limits::default();
        let certificate = decode(text.as_bytes(), &limits).unwrap().bind(&Default::default(), &limits).unwrap();
        let parts = obligations(&certificate);
        let results = parts.into_iter().map(|part| discharge(&certificate, part, &limits)).collect();
        match conclude(&certificate, results) {
            Verdict::Accepted(_) => Ok(()),
            Verdict::Rejected(findings) | Verdict::Declined(findings) => Err(findings[0].code.id()),
        }
    }

    /// The cell `vjp`.
    fn vjp(&self) -> String {
        let all = self.inputs.len();
        if self.graph.nodes().last().unwrap().op.is_source() {
            return "none: a source".to_string();
        }
        if self.adjoint("identity", all).is_ok() {
            return "identity".to_string();
        }
        for parents in (1..=all).rev() {
            let of = match parents {
                _ if parents == all => String::new(),
                1 => ", by the first parent alone".to_string(),
                _ => format!(", by the first {parents} of {all} parents"),
            };
            let mut found = Err("");
            for method in ["exact", "enclosure"] {
                found = self.adjoint(method, parents);
                if found.is_ok() {
                    return format!("{method}{of}");
                }
            }
            if found != Err("TL0201") {
                return format!("{found:?}");
            }
        }
        "by no parent".to_string()
    }

    /// The cells from `shape rule` to `f32`.
    fn cells(&self, operation: &str) -> [String; 6] {
        let ok = |holds: bool| if holds { "ok".to_string() } else { "wrong".to_string() };
        let failed = |error: &EvalError| match error {
            EvalError::NotRational { function } => format!("NotRational: {function}"),
            other => format!("{other}"),
        };
        let rational = self
            .read(&Rational::default())
            .map(|values| values.iter().map(|x| x.to_rational()).collect::<Vec<BigRational>>());
        let real = self.read(&Real::new(128)).unwrap_or_else(|error| panic!("{operation}: {error}"));
        // At each place between these ends, no wider than 2^−bits of its size.
        let enclosed = |ends: &[(Dyadic, Dyadic)], bits: i64| {
            ends.iter().enumerate().all(|(i, (lo, hi))| {
                let value = rational.as_ref().ok().and_then(|values| values.get(i));
                let narrow = hi.sub(lo) <= lo.abs().add(&hi.abs()).add(&Dyadic::power_of_two(-64)).scaled(-bits);
                narrow && value.is_none_or(|value| lo.to_rational() <= *value && *value <= hi.to_rational())
            })
        };
        let balls: Vec<_> = real.iter().map(|ball| (ball.lower(), ball.upper())).collect();
        let interval = self.read(&Interval::new(128)).map(|values| {
            let ends: Vec<_> = values.iter().map(|x| (x.lo().clone(), x.hi().clone())).collect();
            ends.iter().zip(&balls).all(|(x, ball)| x.0 <= ball.1 && ball.0 <= x.1) && enclosed(&ends, 20)
        });
        let engine = Hardware32::default();
        let words = self.read(&Binary32::new(Environment::default(), engine.schedule().clone()));
        let bounds = self.read(&Running).unwrap_or_else(|error| panic!("{operation}: {error}"));
        let near = words.as_ref().map(|words| {
            words.iter().zip(&bounds).zip(&balls).all(|((&word, bound), ball)| {
                let y = Dyadic::from_binary32(word).unwrap();
                let most = running::dyadic(bound.error);
                bound.error.is_finite() && ball.0.sub(&most) <= y && y <= ball.1.add(&most)
            })
        });
        let same = self.read(&engine).map(|floats| {
            floats.iter().map(|x| x.to_bits()).collect::<Vec<_>>() == *words.as_deref().unwrap_or_default()
        });
        [
            "ok".to_string(), // accepted above, and filled by the reading over the reals
            rational.as_ref().map_or_else(failed, |_| ok(true)),
            ok(enclosed(&balls, 40)),
            interval.as_ref().map_or_else(failed, |&holds| ok(holds)),
            near.map_or_else(failed, ok),
            same.as_ref().map_or_else(failed, |&holds| ok(holds)),
        ]
    }
}

/// The numbered constraints of a page.
fn numbered(operation: &str) -> BTreeSet<String> {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("spec-tests/ops/{operation}.md")))
            .unwrap();
    let number = |line: &str| {
        let (number, rest) = line.split_once(". `")?;
        number.parse::<usize>().ok()?;
        Some(rest.split('`').next()?.to_string())
    };
    page.lines().filter_map(number).collect()
}

/// The cell of the constraints: those of the page, kept and broken by a line each.
fn constraints(operation: &str) -> String {
    let page = numbered(operation);
    let tried = |holds: bool| -> BTreeSet<String> {
        let name = |line: &[&str]| {
            let (of, rest) = line[0].split_once("_c").unwrap();
            (of == operation && line[3].is_empty() != holds)
                .then(|| format!("{of}_c{}", rest.split('_').next().unwrap()))
        };
        lines(CONSTRAINTS).filter_map(|line| name(&line)).collect()
    };
    match page.len() {
        0 => "none on its page".to_string(),
        number if tried(true) == page && tried(false) == page => number.to_string(),
        number => format!("{number}, kept {:?}, broken {:?}", tried(true), tried(false)),
    }
}

#[test]
fn every_operation_is_read_in_every_reading_and_no_cell_is_empty_or_wrong() {
    let examples: Vec<_> = lines(EXAMPLES).collect();
    let named: Vec<&str> = examples.iter().map(|line| line[0]).collect();
    assert_eq!(named, Op::KEYWORDS, "the examples are those of the table, in its order");
    matrix::has(|operation| {
        let line = examples.iter().find(|line| line[0] == operation).unwrap();
        let example = example(operation, line[1], line[2]);
        let mut cells: Vec<_> = example.cells(operation).into_iter().enumerate().collect();
        cells.extend([(matrix::ONNX + 1, constraints(operation)), (matrix::VJP, example.vjp())]);
        cells
    });
    let recorded = matrix::recorded();
    assert_eq!(recorded.len(), Op::KEYWORDS.len());
    for (operation, cells) in recorded {
        for (column, cell) in cells.iter().enumerate() {
            let said = match column {
                0 | 2..=5 => cell == "ok",
                1 => cell == "ok" || cell.starts_with("NotRational: "),
                matrix::ONNX => cell.parse::<usize>().is_ok_and(|count| count > 0) || cell.starts_with("none: "),
                matrix::VJP => {
                    let method = cell.split(", by the first ").next().unwrap();
                    ["identity", "exact", "enclosure", "none: a source"].contains(&method)
                }
                _ => cell == "none on its page" || cell.parse::<usize>().is_ok_and(|count| count > 0),
            };
            assert!(said, "{operation}, column {column}: {cell:?}");
        }
    }
}
