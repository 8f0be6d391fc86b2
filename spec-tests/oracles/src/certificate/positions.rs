//! Where elements lie: flat row-major positions of lines, repetitions and windows.

use super::attributes::Attributes;
use super::evaluation::{Result, Trouble, require};

/// The distance of neighbours along each axis.
pub(super) fn steps(shape: &[usize]) -> Vec<usize> {
    (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect()
}

/// The flat positions of all index tuples below `shape`, row-major, where axis `a` advances by `steps[a]`.
pub(super) fn positions(shape: &[usize], steps: &[usize]) -> Vec<usize> {
    let mut found = vec![0];
    for (&extent, &step) in shape.iter().zip(steps) {
        found = found.iter().flat_map(|&base| (0..extent).map(move |i| base + i * step)).collect();
    }
    found
}

/// For each result of a reduction the positions of its terms, row-major; and the shape of the result.
pub(super) fn lines(shape: &[usize], axes: &[usize], keep: bool) -> (Vec<Vec<usize>>, Vec<usize>) {
    let all = steps(shape);
    let pick = |inside: bool| {
        let chosen: Vec<usize> = (0..shape.len()).filter(|axis| axes.contains(axis) == inside).collect();
        let extents: Vec<usize> = chosen.iter().map(|&axis| shape[axis]).collect();
        positions(&extents, &chosen.iter().map(|&axis| all[axis]).collect::<Vec<_>>())
    };
    let (inner, outer) = (pick(true), pick(false));
    let kept = (0..shape.len()).filter(|axis| keep || !axes.contains(axis));
    let result = kept.map(|axis| if axes.contains(&axis) { 1 } else { shape[axis] }).collect();
    (outer.iter().map(|base| inner.iter().map(|i| base + i).collect()).collect(), result)
}

/// Where each element of `x` repeated to `shape` comes from.
pub(super) fn stretched(x: &[usize], shape: &[usize]) -> Result<Vec<usize>> {
    require(x.len() <= shape.len(), "shapes that do not broadcast")?;
    let missing = shape.len() - x.len();
    require(x.iter().zip(&shape[missing..]).all(|(e, d)| *e == 1 || e == d), "shapes that do not broadcast")?;
    let own = x.iter().zip(steps(x)).map(|(&extent, step)| if extent == 1 { 0 } else { step });
    Ok(positions(shape, &vec![0; missing].into_iter().chain(own).collect::<Vec<_>>()))
}

/// The cells of one window in row-major order, `None` where it sees padding.
pub(super) type Window = Vec<Option<usize>>;

/// The extents of the result along the spatial axes, and its windows.
pub(super) fn windows(
    a: &Attributes<'_>,
    space: &[usize],
    kernel: &[usize],
    ceil: bool,
) -> Result<(Vec<usize>, Vec<Window>)> {
    let lists = ["stride", "dilation", "pad_before", "pad_after"].map(|name| a.integers(name));
    let [stride, dilation, before, after] = lists;
    let (stride, dilation, before, after) = (stride?, dilation?, before?, after?);
    let rank = space.len();
    require((1..=3).contains(&rank) && kernel.len() == rank, "spatial axes")?;
    require([&stride, &dilation, &before, &after].iter().all(|list| list.len() == rank), "a list of another length")?;
    require([kernel, &stride, &dilation].iter().all(|list| list.iter().all(|&n| n > 0)), "a zero")?;
    let (mut out, mut found) = (Vec::new(), vec![vec![Some(0)]]);
    let all = steps(space);
    for axis in 0..rank {
        let (n, step) = (space[axis], all[axis]);
        let span = dilation[axis] * (kernel[axis] - 1) + 1;
        let room = (n + before[axis] + after[axis]).checked_sub(span);
        let room = room.ok_or_else(|| Trouble::Malformed("no window fits".into()))?;
        let mut count = if ceil { room.div_ceil(stride[axis]) } else { room / stride[axis] } + 1;
        count -= usize::from((count - 1) * stride[axis] >= n + before[axis] && ceil);
        let along = |p: usize| -> Window {
            let cell = |k: usize| (p * stride[axis] + k * dilation[axis]).checked_sub(before[axis]);
            (0..kernel[axis]).map(|k| cell(k).filter(|&i| i < n).map(|i| i * step)).collect()
        };
        let cross = |window: &Window, p: usize| -> Window {
            let other = along(p);
            let sum = |x: &Option<usize>, y: &Option<usize>| Some((*x)? + (*y)?);
            window.iter().flat_map(|x| other.iter().map(move |y| sum(x, y))).collect()
        };
        found = found.iter().flat_map(|window| (0..count).map(move |p| cross(window, p))).collect();
        out.push(count);
    }
    Ok((out, found))
}
