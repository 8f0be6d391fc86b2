//! Clipping of gradients: functions on gradients, without state.

use tl_kernel::ir::evaluate::Named;

/// Every element cut to [−limit, limit]; a NaN stays one.
pub fn clip_by_value(gradients: &mut Named<f32>, limit: f32) {
    for gradient in gradients.values_mut() {
        *gradient = gradient.map(|&g| {
            if g > limit {
                limit
            } else if g < -limit {
                -limit
            } else {
                g
            }
        });
    }
}

/// All gradients together scaled to a Euclidean norm of at most `limit` (Pascanu, Mikolov, Bengio 2013); the norm before.
/// The norm is summed in binary64, so that it does not overflow; one that is not finite is returned and nothing is scaled.
pub fn clip_by_norm(gradients: &mut Named<f32>, limit: f32) -> f64 {
    let squares = gradients.values().flat_map(|gradient| gradient.data()).map(|&g| f64::from(g) * f64::from(g));
    let norm = squares.sum::<f64>().sqrt();
    if norm.is_finite() && norm > f64::from(limit) {
        let factor = f64::from(limit) / norm;
        for gradient in gradients.values_mut() {
            *gradient = gradient.map(|&g| (f64::from(g) * factor) as f32);
        }
    }
    norm
}
