#!/usr/bin/env python3
"""A second opinion on `forward` certificates: exact rational arithmetic, the standard library, nothing shared with tl-check.

Written from certs/FORMAT.md and spec-tests/ops/*.md alone. `check.py CERTIFICATE…` prints one line for each: ACCEPTED (well formed and
true), REJECTED (malformed or false) or DECLINED (an operation or a kind of claim that it cannot judge, or too much work).
A tensor of values is a list of integers and one positive denominator, so that dot products are sums of integers.
"""
import hashlib, itertools, json, math, operator, os, re, struct, sys
from fractions import Fraction

class Rejected(Exception): pass
class Declined(Exception): pass

KINDS = "forward exec trace divergence gradient adjoint region region32 counterexample error_bound step"
OTHERS = """adaptive_avg_pool avg_pool batch_norm bce bce_with_logits clamp concat conv conv_transpose cos cosine cross_entropy elu erf exp gather
    gelu global_avg_pool group_norm hard_sigmoid hard_swish hinge huber instance_norm kl layer_norm leaky_relu log log_softmax logsumexp mae
    masked_softmax max_pool mish mse nll pad permute poisson pow rms_norm rsqrt sigmoid silu sin slice softmax softplus sqrt tanh transpose
    upsample""".split()  # in the vocabulary, not evaluated here
MAX_ELEMENTS, MAX_WORK = 1 << 24, 1 << 27  # limits of this checker (graph_c6)

def need(condition, why):
    if not condition: raise Rejected(why)

# §1 JSON, and the types of its values

class Odd: """A value that is no value of the format: an object with a key twice, a number that is no integer of 63 bits."""

def strict_json(data):
    def pairs(items): return dict(items) if len(dict(items)) == len(items) else Odd()
    def integer(text): return int(text) if text != "-0" and len(text) < 21 and abs(int(text)) < 1 << 63 else inexact(text)
    def constant(text): raise ValueError(text)
    def inexact(text): return constant(text) if math.isinf(float(text)) else Odd()
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_int=integer, parse_float=inexact, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        raise Rejected(f"not one JSON value in UTF-8: {error}")
    level, depth = [value], 0
    while level:
        strings = [s for v in level if isinstance(v, (str, dict)) for s in ([v] if isinstance(v, str) else v)]
        need(not re.search("[\ud800-\udfff]", "".join(strings)), "half of a surrogate pair")
        depth += any(isinstance(v, (dict, list)) for v in level)
        need(depth <= 127, "nested too deep")
        level = [w for v in level if isinstance(v, (dict, list)) for w in (v.values() if isinstance(v, dict) else v)]
    return value

def typed(value, kind):
    need(type(value) is kind, f"expected {kind.__name__}, found {type(value).__name__}")
    return value

def keys(value, required, optional=""):
    need(set(required.split()) <= set(typed(value, dict)) <= set((required + " " + optional).split()), f"keys {sorted(value)}")
    return value

def one_of(words, value):
    need(typed(value, str) in words.split(), f"{value!r} is none of {words}")
    return value

def text(value): return typed(value, str)
def boolean(value): return typed(value, bool)
def items(read): return lambda value: [read(v) for v in typed(value, list)]

def natural(value):
    need(typed(value, int) >= 0, "a negative integer")
    return value

def shape(value):
    need(len(items(natural)(value)) <= 8 and 0 not in value and math.prod(value) < 1 << 31, f"{value} is no shape")
    return value

# §2 Exact numbers

def exact(value):
    need(len(text(value)) <= 1024, "a number too long")
    fraction, number = re.fullmatch(r"(-?[0-9]+)/([0-9]+)", value), None
    if fraction:
        need(int(fraction[2]), "a denominator of zero")
        number = Fraction(int(fraction[1]), int(fraction[2]))
    for prefix, digit, base, power in ("", "[0-9]", 10, "e"), ("0x", "[0-9a-fA-F]", 16, "p"):
        if m := re.fullmatch(rf"(-?){prefix}({digit}+)(?:\.({digit}+))?(?:{power}([+-]?[0-9]+))?", value):
            exponent, part = int(m[4] or 0), m[3] or ""
            need(abs(exponent) <= 4096, "an exponent beyond 4096")
            number = Fraction(int(m[1] + m[2] + part, base), base ** len(part)) * Fraction(2 if prefix else 10) ** exponent
    need(number is not None, f"{value!r} is no exact number")
    need(number.numerator.bit_length() + number.denominator.bit_length() <= 3384, "a number of too many bits")
    return number

# §3 Tensors and their files

def tensor_files(folder, listed):
    """The tensors of the listed files, by file and name."""
    found = {}
    for path, digest in typed(listed, dict).items():
        names = path.split("/")
        need(all(re.fullmatch("[A-Za-z0-9_-][A-Za-z0-9._-]*", name) for name in names), f"the path {path!r} is not allowed")
        need(len(path) <= 255 and path.endswith(".safetensors"), "a path too long or of another kind")
        need(not any(os.path.islink(os.path.join(folder, *names[:i + 1])) for i in range(len(names))), "a symbolic link")
        data = open(os.path.join(folder, path), "rb").read()
        need(hashlib.sha256(data).hexdigest() == text(digest), f"{path} has another digest")
        length, at, before = int.from_bytes(data[:8], "little"), 0, len(found)
        need(len(data) >= 8 + length, "a file cut short")
        table, data = typed(strict_json(data[8:8 + length]), dict), data[8 + length:]
        table.pop("__metadata__", None)
        for name, entry in sorted(table.items(), key=lambda e: items(natural)(keys(e[1], "dtype shape data_offsets")["data_offsets"])):
            size, ends = 4 * math.prod(shape(entry["shape"])), entry["data_offsets"]
            need(entry["dtype"] == "F32" and ends == [at, at + size] and at + size <= len(data), "entries that do not cover the data as binary32")
            found[path, name], at = (entry["shape"], struct.unpack(f"<{size // 4}I", data[at:at + size])), at + size
        need(at == len(data) and len(found) > before, "bytes that no entry covers, or a file without tensors")
    return found

def tensor(value, files, used):
    if "words" in typed(value, dict):
        words = text(keys(value, "shape words")["words"])
        need(len(words) == 9 * math.prod(shape(value["shape"])) - 1 and re.fullmatch("[0-9a-f]{8}(?: [0-9a-f]{8})*", words), "malformed words")
        return value["shape"], [int(word, 16) for word in words.split(" ")]
    place = text(keys(value, "shape file tensor")["file"]), text(value["tensor"])
    need(place in files and shape(value["shape"]) == files[place][0], "no such tensor, or of another shape")
    used.add(place)
    return files[place]

def tensors(table, declared, files, used):
    """The tensors of an object, exactly those that are asked for."""
    need(set(typed(table, dict)) == set(declared), f"{sorted(table)} given, {sorted(declared)} asked for")
    read = {name: tensor(table[name], files, used) for name in table}
    need(all(read[name][0] == declared[name] for name in read), "a tensor of another shape than the graph's")
    return read

def numbers(words):
    """Finite words as integers over one power of two."""
    fields = [(max(w >> 23 & 255, 1), (w & 0x7fffff) + (0x800000 if w >> 23 & 255 else 0), w >> 31) for w in words]
    need(all(e < 255 for e, _, _ in fields), "a datum that is not finite")
    low = min(150, *(e for e, _, _ in fields))
    return [(-m if sign else m) << e - low for e, m, sign in fields], 1 << 150 - low

# §4 Operations: a row takes (attributes, shapes of the parents) and gives (shape, values of the parents → value)

def over(fractions):
    common = math.lcm(*(f.denominator for f in fractions))
    return [f.numerator * (common // f.denominator) for f in fractions], common

def aligned(*values):
    common = math.lcm(*(den for _, den in values))
    return [nums if den == common else [n * (common // den) for n in nums] for nums, den in values], common

def same(s, value):
    need(all(t == s[0] for t in s), "operands of different shapes")
    return s[0], value

def elementwise(f):
    def value(*xs):
        rows, common = aligned(*xs)
        return [f(*r) for r in zip(*rows)], common
    return lambda a, s: same(s, value)

def product(x, y): return [p * q for p, q in zip(x[0], y[0])], x[1] * y[1]

def reciprocal(x):
    need(0 not in x[0], "division by zero: the graph is undefined here")
    return over([Fraction(x[1], n) for n in x[0]])

def reshape(a, s):
    need(math.prod(shape(a["shape"])) == math.prod(s[0]), "reshape_c1")
    return a["shape"], lambda x: x

def flatten(a, s):
    first, last = a["first_axis"], a["last_axis"]
    need(first <= last < len(s[0]), "flatten_c1")
    return s[0][:first] + [math.prod(s[0][first:last + 1])] + s[0][last + 1:], lambda x: x

def walk(dims, axes):
    """Flat row-major positions along these axes, the others at 0."""
    steps = [range(0, math.prod(dims[i:]), math.prod(dims[i + 1:])) for i in axes]
    return [sum(p) for p in itertools.product(*steps)]

def broadcast(a, s):
    dims, old = shape(a["shape"]), [1] * (len(a["shape"]) - len(s[0])) + s[0]
    need(len(old) == len(dims) and all(e in (1, d) for e, d in zip(old, dims)), "broadcast_c1")
    steps = [math.prod(old[i + 1:]) * (e > 1) for i, e in enumerate(old)]
    return dims, lambda x: ([x[0][sum(map(operator.mul, p, steps))] for p in itertools.product(*map(range, dims))], x[1])

def reduction(f):
    def row(a, s):
        axes, rest = a["axes"], [i for i in range(len(s[0])) if i not in a["axes"]]
        need(sorted(set(axes)) == axes and all(i < len(s[0]) for i in axes), "axes")
        value = lambda x: over([Fraction(f([x[0][o + i] for i in inner]), x[1]) for inner in [walk(s[0], axes)] for o in walk(s[0], rest)])
        return [1 if i in axes else d for i, d in enumerate(s[0]) if a["keepdims"] or i in rest], value
    return row

def linear(a, s):
    need(s[0] and len(s[1]) == 2 and s[0][-1] == s[1][1] and (len(s) < 3 or s[2] == s[1][:1]), "linear_c")
    def value(x, w, bias=([0], 1)):
        rows, weights = ([t[0][i:i + s[1][1]] for i in range(0, len(t[0]), s[1][1])] for t in (x, w))
        (out, bias), den = aligned(([sum(map(operator.mul, r, t)) for r in rows for t in weights], x[1] * w[1]), bias)
        return [n + bias[i % len(bias)] for i, n in enumerate(out)], den
    return shape(s[0][:-1] + s[1][:1]), value

def matmul(a, s):
    if not len(s[0]) == len(s[1]) == 2: raise Declined("operation matmul of batches or vectors")
    (m, k), (l, n) = s
    need(k == l, "matmul_c2")
    columns = lambda w: ([w[0][t * n + j] for j in range(n) for t in range(k)], w[1])
    return shape([m, n]), lambda x, w: linear(a, [s[0], [n, k]])[1](x, columns(w))

AXES = {"axes": items(natural), "keepdims": boolean}
OPS = {  # keyword: numbers of parents, attributes in the order of the page, row
    "reshape": ([1], {"shape": items(natural)}, reshape), "flatten": ([1], {"first_axis": natural, "last_axis": natural}, flatten),
    "broadcast": ([1], {"shape": items(natural)}, broadcast), "linear": ([2, 3], {}, linear), "matmul": ([2], {}, matmul),
    "add": ([2], {}, elementwise(operator.add)), "sub": ([2], {}, elementwise(operator.sub)), "neg": ([1], {}, elementwise(operator.neg)),
    "max": ([2], {}, elementwise(max)), "min": ([2], {}, elementwise(min)), "relu": ([1], {}, elementwise(lambda n: max(n, 0))),
    "abs": ([1], {}, elementwise(abs)), "mul": ([2], {}, lambda a, s: same(s, product)), "reciprocal": ([1], {}, lambda a, s: same(s, reciprocal)),
    "div": ([2], {}, lambda a, s: same(s, lambda x, y: product(x, reciprocal(y)))),
    "scale": ([1], {"factor": exact}, lambda a, s: same(s, lambda x: product(x, ([a["factor"].numerator] * len(x[0]), a["factor"].denominator)))),
    "sum": ([1], AXES, reduction(sum)), "mean": ([1], AXES, reduction(lambda terms: Fraction(sum(terms), len(terms)))),
    "reduce_max": ([1], AXES, reduction(max)), "reduce_min": ([1], AXES, reduction(min)),
}

def graph(value):
    """Shapes by name of inputs, parameters and outputs; the nodes; the nodes of the outputs; the digest; what is not supported."""
    nodes, declared, texts, refused, work = [], {"input": {}, "const": {}}, [], [], 0
    for node in typed(keys(value, "nodes outputs")["nodes"], list):
        op, given, dims = text(keys(node, "op parents shape", "attributes")["op"]), typed(node.get("attributes", {}), dict), shape(node["shape"])
        need(all(p < len(nodes) for p in items(natural)(node["parents"])), "graph_c1")
        parents, attributes, run = [nodes[p]["shape"] for p in node["parents"]], given, None
        if op in declared:
            need(not parents and text(keys(given, "name")["name"]) not in declared[op], "graph_c2, graph_c4")
            declared[op][given["name"]] = dims
        elif op in OPS:
            arity, types, row = OPS[op]
            need(len(parents) in arity, "graph_c2")
            keys(given, " ".join(types))
            attributes = {name: read(given[name]) for name, read in types.items()}
            inferred, run = row(attributes, parents)
            need(inferred == dims, "graph_c3")
        else:
            need(op in OTHERS, f"no operation {op}")
            refused.append("operation " + op)
        work += math.prod(dims) * (parents[0][-1] if op in ("linear", "matmul") else 1)
        if math.prod(dims) > MAX_ELEMENTS or work > MAX_WORK: refused.append("limit")
        canonical = {name: str(v) if isinstance(v, Fraction) else v for name, v in attributes.items()}
        texts.append({"op": op, **({"attributes": canonical} if canonical else {}), "parents": node["parents"], "shape": dims})
        nodes.append({**node, "attributes": attributes, "run": run})
    outputs = {name: natural(value["outputs"][name]) for name in sorted(typed(value["outputs"], dict), key=str.encode)}
    need(outputs and max(outputs.values()) < len(nodes), "graph_c4")
    live = set(outputs.values())
    for id in reversed(range(len(nodes))): live |= set(nodes[id]["parents"] if id in live else ())
    need(len(live) == len(nodes), "graph_c5")
    digest = hashlib.sha256(json.dumps({"nodes": texts, "outputs": outputs}, separators=(",", ":"), ensure_ascii=False, default=lambda v: need(False, "no value of the format")).encode())
    return *declared.values(), {name: nodes[id]["shape"] for name, id in outputs.items()}, nodes, outputs, digest.hexdigest(), refused

# §5 Claims

def decide(claim, nodes, outputs, given, cases, records):
    tol = [exact(claim["tolerance"].get(key, default)) for key, default in (("slack", "1"), ("abs", ""), ("rel", ""), ("ulps", "0"))]
    need(min(tol) >= 0, "a negative tolerance")
    for case, record in zip(cases, records):
        values = []
        for node in nodes:
            table = {"input": case, "const": given}.get(node["op"])
            values.append(table[node["attributes"]["name"]] if table else node["run"](*(values[p] for p in node["parents"])))
        for name, id in outputs.items():
            for i, pair in enumerate(zip(*(aligned(record[name], values[id])[0]))):
                y, s = (Fraction(n, math.lcm(record[name][1], values[id][1])) for n in pair)
                ulp = Fraction(2) ** (max(y.numerator.bit_length() - y.denominator.bit_length() - 23, -149) if y else -149)
                need(abs(y - s) <= tol[0] * (tol[1] + tol[2] * max(abs(y), abs(s)) + tol[3] * ulp), f"element {i} of {name} is outside the tolerance")
    return "slack {} abs {} rel {} ulps {}".format(*tol)

def check(path):
    data = strict_json(open(path, "rb").read())
    need(keys(data, "format claim model inputs", "about producer files witness")["format"] == "tl-cert/1", "another format")
    for v in [data.get("about", ""), *keys(data["producer"] if "producer" in data else {"name": "", "version": ""}, "name version").values()]: text(v)
    natural(keys(data.get("witness", {}), "", "precision").get("precision", 1))
    claim, kind = data["claim"], one_of(KINDS, typed(data["claim"], dict).get("kind"))
    if kind not in ("forward", "exec"): raise Declined("claim " + kind)
    files, used = tensor_files(os.path.dirname(os.path.abspath(path)), data.get("files", {})), set()
    inputs, parameters, outputs, nodes, ids, digest, refused = graph(keys(data["model"], "graph parameters")["graph"])
    given = tensors(data["model"]["parameters"], parameters, files, used)
    cases = items(lambda case: tensors(case, inputs, files, used))(data["inputs"])
    need(cases, "no cases")
    keys(claim, "kind outputs " + ("tolerance" if kind == "forward" else "execution"))
    records = items(lambda record: tensors(record, outputs, files, used))(claim["outputs"])
    need(len(records) == len(cases) and used == set(files), "not one record for each case, or a tensor that nothing uses")
    if kind == "exec": raise Declined("claim exec")
    keys(claim["tolerance"], "abs rel", "slack ulps")
    words = hashlib.sha256()
    for name in sorted(given, key=str.encode):
        words.update(struct.pack("<Q", len(name.encode())) + name.encode() + struct.pack(f"<{len(given[name][0]) + 1}Q", len(given[name][0]), *given[name][0]))
        words.update(struct.pack(f"<{len(given[name][1])}I", *given[name][1]))
    finite = lambda table: {name: numbers(t[1]) for name, t in table.items()}
    given, cases, records = finite(given), [finite(c) for c in cases], [finite(r) for r in records]
    if refused: raise Declined(refused[0])
    tolerance = decide(claim, nodes, ids, given, cases, records)
    return f"graph {digest} parameters {words.hexdigest()} cases {len(cases)} {tolerance}"

def verdict(path):
    try: return "ACCEPTED", check(path)
    except Rejected as why: return "REJECTED", str(why)
    except Declined as why: return "DECLINED", str(why)
    except OSError as why: return "UNREADABLE", str(why)

if __name__ == "__main__":
    for path in sys.argv[1:]: print(path, *verdict(path), flush=True)
