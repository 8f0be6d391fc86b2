"""Networks for the scripts here: the same layers as an ONNX graph with He-random parameters, and as a PyTorch module."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MLP = [("flatten",), ("dense", 784, 512, True), ("dense", 512, 512, True), ("dense", 512, 10, False)]
MNIST = [("conv", 1, 32), ("conv", 32, 32), ("pool",), ("flatten",),
         ("dense", 6272, 512, True), ("dense", 512, 512, True), ("dense", 512, 10, False)]
CIFAR = [("norm", 3, 32), ("norm", 32, 32), ("pool",), ("norm", 32, 64), ("norm", 64, 64), ("pool",), ("flatten",),
         ("dense", 4096, 512, True), ("dense", 512, 512, True), ("dense", 512, 10, False)]
SMALL = {"mlp": (MLP, (1, 28, 28)), "mnist": (MNIST, (1, 28, 28)), "cifar": (CIFAR, (3, 32, 32))}
BLOCKS = [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]


class Graph:
    """An ONNX graph, appended node by node; every method returns the name of its output."""

    def __init__(self, seed=0):
        self.random, self.nodes, self.parameters = np.random.default_rng(seed), [], []

    def parameter(self, value):
        name = f"p{len(self.parameters)}"
        self.parameters.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def draw(self, *shape, fan):
        return self.parameter(self.random.normal(0, (2 / fan) ** 0.5, shape).astype(np.float32))

    def node(self, kind, *inputs, **attributes):
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def dense(self, x, fan, out, relu=False):
        x = self.node("Gemm", x, self.draw(out, fan, fan=fan), self.parameter(np.zeros(out, np.float32)), transB=1)
        return self.node("Relu", x) if relu else x

    def conv(self, x, fan, out, kernel=3, stride=1, norm=False, relu=True, scale=1.0, groups=1):
        weight = self.draw(out, fan // groups, kernel, kernel, fan=fan // groups * kernel**2)
        bias = [] if norm else [self.parameter(np.zeros(out, np.float32))]
        x = self.node("Conv", x, weight, *bias, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[(kernel - 1) // 2] * 4, group=groups)
        if norm:
            ones = np.ones(out, np.float32)
            x = self.node("BatchNormalization", x, *map(self.parameter, (scale * ones, 0 * ones, 0 * ones, ones)), epsilon=1e-5)
        return self.node("Relu", x) if relu else x

    def pool(self, x, kernel=2, stride=2, pad=0):
        return self.node("MaxPool", x, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def model(self, output, shape, classes):
        ends = [("x", shape), (output, [shape[0], classes])]
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(dims)) for name, dims in ends]
        graph = helper.make_graph(self.nodes, "network", infos[:1], infos[1:], self.parameters)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return model


def small(name, batch):
    layers, shape = SMALL[name]
    graph, x = Graph(), "x"
    for kind, *sizes in layers:
        if kind == "flatten":
            x = graph.node("Flatten", x)
        elif kind == "pool":
            x = graph.pool(x)
        elif kind == "dense":
            x = graph.dense(x, *sizes)
        else:
            x = graph.conv(x, *sizes, norm=kind == "norm")
    return graph.model(x, (batch, *shape), 10)


def resnet34(batch):
    graph = Graph()
    x = graph.pool(graph.conv("x", 3, 64, 7, 2, norm=True), 3, 2, 1)
    fan = 64
    for out, count, stride in BLOCKS:
        for index in range(count):
            step = stride if index == 0 else 1
            y = graph.conv(graph.conv(x, fan, out, 3, step, norm=True), out, out, norm=True, relu=False, scale=0.5)
            x = x if (fan, step) == (out, 1) else graph.conv(x, fan, out, 1, step, norm=True, relu=False)
            x, fan = graph.node("Relu", graph.node("Add", y, x)), out
    x = graph.node("Flatten", graph.node("GlobalAveragePool", x))
    return graph.model(graph.dense(x, fan, 1000), (batch, 3, 224, 224), 1000)


def vit_tiny(batch, width=192, heads=3, depth=12, hidden=768):
    """ViT-Tiny/16 on 224 x 224: 196 patches and a class token."""
    graph = Graph()
    whole = lambda *values: graph.parameter(np.array(values, np.int64))
    vector = lambda value: graph.parameter(np.full(width, value, np.float32))

    def affine(x, fan, out):
        return graph.node("Add", graph.node("MatMul", x, graph.draw(fan, out, fan=2 * fan)), graph.parameter(np.zeros(out, np.float32)))

    def norm(x):
        return graph.node("LayerNormalization", x, vector(1), vector(0), axis=-1, epsilon=1e-6)

    x = graph.node("Conv", "x", graph.draw(width, 3, 16, 16, fan=768), graph.parameter(np.zeros(width, np.float32)), kernel_shape=[16] * 2, strides=[16] * 2)
    x = graph.node("Transpose", graph.node("Reshape", x, whole(batch, width, 196)), perm=[0, 2, 1])
    x = graph.node("Concat", graph.draw(batch, 1, width, fan=width), x, axis=1)
    x = graph.node("Add", x, graph.draw(1, 197, width, fan=width))
    for _ in range(depth):
        y = norm(x)
        parts = [graph.node("Reshape", affine(y, width, width), whole(batch, 197, heads, width // heads)) for _ in range(3)]
        q, k, v = (graph.node("Transpose", part, perm=perm) for part, perm in zip(parts, ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3])))
        scores = graph.node("Mul", graph.node("MatMul", q, k), graph.parameter(np.float32((width // heads) ** -0.5)))
        y = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), v)
        y = graph.node("Reshape", graph.node("Transpose", y, perm=[0, 2, 1, 3]), whole(batch, 197, width))
        x = graph.node("Add", x, affine(y, width, width))
        y = affine(norm(x), width, hidden)
        gate = graph.node("Add", graph.node("Erf", graph.node("Mul", y, graph.parameter(np.float32(0.5**0.5)))), graph.parameter(np.float32(1)))
        y = graph.node("Mul", graph.node("Mul", y, gate), graph.parameter(np.float32(0.5)))
        x = graph.node("Add", x, affine(y, hidden, width))
    x = graph.node("Gather", norm(x), graph.parameter(np.int64(0)), axis=1)
    return graph.model(graph.dense(x, width, 1000), (batch, 3, 224, 224), 1000)


def network(name, batch):
    return {"resnet34": resnet34, "vit": vit_tiny}[name](batch) if name not in SMALL else small(name, batch)


def module(name):
    """The small network as a PyTorch module."""
    from torch import nn

    layers = []
    for kind, *sizes in SMALL[name][0]:
        if kind == "flatten":
            layers.append(nn.Flatten())
        elif kind == "pool":
            layers.append(nn.MaxPool2d(2))
        elif kind == "dense":
            layers += [nn.Linear(*sizes[:2]), nn.ReLU()] if sizes[2] else [nn.Linear(*sizes[:2])]
        else:
            norm = [nn.BatchNorm2d(sizes[1])] if kind == "norm" else []
            layers += [nn.Conv2d(*sizes, 3, padding=1, bias=kind == "conv"), *norm, nn.ReLU()]
    return nn.Sequential(*layers)
