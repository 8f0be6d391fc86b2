"""The forward pass of a 784-512-512-10 perceptron by python-flint's `arb_mat` and by `Real`, in one run: milliseconds and ratios.

Both evaluate the same network shape with He-random binary32 weights, layer by layer with relu between, and count the products alone, in
seconds of one thread's processor time; the medians of several evaluations are compared. Run `python benches/peers/mlp.py`."""

import argparse
import statistics
import subprocess
import time
from pathlib import Path

import numpy as np
from flint import arb, arb_mat, ctx

ROOT = Path(__file__).resolve().parents[2]
WIDTHS = [784, 512, 512, 10]


def matrix(values):
    return arb_mat(*values.shape, [float(value) for value in values.ravel()])


def peer(precision, batch, runs):
    """Milliseconds of each evaluation by python-flint."""
    random = np.random.default_rng(7)
    draw = lambda spread, *shape: random.normal(0, spread, shape).astype(np.float32)
    ctx.prec = precision
    weights = [matrix(draw((2 / a) ** 0.5, b, a)) for a, b in zip(WIDTHS, WIDTHS[1:])]
    start = matrix(draw(1, WIDTHS[0], batch))
    seconds = []
    for _ in range(runs):
        x, spent = start, 0.0
        for weight in weights:
            before = time.process_time()
            x = weight * x
            spent += time.process_time() - before
            x = arb_mat(x.nrows(), x.ncols(), [value if value > 0 else arb(0) for value in x.entries()])
        seconds.append(spent)
    return [1e3 * s for s in seconds]


def ours(precision, batch, runs):
    """Milliseconds of each evaluation by `Real`."""
    command = ["cargo", "bench", "--quiet", "--bench", "dots", "--", "--perceptron", *map(str, (precision, batch, runs))]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [float(line) for line in out.split()]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    ours(128, 1, 1)  # builds
    print("bits batch  arb_mat ms     Real ms  ratio  ns a multiply-add")
    for precision in (128, 256):
        for batch in (1, 128):
            theirs, mine = (statistics.median(side(precision, batch, runs)) for side in (peer, ours))
            count = batch * sum(a * b for a, b in zip(WIDTHS, WIDTHS[1:]))
            print(f"{precision:4} {batch:5} {theirs:11.2f} {mine:11.2f} {theirs / mine:6.2f}x {mine * 1e6 / count:8.3f}", flush=True)


if __name__ == "__main__":
    main()
