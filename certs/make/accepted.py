"""Certificates that are true, smallest first. Others are made of these by one change each."""

from decimal import Decimal as D
from decimal import localcontext
from fractions import Fraction as F

from binary32 import INFINITY, SIGN, Arithmetic, dot, schedule, total, value
from corpus import (
    entry,
    executed,
    forward,
    graph,
    in_file,
    little_endian,
    node,
    number,
    safetensors,
    source,
    tensor,
    words,
)

HALF_ULP = "0x1p-24"


def word(w):
    """A word as tensors are written here."""
    return f"x{w:08x}"


def unary(op, n=2, **attributes):
    """y = op(x)."""
    return graph([source("input", "x", [n]), node(op, [0], [n], **attributes)], y=1)


def binary(op, n=1):
    """z = op(x, y)."""
    return graph([source("input", "x", [n]), source("input", "y", [n]), node(op, [0, 1], [n])], z=2)


def pointwise(op, x, y, stated=None, **rest):
    """op at one point of a graph of one operation, claimed with the keywords of `forward`, or executed under a schedule."""
    points, result = [{"x": tensor([len(x)], x)}], [{"y": tensor([len(y)], y)}]
    claim = forward if stated is None else (lambda *a, **k: executed(stated, *a, **k))
    return claim(unary(op, len(x)), points, result, **rest)


RELU = pointwise("relu", [1, -1], [1, 0])

# Several inputs, and several outputs.
TWO_CASES = forward(
    unary("relu"),
    [{"x": tensor([2], [1, -1])}, {"x": tensor([2], [-2, 3])}],
    [{"y": tensor([2], [1, 0])}, {"y": tensor([2], [0, 3])}],
)
TWO_OUTPUTS = forward(
    graph([source("input", "x", [2]), node("neg", [0], [2]), node("relu", [1], [2])], y=1, z=2),
    [{"x": tensor([2], [1, -1])}],
    [{"y": tensor([2], [-1, 1]), "z": tensor([2], [0, 1])}],
)

# An affine layer: x Wᵀ + b at x = [1, −1] with W = [[1, 2], [3, 4]], b = [5, 6].
AFFINE = graph(
    [
        source("input", "x", [1, 2]),
        source("const", "W", [2, 2]),
        source("const", "b", [2]),
        node("linear", [0, 1, 2], [1, 2]),
    ],
    y=3,
)
AFFINE_INPUTS, AFFINE_OUTPUTS = [{"x": tensor([1, 2], [1, -1])}], [{"y": tensor([1, 2], [4, 5])}]
LINEAR = forward(
    AFFINE, AFFINE_INPUTS, AFFINE_OUTPUTS, parameters={"W": tensor([2, 2], [1, 2, 3, 4]), "b": tensor([2], [5, 6])}
)
TABLE = {"W": entry([2, 2], 0, 16), "b": entry([2], 16, 24)}
DATA = little_endian([1, 2, 3, 4, 5, 6])


def linear_from(files, path="data/affine.safetensors"):
    """The affine layer with its parameters in a file."""
    parameters = {"W": in_file([2, 2], path, "W"), "b": in_file([2], path, "b")}
    return forward(AFFINE, AFFINE_INPUTS, AFFINE_OUTPUTS, parameters=parameters, files=files)


def conv(**changed):
    """A convolution of one channel; an attribute that is changed to `None` is left out."""
    conventions = {"stride": [2], "dilation": [1], "pad_before": [1], "pad_after": [0], "groups": 1} | changed
    conventions = {name: value for name, value in conventions.items() if value is not None}
    sources = [source("input", "x", [1, 1, 4]), source("const", "kernel", [1, 1, 3])]
    return forward(
        graph(sources + [node("conv", [0, 1], [1, 1, 2], **conventions)], y=2),
        [{"x": tensor([1, 1, 4], [1, 2, 3, 4])}],
        [{"y": tensor([1, 1, 2], [F(5, 2), F(15, 2)])}],
        parameters={"kernel": tensor([1, 1, 3], [1, F(1, 2), 1])},
    )


# The nearest word to 1/3 is 11184811/2^25, and 1/(3·2^25) above it.
THIRD = F(1, 3)
assert value(number(THIRD)) - THIRD == F(1, 3 * 2**25)


def third(abs):
    return pointwise("reciprocal", [3], [THIRD], abs=abs)


def exponentials(values, digits=60):
    with localcontext() as context:
        context.prec = digits
        return [D(v).exp() for v in values]


def softmax(values):
    exps = exponentials(values)
    with localcontext() as context:
        context.prec = 60
        return [F(e / sum(exps)) for e in exps]


SOFTMAX = forward(
    unary("softmax", 3, axis=0),
    [{"x": tensor([3], [1, 2, 3])}],
    [{"y": tensor([3], softmax([1, 2, 3]))}],
    rel=HALF_ULP,
)
MASKED = lambda blocked: forward(
    graph(
        [
            source("input", "x", [2, 2]),
            source("input", "mask", [2, 2]),
            node("masked_softmax", [0, 1], [2, 2], axis=1, fully_blocked=blocked),
        ],
        y=2,
    ),
    [{"x": tensor([2, 2], [1, 2, 3, 4]), "mask": tensor([2, 2], [0, 1, 0, 0])}],
    [{"y": tensor([2, 2], [0, 1, 0, 0])}],
)

# Cancellation: the exact sum of 10^8, 1 and −10^8 is 1, and binary32 from the left has 0.
SUM = graph([source("input", "x", [3]), node("sum", [0], [], axes=[0], keepdims=False)], y=1)
CANCELLING = [10**8, 1, -(10**8)]
CANCELLATION = forward(SUM, [{"x": tensor([3], CANCELLING)}], [{"y": tensor([], [1])}])


def summed(terms, stated=schedule(), rounding="nearest_even", nan="canonical"):
    """An executed sum of three terms."""
    y = total(stated, words(terms), Arithmetic(rounding, nan))
    return executed(stated, SUM, [{"x": tensor([3], terms)}], [{"y": tensor([], [word(y)])}], rounding, nan)


# One dot product of seven terms whose result differs with every schedule below; exactly, but for rounded data, it is 3.85.
X = [F(v) for v in ("-1.5", "8", "-6.5", "-2.1", "-2.3", "-5", "4.5")]
Y = [F(v) for v in ("5.3", "-1.4", "-7.1", "3.7", "4.6", "4.7", "3.4")]
BIAS = [F("3.4")]
DOT = graph(
    [
        source("input", "x", [7]),
        source("const", "w", [1, 7]),
        source("const", "b", [1]),
        node("linear", [0, 1, 2], [1]),
    ],
    y=3,
)
PARAMETERS = {"w": tensor([1, 7], Y), "b": tensor([1], BIAS)}


def dotted(stated, rounding="nearest_even", nodes=None, computed=None):
    """The dot product executed under a schedule; `computed` is the schedule that the words are of."""
    y = dot(computed or stated, words(X), words(Y), words(BIAS)[0], Arithmetic(rounding))
    return executed(
        stated,
        DOT,
        [{"x": tensor([7], X)}],
        [{"y": tensor([1], [word(y)])}],
        rounding,
        nodes=nodes,
        parameters=PARAMETERS,
    )


SEQUENTIAL = {"kind": "sequential"}
COMB = [[6, 5], [7, 4], [8, 3], [9, 2], [10, 1], [11, 0]]
ORDERS = {
    "sequential": (schedule(), "one chain from the first term to the last, then the bias"),
    "fma": (schedule(fma=True), "one chain of fused multiply-adds: another word for the same graph"),
    "bias_first": (schedule(bias="first"), "one chain that begins with the bias"),
    "pairwise": (schedule("pairwise", leaf=2), "pairwise halving down to chains of two"),
    "lanes_halving": (
        schedule("lanes", width=4, combine="halving"),
        "four lanes, as SIMD has them, then the upper half folded onto the lower one",
    ),
    "lanes_adjacent": (schedule("lanes", width=4, combine="adjacent"), "four lanes, then neighbours added"),
    "lanes_sequential": (schedule("lanes", width=4, combine="sequential"), "four lanes, then added from the left"),
    "blocks": (schedule("blocks", size=3, inner=SEQUENTIAL), "blocks of three terms, the last one shorter"),
    "blocks_bias_first": (
        schedule("blocks", size=3, inner=SEQUENTIAL, bias="first"),
        "with blocks a leading bias begins the sum of the blocks, not the first block",
    ),
}
TREE = schedule("tree", pairs=COMB)


def write(corpus):
    c = corpus

    c.section("accept", "Exact and rounded")
    c.add(
        "identity",
        "the smallest certificate: the output is the input, and the recorded one equals it",
        forward(graph([source("input", "x", [])], y=0), [{"x": tensor([], [F(1, 2)])}], [{"y": tensor([], [F(1, 2)])}]),
    )
    c.add("relu", "one operation, recorded exactly, at tolerance zero", RELU)
    c.add("linear", "an affine layer of small integers is exact, so tolerance zero holds", LINEAR)
    c.add("conv", "stride 2 and one padded cell on the left only: every convention is an attribute", conv())
    c.add(
        "add_rounded",
        "0.1 + 0.2 in binary32 is off by at most half a unit in the last place, so rel 2^-24 holds",
        forward(
            binary("add"),
            [{"x": tensor([1], [F("0.1")]), "y": tensor([1], [F("0.2")])}],
            [{"z": tensor([1], [word(Arithmetic().add(*words([F("0.1"), F("0.2")])))])}],
            rel=HALF_ULP,
        ),
    )
    c.add("softmax", "each probability is the exact one rounded once, so it is within rel 2^-24", SOFTMAX)
    c.add(
        "masked_softmax_zeros", "a row without an allowed position is zeros when the attribute says so", MASKED("zeros")
    )
    c.add("cancellation", "over the reals 10^8 + 1 - 10^8 is 1, whatever binary32 makes of it", CANCELLATION)
    c.add(
        "bias_of_63_bits",
        "a bias whose exact mantissa is -2^63, the product of -1, 1 and the subnormal 2^-132, beside a weight of 2^-140",
        forward(
            graph(
                [
                    source("input", "x", [1]),
                    source("const", "weight", [1, 1]),
                    source("const", "tiny", [1]),
                    node("neg", [0], [1]),
                    node("mul", [0, 3], [1]),
                    node("mul", [4, 2], [1]),
                    node("linear", [0, 1, 5], [1]),
                ],
                y=6,
            ),
            [{"x": tensor([1], [1])}],
            [{"y": tensor([1], ["x8001fe00"])}],
            parameters={"weight": tensor([1, 1], ["x00000200"]), "tiny": tensor([1], ["x00020000"])},
        ),
    )
    c.add(
        "no_overflow_over_the_reals",
        "x*x/x at x = 2^127 is x: over the reals nothing overflows on the way",
        forward(
            graph([source("input", "x", []), node("mul", [0, 0], []), node("div", [1, 0], [])], y=2),
            [{"x": tensor([], [2**127])}],
            [{"y": tensor([], [2**127])}],
        ),
    )
    c.add(
        "negative_zero",
        "a recorded -0 is the number 0 in a claim over the reals (exec tells them apart)",
        pointwise("relu", [1, -1], [1, word(SIGN)]),
    )
    c.add("two_cases", "two listed inputs are two obligations, and both hold", TWO_CASES)
    c.add("two_outputs", "every output of the graph is recorded, the inner one too", TWO_OUTPUTS)

    c.section("accept", "Tolerances")
    c.add(
        "third_within",
        "1/3 rounded is off by exactly 1/100663296; a tolerance of 1/100663295 is enough (see the same name in reject and decline)",
        third("1/100663295"),
    )
    c.add(
        "slack",
        "slack multiplies both parts: 2*(2^-24 + 0*|y|) is the one unit in the last place by which 1 + 2^-23 is off",
        pointwise("relu", [1, -1], [word(0x3F800001), 0], abs=HALF_ULP, slack="2"),
    )
    c.add(
        "relative",
        "rel is of the greater of |y| and |s|: 1 against 3 is within 2/3",
        pointwise("relu", [1, -1], [3, 0], rel="2/3"),
    )
    c.add(
        "useless_tolerance",
        "true and worthless: 999999 is within 10^6 of 1; the sentence prints the tolerance, so read it",
        pointwise("relu", [1, -1], [999999, 0], abs="1000000"),
    )

    c.section("accept", "Files and hints")
    files = c.file("data/affine.safetensors", safetensors(TABLE, DATA))
    c.add("file", "parameters in a safetensors file, bound by its SHA-256", linear_from(files))
    c.add(
        "hint_too_low",
        "a witness that asks for one bit of precision costs time, not the verdict",
        {**SOFTMAX, "witness": {"precision": 1}},
    )
    c.add(
        "hint_too_high",
        "a witness that asks for 2^62 bits of precision gets what the limit allows",
        {**RELU, "witness": {"precision": 2**62}},
    )

    c.section("accept", "Executions: one dot product, a word for each schedule")
    for name, (stated, about) in ORDERS.items():
        c.add(f"exec_{name}", about, dotted(stated))
    c.add(
        "exec_tree",
        "an explicit tree, here from the last term to the first; a tree belongs to one node",
        dotted(schedule(), nodes=[{"node": 3, "schedule": TREE}], computed=TREE),
    )
    c.add(
        "exec_toward_zero",
        "another rounding direction, for every operation",
        dotted(schedule(), rounding="toward_zero"),
    )

    c.section("accept", "Executions: binary32 at its edges")
    c.add(
        "exec_cancellation",
        "in binary32 and from the left 10^8 + 1 - 10^8 is 0, and an exec claim says so",
        summed(CANCELLING),
    )
    inf = word(INFINITY)
    c.add("exec_infinity", "the greatest number twice is an infinity", summed([word(INFINITY - 1)] * 2 + [0]))
    c.add(
        "exec_nan_canonical",
        "inf - inf is 7fc00000 under the canonical policy",
        summed([inf, word(INFINITY | SIGN), 0]),
    )
    c.add(
        "exec_nan_x86",
        "inf - inf is ffc00000 on x86",
        summed([inf, word(INFINITY | SIGN), 0], nan="propagate_x86"),
    )
    c.add(
        "exec_nan_payload",
        "x86 hands on the first NaN operand, made quiet, with its payload",
        summed([1, "x7f800123", "xffc00456"], nan="propagate_x86"),
    )
    c.add(
        "exec_subnormal",
        "subnormal words are numbers like others: 2^-149 three times",
        summed(["x00000001"] * 3),
    )
    zeros = ["x80000000"] * 3
    c.add("exec_zero_first_term", "-0 - 0 - 0 is -0 when a chain begins with its first term", summed(zeros))
    c.add(
        "exec_zero_cleared",
        "-0 - 0 - 0 is +0 when the accumulator is cleared first",
        summed(zeros, schedule(start="zero")),
    )
    c.add(
        "exec_relu_of_negative_zero",
        "relu is IEEE 754-2019 maximum with +0: of -0 it is +0, of a NaN it is a NaN",
        pointwise("relu", ["x80000000", "x7fc00000"], [0, "x7fc00000"], schedule()),
    )
    c.add(
        "exec_exp",
        "elementary functions are correctly rounded",
        pointwise("exp", [1, F("0.1")], [word(Arithmetic().exp(w)) for w in words([1, F("0.1")])], schedule()),
    )
