//! `tl grad`: gradients of a model's output, as tensors in a file; and what `tl certify --claim gradient` needs of them.

use super::plan::{self, Plan};
use super::run::print;
use super::{DONE, ModelArguments, parse_schedule};
use crate::cases::{self, Role};
use crate::certificate::Statement;
use crate::compiled::Compiled;
use crate::error::{Code, Error};
use crate::files::{tensors, write};
use crate::hardware::default_schedule;
use crate::model::Model;
use crate::tape::{Run, Tape};
use crate::transform::Function;
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tl_kernel::cert::json::Json;
use tl_kernel::context::EvalError;
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::ir::Tensor;
use tl_kernel::ir::evaluate::{Located, Named, read};
use tl_kernel::ir::reverse::{ById, all_values, pullback};

/// The options.
#[derive(Debug, Args)]
pub(super) struct Grad {
    #[command(flatten)]
    model: ModelArguments,

    /// A tensor for an input: .npy, .npz, .pb or .safetensors; a single input needs no name
    #[arg(short, long = "input", value_name = "[NAME=]FILE")]
    inputs: Vec<String>,

    /// Take tensors of another shape with as many elements, row-major
    #[arg(long)]
    reshape: bool,

    #[command(flatten)]
    what: What,

    /// Stop at the first node whose value, or cotangent, is NaN or infinite
    #[arg(long)]
    detect_anomaly: bool,

    /// The order of sums, as in certificates: JSON, or @FILE; default: the engine's own
    #[arg(long, value_name = "JSON")]
    schedule: Option<String>,

    #[command(flatten)]
    plan: Plan,

    /// Where the gradients are written, by the names of inputs and parameters: .npz, .safetensors, .npy (one) or .json
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Print every element, not only the first of each gradient
    #[arg(long)]
    all: bool,
}

/// What is differentiated, and by what.
#[derive(Debug, Args)]
pub(super) struct What {
    /// The output that is differentiated; needed where there are several
    #[arg(long, value_name = "OUTPUT")]
    pub(super) of: Option<String>,

    /// The cotangent of that output; needed unless it has one element
    #[arg(long = "cotangent", value_name = "FILE")]
    pub(super) cotangents: Vec<String>,

    /// An input or parameter to differentiate by; default: all that lead to no labels or masks
    #[arg(long, value_name = "NAME")]
    pub(super) wrt: Vec<String>,
}

impl Grad {
    pub(super) fn run(&self, text: &mut String, notes: &mut String) -> Result<u8, Error> {
        let model = self.model.load()?;
        let inputs = cases::read_inputs(&model, &self.inputs, self.reshape)?;
        let [case] = &inputs[..] else {
            return Err(Error::new(Code::Cases, "--input", format!("{} cases are given, one is run", inputs.len())));
        };
        let schedule = self.schedule.as_deref().map_or(Ok(default_schedule()), parse_schedule)?;
        let mut run = Run::new(schedule);
        run.detect_anomaly = self.detect_anomaly;
        let cotangents = self.what.seeds(&model, 1, self.reshape)?;
        let names = self.what.names(&Function::of(&run, &model), notes)?;
        let others = [("--schedule", self.schedule.is_some()), ("--detect-anomaly", self.detect_anomaly)];
        let mut compiled = self.plan.of(&model, true, &others)?;
        let gradients = match &mut compiled {
            Some(compiled) => planned(compiled, &Function::of(&run, &model), case, &cotangents[0], &names)?,
            None => computed(&run, &model, case, &cotangents[0], &names)?,
        };
        print(text, &gradients, self.all, |word| format!("{word:08x}  {:?}", f32::from_bits(*word)));
        *text += &compiled.as_ref().map_or_else(String::new, plan::schedule);
        if let Some(path) = &self.output {
            write(path, &tensors(path, &gradients)?)?;
            *text += &format!("written     {}\n", path.display());
        }
        Ok(DONE)
    }
}

impl What {
    /// The output that is differentiated.
    fn output<'m>(&'m self, model: &'m Model) -> Result<&'m str, Error> {
        let outputs = model.graph.outputs();
        let names = || outputs.keys().cloned().collect::<Vec<_>>().join(", ");
        match &self.of {
            Some(name) if outputs.contains_key(name) => Ok(name),
            Some(name) => Err(Error::new(
                Code::Gradient,
                format!("--of {name}"),
                format!("the outputs of the graph are {}", names()),
            )),
            None => match outputs.keys().collect::<Vec<_>>()[..] {
                [only] => Ok(only),
                _ => Err(Error::new(
                    Code::Gradient,
                    "--of",
                    format!("the graph has several outputs, say which: {}", names()),
                )),
            },
        }
    }

    /// The cotangents of each case, by output; the same for all cases where one is given.
    pub(super) fn seeds(&self, model: &Model, count: usize, reshape: bool) -> Result<Vec<Named<u32>>, Error> {
        let name = self.output(model)?;
        let shape = model.graph.nodes()[model.graph.outputs()[name]].shape.clone();
        let wanted = [(name.to_string(), shape.clone())];
        let mut cases = cases::read(Role::Cotangent, &wanted, &self.cotangents, reshape)?;
        if cases.is_empty() {
            let one = Tensor::new(shape.clone(), vec![1.0f32.to_bits()]).ok_or_else(|| {
                let message =
                    format!("it has the shape {shape}, not one element: --cotangent gives a tensor of that shape");
                Error::new(Code::Gradient, format!("output {name:?}"), message)
            })?;
            cases.push([(name.to_string(), one)].into());
        }
        if cases.len() == 1 {
            cases.resize(count, cases[0].clone());
        }
        if cases.len() != count {
            let message = format!("{count} cases of inputs, {} of cotangents", cases.len());
            return Err(Error::new(Code::Cases, "--cotangent", message));
        }
        Ok(cases)
    }

    /// The names that are differentiated by.
    pub(super) fn names(&self, function: &Function, notes: &mut String) -> Result<Vec<String>, Error> {
        if !self.wrt.is_empty() {
            self.wrt.iter().try_for_each(|name| function.find(name).map(drop))?;
            return Ok(self.wrt.clone());
        }
        let (names, others) = function.differentiable();
        if names.is_empty() {
            return Err(Error::new(Code::Gradient, "--wrt", "no input or parameter can be differentiated by"));
        }
        if !others.is_empty() {
            *notes += &format!("note: not by {}: labels, masks or weights of classes\n", others.join(", "));
        }
        Ok(names)
    }
}

/// What a certificate about gradients lists.
pub(super) struct Listed {
    /// The cotangents of each case, by output.
    pub(super) seeds: Vec<Named<u32>>,
    /// The gradients of each case, by node.
    pub(super) recorded: Vec<BTreeMap<usize, Tensor<u32>>>,
    /// Whether a cotangent was given.
    weighted: bool,
}

impl What {
    /// The gradients in the files `given`, or those that the engine computes.
    pub(super) fn listed(
        &self,
        (run, model): (&Run, &Model),
        inputs: &[Named<u32>],
        given: &[String],
        reshape: bool,
        notes: &mut String,
    ) -> Result<Listed, Error> {
        let (function, seeds) = (Function::of(run, model), self.seeds(model, inputs.len(), reshape)?);
        let names = self.names(&function, notes)?;
        let node = |name: &String| Ok((name.clone(), function.find(name)?));
        let ids = names.iter().map(node).collect::<Result<BTreeMap<String, usize>, Error>>()?;
        let shape = |(name, &id): (&String, &usize)| (name.clone(), model.graph.nodes()[id].shape.clone());
        let mut recorded = cases::read_gradients(&ids.iter().map(shape).collect::<Vec<_>>(), given, reshape)?;
        if recorded.is_empty() {
            let of = |(case, seeds)| computed(run, model, case, seeds, &names);
            recorded = inputs.iter().zip(&seeds).map(of).collect::<Result<_, _>>()?;
        }
        if recorded.len() != inputs.len() {
            let message = format!("{} cases of inputs, {} of gradients", inputs.len(), recorded.len());
            return Err(Error::new(Code::Cases, "--gradient", message));
        }
        let by_node = |case: &Named<u32>| case.iter().map(|(name, tensor)| (ids[name], tensor.clone())).collect();
        let recorded = recorded.iter().map(by_node).collect();
        Ok(Listed { seeds, recorded, weighted: !self.cotangents.is_empty() })
    }
}

impl Listed {
    /// The claim, with this tolerance.
    pub(super) fn statement(self, model: &Model, tolerance: Json) -> Statement {
        let group = |case: &BTreeMap<usize, Tensor<u32>>, wanted: &str| {
            let sources = case.iter().filter_map(|(&id, tensor)| Some((model.graph.nodes()[id].op.source()?, tensor)));
            let of_kind = sources.filter(|((kind, _), _)| *kind == wanted);
            of_kind.map(|((_, name), tensor)| (name.to_string(), tensor.clone())).collect()
        };
        let gradients = self.recorded.iter().map(|case| [group(case, "input"), group(case, "const")]).collect();
        let implied = model.graph.outputs().len() == 1 && !self.weighted;
        Statement::Gradient { tolerance, gradients, cotangents: if implied { Vec::new() } else { self.seeds } }
    }
}

/// What the engine computes, every NaN the canonical one.
pub(super) fn computed(
    run: &Run,
    model: &Model,
    case: &Named<u32>,
    cotangents: &Named<u32>,
    names: &[String],
) -> Result<Named<u32>, Error> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (_, gradients) = Function::of(run, model).vjp(&numbers(case), &names, &numbers(cotangents))?;
    Ok(gradients.iter().map(|(name, gradient)| (name.clone(), Tape::words(gradient))).collect())
}

/// What a compiled graph computes.
fn planned(
    compiled: &mut Compiled,
    function: &Function,
    case: &Named<u32>,
    cotangents: &Named<u32>,
    names: &[String],
) -> Result<Named<u32>, Error> {
    let (_, gradients) = compiled.vjp(&numbers(case), |_| numbers(cotangents))?;
    let by_node = gradients.iter().map(|(name, gradient)| Ok((function.find(name)?, gradient)));
    let by_node = by_node.collect::<Result<BTreeMap<usize, &Tensor<f32>>, Error>>()?;
    let of = |name: &String| {
        let message = "it leads to labels, masks or weights of classes, and has no gradient";
        let gradient = by_node.get(&function.find(name)?);
        let gradient = gradient.ok_or_else(|| Error::new(Code::Gradient, format!("--wrt {name}"), message))?;
        Ok((name.clone(), Tape::words(gradient)))
    };
    names.iter().map(of).collect()
}

fn numbers(words: &Named<u32>) -> Named<f32> {
    words.iter().map(|(name, words)| (name.clone(), words.map(|&word| f32::from_bits(word)))).collect()
}

/// Enclosures of the exact gradients of the nodes that have recorded ones; an error, and whether more precision is of no use.
pub(super) fn exact(
    model: &Model,
    real: &Real,
    case: &Named<u32>,
    cotangents: &Named<u32>,
    recorded: &BTreeMap<usize, Tensor<u32>>,
) -> Result<ById<Ball>, (Error, bool)> {
    let datum = |error: EvalError| (Error::new(Code::NotFinite, "an input or cotangent", error.to_string()), true);
    let located = |located: Located| {
        let undecided = matches!(located.error, EvalError::Undecided { .. });
        (Error::at_node(&model.path, &located), !undecided)
    };
    let of_input = |(name, words): (&String, &Tensor<u32>)| Ok((name.clone(), read(real, words).map_err(datum)?));
    let inputs = case.iter().map(of_input).collect::<Result<Named<_>, _>>()?;
    let of_output =
        |(name, words): (&String, &Tensor<u32>)| Ok((model.graph.outputs()[name], read(real, words).map_err(datum)?));
    let seeds = cotangents.iter().map(of_output).collect::<Result<ById<_>, _>>()?;
    let values = all_values(&model.graph, real, &model.parameters, &inputs).map_err(located)?;
    pullback(&model.graph, real, &values, seeds, &recorded.keys().copied().collect()).map_err(located)
}
