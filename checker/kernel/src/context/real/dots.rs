use super::{Ball, Mag};
use crate::context::{EvalError, Rows};
use crate::number::{Direction, Dyadic};
use num_bigint::BigInt;

/// `Σ terms`, rounded once. Bits more than `4 precision + 256` places below the greatest term are cut off, and their weight is in the radius.
pub(super) fn sum(terms: impl Iterator<Item = Ball>, precision: u64) -> Ball {
    let terms: Vec<Ball> = terms.collect();
    let top = terms.iter().filter_map(|term| term.mid().top()).max();
    let span = i64::try_from(4 * precision + 256).unwrap_or(i64::MAX);
    let cut = top.unwrap_or(0).saturating_sub(span);
    let least = terms
        .iter()
        .filter(|term| !term.mid().is_zero())
        .map(|term| term.mid().exponent())
        .min();
    let floor = least.unwrap_or(0).max(cut);
    let (mut total, mut lost, mut rad) = (BigInt::default(), 0u64, Mag::ZERO);
    for term in &terms {
        let mid = term.mid();
        total += mid.scaled(floor.saturating_neg()).floor();
        lost += u64::from(mid.exponent() < floor);
        rad = rad.add(term.mag());
    }
    let mid = Dyadic::new(total, floor).round(precision, Direction::Nearest);
    Ball::rounded(mid, rad.add(Mag::new(lost, floor)))
}

pub(super) fn dots(
    left: &Rows<'_, Ball>,
    right: &Rows<'_, Ball>,
    bias: Option<&[Ball]>,
    precision: u64,
) -> Result<Vec<Ball>, EvalError> {
    let mut out = Vec::new();
    for i in 0..left.rows() {
        for j in 0..right.rows() {
            let products = (0..left.terms()).filter_map(|t| {
                let (x, y) = (left.term(i, t)?, right.term(j, t)?);
                Some(product(x, y))
            });
            let bias = bias.and_then(|bias| bias.get(j)).cloned();
            out.push(sum(products.chain(bias), precision));
        }
    }
    Ok(out)
}

/// `x · y` with an exact midpoint.
fn product(x: &Ball, y: &Ball) -> Ball {
    Ball::new(x.mid().mul(y.mid()), x.product_radius(y))
}
