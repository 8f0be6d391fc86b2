#!/usr/bin/env python3
"""Evaluates networks of the format tl-net/1 in PyTorch, in binary64, and holds what `tl` computed against it.

A second implementation of the layers, written from docs/zoo.md and the papers, on PyTorch's own convolution, batch_norm, layer_norm and scaled_dot_product_attention.
FOLDER has, for every network NAME: NAME.net.json (the specification), NAME.safetensors (the tensors by name), NAME.inputs.npz (x, and the masks of dropout), NAME.outputs.npz
(the logits of `tl`). A network whose name ends in `_train` is evaluated with the statistics of its batch. Prints one line a network; exits 1 where one differs by more than
TOLERANCE, relative to its largest logit.

Usage: layers.py FOLDER [TOLERANCE]
Needs: spec-tests/networks/requirements.txt. `cargo test --test net_torch` makes the folder, and runs this where TL_PYTHON names an interpreter that has torch.
"""

import json
import pathlib
import struct
import sys

import numpy as np
import torch
from torch.nn import functional as F

ACTIVATIONS = {
    "relu": F.relu,
    "relu6": F.relu6,
    "identity": lambda x: x,
    "swish": F.silu,
    "hSwish": F.hardswish,
    "gelu": F.gelu,
}


def tensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, data = json.loads(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__", None)
    out = {}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        values = np.frombuffer(data[first:end], "<f4").reshape(entry["shape"])
        out[name] = torch.from_numpy(values.astype(np.float64))
    return out


class Network:
    def __init__(self, spec, parameters, inputs, train):
        self.spec, self.parameters, self.inputs, self.train = spec, parameters, inputs, train
        self.used = set()
        numerator, _, denominator = spec["epsilon"].partition("/")
        self.epsilon = float(numerator) / float(denominator or 1)

    def take(self, name):
        self.used.add(name)
        return self.parameters[name]

    def padded(self, x, kernel, stride, padding, value=0.0):
        """The image with its padding written out."""
        pads = []
        for extent in (x.shape[3], x.shape[2]):
            if padding == "same":
                total = max((-(-extent // stride) - 1) * stride + kernel - extent, 0)
                pads += [total // 2, total - total // 2]
            else:
                pads += [0, 0] if padding == "valid" else [(kernel - 1) // 2] * 2
        return F.pad(x, pads, value=value)

    def conv(self, x, name, stride=1, padding="valid", bias=False, depthwise=False):
        weight = self.take(f"{name}.weight")
        x = self.padded(x, weight.shape[2], stride, padding)
        return F.conv2d(x, weight, self.take(f"{name}.bias") if bias else None, stride, groups=x.shape[1] if depthwise else 1)

    def batch_norm(self, x, name):
        weight, bias = self.take(f"{name}.weight"), self.take(f"{name}.bias")
        if self.train:
            return F.batch_norm(x, None, None, weight, bias, training=True, eps=self.epsilon)
        mean, var = self.take(f"{name}.running_mean"), self.take(f"{name}.running_var")
        return F.batch_norm(x, mean, var, weight, bias, training=False, eps=self.epsilon)

    def conv_norm(self, x, name, act, **conv):
        prefix = f"{name}." if not name.endswith(".") else name
        return act(self.batch_norm(self.conv(x, f"{prefix}conv", **conv), f"{prefix}norm"))

    def layer_norm(self, x, name):
        weight, bias = self.take(f"{name}.weight"), self.take(f"{name}.bias")
        return F.layer_norm(x, weight.shape, weight, bias, self.epsilon)

    def linear(self, x, name):
        return F.linear(x, self.take(f"{name}.weight"), self.take(f"{name}.bias"))

    def residual(self, x, at, layer, act, branch):
        for block in range(layer["blocks"]):
            stride = layer["stride"] if block == 0 else 1
            name = f"{at}.block{block}"
            y = branch(x, name, stride)
            if block == 0 and (stride != 1 or layer["input"] != layer["output"]):
                x = self.conv_norm(x, f"{name}.projection", ACTIVATIONS["identity"], stride=stride)
            x = act(x + y)
        return x

    def wide(self, x, at, layer, act, kernel, squeeze):
        """The blocks of MobileNetV2 and of EfficientNet."""
        identity = ACTIVATIONS["identity"]
        for block in range(layer["blocks"]):
            stride = layer["stride"] if block == 0 else 1
            name, entry = f"{at}.block{block}", x
            if layer["expand"] != 1:
                x = self.conv_norm(x, f"{name}.expand", act)
            assert self.parameters[f"{name}.depthwise.conv.weight"].shape[2] == kernel
            x = self.conv_norm(x, f"{name}.depthwise", act, stride=stride, padding=layer["padding"], depthwise=True)
            if squeeze != "none":
                quarter = max((entry if squeeze == "input" else x).shape[1] // 4, 1)
                inner = act(self.conv(x.mean((2, 3), keepdim=True), f"{name}.squeeze.reduce", bias=True))
                assert inner.shape[1] == quarter, (inner.shape, quarter)
                x = x * torch.sigmoid(self.conv(inner, f"{name}.squeeze.expand", bias=True))
            x = self.conv_norm(x, f"{name}.project", identity)
            if stride == 1 and x.shape[1] == entry.shape[1]:
                x = x + entry
        return x

    def attention(self, x, name, heads):
        batch, length, width = x.shape
        query, key, value = (
            self.linear(x, f"{name}.{part}").view(batch, length, heads, width // heads).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.linear(mixed.transpose(1, 2).reshape(batch, length, width), f"{name}.out")

    def layer(self, x, at, layer):
        word = layer["layer"]
        act = ACTIVATIONS[layer.get("activation", "identity")]
        window = {key: layer[key] for key in ("stride", "padding") if key in layer}
        if word == "dense":
            return act(self.linear(x, at))
        if word == "conv2d":
            return act(self.conv(x, at, bias=True, **window))
        if word == "convBn":
            return self.conv_norm(x, at, act, bias=layer["bias"], **window)
        if word == "maxPool":
            x = self.padded(x, layer["kernel"], layer["stride"], layer["padding"], -torch.inf)
            return F.max_pool2d(x, layer["kernel"], layer["stride"])
        if word == "flatten":
            return x.flatten(1)
        if word == "globalAvgPool":
            return x.mean((2, 3))
        if word == "residualBlock":

            def basic(x, name, stride):
                y = act(self.batch_norm(self.conv(x, f"{name}.conv1", stride, layer["padding"]), f"{name}.norm1"))
                return self.batch_norm(self.conv(y, f"{name}.conv2", 1, layer["padding"]), f"{name}.norm2")

            return self.residual(x, at, layer, act, basic)
        if word == "bottleneckBlock":

            def bottleneck(x, name, stride):
                y = act(self.batch_norm(self.conv(x, f"{name}.conv1"), f"{name}.norm1"))
                y = act(self.batch_norm(self.conv(y, f"{name}.conv2", stride, layer["padding"]), f"{name}.norm2"))
                return self.batch_norm(self.conv(y, f"{name}.conv3"), f"{name}.norm3")

            return self.residual(x, at, layer, act, bottleneck)
        if word == "separableConv":
            x = self.conv_norm(x, f"{at}.depthwise", act, depthwise=True, **window)
            return self.conv_norm(x, f"{at}.pointwise", act)
        if word == "invertedResidual":
            return self.wide(x, at, layer, act, 3, "none")
        if word == "mbConv":
            return self.wide(x, at, layer, act, layer["kernel"], layer["squeeze"])
        if word == "fireModule":
            x = self.conv_norm(x, f"{at}.squeeze", act)
            small = self.conv_norm(x, f"{at}.expand1", act)
            return torch.cat([small, self.conv_norm(x, f"{at}.expand3", act, padding="symmetric")], 1)
        if word == "patchEmbed":
            x = self.conv(x, f"{at}.conv", stride=layer["patch"], bias=True).flatten(2).transpose(1, 2)
            token = self.take(f"{at}.class_token").expand(x.shape[0], 1, -1)
            return torch.cat([token, x], 1) + self.take(f"{at}.positions")
        if word == "transformerEncoder":
            for block in range(layer["blocks"]):
                name = f"{at}.block{block}"
                x = x + self.attention(self.layer_norm(x, f"{name}.norm1"), name, layer["heads"])
                y = F.gelu(self.linear(self.layer_norm(x, f"{name}.norm2"), f"{name}.fc1"))
                x = x + self.linear(y, f"{name}.fc2")
            x = self.layer_norm(x, f"{at}.norm")
            return x[:, 0] if layer["returns"] == "class" else x
        if word == "dropout":
            numerator, _, denominator = layer["rate"].partition("/")
            rate = float(numerator) / float(denominator or 1)
            return x * self.inputs[f"{at}.mask"] / (1 - rate) if self.train else x
        if word == "layerNorm":
            return self.layer_norm(x, at)
        raise ValueError(f"no layer is called {word}")

    def logits(self):
        x = self.inputs["x"]
        for i, layer in enumerate(self.spec["layers"]):
            x = self.layer(x, f"layers.{i}", layer)
        unused = set(self.parameters) - self.used
        assert not unused, unused
        return x


def main():
    folder = pathlib.Path(sys.argv[1])
    tolerance = float(sys.argv[2]) if len(sys.argv) > 2 else 2e-5
    differ = []
    for path in sorted(folder.glob("*.net.json")):
        name = path.name.removesuffix(".net.json")
        inputs = {k: torch.from_numpy(v.astype(np.float64)) for k, v in np.load(folder / f"{name}.inputs.npz").items()}
        network = Network(json.loads(path.read_text()), tensors(folder / f"{name}.safetensors"), inputs, name.endswith("_train"))
        with torch.no_grad():
            expected = network.logits().numpy()
        (given,) = np.load(folder / f"{name}.outputs.npz").values()
        assert given.shape == expected.shape, (name, given.shape, expected.shape)
        scale = np.abs(expected).max()
        gap = np.abs(given - expected).max() / scale
        spread = np.abs(expected - expected.mean()).max() / scale
        differ += [] if gap <= tolerance else [name]
        print(f"{name:<28} {str(expected.shape):<14} largest {scale:9.3e}  spread {spread:5.2f}  relative gap {gap:8.1e}")
    print(f"torch {torch.__version__}, tolerance {tolerance:.0e}; differ: {', '.join(differ) or 'none'}")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
