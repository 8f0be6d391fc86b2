//! The product with a mask and 1/(1 − rate) while training (Srivastava et al. 2014), nothing in evaluation.
//!
//! Shapes: any → the same. The mask is an input of the graph, `layers.N.mask`, of the shape of the batch, ones where a value is kept: nothing is drawn here.

use super::prelude::*;
use num_traits::{One, Signed, ToPrimitive};
use tl_kernel::number::Exact;
use tl_kernel::spec::{Op, mul::Mul, scale::Scale};

record! {
    /// The product with a mask and 1/(1 − rate) while training.
    pub struct Dropout {
        /// How much is dropped, at least 0 and below 1; what a mask keeps grows by 1/(1 − rate).
        pub rate: Exact,
    }
}

impl Dropout {
    /// 1/(1 − rate), where rate is in [0, 1) and that is a fraction of 64-bit numbers.
    fn factor(&self) -> Option<Exact> {
        let kept = num_rational::BigRational::one() - self.rate.rational();
        let kept = Some(kept).filter(|kept| kept.is_positive() && !self.rate.is_negative())?;
        Exact::fraction(kept.denom().to_i64()?, kept.numer().to_i64()?)
    }
}

impl Rule for Dropout {
    fn output(&self, x: &Features) -> Fitting<Features> {
        require(self.factor().is_some(), || {
            format!("rate {} is not a fraction of 64-bit numbers in [0, 1)", self.rate)
        })?;
        Ok(x.clone())
    }

    fn lower(&self, draft: &mut Draft, x: usize) -> Fitting<usize> {
        match (draft.mode, self.factor()) {
            (crate::net::Mode::Train, Some(factor)) => {
                let mask = draft.mask(x);
                let kept = draft.node(Op::Mul(Mul {}), &[x, mask])?;
                draft.node(Op::Scale(Scale { factor }), &[kept])
            }
            _ => Ok(x),
        }
    }
}
