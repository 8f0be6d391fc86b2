"""Gradient certificates for networks of the zoo: one sample of standard normal pixels, a standard normal cotangent of the logits, and every element of the gradients by the input and by all
parameters. Prints what `tl` needs to make each, its bytes, and what `tl-check --jobs 1` needs to decide it: verdict, seconds of processor time, peak memory, the greatest error that it found.

Run `python benches/gradients.py [NAME …] [--programs FOLDER]` after `cargo build --release --workspace --bins`; needs numpy. The large networks take minutes each."""

import argparse
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
# Absolute and relative tolerance. Gradients of ResNet-34 are large; in MobileNetV2 rounding moves activations across kinks of relu6 (`benches/peers/kinks.py`).
NETWORKS = {
    "mnist_mlp": ("1e-5", "1e-4"),
    "mnist_cnn": ("1e-5", "1e-4"),
    "cifar_cnn": ("1e-5", "1e-4"),
    "cifar_cnn_bn": ("1e-5", "1e-4"),
    "resnet34": ("1e-2", "1e-3"),
    "mobilenet_v2": ("1", "1e-1"),
    "efficientnet_b0": ("1e-5", "1e-4"),
    "vit_tiny": ("1e-4", "1e-3"),
}
# More than the checker's own limits, which four of the networks pass.
LIMITS = ["--max-elements", "10000000000", "--max-work", "100000000000000", "--max-file-bytes", "4000000000"]


def spent(*command):
    """What a program printed, its seconds of processor time, and its peak memory in MiB."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(list(map(str, command)), stdout=output, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return output.read(), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NETWORKS)}; default: all")
    parser.add_argument("--programs", type=Path, default=ROOT / "target" / "release", help="where tl and tl-check are")
    options = parser.parse_args()
    folder = ROOT / "target" / "gradients"
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{'network':16} {'elements':>10} {'make s':>8} {'bytes':>11} {'check s':>8} {'MiB':>6}  verdict")
    for name in options.names or NETWORKS:
        absolute, relative = NETWORKS[name]
        model, x, u, certificate = (folder / f"{name}{end}" for end in (".json", ".x.npy", ".u.npy", ".certificate.json"))
        spent(options.programs / "tl", "zoo", "build", name, "-o", model)
        graph = json.loads(model.read_text())["graph"]
        random = np.random.default_rng(5)
        (at,) = (node for node in graph["nodes"] if node["op"] == "input")
        np.save(x, random.standard_normal(at["shape"], dtype=np.float32))
        (logits,) = graph["outputs"].values()
        np.save(u, random.standard_normal(graph["nodes"][logits]["shape"], dtype=np.float32))
        given = ["--claim", "gradient", "--input", x, "--cotangent", u, "--abs", absolute, "--rel", relative]
        text, make, _ = spent(options.programs / "tl", "certify", model, *given, "--no-check", "-o", certificate)
        if not certificate.exists():
            print(f"{name:16} {text}")
            continue
        size = sum(path.stat().st_size for path in folder.glob(f"{name}.certificate.*"))
        elements = sum(int(np.prod(node["shape"])) for node in graph["nodes"] if node["op"] in ("input", "const"))
        text, check, memory = spent(options.programs / "tl-check", certificate, "--jobs", "1", *LIMITS)
        verdict = re.search("^(ACCEPTED|REJECTED|DECLINED)", text, re.MULTILINE)
        worst = re.search("worst error (.*)", text)
        told = f"{verdict[0]}, worst error {worst[1]}" if verdict and worst else text
        print(f"{name:16} {elements:10} {make:8.1f} {size:11} {check:8.1f} {memory:6.0f}  {told}", flush=True)


if __name__ == "__main__":
    main()
