"""Certificates that are not decided: a limit comes first, or the claim is of a kind for later. None may exit 0."""

from accepted import DATA, LINEAR, RELU, TABLE, linear_from, pointwise, third
from corpus import forward, graph, node, safetensors, source, tensor


def write(corpus):
    c = corpus

    c.section("decline", "Kinds of claims that this version does not decide")
    for kind, about in (
        ("region", "a claim about every input of a region"),
        ("error_bound", "a bound on the error of every execution"),
    ):
        c.add(
            f"kind_{kind}",
            f"{about}: known, not supported, so not accepted",
            RELU,
            "TL0307",
            [('"forward"', f'"{kind}"')],
        )

    c.section("decline", "Undecided at the largest precision")
    c.add(
        "third_tie",
        "1/3 rounded is off by exactly 1/100663296: at that tolerance it holds, with nothing to spare, and enclosures never tell",
        third("1/100663296"),
        "TL0305",
    )
    composed = lambda *ops: [source("input", "x", [1])] + [node(op, [i], [1]) for i, op in enumerate(ops)]
    c.add(
        "exp_log",
        "exp(log 2) is 2, but no enclosure shows equality",
        forward(graph(composed("log", "exp"), y=2), [{"x": tensor([1], [2])}], [{"y": tensor([1], [2])}]),
        "TL0305",
    )
    c.add(
        "divisor_undecided",
        "1/(exp(log 2) - 2) has no value, but no enclosure of the divisor is only zero",
        forward(
            graph(composed("log", "exp") + [node("sub", [2, 0], [1]), node("reciprocal", [3], [1])], y=4),
            [{"x": tensor([1], [2])}],
            [{"y": tensor([1], [0])}],
            abs="1000000",
        ),
        "TL0305",
    )
    c.add(
        "precision_too_low",
        "exp(log 2) is within 1e-40 of 2; 64 bits do not show it",
        forward(graph(composed("log", "exp"), y=2), [{"x": tensor([1], [2])}], [{"y": tensor([1], [2])}], abs="1e-40"),
        "TL0305",
        options="--max-precision 64",
    )
    c.add(
        "exp_is_not_zero", "exp(-100000) is not 0, but too near to compare", pointwise("exp", [-100000], [0]), "TL0305"
    )
    c.add(
        "exp_beyond",
        "exp(10^30) is a number, but too large to work with",
        pointwise("exp", [10**30], [0], abs="1"),
        "TL0306",
    )

    c.section("decline", "Limits, and the options that set them")
    c.add(
        "limit_json_bytes", "a certificate of more bytes than allowed", RELU, "TL0301", options="--max-json-bytes 200"
    )
    files = c.file("data/affine.safetensors", safetensors(TABLE, DATA))
    c.add(
        "limit_file_bytes",
        "a tensor file of more bytes than allowed",
        linear_from(files),
        "TL0301",
        options="--max-file-bytes 100",
    )
    c.add("limit_nodes", "four nodes where three are allowed", LINEAR, "TL0303", options="--max-nodes 3")
    c.add("limit_work", "more work than allowed", LINEAR, "TL0304", options="--max-work 3")
    c.add(
        "limit_elements", "more elements alive at one time than allowed", LINEAR, "TL0302", options="--max-elements 8"
    )
    row = [source("input", "x", [1])]
    c.add(
        "default_elements",
        "a short text that asks for 2^30 elements: declined by default, before anything is allocated",
        forward(
            graph(
                row + [node("broadcast", [0], [2**30], shape=[2**30]), node("sum", [1], [], axes=[0], keepdims=False)],
                y=2,
            ),
            [{"x": tensor([1], [0])}],
            [{"y": tensor([], [0])}],
        ),
        "TL0302",
    )
    c.add(
        "default_work",
        "a short text that asks for 2^36 multiplications: declined by default",
        forward(
            graph(
                row
                + [
                    node("broadcast", [0], [4096, 4096], shape=[4096, 4096]),
                    node("matmul", [1, 1], [4096, 4096]),
                    node("sum", [2], [], axes=[0, 1], keepdims=False),
                ],
                y=3,
            ),
            [{"x": tensor([1], [0])}],
            [{"y": tensor([], [0])}],
        ),
        "TL0304",
    )
