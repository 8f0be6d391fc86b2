//! What a recording is off by from the exact reals: spreads, the worst elements, the smallest tolerances, and a histogram.

use super::measure::{Distance, near, tolerance};
use super::recording::Recording;
use crate::error::{Code, Error};
use crate::model::Model;
use tl_kernel::context::real::{Ball, Real};
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::Tensor;
use tl_kernel::ir::evaluate::{Named, evaluate};
use tl_kernel::number::Dyadic;

/// The greatest, the median and the 99th percentile.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// The greatest.
    pub max: f64,
    /// The least that half of the elements do not exceed.
    pub median: f64,
    /// The least that 99 of 100 elements do not exceed.
    pub percentile: f64,
}

impl Spread {
    /// The spread of some numbers.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let rank = |hundredths: usize| {
            let at = (values.len() * hundredths).div_ceil(100).saturating_sub(1);
            values.get(at).copied().unwrap_or(0.0)
        };
        Spread { max: rank(100), median: rank(50), percentile: rank(99) }
    }
}

/// One of the worst elements.
#[derive(Clone, Debug)]
pub struct Worst {
    /// Where it is.
    pub index: Vec<usize>,
    /// What was recorded.
    pub word: u32,
    /// The exact value, nearly.
    pub exact: Dyadic,
    /// The distance in units in the last place of the word.
    pub ulps: f64,
}

/// The figures of one output.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Elements that are infinities or NaN; the rest is about the others.
    pub not_finite: usize,
    /// |y − s|.
    pub absolute: Spread,
    /// |y − s| / max(|y|, |s|).
    pub relative: Spread,
    /// |y − s| in units in the last place of y.
    pub ulps: Spread,
    /// The worst elements, those with the most units in the last place first.
    pub worst: Vec<Worst>,
    /// The units of every element.
    pub all: Vec<f64>,
    /// The greatest |y − s|.
    pub abs: Dyadic,
    /// The greatest |y − s| / max(|y|, |s|), rounded up.
    pub rel: Dyadic,
}

impl Figures {
    /// The figures of recorded words beside enclosures of the exact values, with this many of the worst elements.
    pub fn new(recorded: &Tensor<u32>, exact: &Tensor<Ball>, worst: usize) -> Self {
        let elements = recorded.data().iter().zip(exact.data()).enumerate();
        let measured: Vec<(usize, u32, Distance, &Ball)> = elements
            .filter_map(|(position, (&word, ball))| Some((position, word, Distance::new(word, ball)?, ball)))
            .collect();
        let all: Vec<f64> = measured.iter().map(|(_, _, distance, _)| distance.ulps()).collect();
        let mut order: Vec<usize> = (0..measured.len()).collect();
        order.sort_by(|&a, &b| all[b].total_cmp(&all[a]).then(a.cmp(&b)));
        let shown = |&i: &usize| {
            let (position, word, _, ball) = &measured[i];
            let index = recorded.shape().index_of(*position);
            Worst { index, word: *word, exact: ball.mid().clone(), ulps: all[i] }
        };
        let distances = || measured.iter().map(|(_, _, distance, _)| distance);
        let greatest = |values: &mut dyn Iterator<Item = Dyadic>| values.max().unwrap_or(Dyadic::zero());
        Figures {
            not_finite: recorded.data().len() - measured.len(),
            absolute: Spread::of(distances().map(|distance| near(&distance.farthest)).collect()),
            relative: Spread::of(distances().map(|distance| near(&distance.relative())).collect()),
            ulps: Spread::of(all.clone()),
            worst: order.iter().take(worst).map(shown).collect(),
            abs: greatest(&mut distances().map(|distance| distance.farthest.clone())),
            rel: greatest(&mut distances().map(Distance::relative)),
            all,
        }
    }

    /// The smallest absolute and relative tolerance of two digits that holds.
    pub fn tolerances(&self) -> [String; 2] {
        [tolerance(&self.abs), tolerance(&self.rel)]
    }
}

/// Enclosures of the exact outputs, narrow enough to show the errors of these recordings in three digits.
pub fn exact_outputs(model: &Model, inputs: &Named<u32>, recordings: &[Recording]) -> Result<Named<Ball>, Error> {
    const CAP: u64 = 4096;
    let contractions = model
        .graph
        .nodes()
        .iter()
        .filter(|node| matches!(node.op.name(), "linear" | "matmul" | "conv" | "conv_transpose"));
    let mut precision = 80 + 5 * contractions.count() as u64;
    loop {
        let real = Real::new(precision);
        let datum = |(name, tensor): (&String, &Tensor<u32>)| {
            let place = |error: EvalError| Error::new(Code::Evaluation, format!("input {name:?}"), error.to_string());
            Ok((name.clone(), tensor.try_map(|&word| real.datum(word)).map_err(place)?))
        };
        let points = inputs.iter().map(datum).collect::<Result<Named<Ball>, Error>>()?;
        let last = precision >= CAP;
        match evaluate(&model.graph, |_| &real, &model.parameters, &points) {
            Ok(exact) if last || recordings.iter().all(|recording| is_sharp(&recording.outputs, &exact)) => {
                return Ok(exact);
            }
            Ok(_) => (),
            Err(located) if last || !matches!(located.error, EvalError::Undecided { .. }) => {
                return Err(Error::at_node(&model.path, &located));
            }
            Err(_) => (),
        }
        precision *= 2;
    }
}

fn is_sharp(outputs: &Named<u32>, exact: &Named<Ball>) -> bool {
    outputs.iter().all(|(name, words)| {
        let balls: &[Ball] = exact.get(name).map_or(&[], |tensor| tensor.data());
        let mut elements = words.data().iter().zip(balls);
        elements.all(|(&word, ball)| Distance::new(word, ball).is_none_or(|distance| distance.is_sharp(&ball.rad())))
    })
}

/// Bins of units in the last place, spaced by a power: `0`, then up to ½, …; counts for each series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// What each bin holds.
    pub bins: Vec<String>,
    /// For each series its counts.
    pub counts: Vec<Vec<usize>>,
}

impl Histogram {
    /// The histogram of some series of finite numbers that are not negative.
    pub fn of(series: &[&[f64]]) -> Self {
        const MOST: usize = 16;
        let greatest = series.iter().flat_map(|values| values.iter()).fold(0.0, |a: f64, &b| a.max(b));
        let mut edges = Vec::new();
        for step in [2.0, 10.0, 1e3, 1e6, 1e12] {
            let first = if step == 2.0 { 0.5 } else { 1.0 };
            edges = std::iter::successors(Some(first), |edge| Some(edge * step)).take(MOST).collect();
            let needed = edges.iter().position(|&edge| edge >= greatest);
            if let Some(needed) = needed {
                edges.truncate(if greatest == 0.0 { 0 } else { needed + 1 });
                break;
            }
        }
        let bin = |value: f64| {
            if value == 0.0 { 0 } else { 1 + edges.partition_point(|&edge| edge < value).min(edges.len() - 1) }
        };
        let count = |values: &&[f64]| {
            let mut counts = vec![0; edges.len() + 1];
            values.iter().for_each(|&value| counts[bin(value)] += 1);
            counts
        };
        let label = |edge: &f64| match *edge {
            0.5 => "≤ 1/2".to_string(),
            edge if edge < 1e6 => format!("≤ {edge}"),
            edge => format!("≤ {edge:e}"),
        };
        Histogram {
            bins: ["0".to_string()].into_iter().chain(edges.iter().map(label)).collect(),
            counts: series.iter().map(count).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_are_ranks() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(Spread::of(values), Spread { max: 200.0, median: 100.0, percentile: 198.0 });
        assert_eq!(Spread::of(vec![3.0]), Spread { max: 3.0, median: 3.0, percentile: 3.0 });
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }

    #[test]
    fn every_value_is_counted_once() {
        for (values, bins, counts) in [
            (vec![0.0, 0.0], vec!["0"], vec![2]),
            (vec![0.0, 0.5, 0.6, 2.0], vec!["0", "≤ 1/2", "≤ 1", "≤ 2"], vec![1, 1, 1, 1]),
            (
                vec![1e7],
                vec!["0", "≤ 1", "≤ 10", "≤ 100", "≤ 1000", "≤ 10000", "≤ 100000", "≤ 1e6", "≤ 1e7"],
                vec![0, 0, 0, 0, 0, 0, 0, 0, 1],
            ),
        ] {
            let histogram = Histogram::of(&[&values]);
            assert_eq!(
                (histogram.bins, histogram.counts),
                (bins.into_iter().map(String::from).collect(), vec![counts])
            );
        }
        let wide = Histogram::of(&[&[1e-30, 1e45, f64::MAX]]);
        assert_eq!(wide.counts[0].iter().sum::<usize>(), 3);
    }
}
