"""Certificates about gradients and about reverse rules: true and false ones. The gradients are made here by hand, in exact fractions."""

import math

from corpus import certificate, graph, node, source, tensor

ZERO = {"abs": "0", "rel": "0"}
ULP = {"abs": "0", "rel": "0", "ulps": "1"}

# loss = mean((W·relu(V x) - t)²): small numbers, so that every gradient is a word.
NET = [
    source("input", "x", [1, 2]),
    source("const", "v", [2, 2]),
    node("linear", [0, 1], [1, 2]),
    node("relu", [2], [1, 2]),
    source("const", "w", [1, 2]),
    node("linear", [3, 4], [1, 1]),
    source("input", "t", [1, 1]),
    node("mse", [5, 6], [], reduction="mean"),
]
X, V, W, T = [2, 1], [[1, -1], [-2, 1]], [3, 5], 1


def gradients(x=X, slope=lambda z: z > 0):
    """By hand: the loss is (y - t)², y = Σ w·relu(v x)."""
    z = [sum(a * b for a, b in zip(row, x)) for row in V]
    h = [max(a, 0) for a in z]
    d = 2 * (sum(a * b for a, b in zip(W, h)) - T)
    dz = [d * w * slope(a) for w, a in zip(W, z)]
    dx = [sum(dz[i] * V[i][j] for i in range(2)) for j in range(2)]
    return {
        "inputs": {"x": tensor([1, 2], dx), "t": tensor([1, 1], [-d])},
        "parameters": {"v": tensor([2, 2], [a * b for a in dz for b in x]), "w": tensor([1, 2], [d * a for a in h])},
    }


PARAMETERS = {"v": tensor([2, 2], sum(V, [])), "w": tensor([1, 2], W)}


def inputs(x=X):
    return {"x": tensor([1, 2], x), "t": tensor([1, 1], [T])}


def gradient(recorded, tolerance=ZERO, x=X, net=NET, output=7, cotangents=None, parameters=PARAMETERS, at=None, **claim):
    claim = {"kind": "gradient", "tolerance": tolerance, "gradients": [recorded]} | claim
    claim |= {"cotangents": [cotangents]} if isinstance(cotangents, dict) else {}
    return certificate(claim, graph(net, loss=output), [inputs(x) if at is None else at], parameters=parameters)


def both(document, **outputs):
    """The same of a graph with these outputs."""
    document["model"]["graph"]["outputs"] = outputs
    return document


def only(recorded, group, name, tensor=None):
    """One of the gradients, or another in its place."""
    return {group: {name: tensor or recorded[group][name]}}


# Rational, and not linear: x/y - x·y.
QUOTIENT = [
    source("input", "x", [2]),
    source("input", "y", [2]),
    node("div", [0, 1], [2]),
    node("mul", [0, 1], [2]),
    node("sub", [2, 3], [2]),
]
RELU = [source("input", "x", [3]), node("relu", [0], [3])]
TANH = [source("input", "x", [3]), node("tanh", [0], [3])]
SOFTMAX = [source("input", "x", [1, 3]), node("softmax", [0], [1, 3], axis=1)]


def identity(net, output):
    return certificate({"kind": "adjoint", "method": "identity"}, graph(net, y=output), [])


def points(method, net, x, v, u):
    shape = net[-1]["shape"]
    claim = {"kind": "adjoint", "method": method, "tangents": [{"inputs": {"x": tensor(net[0]["shape"], v)}}]}
    claim |= {"cotangents": [{"y": tensor(shape, u)}]}
    return certificate(claim, graph(net, y=len(net) - 1), [{"x": tensor(net[0]["shape"], x)}])


def kinks():
    """Every convention at a kink in one graph: x0 … stand exactly there, or at a tie inside a smooth function, and every output has cotangents of 1."""
    half = "1/2"
    net, outputs, at, right = [], {}, {}, {}

    def put(op, sources, shape=None, u=None, **attributes):
        first = len(net)
        for name, (x, slope) in sources.items():
            net.append(source("input", name, [len(x)] if shape is None else shape))
            at[name], right[name] = (tensor(net[-1]["shape"], v) for v in (x, slope))
        net.append(node(op, list(range(first, len(net))), *u, **attributes))
        outputs[f"{len(outputs):02} {op}"] = len(net) - 1

    number = lambda op, sources, **attributes: put(op, sources, u=([1],), **attributes)
    number("relu", {"a": ([0], [0])})
    number("leaky_relu", {"b": ([0], [0.25])}, slope="1/4")
    number("elu", {"c": ([0], [0.5])}, alpha=half)
    number("abs", {"d": ([0], [0])})
    put("clamp", {"e": ([-1, 2], [1, 1])}, u=([2],), lo=["-1"], hi=["2"])
    put("hard_sigmoid", {"f": ([-1, 1], [0.5, 0.5])}, u=([2],), alpha=half, beta=half)
    put("hard_swish", {"g": ([-3, 3], [-0.5, 1.5])}, u=([2],))
    number("max", {"h": ([2], [1]), "i": ([2], [0])})
    number("min", {"j": ([2], [1]), "k": ([2], [0])})
    put("reduce_max", {"l": ([1, 3, 3], [0, 1, 0])}, u=([],), axes=[0], keepdims=False)
    put("reduce_min", {"m": ([4, 3, 3], [0, 1, 0])}, u=([],), axes=[0], keepdims=False)
    pool = {"kernel": [3], "stride": [1], "dilation": [1], "pad_before": [0], "pad_after": [0], "ceil_mode": False}
    put("max_pool", {"n": ([1, 3, 3], [0, 1, 0])}, shape=[1, 1, 3], u=([1, 1, 1],), **pool)
    put("mae", {"o": ([2], [0]), "p": ([2], [0])}, u=([],), reduction="sum")
    put("hinge", {"q": ([0.5], [0]), "r": ([2], [0])}, u=([],), margin="1", reduction="sum")
    put("huber", {"s": ([2], [1]), "t": ([1], [-1])}, u=([],), delta="1", reduction="sum")
    put("bce_with_logits", {"v": ([0], [0.25]), "w": ([0.25], [0])}, u=([],), positive_weight="1", reduction="sum")
    put("softplus", {"y": ([0], [0.5])}, u=([1],), beta="1")
    cotangents = {name: tensor(net[id]["shape"], [1] * math.prod(net[id]["shape"])) for name, id in outputs.items()}
    claim = {"kind": "gradient", "tolerance": {"abs": "1e-30", "rel": "0"}, "gradients": [{"inputs": right}], "cotangents": [cotangents]}
    return certificate(claim, {"nodes": net, "outputs": outputs}, [at])


def write(c):
    right = gradients()
    c.section("accept", "Gradients")
    c.add("gradient_network", "every gradient of a small network, exactly", gradient(right))
    c.add("gradient_one_parameter", "one of the gradients is enough to speak of", gradient(only(right, "parameters", "w")))
    c.add(
        "gradient_at_a_kink",
        "the relu stands exactly at zero, where its slope is 0 by convention",
        gradient(gradients([1, 1]), x=[1, 1]),
    )
    c.add(
        "gradient_cotangent",
        "three outputs, and a cotangent for them",
        gradient(
            {"inputs": {"x": tensor([3], [0.5, 0, 0])}},
            net=RELU,
            output=1,
            cotangents={"loss": tensor([3], [0.5, 0.25, 4])},
            parameters={},
            at={"x": tensor([3], [2, -1, 0])},
        ),
    )
    c.add("gradient_conventions", "every convention at a kink, and ties inside smooth functions", kinks())
    rounded = {"inputs": {"x": tensor([1], ["x3ed706e0"])}}  # 1 - tanh(1)² = 0.41997434…
    c.add(
        "gradient_tanh",
        "the slope of tanh at 1 is no word: within one unit in the last place",
        gradient(rounded, ULP, net=[source("input", "x", [1]), node("tanh", [0], [1])], output=1, parameters={}, at={"x": tensor([1], [1])}),
    )

    c.section("reject", "Gradients that do not hold")
    c.add("gradient_one_element", "an element of a gradient is off", gradient(only(right, "parameters", "w", tensor([1, 2], [12, "x00000001"]))), "TL0271")
    c.add(
        "gradient_relu_slope_one_at_zero",
        "the relu stands exactly at zero; a slope of 1 there is another convention",
        gradient(gradients([1, 1], lambda z: z >= 0), x=[1, 1]),
        "TL0271",
    )
    c.add("gradient_sign", "the gradient by the target has the sign of that by the prediction", gradient(only(right, "inputs", "t", tensor([1, 1], [4]))), "TL0271")
    c.add(
        "gradient_transposed",
        "the gradient of a square weight, transposed",
        gradient(only(right, "parameters", "v", tensor([2, 2], [24, 0, 12, 0]))),
        "TL0271",
    )
    c.add("gradient_sum_for_mean", "the gradient of a sum, twice that of the mean of two", gradient(
        {"inputs": {"x": tensor([2], [1, 1])}},
        net=[source("input", "x", [2]), node("mean", [0], [], axes=[0], keepdims=False)], output=1, parameters={}, at={"x": tensor([2], [3, 4])},
    ), "TL0271")
    c.add("gradient_nan", "a recorded gradient that is a NaN", gradient(only(right, "inputs", "t", tensor([1, 1], ["x7fc00000"]))), "TL0202")
    c.add("gradient_without_cotangent", "three outputs and no cotangent: it is not stated what is differentiated", gradient(
        {"inputs": {"x": tensor([3], [1, 0, 0])}}, net=RELU, output=1, parameters={}, at={"x": tensor([3], [2, -1, 0])}), "TL0270")
    # Accepted with the cotangent 1 until a stated list had to state something.
    c.add("gradient_no_cotangents_stated", "cotangents are stated, of nothing: they are not 1 then", gradient(
        {"inputs": {"x": tensor([1], [2])}}, net=[source("input", "x", [1]), node("mul", [0, 0], [1])], output=1,
        parameters={}, at={"x": tensor([1], [1])}, cotangents={}), "TL0270")
    c.add("gradient_unknown", "the gradient of a parameter that the graph has not", gradient({"parameters": {"u": tensor([1], [0])}}), "TL0117")
    c.add("gradient_shape", "a gradient in another shape than its parameter", gradient(only(right, "parameters", "w", tensor([2], [12, 0]))), "TL0141")
    c.add("gradient_none", "no gradient is listed", gradient({}), "TL0203")
    c.add("gradient_output_key", "recorded outputs belong to other kinds of claims", gradient(right, outputs=[]), "TL0103")
    c.add("gradient_of_labels", "a loss of classes has no derivative by its labels", gradient(
        {"inputs": {"t": tensor([1], [0])}},
        net=[source("input", "x", [1, 2]), source("input", "t", [1]),
             node("nll", [0, 1], [], targets="labels", ignore_index=[], reduction="sum")],
        output=2, parameters={}, at={"x": tensor([1, 2], [-1, -2]), "t": tensor([1], [1])},
    ), "TL0201")
    # Accepted with slope 1 until a clamp to one point was told from one to an interval.
    point = [source("input", "x", [1, 1]), source("const", "w", [1, 1]), node("linear", [0, 1], [1, 1]),
             node("clamp", [2], [1, 1], lo=["6"], hi=["6"]), node("sum", [3], [], axes=[0, 1], keepdims=False)]
    c.add("gradient_clamp_to_a_point", "a clamp to one point is a constant, and has the slope 0 at that point, too", gradient(
        {"parameters": {"w": tensor([1, 1], [3])}}, net=point, output=4, parameters={"w": tensor([1, 1], [2])}, at={"x": tensor([1, 1], [3])}), "TL0271")
    # Accepted until an output that is left out had its cotangent zero carried back like any other.
    aside = {"net": [source("input", "x", [1]), node("sqrt", [0], [1]), node("add", [0, 0], [1])], "at": {"x": tensor([1], [0])}}
    c.add("gradient_left_out_output_undefined", "the output whose cotangent is left out has no derivative there", both(
        gradient({"inputs": {"x": tensor([1], [2])}}, output=2, parameters={}, cotangents={"a": tensor([1], [1])}, **aside), a=2, b=1), "TL0201")
    classes = [source("input", "x", [1, 2]), source("input", "t", [1]),
               node("nll", [0, 1], [], targets="labels", ignore_index=[], reduction="sum"), node("add", [0, 0], [1, 2])]
    at = {"x": tensor([1, 2], [0.5, 0.25]), "t": tensor([1], [1])}
    c.add("gradient_left_out_labels", "labels have no gradient, though the cotangent of their loss is left out", both(
        gradient({"inputs": {"t": tensor([1], [0])}}, net=classes, output=3, parameters={}, at=at, cotangents={"a": tensor([1, 2], [1, 1])}), a=3, b=2), "TL0201")
    masked = [source("input", "x", [2]), source("input", "m", [2]), node("masked_softmax", [0, 1], [2], axis=0, fully_blocked="zeros"), node("add", [0, 0], [2])]
    half = {"x": tensor([2], [0.5, 0.25]), "m": tensor([2], [0.5, 1])}
    c.add("gradient_left_out_mask", "a mask has no gradient, and this one is none", both(
        gradient({"inputs": {"m": tensor([2], [0, 0])}}, net=masked, output=3, parameters={}, at=half, cotangents={"a": tensor([2], [1, 1])}), a=3, b=2), "TL0201")

    c.section("accept", "A constant")
    c.add("gradient_clamp_to_a_point", "a clamp to one point has the slope 0 everywhere", gradient(
        {"parameters": {"w": tensor([1, 1], [0])}}, net=point, output=4, parameters={"w": tensor([1, 1], [2])}, at={"x": tensor([1, 1], [3])}))

    c.section("decline", "Gradients that are not decided")
    few = {"parameters": {"p": tensor([], [1]), "q": tensor([], [1])}, "at": {}}
    spread = [source("const", "p", []), node("broadcast", [0], [1, 4096, 4096], shape=[1, 4096, 4096]),
              source("const", "q", []), node("broadcast", [2], [4096, 4096, 1], shape=[4096, 4096, 1]),
              node("matmul", [1, 3], [4096, 4096, 1]), node("sum", [4], [], axes=[0, 1, 2], keepdims=False)]
    c.add("gradient_blocks_of_products", "a short text whose reverse rule would hold 2^36 values for a while", gradient(
        {"parameters": {"p": tensor([], [1])}}, net=spread, output=5, **few), "TL0302", options="--max-work 1000000000000000")
    window = [source("const", "p", []), node("broadcast", [0], [1, 1, 131071], shape=[1, 1, 131071]),
              node("max_pool", [1], [1, 1, 65536], kernel=[65536], stride=[1], dilation=[1], pad_before=[0], pad_after=[0], ceil_mode=False),
              node("sum", [2], [], axes=[0, 1, 2], keepdims=False)]
    c.add("gradient_terms_of_windows", "a pool whose windows see 2^32 cells in all", gradient(
        {"parameters": {"p": tensor([], [1])}}, net=window, output=3, parameters={"p": tensor([], [1])}, at={}), "TL0302", options="--max-work 1000000000000000")
    third = [source("input", "x", [1]), source("input", "y", [1]), node("div", [0, 1], [1]), node("mul", [2, 1], [1]), node("max", [3, 0], [1])]
    c.add(
        "gradient_undecided_tie",
        "x/3·3 and x are one number, which no enclosure shows: which of them the maximum follows is not decided",
        gradient({"inputs": {"x": tensor([1], [1])}}, net=third, output=4, parameters={}, at={"x": tensor([1], [1]), "y": tensor([1], [3])}),
        "TL0305",
    )

    c.section("accept", "Adjoints")
    c.add("adjoint_identity", "the reverse rules of a rational graph, as an identity", identity(QUOTIENT, 4))
    c.add("adjoint_exact", "the rule of relu beside its kink, exactly", points("exact", RELU, [2, -1, 3], [1, 7, -2], [1, 1, 0.5]))
    c.add(
        "adjoint_exact_kink_at_rest",
        "a component at the kink does not move: the derivative along v exists",
        points("exact", RELU, [2, -1, 0], [1, 7, 0], [1, 1, 0.5]),
    )
    c.add("adjoint_enclosure", "the rule of softmax, to a hundred digits", points("enclosure", SOFTMAX, [1, 0.5, -2], [1, 2, 3], [0.25, -1, 4]))

    # The checker wrote this difference out, 2^32 digits of it, until figures were bounded.
    c.add(
        "adjoint_enclosure_far_below",
        "both sides are nearer to zero than numbers are written out",
        points("enclosure", SOFTMAX, [2**33, 1, 0], [0, 2, 3], [0.25, -1, 4]),
    )

    c.section("reject", "Adjoints that do not hold")
    c.add("adjoint_kink", "relu has no derivative at zero, whatever its rule says", points("exact", RELU, [2, -1, 0], [1, 7, 1], [1, 1, 0.5]), "TL0201")
    c.add("adjoint_pole", "a quotient has no derivative where its divisor is zero", points("exact", [
        source("input", "x", [1]), node("reciprocal", [0], [1])], [0], [1], [1]), "TL0201")
    without = points("exact", RELU, [2, -1, 3], [1, 7, -2], [1, 1, 0.5])
    del without["claim"]["cotangents"]
    c.add("adjoint_without_cotangent", "points without a cotangent", without, "TL0270")
    c.add("adjoint_no_tangent", "points without a tangent", points("exact", RELU, [2, -1, 3], [1, 7, -2], [1, 1, 0.5]), "TL0203",
          change=[('"tangents": [{"inputs": {"x": {"shape": [3], "words": "3f800000 40e00000 c0000000"}}}]', '"tangents": []')])
    listed = identity(QUOTIENT, 4)
    listed["inputs"] = [{"x": tensor([2], [1, 2]), "y": tensor([2], [3, 4])}]
    listed["claim"] |= {"tangents": [{"inputs": {"x": tensor([2], [1, 2])}}], "cotangents": [{"y": tensor([2], [1, 2])}]}
    c.add("adjoint_identity_at_a_point", "an identity is not tried at points of the certificate's choice", listed, "TL0203")
    inputs = identity(QUOTIENT, 4)
    inputs["inputs"] = [{"x": tensor([2], [1, 2]), "y": tensor([2], [3, 4])}]
    c.add("adjoint_identity_with_inputs", "an identity has no use for inputs: what is listed would be unused", inputs, "TL0203")
    # Accepted, and the list not read, until lists of different lengths were refused before the method was looked at.
    cotangents = identity(QUOTIENT, 4)
    cotangents["claim"] |= {"cotangents": [{"y": tensor([2], [1, 2])}]}
    c.add("adjoint_identity_with_cotangents", "an identity is of all cotangents: none is listed", cotangents, "TL0203")
    # Accepted until an output that is left out had its cotangent zero carried back like any other.
    moving = certificate({"kind": "adjoint", "method": "exact", "tangents": [{"inputs": {"t": tensor([1], [5])}}],
                          "cotangents": [{"a": tensor([1, 2], [1, 1])}]}, graph(classes, a=3, b=2), [at])
    c.add("adjoint_tangent_of_labels", "there is no derivative along labels", moving, "TL0201")
    c.add("adjoint_method", "a method that is none", certificate({"kind": "adjoint", "method": "numeric"}, graph(QUOTIENT, y=4), []), "TL0109")

    c.section("decline", "Adjoints that the method does not decide")
    c.add("adjoint_identity_of_tanh", "tanh is no rational function", identity(TANH, 1), "TL0273")
    c.add("adjoint_identity_of_relu", "relu is piecewise: no single identity", identity(RELU, 1), "TL0273")
    c.add("adjoint_exact_tanh", "tanh has no rational values", points("exact", TANH, [1, 2, 3], [1, 1, 1], [1, 1, 1]), "TL0273")
    c.add(
        "adjoint_enclosure_kink",
        "at a kink both slopes are enclosed, and no precision makes them one",
        points("enclosure", RELU, [2, -1, 0], [1, 7, 1], [1, 1, 0.5]),
        "TL0305",
    )
