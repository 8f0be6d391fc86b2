"""Certificates that must not be believed: as a rule an accepted one with one change.

The sections are the ways in which checkers said yes without a proof.
"""

import json
from fractions import Fraction as F

from accepted import (
    BIAS,
    CANCELLATION,
    CANCELLING,
    COMB,
    DATA,
    LINEAR,
    MASKED,
    ORDERS,
    RELU,
    SEQUENTIAL,
    TABLE,
    TWO_CASES,
    TWO_OUTPUTS,
    X,
    Y,
    binary,
    conv,
    dotted,
    exponentials,
    linear_from,
    pointwise,
    summed,
    third,
)
from binary32 import dot, round_to_word, schedule, value
from corpus import entry, forward, graph, node, safetensors, source, tensor, words

OUT = '"y": {"shape": [2], "words": "3f800000 00000000"}'
IN = '"x": {"shape": [2], "words": "3f800000 bf800000"}'
TOLERANCE = '"tolerance": {"abs": "0", "rel": "0"}'
NODE = '{"op": "relu", "parents": [0], "shape": [2]}'
INPUT = '"attributes": {"name": "x"}, "parents": [], "shape": [2]}'


def write(corpus):
    c = corpus

    def relu(name, about, code, *change):
        c.add(name, about, RELU, code, change)

    c.section("reject", "Holes: an assumption is not a proof")
    relu(
        "assumption",
        "an assumption has no place in the format",
        "TL0103",
        ('"claim": {', '"assume": ["the claim holds"], "claim": {'),
    )
    relu("claim_unknown", "a claim of a kind that nobody defined", "TL0109", ('"forward"', '"trusted"'))
    c.add(
        "witness_verdict",
        "a witness is a hint about cost; it cannot bring the verdict along",
        {**RELU, "witness": {"verdict": "ACCEPTED"}},
        "TL0103",
    )
    relu("record_left_open", "an output that is yet to be recorded", "TL0105", (OUT, '"y": null'))
    relu(
        "format_unknown",
        "a format of the future is not read as if it were this one",
        "TL0107",
        ("tl-cert/1", "tl-cert/2"),
    )

    c.section("reject", "The goal: steps that check, and nothing is proved")
    c.add(
        "output_not_recorded",
        "the graph has two outputs, the claim records one of them",
        TWO_OUTPUTS,
        "TL0116",
        [(', "z": {"shape": [2], "words": "00000000 3f800000"}', "")],
    )
    relu(
        "output_of_no_graph",
        "an output is recorded that the graph does not have",
        "TL0117",
        (OUT, f"{OUT}, {OUT.replace('y', 'z')}"),
    )
    relu(
        "output_is_no_node", "an output of the graph is a node that does not exist", "TL0137", ('{"y": 1}', '{"y": 2}')
    )
    relu("no_outputs", "a graph without outputs claims nothing", "TL0137", ('{"y": 1}', "{}"), (OUT, ""))
    relu(
        "no_cases",
        "no listed input: true of everything, so not a claim",
        "TL0203",
        (f"{{{IN}}}", ""),
        (f"{{{OUT}}}", ""),
    )
    relu("cases_without_outputs", "two inputs, one record", "TL0203", (f"{{{IN}}}", f"{{{IN}}}, {{{IN}}}"))
    relu("dead_node", "a node that leads to no output", "TL0117", (NODE, f"{NODE}, {NODE}"))
    c.add(
        "rounded_sum",
        "binary32's 0 for 10^8 + 1 - 10^8, claimed of the reals, where it is 1",
        CANCELLATION,
        "TL0231",
        [('"shape": [], "words": "3f800000"', '"shape": [], "words": "00000000"')],
    )

    c.section("reject", "Tolerances: none of the checker's own")
    relu(
        "one_ulp", "one unit in the last place at tolerance zero", "TL0231", ("3f800000 00000000", "3f800001 00000000")
    )
    relu("smallest_number", "2^-149 is not 0", "TL0231", ("3f800000 00000000", "3f800000 00000001"))
    relu(
        "relative_at_zero",
        "a relative tolerance below 1 allows nothing where the exact value is 0",
        "TL0231",
        ("3f800000 00000000", "3f800000 00000001"),
        ('"rel": "0"', '"rel": "0.999999"'),
    )
    relu("tolerance_negative", "a negative tolerance", "TL0230", ('"abs": "0"', '"abs": "-1e-6"'))
    relu(
        "slack_negative",
        "a negative slack on negative parts would multiply to a positive one",
        "TL0230",
        (TOLERANCE, '"tolerance": {"abs": "0", "rel": "0", "slack": "-1"}'),
    )
    relu(
        "slack_twice",
        "a second slack hides behind the first",
        "TL0102",
        (TOLERANCE, '"tolerance": {"abs": "0", "rel": "0", "slack": "1", "slack": "1000000"}'),
    )
    relu(
        "slack_escaped",
        "a second slack whose key is spelt with an escape is still a second slack",
        "TL0102",
        (TOLERANCE, '"tolerance": {"abs": "0", "rel": "0", "slack": "1", "\\u0073lack": "1000000"}'),
    )
    relu(
        "tolerance_float",
        "a JSON number is no exact number, whatever a parser makes of it",
        "TL0105",
        ('"abs": "0"', '"abs": 1e-6'),
    )
    relu("tolerance_nan", "NaN compares with nothing", "TL0108", ('"abs": "0"', '"abs": "nan"'))
    relu("tolerance_infinite", "everything is within 1/0", "TL0108", ('"abs": "0"', '"abs": "1/0"'))
    relu("tolerance_exponent", "an exponent beyond 4096", "TL0108", ('"abs": "0"', '"abs": "1e4097"'))
    relu(
        "output_nan",
        "a recorded NaN is within no tolerance",
        "TL0202",
        ("3f800000 00000000", "7fc00000 00000000"),
        ('"abs": "0"', '"abs": "1e900"'),
    )
    relu(
        "input_infinite",
        "an infinite input of a claim over the reals",
        "TL0202",
        ("3f800000 bf800000", "7f800000 bf800000"),
    )
    c.add(
        "parameter_nan",
        "a NaN among the parameters of a claim over the reals",
        LINEAR,
        "TL0202",
        [("40a00000 40c00000", "40a00000 7fc00000")],
    )

    c.section("reject", "Enclosures: rounded outward, never to nearest")
    c.add(
        "third_outside",
        "1/3 rounded is off by exactly 1/100663296; a tolerance of 1/100663297 is too small by 1 in 10^8, which binary32 cannot see",
        third("1/100663297"),
        "TL0231",
    )
    c.add(
        "third_far_digits",
        "1/3 rounded is off by exactly 1/100663296; this tolerance is too small in its 60th digit, which no float sees",
        third("0." + str(10**60 // 100663296).rjust(60, "0")),
        "TL0231",
    )
    euler = value(0x402DF854)
    error = abs(euler - F(exponentials([1], digits=90)[0]))
    c.add(
        "e_far_digits",
        "e rounded is off by 8.25...*10^-8; this tolerance is too small in its 60th digit, which no float sees",
        pointwise("exp", [1], [euler], abs=f"0.{int(error * 10**60):060}"),
        "TL0231",
    )
    c.add("tanh_is_not_one", "tanh 100 is 1 in every float, and is not 1", pointwise("tanh", [100], [1]), "TL0231")

    c.section("reject", "Leaves: one that nobody looked at")
    c.add(
        "second_case",
        "the first case holds, the second does not",
        TWO_CASES,
        "TL0231",
        [("00000000 40400000", "00000000 40400001")],
    )
    c.add(
        "second_output",
        "the first output holds, the second does not",
        TWO_OUTPUTS,
        "TL0231",
        [("00000000 3f800000", "00000000 3f800001")],
    )
    relu(
        "last_element",
        "the first element holds, the last does not",
        "TL0231",
        ("3f800000 00000000", "3f800000 3f800000"),
    )
    c.add(
        "log_of_negative",
        "the logarithm of -1 has no value, so nothing is near it",
        pointwise("log", [-1], [0], abs="1000000"),
        "TL0201",
    )
    c.add(
        "division_by_zero",
        "1/0 has no value over the reals",
        forward(
            binary("div"), [{"x": tensor([1], [1]), "y": tensor([1], [0])}], [{"z": tensor([1], [0])}], abs="1000000"
        ),
        "TL0201",
    )
    c.add(
        "division_by_zero_hidden",
        "relu(1/x - 1/x) at 0 is not 0: a part without a value has no value as a whole",
        forward(
            graph(
                [
                    source("input", "x", [1]),
                    node("reciprocal", [0], [1]),
                    node("sub", [1, 1], [1]),
                    node("relu", [2], [1]),
                ],
                y=3,
            ),
            [{"x": tensor([1], [0])}],
            [{"y": tensor([1], [0])}],
        ),
        "TL0201",
    )
    c.add(
        "masked_softmax_blocked",
        "a row without an allowed position has no value when the attribute says undefined",
        MASKED("undefined"),
        "TL0201",
    )

    c.section("reject", "Order: a fact used before it is checked")
    relu("self_reference", "a node that is its own parent", "TL0132", (NODE, NODE.replace("[0]", "[1]")))
    relu(
        "forward_reference",
        "a node whose parent comes later",
        "TL0132",
        (NODE, f"{NODE.replace('[0]', '[2]')}, {NODE}"),
    )
    relu("parent_negative", "a parent counted from the end", "TL0106", (NODE, NODE.replace("[0]", "[-1]")))

    c.section("reject", "Derived fields: recomputed, never believed")
    relu(
        "shape_declared",
        "the declared shape of a result is not the inferred one",
        "TL0135",
        (NODE, NODE.replace('"shape": [2]', '"shape": [1, 2]')),
    )
    relu(
        "graph_digest",
        "a digest of the graph beside the graph: it is computed, so there is no place for it",
        "TL0103",
        ('"parameters": {}', '"parameters": {}, "digest": "' + 64 * "0" + '"'),
    )
    relu(
        "record_reshaped",
        "the recorded output has as many elements, but another shape",
        "TL0141",
        (OUT, OUT.replace("[2]", "[1, 2]")),
    )
    relu(
        "input_reshaped",
        "the listed input has as many elements, but another shape",
        "TL0141",
        (IN, IN.replace("[2]", "[2, 1]")),
    )
    files = c.file("data/affine.safetensors", safetensors(TABLE, DATA))
    good = files["data/affine.safetensors"]
    c.add(
        "file_digest",
        "the file is not the one that is meant: its digest differs in the last digit",
        linear_from(files),
        "TL0113",
        [(good, good[:-1] + "%x" % (int(good[-1], 16) ^ 1))],
    )

    def tampered(name, about, code, content, change=()):
        path = f"data/{name}.safetensors"
        c.add(name, about, linear_from(c.file(path, content), path), code, change)

    c.section("reject", "Tensor files: the digest says which bytes, not that they are well-formed")
    tampered(
        "file_overlap", "two tensors share bytes", "TL0115", safetensors(TABLE | {"b": entry([2], 8, 16)}, DATA[:16])
    )
    tampered(
        "file_gap",
        "bytes between two tensors that belong to neither",
        "TL0115",
        safetensors(TABLE | {"b": entry([2], 20, 28)}, DATA + DATA[:4]),
    )
    tampered("file_tail", "bytes after the last tensor", "TL0115", safetensors(TABLE, DATA + DATA[:4]))
    tampered("file_cut", "the data of the last tensor are cut off", "TL0115", safetensors(TABLE, DATA[:-4]))
    tampered(
        "file_dtype",
        "half-precision words are not read as something else",
        "TL0115",
        safetensors(TABLE | {"b": entry([4], 16, 24, "F16")}, DATA),
    )
    tampered(
        "file_shape",
        "a tensor of another shape than its bytes",
        "TL0115",
        safetensors(TABLE | {"b": entry([3], 16, 24)}, DATA),
    )
    tampered("file_table_length", "a table longer than the file", "TL0115", safetensors(TABLE, DATA, length=2**63))
    table = json.dumps(TABLE | {"c": entry([2], 0, 8)}, separators=(",", ":")).replace('"c"', '"b"')
    tampered("file_name_twice", "a name that stands for two tensors", "TL0115", safetensors(None, DATA, table=table))
    tampered(
        "file_tensor_missing",
        "the file has no tensor of the name that is asked for",
        "TL0116",
        safetensors({"W": TABLE["W"], "c": TABLE["b"]}, DATA),
    )
    tampered(
        "file_tensor_unused",
        "a tensor of the file that nothing uses",
        "TL0117",
        safetensors(TABLE | {"c": entry([1], 24, 28)}, DATA + DATA[:4]),
    )
    tampered(
        "file_transposed",
        "the right bytes under another shape",
        "TL0141",
        safetensors(TABLE | {"W": entry([4], 0, 16)}, DATA),
    )
    c.add(
        "file_not_listed",
        "a tensor of a file that is not listed has no digest",
        {k: v for k, v in linear_from(files).items() if k != "files"},
        "TL0116",
    )
    empty = c.file("data/file_empty.safetensors", safetensors({}, b""))
    c.add("file_empty", "a listed file without a tensor, which nothing can use", {**RELU, "files": empty}, "TL0117")
    for name, about, path in (
        ("path_parent", "a path out of the folder of the certificate", "../accept/data/affine.safetensors"),
        ("path_absolute", "an absolute path", "/data/affine.safetensors"),
        ("path_hidden", "a hidden file", "data/.affine.safetensors"),
        ("path_other_kind", "a file of another kind", "data/affine.npz"),
    ):
        c.add(name, about, linear_from({path: good}, path), "TL0112")
    c.links["reject/data/link.safetensors"] = "affine.safetensors"
    c.add(
        "path_link",
        "a symbolic link, though to the right bytes",
        linear_from({"data/link.safetensors": good}, "data/link.safetensors"),
        "TL0112",
    )

    c.section("reject", "Text: what is not understood is not skipped")
    whole = b'{"format": "tl-cert/1", "about": "the text ends in the middle", "claim": {"kind": "forw'
    c.add("truncated", "the text ends in the middle", whole, "TL0101")
    relu("trailing_bytes", "something follows the certificate", "TL0101", ("\n}\n", "\n}\n{}\n"))
    relu("comment", "JSON has no comments", "TL0101", ('"claim"', '// the claim\n  "claim"'))
    relu("trailing_comma", "JSON has no comma before a bracket", "TL0101", ('"parents": [0]', '"parents": [0,]'))
    relu("nan_literal", "JSON has no NaN", "TL0101", ('"abs": "0"', '"abs": NaN'))
    relu("byte_order_mark", "a byte order mark in front", "TL0101", ('{\n  "format"', '\ufeff{\n  "format"'))
    c.add("not_utf8", "a byte that is no UTF-8, though only in this sentence: ?", RELU, "TL0101", [(b": ?", b": \xff")])
    relu("nested_too_deep", "129 levels", "TL0101", ('"129 levels"', "[" * 128 + '"129 levels"' + "]" * 128))
    relu(
        "key_unknown",
        "a key that the format does not know, though only a note",
        "TL0103",
        ('"claim": {', '"note": "for later", "claim": {'),
    )
    relu(
        "key_missing",
        "a tolerance without its relative part: there are no defaults",
        "TL0104",
        (TOLERANCE, '"tolerance": {"abs": "0"}'),
    )
    relu(
        "key_twice",
        "two graphs under one key",
        "TL0102",
        ('"outputs": {"y": 1}', '"outputs": {"y": 1}, "outputs": {"y": 0}'),
    )
    relu("name_twice", "two parents of one name: which of the words are the input's?", "TL0102", (IN, f"{IN}, {IN}"))
    relu("null", "null is not the absence of a value", "TL0105", ('"parameters": {}', '"parameters": null'))
    relu("wrong_type", "an id in quotation marks", "TL0105", ('{"y": 1}', '{"y": "1"}'))
    relu("integer_as_float", "2.0 is not an integer", "TL0106", (INPUT, INPUT.replace("[2]", "[2.0]")))
    relu("integer_too_large", "2^64 + 2 is not 2", "TL0106", (INPUT, INPUT.replace("[2]", f"[{2**64 + 2}]")))
    # Accepted until −2^63 was a number of 64 bits.
    c.add(
        "integer_of_64_bits",
        "-2^63 has no 63 bits",
        forward(
            graph([source("input", "x", [2]), node("slice", [0], [1], start=[1], end=[-1], step=[-(2**63)])], y=1),
            [{"x": tensor([2], [1, 3])}],
            [{"y": tensor([1], [3])}],
        ),
        "TL0106",
    )
    relu("words_short", "a word too few", "TL0111", ("3f800000 00000000", "3f800000"))
    relu(
        "words_upper_case",
        "upper-case digits: one text for one tensor",
        "TL0111",
        ("3f800000 00000000", "3F800000 00000000"),
    )
    relu("words_two_spaces", "two spaces between words", "TL0111", ("3f800000 00000000", "3f800000  0000000"))

    c.section("reject", "Graphs")
    relu("op_unknown", "an operation that is not in the vocabulary", "TL0131", ('"relu"', '"rely"'))
    relu("arity", "an operation with too many parents", "TL0133", (NODE, NODE.replace("[0]", "[0, 0]")))
    relu(
        "attribute_unknown",
        "an attribute that the operation does not have",
        "TL0103",
        (NODE, NODE.replace('"relu",', '"relu", "attributes": {"slope": "0.01"},')),
    )
    c.add("attribute_missing", "a convolution that leaves its groups to a default", conv(groups=None), "TL0104")
    c.add("conv_groups", "two groups for one channel", conv(groups=2), "TL0134")
    c.add("conv_no_window", "a dilated kernel larger than the padded input", conv(dilation=[3]), "TL0134")
    relu(
        "zero_dimension",
        "a dimension of zero: every claim about no element holds",
        "TL0136",
        (INPUT, INPUT.replace("[2]", "[0]")),
    )
    relu(
        "shape_overflow",
        "2^32 * 2^32 elements, which wrap to none in 64 bits",
        "TL0136",
        (INPUT, INPUT.replace("[2]", "[4294967296, 4294967296]")),
    )
    relu("rank_nine", "nine dimensions", "TL0136", (INPUT, INPUT.replace("[2]", "[1, 1, 1, 1, 1, 1, 1, 1, 2]")))
    c.add(
        "input_twice",
        "two inputs of one name",
        forward(
            graph([source("input", "x", [1]), source("input", "x", [1]), node("add", [0, 1], [1])], y=2),
            [{"x": tensor([1], [1])}],
            [{"y": tensor([1], [2])}],
        ),
        "TL0138",
    )
    c.add(
        "parameter_missing",
        "the graph asks for a parameter that is not given",
        LINEAR,
        "TL0116",
        [('"b": {"shape"', '"c": {"shape"')],
    )
    relu(
        "parameter_unused",
        "a parameter that the graph does not ask for",
        "TL0117",
        ('"parameters": {}', '"parameters": {"w": {"shape": [], "words": "00000000"}}'),
    )
    c.add(
        "parameter_shape",
        "a bias of one element for two outputs",
        LINEAR,
        "TL0141",
        [('{"shape": [2], "words": "40a00000 40c00000"}', '{"shape": [1], "words": "40a00000"}')],
    )

    c.section("reject", "Executions")
    sequential, pairwise = schedule(), ORDERS["pairwise"][0]
    y = dot(sequential, words(X), words(Y), words(BIAS)[0])
    c.add("exec_one_bit", "the last bit is another", dotted(sequential), "TL0241", [(f"{y:08x}", f"{y ^ 1:08x}")])
    c.add(
        "exec_order",
        "the words of a sequential sum under a pairwise schedule",
        dotted(pairwise, computed=sequential),
        "TL0241",
    )
    c.add(
        "exec_fma",
        "the words of fused multiply-adds, which the schedule denies",
        dotted(sequential, computed=ORDERS["fma"][0]),
        "TL0241",
    )
    c.add(
        "exec_bias",
        "the words with the bias last, the schedule has it first",
        dotted(ORDERS["bias_first"][0], computed=sequential),
        "TL0241",
    )
    exact = sum(value(x) * value(y) for x, y in zip(words(X), words(Y))) + value(words(BIAS)[0])
    c.add(
        "exec_wide_accumulator",
        "the exact result rounded once, as a wide accumulator gives it, is better and not this execution",
        dotted(sequential),
        "TL0241",
        [(f"{y:08x}", f"{round_to_word(exact):08x}")],
    )
    c.add(
        "exec_rounding",
        "the words of rounding to nearest in an execution toward zero",
        dotted(sequential),
        "TL0241",
        [("nearest_even", "toward_zero")],
    )
    c.add(
        "exec_rounding_unknown",
        "a rounding direction that leaves its ties open",
        dotted(sequential),
        "TL0109",
        [("nearest_even", "nearest")],
    )
    c.add(
        "exec_real_sum",
        "the exact sum of 10^8, 1 and -10^8 is not that of binary32",
        summed(CANCELLING),
        "TL0241",
        [('"words": "00000000"', '"words": "3f800000"')],
    )
    c.add(
        "exec_sign_of_zero",
        "+0 is not -0 to an exec claim",
        summed(["x80000000"] * 3),
        "TL0241",
        [('"shape": [], "words": "80000000"', '"shape": [], "words": "00000000"')],
    )
    c.add(
        "exec_nan_payload",
        "a NaN with another payload",
        summed(["x7f800000", "xff800000", 0]),
        "TL0241",
        [('"words": "7fc00000"', '"words": "7fc00001"')],
    )
    c.add(
        "exec_flush_to_zero",
        "an execution that flushes subnormal results to zero is another one",
        summed(["x00000001"] * 3),
        "TL0241",
        [('"words": "00000003"', '"words": "00000000"')],
    )

    c.section("reject", "Schedules that are no order of the terms")

    def tree(pairs):
        return dotted(schedule(), nodes=[{"node": 3, "schedule": schedule("tree", pairs=pairs)}])

    c.add("tree_term_twice", "a tree that uses term 5 twice and term 6 never", tree([[5, 5]] + COMB[1:]), "TL0242")
    c.add("tree_too_short", "a tree that leaves terms out", tree(COMB[:-1]), "TL0242")
    c.add("tree_forward", "a pair of a node that is made later", tree([[8, 5]] + COMB[1:]), "TL0242")
    c.add(
        "lanes_none",
        "no lanes",
        dotted(schedule("lanes", width=4, combine="halving")),
        "TL0242",
        [('"width": 4', '"width": 0')],
    )
    c.add(
        "leaf_none",
        "chains of no terms, in a graph that adds up nothing: still no order",
        pointwise("relu", [1], [1], schedule("pairwise", leaf=0)),
        "TL0242",
    )
    inner = SEQUENTIAL
    for _ in range(9):
        inner = {"kind": "blocks", "size": 1, "inner": inner}
    c.add("blocks_too_deep", "blocks nested nine deep", dotted({**schedule(), "order": inner}), "TL0242")
    c.add(
        "schedule_of_no_node",
        "a schedule for a node that does not exist",
        dotted(schedule(), nodes=[{"node": 4, "schedule": schedule()}]),
        "TL0242",
    )
    c.add(
        "schedule_twice",
        "two schedules for one node",
        dotted(schedule(), nodes=[{"node": 3, "schedule": schedule()}] * 2),
        "TL0242",
    )
