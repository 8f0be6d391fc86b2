"""One step of gradient descent (forward, backward, update; mean cross entropy, batch 128) by PyTorch eager, by torch.compile, by JAX where they are installed and
work, and by the compiled engine, alternating in one run: medians in milliseconds, the ratio to the best peer, and peak memory in MiB.

Run `python benches/peers/step.py [--networks mlp,mnist,cifar] [--threads 1,2] [--rounds 5] [--peers eager,compile,jax]`."""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from networks import SMALL, module, network

ROOT = Path(__file__).resolve().parents[2]
BATCH = 128


def eager(name, threads, runs, compiled=False):
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net, shape = module(name), SMALL[name][1]
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    x, labels = torch.rand(BATCH, *shape) * 2 - 1, torch.arange(BATCH) % 10

    def loss():
        return torch.nn.functional.cross_entropy(net(x), labels)

    run = torch.compile(loss) if compiled else loss
    spent = []
    for _ in range(runs + 2):
        start = time.perf_counter()
        optimizer.zero_grad()
        run().backward()
        optimizer.step()
        spent.append(1e3 * (time.perf_counter() - start))
    return spent[2:]


def jax(name, threads, runs):
    import os

    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'} intra_op_parallelism_threads={threads}"
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    import jax
    import jax.numpy as jnp

    layers, shape = SMALL[name]
    key, parameters = jax.random.PRNGKey(0), []
    for kind, *sizes in layers:
        if kind == "dense":
            parameters.append((jax.random.normal(key, (sizes[0], sizes[1])) * (2 / sizes[0]) ** 0.5, jnp.zeros(sizes[1])))
        elif kind in ("conv", "norm"):
            parameters.append((jax.random.normal(key, (3, 3, *sizes)) * (2 / 9 / sizes[0]) ** 0.5, jnp.zeros(sizes[1]), jnp.ones(sizes[1])))
    x = jax.random.uniform(key, (BATCH, *shape[1:], shape[0]), minval=-1)
    labels = jnp.arange(BATCH) % 10

    def loss(parameters):
        left, y = list(parameters), x
        for kind, *sizes in layers:
            if kind == "flatten":
                y = y.reshape(BATCH, -1)
            elif kind == "pool":
                y = jax.lax.reduce_window(y, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
            elif kind == "dense":
                w, b = left.pop(0)
                y = y @ w + b
                y = jax.nn.relu(y) if sizes[2] else y
            else:
                w, b, g = left.pop(0)
                y = jax.lax.conv_general_dilated(y, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
                if kind == "norm":
                    y = (y - y.mean((0, 1, 2))) * jax.lax.rsqrt(y.var((0, 1, 2)) + 1e-5) * g
                y = jax.nn.relu(y + b)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(y), labels[:, None], 1))

    step = jax.jit(lambda p: jax.tree.map(lambda a, g: a - 0.01 * g, p, jax.grad(loss)(p)))
    spent = []
    for _ in range(runs + 2):
        start = time.perf_counter()
        parameters = jax.block_until_ready(step(parameters))
        spent.append(1e3 * (time.perf_counter() - start))
    return spent[2:]


def worker(peer, name, threads, runs):
    """Runs one peer in this process and prints what it took."""
    import resource

    run = {"eager": eager, "compile": lambda *a: eager(*a, compiled=True), "jax": jax}[peer]
    spent = run(name, threads, runs)
    print(json.dumps([statistics.median(spent), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def measure(peer, engine, path, name, threads, runs):
    """Median milliseconds and peak memory of one process, or nothing."""
    if peer == "tl":
        text = subprocess.run([*engine, "--step", str(path), str(threads), str(runs)], check=True, capture_output=True, text=True).stdout
        spent = [float(line) for line in text.split("\n") if line and line[0].isdigit()]
        return statistics.median(spent[2:]), float(text.split("peak ")[1].split()[0])
    command = [sys.executable, __file__, "--worker", peer, "--networks", name, "--threads", str(threads), "--rounds", str(runs)]
    done = subprocess.run(command, capture_output=True, text=True)
    return tuple(json.loads(done.stdout.strip().split("\n")[-1])) if done.returncode == 0 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", default="mlp,mnist,cifar")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", default="eager,compile,jax")
    parser.add_argument("--engine", help="the bench binary; default: cargo bench --bench engine --")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return worker(options.worker, options.networks, int(options.threads), options.rounds)
    import onnx

    engine = [options.engine] if options.engine else ["cargo", "bench", "--quiet", "--bench", "engine", "--"]
    folder = ROOT / "target" / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    print("network threads  side        median ms  peak MiB  tl / it")
    for name in options.networks.split(","):
        path = folder / f"{name}-step.onnx"
        onnx.save(network(name, BATCH), path)
        for threads in map(int, options.threads.split(",")):
            sides = {side: [] for side in [*options.peers.split(","), "tl"]}
            for _ in range(options.rounds):
                for side, found in sides.items():
                    result = measure(side, engine, path, name, threads, 9)
                    found += [result] if result else []
            mine = statistics.median(spent for spent, _ in sides["tl"])
            for side, found in sides.items():
                if not found:
                    print(f"{name:7} {threads:7}  {side:9} does not run here")
                    continue
                spent, memory = (statistics.median(column) for column in zip(*found))
                print(f"{name:7} {threads:7}  {side:9} {spent:11.3f} {memory:9.0f} {mine / spent:8.2f}", flush=True)


if __name__ == "__main__":
    main()
