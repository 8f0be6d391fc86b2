//! `MatMul` and `Gemm`: a product with a constant matrix is an affine layer, its weight transposed here.

use super::elementwise::join;
use crate::builder::{Builder, Value};
use crate::call::Call;
use crate::error::{ImportError, fault};
use crate::fold::broadcast_dimensions;
use tl_kernel::number::Exact;
use tl_kernel::spec::{self, Op};

fn linear() -> Op {
    Op::Linear(spec::linear::Linear {})
}

/// `MatMul`, by numpy's rules for vectors and batches.
pub(super) fn matmul(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let (x, w) = (call.input(0)?, call.input(1)?);
    let constant_matrix = matches!(&w, Value::Constant(w) if w.array.rank() == 2);
    if constant_matrix && !builder.dimensions(&x).is_empty() {
        let weight = builder.permute(&w, vec![1, 0])?;
        return Ok(vec![builder.apply(linear(), &[&x, &weight])?]);
    }
    Ok(vec![builder.apply(Op::Matmul(spec::matmul::Matmul {}), &[&x, &w])?])
}

fn scale(builder: &mut Builder, x: Value, factor: Exact) -> Result<Value, ImportError> {
    if factor == Exact::integer(1) {
        return Ok(x);
    }
    builder.apply(Op::Scale(spec::scale::Scale { factor }), &[&x])
}

/// `Gemm`: alpha · A' B' + beta · C. The bias is part of the affine layer where neither factor stands between them.
pub(super) fn gemm(builder: &mut Builder, call: &mut Call) -> Result<Vec<Value>, ImportError> {
    let (mut a, b, c) = (call.input(0)?, call.input(1)?, call.optional(2));
    let (alpha, beta) = (call.exact("alpha", 1.0)?, call.exact("beta", 1.0)?);
    let (trans_a, trans_b) = (call.flag("transA", false)?, call.flag("transB", false)?);
    for (name, matrix) in [("A", &a), ("B", &b)] {
        if builder.dimensions(matrix).len() != 2 {
            return Err(fault!(Shapes, "{name} has shape {:?}, not two dimensions", builder.dimensions(matrix)));
        }
    }
    if trans_a {
        a = builder.permute(&a, vec![1, 0])?;
    }
    let weight = match (&b, trans_b) {
        (_, true) => Some(b.clone()),
        (Value::Constant(_), false) => Some(builder.permute(&b, vec![1, 0])?),
        (Value::Node(_), false) => None,
    };
    let (rows, columns) = (builder.dimensions(&a).first().copied(), builder.dimensions(&b));
    let out = vec![rows.unwrap_or(1), columns.get(usize::from(!trans_b)).copied().unwrap_or(1)];
    if let Some(c) = &c
        && broadcast_dimensions(&builder.dimensions(c), &out)? != out
    {
        return Err(fault!(Shapes, "C has shape {:?}, the product {out:?}", builder.dimensions(c)));
    }
    let one = Exact::integer(1);
    if let (Some(weight), Some(c)) = (&weight, &c)
        && alpha == one
        && beta == one
        && let Some(bias) = row(builder, c, &out)?
    {
        return Ok(vec![builder.apply(linear(), &[&a, weight, &bias])?]);
    }
    let product = match &weight {
        Some(weight) => builder.apply(linear(), &[&a, weight])?,
        None => builder.apply(Op::Matmul(spec::matmul::Matmul {}), &[&a, &b])?,
    };
    let product = scale(builder, product, alpha)?;
    match c {
        None => Ok(vec![product]),
        Some(c) => {
            let c = scale(builder, c, beta)?;
            Ok(vec![join(builder, Op::Add(spec::add::Add {}), &product, &c)?])
        }
    }
}

/// The addend as one row of the product, when it is the same in every row.
fn row(builder: &mut Builder, c: &Value, out: &[usize]) -> Result<Option<Value>, ImportError> {
    let dimensions = builder.dimensions(c);
    let width = out.last().copied().unwrap_or(1);
    let same_in_every_row = dimensions.len() < 2 || (dimensions.len() == 2 && dimensions.first() == Some(&1));
    if !same_in_every_row {
        return Ok(None);
    }
    let last = dimensions.last().copied().unwrap_or(1);
    let flat = builder.reshape(c, vec![last])?;
    builder.broadcast(&flat, &[width]).map(Some)
}
