//! Memory: which buffer holds which value, planned once.
//!
//! A value that only the stage which makes it reads lives in a buffer of one image, so that a stage runs in the cache, image after image. Any other value holds
//! the whole batch in a slot. Buffers and slots are given to the next value that fits as soon as nobody reads them any more.

use std::collections::BTreeMap;

/// Where a value lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// Nowhere: it is not made.
    None,
    /// In the input of this number.
    Input(usize),
    /// In the constant of this number.
    Constant(usize),
    /// In this slot, the whole batch.
    Slot(usize),
    /// In this buffer of its stage, one image.
    Buffer(usize),
}

/// What is to be placed: a size, when it is first written, and when it is last read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) id: usize,
    pub(super) size: usize,
    pub(super) from: usize,
    pub(super) to: usize,
}

/// A place for every claim, such that claims which overlap in time (ends included) share none; and the sizes of the places.
pub(super) fn places(mut claims: Vec<Claim>) -> (BTreeMap<usize, usize>, Vec<usize>) {
    claims.sort_by_key(|claim| claim.from);
    let (mut sizes, mut busy, mut placed): (Vec<usize>, Vec<usize>, _) = (Vec::new(), Vec::new(), BTreeMap::new());
    for claim in claims {
        let free = (0..sizes.len()).filter(|&place| busy[place] < claim.from);
        // The one that wastes least: the smallest that is large enough, else the largest.
        let best = free.min_by_key(|&place| (sizes[place] < claim.size, sizes[place].abs_diff(claim.size)));
        let place = best.unwrap_or_else(|| {
            sizes.push(0);
            busy.push(0);
            sizes.len() - 1
        });
        sizes[place] = sizes[place].max(claim.size);
        busy[place] = claim.to;
        placed.insert(claim.id, place);
    }
    (placed, sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_that_overlap_in_time_share_no_place() {
        let spans = [(1, 3), (2, 2), (3, 6), (4, 5), (7, 9), (8, 8), (6, usize::MAX)];
        let claims = spans.iter().enumerate().map(|(id, &(from, to))| Claim { id, size: 10 + id % 3, from, to });
        let claims: Vec<Claim> = claims.collect();
        let (placed, sizes) = places(claims.clone());
        assert!(sizes.len() < claims.len());
        for (i, a) in claims.iter().enumerate() {
            assert!(sizes[placed[&a.id]] >= a.size);
            for b in &claims[i + 1..] {
                let apart = a.to < b.from || b.to < a.from;
                assert!(apart || placed[&a.id] != placed[&b.id], "{a:?} {b:?}");
            }
        }
    }
}
