"""How the cost of `Real` grows with width, depth and precision: a plot with the line that fits each series best;
its height at the origin is what numbers cost to be written as digits and put together again.

Perceptrons of square layers at batch 128, by the bench `dots`, in processor time of one thread; the minimum of several evaluations.
Run `python benches/peers/scaling.py`; it writes `target/peers/scaling.svg` and prints the time a multiply-add and digit."""

import argparse
import subprocess
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("svg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parents[2]
BATCH = 128
# Title, label of the axis, abscissa and (bits, width, depth) of every point.
SERIES = [
    ("width, 128 bits, 6 layers", "multiply-adds (millions)",
     [(6 * BATCH * width**2 / 1e6, (128, width, 6)) for width in (64, 128, 192, 256, 384, 512)]),
    ("depth, 256 bits, width 256", "layers", [(depth, (256, 256, depth)) for depth in (6, 12, 18, 24, 30, 36)]),
    # Exact until the numbers are longer than the precision, at about 45 bits a layer: deep enough that most layers are not.
    ("precision, width 256, 36 layers", "bits", [(bits, (bits, 256, 36)) for bits in (64, 128, 192, 256, 320, 384, 448, 512)]),
]


def milliseconds(bits, width, depth, runs):
    command = ["cargo", "bench", "--quiet", "--bench", "dots", "--", "--square", *map(str, (bits, width, depth, runs))]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return min(float(line) for line in out.split())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    figure, panels = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
    for panel, (title, label, points) in zip(panels, SERIES):
        xs = [x for x, _ in points]
        ys = [milliseconds(*point, runs) for _, point in points]
        slope, start = np.polyfit(xs, ys, 1)
        print(title)
        for (x, (bits, width, depth)), y in zip(points, ys):
            each = 1e6 * y / (BATCH * depth * width**2)
            print(f"  {label} {x:8.5g}: {y:9.2f} ms, {each:6.3f} ns a multiply-add, {27 * each / bits:6.3f} a digit of 27 bits, "
                  f"{y / (start + slope * x):4.2f} of the line", flush=True)
        panel.plot(xs, ys, "o", color="tab:blue")
        panel.plot([0, max(xs)], [start, start + slope * max(xs)], "-", color="tab:gray", linewidth=1)
        panel.set(title=title, xlabel=label, ylabel="milliseconds", xlim=(0, None), ylim=(0, None))
    (ROOT / "target" / "peers").mkdir(parents=True, exist_ok=True)
    figure.savefig(ROOT / "target" / "peers" / "scaling.svg")


if __name__ == "__main__":
    main()
