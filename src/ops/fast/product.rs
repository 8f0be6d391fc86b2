//! Matrix products on tiles: `C = A · B`, B in panels.
//!
//! Value: element (i, j) is one chain of fused multiply-adds over the terms in order, from the bias on; it depends on no size but the number of terms,
//! and on no number of threads. Its error is at most `k·u·(|b| + Σ|a||b|)·(1 + O(k·u))`, u = 2⁻²⁴ (Higham 2002, §3.1).

use super::threads::Threads;
use super::tile::{Finish, LANES, Operands, Place, Segments, Start, WIDTH, cuts, most_rows, share, tile};

/// Terms of a product that are done before the next panel is looked at, so that a panel's part stays in the first cache.
const BLOCK: usize = 256;
/// Tiles of rows that are done before the next rows are looked at, so that they stay in the second cache.
const TALL: usize = 10;
/// Multiplications below which threads cost more than they save.
const PARALLEL: usize = 1 << 18;

/// A matrix of `rows` × `columns` in panels of [`WIDTH`] columns, each row-major; the last panel is one or two vectors wide, filled up with zeros.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Panels {
    /// The values.
    pub data: Vec<f32>,
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
}

impl Panels {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Panels { data: vec![0.0; rows * columns.next_multiple_of(LANES)], rows, columns }
    }

    /// The matrix whose element (row, column) is `value(row, column)`.
    pub fn new(rows: usize, columns: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let mut panels = Panels::zeros(rows, columns);
        panels.fill(value);
        panels
    }

    /// Writes every element anew.
    pub fn fill(&mut self, value: impl Fn(usize, usize) -> f32) {
        let (rows, columns) = (self.rows, self.columns);
        for (first, width, at) in spans(rows, columns) {
            let used = WIDTH.min(columns - first);
            for row in 0..rows {
                for (j, to) in self.data[at + row * width..][..used].iter_mut().enumerate() {
                    *to = value(row, first + j);
                }
            }
        }
    }

    /// Copies a row-major matrix, whose rows are `stride` apart.
    pub fn copy(&mut self, from: &[f32], stride: usize) {
        for (first, width, at) in spans(self.rows, self.columns) {
            let used = WIDTH.min(self.columns - first);
            for row in 0..self.rows {
                self.data[at + row * width..][..used].copy_from_slice(&from[row * stride + first..][..used]);
            }
        }
    }

    /// Copies the transpose of a row-major matrix, whose rows are `stride` apart.
    pub fn copy_transposed(&mut self, from: &[f32], stride: usize) {
        for (first, width, at) in spans(self.rows, self.columns) {
            let used = WIDTH.min(self.columns - first);
            for top in (0..self.rows).step_by(LANES) {
                let bottom = self.rows.min(top + LANES);
                for column in 0..used {
                    for (row, &value) in (top..bottom).zip(&from[(first + column) * stride + top..]) {
                        self.data[at + row * width + column] = value;
                    }
                }
            }
        }
    }

    /// The element.
    pub fn at(&self, row: usize, column: usize) -> f32 {
        self.data[place(self.rows, self.columns, row, column)]
    }

    /// First column, width and place of every panel.
    pub fn spans(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        spans(self.rows, self.columns)
    }
}

/// Where the element of a matrix of `rows` × `columns` lies in its panels.
pub fn place(rows: usize, columns: usize, row: usize, column: usize) -> usize {
    let first = column / WIDTH * WIDTH;
    let width = WIDTH.min((columns - first).next_multiple_of(LANES));
    first * rows + row * width + column - first
}

fn spans(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..columns)
        .step_by(WIDTH)
        .map(move |first| (first, WIDTH.min((columns - first).next_multiple_of(LANES)), first * rows))
}

/// A left operand: element (i, k) at `i·row + k·step`.
#[derive(Clone, Copy, Debug)]
pub struct Left<'a> {
    /// The values.
    pub data: &'a [f32],
    /// Distance of two rows.
    pub row: usize,
    /// Distance of two terms.
    pub step: usize,
}

/// `C ∘= A · B`, C of `rows` rows, row-major, its rows `stride` apart; `start` and `finish` say what is done with each element.
#[expect(clippy::too_many_arguments, reason = "three operands with their layout, and what is done before and after")]
pub fn product(
    threads: &Threads,
    a: Left,
    rows: usize,
    b: &Panels,
    c: &mut [f32],
    stride: usize,
    start: Start,
    finish: Finish,
) {
    if rows == 1 && matches!(finish, Finish::Store | Finish::Relu) {
        // One row is cut by columns.
        let panels = b.spans().zip(c[..b.columns].chunks_mut(WIDTH));
        let of = |((first, width, at), c): ((usize, usize, usize), &mut [f32])| {
            let start = match start {
                Start::Bias(bias) => Start::Bias(&bias[first..]),
                start => start,
            };
            let segments = Segments::new(vec![(0, 0)], b.rows);
            let operands = Operands {
                a: a.data,
                a_at: 0,
                row: a.row,
                step: a.step,
                b: &b.data,
                b_at: at,
                b_row: width,
                segments: &segments,
                ahead: (0, 0),
            };
            let columns = c.len();
            tile(&operands, Place { c, at: 0, row: columns, rows: 1, columns }, start, finish);
        };
        return if b.data.len() < PARALLEL { panels.for_each(of) } else { threads.each(panels, of) };
    }
    let part = part_of(rows, b.data.len(), threads).min(TALL * most_rows(WIDTH));
    threads.each(c.chunks_mut(part * stride).enumerate(), |(index, c)| {
        let first = index * part;
        let finish = match finish {
            Finish::Where(of) => Finish::Where(&of[first * stride..]),
            finish => finish,
        };
        let a = Left { data: &a.data[first * a.row..], ..a };
        block(a, part.min(rows - first), b, c, stride, start, finish);
    });
}

/// [`product`] on one thread.
fn block(a: Left, rows: usize, b: &Panels, c: &mut [f32], stride: usize, start: Start, finish: Finish) {
    let (most, whole) = (most_rows(WIDTH), b.rows);
    // What is added to is added to once.
    let size = if rows <= most || matches!(finish, Finish::Add(_)) { whole } else { BLOCK };
    // Even blocks; an empty sum is one block of no terms.
    for (from, to) in cuts(whole.max(1), size.max(1)).map(|(from, to)| (from.min(whole), to.min(whole))) {
        let segments = Segments::new(vec![(0, 0)], to - from);
        for (first, width, at) in b.spans() {
            let columns = WIDTH.min(b.columns - first);
            let start = match (start, finish) {
                _ if from > 0 && !matches!(finish, Finish::Add(_)) => Start::Value,
                (_, Finish::Add(_)) => Start::Zero,
                (Start::Bias(bias), _) => Start::Bias(&bias[first..]),
                (start, _) => start,
            };
            let tiles = rows.div_ceil(most);
            // The same terms of the next panel.
            let next = at + (b.rows + from) * width;
            for (number, (top, bottom)) in cuts(rows, most).enumerate() {
                let finish = match finish {
                    Finish::Add(_) => finish,
                    _ if to < whole => Finish::Store,
                    Finish::Where(of) => Finish::Where(&of[top * stride + first..]),
                    finish => finish,
                };
                let operands = Operands {
                    a: a.data,
                    a_at: top * a.row + from * a.step,
                    row: a.row,
                    step: a.step,
                    b: &b.data,
                    b_at: at + from * width,
                    b_row: width,
                    segments: &segments,
                    ahead: share(next, (to - from) * width, number, tiles, to - from),
                };
                tile(
                    &operands,
                    Place { c, at: top * stride + first, row: stride, rows: bottom - top, columns },
                    start,
                    finish,
                );
            }
        }
    }
}

/// Rows that one thread takes at a time: all of them where there is little to do. No element depends on it.
fn part_of(rows: usize, cost: usize, threads: &Threads) -> usize {
    let count = if rows.saturating_mul(cost) < PARALLEL { 1 } else { threads.count() };
    rows.div_ceil(count).next_multiple_of(most_rows(WIDTH))
}

/// `C ∘= Aᵀ · B` where C is in panels too, A is row-major with rows `stride` apart, and `finish` is not [`Finish::Where`]: the gradient of a weight, or
/// with [`Finish::Add`] the weight that steps along it.
pub fn product_in_panels(threads: &Threads, a: &[f32], stride: usize, b: &Panels, c: &mut Panels, finish: Finish) {
    let (rows, columns, terms) = (c.rows, c.columns, b.rows);
    let part = 4 * most_rows(WIDTH);
    let mut parts: Vec<Vec<&mut [f32]>> = Vec::new();
    parts.resize_with(rows.div_ceil(part), Vec::new);
    let mut rest = &mut c.data[..];
    for (_, width, _) in spans(rows, columns) {
        let (panel, after) = rest.split_at_mut(rows * width);
        parts.iter_mut().zip(panel.chunks_mut(part * width)).for_each(|(part, panel)| part.push(panel));
        rest = after;
    }
    let segments = Segments::new(vec![(0, 0)], terms);
    let of = |(index, mut panels): (usize, Vec<&mut [f32]>)| {
        let top = index * part;
        let rows = part.min(rows - top);
        // The columns of A side by side, since what lies a large power of two apart shares few cache lines.
        let mut beside = Vec::with_capacity(terms * rows);
        (0..terms).for_each(|term| beside.extend_from_slice(&a[term * stride + top..][..rows]));
        for ((first, width, at), c) in b.spans().zip(&mut panels) {
            for (from, to) in cuts(rows, most_rows(WIDTH)) {
                let operands = Operands {
                    a: &beside,
                    a_at: from,
                    row: 1,
                    step: rows,
                    b: &b.data,
                    b_at: at,
                    b_row: width,
                    segments: &segments,
                    ahead: (0, 0),
                };
                let place =
                    Place { c, at: from * width, row: width, rows: to - from, columns: WIDTH.min(columns - first) };
                tile(&operands, place, Start::Zero, finish);
            }
        }
    };
    let parts = parts.into_iter().enumerate();
    if c_is_small(rows, columns, terms) { parts.for_each(of) } else { threads.each(parts, of) }
}

fn c_is_small(rows: usize, columns: usize, terms: usize) -> bool {
    rows.saturating_mul(columns).saturating_mul(terms) < PARALLEL
}

/// `C = A · B` where A is in panels, and C row-major: what a cotangent of a layer's result needs; the weight is read as it is, and only the cotangent is
/// turned. The sum over the terms is one chain, panel after panel of A.
pub fn product_of_panels(threads: &Threads, a: &Panels, b: &Panels, c: &mut [f32]) {
    let stride = b.columns;
    // The parts of the sum: row distance in A, first term, terms of a segment, places in A of the segments. Eight whole panels are 256 terms.
    let spans: Vec<(usize, usize, usize)> = a.spans().collect();
    let whole = a.columns / WIDTH;
    let mut sums: Vec<(usize, usize, usize, Vec<usize>)> = Vec::new();
    for group in spans[..whole].chunks(BLOCK / WIDTH) {
        sums.push((WIDTH, group[0].0, WIDTH, group.iter().map(|&(_, _, at)| at).collect()));
    }
    sums.extend(spans[whole..].iter().map(|&(first, width, at)| (width, first, a.columns - first, vec![at])));
    let most = most_rows(WIDTH);
    let part = part_of(a.rows, a.columns * b.columns, threads);
    threads.each(c.chunks_mut(part * stride).enumerate(), |(index, c)| {
        let top = index * part;
        for (from, to) in cuts(part.min(a.rows - top), most) {
            for (number, (row, term, length, places)) in sums.iter().enumerate() {
                for (first, width, at) in b.spans() {
                    let starts = places.iter().enumerate().map(|(i, &place)| (place, i * WIDTH * width)).collect();
                    let operands = Operands {
                        a: &a.data,
                        a_at: (top + from) * row,
                        row: *row,
                        step: 1,
                        b: &b.data,
                        b_at: at + term * width,
                        b_row: width,
                        segments: &Segments::new(starts, *length),
                        ahead: (0, 0),
                    };
                    let columns = WIDTH.min(b.columns - first);
                    let start = if number == 0 { Start::Zero } else { Start::Value };
                    tile(
                        &operands,
                        Place { c, at: from * stride + first, row: stride, rows: to - from, columns },
                        start,
                        Finish::Store,
                    );
                }
            }
        }
    });
}

/// The transpose of a row-major matrix of `rows` × `columns`.
pub fn transpose(from: &[f32], rows: usize, columns: usize, to: &mut [f32]) {
    const SIDE: usize = 16;
    for top in (0..rows).step_by(SIDE) {
        for left in (0..columns).step_by(SIDE) {
            let right = columns.min(left + SIDE);
            for row in top..rows.min(top + SIDE) {
                for (column, &value) in (left..right).zip(&from[row * columns + left..row * columns + right]) {
                    to[column * rows + row] = value;
                }
            }
        }
    }
}
