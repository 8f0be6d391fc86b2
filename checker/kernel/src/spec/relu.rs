//! Rectified linear unit `max(x, 0)`.
//!
//! Value: the greater of x and +0; in `Binary32` this is IEEE 754-2019 `maximum`, so NaN propagates and −0 gives +0.

unary! {
    /// `max(x, 0)` at every position.
    Relu, |context, x| context.max(x, &context.integer(0)?),
    |_y, d| gate(context, x, &context.integer(0)?, d)
}
