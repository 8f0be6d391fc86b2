"""Forward passes by ONNX Runtime and by the compiled engine, alternating in one run: medians in milliseconds and their ratio.

Run `python benches/peers/forward.py [--networks mlp,mnist] [--threads 1,2] [--rounds 5]`. Each round runs one process of each side one after the other; a
process runs the network several times and tells its median; the figures are medians of rounds. The outputs of both sides are compared as well."""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).parent))
from networks import network

ROOT = Path(__file__).resolve().parents[2]
CASES = [("mlp", 128), ("mnist", 128), ("cifar", 128), ("mlp", 1), ("mnist", 1), ("cifar", 1), ("resnet34", 1), ("vit", 1)]


def peer(path, data, threads, runs):
    """The median of the runs, and the output."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    spent = []
    for _ in range(runs + 2):
        start = time.perf_counter()
        (output,) = session.run(None, {"x": data})
        spent.append(1e3 * (time.perf_counter() - start))
    return statistics.median(spent[2:]), output


def ours(engine, path, given, threads, runs, output):
    command = [*engine, "--forward", path, threads, runs, "--input", given, "--output", output]
    text = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
    spent = [float(line) for line in text.split("\n") if line and line[0].isdigit()]
    return statistics.median(spent[2:]), text.split("\n")[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", default="mlp,mnist,cifar,resnet34,vit")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engine", help="the bench binary; default: cargo bench --bench engine --")
    options = parser.parse_args()
    engine = [options.engine] if options.engine else ["cargo", "bench", "--quiet", "--bench", "engine", "--"]
    folder = ROOT / "target" / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    print("network  batch threads  ONNX Runtime ms       tl ms  ratio  largest difference  plan")
    for name, batch in CASES:
        if name not in options.networks.split(","):
            continue
        path, given, output = (folder / f"{name}-{batch}{end}" for end in (".onnx", ".npy", ".out.npy"))
        model = network(name, batch)
        onnx.save(model, path)
        shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
        data = np.random.default_rng(1).uniform(-1, 1, shape).astype(np.float32)
        np.save(given, data)
        for threads in map(int, options.threads.split(",")):
            runs = 30 if batch == 1 and name in ("mlp", "mnist", "cifar") else 9
            theirs, mine = [], []
            for _ in range(options.rounds):
                spent, expected = peer(path, data, threads, runs)
                theirs.append(spent)
                spent, plan = ours(engine, path, given, threads, runs, output)
                mine.append(spent)
            apart = np.abs(np.load(output) - expected).max() / np.abs(expected).max()
            a, b = statistics.median(theirs), statistics.median(mine)
            print(f"{name:8} {batch:5} {threads:7} {a:16.3f} {b:11.3f} {b / a:6.2f} {apart:19.1e}  {plan}", flush=True)


if __name__ == "__main__":
    main()
