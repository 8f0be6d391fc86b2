#!/usr/bin/env python3
"""Gradients of graphs by PyTorch autograd: a second implementation of every operation and of reverse mode.

For every N.json in FOLDER (a graph as certificates have it, certs/FORMAT.md §4) there is N.npz with the arrays `inputs/NAME`, `parameters/NAME` and `cotangents/OUTPUT`,
and N.wrt with the sources to differentiate by, one `inputs/NAME` or `parameters/NAME` a line. Writes N.gradients.npz with an array for each of them, in float32 on one thread.

Usage: autograd.py FOLDER
Needs: torch, numpy (requirements.txt beside this file).
"""

import json
import pathlib
import sys
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F


def number(text):
    return float(Fraction(text))


def axes_of(function, x, attributes):
    """A reduction over axes; none leaves every value alone."""
    axes = tuple(attributes["axes"])
    return function(x, dim=axes, keepdim=attributes["keepdims"]) if axes else x


def slices(x, a):
    for axis, (start, end, step) in enumerate(zip(a["start"], a["end"], a["step"])):
        x = x.index_select(axis, torch.tensor(list(range(start, end, step))))
    return x


def pad(x, a):
    pads = [n for pair in reversed(list(zip(a["before"], a["after"]))) for n in pair]
    if a["mode"] == "constant":
        return F.pad(x, pads, value=number(a["value"][0]))
    if not sum(pads):
        return x.clone()
    mode = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}[a["mode"]]
    shape = list(x.shape)
    shape[-1] += sum(pads[:2])  # only the last axis is padded in these modes
    return F.pad(x.reshape(1, -1, x.shape[-1]), pads[:2], mode=mode).reshape(shape)


def by_channel(v, x):
    return v.reshape([1, -1] + [1] * (x.dim() - 2))


def batch_norm(a, x, weight, bias, *given):
    if given:
        mean, var = given
    else:
        axes = [axis for axis in range(x.dim()) if axis != 1]
        mean, var = x.mean(axes), x.var(axes, unbiased=False)
    root = torch.sqrt(by_channel(var, x) + number(a["epsilon"]))
    return (x - by_channel(mean, x)) / root * by_channel(weight, x) + by_channel(bias, x)


def group_norm(x, groups, epsilon, weight=None, bias=None):
    if x.numel() > x.shape[0] * groups:
        return F.group_norm(x, groups, weight, bias, epsilon)
    y = (x - x) / np.sqrt(epsilon)  # PyTorch refuses groups of one value
    return y if weight is None else y * by_channel(weight, x) + by_channel(bias, x)


def masked_softmax(a, x, mask):
    allowed = mask > 0
    some = allowed.any(a["axis"], keepdim=True)
    return torch.softmax(x.masked_fill(~(allowed | ~some), -torch.inf), a["axis"]) * some


def spatial(name, x, *rest, **more):
    return getattr(F, f"{name}{x.dim() - 2}d")(x, *rest, **more)


def upsample(a, x):
    if a["mode"] == "nearest_floor":
        return F.interpolate(x, size=a["size"], mode="nearest")
    mode = {3: "linear", 4: "bilinear", 5: "trilinear"}[x.dim()]
    return F.interpolate(x, size=a["size"], mode=mode, align_corners=a["coordinates"] == "align_corners")


def cosine(a, x, z, t):
    n = x.shape[-1]
    loss = F.cosine_embedding_loss(
        x.reshape(-1, n), z.reshape(-1, n), t.reshape(-1), margin=number(a["margin"]), reduction=a["reduction"]
    )
    return loss.reshape(t.shape) if a["reduction"] == "none" else loss


def classes(a, function, x, targets, weight=None, **more):
    if a["targets"] == "labels":
        targets = targets.long()
    if a["ignore_index"]:
        more["ignore_index"] = a["ignore_index"][0]
    return function(x, targets, weight=weight, reduction=a["reduction"], **more)


def reduced(loss, a):
    return {"none": lambda: loss, "sum": loss.sum, "mean": loss.mean}[a["reduction"]]()


def pool(name, a, x, **more):
    return spatial(name, x, a["kernel"], stride=a["stride"], **more)


def conv(name, a, x, weight, bias=None):
    return spatial(name, x, weight, bias, stride=a["stride"], padding=a["pad_before"], dilation=a["dilation"], groups=a["groups"])


OPERATIONS = {
    "reshape": lambda a, x: x.reshape(a["shape"]),
    "flatten": lambda a, x: x.flatten(a["first_axis"], a["last_axis"]),
    "transpose": lambda a, x: x.transpose(a["first"], a["second"]),
    "permute": lambda a, x: x.permute(a["order"]),
    "concat": lambda a, *xs: torch.cat(xs, a["axis"]),
    "slice": lambda a, x: slices(x, a),
    "pad": lambda a, x: pad(x, a),
    "gather": lambda a, x: x.index_select(a["axis"], torch.tensor(a["indices"])),
    "broadcast": lambda a, x: x.expand(a["shape"]),
    "add": lambda a, x, y: x + y,
    "sub": lambda a, x, y: x - y,
    "mul": lambda a, x, y: x * y,
    "div": lambda a, x, y: x / y,
    "neg": lambda a, x: -x,
    "abs": lambda a, x: x.abs(),
    "scale": lambda a, x: x * number(a["factor"]),
    "max": lambda a, x, y: torch.maximum(x, y),
    "min": lambda a, x, y: torch.minimum(x, y),
    "clamp": lambda a, x: torch.clamp(x, *[number(bound[0]) if bound else None for bound in (a["lo"], a["hi"])]),
    "relu": lambda a, x: torch.relu(x),
    "leaky_relu": lambda a, x: F.leaky_relu(x, number(a["slope"])),
    "elu": lambda a, x: F.elu(x, number(a["alpha"])),
    "sum": lambda a, x: axes_of(torch.sum, x, a),
    "mean": lambda a, x: axes_of(torch.mean, x, a),
    "reduce_max": lambda a, x: axes_of(torch.amax, x, a),
    "reduce_min": lambda a, x: axes_of(torch.amin, x, a),
    "logsumexp": lambda a, x: axes_of(torch.logsumexp, x, a),
    "matmul": lambda a, x, y: torch.matmul(x, y),
    "linear": lambda a, x, weight, bias=None: F.linear(x, weight, bias),
    "conv": lambda a, *xs: conv("conv", a, *xs),
    "conv_transpose": lambda a, x, weight, bias=None: spatial(
        "conv_transpose", x, weight, bias, a["stride"], a["pad_before"], a["output_padding"], a["groups"], a["dilation"]
    ),
    "max_pool": lambda a, x: pool("max_pool", a, x),
    "avg_pool": lambda a, x: pool("avg_pool", a, x, count_include_pad=a["count_include_pad"]),
    "global_avg_pool": lambda a, x: x.mean(tuple(range(2, x.dim())), keepdim=True),
    "adaptive_avg_pool": lambda a, x: spatial("adaptive_avg_pool", x, a["output"]),
    "batch_norm": batch_norm,
    "upsample": upsample,
    "softmax": lambda a, x: torch.softmax(x, a["axis"]),
    "log_softmax": lambda a, x: torch.log_softmax(x, a["axis"]),
    "masked_softmax": masked_softmax,
    "exp": lambda a, x: torch.exp(x),
    "log": lambda a, x: torch.log(x),
    "sqrt": lambda a, x: torch.sqrt(x),
    "rsqrt": lambda a, x: torch.rsqrt(x),
    "reciprocal": lambda a, x: torch.reciprocal(x),
    "pow": lambda a, x, y: torch.pow(x, y),
    "tanh": lambda a, x: torch.tanh(x),
    "sigmoid": lambda a, x: torch.sigmoid(x),
    "hard_sigmoid": lambda a, x: F.hardsigmoid(x),  # alpha 1/6, beta 1/2
    "softplus": lambda a, x: F.softplus(x, number(a["beta"])),
    "silu": lambda a, x: F.silu(x),
    "hard_swish": lambda a, x: F.hardswish(x),
    "mish": lambda a, x: F.mish(x),
    "erf": lambda a, x: torch.erf(x),
    "gelu": lambda a, x: F.gelu(x, approximate={"erf": "none", "tanh": "tanh"}[a["form"]]),
    "sin": lambda a, x: torch.sin(x),
    "cos": lambda a, x: torch.cos(x),
    "layer_norm": lambda a, x, *affine: F.layer_norm(x, x.shape[a["axis"]:], *affine, eps=number(a["epsilon"])),
    "rms_norm": lambda a, x, *affine: F.rms_norm(x, x.shape[a["axis"]:], *affine, eps=number(a["epsilon"])),
    "group_norm": lambda a, x, *affine: group_norm(x, a["groups"], number(a["epsilon"]), *affine),
    "instance_norm": lambda a, x, *affine: group_norm(x, x.shape[1], number(a["epsilon"]), *affine),
    "mse": lambda a, x, t: F.mse_loss(x, t, reduction=a["reduction"]),
    "mae": lambda a, x, t: F.l1_loss(x, t, reduction=a["reduction"]),
    "huber": lambda a, x, t: F.huber_loss(x, t, reduction=a["reduction"], delta=number(a["delta"])),
    "bce": lambda a, x, t: F.binary_cross_entropy(x, t, reduction=a["reduction"]),
    "bce_with_logits": lambda a, x, t: F.binary_cross_entropy_with_logits(
        x, t, reduction=a["reduction"], pos_weight=torch.tensor(number(a["positive_weight"]))
    ),
    "kl": lambda a, x, t: F.kl_div(x, t, reduction=a["reduction"]),
    "hinge": lambda a, x, t: reduced(torch.relu(number(a["margin"]) - t * x), a),
    "poisson": lambda a, x, t: F.poisson_nll_loss(
        x, t, log_input=a["log_input"], full=False, eps=number(a["epsilon"]), reduction=a["reduction"]
    ),
    "cosine": cosine,
    "cross_entropy": lambda a, x, *rest: classes(a, F.cross_entropy, x, *rest, label_smoothing=number(a["label_smoothing"])),
    "nll": lambda a, x, *rest: classes(a, F.nll_loss, x, *rest),
}


def gradients(graph, arrays, wrt):
    tensors = {name: torch.tensor(array, requires_grad=name in wrt) for name, array in arrays.items()}
    values = []
    for node in graph["nodes"]:
        attributes, op = node.get("attributes", {}), node["op"]
        if op in ("input", "const"):
            list_of = {"input": "inputs", "const": "parameters"}[op]
            value = tensors[f"{list_of}/{attributes['name']}"]
        else:
            value = OPERATIONS[op](attributes, *[values[parent] for parent in node["parents"]])
        if list(value.shape) != node["shape"]:
            raise ValueError(f"node {len(values)} ({op}): {list(value.shape)} is not {node['shape']}")
        values.append(value)
    outputs = [(values[id], tensors[f"cotangents/{name}"]) for name, id in graph["outputs"].items()]
    outputs = [(y, u) for y, u in outputs if y.requires_grad]
    sources = [tensors[name] for name in wrt]
    found = torch.autograd.grad([y for y, _ in outputs], sources, [u for _, u in outputs], allow_unused=True)
    return {
        name: (torch.zeros_like(x) if g is None else g).contiguous().numpy() for name, x, g in zip(wrt, sources, found)
    }


def main(folder):
    torch.set_num_threads(1)
    for path in sorted(folder.glob("*.wrt")):
        wrt = path.read_text().split("\n")[:-1]
        graph = json.loads(path.with_suffix(".json").read_text())["graph"]
        with np.load(path.with_suffix(".npz")) as arrays:
            np.savez(path.with_suffix(".gradients.npz"), **gradients(graph, dict(arrays), wrt))
    print(torch.__version__)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
