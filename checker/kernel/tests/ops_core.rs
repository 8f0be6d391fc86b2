//! The core operations: every numbered constraint, hand-made values over ℚ, PyTorch's values bit for bit (`data/ops_core.txt`), hostile attributes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use tl_kernel::cert::json::{Cursor, parse};
use tl_kernel::context::rational::Rational;
use tl_kernel::context::{Context, EvalError};
use tl_kernel::ir::attributes::Attribute;
use tl_kernel::ir::{Shape, Tensor};
use tl_kernel::number::Exact;
use tl_kernel::spec::Op;

type Value = <Rational as Context>::Value;

fn cursor(text: &str) -> Cursor {
    Cursor::root(parse(text.as_bytes()).unwrap_or_else(|d| panic!("{text}: {d:?}")))
}

/// The operation with attributes written as the inside of a JSON object.
fn op(keyword: &str, attributes: &str) -> Op {
    let text = format!(r#"{{"op":"{keyword}","attributes":{{{attributes}}}}}"#);
    let op = Op::decode(&mut cursor(&text).object().unwrap());
    op.unwrap_or_else(|d| panic!("{text}: {d:?}"))
}

/// Shapes written `[2,3] [3]`.
fn shapes(text: &str) -> Vec<Shape> {
    let shape = |text: &str| Shape::decode(cursor(text)).unwrap();
    text.split_whitespace().map(shape).collect()
}

/// A tensor written `[2,2] 1 -1/2 3 4`.
fn tensor(text: &str) -> Tensor<Value> {
    let (shape, numbers) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let number = |text: &str| Rational.constant(&Exact::parse(text).unwrap()).unwrap();
    let data = numbers.split_whitespace().map(number).collect();
    Tensor::new(shapes(shape).remove(0), data).unwrap()
}

fn evaluate(op: &Op, parents: &[Tensor<Value>]) -> Result<Tensor<Value>, EvalError> {
    let shapes: Vec<&Shape> = parents.iter().map(Tensor::shape).collect();
    let shape = op.shape(&shapes).unwrap_or_else(|fault| panic!("{op:?}: {fault:?}"));
    let parents: Vec<&Tensor<Value>> = parents.iter().collect();
    let data = op.value(&Rational, &parents, &shape)?;
    Ok(Tensor::new(shape, data).unwrap())
}

fn text(tensor: &Tensor<Value>) -> String {
    let dimensions: Vec<String> = tensor.dimensions().iter().map(usize::to_string).collect();
    let data = tensor.data().iter().map(|x| format!(" {}", x.to_rational()));
    format!("[{}]{}", dimensions.join(","), data.collect::<String>())
}

const CONV: &str = r#""stride":[1],"dilation":[1],"pad_before":[0],"pad_after":[0],"groups":1"#;
const GROUPS: &str = r#""stride":[1],"dilation":[1],"pad_before":[0],"pad_after":[0],"groups":2"#;
const SPREAD: &str = r#""stride":[2],"dilation":[3],"pad_before":[1],"pad_after":[0],"groups":1"#;
const TRANSPOSED: &str =
    r#""stride":[2],"dilation":[1],"pad_before":[1],"pad_after":[0],"output_padding":[1],"groups":1"#;
const TRANSPOSED_GROUPS: &str =
    r#""stride":[1],"dilation":[1],"pad_before":[0],"pad_after":[0],"output_padding":[0],"groups":2"#;
const POOL: &str = r#""kernel":[3],"stride":[2],"dilation":[1],"pad_before":[1],"pad_after":[1],"ceil_mode":false"#;
const AVG: &str = r#""kernel":[3],"stride":[2],"dilation":[1],"pad_before":[1],"pad_after":[1],"ceil_mode":true,"count_include_pad":true"#;
const WIDE: &str = r#""kernel":[3],"stride":[1],"dilation":[1],"pad_before":[3],"pad_after":[0],"ceil_mode":false"#;
const LATE: &str = r#""kernel":[1],"stride":[1],"dilation":[1],"pad_before":[0],"pad_after":[1],"ceil_mode":false"#;
const HALF: &str = r#""mode":"linear","coordinates":"half_pixel""#;

/// Name, attributes, shapes of the parents, and the shape of the result; an empty result means that the constraint in the name is broken.
/// The operation is the name up to its constraint number.
#[rustfmt::skip]
fn constraints() -> Vec<(&'static str, String, &'static str, &'static str)> {
    let mut table: Vec<(&str, String, &str, &str)> = Vec::new();
    let mut row = |name, attributes: &str, parents, result| table.push((name, attributes.to_string(), parents, result));
    row("reshape_c1_same_number_of_elements", r#""shape":[3,2]"#, "[6]", "[3,2]");
    row("reshape_c1_scalar_from_one", r#""shape":[]"#, "[1,1]", "[]");
    row("reshape_c1_other_number_of_elements", r#""shape":[4]"#, "[6]", "");
    row("flatten_c1_inner_run", r#""first_axis":1,"last_axis":2"#, "[2,3,4,5]", "[2,12,5]");
    row("flatten_c1_one_axis", r#""first_axis":0,"last_axis":0"#, "[2,3]", "[2,3]");
    row("flatten_c1_run_in_reverse", r#""first_axis":1,"last_axis":0"#, "[2,3]", "");
    row("flatten_c1_beyond_the_rank", r#""first_axis":0,"last_axis":9223372036854775807"#, "[2,3]", "");
    row("transpose_c1_two_axes", r#""first":0,"second":2"#, "[2,3,4]", "[4,3,2]");
    row("transpose_c1_axis_beyond_the_rank", r#""first":0,"second":3"#, "[2,3,4]", "");
    row("permute_c1_every_axis_once", r#""order":[2,0,1]"#, "[2,3,4]", "[4,2,3]");
    row("permute_c1_an_axis_twice", r#""order":[0,0]"#, "[2,3]", "");
    row("permute_c1_an_axis_missing", r#""order":[0]"#, "[2,3]", "");
    row("permute_c1_an_axis_beyond_the_rank", r#""order":[0,2]"#, "[2,3]", "");
    row("concat_c1_axis_of_the_first", r#""axis":1"#, "[2,3] [2,4] [2,1]", "[2,8]");
    row("concat_c1_axis_beyond_the_rank", r#""axis":2"#, "[2,3] [2,4]", "");
    row("concat_c2_equal_beside_the_axis", r#""axis":0"#, "[2,3] [1,3]", "[3,3]");
    row("concat_c2_other_extent", r#""axis":0"#, "[2,3] [2,4]", "");
    row("concat_c2_other_rank", r#""axis":0"#, "[2,3] [2]", "");
    row("concat_c3_a_shape", r#""axis":0"#, "[1073741823] [1073741824]", "[2147483647]");
    row("concat_c3_too_many_elements", r#""axis":0"#, "[1073741824] [1073741824]", "");
    row("slice_c1_one_entry_per_axis", r#""start":[0,1],"end":[2,3],"step":[1,1]"#, "[2,3]", "[2,2]");
    row("slice_c1_too_few_entries", r#""start":[0],"end":[2,3],"step":[1,1]"#, "[2,3]", "");
    row("slice_c2_negative_step", r#""start":[4],"end":[-1],"step":[-2]"#, "[5]", "[3]");
    row("slice_c2_zero_step", r#""start":[0],"end":[1],"step":[0]"#, "[5]", "");
    row("slice_c3_longest_step", r#""start":[4],"end":[-1],"step":[-9223372036854775808]"#, "[5]", "[1]");
    row("slice_c3_start_beyond_the_axis", r#""start":[5],"end":[6],"step":[1]"#, "[5]", "");
    row("slice_c3_end_beyond_the_axis", r#""start":[0],"end":[6],"step":[1]"#, "[5]", "");
    row("slice_c3_nothing_kept", r#""start":[2],"end":[2],"step":[1]"#, "[5]", "");
    row("slice_c3_hostile_end", r#""start":[0],"end":[-9223372036854775808],"step":[-1]"#, "[5]", "");
    row("pad_c1_one_entry_per_axis", r#""before":[1,0],"after":[0,2],"mode":"edge","value":[]"#, "[2,3]", "[3,5]");
    row("pad_c1_too_few_entries", r#""before":[1],"after":[0,2],"mode":"edge","value":[]"#, "[2,3]", "");
    row("pad_c2_constant_with_a_value", r#""before":[1],"after":[0],"mode":"constant","value":["1/3"]"#, "[2]", "[3]");
    row("pad_c2_constant_without_a_value", r#""before":[1],"after":[0],"mode":"constant","value":[]"#, "[2]", "");
    row("pad_c2_edge_with_a_value", r#""before":[1],"after":[0],"mode":"edge","value":["0"]"#, "[2]", "");
    row("pad_c3_unpadded_single_cell_reflects", r#""before":[0,1],"after":[0,0],"mode":"reflect","value":[]"#, "[1,2]", "[1,3]");
    row("pad_c3_padded_single_cell_does_not", r#""before":[0],"after":[1],"mode":"reflect","value":[]"#, "[1]", "");
    row("pad_c4_a_shape", r#""before":[2147483646],"after":[0],"mode":"edge","value":[]"#, "[1]", "[2147483647]");
    row("pad_c4_too_many_elements", r#""before":[1000000000000000000],"after":[0],"mode":"wrap","value":[]"#, "[1]", "");
    row("gather_c1_axis", r#""axis":1,"indices":[2],"indices_shape":[]"#, "[2,3]", "[2]");
    row("gather_c1_axis_beyond_the_rank", r#""axis":2,"indices":[0],"indices_shape":[1]"#, "[2,3]", "");
    row("gather_c2_indices_fill_their_shape", r#""axis":0,"indices":[1,0,1,1],"indices_shape":[2,2]"#, "[2,3]", "[2,2,3]");
    row("gather_c2_too_few_indices", r#""axis":0,"indices":[1],"indices_shape":[2]"#, "[2,3]", "");
    row("gather_c3_last_index", r#""axis":1,"indices":[2,2],"indices_shape":[2]"#, "[2,3]", "[2,2]");
    row("gather_c3_index_beyond_the_axis", r#""axis":1,"indices":[3],"indices_shape":[1]"#, "[2,3]", "");
    row("gather_c4_a_shape", r#""axis":0,"indices":[0,0],"indices_shape":[2]"#, "[1,1000000000]", "[2,1000000000]");
    row("gather_c4_too_many_elements", r#""axis":0,"indices":[0,0,0],"indices_shape":[3]"#, "[1,1000000000]", "");
    row("broadcast_c1_aligned_at_the_last_axis", r#""shape":[4,2,3]"#, "[2,1]", "[4,2,3]");
    row("broadcast_c1_other_extent", r#""shape":[4,2]"#, "[4]", "");
    row("broadcast_c1_fewer_axes", r#""shape":[3]"#, "[1,3]", "");
    for name in ["add_c1_equal_shapes", "sub_c1_equal_shapes", "mul_c1_equal_shapes", "div_c1_equal_shapes", "max_c1_equal_shapes", "min_c1_equal_shapes"] {
        row(name, "", "[2,3] [2,3]", "[2,3]");
    }
    for name in ["add_c1_unequal_shapes", "sub_c1_unequal_shapes", "mul_c1_unequal_shapes", "div_c1_unequal_shapes", "max_c1_unequal_shapes", "min_c1_unequal_shapes"] {
        row(name, "", "[2,3] [1,3]", "");
    }
    row("clamp_c1_one_end", r#""lo":[],"hi":["6"]"#, "[2]", "[2]");
    row("clamp_c1_two_lower_ends", r#""lo":["0","1"],"hi":[]"#, "[2]", "");
    for name in ["sum_c1_ascending_axes", "mean_c1_ascending_axes", "reduce_max_c1_ascending_axes", "reduce_min_c1_ascending_axes"] {
        row(name, r#""axes":[0,2],"keepdims":true"#, "[2,3,4]", "[1,3,1]");
    }
    for name in ["sum_c1_axis_twice", "mean_c1_axis_twice", "reduce_max_c1_axis_twice", "reduce_min_c1_axis_twice"] {
        row(name, r#""axes":[0,0],"keepdims":false"#, "[2,3,4]", "");
    }
    row("sum_c1_no_axis", r#""axes":[],"keepdims":false"#, "[2,3]", "[2,3]");
    row("sum_c1_axis_beyond_the_rank", r#""axes":[2],"keepdims":false"#, "[2,3]", "");
    row("matmul_c1_vectors", "", "[3] [3]", "[]");
    row("matmul_c1_scalar", "", "[] [3]", "");
    row("matmul_c2_inner_extents_meet", "", "[2,3] [3,4]", "[2,4]");
    row("matmul_c2_inner_extents_differ", "", "[2,3] [4,3]", "");
    row("matmul_c3_batches_broadcast", "", "[5,1,2,3] [6,3,4]", "[5,6,2,4]");
    row("matmul_c3_batches_do_not", "", "[5,2,3] [6,3,4]", "");
    row("matmul_c4_a_shape", "", "[40000,1] [1,40000]", "[40000,40000]");
    row("matmul_c4_too_many_elements", "", "[50000,1] [1,50000]", "");
    row("linear_c1_leading_axes", "", "[5,2,3] [4,3]", "[5,2,4]");
    row("linear_c1_weight_of_rank_three", "", "[3] [4,3,1]", "");
    row("linear_c2_width_of_the_weight", "", "[3] [4,3]", "[4]");
    row("linear_c2_another_width", "", "[4] [4,3]", "");
    row("linear_c3_bias", "", "[3] [4,3] [4]", "[4]");
    row("linear_c3_bias_of_another_length", "", "[3] [4,3] [3]", "");
    row("conv_c1_equal_ranks", CONV, "[1,2,5] [3,2,2]", "[1,3,4]");
    row("conv_c1_other_ranks", CONV, "[1,2,5] [3,2,2,2]", "");
    row("conv_c2_groups_divide_the_outputs", GROUPS, "[1,4,5] [6,2,3]", "[1,6,3]");
    row("conv_c2_groups_do_not_divide", GROUPS, "[1,4,5] [3,2,3]", "");
    row("conv_c3_channels_of_all_groups", GROUPS, "[1,2,5] [2,1,3]", "[1,2,3]");
    row("conv_c3_other_channels", GROUPS, "[1,2,5] [2,2,3]", "");
    row("conv_c4_dilated_kernel_with_padding", SPREAD, "[1,1,6] [1,1,3]", "[1,1,1]");
    row("conv_c4_dilated_kernel_larger_than_input", SPREAD, "[1,1,5] [1,1,3]", "");
    row("conv_c5_bias", CONV, "[1,2,5] [3,2,2] [3]", "[1,3,4]");
    row("conv_c5_bias_of_another_length", CONV, "[1,2,5] [3,2,2] [2]", "");
    row("conv_c6_a_shape", CONV, "[1,1,40000] [40000,1,1]", "[1,40000,40000]");
    row("conv_c6_too_many_elements", CONV, "[1,1,50000] [50000,1,1]", "");
    row("conv_transpose_c1_equal_ranks", TRANSPOSED, "[1,2,3] [2,4,3]", "[1,4,7]");
    row("conv_transpose_c1_other_ranks", TRANSPOSED, "[1,2,3] [2,4]", "");
    row("conv_transpose_c2_groups_divide_the_inputs", TRANSPOSED_GROUPS, "[1,4,3] [4,3,2]", "[1,6,4]");
    row("conv_transpose_c2_groups_do_not_divide", TRANSPOSED_GROUPS, "[1,3,3] [3,3,2]", "");
    row("conv_transpose_c3_channels", TRANSPOSED, "[1,2,1] [2,1,1]", "[1,1,1]");
    row("conv_transpose_c3_other_channels", TRANSPOSED, "[1,2,1] [3,1,1]", "");
    row("conv_transpose_c4_output_padding_below_the_stride", TRANSPOSED, "[1,1,2] [1,1,1]", "[1,1,3]");
    row("conv_transpose_c4_output_padding_of_the_stride", r#""stride":[2],"dilation":[1],"pad_before":[0],"pad_after":[0],"output_padding":[2],"groups":1"#, "[1,1,2] [1,1,1]", "");
    row("conv_transpose_c4_all_cut_off", r#""stride":[1],"dilation":[1],"pad_before":[3],"pad_after":[0],"output_padding":[0],"groups":1"#, "[1,1,2] [1,1,2]", "");
    row("conv_transpose_c5_bias", TRANSPOSED_GROUPS, "[1,4,3] [4,3,2] [6]", "[1,6,4]");
    row("conv_transpose_c5_bias_of_one_group", TRANSPOSED_GROUPS, "[1,4,3] [4,3,2] [3]", "");
    row("conv_transpose_c6_a_shape", TRANSPOSED, "[1,1,1073741824] [1,1,1]", "[1,1,2147483647]");
    row("conv_transpose_c6_hostile_stride", r#""stride":[1000000000000000000],"dilation":[1],"pad_before":[0],"pad_after":[0],"output_padding":[0],"groups":1"#, "[1,1,2] [1,1,1]", "");
    row("max_pool_c1_padded", POOL, "[1,2,5]", "[1,2,3]");
    row("max_pool_c1_two_axes_for_one_entry", POOL, "[1,2,5,5]", "");
    row("max_pool_c1_no_spatial_axis", POOL, "[1,2]", "");
    row("max_pool_c1_zero_stride", r#""kernel":[1],"stride":[0],"dilation":[1],"pad_before":[0],"pad_after":[0],"ceil_mode":false"#, "[1,2,5]", "");
    row("max_pool_c2_every_window_sees_a_cell", r#""kernel":[4],"stride":[1],"dilation":[1],"pad_before":[3],"pad_after":[3],"ceil_mode":false"#, "[1,1,1]", "[1,1,4]");
    row("max_pool_c2_first_window_in_padding", WIDE, "[1,1,4]", "");
    row("max_pool_c2_last_window_in_padding", LATE, "[1,1,4]", "");
    row("max_pool_c3_a_shape", r#""kernel":[2147483647],"stride":[1],"dilation":[1],"pad_before":[2147483646],"pad_after":[2147483646],"ceil_mode":false"#, "[1,1,1]", "[1,1,2147483647]");
    row("max_pool_c3_too_many_elements", r#""kernel":[1000000000000000000],"stride":[1],"dilation":[1],"pad_before":[999999999999999999],"pad_after":[999999999999999999],"ceil_mode":false"#, "[1,1,1]", "");
    row("avg_pool_c1_ceiling", &format!(r#"{AVG},"divisor":[]"#), "[1,2,6]", "[1,2,4]");
    row("avg_pool_c1_no_entry_for_the_axes", &format!(r#"{AVG},"divisor":[]"#), "[1,2,5,5]", "");
    row("avg_pool_c2_every_window_sees_a_cell", &format!(r#"{AVG},"divisor":[]"#), "[1,1,1]", "[1,1,1]");
    row("avg_pool_c2_first_window_in_padding", &format!(r#"{WIDE},"count_include_pad":true,"divisor":[]"#), "[1,1,4]", "");
    row("avg_pool_c3_a_shape", &format!(r#"{AVG},"divisor":[]"#), "[1,1,2147483647]", "[1,1,1073741824]");
    row("avg_pool_c3_too_many_elements", r#""kernel":[1000000000000000000],"stride":[1],"dilation":[1],"pad_before":[999999999999999999],"pad_after":[999999999999999999],"ceil_mode":false,"count_include_pad":true,"divisor":[]"#, "[1,1,1]", "");
    row("avg_pool_c4_divisor", &format!(r#"{AVG},"divisor":["1/2"]"#), "[1,1,6]", "[1,1,4]");
    row("avg_pool_c4_divisor_of_zero", &format!(r#"{AVG},"divisor":["0"]"#), "[1,1,6]", "");
    row("global_avg_pool_c1_spatial_axes", "", "[2,3,4,5]", "[2,3,1,1]");
    row("global_avg_pool_c1_no_spatial_axis", "", "[2,3]", "");
    row("adaptive_avg_pool_c1_one_entry_per_axis", r#""output":[2,7]"#, "[1,2,5,5]", "[1,2,2,7]");
    row("adaptive_avg_pool_c1_too_few_entries", r#""output":[2]"#, "[1,2,5,5]", "");
    row("adaptive_avg_pool_c2_a_shape", r#""output":[2147483647]"#, "[1,1,5]", "[1,1,2147483647]");
    row("adaptive_avg_pool_c2_no_bin", r#""output":[0]"#, "[1,2,5]", "");
    row("adaptive_avg_pool_c2_too_many_bins", r#""output":[1000000000000000000]"#, "[1,2,5]", "");
    row("batch_norm_c1_given", r#""statistics":"given","epsilon":"1e-5""#, "[1,2,3] [2] [2] [2] [2]", "[1,2,3]");
    row("batch_norm_c1_batch", r#""statistics":"batch","epsilon":"1e-5""#, "[1,2,3] [2] [2]", "[1,2,3]");
    row("batch_norm_c1_given_to_batch", r#""statistics":"batch","epsilon":"1e-5""#, "[1,2,3] [2] [2] [2] [2]", "");
    row("batch_norm_c2_channel_axis", r#""statistics":"batch","epsilon":"0""#, "[4,2] [2] [2]", "[4,2]");
    row("batch_norm_c2_no_channel_axis", r#""statistics":"batch","epsilon":"0""#, "[2] [2] [2]", "");
    row("batch_norm_c3_one_entry_per_channel", r#""statistics":"batch","epsilon":"0""#, "[1,3,2] [3] [3]", "[1,3,2]");
    row("batch_norm_c3_other_length", r#""statistics":"batch","epsilon":"0""#, "[1,3,2] [3] [2]", "");
    row("batch_norm_c4_no_epsilon", r#""statistics":"batch","epsilon":"0""#, "[1,1] [1] [1]", "[1,1]");
    row("batch_norm_c4_negative_epsilon", r#""statistics":"batch","epsilon":"-1e-5""#, "[1,1] [1] [1]", "");
    row("upsample_c1_one_entry_per_axis", &format!(r#"{HALF},"size":[6,5],"scale":["2","5/4"]"#), "[1,2,3,4]", "[1,2,6,5]");
    row("upsample_c1_too_few_scales", &format!(r#"{HALF},"size":[6,5],"scale":["2"]"#), "[1,2,3,4]", "");
    row("upsample_c1_no_spatial_axis", &format!(r#"{HALF},"size":[],"scale":[]"#), "[1,2]", "");
    row("upsample_c2_scale_that_is_not_the_size", &format!(r#"{HALF},"size":[6],"scale":["0x1.99999ap+0"]"#), "[1,2,3]", "[1,2,6]");
    row("upsample_c2_scale_of_zero", &format!(r#"{HALF},"size":[6],"scale":["0"]"#), "[1,2,3]", "");
    row("upsample_c2_negative_scale", &format!(r#"{HALF},"size":[6],"scale":["-2"]"#), "[1,2,3]", "");
    row("upsample_c2_hostile_scale", &format!(r#"{HALF},"size":[6],"scale":["1e4096"]"#), "[1,2,3]", "");
    row("upsample_c2_hostile_small_scale", &format!(r#"{HALF},"size":[6],"scale":["1/2305843009213693952"]"#), "[1,2,3]", "");
    row("upsample_c3_a_shape", &format!(r#"{HALF},"size":[2147483647],"scale":["1"]"#), "[1,1,3]", "[1,1,2147483647]");
    row("upsample_c3_too_many_elements", &format!(r#"{HALF},"size":[1000000000000000000],"scale":["1"]"#), "[1,1,3]", "");
    row("upsample_c3_size_of_zero", &format!(r#"{HALF},"size":[0],"scale":["1"]"#), "[1,1,3]", "");
    table
}

/// `conv_c3` of `conv_c3_…`, and `conv`.
fn constraint(name: &str) -> (String, &str) {
    let (op, rest) = name.split_once("_c").unwrap();
    let number = rest.split('_').next().unwrap();
    (format!("{op}_c{number}"), op)
}

#[test]
fn every_constraint_holds_or_is_named() {
    for (name, attributes, parents, result) in constraints() {
        let (constraint, keyword) = constraint(name);
        let (op, parents) = (op(keyword, &attributes), shapes(parents));
        assert!(op.arity().contains(&parents.len()), "{name}");
        let found = op.shape(&parents.iter().collect::<Vec<_>>());
        let found = found.map_err(|fault| fault.constraint.to_string());
        let expected = shapes(result).pop().ok_or(constraint);
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn every_constraint_of_the_pages_is_tried_both_ways() {
    let table = constraints();
    let tried = |accepted: bool| -> BTreeSet<String> {
        let rows = table.iter().filter(|row| row.3.is_empty() != accepted);
        rows.map(|row| constraint(row.0).0).collect()
    };
    let (accepted, rejected) = (tried(true), tried(false));
    assert_eq!(accepted, rejected);
    let operations: BTreeSet<&str> = table.iter().map(|row| constraint(row.0).1).collect();
    for operation in operations {
        let path = format!("{}/../../spec-tests/ops/{operation}.md", env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(path).unwrap();
        let numbered = |line: &'_ str| {
            let (number, rest) = line.split_once(". `")?;
            number.parse::<usize>().ok()?;
            Some(rest.split('`').next()?.to_string())
        };
        let numbered: Vec<String> = page.lines().filter_map(numbered).collect();
        assert!(!numbered.is_empty(), "{operation}");
        for constraint in numbered {
            assert!(accepted.contains(&constraint), "{constraint}");
        }
    }
}

const RESIZE: &str = r#""size":[5],"scale":["5/2"]"#;

#[test]
fn values_are_those_computed_by_hand() {
    let pool = |kernel: usize, ceil: bool| {
        format!(
            r#""kernel":[{kernel}],"stride":[2],"dilation":[1],"pad_before":[1],"pad_after":[1],"ceil_mode":{ceil}"#
        )
    };
    let resize = |mode: &str, rule: &str| format!(r#""mode":"{mode}","coordinates":"{rule}",{RESIZE}"#);
    let table: Vec<(&str, String, &str, &str)> = vec![
        ("elu", r#""alpha":"3""#.into(), "[3] 0 1/2 7", "[3] 0 1/2 7"),
        ("leaky_relu", r#""slope":"1/3""#.into(), "[3] -6 0 7", "[3] -2 0 7"),
        ("scale", r#""factor":"1/3""#.into(), "[2] 1 -6", "[2] 1/3 -2"),
        ("clamp", r#""lo":[],"hi":[]"#.into(), "[2] 1 -6", "[2] 1 -6"),
        ("mean", r#""axes":[1],"keepdims":false"#.into(), "[2,3] 1 2 4 0 0 1", "[2] 7/3 1/3"),
        ("mean", r#""axes":[],"keepdims":false"#.into(), "[2] 1 2", "[2] 1 2"),
        // Padding further than one bounce or one round.
        (
            "pad",
            r#""before":[5],"after":[3],"mode":"reflect","value":[]"#.into(),
            "[3] 1 2 3",
            "[11] 2 1 2 3 2 1 2 3 2 1 2",
        ),
        (
            "pad",
            r#""before":[4],"after":[4],"mode":"wrap","value":[]"#.into(),
            "[3] 1 2 3",
            "[11] 3 1 2 3 1 2 3 1 2 3 1",
        ),
        ("pad", r#""before":[1],"after":[0],"mode":"constant","value":["1/3"]"#.into(), "[1] 1", "[2] 1/3 1"),
        ("slice", r#""start":[4],"end":[0],"step":[-3]"#.into(), "[5] 0 1 2 3 4", "[2] 4 1"),
        ("broadcast", r#""shape":[2,2]"#.into(), "[2,1] 1 2", "[2,2] 1 1 2 2"),
        // A last window beyond the padding: three cells of kernel, two of input and padding.
        ("avg_pool", pool(3, true) + r#","count_include_pad":true,"divisor":[]"#, "[1,1,4] 1 2 3 4", "[1,1,3] 1 3 2"),
        (
            "avg_pool",
            pool(3, true) + r#","count_include_pad":false,"divisor":[]"#,
            "[1,1,4] 1 2 3 4",
            "[1,1,3] 3/2 3 4",
        ),
        (
            "avg_pool",
            pool(3, true) + r#","count_include_pad":false,"divisor":["3"]"#,
            "[1,1,4] 1 2 3 4",
            "[1,1,3] 1 3 4/3",
        ),
        ("max_pool", pool(3, false), "[1,1,4] -1 -2 -3 -4", "[1,1,2] -1 -2"),
        // c = (2i + 1)/5 − 1/2: −0.3, 0.1, 0.5, 0.9, 1.3 → clamped to 0 … 1.
        ("upsample", resize("linear", "half_pixel"), "[1,1,2] 0 10", "[1,1,5] 0 1 5 9 10"),
        ("upsample", resize("nearest_floor", "half_pixel"), "[1,1,2] 0 10", "[1,1,5] 0 0 0 0 10"),
        ("upsample", resize("nearest_ceil", "half_pixel"), "[1,1,2] 0 10", "[1,1,5] 0 10 10 10 10"),
        ("upsample", resize("nearest_round_prefer_floor", "half_pixel"), "[1,1,2] 0 10", "[1,1,5] 0 0 0 10 10"),
        ("upsample", resize("nearest_round_prefer_ceil", "half_pixel"), "[1,1,2] 0 10", "[1,1,5] 0 0 10 10 10"),
        // c = 2i/5: 0, 0.4, 0.8, 1.2, 1.6.
        ("upsample", resize("linear", "asymmetric"), "[1,1,2] 0 10", "[1,1,5] 0 4 8 10 10"),
        ("upsample", resize("linear", "align_corners"), "[1,1,2] 0 10", "[1,1,5] 0 5/2 5 15/2 10"),
        // The size agrees with the scale, so the symmetric rule is the plain one; then not: n = 4, s = 1/2, m = 1.
        ("upsample", resize("linear", "half_pixel_symmetric"), "[1,1,2] 0 10", "[1,1,5] 0 1 5 9 10"),
        (
            "upsample",
            r#""mode":"linear","coordinates":"half_pixel_symmetric","size":[1],"scale":["1/2"]"#.into(),
            "[1,1,4] 0 1 2 3",
            "[1,1,1] 3/2",
        ),
        (
            "upsample",
            r#""mode":"linear","coordinates":"half_pixel","size":[1],"scale":["1/2"]"#.into(),
            "[1,1,4] 0 1 2 3",
            "[1,1,1] 1/2",
        ),
        (
            "upsample",
            r#""mode":"linear","coordinates":"pytorch_half_pixel","size":[1],"scale":["1/2"]"#.into(),
            "[1,1,4] 5 1 2 3",
            "[1,1,1] 5",
        ),
    ];
    for (keyword, attributes, x, expected) in table {
        let result = evaluate(&op(keyword, &attributes), &[tensor(x)]).unwrap();
        assert_eq!(text(&result), expected, "{keyword} {attributes}");
    }
}

#[test]
fn what_is_undefined_has_no_value() {
    let zero = evaluate(&op("div", ""), &[tensor("[1] 1"), tensor("[1] 0")]);
    assert!(matches!(zero, Err(EvalError::Undefined { .. })));
    // Windows at −6, −4, −2, 0, …: the third steps over the one cell.
    let holes = r#""kernel":[3],"stride":[2],"dilation":[3],"pad_before":[6],"pad_after":[6],"ceil_mode":false"#;
    let hole = evaluate(&op("max_pool", holes), &[tensor("[1,1,1] 1")]);
    assert!(matches!(hole, Err(EvalError::Undefined { .. })), "{hole:?}");
}

#[test]
fn values_are_those_of_pytorch() {
    let mut covered = BTreeSet::new();
    for (number, line) in include_str!("data/ops_core.txt").lines().enumerate() {
        let mut case = cursor(line).object().unwrap();
        let tensor = |cursor: Cursor| {
            let mut entries = cursor.array().unwrap();
            let shape = Shape::decode(entries.next().unwrap()).unwrap();
            let words = entries.next().unwrap().string().unwrap();
            let datum = |word| Rational.datum(u32::from_str_radix(word, 16).unwrap());
            let data: Result<Vec<_>, _> = words.split_whitespace().map(datum).collect();
            Tensor::new(shape, data.unwrap()).unwrap()
        };
        let op = Op::decode(&mut case.take("node").unwrap().object().unwrap()).unwrap();
        let parents = case.take("parents").unwrap().array().unwrap();
        let parents: Vec<_> = parents.map(tensor).collect();
        let expected = tensor(case.take("result").unwrap());
        let result = evaluate(&op, &parents);
        let result = result.unwrap_or_else(|error| panic!("line {}: {error}", number + 1));
        assert_eq!(text(&result), text(&expected), "line {}: {op:?}", number + 1);
        covered.insert(op.name());
    }
    assert_eq!(covered.len(), 35, "{covered:?}");
}

/// A deterministic stream (Knuth's MMIX constants).
struct Random(u64);

impl Random {
    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        &from[usize::try_from(self.0 >> 33).unwrap() % from.len()]
    }

    fn list(&mut self, length: usize, from: &[&str]) -> String {
        let entries: Vec<&str> = (0..length).map(|_| *self.pick(from)).collect();
        format!("[{}]", entries.join(","))
    }
}

#[test]
fn hostile_attributes_give_a_fault_or_a_value_and_never_a_panic() {
    const SIZES: &[&str] =
        &["0", "1", "1", "2", "2", "3", "4", "2147483647", "1000000000000000000", "9223372036854775807"];
    const SIGNED: &[&str] = &["-9223372036854775808", "-2", "-1", "0", "1", "2", "9223372036854775807"];
    const EXACT: &[&str] =
        &["\"1\"", "\"5/3\"", "\"0\"", "\"-1\"", "\"1e30\"", "\"2305843009213693951\"", "\"1/2305843009213693951\""];
    const PARENTS: &[&str] = &["[]", "[3]", "[2,3]", "[1,2,3]", "[2,2,1]", "[2,1,3,2]", "[1,2,2,1,3]"];
    let mut random = Random(20261121);
    let (mut faults, mut values) = (0, 0);
    for (keyword, arity, attributes) in Op::schemas() {
        for _ in 0..3000 {
            let rank = *random.pick(&[1, 1, 2, 3]);
            let mut parts = Vec::new();
            for (name, schema) in &attributes {
                let schema = schema.to_string();
                let number = |schema: &str| match schema {
                    s if s.contains("exact") => EXACT,
                    s if s.contains("minimum") || s.contains("shape") => SIZES,
                    _ => SIGNED,
                };
                let value = if schema.contains("enum") {
                    let keywords: Vec<&str> = schema.split('"').skip(3).step_by(2).collect();
                    format!("\"{}\"", random.pick(&keywords))
                } else if schema.contains("boolean") {
                    (*random.pick(&["true", "false"])).to_string()
                } else if schema.contains("string") {
                    "\"name\"".to_string()
                } else if schema.contains("array") || schema.contains("shape") {
                    random.list(rank, number(&schema))
                } else {
                    (*random.pick(number(&schema))).to_string()
                };
                parts.push(format!("\"{name}\":{value}"));
            }
            let text = format!(r#"{{"op":"{keyword}","attributes":{{{}}}}}"#, parts.join(","));
            let Ok(op) = Op::decode(&mut cursor(&text).object().unwrap()) else {
                continue;
            };
            let count = *arity.start() + usize::from(*random.pick(&[true, false]));
            let parents: Vec<Shape> =
                (0..count.min(*arity.end())).map(|_| shapes(random.pick::<&str>(PARENTS)).remove(0)).collect();
            let shapes: Vec<&Shape> = parents.iter().collect();
            let Ok(shape) = op.shape(&shapes) else {
                faults += 1;
                continue;
            };
            if op.work(&shapes, &shape) > 10_000 || shape.elements() > 10_000 {
                continue;
            }
            let one = Rational.integer(1).unwrap();
            let parents: Vec<_> =
                parents.iter().map(|s| Tensor::new(s.clone(), vec![one.clone(); s.elements()]).unwrap()).collect();
            let parents: Vec<_> = parents.iter().collect();
            if let Ok(data) = op.value(&Rational, &parents, &shape) {
                assert_eq!(data.len(), shape.elements(), "{text}");
                values += 1;
            }
        }
    }
    assert!(faults > 10_000 && values > 1_000, "{faults} {values}");
}
