//! Whether rounding can explain what was recorded: node by node where a trace is given, and from the inputs to the outputs in any case.
//!
//! Statement of a judgement without an element outside: every recorded element is within what *any* binary32 execution of the operations since the recorded values may
//! be off by ([`Rounded`]; the claim `trace` with the allowance `rounding`). A node outside is beside what rounding can do, in any order of summation; what it was
//! computed as instead is asked of the hypotheses. The precision doubles while an element is open.
//!
//! The bound is that of the worst order of summation, far from what happens: a long sum keeps it with operands of ten bits. So a node that keeps it with errors that are
//! large for its size is asked, too, whether a hypothesis is much *nearer* to what was recorded ([`Judgement::nearer`]): a suspicion, not a proof.

use super::figures::Spread;
use super::hypothesis;
use super::measure::{Distance, is_explained, is_finite, near};
use super::part::Part;
use super::recording::Recording;
use crate::model::Model;
use rayon::prelude::*;
use std::collections::BTreeMap;
use tl_kernel::context::EvalError;
use tl_kernel::context::real::Ball;
use tl_kernel::context::rounded::{Approximate, Rounded};
use tl_kernel::ir::Tensor;
use tl_kernel::ir::evaluate::Named;
use tl_kernel::number::Dyadic;

/// Bits to start with.
const START: u64 = 64;
/// Most bits.
const CAP: u64 = 1024;
/// A median error of this part of the greatest value, 16 units of roundoff, is large: sums of thousands of terms seldom come to it.
const SUSPICIOUS: f64 = 1.0 / (1 << 20) as f64;

/// One element.
#[derive(Clone, Debug)]
pub struct Element {
    /// Where it is.
    pub index: Vec<usize>,
    /// What was recorded.
    pub word: u32,
    /// The exact value.
    pub exact: Ball,
    /// The distance in units in the last place of the word; infinite where the word is not finite.
    pub ulps: f64,
    /// The distance as a part of what rounding can explain.
    pub share: f64,
}

/// A node, or an output from the inputs on.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The node.
    pub node: usize,
    /// Its elements.
    pub elements: usize,
    /// Elements that rounding cannot explain.
    pub outside: usize,
    /// The greatest bound.
    pub bound: f64,
    /// The greatest |exact value|.
    pub size: f64,
    /// The greatest error, exactly; nothing where an element is not finite.
    pub error: Option<Dyadic>,
    /// The element that is the most of its bound.
    pub worst: Option<Element>,
    /// The hypotheses that explain a node outside, the nearest first.
    pub explanations: Vec<String>,
    /// A hypothesis that is this many times nearer to the recorded elements of a node that keeps its bound.
    pub nearer: Option<(String, f64)>,
    /// Contractions between the recorded values (or the inputs) and this one.
    pub contractions: usize,
    /// Why there is no judgement.
    pub trouble: Option<String>,
}

impl Judgement {
    /// Whether every element is explained.
    pub fn holds(&self) -> bool {
        self.trouble.is_none() && self.outside == 0
    }

    /// The part of the bound that the worst element takes.
    pub fn share(&self) -> f64 {
        self.worst.as_ref().map_or(0.0, |worst| worst.share)
    }

    /// Whether the bound is too wide for its keeping to say much: it has grown through several contractions beyond one part in 256 of the values.
    pub fn is_wide(&self) -> bool {
        self.contractions > 1 && self.bound > self.size / 256.0
    }
}

/// What a recording comes to.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Each output from the inputs on.
    pub through: Vec<(String, Judgement)>,
    /// Each recorded node, the outputs' too, from the recorded values on, in the order of the graph; empty without a trace.
    pub nodes: Vec<Judgement>,
}

/// The readings of a recording.
pub fn judge(model: &Model, inputs: &Named<u32>, recording: &Recording, library: u64) -> Judged {
    let alone = BTreeMap::new();
    let output = |(name, words): (&String, &Tensor<u32>)| {
        let node = model.graph.outputs().get(name).copied().unwrap_or(0);
        (name.clone(), judge_part(&Part::of(model, inputs, &alone, node), node, words, library, false))
    };
    let through = recording.outputs.par_iter().map(output).collect();
    let values = recording.values(model);
    let is_source = |id: usize| model.graph.nodes().get(id).is_some_and(|node| node.op.is_source());
    let judged: Vec<usize> = values.keys().copied().filter(|&id| !is_source(id)).collect();
    let node = |id: &usize| judge_part(&Part::of(model, inputs, &values, *id), *id, &values[id], library, true);
    let nodes = if recording.traced { judged.par_iter().map(node).collect() } else { Vec::new() };
    Judged { through, nodes }
}

/// The judgement of what was recorded for the target of a part; `explain` asks the hypotheses where an element is outside.
pub fn judge_part(part: &Part, node: usize, recorded: &Tensor<u32>, library: u64, explain: bool) -> Judgement {
    let mut judgement = Judgement {
        node,
        elements: recorded.data().len(),
        outside: 0,
        bound: 0.0,
        size: 0.0,
        error: None,
        worst: None,
        explanations: Vec::new(),
        nearer: None,
        contractions: part.contractions(),
        trouble: None,
    };
    if let Some(source) = part.words.values().flat_map(|words| words.data()).find(|word| !is_finite(**word)) {
        judgement.trouble = Some(format!("it depends on the recorded value {:?}", f32::from_bits(*source)));
        return judgement;
    }
    let values = match decided(part, recorded, library, &Dyadic::zero()) {
        Ok(values) => values,
        Err(trouble) => {
            judgement.trouble = Some(trouble);
            return judgement;
        }
    };
    let (mut greatest, mut errors) = (Some(Dyadic::zero()), Vec::new());
    for (position, (&word, value)) in recorded.data().iter().zip(values.data()).enumerate() {
        let bound = value.error().to_dyadic();
        judgement.bound = judgement.bound.max(near(&bound));
        judgement.size = judgement.size.max(near(value.exact().mid()).abs());
        judgement.outside += usize::from(is_explained(word, value, &Dyadic::zero()) != Some(true));
        let distance = Distance::new(word, value.exact());
        let ulps = distance.as_ref().map_or(f64::INFINITY, Distance::ulps);
        let share = match &distance {
            Some(distance) if distance.farthest.is_zero() => 0.0,
            Some(distance) => near(&distance.farthest) / near(&bound),
            None => f64::INFINITY,
        };
        errors.extend(distance.as_ref().map(|distance| near(&distance.farthest)));
        greatest = greatest.zip(distance).map(|(greatest, distance)| greatest.max(distance.farthest));
        if judgement.worst.as_ref().is_none_or(|worst| share > worst.share) {
            let (index, exact) = (recorded.shape().index_of(position), value.exact().clone());
            judgement.worst = Some(Element { index, word, exact, ulps, share });
        }
    }
    judgement.error = greatest;
    if judgement.outside > 0 && explain {
        judgement.explanations = hypothesis::explanations(part, recorded, library);
    } else if explain && Spread::of(errors).median > SUSPICIOUS * judgement.size {
        judgement.nearer = hypothesis::nearest(part, recorded);
    }
    judgement
}

/// The value of the target where every element is decided, `more` being allowed beside the bound; or why there is none. At the largest precision an open
/// element is left open.
pub fn decided(
    part: &Part,
    recorded: &Tensor<u32>,
    library: u64,
    more: &Dyadic,
) -> Result<Tensor<Approximate>, String> {
    let mut precision = START;
    loop {
        let last = precision >= CAP;
        match part.value(&Rounded::new(precision, library)) {
            Ok(values) => {
                let mut elements = recorded.data().iter().zip(values.data());
                if last || elements.all(|(&word, value)| is_explained(word, value, more).is_some()) {
                    return Ok(values);
                }
            }
            Err(EvalError::Undecided { .. }) if !last => (),
            Err(error) => return Err(error.to_string()),
        }
        precision *= 2;
    }
}
