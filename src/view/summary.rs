//! A tensor in few numbers: extremes, mean, norm, a histogram, and a corner of its values.

use tl_kernel::cert::json::Json;
use tl_kernel::ir::Tensor;

/// Bars of a histogram.
const BARS: usize = 24;
/// Greatest number of rows and of columns of the values shown.
const SIDE: usize = 28;

/// A number as a page shows it.
pub(super) fn figure(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 || (1e-3..1e6).contains(&size) {
        let text = format!("{x:.5}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        return if text == "-0" { "0".into() } else { text.into() };
    }
    if size.is_finite() { format!("{x:.3e}") } else { x.to_string() }
}

/// The Euclidean norm of the finite values.
pub(super) fn norm(tensor: &Tensor<f32>) -> f64 {
    finite(tensor).map(|x| x * x).sum::<f64>().sqrt()
}

fn finite(tensor: &Tensor<f32>) -> impl Iterator<Item = f64> {
    tensor.data().iter().filter(|x| x.is_finite()).map(|&x| f64::from(x))
}

/// What a page shows of a tensor.
pub(super) fn summary(tensor: &Tensor<f32>) -> Json {
    let count = finite(tensor).count();
    let (low, high) = finite(tensor).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
    let mean = finite(tensor).sum::<f64>() / count.max(1) as f64;
    let mut bars = [0u64; BARS];
    for x in finite(tensor) {
        let at = if high > low { ((x - low) / (high - low) * BARS as f64) as usize } else { 0 };
        bars[at.min(BARS - 1)] += 1;
    }
    let text = |x: f64| Json::string(if count == 0 { "none".to_string() } else { figure(x) });
    let (rows, columns, values) = corner(tensor);
    Json::object([
        ("elements", Json::string(tensor.data().len().to_string())),
        ("special", Json::string((tensor.data().len() - count).to_string())),
        ("min", text(low)),
        ("max", text(high)),
        ("mean", text(mean)),
        ("norm", text(norm(tensor))),
        ("bars", Json::string(bars.map(|n| n.to_string()).join(" "))),
        ("rows", Json::string(rows.to_string())),
        ("columns", Json::string(columns.to_string())),
        ("values", Json::string(values.join(" "))),
    ])
}

/// The first rows and columns of the first matrix; a vector is one row, and a long one is broken into several.
fn corner(tensor: &Tensor<f32>) -> (usize, usize, Vec<String>) {
    let (height, width) = match tensor.dimensions() {
        [] => (1, 1),
        &[n] => (n.div_ceil(SIDE).max(1), n.min(SIDE)),
        &[1, n] if n > SIDE => (n.div_ceil(SIDE), SIDE),
        &[.., h, w] => (h, w),
    };
    let (rows, columns) = (height.min(SIDE), width.min(SIDE));
    let at = |i: usize, j: usize| tensor.data().get(i * width + j).map_or("".to_string(), |&x| figure(x.into()));
    let cells = (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j)));
    (rows, columns, cells.map(|(i, j)| at(i, j)).map(|text| if text.is_empty() { "_".into() } else { text }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tape::tensor;

    #[test]
    fn figures_are_short_and_keep_their_size() {
        for (x, text) in
            [(0.0, "0"), (-0.0, "0"), (1.5, "1.5"), (-2.0, "-2"), (1e-7, "1.000e-7"), (1234567.0, "1.235e6")]
        {
            assert_eq!(figure(x), text);
        }
        assert_eq!(figure(f64::NAN), "NaN");
    }

    #[test]
    fn values_that_are_no_numbers_are_counted_and_left_out() {
        let text = summary(&tensor(&[2, 2], &[1.0, f32::NAN, 3.0, f32::INFINITY])).to_string();
        for part in [r#""special":"2""#, r#""min":"1""#, r#""max":"3""#, r#""mean":"2""#, r#""values":"1 NaN 3 inf""#] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
