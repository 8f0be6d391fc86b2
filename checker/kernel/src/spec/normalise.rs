//! What the normalisations share: normalising the lines of a tensor, then scaling and moving each value.
//!
//! Over a line x_1 … x_n: μ = (Σ x_i)/n, d_i = x_i − μ, σ² = (Σ |d_i|·|d_i|)/n (biased), r = 1/√(σ² + ε) as one function, and
//! y_i = (d_i · r) · weight + bias, in this order of operations. Without centring (rms_norm) d_i = x_i; batch_norm may be given
//! μ and σ².

use crate::spec::prelude::*;

/// The constraint that ε is not negative.
pub(crate) fn require_epsilon(epsilon: &Exact, constraint: &'static str) -> Result<(), Fault> {
    require(!epsilon.is_negative(), constraint, || format!("epsilon {epsilon} is negative"))
}

/// μ (where it is taken off) and r of one line.
pub(crate) type Statistics<V> = (Option<V>, V);

/// `x − μ`; without centring x itself.
fn distance<C: Context>(context: &C, x: &C::Value, centre: &Option<C::Value>) -> Result<C::Value, EvalError> {
    centre.as_ref().map_or_else(|| Ok(x.clone()), |centre| context.sub(x, centre))
}

/// The statistics of a line, which is not empty.
pub(crate) fn statistics<C: Context>(
    context: &C,
    line: &[C::Value],
    centred: bool,
    epsilon: &C::Value,
) -> Result<Statistics<C::Value>, EvalError> {
    let centre = centred.then(|| mean(context, line)).transpose()?;
    let squared = |x| context.square(&distance(context, x, &centre)?);
    let variance = mean(context, &line.iter().map(squared).collect::<Result<Vec<_>, _>>()?)?;
    Ok((centre, context.rsqrt(&context.add(&variance, epsilon)?)?))
}

/// The normalised values of x, scaled and moved by the weight and the bias (where there are any); `place(position)` are the numbers of the line
/// and of the weight and bias that belong to a value.
pub(crate) fn normalised<C: Context>(
    context: &C,
    x: &Tensor<C::Value>,
    affine: Parents<C>,
    lines: &[Statistics<C::Value>],
    place: impl Fn(usize) -> (usize, usize),
) -> Values<C> {
    let value = |(position, x): (usize, &C::Value)| {
        let (line, parameter) = place(position);
        let (centre, scale) = lines.get(line).ok_or(WRONG_PARENTS)?;
        let mut y = context.mul(&distance(context, x, centre)?, scale)?;
        let mut affine = affine.iter().map(|tensor| tensor.data().get(parameter).ok_or(WRONG_PARENTS));
        if let Some(weight) = affine.next() {
            y = context.mul(&y, weight?)?;
        }
        affine.next().map_or_else(|| Ok(y.clone()), |bias| context.add(&y, bias?))
    };
    x.data().iter().enumerate().map(value).collect()
}

/// [`normalised`] values of x, where neighbours, `length` ≥ 1 of them, make a line; the weight and the bias are those at `parameter(position)`.
pub(crate) fn normalise<C: Context>(
    context: &C,
    x: &Tensor<C::Value>,
    affine: Parents<C>,
    length: usize,
    centred: bool,
    epsilon: &Exact,
    parameter: impl Fn(usize) -> usize,
) -> Values<C> {
    let epsilon = context.constant(epsilon)?;
    let lines = x.data().chunks_exact(length).map(|line| statistics(context, line, centred, &epsilon));
    normalised(context, x, affine, &lines.collect::<Result<Vec<_>, _>>()?, |at| (at / length, parameter(at)))
}
