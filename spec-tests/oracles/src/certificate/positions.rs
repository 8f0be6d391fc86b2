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

/// Where the elements of a slice of `shape` come from, and its shape.
pub(super) fn sliced(a: &Attributes<'_>, shape: &[usize]) -> Result<(Vec<usize>, Vec<usize>)> {
    let (start, end, step) = (a.integers("start")?, a.signed("end")?, a.signed("step")?);
    require([start.len(), end.len(), step.len()] == [shape.len(); 3], "slice_c1")?;
    let (all, mut kept, mut found) = (steps(shape), Vec::new(), vec![0]);
    for axis in 0..shape.len() {
        let (first, n) = (start[axis] as i64, shape[axis] as i64); // extents are below 2^31
        require(step[axis] != 0, "slice_c2")?;
        require(first >= 0 && first < n && (-1..=n).contains(&end[axis]), "slice_c3")?;
        let ahead = |&at: &i64| if step[axis] > 0 { at < end[axis] } else { at > end[axis] };
        let next = |&at: &i64| at.checked_add(step[axis]);
        let along: Vec<usize> =
            std::iter::successors(Some(first), next).take_while(ahead).map(|at| at as usize).collect();
        require(!along.is_empty(), "slice_c3")?;
        found = found
            .iter()
            .flat_map(|&base| along.iter().map(move |at| (base, *at)))
            .map(|(base, at)| base + at * all[axis])
            .collect();
        kept.push(along.len());
    }
    Ok((found, kept))
}

/// Where the elements of a gather from `shape` come from, and its shape.
pub(super) fn gathered(a: &Attributes<'_>, shape: &[usize]) -> Result<(Vec<usize>, Vec<usize>)> {
    let (axis, indices, of_indices) = (a.integer("axis")?, a.integers("indices")?, a.integers("indices_shape")?);
    require(axis < shape.len(), "gather_c1")?;
    require(of_indices.iter().product::<usize>() == indices.len(), "gather_c2")?;
    require(indices.iter().all(|&index| index < shape[axis]), "gather_c3")?;
    let inner: usize = shape[axis + 1..].iter().product();
    let mut found = Vec::new();
    for block in 0..shape[..axis].iter().product() {
        for index in &indices {
            let first = (block * shape[axis] + index) * inner;
            found.extend(first..first + inner);
        }
    }
    Ok((found, [&shape[..axis], &of_indices, &shape[axis + 1..]].concat()))
}

/// How many cells of each window lie within the input and its padding.
pub(super) fn within_padding(
    a: &Attributes<'_>,
    space: &[usize],
    kernel: &[usize],
    out: &[usize],
) -> Result<Vec<usize>> {
    let lists = ["stride", "dilation", "pad_before", "pad_after"].map(|name| a.integers(name));
    let [stride, dilation, before, after] = lists;
    let (stride, dilation, before, after) = (stride?, dilation?, before?, after?);
    let mut found = vec![1];
    for axis in 0..space.len() {
        let whole = before[axis] + space[axis] + after[axis];
        let seen = |p: usize| (0..kernel[axis]).filter(|k| p * stride[axis] + k * dilation[axis] < whole).count();
        let along: Vec<usize> = (0..out[axis]).map(seen).collect();
        found = found.iter().flat_map(|&other| along.iter().map(move |n| other * n)).collect();
    }
    Ok(found)
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
