"""Writes ops_core.txt: the core operations as PyTorch computes them, on inputs for which binary32 is exact.

One case a line: {"node": {"op", "attributes"}, "parents": [[shape, words], ..], "result": [shape, words]}, words in hexadecimal.
Run: python make_ops_core.py (PyTorch 2.15). Inputs are small integers, multiples of 2520 where something is divided.
"""

import itertools
import json
import struct
from fractions import Fraction
from pathlib import Path

import torch
import torch.nn.functional as F

torch.manual_seed(20261121)
cases = []


def integers(*shape, unit=1):
    return torch.randint(-7, 8, shape).float() * unit


def tensor(t):
    t = t.contiguous().float()
    return [list(t.shape), " ".join(f"{struct.unpack('<I', struct.pack('<f', v))[0]:x}" for v in t.flatten().tolist())]


def case(op, attributes, parents, result):
    node = {"op": op}
    if attributes:
        node["attributes"] = attributes
    cases.append({"node": node, "parents": [tensor(p) for p in parents], "result": tensor(result)})


def convolve(dims, x, weight, bias, stride, padding, dilation, groups):
    conv = [F.conv1d, F.conv2d, F.conv3d][dims - 1]
    attributes = dict(stride=stride, dilation=dilation, pad_before=padding, pad_after=padding, groups=groups)
    parents = [x, weight] + ([] if bias is None else [bias])
    case("conv", attributes, parents, conv(x, weight, bias, stride, padding, dilation, groups))


convolve(1, integers(2, 3, 7), integers(4, 3, 3), integers(4), [1], [0], [1], 1)
convolve(1, integers(1, 4, 9), integers(6, 2, 3), integers(6), [2], [3], [2], 2)
convolve(2, integers(2, 4, 5, 6), integers(4, 1, 3, 2), None, [1, 2], [1, 0], [1, 2], 4)
convolve(2, integers(1, 4, 6, 5), integers(6, 2, 3, 3), integers(6), [2, 1], [2, 1], [2, 1], 2)
convolve(3, integers(1, 2, 3, 4, 3), integers(2, 2, 2, 2, 2), integers(2), [1, 2, 1], [0, 1, 1], [1, 1, 2], 1)


def transposed(dims, x, weight, bias, stride, padding, extra, groups, dilation):
    conv = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][dims - 1]
    attributes = dict(stride=stride, dilation=dilation, pad_before=padding, pad_after=padding, output_padding=extra, groups=groups)
    parents = [x, weight] + ([] if bias is None else [bias])
    case("conv_transpose", attributes, parents, conv(x, weight, bias, stride, padding, extra, groups, dilation))


transposed(1, integers(2, 2, 4), integers(2, 3, 3), integers(3), [1], [0], [0], 1, [1])
transposed(1, integers(1, 4, 4), integers(4, 2, 3), integers(4), [3], [2], [2], 2, [2])
transposed(2, integers(1, 2, 3, 4), integers(2, 2, 3, 2), integers(2), [2, 1], [1, 0], [1, 0], 1, [1, 2])
transposed(2, integers(2, 4, 3, 3), integers(4, 1, 2, 3), None, [2, 2], [0, 1], [0, 1], 4, [1, 1])
transposed(3, integers(1, 2, 2, 3, 2), integers(2, 1, 2, 2, 3), integers(1), [1, 2, 2], [0, 0, 1], [0, 1, 1], 1, [1, 1, 1])

MAX = [F.max_pool1d, F.max_pool2d, F.max_pool3d]
AVG = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d]
WINDOWS = [
    ([7], [3], [2], [1]),
    ([6], [2], [3], [0]),
    ([5, 6], [3, 2], [2, 2], [1, 1]),
    ([6, 5], [2, 3], [1, 3], [0, 1]),
    ([4, 3, 5], [2, 2, 3], [2, 2, 2], [1, 0, 1]),
]
for (spatial, kernel, stride, padding), ceil in itertools.product(WINDOWS, [False, True]):
    dims = len(spatial)
    shared = dict(kernel=kernel, stride=stride, pad_before=padding, pad_after=padding, ceil_mode=ceil)
    for dilation in [[1] * dims, [2] + [1] * (dims - 1)]:
        x = integers(1, 2, *spatial) - 20
        case("max_pool", dict(shared, dilation=dilation), [x], MAX[dims - 1](x, kernel, stride, padding, dilation, ceil))
    for include, divisor in [(False, None), (True, None), (True, 5)]:
        if divisor is not None and dims == 1:
            continue
        x = integers(1, 2, *spatial, unit=2520)
        arguments = [x, kernel, stride, padding, ceil, include] + ([divisor] if dims > 1 else [])
        attributes = dict(shared, dilation=[1] * dims, count_include_pad=include, divisor=[] if divisor is None else [str(divisor)])
        case("avg_pool", attributes, [x], AVG[dims - 1](*arguments))

ADAPTIVE = [F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d]
for spatial, output in [([7], [3]), ([3], [5]), ([5, 7], [2, 3]), ([6, 4], [1, 1]), ([3, 5, 4], [2, 3, 4])]:
    x = integers(2, 2, *spatial, unit=2520)
    case("adaptive_avg_pool", dict(output=output), [x], ADAPTIVE[len(spatial) - 1](x, output))
    if output == [1, 1]:
        case("global_avg_pool", {}, [x], ADAPTIVE[1](x, output))


def resample(x, size, torch_mode, mode, coordinates, align=None):
    scale = [str(Fraction(m, n)) for m, n in zip(size, x.shape[2:])]
    attributes = dict(mode=mode, coordinates=coordinates, size=size, scale=scale)
    case("upsample", attributes, [x], F.interpolate(x, size=size, mode=torch_mode, align_corners=align))


for spatial, size in [([5], [8]), ([3], [7]), ([7], [3]), ([3, 5], [5, 4]), ([2, 3, 4], [3, 2, 6])]:
    x = integers(1, 2, *spatial)
    resample(x, size, "nearest", "nearest_floor", "asymmetric")
    resample(x, size, "nearest-exact", "nearest_round_prefer_ceil", "half_pixel")
LINEAR = ["linear", "bilinear", "trilinear"]
for spatial, size in [([4], [8]), ([4], [2]), ([3, 4], [6, 16]), ([4, 1], [2, 4]), ([2, 3, 2], [4, 3, 8])]:
    resample(integers(1, 2, *spatial), size, LINEAR[len(size) - 1], "linear", "half_pixel", False)
for spatial, size in [([3], [5]), ([5], [3]), ([3, 5], [9, 1]), ([1, 2], [3, 5]), ([2, 3, 2], [3, 5, 2])]:
    resample(integers(1, 2, *spatial), size, LINEAR[len(size) - 1], "linear", "align_corners", True)

for a, b in [([3], [3]), ([2, 3], [3]), ([3], [3, 4]), ([2, 3], [3, 4]), ([5, 2, 3], [3, 2]), ([4, 1, 2, 3], [5, 3, 2]),
             ([3, 2], [2, 2, 4]), ([2, 1, 2, 3], [1, 3, 3, 1]), ([3], [2, 3, 2]), ([2, 2, 3], [3])]:
    x, w = integers(*a), integers(*b)
    case("matmul", {}, [x, w], torch.matmul(x, w))
for bias in [True, False]:
    x, w, b = integers(2, 3, 4), integers(5, 4), integers(5)
    case("linear", {}, [x, w] + [b] * bias, F.linear(x, w, b if bias else None))

MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
for mode, name in MODES.items():
    for spatial, before, after in [([4], [2], [3]), ([3, 4], [1, 0], [2, 3]), ([3, 2, 4], [0, 1, 2], [2, 0, 1])]:
        x = integers(1, 2, *spatial)
        sides = [side for pair in reversed(list(zip(before, after))) for side in pair]
        value = [3.5] if mode == "constant" else []
        attributes = dict(before=[0, 0] + before, after=[0, 0] + after, mode=mode, value=["7/2"] * len(value))
        case("pad", attributes, [x], F.pad(x, sides, name, *value))

x, w, b, m = integers(2, 3, 2, 2), integers(3), integers(3), integers(3)
var = torch.tensor([3.75, 15.75, 0.0])
case("batch_norm", dict(statistics="given", epsilon="1/4"), [x, w, b, m, var], F.batch_norm(x, m, var, w, b, False, 0.0, 0.25))
x = torch.tensor([[[2.0, -2, 2, -2], [5, 1, 3, 3]], [[2.0, -2, 0, 0], [1, 1, 5, 5]]])
case("batch_norm", dict(statistics="batch", epsilon="1"), [x, w[:2], b[:2]], F.batch_norm(x, None, None, w[:2], b[:2], True, 0.0, 1.0))

x = integers(2, 3, 4)
case("reshape", dict(shape=[4, 6]), [x], x.reshape(4, 6))
case("flatten", dict(first_axis=1, last_axis=2), [x], x.flatten(1, 2))
case("transpose", dict(first=0, second=2), [x], x.transpose(0, 2))
case("permute", dict(order=[2, 0, 1]), [x], x.permute(2, 0, 1))
case("slice", dict(start=[0, 2, 0], end=[2, -1, 4], step=[1, -1, 3]), [x], x.flip(1)[:, :, ::3])
case("gather", dict(axis=1, indices=[2, 0, 0, 1], indices_shape=[2, 2]), [x], x[:, torch.tensor([[2, 0], [0, 1]])])
case("broadcast", dict(shape=[2, 2, 3, 4]), [x[:1]], x[:1].expand(2, 2, 3, 4))
case("concat", dict(axis=1), [x, x[:, :1] + 1, x + 2], torch.cat([x, x[:, :1] + 1, x + 2], 1))
x = integers(2, 3, 4, unit=2520)
for axes, keepdims in [([1], False), ([0, 2], True), ([0, 1, 2], False)]:
    attributes = dict(axes=axes, keepdims=keepdims)
    for op, f in dict(sum=torch.sum, mean=torch.mean, reduce_max=torch.amax, reduce_min=torch.amin).items():
        case(op, attributes, [x], f(x, axes, keepdims))
x, y = integers(3, 5), integers(3, 5)
for op, f in dict(add=torch.add, sub=torch.sub, mul=torch.mul, max=torch.maximum, min=torch.minimum).items():
    case(op, {}, [x, y], f(x, y))
y = torch.tensor([1.0, -2, 4, -0.5, 8]).expand(3, 5)
case("div", {}, [x, y], x / y)
case("neg", {}, [x], -x)
case("abs", {}, [x], x.abs())
case("relu", {}, [x], x.relu())
case("scale", dict(factor="-3/8"), [x], x * -0.375)
case("leaky_relu", dict(slope="1/4"), [x], F.leaky_relu(x, 0.25))
case("clamp", dict(lo=["-3/2"], hi=["2"]), [x], x.clamp(-1.5, 2))
case("clamp", dict(lo=[], hi=["-1"]), [x], x.clamp(max=-1))
case("clamp", dict(lo=["3"], hi=["-1"]), [x], x.clamp(3, -1))

lines = [json.dumps(case, separators=(",", ":")) for case in cases]
Path(__file__).with_name("ops_core.txt").write_text("\n".join(lines) + "\n")
print(len(cases), "cases")
