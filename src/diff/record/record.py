"""Records the float32 values that a runtime computes on the way from the inputs of an ONNX model to its outputs, by their names in the file.

Usage: record.py MODEL INPUTS.npz RECORDED.npz --runtime onnxruntime|torch [--level none|basic|extended|all] [--bind NAME=FILE]…

onnxruntime: the graph is optimised up to the level and written out; of the values of the file, those that survived are made outputs of the optimised graph, which then runs
without further change. So fused values are absent, and what is recorded is what the fused kernels computed.
torch: the operators of the file, one after the other, in eager PyTorch on one thread. An operator that the table below lacks ends the recording.
"""

import argparse
import gzip
import sys
import tempfile
import zipfile
from pathlib import Path


def fail(message):
    print(f"record.py: {message}", file=sys.stderr)
    sys.exit(3)


try:
    import numpy as np
    import onnx
    from onnx import numpy_helper
except ModuleNotFoundError as error:
    fail(f"missing package {error.name}")


def load(path):
    data = Path(path).read_bytes()
    if data[:2] != b"\x1f\x8b":
        return onnx.load(path)  # finds external data beside the file
    return onnx.load_from_string(gzip.decompress(data))


def fed(model, given, bindings):
    """An array for every input: given, bound, or (where no output needs it) zeros."""
    initialized = {tensor.name for tensor in model.graph.initializer}
    feeds = {}
    for value in model.graph.input:
        if value.name in given:
            feeds[value.name] = given[value.name]
        elif value.name in bindings:
            bound = np.load(bindings[value.name])
            feeds[value.name] = bound if isinstance(bound, np.ndarray) else bound[bound.files[0]]
        elif value.name not in initialized:
            tensor = value.type.tensor_type
            shape = [dimension.dim_value or 1 for dimension in tensor.shape.dim]
            feeds[value.name] = np.zeros(shape, onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))
    return feeds


def in_onnxruntime(model, path, feeds, level):
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        fail(f"missing package {error.name}")
    onnxruntime.set_default_logger_severity(4)
    levels = onnxruntime.GraphOptimizationLevel

    def session(source, level, optimized=None):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.graph_optimization_level = level
        if optimized:
            options.optimized_model_filepath = optimized
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])

    names = {name for node in model.graph.node for name in node.output if name}
    outputs = [value.name for value in model.graph.output]
    chosen = {"none": "ORT_DISABLE_ALL", "basic": "ORT_ENABLE_BASIC", "extended": "ORT_ENABLE_EXTENDED", "all": "ORT_ENABLE_ALL"}[level]
    with tempfile.TemporaryDirectory() as folder:
        plain = str(Path(folder) / "plain.onnx")
        onnx.save(model, plain)
        optimized = str(Path(folder) / "optimized.onnx")
        session(plain, getattr(levels, chosen), optimized)
        graph = onnx.load(optimized)
        survivors = [name for node in graph.graph.node for name in node.output if name in names and name not in outputs]
        graph.graph.output.extend(onnx.ValueInfoProto(name=name) for name in survivors)
        extended = str(Path(folder) / "extended.onnx")
        onnx.save(graph, extended)
        running = session(extended, levels.ORT_DISABLE_ALL)
        wanted = {value.name for value in running.get_inputs()}
        values = running.run(outputs + survivors, {name: value for name, value in feeds.items() if name in wanted})
    return dict(zip(outputs + survivors, values))


def in_torch(model, path, feeds, level):
    try:
        import torch
        import torch.nn.functional as F
    except ModuleNotFoundError as error:
        fail(f"missing package {error.name}")
    torch.set_num_threads(1)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))

    def spatial(a, weight, name="kernel_shape"):
        """Strides, dilations and padding as (before, after) for each spatial axis."""
        rank = len(a[name]) if name in a else weight.dim() - 2
        if a.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
            raise NotImplementedError(f"auto_pad {a['auto_pad'].decode()}")
        pads = a.get("pads", [0] * (2 * rank))
        return a.get("strides", [1] * rank), a.get("dilations", [1] * rank), list(zip(pads[:rank], pads[rank:]))

    def padded(x, pads, value=0.0):
        if all(before == after == 0 for before, after in pads):
            return x
        return F.pad(x, [side for pair in reversed(pads) for side in pair], value=value)

    def conv(a, x, weight, bias=None):
        strides, dilations, pads = spatial(a, weight)
        symmetric = all(before == after for before, after in pads)
        x = x if symmetric else padded(x, pads)
        kind = [F.conv1d, F.conv2d, F.conv3d][weight.dim() - 3]
        return kind(x, weight, bias, strides, [before for before, _ in pads] if symmetric else 0, dilations, a.get("group", 1))

    def conv_transpose(a, x, weight, bias=None):
        strides, dilations, pads = spatial(a, weight)
        if any(before != after for before, after in pads) or "output_shape" in a:
            raise NotImplementedError("ConvTranspose with asymmetric padding or a stated output shape")
        kind = [F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d][weight.dim() - 3]
        more = a.get("output_padding", [0] * len(strides))
        return kind(x, weight, bias, strides, [before for before, _ in pads], more, a.get("group", 1), dilations)

    def max_pool(a, x):
        strides, dilations, pads = spatial(a, x)
        kind = [F.max_pool1d, F.max_pool2d, F.max_pool3d][x.dim() - 3]
        return kind(padded(x, pads, -torch.inf), a["kernel_shape"], strides, 0, dilations, bool(a.get("ceil_mode", 0)))

    def average_pool(a, x):
        strides, dilations, pads = spatial(a, x)
        if any(before != after for before, after in pads) or any(d != 1 for d in dilations):
            raise NotImplementedError("AveragePool with asymmetric padding or dilation")
        kind = [F.avg_pool1d, F.avg_pool2d, F.avg_pool3d][x.dim() - 3]
        return kind(x, a["kernel_shape"], strides, [before for before, _ in pads], bool(a.get("ceil_mode", 0)), bool(a.get("count_include_pad", 0)))

    def gemm(a, x, w, c=None):
        x = x.T if a.get("transA", 0) else x
        alpha, beta = a.get("alpha", 1.0), a.get("beta", 1.0)
        if a.get("transB", 0) and alpha == beta == 1 and (c is None or c.dim() == 1):
            return F.linear(x, w, c)
        w = w.T if a.get("transB", 0) else w
        y = x @ w if alpha == 1 else alpha * (x @ w)
        return y if c is None else y + (c if beta == 1 else beta * c)

    def reshape(a, x, shape):
        sizes = [x.shape[i] if size == 0 and not a.get("allowzero", 0) else size for i, size in enumerate(shape.tolist())]
        return x.reshape(sizes)

    def axes(a, rest):
        return a["axes"] if "axes" in a else rest[0].tolist() if rest and rest[0] is not None else None

    def reduced(kind):
        def f(a, x, *rest):
            over = axes(a, rest)
            over = list(range(x.dim())) if over is None else over
            return kind(x, dim=over, keepdim=bool(a.get("keepdims", 1)))

        return f

    def softmax(kind):
        def f(a, x):
            if opset >= 13:
                return kind(x, dim=a.get("axis", -1))
            axis = a.get("axis", 1) % max(x.dim(), 1)
            return kind(x.flatten(axis), dim=-1).reshape(x.shape)

        return f

    def unsqueeze(a, x, *rest):
        over = axes(a, rest)
        rank = x.dim() + len(over)
        for axis in sorted(axis % rank for axis in over):
            x = x.unsqueeze(axis)
        return x

    def squeeze(a, x, *rest):
        over = axes(a, rest)
        return x.squeeze() if over is None else x.squeeze(tuple(axis % x.dim() for axis in over))

    def slices(a, x, *rest):
        starts, ends = (a["starts"], a["ends"]) if "starts" in a else (rest[0].tolist(), rest[1].tolist())
        over = a.get("axes") or (rest[2].tolist() if len(rest) > 2 and rest[2] is not None else range(len(starts)))
        steps = rest[3].tolist() if len(rest) > 3 else [1] * len(starts)
        for start, end, axis, step in zip(starts, ends, over, steps):
            indices = range(x.shape[axis])[start:end:step]
            x = x.index_select(axis, torch.tensor(list(indices), dtype=torch.int64))
        return x

    def split(a, x, *rest):
        sizes = a["split"] if "split" in a else rest[0].tolist() if rest else None
        axis = a.get("axis", 0)
        return tuple(torch.split(x, sizes if sizes else -(-x.shape[axis] // a["num_outputs"]), axis))

    def gather(a, x, indices):
        axis = a.get("axis", 0) % x.dim()
        flat = torch.where(indices < 0, indices + x.shape[axis], indices).reshape(-1)
        return x.index_select(axis, flat).reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1 :])

    def batch_norm(a, x, weight, bias, mean, var):
        if a.get("training_mode", 0):
            raise NotImplementedError("BatchNormalization in training mode")
        return F.batch_norm(x, mean, var, weight, bias, False, 0.0, a.get("epsilon", 1e-5))

    def layer_norm(a, x, weight, bias=None):
        return F.layer_norm(x, x.shape[a.get("axis", -1) :], weight, bias, a.get("epsilon", 1e-5))

    def clip(a, x, low=None, high=None):
        low, high = a.get("min", low), a.get("max", high)
        return x if low is None and high is None else torch.clamp(x, low, high)

    def constant(a):
        if "value" in a:
            return torch.from_numpy(numpy_helper.to_array(a["value"]).copy())
        key = next(key for key in ("value_float", "value_floats", "value_int", "value_ints") if key in a)
        return torch.tensor(a[key], dtype=torch.float32 if "float" in key else torch.int64)

    def cast(a, x):
        return x.to(getattr(torch, np.dtype(onnx.helper.tensor_dtype_to_np_dtype(a["to"])).name))

    def filled(a, shape):
        value = numpy_helper.to_array(a["value"]) if "value" in a else np.zeros(1, np.float32)
        return torch.from_numpy(np.full(shape.tolist(), value[0], value.dtype))

    def one(f):
        return lambda a, x: f(x)

    def two(f):
        return lambda a, x, y: f(x, y)

    def folded(f):
        def many(a, first, *rest):
            for x in rest:
                first = f(first, x)
            return first

        return many

    def divided(x, y):
        return torch.div(x, y) if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")

    table = {
        "Abs": one(torch.abs), "Add": two(torch.add), "Cast": cast, "Clip": clip, "Constant": constant, "ConstantOfShape": filled,
        "AveragePool": average_pool, "BatchNormalization": batch_norm, "Concat": lambda a, *x: torch.cat(x, a["axis"]), "Conv": conv,
        "ConvTranspose": conv_transpose, "Cos": one(torch.cos), "Div": two(divided), "Dropout": lambda a, x, *rest: x,
        "Elu": lambda a, x: F.elu(x, a.get("alpha", 1.0)), "Erf": one(torch.erf), "Exp": one(torch.exp),
        "Expand": lambda a, x, shape: x * torch.ones(shape.tolist(), dtype=x.dtype),
        "Flatten": lambda a, x: x.reshape(int(np.prod(x.shape[: a.get("axis", 1)])), -1), "Gather": gather,
        "Gelu": lambda a, x: F.gelu(x, approximate=a.get("approximate", b"none").decode()), "Gemm": gemm,
        "GlobalAveragePool": lambda a, x: x.mean(dim=tuple(range(2, x.dim())), keepdim=True),
        "GlobalMaxPool": lambda a, x: torch.amax(x, dim=tuple(range(2, x.dim())), keepdim=True),
        "HardSwish": one(F.hardswish), "Identity": one(lambda x: x),
        "InstanceNormalization": lambda a, x, w, b: F.instance_norm(x, None, None, w, b, True, 0.0, a.get("epsilon", 1e-5)),
        "LayerNormalization": layer_norm, "LeakyRelu": lambda a, x: F.leaky_relu(x, a.get("alpha", 0.01)), "Log": one(torch.log),
        "LogSoftmax": softmax(F.log_softmax), "MatMul": two(torch.matmul), "Max": folded(torch.maximum), "MaxPool": max_pool,
        "Min": folded(torch.minimum), "Mish": one(F.mish), "Mul": two(torch.mul), "Neg": one(torch.neg), "Pow": two(torch.pow),
        "PRelu": lambda a, x, slope: torch.where(x < 0, slope * x, x), "Reciprocal": one(torch.reciprocal),
        "ReduceMax": reduced(torch.amax), "ReduceMean": reduced(torch.mean), "ReduceMin": reduced(torch.amin), "ReduceSum": reduced(torch.sum),
        "Relu": one(torch.relu), "Reshape": reshape, "Shape": lambda a, x: torch.tensor(x.shape), "Sigmoid": one(torch.sigmoid), "Sin": one(torch.sin),
        "Slice": slices, "Softmax": softmax(F.softmax), "Softplus": one(F.softplus), "Split": split, "Sqrt": one(torch.sqrt), "Squeeze": squeeze,
        "Sub": two(torch.sub), "Sum": folded(torch.add), "Tanh": one(torch.tanh), "Transpose": lambda a, x: x.permute(a.get("perm", list(range(x.dim()))[::-1])),
        "Unsqueeze": unsqueeze, "Where": lambda a, c, x, y: torch.where(c, x, y),
    }
    values = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in model.graph.initializer}
    values.update({name: torch.from_numpy(value.copy()) for name, value in feeds.items()})
    with torch.no_grad():
        for position, node in enumerate(model.graph.node):
            if node.op_type not in table or node.domain not in ("", "ai.onnx"):
                fail(f"node {position} ({node.op_type}): the torch runtime has no such operator; known are {', '.join(sorted(table))}")
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            try:
                results = table[node.op_type](attributes, *(values[name] if name else None for name in node.input))
            except NotImplementedError as error:
                fail(f"node {position} ({node.op_type}): the torch runtime cannot do {error}")
            results = results if isinstance(results, tuple) else (results,)
            values.update((name, value.contiguous()) for name, value in zip(node.output, results) if name)
    names = [name for node in model.graph.node for name in node.output if name in values]
    return {name: values[name].numpy() for name in names}


def main():
    parser = argparse.ArgumentParser()
    for name in ("model", "inputs", "recorded"):
        parser.add_argument(name)
    parser.add_argument("--runtime", choices=["onnxruntime", "torch"], required=True)
    parser.add_argument("--level", choices=["none", "basic", "extended", "all"], default="all")
    parser.add_argument("--bind", action="append", default=[])
    arguments = parser.parse_args()
    model = load(arguments.model)
    with np.load(arguments.inputs) as given:
        feeds = fed(model, dict(given), dict(binding.split("=", 1) for binding in arguments.bind))
    record = {"onnxruntime": in_onnxruntime, "torch": in_torch}[arguments.runtime]
    values = record(model, arguments.model, feeds, arguments.level)
    kept = {name: np.ascontiguousarray(value) for name, value in values.items() if value.dtype == np.float32 and value.size}
    kept = {name: value.reshape(values[name].shape) for name, value in kept.items()}  # ascontiguousarray makes scalars vectors
    # Not np.savez: its keywords cannot be any name.
    with zipfile.ZipFile(arguments.recorded, "w", zipfile.ZIP_STORED) as archive:
        for name, value in kept.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, value)


if __name__ == "__main__":
    main()
