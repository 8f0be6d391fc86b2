#!/usr/bin/env python3
"""Certifies and checks every network of a data folder, one input each, outputs recorded from ONNX Runtime.

For each model under DATA/vnncomp and DATA/small_models: the input is the middle of the box of a property of its
benchmark (rounded into the box), where there is one, else seeded uniform values in [0, 1); the output is what ONNX
Runtime computes with one thread. `tl certify` writes a `forward` certificate, `tl-check` decides it. Prints a Markdown table.

Usage: sweep.py [--data DATA] [--bin FOLDER] [--work FOLDER] [PATTERN]
Needs: onnxruntime, onnx, numpy (certs/make/requirements.txt), and the release builds of tl and tl-check.
"""

import argparse
import gzip
import json
import pathlib
import re
import subprocess
import tempfile
import time

import numpy as np
import onnxruntime

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def read(path):
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def box_middle(path, size):
    """The middle of the input box of a VNN-LIB 1.0 property, in float32, clipped into the box; None where it has none."""
    lo, hi = np.full(size, np.nan), np.full(size, np.nan)
    for relation, index, bound in re.findall(rb"\(([<>]=) X_(\d+) ([-+.eE\d]+)\)", read(path)):
        side = hi if relation == b"<=" else lo
        if int(index) < size and np.isnan(side[int(index)]):
            side[int(index)] = float(bound)
    if np.isnan(lo).any() or np.isnan(hi).any():
        return None
    return np.clip(((lo + hi) / 2).astype(np.float32), lo.astype(np.float32), hi.astype(np.float32))


def input_for(model, shape, rng):
    """An input of this shape, and where it comes from."""
    size = int(np.prod(shape))
    for prop in sorted((model.parent.parent / "vnnlib").glob("*.vnnlib.gz")):
        point = box_middle(prop, size)
        if point is not None:
            return point.reshape(shape), prop.name.removesuffix(".vnnlib.gz")
    return rng.random(shape, dtype=np.float32), "seeded"


def run(command):
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    return done, time.perf_counter() - start


def facts(text):
    return dict(re.findall(r"(worst error|worst ulps|precision) (\S+)$", text, re.M))


def row(model, arguments, work):
    name = model.name.removesuffix(".gz").removesuffix(".onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(read(model), options, providers=["CPUExecutionProvider"])
        feeds, sources, command = {}, [], []
        rng = np.random.default_rng(1)
        for entry in session.get_inputs():
            shape = [d if isinstance(d, int) and d > 0 else 1 for d in entry.shape]
            if entry.type != "tensor(float)":
                return [name, "", "", "not run", "", "", "", f"input of type {entry.type}"]
            feeds[entry.name], source = input_for(model, shape, rng)
            sources.append(source)
        outputs = dict(zip([o.name for o in session.get_outputs()], session.run(None, feeds)))
    except Exception as error:  # a model that the recorder itself cannot run
        return [name, "", "", "not recorded", "", "", "", str(error).splitlines()[0][:100]]
    for option, tensors in (("--input", feeds), ("--output", outputs)):
        for i, (key, value) in enumerate(tensors.items()):
            file = work / f"{name}{option}{i}.npy"
            np.save(file, np.ascontiguousarray(value))
            command += [option, f"{key}={file}"]
    certificate = work / f"{name}.json"
    certified, certify_seconds = run(
        [arguments.bin / "tl", "certify", model, *command, "--claim", "forward", "--no-check", "-o", certificate]
    )
    if certified.returncode != 0:
        return [name, "", "", "not imported", "", "", "", certified.stderr.strip().splitlines()[0][:160]]
    tolerance = json.loads(certificate.read_text())["claim"]["tolerance"]
    checked, check_seconds = run([arguments.bin / "tl-check", certificate])
    verdict = checked.stdout.split(" ", 1)[0] or "exit " + str(checked.returncode)
    found = facts(checked.stderr)
    parameters = sum(
        int(np.prod(t["shape"], dtype=np.int64)) for t in json.loads(certificate.read_text())["model"]["parameters"].values()
    )
    claim = f"forward abs {tolerance['abs']}"
    seconds = f"{certify_seconds:.2f} / {check_seconds:.2f}"
    return [name, f"{parameters:,}", claim, verdict, found.get("worst error", ""), found.get("worst ulps", ""), seconds, ", ".join(sources)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, default=REPOSITORY.parent / "shared" / "data")
    parser.add_argument("--bin", type=pathlib.Path, default=REPOSITORY / "target" / "release")
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("pattern", nargs="?", default="")
    arguments = parser.parse_args()
    work = arguments.work or pathlib.Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    folders = [arguments.data / "vnncomp", arguments.data / "small_models"]
    models = [m for folder in folders for m in sorted(folder.rglob("*.onnx*")) if arguments.pattern in m.name]
    if not models:
        print(f"SKIPPED networks: no model under {arguments.data}")
        return
    head = ["model", "parameters", "claim", "verdict", "worst error", "worst ulps", "certify / check s", "input or reason"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head), flush=True)
    for model in models:
        print("| " + " | ".join(str(cell) for cell in row(model, arguments, work)) + " |", flush=True)


main()
