//! `tl run`: the same graph under the reading that is asked for.

use super::plan::{self, Plan};
use super::{DONE, ModelArguments, parse_exact, parse_schedule};
use crate::cases;
use crate::error::{Code, Error};
use crate::files::{pretty, tensors, write};
use crate::hardware::{Hardware32, default_schedule};
use crate::model::Model;
use clap::Args;
use num_rational::BigRational;
use num_traits::Signed;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use tl_kernel::cert::json::Json;
use tl_kernel::context::binary32::{Binary32, Environment};
use tl_kernel::context::interval::{Enclosure, Interval};
use tl_kernel::context::rational::Rational;
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::attributes::Attribute;
use tl_kernel::ir::evaluate;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::number::decimal::decimal;
use tl_kernel::number::{Dyadic, Exact};

/// The options.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    model: ModelArguments,

    /// A tensor for an input: .npy, .npz, .pb or .safetensors; a single input needs no name
    #[arg(short, long = "input", value_name = "[NAME=]FILE")]
    inputs: Vec<String>,

    /// Take tensors of another shape with as many elements, row-major
    #[arg(long)]
    reshape: bool,

    /// The reading: f32, binary32, rational, real[:BITS] or interval[:BITS]
    #[arg(long, value_name = "READING", default_value = "f32")]
    semantics: Semantics,

    /// Half the width of the box around the input, for interval
    #[arg(long, value_name = "R", default_value = "0")]
    radius: String,

    /// The order of sums for f32 and binary32, as in certificates: JSON, or @FILE; default: the engine's own
    #[arg(long, value_name = "JSON")]
    schedule: Option<String>,

    #[command(flatten)]
    plan: Plan,

    /// Where the outputs are written: .npz, .npy, .safetensors (f32 and binary32) or .json
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Print every element, not only the first of each output
    #[arg(long)]
    all: bool,
}

/// A reading by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Semantics {
    F32,
    Binary32,
    Rational,
    Real(u64),
    Interval(u64),
}

impl FromStr for Semantics {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, bits) = match text.split_once(':') {
            None => (text, None),
            Some((name, bits)) => {
                let in_range = |bits: &u64| (32..=4096).contains(bits);
                let bits = bits.parse().ok().filter(in_range);
                (name, Some(bits.ok_or("the precision is 32 to 4096 bits")?))
            }
        };
        match (name, bits) {
            ("f32", None) => Ok(Semantics::F32),
            ("binary32", None) => Ok(Semantics::Binary32),
            ("rational", None) => Ok(Semantics::Rational),
            ("real", bits) => Ok(Semantics::Real(bits.unwrap_or(128))),
            ("interval", bits) => Ok(Semantics::Interval(bits.unwrap_or(128))),
            _ => Err("the readings are f32, binary32, rational, real[:BITS] and interval[:BITS]".into()),
        }
    }
}

/// How many elements of an output are printed.
const SHOWN: usize = 16;

impl Run {
    pub(super) fn run(&self, text: &mut String) -> Result<u8, Error> {
        let model = self.model.load()?;
        let radius = parse_exact("--radius", &self.radius)?;
        if !radius.is_zero() && !matches!(self.semantics, Semantics::Interval(_)) {
            return Err(Error::new(Code::Usage, "--radius", "only interval runs over a box"));
        }
        if self.schedule.is_some() && !matches!(self.semantics, Semantics::F32 | Semantics::Binary32) {
            return Err(Error::new(Code::Usage, "--schedule", "only f32 and binary32 depend on the order of sums"));
        }
        let cases = cases::read_inputs(&model, &self.inputs, self.reshape)?;
        let [case] = &cases[..] else {
            return Err(Error::new(Code::Cases, "--input", format!("{} cases are given, one is run", cases.len())));
        };
        let others = [("--semantics", self.semantics != Semantics::F32), ("--schedule", self.schedule.is_some())];
        let mut compiled = self.plan.of(&model, false, &others)?;
        let outputs = match &mut compiled {
            Some(compiled) => {
                let outputs = compiled.forward(&map(case.clone(), |&word| f32::from_bits(word))?)?;
                Outputs::Words(map(outputs, |x| x.to_bits())?)
            }
            None => self.outputs(&model, case, radius)?,
        };
        match &outputs {
            Outputs::Words(words) => {
                print(text, words, self.all, |word| format!("{word:08x}  {:?}", f32::from_bits(*word)))
            }
            Outputs::Text(texts) => print(text, texts, self.all, |text| shortened(text)),
        }
        *text += &compiled.as_ref().map_or_else(String::new, plan::schedule);
        if let Some(path) = &self.output {
            write(path, &self.file(path, &outputs)?)?;
            *text += &format!("written     {}\n", path.display());
        }
        Ok(DONE)
    }

    fn outputs(&self, model: &Model, case: &Named<u32>, radius: Exact) -> Result<Outputs, Error> {
        let schedule = self.schedule.as_deref().map_or(Ok(default_schedule()), parse_schedule)?;
        match self.semantics {
            Semantics::F32 => {
                let value = read(model, &Hardware32::new(schedule), case)?;
                map(value, |x| x.to_bits()).map(Outputs::Words)
            }
            Semantics::Binary32 => {
                read(model, &Binary32::new(Environment::default(), schedule), case).map(Outputs::Words)
            }
            Semantics::Rational => {
                map(read(model, &Rational::default(), case)?, |x| x.to_rational().to_string()).map(Outputs::Text)
            }
            Semantics::Real(bits) => map(read(model, &Real::new(bits), case)?, ball_text).map(Outputs::Text),
            Semantics::Interval(bits) => interval(model, case, bits, &radius).map(Outputs::Text),
        }
    }

    fn file(&self, path: &Path, outputs: &Outputs) -> Result<Vec<u8>, Error> {
        match outputs {
            Outputs::Words(words) => tensors(path, words),
            Outputs::Text(texts) if path.extension().is_some_and(|e| e == "json") => {
                let entry = |(name, tensor): (&String, &tl_kernel::ir::Tensor<String>)| {
                    let values = tensor.data().iter().map(Json::string).collect();
                    (name.clone(), Json::object([("shape", tensor.shape().encode()), ("values", Json::Array(values))]))
                };
                Ok(pretty(&Json::Object(texts.iter().map(entry).collect())).into_bytes())
            }
            Outputs::Text(_) => {
                Err(Error::new(Code::Kind, path.display(), "values of this reading are written to .json only"))
            }
        }
    }
}

/// The outputs of a run: binary32 words, or numbers as text.
enum Outputs {
    Words(Named<u32>),
    Text(Named<String>),
}

/// The outputs of the model in a reading.
fn read<C: Context>(model: &Model, context: &C, case: &Named<u32>) -> Result<Named<C::Value>, Error> {
    let mut inputs = Named::new();
    for (name, tensor) in case {
        let datum = |error: EvalError| Error::new(Code::Evaluation, format!("input {name:?}"), error.to_string());
        inputs.insert(name.clone(), tensor.try_map(|&word| context.datum(word)).map_err(datum)?);
    }
    let outputs = evaluate(&model.graph, |_| context, &model.parameters, &inputs);
    outputs.map_err(|located| Error::at_node(&model.path, &located))
}

fn map<V, W>(named: Named<V>, f: impl Fn(&V) -> W) -> Result<Named<W>, Error> {
    named.into_iter().map(|(name, tensor)| Ok((name, tensor.try_map(|value| Ok::<W, Error>(f(value)))?))).collect()
}

/// The elements of tensors, the first of each unless all are asked for.
pub(super) fn print<V>(text: &mut String, outputs: &Named<V>, all: bool, show: impl Fn(&V) -> String) {
    for (name, tensor) in outputs {
        *text += &format!("{name} {}\n", tensor.shape());
        let shown = if all { tensor.data().len() } else { SHOWN };
        for (position, value) in tensor.data().iter().enumerate().take(shown) {
            *text += &format!("  {:?}  {}\n", tensor.shape().index_of(position), show(value));
        }
        if tensor.data().len() > shown {
            *text += &format!("  … {} more (--all prints them)\n", tensor.data().len() - shown);
        }
    }
}

/// A fraction of many digits, cut in the middle, with its size; other text as it is.
fn shortened(text: &str) -> String {
    const LONG: usize = 48;
    let cut = |digits: &str| match digits.len() {
        0..=LONG => digits.to_string(),
        n => format!("{}…{} ({n} digits)", &digits[..12], &digits[n - 6..]),
    };
    let is_exact = text.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'-' | b'/'));
    let Some(value) = BigRational::from_str(text).ok().filter(|_| is_exact) else {
        return text.to_string();
    };
    let about = decimal(&value, 9, false);
    match text.split_once('/') {
        Some((p, q)) => format!("{} / {}  = {about}", cut(p), cut(q)),
        None => cut(text),
    }
}

/// `midpoint ± radius` in decimal; the radius includes what the decimal midpoint leaves out.
pub(crate) fn ball_text(ball: &Ball) -> String {
    let (mid, rad) = (ball.mid().to_rational(), ball.rad().to_rational());
    if ball.is_exact() && ball.mid().bits() <= 64 {
        return decimal(&mid, 60, false);
    }
    const MOST: u32 = 40;
    let bits = ball.rad().top().map(|radius| ball.mid().top().unwrap_or(radius) - radius);
    let digits = bits.map_or(MOST, |bits| u32::try_from(bits * 3 / 10 + 1).unwrap_or(1).clamp(1, MOST));
    let text = decimal(&mid, digits, false);
    let text = text.replace('…', "");
    let shown = Exact::parse(&text).map(|shown| shown.rational().clone()).unwrap_or_else(|_| mid.clone());
    format!("{text} ± {}", decimal(&(rad + (mid - shown).abs()), 2, true))
}

/// `[lo, hi]` in decimal, rounded outward.
fn enclosure_text(enclosure: &Enclosure) -> String {
    let end = |x: &Dyadic, upper: bool| decimal(&x.to_rational(), 9, x.is_negative() != upper).replace('…', "");
    format!("[{}, {}]", end(enclosure.lo(), false), end(enclosure.hi(), true))
}

/// The images of the box `x ± radius`; a radius that is not dyadic is rounded up.
fn interval(model: &Model, case: &Named<u32>, bits: u64, radius: &Exact) -> Result<Named<String>, Error> {
    let reading = Interval::new(bits);
    let beside = |word: &u32| {
        let (x, radius) = (reading.datum(*word)?, reading.constant(radius)?);
        reading.outward(&x.lo().sub(radius.hi()), &x.hi().add(radius.hi()))
    };
    let datum = |error: EvalError| Error::new(Code::Evaluation, "an input", error.to_string());
    let boxes: Result<Named<Enclosure>, Error> =
        case.iter().map(|(name, tensor)| Ok((name.clone(), tensor.try_map(beside).map_err(datum)?))).collect();
    let outputs = evaluate(&model.graph, |_| &reading, &model.parameters, &boxes?);
    map(outputs.map_err(|located| Error::at_node(&model.path, &located))?, enclosure_text)
}
