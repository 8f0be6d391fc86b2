//! Losses of classes: what `cross_entropy` and `nll` have in common.
//!
//! At every position n of [N, d..] the loss is `Σ_c a[n,c]·(−l[n,c])`, l the logarithms of the probabilities of the classes, x [N, C, d..]. Targets are `labels` [N, d..] (whole numbers below C, or
//! `ignore_index`) or `probabilities` [N, C, d..]. With smoothing ε (Szegedy et al. 2016) and class weights w: `a_c = w_c·((1 − ε)·t_c + ε/C)`, t the target probabilities, one for the label; an ignored position has a = 0.
//! `mean` divides the sum by `Σ_n w_{y_n}` over the positions that are not ignored where the targets are labels (undefined where there is none), by their number where they are probabilities.

use crate::spec::loss::Reduction;
use crate::spec::prelude::*;
use std::cmp::Ordering;

keywords! {
    /// What the targets are.
    pub enum Targets {
        /// The number of a class at each position.
        Labels = "labels",
        /// A probability of each class at each position.
        Probabilities = "probabilities",
    }
}

/// The conventions of a loss of classes.
pub(crate) struct Classes<'a> {
    pub(crate) targets: Targets,
    pub(crate) label_smoothing: &'a Exact,
    /// A label whose position does not count; none where empty.
    pub(crate) ignore_index: &'a [i64],
    pub(crate) reduction: Reduction,
}

/// Up to here, with either sign, whole numbers are binary32 numbers: no two labels are one word.
const LABELS: usize = 1 << 24;

/// The coefficients of every position, classes last, and what the sum is divided by.
pub(crate) struct Coefficients<V> {
    pub(crate) rows: Vec<Vec<V>>,
    pub(crate) divisor: Option<V>,
}

impl Classes<'_> {
    /// The shape of the loss; `rules` bear on x, the targets, the weights, and the attributes.
    pub(crate) fn shape(&self, x: &Shape, others: &[&Shape], rules: [&'static str; 4]) -> Result<Shape, Fault> {
        let (&[batch, classes, ref rest @ ..], Some((targets, weight))) = (x.dimensions(), others.split_first()) else {
            return Err(Fault::new(rules[0], format!("x {x} has no axis of classes")));
        };
        require(classes <= LABELS, rules[0], || format!("{classes} classes, more than binary32 tells apart"))?;
        let positions = [&[batch], rest].concat();
        let wanted = if self.targets == Targets::Labels { &positions[..] } else { x.dimensions() };
        require_all("the targets ", &[targets], wanted, rules[1])?;
        require_all("the weight ", weight, &[classes], rules[2])?;
        let smooth = !self.label_smoothing.is_negative() && *self.label_smoothing <= Exact::integer(1);
        let label = |n: &i64| usize::try_from(n.unsigned_abs()).is_ok_and(|n| n <= LABELS);
        let ignored = self.ignore_index.len() <= usize::from(self.targets == Targets::Labels);
        let ignored = ignored && self.ignore_index.iter().all(label);
        require(smooth && ignored && self.reduction != Reduction::BatchMean, rules[3], || {
            format!(
                "smoothing {}, ignored labels {:?} and reduction {} do not go together",
                self.label_smoothing,
                self.ignore_index,
                self.reduction.keyword()
            )
        })?;
        Ok(self.reduction.shape(&shape_of(positions, rules[0])?))
    }

    /// The coefficients for the targets and class weights among the other parents.
    pub(crate) fn coefficients<C: Context>(
        &self,
        context: &C,
        x: &Shape,
        others: Parents<C>,
    ) -> Result<Coefficients<C::Value>, EvalError> {
        let (targets, weight) = others.split_first().ok_or(WRONG_PARENTS)?;
        let (_, classes, _) = around(x, 1).ok_or(WRONG_PARENTS)?;
        let (zero, one) = (context.integer(0)?, context.integer(1)?);
        let weights = weight.first().map_or_else(|| vec![one.clone(); classes], |weight| weight.data().to_vec());
        let count = context.integer(i64::try_from(classes).map_err(|_| WRONG_PARENTS)?)?;
        let smoothing = context.constant(self.label_smoothing)?;
        let (kept, spread) = (context.sub(&one, &smoothing)?, context.div(&smoothing, &count)?);
        let row = |target: &dyn Fn(usize) -> Result<C::Value, EvalError>| {
            let entry = |(c, weight)| context.mul(weight, &context.add(&context.mul(&kept, &target(c)?)?, &spread)?);
            weights.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()
        };
        let (mut rows, mut totals) = (Vec::new(), Vec::new());
        if self.targets == Targets::Labels {
            for label in targets.data() {
                let Some(class) = self.class(context, label, classes)? else {
                    rows.push(vec![zero.clone(); classes]);
                    continue;
                };
                rows.push(row(&|c| Ok(if c == class { one.clone() } else { zero.clone() }))?);
                totals.extend(weights.get(class).cloned());
            }
        } else {
            for line in lines(x, &[1]) {
                let line = super::axis::at(targets, &line);
                rows.push(row(&|c| line.get(c).cloned().ok_or(WRONG_PARENTS))?);
                totals.push(one.clone());
            }
        }
        let divisor = (self.reduction == Reduction::Mean).then(|| context.sum(&totals)).transpose()?;
        Ok(Coefficients { rows, divisor })
    }

    /// The class that a label names; `None` for an ignored one.
    fn class<C: Context>(&self, context: &C, label: &C::Value, classes: usize) -> Result<Option<usize>, EvalError> {
        let order = |n: i64| context.order(label, &context.integer(n)?);
        for &ignored in self.ignore_index {
            if order(ignored)? == Some(Ordering::Equal) {
                return Ok(None);
            }
        }
        let (mut low, mut high) = (0, i64::try_from(classes).map_err(|_| WRONG_PARENTS)?);
        while low < high {
            let middle = low + (high - low) / 2;
            match order(middle)? {
                Some(Ordering::Equal) => return Ok(usize::try_from(middle).ok()),
                Some(Ordering::Less) => high = middle,
                Some(Ordering::Greater) => low = middle + 1,
                None => break,
            }
        }
        Err(EvalError::Undefined { function: "a loss of classes", reason: "a label is no class" })
    }

    /// The loss, from the logarithms of the probabilities of every position.
    pub(crate) fn loss<C: Context>(
        &self,
        context: &C,
        coefficients: Coefficients<C::Value>,
        logarithms: impl Iterator<Item = Values<C>>,
    ) -> Values<C> {
        let loss = |(a, l): (&Vec<C::Value>, Values<C>)| {
            let products = a.iter().zip(&l?).map(|(a, l)| context.mul(a, l)).collect::<Result<Vec<_>, _>>()?;
            context.neg(&context.sum(&products)?)
        };
        let losses = coefficients.rows.iter().zip(logarithms).map(loss).collect::<Result<Vec<_>, _>>()?;
        if self.reduction == Reduction::None {
            return Ok(losses);
        }
        let total = context.sum(&losses)?;
        let divisor = coefficients.divisor;
        Ok(vec![divisor.map_or_else(|| Ok(total.clone()), |divisor| context.div(&total, &divisor))?])
    }

    /// The cotangents of x: `f(coefficients, x, cotangent of the loss)` of every position.
    pub(crate) fn back<C: Context>(
        &self,
        context: &C,
        at: &Point<C>,
        dy: &Tensor<C::Value>,
        f: impl Fn(&[C::Value], &[C::Value], &C::Value) -> Values<C>,
    ) -> Cotangents<C> {
        (1..=at.others.len()).try_for_each(|parent| at.without(parent, "a loss of classes"))?;
        let Coefficients { rows, divisor } = self.coefficients(context, at.x.shape(), at.others)?;
        let mut dx = at.x.data().to_vec();
        for (position, (line, a)) in lines(at.x.shape(), &[1]).zip(&rows).enumerate() {
            let one_for_all = self.reduction != Reduction::None;
            let d = dy.data().get(if one_for_all { 0 } else { position }).ok_or(WRONG_PARENTS)?;
            let d = divisor.as_ref().map_or_else(|| Ok(d.clone()), |divisor| context.div(d, divisor))?;
            for (place, value) in line.iter().zip(f(a, &super::axis::at(at.x, &line), &d)?) {
                *dx.get_mut(*place).ok_or(WRONG_PARENTS)? = value;
            }
        }
        let mut cotangents = vec![Some(dx)];
        cotangents.resize(1 + at.others.len(), None);
        Ok(cotangents)
    }
}
