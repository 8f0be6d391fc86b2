"""How the cost of `Real` grows with width, depth and precision: a plot with the line through the origin that fits each series.

Perceptrons of square layers at batch 16, by the bench `dots`, in processor time of one thread; the minimum of several evaluations.
Run `python benches/peers/scaling.py`; it writes `target/peers/scaling.svg` and prints the time a multiply-add and digit."""

import argparse
import subprocess
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).resolve().parents[2]
BATCH = 16
# Title, label of the axis, abscissa and (bits, width, depth) of every point.
SERIES = [
    ("width, 128 bits, 6 layers", "multiply-adds (millions)",
     [(6 * BATCH * width**2 / 1e6, (128, width, 6)) for width in (64, 128, 256, 384, 512, 640, 768)]),
    ("depth, 256 bits, width 256", "layers", [(depth, (256, 256, depth)) for depth in (6, 12, 18, 24, 30, 36)]),
    ("precision, width 256, 12 layers", "bits", [(bits, (bits, 256, 12)) for bits in (64, 128, 256, 384, 512, 768, 1024)]),
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
        slope = sum(x * y for x, y in zip(xs, ys)) / sum(x * x for x in xs)
        print(title)
        for (x, (bits, width, depth)), y in zip(points, ys):
            each = 1e6 * y / (BATCH * depth * width**2)
            print(f"  {label} {x:8.5g}: {y:9.2f} ms, {each:6.3f} ns a multiply-add, {27 * each / bits:6.3f} a digit of 27 bits, "
                  f"{y / (slope * x):4.2f} of the line", flush=True)
        panel.plot(xs, ys, "o", color="tab:blue")
        panel.plot([0, max(xs)], [0, slope * max(xs)], "-", color="tab:gray", linewidth=1)
        panel.set(title=title, xlabel=label, ylabel="milliseconds", xlim=(0, None), ylim=(0, None))
    (ROOT / "target" / "peers").mkdir(parents=True, exist_ok=True)
    figure.savefig(ROOT / "target" / "peers" / "scaling.svg")


if __name__ == "__main__":
    main()
