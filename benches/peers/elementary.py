"""The elementary functions of the real reading beside Arb (through python-flint) and MPFR, in one run.

    pip install -r benches/peers/requirements.txt
    python benches/peers/elementary.py

Arb is called from Python: the cost of a call (about 180 ns), measured on a negation in the same run, is subtracted, and so is known no
better than to some 20 ns. The figures for this library and for MPFR are those that `cargo bench --bench elementary` prints; the arguments are
the same, in (0.7, 1.6) with all their bits. Times are minima.
"""

import os
import subprocess
import timeit
from pathlib import Path

import flint

ROOT = Path(__file__).resolve().parents[2]
CALLS = {
    "exp": "x.exp()",
    "log": "x.log()",
    "tanh": "x.tanh()",
    "erf": "x.erf()",
    "sin": "x.sin()",
    "cos": "x.cos()",
    "pow": "x ** y",
}


def nanoseconds(statement, values):
    """Least mean time of one call over all the values."""
    pairs = list(zip(values, reversed(values)))
    timer = timeit.Timer(f"for x, y in pairs: {statement}", globals={"pairs": pairs})
    loops = max(1, timer.autorange()[0] // 20)
    return min(timer.repeat(15, loops)) / loops / len(pairs) * 1e9


def arb(name, bits):
    """The time of one call into Arb, without that of calling."""
    flint.ctx.prec = bits
    values = [(flint.arb(739_085_133 + k * 13_371_337) / 1_000_000_007).mid() for k in range(64)]
    return max(nanoseconds(CALLS[name], values) - nanoseconds("-x", values), 1.0)


def main():
    command = ["cargo", "bench", "-q", "-p", "tl-oracles", "--features", "oracles", "--bench", "elementary"]
    run = subprocess.run(command, cwd=ROOT, env=os.environ | {"TL_TABLE": "1"}, check=True, text=True, stdout=subprocess.PIPE)
    rows = [line.split("\t") for line in run.stdout.splitlines() if line.split("\t")[0] in CALLS]
    print(f"{'':6}{'bits':>6}{'here':>10}{'MPFR':>10}{'Arb':>10}{'here/MPFR':>12}{'here/Arb':>10}   (ns)")
    for name, bits, ours, mpfr, _ in rows:
        ours, mpfr, peer = float(ours), float(mpfr), arb(name, int(bits))
        print(f"{name:6}{bits:>6}{ours:>10.0f}{mpfr:>10.0f}{peer:>10.0f}{ours / mpfr:>12.2f}{ours / peer:>10.2f}")


if __name__ == "__main__":
    main()
