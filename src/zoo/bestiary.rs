//! The bestiary: the networks of *Verified Deep Learning* from one table, `zoo/bestiary.tsv`, whose layers stand in the book's notation.
//!
//! The notation leaves conventions to the code behind it; here they are what that code does: padding is XLA's SAME unless a layer says `valid`, a `conv2d` moves in steps of 1 and
//! has a bias, a `convBn` has none and is followed by a rectifier, an inverted residual has relu6, an mbConv swish and a squeeze of a quarter of its block's input. What the table adds is
//! the shape of the input (the book's specifications have no channels) and what a transformer hands on.
//! The table is ours, so that a line that is not understood is our mistake: it panics, and the test that reads every line finds it.

use crate::net::layers::{
    BottleneckBlock, Conv2d, ConvBn, Dense, FireModule, Flatten, GlobalAvgPool, InvertedResidual, MaxPool, MbConv,
    PatchEmbed, ResidualBlock, SeparableConv, TransformerEncoder,
};
use crate::net::{Activation, Layer, NetSpec, Padding, Returns, Squeeze};

const TABLE: &str = include_str!("../../zoo/bestiary.tsv");

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Variant {
    /// Its name here.
    pub name: &'static str,
    /// The architecture that it is a variant of.
    pub architecture: &'static str,
    /// Its name there.
    pub title: &'static str,
    /// Its parameters there.
    pub published: u64,
    /// Its parameters in the book, where they differ.
    pub book: Option<u64>,
    input: &'static str,
    layers: &'static str,
}

/// The lines of the table.
pub fn variants() -> impl Iterator<Item = Variant> {
    TABLE.lines().filter(|line| !line.starts_with('#')).map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[name, architecture, title, input, published, book, layers] = columns.as_slice() else {
            panic!("a line of the bestiary has seven columns: {line}");
        };
        let published = number(published) as u64;
        let book = (book != "-").then(|| number(book) as u64);
        Variant { name, architecture, title, published, book, input, layers }
    })
}

fn number(text: &str) -> usize {
    text.parse().unwrap_or_else(|_| panic!("a number in the bestiary: {text}"))
}

/// A layer as it is written: its word, its arguments, and how many of it.
fn written(text: &str) -> (&str, Vec<&str>, usize) {
    let (call, times) = text.split_once('*').unwrap_or((text, "1"));
    let (word, arguments) = call.split_once('(').unwrap_or((call, ")"));
    let arguments = arguments.trim_end_matches(')');
    (word, arguments.split(',').filter(|argument| !argument.is_empty()).collect(), number(times))
}

impl Variant {
    /// The network, or the layers that it needs and that we do not have.
    pub fn spec(&self) -> Result<NetSpec, Vec<&'static str>> {
        let mut missing = Vec::new();
        let mut layers = Vec::new();
        for text in self.layers.split(' ') {
            let (word, arguments, times) = written(text);
            match layer(word, &arguments) {
                Some(layer) => layers.extend(std::iter::repeat_n(layer, times)),
                None if missing.contains(&word) => {}
                None => missing.push(word),
            }
        }
        if missing.is_empty() { Ok(self.network(layers)) } else { Err(missing) }
    }

    /// The layers before the first that we do not have, as a network; `None` when there are none.
    pub fn beginning(&self) -> Option<NetSpec> {
        let known = self.layers.split(' ').map_while(|text| {
            let (word, arguments, times) = written(text);
            Some(std::iter::repeat_n(layer(word, &arguments)?, times))
        });
        let layers: Vec<Layer> = known.flatten().collect();
        Some(layers).filter(|layers| !layers.is_empty() && self.input != "-").map(|layers| self.network(layers))
    }

    fn network(&self, layers: Vec<Layer>) -> NetSpec {
        let input: Vec<usize> = self.input.split('x').map(number).collect();
        NetSpec { layers, ..NetSpec::new(self.title, &input) }
    }
}

/// The layer of this word with the arguments of the notation; `None` when there is none.
fn layer(word: &str, arguments: &[&str]) -> Option<Layer> {
    let n = |i: usize| number(arguments[i]);
    let activation = |i: usize, otherwise: Activation| match arguments.get(i) {
        None => otherwise,
        Some(text) => {
            let word = text.trim_start_matches("act=");
            Activation::named(word).unwrap_or_else(|| panic!("an activation in the bestiary: {text}"))
        }
    };
    let padding = |i: usize| Padding::named(arguments[i]).unwrap_or_else(|| panic!("a padding: {}", arguments[i]));
    let (same, relu) = (Padding::Same, Activation::Relu);
    Some(match word {
        "dense" => Dense { input: n(0), output: n(1), activation: activation(2, relu) }.into(),
        "conv2d" => Conv2d {
            input: n(0),
            output: n(1),
            kernel: n(2),
            stride: 1,
            padding: padding(3),
            activation: activation(4, relu),
        }
        .into(),
        "convBn" => ConvBn {
            input: n(0),
            output: n(1),
            kernel: n(2),
            stride: n(3),
            padding: padding(4),
            bias: false,
            activation: relu,
        }
        .into(),
        "maxPool" => MaxPool { kernel: n(0), stride: n(1), padding: same }.into(),
        "flatten" => Flatten {}.into(),
        "globalAvgPool" => GlobalAvgPool {}.into(),
        "residualBlock" => {
            ResidualBlock { input: n(0), output: n(1), blocks: n(2), stride: n(3), padding: same, activation: relu }
                .into()
        }
        "bottleneckBlock" => {
            BottleneckBlock { input: n(0), output: n(1), blocks: n(2), stride: n(3), padding: same, activation: relu }
                .into()
        }
        "separableConv" => {
            SeparableConv { input: n(0), output: n(1), stride: n(2), padding: same, activation: relu }.into()
        }
        "invertedResidual" => InvertedResidual {
            input: n(0),
            output: n(1),
            expand: n(2),
            stride: n(3),
            blocks: n(4),
            padding: same,
            activation: Activation::Relu6,
        }
        .into(),
        "mbConv" => MbConv {
            input: n(0),
            output: n(1),
            expand: n(2),
            kernel: n(3),
            stride: n(4),
            blocks: n(5),
            padding: same,
            squeeze: if arguments[6] == "true" { Squeeze::Input } else { Squeeze::None },
            activation: activation(7, Activation::Swish),
        }
        .into(),
        "fireModule" => {
            FireModule { input: n(0), squeeze: n(1), expand1: n(2), expand3: n(3), activation: relu }.into()
        }
        "patchEmbed" => PatchEmbed { input: n(0), width: n(1), patch: n(2), patches: n(3) }.into(),
        "transformerEncoder" => TransformerEncoder {
            width: n(0),
            heads: n(1),
            hidden: n(2),
            blocks: n(3),
            returns: Returns::named(arguments[4]).unwrap_or_else(|| panic!("what it hands on: {}", arguments[4])),
        }
        .into(),
        _ => return None,
    })
}
