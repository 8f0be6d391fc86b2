//! Weights: parameters as a step reads them, packed once and kept packed while they are trained.

use crate::ops::fast::convolution::Convolution;
use crate::ops::fast::image::Image;
use crate::ops::fast::pointwise::add_scaled;
use crate::ops::fast::product::Panels;
use crate::ops::fast::tile::Start;

/// The packed parameters of one step, or a gradient of the same form.
#[derive(Clone, Debug, Default)]
pub(super) struct Weights {
    /// Matrices, in the layout of products.
    pub(super) panels: Vec<Panels>,
    /// Vectors: biases and the like.
    pub(super) vectors: Vec<Vec<f32>>,
}

impl Weights {
    /// Zeros in the same form.
    pub(super) fn zeros(&self) -> Weights {
        Weights {
            panels: self.panels.iter().map(|p| Panels::zeros(p.rows, p.columns)).collect(),
            vectors: self.vectors.iter().map(|v| vec![0.0; v.len()]).collect(),
        }
    }

    /// What the sums of a product with them start from: the vector of this number, where there is one.
    pub(super) fn bias(&self, index: usize) -> Start<'_> {
        self.vectors.get(index).map_or(Start::Zero, |bias| Start::Bias(bias))
    }

    /// Fills it with zeros.
    pub(super) fn clear(&mut self) {
        self.panels.iter_mut().for_each(|p| p.data.fill(0.0));
        self.vectors.iter_mut().for_each(|v| v.fill(0.0));
    }

    /// `self += factor · other`
    pub(super) fn add(&mut self, factor: f32, other: &Weights) {
        for (to, from) in self.panels.iter_mut().zip(&other.panels) {
            add_scaled(factor, &from.data, &mut to.data);
        }
        for (to, from) in self.vectors.iter_mut().zip(&other.vectors) {
            add_scaled(factor, from, to);
        }
    }

    /// The number of values.
    pub(super) fn size(&self) -> usize {
        self.panels.iter().map(|p| p.data.len()).sum::<usize>() + self.vectors.iter().map(Vec::len).sum::<usize>()
    }
}

/// How a parameter of the graph lies in the weights of a step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Packing {
    /// [O, C/groups, kernel..] in the panels of a convolution.
    Convolution(Convolution),
    /// [out, in] in one panel matrix of [in, out]; the inputs are those of an image, channels innermost, where there is one.
    Linear(Option<Image>),
    /// A row-major matrix in one panel matrix.
    Matrix,
    /// [C, 1, kernel..] as a vector of [cells, C].
    Depthwise(usize),
    /// This vector, as it is.
    Vector(usize),
}

/// The row of the packed matrix where the input feature `from` of an image, counted channels first, lies.
fn feature(image: Option<Image>, from: usize) -> usize {
    image.map_or(from, |image| {
        let plane = image.extent[0] * image.extent[1];
        from % plane * image.channels + from / plane
    })
}

impl Packing {
    /// Packs the parameter.
    pub(super) fn pack(&self, parameter: &[f32], weights: &mut Weights) {
        match *self {
            Packing::Convolution(convolution) => weights.panels = convolution.pack(parameter),
            Packing::Linear(image) => {
                let Some(panels) = weights.panels.first_mut() else { return };
                let fan = panels.rows;
                let mut order = vec![0; fan];
                (0..fan).for_each(|i| order[feature(image, i)] = i);
                panels.fill(|row, column| parameter[column * fan + order[row]]);
            }
            Packing::Matrix => {
                let Some(panels) = weights.panels.first_mut() else { return };
                panels.copy(parameter, panels.columns);
            }
            Packing::Depthwise(cells) => {
                let channels = parameter.len() / cells;
                let taps = weights.vectors[0].chunks_exact_mut(channels).enumerate();
                taps.for_each(|(cell, to)| {
                    to.iter_mut().enumerate().for_each(|(c, to)| *to = parameter[c * cells + cell])
                });
            }
            Packing::Vector(index) => weights.vectors[index].copy_from_slice(parameter),
        }
    }

    /// The inverse of [`Packing::pack`].
    pub(super) fn unpack(&self, weights: &Weights, parameter: &mut [f32]) {
        match *self {
            Packing::Convolution(convolution) => convolution.unpack(&weights.panels, parameter),
            Packing::Linear(image) => {
                let Some(panels) = weights.panels.first() else { return };
                for (at, to) in parameter.iter_mut().enumerate() {
                    *to = panels.at(feature(image, at % panels.rows), at / panels.rows);
                }
            }
            Packing::Matrix => {
                let Some(panels) = weights.panels.first() else { return };
                for (at, to) in parameter.iter_mut().enumerate() {
                    *to = panels.at(at / panels.columns, at % panels.columns);
                }
            }
            Packing::Depthwise(cells) => {
                let channels = parameter.len() / cells;
                for (at, to) in parameter.iter_mut().enumerate() {
                    *to = weights.vectors[0][at % cells * channels + at / cells];
                }
            }
            Packing::Vector(index) => parameter.copy_from_slice(&weights.vectors[index]),
        }
    }
}
