"""How much of the distance of binary32 gradients from the real ones comes from kinks: relu or clamp, where rounding puts an activation on the other side.

For a network whose certificate `benches/gradients.py NAME` has made: the activations that the engine has in binary32 on another side than PyTorch has in binary64; the greatest distance
of the certificate's gradients from those of binary64; and that from the gradients of binary64 along the branches of the engine. Convolutional networks only.
Run `python benches/peers/kinks.py [mobilenet_v2 resnet34]` after that."""

import argparse
import json
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file
from torch.nn import functional

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "target" / "gradients"


def side(op, x):
    """Where the derivative is 1, by the checker's conventions, and what stands where it is 0."""
    if op == "relu":
        return x > 0, torch.zeros_like(x)
    return (x >= 0) & (x <= 6), torch.where(x > 6, 6.0, 0.0)


def padded(x, attributes, value=0.0):
    before, after = attributes["pad_before"], attributes["pad_after"]
    return functional.pad(x, (before[1], after[1], before[0], after[0]), value=value)


def gradients(nodes, data, cotangent, sides=None):
    """Gradients by all sources in binary64, and the sides of every relu and clamp: its own, or those given."""
    values, sources, found = [], {}, {}
    for at, node in enumerate(nodes):
        op, attributes, x = node["op"], node.get("attributes", {}), [values[parent] for parent in node["parents"]]
        if op in ("input", "const"):
            value = torch.tensor(data[attributes["name"]], dtype=torch.float64).reshape(node["shape"]).requires_grad_()
            sources[attributes["name"]] = value
        elif op == "conv":
            value = functional.conv2d(padded(x[0], attributes), *x[1:], stride=attributes["stride"], groups=attributes["groups"])
        elif op == "batch_norm":
            weight, bias, mean, var = (v.view(1, -1, 1, 1) for v in x[1:])
            value = (x[0] - mean) / torch.sqrt(var + float(Fraction(attributes["epsilon"]))) * weight + bias
        elif op in ("relu", "clamp"):
            found[at] = side(op, x[0].detach()) if sides is None else sides[at]
            value = torch.where(found[at][0], x[0], found[at][1])
        elif op == "add":
            value = x[0] + x[1]
        elif op == "max_pool":
            value = functional.max_pool2d(padded(x[0], attributes, -torch.inf), attributes["kernel"], attributes["stride"])
        elif op == "global_avg_pool":
            value = x[0].mean((2, 3), keepdim=True)
        elif op == "flatten":
            value = x[0].reshape(node["shape"])
        elif op == "linear":
            value = functional.linear(*x)
        else:
            raise SystemExit(f"node {at}: {op} is not known here")
        values.append(value)
    values[-1].backward(torch.tensor(cotangent, dtype=torch.float64))
    return {name: value.grad for name, value in sources.items()}, found


def certified(name):
    """The gradients that the certificate states."""
    claim = json.loads((FOLDER / f"{name}.certificate.json").read_text())["claim"]["gradients"][0]
    files = load_file(FOLDER / f"{name}.certificate.safetensors")

    def numbers(tensor):
        if "words" in tensor:
            return np.array([int(word, 16) for word in tensor["words"].split()], np.uint32).view(np.float32)
        return files[tensor["tensor"]]

    tensors = claim["inputs"] | claim["parameters"]
    return {key: torch.tensor(numbers(tensor).reshape(tensor["shape"]), dtype=torch.float64) for key, tensor in tensors.items()}


def engine(name, model, places):
    """The operands of the nodes at `places`, in the engine's binary32."""
    nodes = model["graph"]["nodes"]
    model["graph"]["outputs"] |= {f"of{at}": nodes[at]["parents"][0] for at in places}
    (FOLDER / f"{name}.nodes.json").write_text(json.dumps(model))
    recorded = FOLDER / f"{name}.nodes.npz"
    command = [ROOT / "target/release/tl", "run", FOLDER / f"{name}.nodes.json", "--input", FOLDER / f"{name}.x.npy", "-o", recorded]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with np.load(recorded) as arrays:
        return {at: torch.tensor(arrays[f"of{at}"]) for at in places}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["mobilenet_v2", "resnet34"], metavar="NAME")
    for name in parser.parse_args().names:
        model = json.loads((FOLDER / f"{name}.json").read_text())
        nodes = model["graph"]["nodes"]
        data = load_file(FOLDER / f"{name}.safetensors") | {"x": np.load(FOLDER / f"{name}.x.npy")}
        cotangent = np.load(FOLDER / f"{name}.u.npy")
        exact, sides = gradients(nodes, data, cotangent)
        ours = {at: side(nodes[at]["op"], x) for at, x in engine(name, model, list(sides)).items()}
        other = [(sides[at][0] != ours[at][0]) | (sides[at][1] != ours[at][1]) for at in sides]
        along, _ = gradients(nodes, data, cotangent, ours)
        stated = certified(name)

        def distance(of):
            return max(float((stated[key] - of[key]).abs().max()) for key in stated)

        print(f"{name}: {sum(int(o.sum()) for o in other)} of {sum(o.numel() for o in other)} activations on another side; greatest gradient "
              f"{max(float(g.abs().max()) for g in exact.values()):.4g}; distance {distance(exact):.3g}, along the engine's branches {distance(along):.3g}")


if __name__ == "__main__":
    main()
