//! What people read: figures, bars, and one sentence for each runtime that says whether rounding explains what it computed.

use super::figures::{Figures, Histogram};
use super::judge::{Element, Judged, Judgement};
use super::measure::{digits, figures, word_text};
use super::recording::Recording;
use crate::model::Model;
use tl_kernel::cert::json::Json;
use tl_kernel::ir::Tensor;
use tl_kernel::number::Dyadic;

/// Whether rounding explains a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It does.
    Rounding,
    /// It does not.
    NotRounding,
    /// The bound is too wide to say, or there is none.
    Open,
}

/// One runtime with everything that is known of it.
#[derive(Debug)]
pub struct Entry<'a> {
    /// What it recorded.
    pub recording: &'a Recording,
    /// How far each output is from the exact one, in the order of the outputs.
    pub figures: Vec<(String, Figures)>,
    /// What rounding explains.
    pub judged: Judged,
}

/// `7 (conv "layer1.0.conv2")`.
pub fn node_in_words(model: &Model, id: usize) -> String {
    let op = model.graph.nodes().get(id).map_or("", |node| node.op.name());
    let names = model.values.iter().filter(|(_, node)| **node == id).map(|(name, _)| name);
    let output = model.graph.outputs().iter().filter(|(_, node)| **node == id).map(|(name, _)| name);
    match output.chain(names).next() {
        Some(name) => format!("{id} ({op} {name:?})"),
        None => format!("{id} ({op})"),
    }
}

fn element_in_words(element: &Element) -> String {
    let Element { index, word, exact, ulps, share } = element;
    let exact = digits(exact.mid());
    if !ulps.is_finite() {
        return format!("{index:?} recorded {}, exact {exact}", word_text(*word));
    }
    format!(
        "{index:?} recorded {}, exact {exact}, {} ulps, {} times what rounding can explain",
        word_text(*word),
        figures(*ulps),
        figures(*share)
    )
}

impl Entry<'_> {
    /// The judgements that decide.
    fn deciding(&self) -> impl Iterator<Item = &Judgement> {
        let through = self.judged.through.iter().map(|(_, judgement)| judgement);
        let through = through.filter(|_| self.judged.nodes.is_empty());
        self.judged.nodes.iter().chain(through)
    }

    /// The first judgement with an element outside.
    pub fn first_at_fault(&self) -> Option<&Judgement> {
        self.deciding().find(|judgement| judgement.outside > 0)
    }

    /// Whether rounding explains the recording.
    pub fn answer(&self) -> Answer {
        let is_open =
            |judgement: &Judgement| judgement.trouble.is_some() || judgement.nearer.is_some() || judgement.is_wide();
        if self.first_at_fault().is_some() {
            Answer::NotRounding
        } else if self.deciding().any(is_open) {
            Answer::Open
        } else {
            Answer::Rounding
        }
    }

    /// The answer as a sentence.
    pub fn sentence(&self, model: &Model) -> String {
        let traced = !self.judged.nodes.is_empty();
        let record = "record the values of nodes (--trace), or let tl bisect do it";
        if let Some(first) = self.first_at_fault() {
            let at = first.worst.as_ref().map(element_in_words).unwrap_or_default();
            let node = node_in_words(model, first.node);
            if !traced {
                return format!(
                    "not rounding: {} of {} elements of {node} are beside what rounding can explain from input to output; the worst: {at}; to find the first node at \
                     fault, {record}",
                    first.outside, first.elements
                );
            }
            let others = self.judged.nodes.iter().filter(|judgement| judgement.outside > 0).count() - 1;
            let others = match others {
                0 => String::new(),
                1 => "; 1 later node is at fault by itself, too".into(),
                n => format!("; {n} later nodes are at fault by themselves, too"),
            };
            let explained = match &first.explanations[..] {
                _ if first.worst.as_ref().is_some_and(|worst| !worst.ulps.is_finite()) => String::new(),
                [] => "; explained by: none of the hypotheses".into(),
                names => {
                    let shown = names.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", or ");
                    let more = if names.len() > 3 { format!(", or {} others", names.len() - 3) } else { String::new() };
                    let apart =
                        if names.len() > 1 { " (the data do not tell them apart; the nearest first)" } else { "" };
                    format!("; explained by: {shown}{more}{apart}")
                }
            };
            return format!(
                "not rounding: first node at fault: {node}, {} of {} elements, the worst at {at}{explained}{others}",
                first.outside, first.elements
            );
        }
        if let Some(judgement) = self.deciding().find(|judgement| judgement.trouble.is_some()) {
            let trouble = judgement.trouble.as_deref().unwrap_or_default();
            let node = node_in_words(model, judgement.node);
            let help = if traced { String::new() } else { format!("; {record}") };
            return format!("open: there is no bound for {node}: {trouble}{help}");
        }
        let Some(worst) = self.deciding().max_by(|a, b| a.share().total_cmp(&b.share())) else {
            return "open: nothing was recorded".into();
        };
        let share = figures(worst.share());
        let whole = match traced {
            true => format!(
                "every element of {} recorded nodes is within what binary32 rounding can explain (worst {share} of the bound, at node {})",
                self.judged.nodes.len(),
                node_in_words(model, worst.node)
            ),
            false => format!(
                "every element is within what binary32 rounding can explain from input to output (worst {share} of the bound)"
            ),
        };
        if let Some((judgement, (name, times))) =
            self.deciding().find_map(|judgement| Some((judgement, judgement.nearer.as_ref()?)))
        {
            let node = node_in_words(model, judgement.node);
            return format!(
                "open: {whole}, but at node {node} what was recorded is {} times nearer to {name}",
                figures(*times)
            );
        }
        if let Some(wide) = self.deciding().find(|judgement| judgement.is_wide()) {
            let node = node_in_words(model, wide.node);
            let (bound, size) = (figures(wide.bound), figures(wide.size));
            let record = if traced { "record more of the values between" } else { record };
            return format!(
                "open: {whole}, but so would much else be: the bound of node {node} is up to {bound} through {} contractions, its exact values up to {size}; {record}",
                wide.contractions
            );
        }
        format!("rounding: {whole}")
    }

    /// The figures as text.
    pub fn text(&self, model: &Model) -> String {
        let label = &self.recording.label;
        let mut text = String::new();
        for (name, found) in &self.figures {
            let shape = self.recording.outputs.get(name).map(|tensor| tensor.shape().to_string()).unwrap_or_default();
            text += &format!("{label}: {name} {shape} beside the exact reals\n");
            text += &figures_in_words(found);
            if let Some((_, judgement)) = self.judged.through.iter().find(|(output, _)| output == name) {
                text += &match &judgement.trouble {
                    Some(trouble) => format!("  rounding    no bound from input to output: {trouble}\n"),
                    None => format!(
                        "  rounding    from input to output it can explain up to {}; the worst element takes {} of its bound\n",
                        figures(judgement.bound),
                        figures(judgement.share())
                    ),
                };
            }
        }
        let listed = self.judged.nodes.iter().filter(|judgement| !judgement.holds());
        for judgement in listed {
            let node = node_in_words(model, judgement.node);
            text += &match &judgement.trouble {
                Some(trouble) => format!("  node {node}: not judged: {trouble}\n"),
                None => format!("  node {node}: {} of {} elements outside\n", judgement.outside, judgement.elements),
            };
        }
        if !self.recording.left_out.is_empty() {
            let names: Vec<&str> = self.recording.left_out.iter().take(4).map(String::as_str).collect();
            let more = if self.recording.left_out.len() > 4 { ", …" } else { "" };
            text += &format!(
                "  left out    {} recorded values that are no nodes: {}{more}\n",
                self.recording.left_out.len(),
                names.join(", ")
            );
        }
        text
    }

    /// The same as JSON.
    pub fn json(&self, model: &Model) -> Json {
        let outputs = self.figures.iter().map(|(name, found)| (name.clone(), output_json(found))).collect();
        let through =
            self.judged.through.iter().map(|(name, judgement)| (name.clone(), judgement_json(model, judgement)));
        let nodes = self.judged.nodes.iter().map(|judgement| judgement_json(model, judgement)).collect();
        let answer = match self.answer() {
            Answer::Rounding => "rounding",
            Answer::NotRounding => "not rounding",
            Answer::Open => "open",
        };
        Json::object([
            ("label", Json::string(&self.recording.label)),
            ("answer", Json::string(answer)),
            ("sentence", Json::string(self.sentence(model))),
            ("outputs", Json::Object(outputs)),
            ("from_input", Json::Object(through.collect())),
            ("nodes", Json::Array(nodes)),
            ("left_out", Json::Array(self.recording.left_out.iter().map(Json::string).collect())),
        ])
    }
}

/// The figures as lines.
pub fn figures_in_words(found: &Figures) -> String {
    let mut text = String::new();
    if found.not_finite > 0 {
        text += &format!("  not finite  {} elements are infinities or NaN\n", found.not_finite);
    }
    for (what, spread) in [("absolute", found.absolute), ("relative", found.relative), ("ulps", found.ulps)] {
        let [max, median, percentile] = [spread.max, spread.median, spread.percentile].map(figures);
        text += &format!("  {what:<10}  max {max:<9}  median {median:<9}  99 % within {percentile}\n");
    }
    for (i, worst) in found.worst.iter().enumerate() {
        text += &format!(
            "  {:<10}  {:?}  recorded {} ({:08x})  exact {}  {} ulps\n",
            if i == 0 { "worst" } else { "" },
            worst.index,
            word_text(worst.word),
            worst.word,
            digits(&worst.exact),
            figures(worst.ulps)
        );
    }
    text += &bars(&Histogram::of(&[&found.all]));
    let [abs, rel] = found.tolerances();
    text += &format!("  tolerance   |y - s| <= {abs}, or |y - s| <= {rel}*max(|y|, |s|)\n");
    text
}

fn count(n: usize) -> Json {
    Json::Integer(i64::try_from(n).unwrap_or(i64::MAX))
}

fn number(x: f64) -> Json {
    Json::string(format!("{x:e}"))
}

fn output_json(found: &Figures) -> Json {
    let spread = |spread: super::figures::Spread| {
        let entries = [("max", spread.max), ("median", spread.median), ("percentile99", spread.percentile)];
        Json::object(entries.map(|(key, value)| (key, number(value))))
    };
    let histogram = Histogram::of(&[&found.all]);
    let bins = histogram.bins.iter().zip(&histogram.counts[0]).map(|(bin, &n)| (bin.clone(), count(n))).collect();
    let worst = found.worst.iter().map(|worst| {
        Json::object([
            ("index", Json::Array(worst.index.iter().map(|&i| count(i)).collect())),
            ("recorded", Json::string(format!("{:08x}", worst.word))),
            ("exact", Json::string(digits(&worst.exact))),
            ("ulps", number(worst.ulps)),
        ])
    });
    let [abs, rel] = found.tolerances();
    Json::object([
        ("not_finite", count(found.not_finite)),
        ("absolute", spread(found.absolute)),
        ("relative", spread(found.relative)),
        ("ulps", spread(found.ulps)),
        ("worst", Json::Array(worst.collect())),
        ("histogram", Json::Object(bins)),
        ("tolerance", Json::object([("abs", Json::string(abs)), ("rel", Json::string(rel))])),
    ])
}

fn judgement_json(model: &Model, judgement: &Judgement) -> Json {
    let mut entries = vec![
        ("node", count(judgement.node)),
        ("name", Json::string(node_in_words(model, judgement.node))),
        ("elements", count(judgement.elements)),
        ("outside", count(judgement.outside)),
        ("bound", number(judgement.bound)),
        ("share", number(judgement.share())),
    ];
    if let Some(worst) = &judgement.worst {
        entries.push(("index", Json::Array(worst.index.iter().map(|&i| count(i)).collect())));
        entries.push(("recorded", Json::string(format!("{:08x}", worst.word))));
        entries.push(("exact", Json::string(digits(worst.exact.mid()))));
        entries.push(("ulps", number(worst.ulps)));
    }
    entries.push(("explanations", Json::Array(judgement.explanations.iter().map(Json::string).collect())));
    entries.extend(judgement.nearer.iter().map(|(name, _)| ("nearer", Json::string(name))));
    entries.extend(judgement.trouble.iter().map(|trouble| ("trouble", Json::string(trouble))));
    Json::object(entries)
}

/// Bars of blocks, an eighth of a character the least.
pub fn bars(histogram: &Histogram) -> String {
    const WIDTH: usize = 40;
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let most = histogram.counts.iter().flatten().copied().max().unwrap_or(0).max(1);
    let mut text = String::new();
    for (i, bin) in histogram.bins.iter().enumerate() {
        let name = if i == 0 { "histogram" } else { "" };
        for counts in &histogram.counts {
            let eighths = (counts[i] * WIDTH * 8).div_ceil(most);
            let bar = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
            text += format!("  {name:<10}  {bin:<8} ulps  {bar} {}", counts[i]).trim_end();
            text.push('\n');
        }
    }
    text
}

/// How two recordings of one output differ, and which is nearer the exact values.
pub fn compared(a: &Entry, b: &Entry) -> String {
    let mut text = String::new();
    for ((name, x), (_, y)) in a.figures.iter().zip(&b.figures) {
        let words = |entry: &Entry| entry.recording.outputs.get(name).cloned();
        let (Some(p), Some(q)) = (words(a), words(b)) else { continue };
        let (most, ulps, same) = difference(&p, &q);
        let [left, right] = [&a.recording.label, &b.recording.label];
        text += &format!(
            "{left} and {right}: {name} differs by at most {} ({} ulps), {same} of {} elements are the same\n",
            figures(most),
            figures(ulps),
            p.data().len()
        );
        let nearer = match x.abs.cmp(&y.abs) {
            std::cmp::Ordering::Less => format!("{left} is nearer the exact values"),
            std::cmp::Ordering::Greater => format!("{right} is nearer the exact values"),
            std::cmp::Ordering::Equal => "both are equally near the exact values".to_string(),
        };
        let ulps = |found: &Figures| figures(found.ulps.median);
        text += &format!(
            "  nearer      {nearer}: worst {} against {}, median {} against {} ulps\n",
            figures(x.absolute.max),
            figures(y.absolute.max),
            ulps(x),
            ulps(y)
        );
    }
    text
}

/// The greatest difference of finite words, the greatest in units in the last place of the first, and how many words are the same.
fn difference(p: &Tensor<u32>, q: &Tensor<u32>) -> (f64, f64, usize) {
    let (mut most, mut ulps, mut same) = (Dyadic::zero(), 0f64, 0);
    for (&a, &b) in p.data().iter().zip(q.data()) {
        same += usize::from(a == b);
        if let (Some(x), Some(y)) = (Dyadic::from_binary32(a), Dyadic::from_binary32(b)) {
            let apart = x.sub(&y).abs();
            ulps = ulps.max(super::measure::near(&apart.scaled(-super::measure::ulp_exponent(a))));
            most = most.max(apart);
        }
    }
    (super::measure::near(&most), ulps, same)
}
