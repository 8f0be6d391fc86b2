"""Writes operators.txt: small models that the ONNX node tests lack (older operator sets, compositions, folding), with what ONNX Runtime computes.

One line a case: name, the model as hex, inputs, outputs; a tensor is NAME[d,d]:WORDS with binary32 words as hex. Needs onnx, onnxruntime, numpy.
"""

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(20)
LINES = []


def floats(*shape):
    return np.asarray(RNG.uniform(-2, 2, shape), dtype=np.float32)


def case(name, opset, shapes, nodes, constants=(), outputs=("y",), ranges=None):
    """A model with float inputs x, z, … of these shapes; nodes are (op, inputs, outputs, attributes)."""
    names = ["x", "z", "w"][: len(shapes)]
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip(names, shapes)]
    outs = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
    made = [helper.make_node(op, i, o, **a) for op, i, o, a in nodes]
    tensors = [numpy_helper.from_array(np.asarray(v), k) for k, v in constants]
    model = helper.make_model(
        helper.make_graph(made, name, inputs, outs, tensors), opset_imports=[helper.make_opsetid("", opset)], ir_version=7
    )
    feeds = {n: floats(*[1 if isinstance(d, str) else d for d in s]) for n, s in zip(names, shapes)}
    if ranges:
        feeds = {n: np.abs(v) + np.float32(0.1) for n, v in feeds.items()}
    options = ort.SessionOptions()
    options.log_severity_level = 4
    results = ort.InferenceSession(model.SerializeToString(), options).run(None, feeds)

    def text(pairs):
        return ";".join(
            f"{n}[{','.join(map(str, v.shape))}]:{np.ascontiguousarray(v).view(np.uint32).astype('>u4').tobytes().hex()}" for n, v in pairs
        )

    LINES.append("\t".join([name, model.SerializeToString().hex(), text(feeds.items()), text(zip(outputs, results))]))


def one(name, opset, op, shapes, constants=(), **attributes):
    inputs = ["x", "z", "w"][: len(shapes)] + [k for k, _ in constants]
    case(name, opset, shapes, [(op, inputs, ["y"], attributes)], constants)


def ints(*values):
    return np.array(values, dtype=np.int64)


for axis in (0, 1, 2):
    one(f"softmax_11_axis_{axis}", 11, "Softmax", [[2, 3, 4]], axis=axis)
    one(f"log_softmax_9_axis_{axis}", 9, "LogSoftmax", [[2, 3, 4]], axis=axis)
one("softmax_7_default", 7, "Softmax", [[2, 3, 4]])
one("softmax_13_default", 13, "Softmax", [[2, 3, 4]])
one("clip_7", 7, "Clip", [[3, 4]], min=-0.5, max=0.75)
one("clip_7_one_end", 7, "Clip", [[3, 4]], max=0.75)
one("clip_13_lower", 13, "Clip", [[3, 4]], [("lo", np.float32(-0.5))])
one("clip_11_minus_infinity", 11, "Clip", [[3, 4]], [("lo", np.float32(-np.inf)), ("hi", np.float32(0.5))])
one("dropout_7", 7, "Dropout", [[3, 4]], ratio=0.3)
one("slice_9", 9, "Slice", [[4, 5, 6]], starts=[1, -3], ends=[3, 1000], axes=[0, 2])
one("slice_9_no_axes", 9, "Slice", [[4, 5]], starts=[1, 0], ends=[-1, 2])
one("slice_11_steps", 11, "Slice", [[4, 5, 6]], [("s", ints(-1, 0)), ("e", ints(-100, 6)), ("a", ints(1, 2)), ("t", ints(-2, 4))])
case("split_11", 11, [[2, 6]], [("Split", ["x"], ["y", "u", "v"], {"axis": 1, "split": [1, 2, 3]})], outputs=("y", "u", "v"))
case("split_7_equal", 7, [[6, 2]], [("Split", ["x"], ["y", "u"], {})], outputs=("y", "u"))
case("split_18_uneven", 18, [[7, 2]], [("Split", ["x"], ["y", "u"], {"num_outputs": 2})], outputs=("y", "u"))
one("squeeze_11", 11, "Squeeze", [[1, 3, 1, 2]], axes=[0, -2])
one("squeeze_7_all", 7, "Squeeze", [[1, 3, 1, 2]])
one("unsqueeze_11", 11, "Unsqueeze", [[3, 2]], axes=[0, -1])
one("unsqueeze_7", 7, "Unsqueeze", [[3, 2]], axes=[2, 0])
for op in ["Sum", "Mean", "Max", "Min", "L1", "L2", "SumSquare", "LogSumExp"]:
    one(f"reduce_{op.lower()}_11", 11, f"Reduce{op}", [[2, 3, 4]], axes=[0, -1], keepdims=0)
    one(f"reduce_{op.lower()}_7_all", 7, f"Reduce{op}", [[2, 3, 4]])
case("reduce_log_sum_11", 11, [[2, 3]], [("ReduceLogSum", ["x"], ["y"], {"axes": [1]})], ranges=True)
one("reduce_mean_18", 18, "ReduceMean", [[2, 3, 4]], [("axes", ints(1))], keepdims=0)
one("reduce_sum_13_noop", 13, "ReduceSum", [[2, 3]], [("axes", ints())], noop_with_empty_axes=1)
one("pad_10_reflect", 10, "Pad", [[3, 4]], pads=[1, 2, 1, 3], mode="reflect")
one("pad_10_constant_negative", 10, "Pad", [[3, 4]], pads=[0, -1, 2, -1], value=1.5)
one("pad_11_edge", 11, "Pad", [[3, 4]], [("p", ints(0, 2, 1, 0))], mode="edge")
one("pad_18_axes", 18, "Pad", [[3, 4]], [("p", ints(1, 2)), ("v", np.float32(0.25)), ("a", ints(-1))])
one("upsample_7", 7, "Upsample", [[1, 2, 3, 4]], scales=[1.0, 1.0, 2.0, 3.0])
one("upsample_9_linear", 9, "Upsample", [[1, 2, 3, 4]], [("s", np.array([1, 1, 2, 2], np.float32))], mode="linear")
one("resize_10_nearest", 10, "Resize", [[1, 2, 3, 4]], [("s", np.array([1, 1, 2, 2], np.float32))])
one("resize_10_down", 10, "Resize", [[1, 1, 4, 6]], [("s", np.array([1, 1, 0.5, 0.5], np.float32))])
one("resize_11_linear", 11, "Resize", [[1, 2, 3, 4]], [("r", np.array([], np.float32)), ("s", np.array([1, 1, 2, 1.5], np.float32))], mode="linear")
case(
    "resize_13_sizes", 13, [[1, 2, 3, 4]],
    [("Resize", ["x", "", "", "sizes"], ["y"], {"mode": "linear", "coordinate_transformation_mode": "align_corners"})],
    [("sizes", ints(1, 2, 5, 7))],
)
vectors = [(n, np.abs(floats(3)) + np.float32(0.1)) for n in ("s", "b", "m", "v")]
one("batch_normalization_7", 7, "BatchNormalization", [[2, 3, 4]], vectors, epsilon=1e-3)
one("batch_normalization_9", 9, "BatchNormalization", [[2, 3, 4, 2]], vectors, momentum=0.5)
one("batch_normalization_15", 15, "BatchNormalization", [[2, 3]], vectors)
one("instance_normalization_7", 7, "InstanceNormalization", [[2, 3, 5]], vectors[:2])
one("group_normalization_18", 18, "GroupNormalization", [[2, 4, 5]], [("s", floats(2)), ("b", floats(2))], num_groups=2)
one("layer_normalization_17_scale_only", 17, "LayerNormalization", [[2, 3, 4]], [("s", floats(4))], axis=-1)
one("layer_normalization_17_broadcast", 17, "LayerNormalization", [[2, 3, 4]], [("s", floats(4)), ("b", floats(1))], axis=1)
one("max_pool_8", 8, "MaxPool", [[1, 2, 5, 6]], kernel_shape=[2, 3], strides=[2, 1], pads=[1, 0, 0, 1])
one("max_pool_10_ceil", 10, "MaxPool", [[1, 1, 5, 6]], kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1)
one("max_pool_12_dilated", 12, "MaxPool", [[1, 1, 7, 7]], kernel_shape=[2, 2], dilations=[2, 3])
one("max_pool_11_same_lower", 11, "MaxPool", [[1, 1, 5, 5]], kernel_shape=[2, 2], strides=[2, 2], auto_pad="SAME_LOWER")
one("average_pool_7", 7, "AveragePool", [[1, 2, 5, 5]], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
one("average_pool_7_include", 7, "AveragePool", [[1, 2, 5, 5]], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
one("average_pool_10_valid", 10, "AveragePool", [[1, 1, 6]], kernel_shape=[4], strides=[2], auto_pad="VALID")
one("average_pool_11_same_upper", 11, "AveragePool", [[1, 1, 6, 5]], kernel_shape=[3, 2], strides=[2, 2], auto_pad="SAME_UPPER")
one("global_max_pool", 11, "GlobalMaxPool", [[2, 3, 4, 5]])
one("global_average_pool_1d", 11, "GlobalAveragePool", [[2, 3, 4]])
kernel = [("k", floats(4, 2, 3, 2)), ("c", floats(4))]
one("conv_7_groups", 7, "Conv", [[2, 4, 6, 5]], kernel, group=2, pads=[1, 0, 2, 1], strides=[2, 1], dilations=[1, 2])
one("conv_11_same_lower", 11, "Conv", [[1, 2, 6, 5]], kernel, auto_pad="SAME_LOWER", strides=[2, 2])
one("conv_11_same_upper", 11, "Conv", [[1, 2, 6, 5]], kernel, auto_pad="SAME_UPPER", strides=[2, 1])
one("conv_11_valid_1d", 11, "Conv", [[1, 2, 6]], [("k", floats(3, 2, 3))], auto_pad="VALID", kernel_shape=[3])
case("conv_of_two_inputs", 11, [[1, 2, 5, 5], [3, 2, 2, 2]], [("Conv", ["x", "z"], ["y"], {})])
transposed = [("k", floats(2, 3, 3, 2)), ("c", floats(6))]
one("conv_transpose_7", 7, "ConvTranspose", [[1, 2, 3, 4]], transposed[:1], strides=[2, 1], pads=[1, 0, 0, 1], output_padding=[1, 0])
one("conv_transpose_11_groups", 11, "ConvTranspose", [[1, 2, 3, 4]], transposed, group=2, dilations=[1, 2])
one("conv_transpose_11_same_upper", 11, "ConvTranspose", [[1, 2, 3, 4]], transposed[:1], auto_pad="SAME_UPPER", strides=[2, 1])
one("conv_transpose_11_same_lower", 11, "ConvTranspose", [[1, 2, 3, 4]], transposed[:1], auto_pad="SAME_LOWER", strides=[2, 1])
one("conv_transpose_11_output_shape", 11, "ConvTranspose", [[1, 2, 3, 4]], transposed[:1], output_shape=[6, 8], strides=[2, 2])
one("gemm_7_bias_column", 7, "Gemm", [[3, 2]], [("b", floats(2, 4)), ("c", floats(3, 1))])
one("gemm_7_bias_row", 7, "Gemm", [[3, 2]], [("b", floats(2, 4)), ("c", floats(1, 4))])
one("gemm_9_all", 9, "Gemm", [[2, 3]], [("b", floats(4, 2)), ("c", floats(4))], alpha=0.5, beta=2.0, transA=1, transB=1)
one("gemm_11_no_bias", 11, "Gemm", [[3, 2]], [("b", floats(2, 4))])
one("gemm_11_scalar_bias", 11, "Gemm", [[3, 2]], [("b", floats(4, 2)), ("c", floats())], transB=1)
case("gemm_of_inputs", 11, [[3, 2], [2, 4], [3, 4]], [("Gemm", ["x", "z", "w"], ["y"], {"beta": 0.25})])
one("matmul_constant_right", 9, "MatMul", [[2, 3, 4]], [("b", floats(4, 5))])
one("matmul_vector_constant", 9, "MatMul", [[4]], [("b", floats(4, 5))])
one("matmul_constant_stack", 9, "MatMul", [[3, 4]], [("b", floats(2, 4, 5))])
one("matmul_constant_vector", 9, "MatMul", [[3, 4]], [("b", floats(4))])
case("matmul_constant_left", 9, [[4, 2]], [("MatMul", ["a", "x"], ["y"], {})], [("a", floats(3, 4))])
case("matmul_of_inputs", 9, [[2, 1, 3, 4], [5, 4, 2]], [("MatMul", ["x", "z"], ["y"], {})])
one("expand_8", 8, "Expand", [[3, 1]], [("s", ints(2, 1, 4))])
one("tile", 7, "Tile", [[2, 3]], [("r", ints(2, 3))])
one("tile_once", 13, "Tile", [[2, 1, 3]], [("r", ints(1, 2, 1))])
case("where_constant_condition", 9, [[2, 3], [3]], [("Where", ["c", "x", "z"], ["y"], {})], [("c", np.array([[True, False, True]]))])
case("where_constant_everywhere", 9, [[2, 3], [3]], [("Where", ["c", "x", "z"], ["y"], {})], [("c", np.array(True))])
case("mean_of_three", 8, [[2, 3], [3], [2, 1]], [("Mean", ["x", "z", "w"], ["y"], {})])
case("max_min_of_three", 8, [[2, 3], [3], [2, 1]], [("Max", ["x", "z", "w"], ["m"], {}), ("Min", ["m", "z"], ["y"], {})])
case("sum_of_three", 8, [[2, 3], [3], [2, 1]], [("Sum", ["x", "z", "w"], ["y"], {})])
one("celu", 12, "Celu", [[3, 4]], alpha=0.7)
one("selu", 7, "Selu", [[3, 4]])
one("elu", 7, "Elu", [[3, 4]], alpha=0.3)
one("prelu_channels", 9, "PRelu", [[2, 3, 4]], [("s", floats(3, 1))])
one("softsign", 7, "Softsign", [[3, 4]])
one("hard_sigmoid", 7, "HardSigmoid", [[3, 4]], alpha=0.3, beta=0.4)
one("hard_swish", 14, "HardSwish", [[3, 4]])
one("gelu_tanh", 20, "Gelu", [[3, 4]], approximate="tanh")
one("pow_integer", 12, "Pow", [[3, 4]], [("e", ints(3))])
one("pow_square", 7, "Pow", [[3, 4]], [("e", np.float32(2))])
one("flatten_axis_0", 9, "Flatten", [[2, 3, 4]], axis=0)
one("flatten_last", 11, "Flatten", [[2, 3, 4]], axis=-1)
one("flatten_end", 9, "Flatten", [[2, 3, 4]], axis=3)
one("depth_to_space_crd", 11, "DepthToSpace", [[1, 8, 2, 3]], blocksize=2, mode="CRD")
one("space_to_depth", 7, "SpaceToDepth", [[1, 2, 4, 6]], blocksize=2)
one("gather_negative", 11, "Gather", [[3, 4]], [("i", ints(-1, 0))], axis=1)
one("gather_scalar", 11, "Gather", [[3, 4]], [("i", np.array(1, np.int64))])
one("gather_matrix", 7, "Gather", [[3, 4]], [("i", np.array([[0, 2], [1, 1]], np.int32))])
case("gather_from_constant", 11, [[2, 2]], [("Gather", ["t", "i"], ["g"], {}), ("Add", ["x", "g"], ["y"], {})], [("t", floats(5, 2)), ("i", ints(4, 0))])
one("reshape_copies_and_infers", 7, "Reshape", [[2, 3, 4]], [("s", ints(0, -1))])
case(
    "shape_subgraph", 11, [[2, 3, 4]],
    [
        ("Shape", ["x"], ["s"], {}), ("Gather", ["s", "zero"], ["n"], {}), ("Unsqueeze", ["n"], ["u"], {"axes": [0]}),
        ("Concat", ["u", "rest"], ["t"], {"axis": 0}), ("Reshape", ["x", "t"], ["y"], {}),
    ],
    [("zero", np.array(0, np.int64)), ("rest", ints(-1))],
)
case(
    "shape_arithmetic", 13, [[2, 3, 4]],
    [
        ("Shape", ["x"], ["s"], {}), ("Slice", ["s", "a", "b"], ["c"], {}), ("ReduceProd", ["c"], ["p"], {"keepdims": 1}),
        ("Div", ["p", "two"], ["h"], {}), ("Cast", ["h"], ["i"], {"to": TensorProto.INT32}), ("Cast", ["i"], ["j"], {"to": TensorProto.INT64}),
        ("Concat", ["minus", "j"], ["t"], {"axis": 0}), ("Reshape", ["x", "t"], ["y"], {}),
    ],
    [("a", ints(1)), ("b", ints(3)), ("two", ints(2)), ("minus", ints(-1))],
)
case(
    "constant_of_shape_and_range", 11, [[3]],
    [
        ("Shape", ["x"], ["s"], {}), ("ConstantOfShape", ["s"], ["f"], {"value": helper.make_tensor("v", TensorProto.FLOAT, [1], [0.5])}),
        ("Squeeze", ["s"], ["n"], {}), ("Range", ["zero", "n", "one"], ["r"], {}), ("Cast", ["r"], ["g"], {"to": 1}),
        ("Add", ["f", "g"], ["h"], {}), ("Mul", ["x", "h"], ["y"], {}),
    ],
    [("zero", np.array(0, np.int64)), ("one", np.array(1, np.int64))],
)
case("half_initializer", 13, [[2, 3]], [("Cast", ["h"], ["f"], {"to": 1}), ("Add", ["x", "f"], ["y"], {})], [("h", floats(3).astype(np.float16))])
case("shared_constant", 11, [[2, 2]], [("MatMul", ["x", "k"], ["m"], {}), ("Gemm", ["m", "k"], ["n"], {"transB": 1}), ("Add", ["n", "k"], ["y"], {})], [("k", floats(2, 2))])
case("symbolic_batch", 11, [["N", 3]], [("Relu", ["x"], ["y"], {})])
case("two_outputs_of_one_node", 11, [[2]], [("Relu", ["x"], ["y"], {}), ("Identity", ["y"], ["u"], {})], outputs=("y", "u"))
case("constant_output", 11, [[2]], [("Constant", [], ["y"], {"value": numpy_helper.from_array(floats(2))})])
case("unused_branch", 11, [[2]], [("Relu", ["x"], ["y"], {}), ("NonZero", ["x"], ["dead"], {})])

case("shape_range", 15, [[2, 3, 4]], [("Shape", ["x"], ["s"], {"start": 1, "end": -1}), ("Cast", ["s"], ["f"], {"to": 1}), ("Add", ["x", "f"], ["y"], {})])
case("size", 13, [[2, 3]], [("Size", ["x"], ["s"], {}), ("Cast", ["s"], ["f"], {"to": 1}), ("Mul", ["x", "f"], ["y"], {})])
case(
    "integer_logic", 13, [[4]],
    [
        ("Mod", ["a", "b"], ["m"], {}), ("Abs", ["a"], ["p"], {}), ("Greater", ["p", "b"], ["g"], {}), ("Equal", ["a", "b"], ["e"], {}),
        ("Or", ["g", "e"], ["o"], {}), ("Not", ["o"], ["n"], {}), ("Where", ["n", "m", "b"], ["i"], {}), ("Max", ["i", "a"], ["k"], {}),
        ("Cast", ["k"], ["f"], {"to": 1}), ("Where", ["o", "x", "f"], ["y"], {}),
    ],
    [("a", ints(-7, 3, 8, -2)), ("b", ints(3, 3, 5, 3))],
)

MASK = np.where(np.tri(3, 4, 1, dtype=bool), np.float32(0), np.float32(-np.inf)).astype(np.float32)
case("softmax_masked_by_addition", 13, [[2, 3, 4]], [("Add", ["x", "m"], ["s"], {}), ("Softmax", ["s"], ["y"], {})], [("m", MASK)])
case(
    "softmax_masked_by_a_folded_sum", 13, [[2, 3, 4]],
    [("Where", ["t", "i", "o"], ["m"], {}), ("Add", ["z0", "m"], ["b"], {}), ("Add", ["b", "x"], ["s"], {}), ("Softmax", ["s"], ["y"], {"axis": 1})],
    [("t", MASK == 0), ("i", np.float32(0)), ("o", np.float32(-np.inf)), ("z0", np.full((3, 4), 0, np.float32))],
)
case(
    "softmax_masked_by_a_selection", 13, [[2, 3, 4]], [("Where", ["t", "o", "x"], ["s"], {}), ("Softmax", ["s"], ["y"], {})],
    [("t", MASK != 0), ("o", np.float32(-np.inf))],
)
for axes, keep in (((1,), 1), ((0, 2), 0), ((), 1)):
    one(f"reduce_prod_{len(axes)}_{keep}", 13, "ReduceProd", [[2, 5, 3]], **({"axes": list(axes)} if axes else {}), keepdims=keep)
for mode in ("half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"):
    one(f"resize_cubic_{mode}", 13, "Resize", [[1, 2, 4, 5]], [("r", np.zeros(0, np.float32)), ("s", np.zeros(0, np.float32)), ("z", ints(1, 2, 7, 3))],
        mode="cubic", coordinate_transformation_mode=mode)
one("resize_cubic_without_the_outside", 13, "Resize", [[1, 2, 4, 5]], [("r", np.zeros(0, np.float32)), ("s", np.zeros(0, np.float32)), ("z", ints(1, 2, 7, 10))],
    mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1)
one("resize_a_part", 13, "Resize", [[1, 2, 4, 5]], [("r", np.array([0, 0, 0.25, -0.25, 1, 1, 0.875, 1.25], np.float32)), ("s", np.zeros(0, np.float32)), ("z", ints(1, 2, 3, 6))],
    mode="linear", coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=2.5)
case(
    "range_of_floats", 13, [[4]], [("Range", ["a", "b", "d"], ["c"], {}), ("Add", ["x", "c"], ["y"], {})],
    [("a", np.float32(1)), ("b", np.float32(-1)), ("d", np.float32(-0.5))],
)
with open("operators.txt", "w") as file:
    file.write("\n".join(LINES) + "\n")
print(len(LINES), "cases", onnx.__version__, ort.__version__)
