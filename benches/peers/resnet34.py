"""A ResNet-34 on a 224 x 224 image, certified and checked: seconds and peak memory of each.

Parameters are He-random from a seed; the image is random. The second scale of each block is a half, so that outputs are of size one; with `--scale 1` they
grow by about a root of two a block. The recorded outputs are those that the engine computes in binary32; the claim is `forward`, each within 1e-4 of its exact
real value, which larger outputs are not: such a certificate is decided, too, and rejected.
Run `cargo build --release -p tl -p tl-check` first, then `python benches/peers/resnet34.py [--jobs 2] [--scale 1]`."""

import argparse
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

TARGET = Path(__file__).resolve().parents[2] / "target"
BLOCKS = [(64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)]


class Network:
    """Nodes and parameters, appended layer by layer; every method returns the name of its output."""

    def __init__(self, seed, scale):
        self.random, self.scale = np.random.default_rng(seed), scale
        self.nodes, self.parameters = [], []

    def parameter(self, value):
        name = f"p{len(self.parameters)}"
        self.parameters.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def node(self, kind, inputs, **attributes):
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def conv(self, x, fan_in, out, kernel, stride, scale=1.0):
        """A convolution without bias and the batch normalisation that follows it."""
        weight = self.random.normal(0, (2 / (fan_in * kernel**2)) ** 0.5, (out, fan_in, kernel, kernel))
        pads = [kernel // 2] * 4
        y = self.node("Conv", [x, self.parameter(weight)], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads)
        ones = np.ones(out)
        statistics = [scale * ones, 0 * ones, 0 * ones, ones]
        return self.node("BatchNormalization", [y, *map(self.parameter, statistics)], epsilon=1e-5)

    def block(self, x, fan_in, out, stride):
        y = self.node("Relu", [self.conv(x, fan_in, out, 3, stride)])
        y = self.conv(y, out, out, 3, 1, scale=self.scale)
        if (fan_in, stride) != (out, 1):
            x = self.conv(x, fan_in, out, 1, stride)
        return self.node("Relu", [self.node("Add", [y, x])])


def resnet34(seed, side, scale):
    net = Network(seed, scale)
    x = net.node("Relu", [net.conv("image", 3, 64, 7, 2)])
    x = net.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    fan_in = 64
    for out, count, stride in BLOCKS:
        for index in range(count):
            x = net.block(x, fan_in, out, stride if index == 0 else 1)
            fan_in = out
    x = net.node("Flatten", [net.node("GlobalAveragePool", [x])])
    weight = net.random.normal(0, fan_in**-0.5, (1000, fan_in))
    x = net.node("Gemm", [x, net.parameter(weight), net.parameter(np.zeros(1000))], transB=1)
    real = TensorProto.FLOAT
    ends = [("image", [1, 3, side, side]), (x, [1, 1000])]
    infos = [helper.make_tensor_value_info(name, real, shape) for name, shape in ends]
    graph = helper.make_graph(net.nodes, "resnet34", infos[:1], infos[1:], net.parameters)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model, net.random.normal(0, 1, (1, 3, side, side)).astype(np.float32)


def measured(*command):
    """Runs a command; prints its last words, its seconds and its peak memory."""
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    words = child.stdout.read().strip()
    _, status, usage = os.wait4(child.pid, 0)
    wall, cpu = time.perf_counter() - started, usage.ru_utime + usage.ru_stime
    print(f"{Path(command[0]).name}: exit {os.waitstatus_to_exitcode(status)}, {wall:.1f} s wall, {cpu:.1f} s CPU, "
          f"peak {usage.ru_maxrss / 2**20:.2f} GiB\n  {words[-500:]}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=34)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--scale", type=float, default=0.5)
    options = parser.parse_args()
    folder = TARGET / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    model, image = resnet34(options.seed, options.side, options.scale)
    onnx.save(model, folder / "resnet34.onnx")
    np.save(folder / "image.npy", image)
    certificate = folder / "resnet34.json"
    release = TARGET / "release"
    measured(release / "tl", "certify", folder / "resnet34.onnx", "--input", folder / "image.npy", "--abs", "1e-4",
             "--no-check", "-o", certificate)
    measured(release / "tl-check", certificate, "--jobs", str(options.jobs))


if __name__ == "__main__":
    main()
