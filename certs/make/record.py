"""Records what PyTorch and ONNX Runtime compute for the reference models.

The parameters are made anew with numpy (the formula is in README.md) and must give, byte for byte, the safetensors files that `tl generate` wrote;
so the recordings are about the very numbers that the certificates bind. Usage: record.py MODELS RECORDED, where MODELS is the folder that
`tl generate` filled.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

MODELS, RECORDED = Path(sys.argv[1]), Path(sys.argv[2])


def draw(seed, number, count):
    """24 bits for each element of a tensor."""
    z = np.arange(1, count + 1, dtype=np.uint64) + np.uint64((seed << 40) + (number << 32))
    z *= np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return (z ^ z >> np.uint64(31)) >> np.uint64(40)


def unit(seed, number, shape):
    """In [0, 1)."""
    u = draw(seed, number, int(np.prod(shape))).astype(np.float32)
    return (u * np.float32(2.0**-24)).reshape(shape)


def symmetric(seed, number, shape, k):
    """In [-2^-k, 2^-k)."""
    u = draw(seed, number, int(np.prod(shape))).astype(np.int32) - 2**23
    return (u.astype(np.float32) * np.float32(2.0 ** -(23 + k))).reshape(shape)


def scale_of(fan_in):
    """The k of a layer with this many terms in each sum."""
    k = 0
    while 3 * 4 ** (k + 1) <= fan_in:
        k += 1
    return k


class Parameters(dict):
    """Parameters by name, numbered from 1 in the order in which they are made."""

    def __init__(self, seed):
        super().__init__()
        self.seed = seed

    def tensor(self, name, shape, k):
        self[name] = symmetric(self.seed, len(self) + 1, shape, k)

    def affine(self, name, *weight):
        k = scale_of(int(np.prod(weight[1:])))
        self.tensor(f"{name}.weight", weight, k)
        self.tensor(f"{name}.bias", weight[:1], k)

    def norm(self, name, width):
        self.tensor(f"{name}.weight", (width,), 0)
        self.tensor(f"{name}.bias", (width,), 0)

    def safetensors(self):
        """The bytes of the file: names in byte order, the table padded with spaces to a multiple of 8."""
        table, data = {}, b""
        for name in sorted(self):
            words = self[name].astype("<f4").tobytes()
            table[name] = {"dtype": "F32", "shape": list(self[name].shape), "data_offsets": [len(data), len(data) + len(words)]}
            data += words
        header = json.dumps(table, separators=(",", ":")).encode()
        header += b" " * (-len(header) % 8)
        return struct.pack("<Q", len(header)) + header + data


class Onnx:
    """An ONNX graph under construction."""

    def __init__(self, parameters):
        self.nodes = []
        self.initializers = [numpy_helper.from_array(value, name) for name, value in parameters.items()]

    def constant(self, name, value):
        self.initializers.append(numpy_helper.from_array(value, name))
        return name

    def node(self, op, *inputs, **attributes):
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
        return name

    def linear(self, name, x):
        """x W^T + b for a matrix x."""
        return self.node("Gemm", x, f"{name}.weight", f"{name}.bias", transB=1)

    def dense(self, name, x):
        """The same over the last axis of a tensor of any rank."""
        transposed = self.node("Transpose", f"{name}.weight", perm=[1, 0])
        return self.node("Add", self.node("MatMul", x, transposed), f"{name}.bias")

    def run(self, x, shape, output, y_shape):
        self.nodes[-1].output[0] = output
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
        outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, y_shape)]
        graph = helper.make_graph(self.nodes, "reference", inputs, outputs, self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        onnx.checker.check_model(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        return session.run([output], {"x": x})[0]


def mlp():
    p = Parameters(1)
    p.affine("fc1", 512, 784)
    p.affine("fc2", 512, 512)
    p.affine("fc3", 10, 512)
    x = unit(1, 0, (1, 784))

    def in_torch(p, x):
        for name in ("fc1", "fc2"):
            x = F.relu(F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"]))
        return F.linear(x, p["fc3.weight"], p["fc3.bias"])

    def in_onnx(g):
        y = "x"
        for name in ("fc1", "fc2"):
            y = g.node("Relu", g.linear(name, y))
        g.linear("fc3", y)

    return p, x, in_torch, in_onnx, "logits"


def mnist_cnn():
    p = Parameters(2)
    p.affine("conv1", 32, 1, 3, 3)
    p.affine("conv2", 32, 32, 3, 3)
    p.affine("fc1", 512, 6272)
    p.affine("fc2", 512, 512)
    p.affine("fc3", 10, 512)
    x = unit(2, 0, (1, 1, 28, 28))

    def in_torch(p, x):
        for name in ("conv1", "conv2"):
            x = F.relu(F.conv2d(x, p[f"{name}.weight"], p[f"{name}.bias"], padding=1))
        x = F.max_pool2d(x, 2).flatten(1)
        for name in ("fc1", "fc2"):
            x = F.relu(F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"]))
        return F.linear(x, p["fc3.weight"], p["fc3.bias"])

    def in_onnx(g):
        y = "x"
        for name in ("conv1", "conv2"):
            y = g.node("Relu", g.node("Conv", y, f"{name}.weight", f"{name}.bias", pads=[1, 1, 1, 1]))
        y = g.node("Flatten", g.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2]))
        for name in ("fc1", "fc2"):
            y = g.node("Relu", g.linear(name, y))
        g.linear("fc3", y)

    return p, x, in_torch, in_onnx, "logits"


def attention():
    length, width, heads = 8, 16, 2
    p = Parameters(3)
    p.norm("norm1", width)
    p.affine("query", width, width)
    p.affine("key", width, width)
    p.affine("value", width, width)
    p.affine("out", width, width)
    p.norm("norm2", width)
    p.affine("fc1", 4 * width, width)
    p.affine("fc2", width, 4 * width)
    x = symmetric(3, 0, (1, length, width), 0)
    factor = np.float32(1) / np.sqrt(np.float32(width // heads))

    def in_torch(p, x):
        def linear(name, x):
            return F.linear(x, p[f"{name}.weight"], p[f"{name}.bias"])

        def norm(name, x):
            return F.layer_norm(x, (width,), p[f"{name}.weight"], p[f"{name}.bias"], 1e-5)

        normal = norm("norm1", x)
        q, k, v = (linear(name, normal).reshape(1, length, heads, -1).permute(0, 2, 1, 3) for name in ("query", "key", "value"))
        weights = F.softmax(torch.tensor(factor) * (q @ k.transpose(2, 3)), dim=3)
        mixed = (weights @ v).permute(0, 2, 1, 3).reshape(1, length, width)
        x = x + linear("out", mixed)
        return x + linear("fc2", F.gelu(linear("fc1", norm("norm2", x))))

    def in_onnx(g):
        def norm(name, x):
            return g.node("LayerNormalization", x, f"{name}.weight", f"{name}.bias", axis=2, epsilon=1e-5)

        split = g.constant("split", np.array([1, length, heads, width // heads]))
        join = g.constant("join", np.array([1, length, width]))
        scale = g.constant("scale", np.array(factor))

        def head(name, perm):
            return g.node("Transpose", g.node("Reshape", g.dense(name, normal), split), perm=perm)

        normal = norm("norm1", "x")
        scores = g.node("MatMul", head("query", [0, 2, 1, 3]), head("key", [0, 2, 3, 1]))
        weights = g.node("Softmax", g.node("Mul", scale, scores), axis=3)
        mixed = g.node("Transpose", g.node("MatMul", weights, head("value", [0, 2, 1, 3])), perm=[0, 2, 1, 3])
        y = g.node("Add", "x", g.dense("out", g.node("Reshape", mixed, join)))
        hidden = g.node("Gelu", g.dense("fc1", norm("norm2", y)))
        g.node("Add", y, g.dense("fc2", hidden))

    return p, x, in_torch, in_onnx, "y"


def conv_groups():
    p = Parameters(4)
    p.affine("conv1", 8, 2, 3, 3)
    p.affine("conv2", 16, 1, 2, 2)
    x = symmetric(4, 0, (2, 4, 9, 10), 0)
    # stride, dilation, groups, padding as (top, left, bottom, right)
    convolutions = [("conv1", (1, 2), (2, 1), 2, (2, 0, 1, 3)), ("conv2", (2, 1), (1, 2), 8, (0, 1, 1, 0))]

    def in_torch(p, x):
        for i, (name, stride, dilation, groups, (top, left, bottom, right)) in enumerate(convolutions):
            x = F.relu(x) if i else x
            x = F.pad(x, (left, right, top, bottom))
            x = F.conv2d(x, p[f"{name}.weight"], p[f"{name}.bias"], stride, 0, dilation, groups)
        return x

    def in_onnx(g):
        y = "x"
        for i, (name, stride, dilation, groups, pads) in enumerate(convolutions):
            y = g.node("Relu", y) if i else y
            attributes = {"strides": stride, "dilations": dilation, "group": groups, "pads": pads}
            y = g.node("Conv", y, f"{name}.weight", f"{name}.bias", **attributes)

    return p, x, in_torch, in_onnx, "y"


def main():
    torch.set_num_threads(1)
    RECORDED.mkdir(parents=True, exist_ok=True)
    for recipe in (mlp, mnist_cnn, attention, conv_groups):
        name = recipe.__name__
        parameters, x, in_torch, in_onnx, output = recipe()
        mine, theirs = parameters.safetensors(), (MODELS / f"{name}.safetensors").read_bytes()
        digests = [hashlib.sha256(data).hexdigest() for data in (mine, theirs)]
        assert digests[0] == digests[1], f"{name}: numpy makes {digests[0]}, tl made {digests[1]}"
        assert x.tobytes() == np.load(MODELS / f"{name}.input.npz")["x"].tobytes(), f"{name}: the inputs differ"
        with torch.no_grad():
            by_torch = in_torch({key: torch.from_numpy(value) for key, value in parameters.items()}, torch.from_numpy(x)).numpy()
        graph = Onnx(parameters)
        in_onnx(graph)
        by_onnx = graph.run(x, x.shape, output, by_torch.shape)
        np.save(RECORDED / f"{name}.torch.npy", np.ascontiguousarray(by_torch))
        np.save(RECORDED / f"{name}.onnxruntime.npy", np.ascontiguousarray(by_onnx))
        print(f"{name:<12} sha256:{digests[0][:16]}…  torch and onnxruntime differ by at most {np.abs(by_torch - by_onnx).max():.3g}")


main()
