//! `NetSpec`: a network as a name, an input shape and a list of layers, checked end to end before anything is built.
//!
//! Claim: what [`NetSpec::lower`] returns is a graph that the kernel's check accepts, whose every layer has the shape that its rule states, with the parameters that the
//! layers declare. A network whose layers do not fit one another is refused by the first that cannot take what it is given, with its number, its word and both shapes.
//!
//! In Rust a network is `NetSpec::new(…).layer(…)`; in JSON it is
//!
//! ```json
//! {"format": "tl-net/1", "name": "LeNet-5", "input": [1, 32, 32], "epsilon": "1e-5", "layers": [
//!   {"layer": "conv2d", "input": 1, "output": 6, "kernel": 5, "stride": 1, "padding": "valid", "activation": "relu"}, …]}
//! ```
//!
//! where every argument is written: there are no defaults. `input` is the shape of one sample: [n], [length, width] or [channels, height, width]; `epsilon` is what every
//! normalisation adds to the variance. Unknown keys, keys twice, and numbers that are not integers are refused with their place.
//!
//! The rooms: [`layers`] one file a layer · `features` shapes of one sample · `words` activation and padding · `draft` the graph under construction · `initial` what parameters
//! begin as · [`lower`](mod@lower) from the list to the graph. Cost: nothing here is as large as a tensor until [`Lowered::model`] draws the parameters.

mod draft;
mod features;
mod initial;
pub mod layers;
pub mod lower;
mod words;

pub use draft::Parameter;
pub use features::{Features, Fitting, Misfit};
pub use initial::Initial;
pub use layers::Layer;
pub use lower::{Lowered, Row};
pub use words::{Activation, Padding, Returns, Squeeze};

use crate::error::{Code, Error};
use std::fs;
use std::path::Path;
use tl_kernel::cert::json::{Cursor, Json, parse};
use tl_kernel::diagnostic::Code as Finding;
use tl_kernel::ir::attributes::Attribute;
use tl_kernel::number::Exact;
use tl_kernel::{Diagnostic, Limits};

/// The format of specifications.
pub const FORMAT: &str = "tl-net/1";
/// Most layers, and most blocks of all layers together: what is built of them stays within the kernel's number of nodes.
pub const MOST_BLOCKS: usize = 2_000;
/// Longest name, in characters: it stands in messages.
pub const LONGEST_NAME: usize = 200;
/// Largest extent of a window.
pub const LARGEST_WINDOW: usize = 1 << 16;
/// Largest batch.
pub const LARGEST_BATCH: usize = 1 << 20;

/// What a graph is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch normalisation by the statistics of the batch; the masks of dropout are inputs.
    Train,
    /// Batch normalisation by running statistics, which are constants beside the parameters; no dropout.
    Eval,
}

/// A network as a list of layers, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetSpec {
    /// Its name.
    pub name: String,
    /// The dimensions of one sample.
    pub input: Vec<usize>,
    /// What every normalisation adds to the variance.
    pub epsilon: Exact,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
}

impl NetSpec {
    /// A network without layers, whose normalisations add 10⁻⁵.
    pub fn new(name: impl Into<String>, input: &[usize]) -> Self {
        let epsilon = Exact::fraction(1, 100_000).expect("the denominator is not zero");
        NetSpec { name: name.into(), input: input.to_vec(), epsilon, layers: Vec::new() }
    }

    /// The network with one more layer.
    #[must_use]
    pub fn layer(mut self, layer: impl Into<Layer>) -> Self {
        self.layers.push(layer.into());
        self
    }

    /// The network in JSON. Cost: that of the text, which is held against the default limit first.
    pub fn parse(bytes: &[u8]) -> Result<Self, Diagnostic> {
        let limit = Limits::default().json_bytes;
        if bytes.len() > limit {
            let message = format!("{} bytes, the limit is {limit}", bytes.len());
            return Err(Diagnostic::new(Finding::LimitBytes, "", message));
        }
        let mut object = Cursor::root(parse(bytes)?).object()?;
        let format = object.take("format")?.string()?;
        if format != FORMAT {
            let message = format!("a specification is of format {FORMAT:?}, not {format:?}");
            return Err(Diagnostic::new(Finding::UnknownFormat, "/format", message));
        }
        let name = object.take("name")?.string()?;
        let input = Attribute::decode(object.take("input")?)?;
        let epsilon = object.take("epsilon")?.exact()?;
        let layers = object.take("layers")?.array()?;
        if layers.len() > MOST_BLOCKS {
            let message = format!("{} layers, at most {MOST_BLOCKS} are supported", layers.len());
            return Err(Diagnostic::new(Finding::LimitNodes, "/layers", message));
        }
        let layers = layers.map(Layer::decode).collect::<Result<_, _>>()?;
        object.finish()?;
        Ok(NetSpec { name, input, epsilon, layers })
    }

    /// The network in a file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path)
            .map_err(|error| Error::new(Code::Read, path.display(), format!("it cannot be read: {error}")))?;
        NetSpec::parse(&bytes).map_err(|finding| Error::found(path, &finding))
    }

    /// The network as [`NetSpec::parse`] reads it.
    pub fn encode(&self) -> Json {
        let layer = |layer: &Layer| {
            Json::Object(
                [("layer".to_string(), Json::string(layer.word()))].into_iter().chain(layer.arguments()).collect(),
            )
        };
        Json::object([
            ("format", Json::string(FORMAT)),
            ("name", Json::string(&*self.name)),
            ("input", self.input.encode()),
            ("epsilon", self.epsilon.encode()),
            ("layers", Json::Array(self.layers.iter().map(layer).collect())),
        ])
    }

    /// The shape of one sample before every layer and after the last, or the first layer that cannot take what it is given.
    pub fn check(&self) -> Result<Vec<Features>, Error> {
        let fault = |message: String| Error::new(Code::Network, &self.name, message);
        let length = self.name.chars().count();
        if length == 0 || length > LONGEST_NAME || self.name.chars().any(char::is_control) {
            let message = format!("a name has 1 to {LONGEST_NAME} characters, none of them a control character");
            return Err(Error::new(Code::Network, "the name of the network", message));
        }
        if self.layers.is_empty() {
            return Err(fault("it has no layers".into()));
        }
        let blocks = self.layers.iter().fold(0usize, |sum, layer| sum.saturating_add(layer.blocks()));
        if blocks > MOST_BLOCKS || self.layers.len() > MOST_BLOCKS {
            return Err(fault(format!(
                "{blocks} blocks in {} layers, at most {MOST_BLOCKS} are supported",
                self.layers.len()
            )));
        }
        if self.epsilon.is_negative() {
            return Err(fault(format!("epsilon {} is negative", self.epsilon)));
        }
        let mut shapes = vec![Features::new(&self.input).map_err(|misfit| fault(format!("input: {}", misfit)))?];
        for (i, layer) in self.layers.iter().enumerate() {
            let next =
                layer.output(&shapes[i]).map_err(|misfit| self.misfit(i, misfit.by(|| self.giver(i, &shapes))))?;
            shapes.push(next);
        }
        Ok(shapes)
    }

    /// Where the features that layer `i` is given come from.
    fn giver(&self, i: usize, shapes: &[Features]) -> String {
        match i.checked_sub(1).map(|before| (before, &self.layers[before])) {
            None => "the input".into(),
            Some((before, Layer::Flatten(_))) => format!("layer {before} (flatten) of {}", shapes[before]),
            Some((before, layer)) => format!("layer {before} ({})", layer.word()),
        }
    }

    /// A fault of layer `i`.
    fn misfit(&self, i: usize, misfit: Misfit) -> Error {
        let layer = self.layers.get(i).map_or("", Layer::word);
        Error::new(Code::Network, format!("{} layer {i} ({layer})", self.name), misfit.to_string())
    }
}
