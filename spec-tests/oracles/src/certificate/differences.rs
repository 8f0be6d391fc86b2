//! The slope of a graph along a line, by differences of its values: no rule of differentiation is used, and nothing of the kernel.
//!
//! A number here is seven: the values at x + k·h·v for k in `STEPS`, each enclosed in 1,536 bits, h = 2^−256. Where the graph chooses (max, min, |x|), all seven follow the
//! choice that is made at x, so that they are values of one smooth function, whose slope at x is that of the graph. At a tie the choice is that of
//! §5.5 of `certs/FORMAT.md` ([`Ties::Convention`]), or both are enclosed ([`Ties::Both`], for §5.6); both are, too, where the enclosures do not tell.
//!
//! The slope: D(k) = (f(k·h) − f(−k·h))/(2·k·h) is f' + a·k²·h² + b·k⁴·h⁴ + …, so (4·D(1) − D(2))/3 and (4·D(2) − D(4))/3 are off by −4·b·h⁴ and −64·b·h⁴ up to higher powers of h, and
//! the first by a fifteenth of their distance. The whole distance is allowed for. Both are exact for a polynomial in h up to the fourth degree, where its bits fit. So the ends are no
//! proof, but wrong only where a fifth derivative times 2^−1024 is not small.

use super::enclosure::{Enclosure, Reals};
use super::evaluation::{Function, Reading, Result, Trouble};
use rug::{Integer, Rational};
use std::cell::Cell;
use std::cmp::Ordering;

const STEPS: [i32; 7] = [0, 1, -1, 2, -2, 4, -4];
const STEP: u32 = 256;
const PRECISION: u32 = 1536;

/// Both ends of what a number is between.
pub type Ends = (Rational, Rational);

/// Values along the line, in the order of `STEPS`.
pub type Values = [Enclosure; 7];

/// What a slope is where operands tie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ties {
    /// That of the operand which the format names.
    Convention,
    /// None, unless all operands have the same.
    Both,
}

/// A component of the direction, as a word, of the element of an input or parameter (`input` or `const`, its name, the flat position).
pub type Direction<'a> = &'a dyn Fn(&str, &str, usize) -> u32;

/// The reading along a line.
pub struct Line<'a> {
    direction: Direction<'a>,
    ties: Ties,
    /// Whether operands with different slopes have tied.
    torn: Cell<bool>,
}

impl<'a> Line<'a> {
    /// The line through the inputs and parameters in this direction.
    pub fn new(direction: Direction<'a>, ties: Ties) -> Self {
        Line { direction, ties, torn: Cell::new(false) }
    }

    /// Whether operands with different slopes have tied, where a tie needs them to be one.
    pub fn torn(&self) -> bool {
        self.torn.get()
    }

    /// One of two operands, all along the line, by how they compare at its middle.
    fn choose(&self, x: &Values, y: &Values, order: Option<Ordering>, tied: &Values) -> Values {
        match order {
            Some(Ordering::Greater) => x.clone(),
            Some(Ordering::Less) => y.clone(),
            Some(Ordering::Equal) if self.ties == Ties::Convention => tied.clone(),
            order => {
                let apart = |(x, y): (Ends, Ends)| x.1 < y.0 || y.1 < x.0;
                if order.is_some() && slope(x).zip(slope(y)).is_none_or(apart) {
                    self.torn.set(true);
                }
                std::array::from_fn(|k| x[k].hull(&y[k]))
            }
        }
    }

    fn each(f: impl Fn(usize) -> Result<Enclosure>) -> Result<Values> {
        let middle = f(0)?;
        let mut values: Values = std::array::from_fn(|_| middle.clone());
        for (k, value) in values.iter_mut().enumerate().skip(1) {
            *value = f(k).map_err(|trouble| match trouble {
                Trouble::False(_) => Trouble::False("no derivative at the end of the domain".into()),
                other => other,
            })?;
        }
        Ok(values)
    }
}

/// The ends of the slope at the middle; `None` where the values have none.
pub fn slope(values: &Values) -> Option<Ends> {
    let ends = values.iter().map(Enclosure::ends).collect::<Option<Vec<_>>>()?;
    let quotient = |ahead: usize| -> Ends {
        let (up, down) = (&ends[ahead], &ends[ahead + 1]);
        let scale = Rational::from((Integer::from(1) << STEP, Integer::from(2 * STEPS[ahead])));
        (Rational::from(&up.0 - &down.1) * &scale, Rational::from(&up.1 - &down.0) * &scale)
    };
    let extrapolated =
        |near: &Ends, far: &Ends| -> Ends { ((near.0.clone() * 4 - &far.1) / 3, (near.1.clone() * 4 - &far.0) / 3) };
    let [one, two, four] = [1, 3, 5].map(quotient);
    let (near, far) = (extrapolated(&one, &two), extrapolated(&two, &four));
    let middle = |(lo, hi): &Ends| -> Rational { Rational::from(lo + hi) / 2 };
    let distance: Rational = (middle(&near) - middle(&far)).abs();
    Some((near.0 - &distance, near.1 + &distance))
}

impl Reading for Line<'_> {
    type Value = Values;

    fn word(&self, word: u32) -> Result<Values> {
        let value = Reals(PRECISION).word(word)?;
        Ok(std::array::from_fn(|_| value.clone()))
    }

    fn source(&self, op: &str, name: &str, words: &[u32]) -> Result<Vec<Values>> {
        let reals = Reals(PRECISION);
        let moved = |(i, &word): (usize, &u32)| {
            let (from, along) = (reals.word(word)?, reals.word((self.direction)(op, name, i))?);
            Line::each(|k| {
                let steps = Rational::from((Integer::from(STEPS[k]), Integer::from(1) << STEP));
                reals.add(&from, &reals.mul(&reals.constant(&steps), &along)?)
            })
        };
        words.iter().enumerate().map(moved).collect()
    }

    fn constant(&self, number: &Rational) -> Values {
        let value = Reals(PRECISION).constant(number);
        std::array::from_fn(|_| value.clone())
    }

    fn add(&self, x: &Values, y: &Values) -> Result<Values> {
        Line::each(|k| Reals(PRECISION).add(&x[k], &y[k]))
    }

    fn sub(&self, x: &Values, y: &Values) -> Result<Values> {
        Line::each(|k| Reals(PRECISION).sub(&x[k], &y[k]))
    }

    fn mul(&self, x: &Values, y: &Values) -> Result<Values> {
        Line::each(|k| Reals(PRECISION).mul(&x[k], &y[k]))
    }

    fn div(&self, x: &Values, y: &Values) -> Result<Values> {
        Line::each(|k| Reals(PRECISION).div(&x[k], &y[k]))
    }

    fn pow(&self, x: &Values, y: &Values) -> Result<Values> {
        Line::each(|k| Reals(PRECISION).pow(&x[k], &y[k]))
    }

    fn neg(&self, x: &Values) -> Values {
        std::array::from_fn(|k| Reals(PRECISION).neg(&x[k]))
    }

    fn abs(&self, x: &Values) -> Values {
        let zero = self.constant(&Rational::new());
        self.choose(x, &self.neg(x), x[0].compare(&zero[0]), &zero)
    }

    fn max(&self, x: &Values, y: &Values) -> Values {
        self.choose(x, y, x[0].compare(&y[0]), x)
    }

    fn min(&self, x: &Values, y: &Values) -> Values {
        self.choose(x, y, y[0].compare(&x[0]), x)
    }

    fn max_last(&self, x: &Values, y: &Values) -> Values {
        self.choose(x, y, x[0].compare(&y[0]), y)
    }

    fn smooth_max(&self, x: &Values, y: &Values) -> Values {
        if x[0].compare(&y[0]) == Some(Ordering::Less) { y.clone() } else { x.clone() }
    }

    fn smooth_min(&self, x: &Values, y: &Values) -> Values {
        if y[0].compare(&x[0]) == Some(Ordering::Less) { y.clone() } else { x.clone() }
    }

    fn smooth_abs(&self, x: &Values) -> Values {
        let zero = self.constant(&Rational::new());
        if x[0].compare(&zero[0]) == Some(Ordering::Less) { self.neg(x) } else { x.clone() }
    }

    fn function(&self, f: Function, x: &Values) -> Result<Values> {
        Line::each(|k| Reals(PRECISION).function(f, &x[k]))
    }

    fn sum(&self, node: usize, terms: &[&Values]) -> Result<Values> {
        Line::each(|k| Reals(PRECISION).sum(node, &terms.iter().map(|term| &term[k]).collect::<Vec<_>>()))
    }

    fn dot(&self, node: usize, pairs: &[(&Values, &Values)], bias: Option<&Values>) -> Result<Values> {
        Line::each(|k| {
            let pairs: Vec<_> = pairs.iter().map(|(x, y)| (&x[k], &y[k])).collect();
            Reals(PRECISION).dot(node, &pairs, bias.map(|bias| &bias[k]))
        })
    }
}

/// The reading without numbers, which tells whether a graph is a composition of +, −, ·, / and exact constants.
#[derive(Debug, Default)]
pub struct Formal {
    /// Whether the graph chooses somewhere.
    pub chooses: Cell<bool>,
}

impl Reading for Formal {
    type Value = ();

    fn word(&self, _: u32) -> Result<()> {
        Ok(())
    }

    fn constant(&self, _: &Rational) {}

    fn add(&self, (): &(), (): &()) -> Result<()> {
        Ok(())
    }

    fn sub(&self, (): &(), (): &()) -> Result<()> {
        Ok(())
    }

    fn mul(&self, (): &(), (): &()) -> Result<()> {
        Ok(())
    }

    fn div(&self, (): &(), (): &()) -> Result<()> {
        Ok(())
    }

    fn pow(&self, (): &(), (): &()) -> Result<()> {
        Err(Trouble::False("no rational function".into()))
    }

    fn neg(&self, (): &()) {}

    fn abs(&self, (): &()) {
        self.chooses.set(true);
    }

    fn max(&self, (): &(), (): &()) {
        self.chooses.set(true);
    }

    fn min(&self, (): &(), (): &()) {
        self.chooses.set(true);
    }

    fn smooth_abs(&self, (): &()) {}

    fn function(&self, _: Function, (): &()) -> Result<()> {
        Err(Trouble::False("no rational function".into()))
    }

    fn sum(&self, _: usize, _: &[&()]) -> Result<()> {
        Ok(())
    }

    fn dot(&self, _: usize, _: &[(&(), &())], _: Option<&()>) -> Result<()> {
        Ok(())
    }
}
