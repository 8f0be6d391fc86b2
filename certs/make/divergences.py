"""Certificates that a binary32 execution and the reals part ways: true, false and open ones."""

from binary32 import Arithmetic, schedule
from corpus import certificate, graph, node, source, tensor, words

ON = Arithmetic()
BIG = 1 << 25


def divergence(gap, graph, inputs, outputs, **rest):
    execution = {"rounding": "nearest_even", "nan": "canonical", "schedule": schedule()}
    claim = {"kind": "divergence", "execution": execution, "gap": gap, "outputs": [outputs]}
    return certificate(claim, graph, [inputs], **rest)


def element(abs="0", rel="0", output="y", index=(0,)):
    return {"kind": "element", "output": output, "index": list(index), "beyond": {"abs": abs, "rel": rel}}


def argmax(index):
    return {"kind": "argmax", "output": "y", "index": [0, index]}


def at_most(bound, *coefficients):
    terms = [{"output": "y", "index": [0, i], "coefficient": c} for i, c in enumerate(coefficients)]
    return {"terms": terms, "at_most": bound}


def decision(property, binary32):
    return {"kind": "decision", "property": property, "binary32": binary32}


# y = Σ x
SUM = graph([source("input", "x", [3]), node("sum", [0], [1], axes=[0], keepdims=True)], y=1)
# y = x·x, and x·x − x·x
SQUARE = graph([source("input", "x", [1]), node("mul", [0, 0], [1])], y=1)
NOTHING = graph([source("input", "x", [1]), node("mul", [0, 0], [1]), node("sub", [1, 1], [1])], y=2)
# y = (Σ x, 1/2), two classes
CLASSES = graph(
    [
        source("input", "x", [3]),
        node("sum", [0], [1], axes=[0], keepdims=True),
        source("const", "half", [1]),
        node("concat", [1, 2], [2], axis=0),
        node("reshape", [3], [1, 2], shape=[1, 2]),
    ],
    y=4,
)
HALF = {"parameters": {"half": tensor([1], [0.5])}}


def of_sum(gap, x=(BIG, 1, -BIG), y=0):
    return divergence(gap, SUM, {"x": tensor([3], x)}, {"y": tensor([1], [y])})


def of_one(gap, x, y, graph=SQUARE):
    return divergence(gap, graph, {"x": tensor([1], [x])}, {"y": tensor([1], [y])})


def of_classes(gap, x=(BIG, 1, -BIG), y=(0, 0.5)):
    return divergence(gap, CLASSES, {"x": tensor([3], x)}, {"y": tensor([1, 2], y)}, **HALF)


NOT_POSITIVE = [[{"terms": [{"output": "y", "index": [0], "coefficient": "1"}], "at_most": "0"}]]
LESS = [[at_most("1/4", "1", "1")], [at_most("0", "1", "-1")]]


def write(c):
    c.section("accept", "Divergences")
    c.add("divergence_absorbed", "2^25 + 1 - 2^25 is 1; in binary32, from left to right, it is 0", of_sum(element("1/2")))
    c.add("divergence_overflow", "the square of 2^100 is a number; in binary32 it is an infinity", of_one(element(rel="1000"), 2**100, "x7f800000"))
    c.add("divergence_underflow", "the square of 2^-100 is not zero; in binary32 it is, an error of all of it", of_one(element(rel="0.99"), 2.0**-100, 0))
    c.add("divergence_nan", "x*x - x*x is 0; in binary32 it is infinity minus infinity", of_one(element("1"), 2**100, "x7fc00000", NOTHING))
    c.add("divergence_argmax", "the second class wins in binary32, the first over the reals", of_classes(argmax(1)))
    c.add("divergence_decision", "y0 <= y1 holds in binary32 and not over the reals; the other disjunct holds of neither", of_classes(decision(LESS, True)))

    # Printed as it was, until names were quoted in sentences: the second line looked like a verdict on another file.
    name = "y\nACCEPTED other.json: for each of 1 listed inputs x, "
    renamed = SUM | {"outputs": {name: SUM["outputs"]["y"]}}
    at = {"x": tensor([3], [BIG, 1, -BIG])}
    c.add("divergence_name_of_two_lines", "a name may be any text: it is quoted, on one line", divergence(
        element("1/2", output=name), renamed, at, {name: tensor([1], [0])}))
    like = [[at_most("1/2", "1") | {"terms": [{"output": name, "index": [0], "coefficient": "1"}]}]]
    c.add("divergence_name_in_a_property", "the same in a property", divergence(decision(like, True), renamed, at, {name: tensor([1], [0])}))

    towers = [source("input", "x", [1]), node("exp", [0], [1]), node("neg", [1], [1])]
    small = graph([*towers, node("exp", [2], [1])], y=3)
    large = graph([*towers[:2], node("exp", [1], [1])], y=2)
    c.add(
        "divergence_far_above",
        "e^(e^20) is a number of seven hundred million bits, which is not written out; in binary32 it is an infinity",
        of_one(element(rel="1"), 20, "x7f800000", large),
    )
    c.add(
        "divergence_far_below",
        "e^(-e^20) is positive, seven hundred million bits below one; in binary32 it is 0",
        of_one(decision(NOT_POSITIVE, True), 20, 0, small),
    )

    c.section("reject", "Divergences that are none")
    c.add("divergence_within", "they differ by 1, not by more than 1", of_sum(element("1")), "TL0261")
    c.add("divergence_none", "2*2 is 4 in both", of_one(element(), 2, 4), "TL0261")
    c.add("divergence_not_executed", "the recorded word is not that of the stated execution, so that nothing follows from it", of_sum(element("1/2"), y=3), "TL0241")
    c.add("divergence_argmax_other", "the first class wins over the reals, but not in binary32", of_classes(argmax(0)), "TL0261")
    c.add("divergence_argmax_same", "the same class wins in both", of_classes(argmax(0), (1, 1, 1), (3, 0.5)), "TL0261")
    c.add("divergence_argmax_tie", "a tie over the reals: the class is still one of the greatest", of_classes(argmax(0), (0.25, 0.25, 0), (0.5, 0.5)), "TL0261")
    c.add("divergence_reversed", "the property holds in binary32, not over the reals", of_classes(decision(LESS, False)), "TL0261")
    both = [[at_most("2", "1", "1")], LESS[1]]
    c.add("divergence_decision_both", "the first disjunct holds of both", of_classes(decision(both, True)), "TL0261")
    c.add("divergence_decision_infinite", "a decision compares numbers, and infinity is none", of_one(decision(NOT_POSITIVE, False), 2**100, "x7f800000"), "TL0202")

    c.section("reject", "Divergences that are malformed")
    c.add("divergence_index", "the output has one element", of_one(element(index=[1]), 2, 4), "TL0141")
    c.add("divergence_output", "there is no output z", of_one(element(output="z"), 2, 4), "TL0141")
    c.add("divergence_conjunction_empty", "an empty conjunction would hold of everything", of_classes(decision([[]], True)), "TL0260")
    c.add("divergence_property_empty", "an empty disjunction would hold of nothing", of_classes(decision([], True)), "TL0260")
    c.add("divergence_gap_unknown", "no gap is of kind argmin", of_classes(argmax(0) | {"kind": "argmin"}), "TL0109")
    row = graph([source("input", "x", []), node("neg", [0], [])], y=1)
    scalar = divergence({"kind": "argmax", "output": "y", "index": []}, row, {"x": tensor([], [1])}, {"y": tensor([], [-1])})
    c.add("divergence_no_row", "a scalar has no row in which it could be the greatest", scalar, "TL0260")

    c.section("decline", "Divergences that are open")
    root = graph(
        [source("input", "x", [1]), node("sqrt", [0], [1]), node("mul", [1, 1], [1]), node("sub", [2, 0], [1])], y=3
    )
    square = ON.mul(*words([2**0.5]) * 2)
    y = ON.add(square, words([-2])[0])
    c.add(
        "divergence_open",
        "the square of the root of 2 minus 2 is zero over the reals, which no precision shows; in binary32 it is positive",
        of_one(decision(NOT_POSITIVE, False), 2, f"x{y:08x}", root),
        "TL0305",
    )
