//! The model zoo: named networks, and the bestiary of *Verified Deep Learning* held against our shape check and our counts.
//!
//! The networks are files in `zoo/`, in the format that everybody's networks have ([`crate::net`]). The bestiary is a table there, one line a variant, with the layers in the book's
//! own notation ([`bestiary`]); the networks are made from it. `docs/zoo.md` is what [`page`] says of both.

pub mod bestiary;
pub mod page;

pub use bestiary::{Variant, variants};
pub use page::{grouped, page};

use crate::error::{Code, Error};
use crate::net::{Lowered, Mode, NetSpec};
use std::path::Path;

/// A network of the zoo.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name on the command line.
    pub name: &'static str,
    /// The parameters that are published for it.
    pub published: u64,
    /// Where the count, the layers or the activations come from.
    pub about: &'static str,
    json: &'static str,
}

macro_rules! networks {
    ($($name:literal, $published:literal, $about:literal;)*) => {
        /// The networks, in the order of the page.
        pub const NETWORKS: &[Entry] = &[$(Entry {
            name: $name,
            published: $published,
            about: $about,
            json: include_str!(concat!("../../zoo/", $name, ".json")),
        },)*];
    };
}

networks! {
    "mnist_mlp", 669_706, "chapter 3 of the book";
    "mnist_cnn", 3_489_130, "chapter 4";
    "cifar_cnn", 2_431_018, "chapter 5";
    "cifar_cnn_bn", 2_431_402, "chapter 5, as its verified trainer builds it: the convolutions keep their biases";
    "cifar_cnn_bn_unbiased", 2_431_210, "chapter 5, as its listing has it";
    "resnet34", 21_289_802, "chapter 6; the 3×3 pool of He et al. (2016)";
    "resnet50", 23_528_522, "He et al. (2016)";
    "mobilenet_v2", 2_236_682, "chapter 7; relu6 everywhere, as in Sandler et al. (2018)";
    "efficientnet_b0", 4_020_358, "Tan and Le (2019): the squeeze is a quarter of the block's input; swish everywhere";
    "efficientnet_b0_expanded", 7_155_658, "chapter 8: the squeeze is a quarter of the expanded width";
    "vit_tiny", 5_526_346, "chapter 10";
    "lenet5", 61_706, "LeCun et al. (1998) with maxima and rectifiers; valid padding";
}

impl Entry {
    /// The network.
    pub fn spec(&self) -> NetSpec {
        // The file is ours, and a test reads every one of them.
        NetSpec::parse(self.json.as_bytes()).unwrap_or_else(|finding| panic!("{}: {finding}", self.name))
    }

    /// The file.
    pub fn json(&self) -> &'static str {
        self.json
    }

    /// Its layers and counts, for one sample.
    pub fn lowered(&self) -> Result<Lowered, Error> {
        self.spec().lower(Mode::Eval, 1)
    }
}

/// The network of this name, of the zoo or of the bestiary.
pub fn network(name: &str) -> Result<NetSpec, Error> {
    if let Some(entry) = NETWORKS.iter().find(|entry| entry.name == name) {
        return Ok(entry.spec());
    }
    let variant = variants().find(|variant| variant.name == name).ok_or_else(|| {
        let known: Vec<&str> = NETWORKS.iter().map(|entry| entry.name).collect();
        let message = format!("no network has this name, but {}, and those of `tl zoo list --all`", known.join(", "));
        Error::new(Code::Usage, name, message)
    })?;
    variant.spec().map_err(|missing| {
        let message = format!("there is no layer {} yet, which the network needs", missing.join(", no layer "));
        Error::new(Code::Network, name, message)
    })
}

/// The network of this name, or in the file, which ends in `.json`.
pub fn named_or_read(name: &str) -> Result<NetSpec, Error> {
    if name.ends_with(".json") { NetSpec::load(Path::new(name)) } else { network(name) }
}
