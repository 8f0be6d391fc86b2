//! Layers of images as records: convolution, pooling, squeeze-and-excitation, patch embedding.
//!
//! Images are `[N, C, H, W]`. The backward functions are the book's closed forms: the kernel reversed, the cotangent sent to the maximum, patches unfolded.

use super::layers::{Dense, identity, relu, sigmoid};
use super::record::{Record, chain_all, product, selection, toeplitz};
use super::sheet::Sheet;

/// The text of a convolution over two spatial axes.
pub(super) fn convolution(stride: usize, pad: usize, groups: usize) -> String {
    format!(
        r#"conv {{"stride":[{stride},{stride}],"dilation":[1,1],"pad_before":[{pad},{pad}],"pad_after":[{pad},{pad}],"groups":{groups}}}"#
    )
}

/// A convolution with a 3×3 kernel that keeps the size, `groups` = 1, or depthwise with `groups` = channels.
#[derive(Clone, Copy)]
pub(super) struct Conv {
    pub(super) name: &'static str,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) groups: usize,
}

impl Conv {
    pub(super) fn new(name: &'static str, inputs: usize, outputs: usize) -> Self {
        Conv { name, inputs, outputs, groups: 1 }
    }

    pub(super) fn depthwise(name: &'static str, channels: usize) -> Self {
        Conv { name, inputs: channels, outputs: channels, groups: channels }
    }

    pub(super) fn weight(self, s: &mut Sheet) -> usize {
        s.weight(&format!("{} weight", self.name), &[self.outputs, self.inputs / self.groups, 3, 3])
    }

    pub(super) fn bias(self, s: &mut Sheet) -> usize {
        s.bias(&format!("{} bias", self.name), self.outputs)
    }

    fn apply(self, s: &mut Sheet, x: usize, weight: usize, bias: usize) -> usize {
        s.node(&convolution(1, 1, self.groups), &[x, weight, bias])
    }

    /// As a function of the image.
    pub(super) fn record(self) -> Record {
        toeplitz(
            move |s, x| {
                let (weight, bias) = (self.weight(s), self.bias(s));
                self.apply(s, x, weight, bias)
            },
            move |s| {
                let weight = self.weight(s);
                let extents = s.extents(weight);
                // Both spatial axes from the last position to the first.
                let ends = [extents[0] as i64, extents[1] as i64, -1, -1];
                let reversed = s.slice(weight, &[0, 0, 2, 2], &ends, &[1, 1, -1, -1]);
                // With one channel a group there is nothing to exchange.
                if self.groups == 1 { s.permute(reversed, &[1, 0, 2, 3]) } else { reversed }
            },
            1,
            self.groups,
        )
    }

    /// As a function of the kernel, at a fixed image of these extents: the image, its channels as samples, convolved with the cotangent.
    pub(super) fn of_weight(self, size: usize) -> Record {
        let fixed = move |s: &mut Sheet| s.weight("x", &[1, self.inputs, size, size]);
        Record::new(
            move |s, weight| {
                let (x, bias) = (fixed(s), self.bias(s));
                self.apply(s, x, weight, bias)
            },
            move |s, weight, dy| {
                let x = fixed(s);
                if self.groups > 1 {
                    // Every channel for itself: the cotangent of a channel is the kernel for that channel.
                    let kernel = s.permute(dy, &[1, 0, 2, 3]);
                    let y = s.node(&convolution(1, 1, self.groups), &[x, kernel]);
                    return s.reshape_like(y, weight);
                }
                let (x, kernel) = (s.permute(x, &[1, 0, 2, 3]), s.permute(dy, &[1, 0, 2, 3]));
                let y = s.node(&convolution(1, 1, 1), &[x, kernel]);
                s.permute(y, &[1, 0, 2, 3])
            },
        )
    }

    /// As a function of the bias, at a fixed image: the cotangent summed over samples and positions.
    pub(super) fn of_bias(self, size: usize) -> Record {
        Record::new(
            move |s, bias| {
                let (x, weight) = (s.weight("x", &[1, self.inputs, size, size]), self.weight(s));
                self.apply(s, x, weight, bias)
            },
            |s, _, dy| s.sum_away(dy, &[0, 2, 3]),
        )
    }

    /// The definition, written out: for every cell of the kernel, the shifted image times that cell, summed over channels and cells.
    pub(super) fn written_out(self, s: &mut Sheet, x: usize) -> usize {
        let (weight, bias) = (self.weight(s), self.bias(s));
        let n = s.extents(x)[2];
        let padded = s.node(r#"pad {"before":[0,0,1,1],"after":[0,0,1,1],"mode":"constant","value":["0"]}"#, &[x]);
        let per_group = self.inputs / self.groups;
        let whole = [self.outputs, per_group, n, n];
        let bias = s.reshape(bias, &[1, self.outputs, 1, 1]);
        let mut y = s.broadcast(bias, &[1, self.outputs, n, n]);
        for at in 0..9 {
            let (i, j) = (at / 3, at % 3);
            let (end_i, end_j) = ((i + n) as i64, (j + n) as i64);
            let window = s.slice(padded, &[0, 0, i, j], &[1, self.inputs as i64, end_i, end_j], &[1; 4]);
            // One group: every output sees every channel. A group for each channel: output c sees channel c.
            let window = if self.groups > 1 { s.permute(window, &[1, 0, 2, 3]) } else { window };
            let window = s.broadcast(window, &whole);
            let (end_i, end_j) = (i as i64 + 1, j as i64 + 1);
            let cell = s.slice(weight, &[0, 0, i, j], &[self.outputs as i64, per_group as i64, end_i, end_j], &[1; 4]);
            let cell = s.broadcast(cell, &whole);
            let terms = s.mul(window, cell);
            let terms = s.sum_away(terms, &[1]);
            let terms = s.reshape_like(terms, y);
            y = s.add(y, terms);
        }
        y
    }
}

/// The four quarters of the 2×2 windows: the cell (i, j) of every window.
pub(super) fn quarters_of(s: &mut Sheet, x: usize) -> Vec<usize> {
    let ends: Vec<i64> = s.extents(x).iter().map(|&n| n as i64).collect();
    (0..4).map(|at| s.slice(x, &[0, 0, at / 2, at % 2], &ends, &[1, 1, 2, 2])).collect()
}

/// Maximum over 2×2 windows, stride 2, of images with one channel.
pub(super) fn max_pool() -> Record {
    const POOL: &str = r#"max_pool {"kernel":[2,2],"stride":[2,2],"dilation":[1,1],"pad_before":[0,0],"pad_after":[0,0],"ceil_mode":false}"#;
    selection(
        quarters_of,
        |s, x| s.node(POOL, &[x]),
        |s, at, chosen| {
            let mut place = [0.0; 4];
            place[at] = 1.0;
            let kernel = s.constant(&format!("cell {at}"), &[1, 1, 2, 2], &place);
            s.node(
                r#"conv_transpose {"stride":[2,2],"dilation":[1,1],"pad_before":[0,0],"pad_after":[0,0],"output_padding":[0,0],"groups":1}"#,
                &[chosen, kernel],
            )
        },
    )
}

/// The mean of every channel, `[N, C, H, W]` to `[N, C]`; what comes back is spread evenly.
pub(super) fn channel_means() -> Record {
    Record::new(
        |s, x| {
            let y = s.node("global_avg_pool", &[x]);
            let extents = s.extents(x);
            s.reshape(y, &extents[..2])
        },
        |s, x, dy| {
            let extents = s.extents(x);
            let dy = s.reshape(dy, &[extents[0], extents[1], 1, 1]);
            let dy = s.broadcast(dy, &extents);
            s.scale(dy, &format!("1/{}", extents[2] * extents[3]))
        },
    )
}

/// `[N, C]` repeated to the whole images of `[N, C, n, n]`; what comes back is summed over positions.
pub(super) fn spread(n: usize) -> Record {
    Record::new(
        move |s, x| {
            let extents = s.extents(x);
            let y = s.reshape(x, &[extents[0], extents[1], 1, 1]);
            s.broadcast(y, &[extents[0], extents[1], n, n])
        },
        |s, _, dy| s.sum_away(dy, &[2, 3]),
    )
}

/// Squeeze-and-excitation: the image times a gate for each channel that is computed from all channel means.
pub(super) fn squeeze_and_excitation(channels: usize, squeezed: usize, n: usize) -> Record {
    let (down, up) = (Dense::new("squeeze", channels, squeezed), Dense::new("excite", squeezed, channels));
    let gate = chain_all([channel_means(), down.record(), relu(), up.record(), sigmoid(), spread(n)]);
    product(identity(), gate)
}

/// Patch embedding of `[1, 3, 4, 4]` with patches of 2×2: a class token, four patch tokens, positions added.
///
/// The function is a convolution whose stride is its kernel; the backward function is that of the other way to see it: patches unfolded to rows, one product
/// with the kernel as a matrix, and folded back.
pub(super) fn patch_embedding(width: usize) -> Record {
    Record::new(
        move |s, x| {
            let (weight, bias) = (s.weight("patch weight", &[width, 3, 2, 2]), s.bias("patch bias", width));
            let y = s.node(&convolution(2, 0, 1), &[x, weight, bias]);
            let y = s.reshape(y, &[width, 4]);
            let y = s.transpose(y);
            tokens(s, y, width)
        },
        move |s, _, dy| {
            let weight = s.weight("patch weight", &[width, 3, 2, 2]);
            let weight = s.reshape(weight, &[width, 12]);
            let tokens = s.slice(dy, &[1, 0], &[5, width as i64], &[1, 1]);
            let patches = s.matmul(tokens, weight);
            let cells = s.reshape(patches, &[2, 2, 3, 2, 2]);
            let cells = s.permute(cells, &[2, 0, 3, 1, 4]);
            s.reshape(cells, &[1, 3, 4, 4])
        },
    )
}

/// The class token in front, and the positions added.
fn tokens(s: &mut Sheet, patches: usize, width: usize) -> usize {
    let (class, positions) = (s.weight("class token", &[1, width]), s.weight("positions", &[5, width]));
    let y = s.concat(&[class, patches], 0);
    s.add(y, positions)
}

/// Patch embedding as patches unfolded to rows times the kernel as a matrix.
pub(super) fn unfolded_patches(s: &mut Sheet, x: usize, width: usize) -> usize {
    let (weight, bias) = (s.weight("patch weight", &[width, 3, 2, 2]), s.bias("patch bias", width));
    let weight = s.reshape(weight, &[width, 12]);
    let cells = s.reshape(x, &[3, 2, 2, 2, 2]);
    let cells = s.permute(cells, &[1, 3, 0, 2, 4]);
    let patches = s.reshape(cells, &[4, 12]);
    let y = s.node("linear", &[patches, weight, bias]);
    tokens(s, y, width)
}

/// The maximum of four quarters.
pub(super) fn greatest(s: &mut Sheet, parts: &[usize]) -> usize {
    parts[1..].iter().fold(parts[0], |greatest, &part| s.node("max", &[greatest, part]))
}
