"""Certificates about what a program recorded at its nodes: true and false ones."""

from binary32 import SIGN, Arithmetic, dot, schedule
from corpus import certificate, graph, node, source, tensor, words

ON = Arithmetic()
ROUNDING = {"rounding": {"factor": "1", "library": 4}}
EXACT = {"abs": "0", "rel": "0"}

# y = v·relu(W x + b): node 3 is the affine map, 4 the relu, 6 the output.
NET = [
    source("input", "x", [1, 3]),
    source("const", "w", [2, 3]),
    source("const", "b", [2]),
    node("linear", [0, 1, 2], [1, 2]),
    node("relu", [3], [1, 2]),
    source("const", "v", [1, 2]),
    node("linear", [4, 5], [1, 1]),
]
X = words([0.9, 1.7, 2.3])
W = [words([0.1, 0.2, 0.3]), words([-1.7, 0.11, 0.5])]
B, V = words([0.01, -0.3]), words([1.1, -0.9])
SEQUENTIAL = schedule()


def hexes(row):
    return [f"x{word:08x}" for word in row]


def recorded(shape, row):
    return tensor(shape, hexes(row))


def relu(row):
    return [0 if word & SIGN else word for word in row]


AFFINE = [dot(SEQUENTIAL, row, X, bias) for row, bias in zip(W, B)]
POSITIVE = relu(AFFINE)
PARAMETERS = {
    "w": recorded([2, 3], W[0] + W[1]),
    "b": recorded([2], B),
    "v": recorded([1, 2], V),
}
INPUT = {"x": recorded([1, 3], X)}


def last(row, weight=V):
    """The output after a row of node 4."""
    return {"y": recorded([1, 1], [dot(SEQUENTIAL, weight, row)])}


def nodes(affine=None, positive=None):
    """Recorded nodes of one case."""
    rows = {"3": affine, "4": positive}
    return {name: recorded([1, 2], row) for name, row in rows.items() if row is not None}


BOTH = nodes(AFFINE, POSITIVE)
OUTPUT = last(POSITIVE)


def trace(tolerance=ROUNDING, operations=None, at=(BOTH,), outputs=(OUTPUT,), inputs=(INPUT,), **names):
    claim = {"kind": "trace", "tolerance": tolerance}
    claim |= {"operations": operations} if operations else {}
    claim |= {"nodes": list(at), "outputs": list(outputs)}
    return certificate(claim, graph(NET, **(names or {"y": 6})), list(inputs), parameters=PARAMETERS)


def moved(row, index, by):
    """The row with one word moved by some units in the last place."""
    return [word + by if i == index else word for i, word in enumerate(row)]


def write(c):
    c.section("accept", "Traces")
    c.add("trace_rounding", "every node is within what binary32 rounding can explain, in whatever order it was summed", trace())
    c.add(
        "trace_ulps",
        "the affine nodes are within four units in the last place, relu is exact",
        trace(EXACT, {"linear": {"abs": "0", "rel": "0", "ulps": "4"}}),
    )
    c.add(
        "trace_part",
        "node 3 is not recorded: relu is held against the exact affine map below it, and the bound is for both",
        trace(at=[nodes(None, POSITIVE)]),
    )
    c.add("trace_outputs_only", "only the output is recorded, so that the bound runs through the whole graph", trace(at=[{}]))
    far = [ON.add(AFFINE[0], 0x3F000000), AFFINE[1]]
    c.add(
        "trace_local",
        "node 3 is a half off, which its tolerance allows; what follows is held against the recorded value, so errors do not add up",
        trace(EXACT, {"linear": {"abs": "0.6", "rel": "0"}}, [nodes(far, relu(far))], [last(relu(far))]),
    )
    c.add("trace_two_cases", "two cases, in one of which more is recorded", trace(at=[BOTH, {}], outputs=[OUTPUT] * 2, inputs=[INPUT] * 2))

    c.section("reject", "Traces that do not hold")
    off = nodes(moved(AFFINE, 1, 64), POSITIVE)
    c.add(
        "trace_node_off",
        "an element of node 3 is 64 units in the last place off; it is negative, so that relu hides it from the output",
        trace(at=[off]),
        "TL0251",
    )
    c.add("trace_relu_one_ulp", "relu rounds nothing: one unit in the last place is no rounding", trace(at=[nodes(AFFINE, moved(POSITIVE, 0, 1))]), "TL0251")
    c.add("trace_transposed", "the last layer was computed with its weight the other way around", trace(outputs=[last(POSITIVE, V[::-1])]), "TL0251")
    c.add("trace_no_tolerance", "a rounded affine node at tolerance zero", trace(EXACT), "TL0251")
    c.add("trace_nan", "a recorded NaN is no number, though relu hides it too", trace(at=[nodes([AFFINE[0], 0x7FC00000], POSITIVE)]), "TL0202")
    c.add(
        "trace_alias",
        "one node is recorded under two names with different words",
        trace(outputs=[OUTPUT | {"z": last(moved(POSITIVE, 0, 9))["y"]}], y=6, z=6),
        "TL0141",
    )

    same = [source("input", "x", [1]), source("const", "x", [1]), node("sub", [0, 1], [1])]
    c.add(
        "trace_parameter_named_like_an_input",
        "an input and a parameter are both called x; the recorded difference is that of the input with itself",
        certificate(
            {"kind": "trace", "tolerance": EXACT, "nodes": [{}], "outputs": [{"y": recorded([1], words([0]))}]},
            graph(same, y=2),
            [{"x": recorded([1], words([3]))}],
            parameters={"x": recorded([1], words([1]))},
        ),
        "TL0251",
    )

    c.section("reject", "Traces that are malformed")
    c.add("trace_source", "an input is a datum; it is not recorded again", trace(at=[BOTH | {"0": INPUT["x"]}]), "TL0141")
    c.add("trace_output_twice", "the output is recorded among the nodes too", trace(at=[BOTH | {"6": OUTPUT["y"]}]), "TL0141")
    c.add("trace_no_such_node", "there is no node 9", trace(at=[BOTH | {"9": OUTPUT["y"]}]), "TL0141")
    c.add("trace_node_name", "03 is not how node 3 is named", trace(at=[{"03": BOTH["3"]}]), "TL0141")
    c.add("trace_shape", "node 3 is recorded in another shape", trace(at=[{"3": recorded([2, 1], AFFINE)}]), "TL0141")
    c.add("trace_cases", "one case of inputs and two of nodes", trace(at=[BOTH, BOTH]), "TL0203")
    c.add("trace_operation_unknown", "an allowance for an operation that is none", trace(operations={"gemm": ROUNDING}), "TL0131")
    c.add(
        "trace_library",
        "a mathematics library that is wrong by 2^17 units in the last place would explain everything",
        trace({"rounding": {"factor": "1", "library": 1 << 17}}),
        "TL0230",
    )
    c.add("trace_factor_negative", "a negative factor", trace({"rounding": {"factor": "-1", "library": 0}}), "TL0230")
    without = trace()
    del without["claim"]["nodes"]
    c.add("trace_without_nodes", "the key nodes is required", without, "TL0104")
    c.add("trace_two_allowances", "a tolerance and what rounding explains, both", trace(ROUNDING | EXACT), "TL0103")
