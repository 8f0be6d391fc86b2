//! The reverse rules of the normalisations (`crate::spec::normalise`).

use crate::spec::normalise::{Statistics, normalised, statistics};
use crate::spec::prelude::*;

/// The cotangents of [`normalised`] values: of x where the statistics are those of its lines, of the weight and of the bias. With g = dy·weight and x̂ = d·r:
/// `dx = r·(g − mean(g) − x̂·mean(g·x̂))`, without mean(g) where nothing is centred; `dweight = Σ dy·x̂`, `dbias = Σ dy`.
pub(crate) fn normalised_vjp<C: Context>(
    context: &C,
    at: &Point<C>,
    dy: &Tensor<C::Value>,
    lines: &[Statistics<C::Value>],
    place: impl Fn(usize) -> (usize, usize),
) -> Cotangents<C> {
    let Terms { g, normal } = Terms::of(context, at, dy, lines, &place)?;
    let mut members = vec![Vec::new(); lines.len()];
    for position in 0..g.len() {
        members.get_mut(place(position).0).ok_or(WRONG_PARENTS)?.push(position);
    }
    let dx = || {
        let mut placed = Vec::with_capacity(g.len());
        for (line, (centre, scale)) in members.iter().zip(lines) {
            let (g, normal) = (pick(&g, line), pick(&normal, line));
            let products = g.iter().zip(&normal).map(|(g, x)| context.mul(g, x)).collect::<Result<Vec<_>, _>>()?;
            let (along, shift) = (mean(context, &products)?, mean(context, &g)?);
            for ((place, g), normal) in line.iter().zip(&g).zip(&normal) {
                let g = if centre.is_some() { context.sub(g, &shift)? } else { g.clone() };
                placed.push((*place, context.mul(scale, &context.sub(&g, &context.mul(normal, &along)?)?)?));
            }
        }
        totals(context, g.len(), placed.into_iter().map(Ok))
    };
    affine_vjp(context, at, dy, &normal, &place, at.when(0, dx)?)
}

/// The values of a list at these places.
fn pick<V: Clone>(list: &[V], places: &[usize]) -> Vec<V> {
    places.iter().filter_map(|&place| list.get(place)).cloned().collect()
}

/// What the cotangents of a normalisation are made of, at every position.
pub(crate) struct Terms<V> {
    /// The cotangent of the normalised value.
    pub(crate) g: Vec<V>,
    /// The normalised value x̂.
    pub(crate) normal: Vec<V>,
}

impl<V> Terms<V> {
    pub(crate) fn of<C: Context<Value = V>>(
        context: &C,
        at: &Point<C>,
        dy: &Tensor<V>,
        lines: &[Statistics<V>],
        place: impl Fn(usize) -> (usize, usize),
    ) -> Result<Self, EvalError>
    where
        V: Clone,
    {
        let normal = normalised(context, at.x, &[], lines, &place)?;
        let scaled = |(position, d): (usize, &V)| match at.others.first() {
            None => Ok(d.clone()),
            Some(weight) => context.mul(d, weight.data().get(place(position).1).ok_or(WRONG_PARENTS)?),
        };
        Ok(Terms { g: dy.data().iter().enumerate().map(scaled).collect::<Result<_, EvalError>>()?, normal })
    }
}

/// The cotangents of x, of the weight and of the bias, of which there may be none.
pub(crate) fn affine_vjp<C: Context>(
    context: &C,
    at: &Point<C>,
    dy: &Tensor<C::Value>,
    normal: &[C::Value],
    place: impl Fn(usize) -> (usize, usize),
    dx: Option<Vec<C::Value>>,
) -> Cotangents<C> {
    let count = at.others.first().map_or(0, |weight| weight.data().len());
    let pairs = || dy.data().iter().zip(normal).enumerate();
    let weight = || totals(context, count, pairs().map(|(i, (d, x))| Ok((place(i).1, context.mul(d, x)?))));
    let bias = || totals(context, count, pairs().map(|(i, (d, _))| Ok((place(i).1, d.clone()))));
    let mut cotangents = vec![dx];
    cotangents.extend((!at.others.is_empty()).then(|| at.when(1, weight)).transpose()?);
    cotangents.extend((at.others.len() > 1).then(|| at.when(2, bias)).transpose()?);
    Ok(cotangents)
}

/// The cotangents of [`normalise`]d values.
pub(crate) fn normalise_vjp<C: Context>(
    context: &C,
    at: &Point<C>,
    dy: &Tensor<C::Value>,
    length: usize,
    centred: bool,
    epsilon: &Exact,
    parameter: impl Fn(usize) -> usize,
) -> Cotangents<C> {
    let epsilon = context.constant(epsilon)?;
    let lines = at.x.data().chunks_exact(length).map(|line| statistics(context, line, centred, &epsilon));
    normalised_vjp(context, at, dy, &lines.collect::<Result<Vec<_>, _>>()?, |at| (at / length, parameter(at)))
}
