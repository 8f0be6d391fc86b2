//! The words of layer records: activation, padding, squeeze width, and what a transformer hands on.
//!
//! Each is an argument wherever a layer has a choice; nothing is implied.

use super::features::{Fitting, require};
use tl_kernel::cert::json::{Cursor, Json};
use tl_kernel::diagnostic::{Code, Diagnostic};
use tl_kernel::ir::attributes::Attribute;

/// Declares an enumeration that a specification writes as one of a few words.
macro_rules! words {
    ($($(#[$meta:meta])* pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_meta])* $variant,)* }

        impl $name {
            /// Every word.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word, as specifications write it.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }

            /// What the word stands for.
            pub fn named(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.word() == word)
            }
        }

        impl Attribute for $name {
            fn decode(cursor: Cursor) -> Result<Self, Diagnostic> {
                let place = cursor.pointer();
                let word = cursor.string()?;
                $name::named(&word).ok_or_else(|| {
                    let known: Vec<&str> = Self::ALL.iter().map(|value| value.word()).collect();
                    let message = format!("expected one of {}, found {word:?}", known.join(", "));
                    Diagnostic::new(Code::UnknownKeyword, place, message)
                })
            }
            fn encode(&self) -> Json {
                Json::string(self.word())
            }
            fn schema() -> Json {
                Json::object([("enum", Json::Array(vec![$(Json::string($text)),*]))])
            }
        }
    )*};
}

words! {
    /// The function after a layer's last affine map or normalisation.
    pub enum Activation {
        /// max(x, 0).
        Relu = "relu",
        /// min(max(x, 0), 6).
        Relu6 = "relu6",
        /// x.
        Identity = "identity",
        /// x · sigmoid(x), also called SiLU.
        Swish = "swish",
        /// x · min(max(x + 3, 0), 6) / 6.
        HSwish = "hSwish",
        /// x · Φ(x), by the exact error function.
        Gelu = "gelu",
    }

    /// Where a window may reach beyond the image.
    pub enum Padding {
        /// XLA's SAME: ⌈n / stride⌉ positions; of the cells that are missing, the smaller half comes first.
        Same = "same",
        /// Nowhere.
        Valid = "valid",
        /// ⌊(kernel − 1) / 2⌋ cells on either side.
        Symmetric = "symmetric",
    }

    /// The width inside squeeze-and-excitation (Hu, Shen and Sun 2018).
    pub enum Squeeze {
        /// There is none.
        None = "none",
        /// A quarter of the channels that enter the block, at least 1 (the EfficientNet of Tan and Le 2019).
        Input = "input",
        /// A quarter of the expanded channels, at least 1 (the networks that *Verified Deep Learning* emits).
        Expanded = "expanded",
    }

    /// What a transformer hands on.
    pub enum Returns {
        /// The token at position 0, as a vector.
        Class = "class",
        /// All tokens.
        Sequence = "sequence",
    }
}

/// A window along one axis: padding before and after, and the number of its positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) before: usize,
    pub(crate) after: usize,
    pub(crate) positions: usize,
}

impl Padding {
    /// The window of `kernel` cells over `extent` cells, `stride` apart. None of the numbers overflows, however large.
    pub(crate) fn window(self, extent: usize, kernel: usize, stride: usize) -> Fitting<Window> {
        require(kernel > 0 && stride > 0, || format!("a window of {kernel} cells in steps of {stride}"))?;
        let [before, after] = match self {
            Padding::Valid => [0, 0],
            Padding::Symmetric => [(kernel - 1) / 2; 2],
            Padding::Same => {
                let last = (extent.div_ceil(stride) - 1) * stride; // at most extent − 1
                let total = last.saturating_add(kernel).saturating_sub(extent);
                [total / 2, total - total / 2]
            }
        };
        let padded = extent.checked_add(before).and_then(|n| n.checked_add(after));
        let room = padded.and_then(|n| n.checked_sub(kernel));
        let room = room.filter(|_| kernel <= super::LARGEST_WINDOW);
        require(room.is_some(), || {
            format!("a window of {kernel} cells does not fit an axis of {extent} with padding {}", self.word())
        })?;
        Ok(Window { before, after, positions: room.unwrap_or(0) / stride + 1 })
    }

    /// Height and width after the window.
    pub(crate) fn resized(self, [height, width]: [usize; 2], kernel: usize, stride: usize) -> Fitting<[usize; 2]> {
        Ok([self.window(height, kernel, stride)?.positions, self.window(width, kernel, stride)?.positions])
    }
}

impl Squeeze {
    /// The width inside, in a block that takes `input` channels and expands them to `expanded`; `None` without squeeze-and-excitation.
    pub(crate) fn width(self, input: usize, expanded: usize) -> Option<usize> {
        match self {
            Squeeze::None => None,
            Squeeze::Input => Some((input / 4).max(1)),
            Squeeze::Expanded => Some((expanded / 4).max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_those_of_xla_and_of_symmetric_padding() {
        // extent, kernel, stride; before, after, positions
        let table = [
            (Padding::Same, [224, 3, 2], [0, 1, 112]),
            (Padding::Same, [224, 7, 2], [2, 3, 112]),
            (Padding::Same, [32, 4, 1], [1, 2, 32]), // an even kernel leaves the extent alone
            (Padding::Same, [32, 2, 2], [0, 0, 16]),
            (Padding::Same, [5, 1, 3], [0, 0, 2]),
            (Padding::Same, [1, 3, 1], [1, 1, 1]),
            (Padding::Symmetric, [224, 3, 2], [1, 1, 112]),
            (Padding::Symmetric, [32, 4, 2], [1, 1, 16]),
            (Padding::Symmetric, [32, 4, 1], [1, 1, 31]),
            (Padding::Valid, [32, 5, 1], [0, 0, 28]),
            (Padding::Valid, [227, 11, 4], [0, 0, 55]),
        ];
        for (padding, [extent, kernel, stride], [before, after, positions]) in table {
            let window = Window { before, after, positions };
            assert_eq!(padding.window(extent, kernel, stride), Ok(window), "{padding:?} {extent} {kernel} {stride}");
        }
    }

    #[test]
    fn no_number_is_too_large_for_a_window() {
        for padding in Padding::ALL {
            for [extent, kernel, stride] in
                [[usize::MAX, usize::MAX, 1], [usize::MAX, 3, usize::MAX], [1, usize::MAX, 1], [8, 0, 1], [8, 3, 0]]
            {
                let _ = padding.window(extent, kernel, stride);
            }
            assert!(padding.window(8, usize::MAX, 1).is_err());
        }
    }
}
