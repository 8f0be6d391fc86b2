"""Writes ops_smooth.txt: values of the smooth operations at binary32 inputs, to 60 digits, by mpmath from the definitions.

A line is `keyword;attributes;parent;..;values`: the attributes as JSON, a parent as `dimensions:words` (binary32, hexadecimal), the values in decimal.
The formulas are the textbook ones, not the compositions of the spec: no maximum is taken off, and sums are plain.
Run: python3 make_ops_smooth.py > ops_smooth.txt
"""

import random
import struct

from mpmath import cos, cosh, erf, exp, ln, log1p, mp, mpf, nstr, pi, power, sin, sinh, sqrt

mp.dps = 400
random.seed(20240229)


def rounded(x):
    """The binary32 number nearest to x, exactly."""
    return struct.unpack(">f", struct.pack(">f", float(x)))[0]


def word(x):
    return struct.pack(">f", x).hex()


def emit(keyword, attributes, parents, values):
    parents = ["x".join(map(str, d)) + ":" + " ".join(map(word, v)) for d, v in parents]
    print(";".join([keyword, attributes, *parents, " ".join(nstr(v, 60) for v in values)]))


def sigmoid(x):
    return 1 / (1 + exp(-x))


def tanh(x):
    return sinh(x) / cosh(x)


def clamp(x, lo, hi):
    return min(max(x, mpf(lo)), mpf(hi))


TINY = [2.0**-149, 2.0**-126, 1e-30, 1e-8]
PLAIN = [0.1, 0.25, 0.5, 0.75, 1.0, 1.1, 1.5, 2.0, 2.7, 3.0, 3.1415927, 5.5, 7.3, 9.0, 16.6, 20.0, 88.7, 104.0]
POSITIVE = [rounded(x) for x in TINY + PLAIN]
SIGNED = [0.0] + POSITIVE + [-x for x in POSITIVE]
HUGE = [rounded(x) for x in [1e4, 1e10, 1e22, 3.4e38]]

UNARY = [
    ("exp", "", SIGNED, exp),
    ("log", "", POSITIVE + HUGE, ln),
    ("sqrt", "", [0.0] + POSITIVE + HUGE, sqrt),
    ("rsqrt", "", POSITIVE + HUGE, lambda x: 1 / sqrt(x)),
    ("reciprocal", "", POSITIVE + HUGE + [-x for x in HUGE], lambda x: 1 / x),
    ("tanh", "", SIGNED, tanh),
    ("sigmoid", "", SIGNED, sigmoid),
    ("hard_sigmoid", '"alpha":"1/6","beta":"1/2"', SIGNED, lambda x: clamp(x / 6 + mpf(1) / 2, 0, 1)),
    ("hard_sigmoid", '"alpha":"0.2","beta":"0.4"', SIGNED, lambda x: clamp(x / 5 + mpf(2) / 5, 0, 1)),
    ("softplus", '"beta":"1"', SIGNED + HUGE, lambda x: x + log1p(exp(-x)) if x > 0 else log1p(exp(x))),
    ("softplus", '"beta":"3/7"', SIGNED, lambda x: log1p(exp(3 * x / 7)) * 7 / 3),
    ("silu", "", SIGNED, lambda x: x * sigmoid(x)),
    ("hard_swish", "", SIGNED + HUGE, lambda x: x * clamp(x + 3, 0, 6) / 6),
    ("mish", "", SIGNED, lambda x: x * tanh(log1p(exp(x)))),
    ("erf", "", SIGNED, erf),
    ("gelu", '"form":"erf"', SIGNED, lambda x: x * (1 + erf(x / sqrt(mpf(2)))) / 2),
    ("gelu", '"form":"tanh"', SIGNED, lambda x: x * (1 + tanh(sqrt(2 / pi) * (x + mpf("0.044715") * x**3))) / 2),
    ("sin", "", SIGNED + HUGE, sin),
    ("cos", "", SIGNED + HUGE, cos),
]

for keyword, attributes, inputs, f in UNARY:
    emit(keyword, attributes, [([len(inputs)], inputs)], [f(mpf(x)) for x in inputs])

PAIRS = [(2.0, 0.5), (0.1, -3.3), (1e-8, 7.7), (3e38, -2.5), (1.0000001, 1e6), (-1.7, 5.0), (-1.7, -4.0), (0.0, 0.5), (5.0, 0.0), (0.0, 0.0)]
PAIRS = [(rounded(x), rounded(y)) for x, y in PAIRS]
emit(
    "pow",
    "",
    [([len(PAIRS)], [x for x, _ in PAIRS]), ([len(PAIRS)], [y for _, y in PAIRS])],
    [power(mpf(x), mpf(y)) if y else mpf(1) for x, y in PAIRS],
)


def draw(count, scale, offset=0.0):
    return [rounded(offset + scale * random.gauss(0, 1)) for _ in range(count)]


def softmax(row, allowed=None):
    allowed = allowed or [1] * len(row)
    e = [exp(mpf(x)) * k for x, k in zip(row, allowed)]
    return [x / sum(e) if sum(e) else mpf(0) for x in e]


for scale in [0.5, 4.0, 300.0]:
    x = draw(12, scale)
    rows = [x[i : i + 4] for i in range(0, 12, 4)]
    columns = [x[j::4] for j in range(4)]
    emit("softmax", '"axis":1', [([3, 4], x)], [y for row in rows for y in softmax(row)])
    by_column = [softmax(c) for c in columns]
    emit("softmax", '"axis":0', [([3, 4], x)], [by_column[j][i] for i in range(3) for j in range(4)])
    emit("log_softmax", '"axis":1', [([3, 4], x)], [ln(y) for row in rows for y in softmax(row)])
    mask = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    masks = [mask[i : i + 4] for i in range(0, 12, 4)]
    emit(
        "masked_softmax",
        '"axis":1,"fully_blocked":"zeros"',
        [([3, 4], x), ([3, 4], mask)],
        [y for row, k in zip(rows, masks) for y in softmax(row, k)],
    )

    def logsumexp(values):
        return ln(sum(exp(mpf(v)) for v in values))

    emit("logsumexp", '"axes":[1],"keepdims":false', [([3, 4], x)], [logsumexp(row) for row in rows])
    emit("logsumexp", '"axes":[0,2],"keepdims":true', [([2, 3, 2], x)], [logsumexp(x[2 * j : 2 * j + 2] + x[6 + 2 * j : 8 + 2 * j]) for j in range(3)])


def normalised(values, epsilon, centred=True):
    values = [mpf(v) for v in values]
    mean = sum(values) / len(values) if centred else mpf(0)
    variance = sum((v - mean) ** 2 for v in values) / len(values)
    return [(v - mean) / sqrt(variance + epsilon) for v in values]


for scale, offset in [(1.0, 0.0), (0.01, 100.0), (1e-6, 0.0)]:
    x, epsilon = draw(24, scale, offset), mpf(1) / 100000
    weight, bias = draw(24, 1.0), draw(24, 1.0)

    def affine(lines, place, biased=True):
        """The normalised lines, times weight plus bias at place(position)."""
        flat = [v for line in lines for v in line]
        return [v * mpf(weight[place(i)]) + (mpf(bias[place(i)]) if biased else 0) for i, v in enumerate(flat)]

    def lines(length, centred=True):
        return [normalised(x[i : i + length], epsilon, centred) for i in range(0, 24, length)]

    shape, on_axis = [2, 4, 3], '"axis":%d,"epsilon":"1e-5"'
    parameters = lambda d, n: [(d, weight[:n]), (d, bias[:n])]
    emit("layer_norm", on_axis % 2, [(shape, x)] + parameters([3], 3), affine(lines(3), lambda i: i % 3))
    emit("layer_norm", on_axis % 1, [(shape, x)] + parameters([4, 3], 12), affine(lines(12), lambda i: i % 12))
    emit("rms_norm", on_axis % 2, [(shape, x), ([3], weight[:3])], affine(lines(3, False), lambda i: i % 3, False))
    emit("group_norm", '"groups":2,"epsilon":"1e-5"', [(shape, x)] + parameters([4], 4), affine(lines(6), lambda i: i // 3 % 4))
    emit("instance_norm", '"epsilon":"1e-5"', [(shape, x)] + parameters([4], 4), affine(lines(3), lambda i: i // 3 % 4))


# Losses: the textbook's function of a prediction and a target (or a row of predictions, a target and the weights), and what becomes of the losses.


def reduced(losses, reduction, first, divisor=None):
    if reduction == "none":
        return losses
    return [sum(losses) / {"sum": 1, "mean": divisor or len(losses), "batch_mean": first}[reduction]]


def elementwise(keyword, attributes, x, t, f):
    """The loss of 3 x 4 predictions and targets under every reduction."""
    losses = [f(mpf(a), mpf(b)) for a, b in zip(x, t)]
    for reduction in ["none", "sum", "mean", "batch_mean"]:
        text = ",".join(filter(None, [attributes, '"reduction":"%s"' % reduction]))
        emit(keyword, text, [([3, 4], x), ([3, 4], t)], reduced(losses, reduction, 3))


def huber(e, delta):
    return e**2 / 2 if abs(e) <= delta else delta * (abs(e) - delta / 2)


def chances(count):
    return [rounded(random.uniform(0.001, 0.999)) for _ in range(count)]


def binary(p, t):
    return -t * ln(p) - (1 - t) * ln(1 - p)


x, t, p, q = draw(12, 2.0), draw(12, 2.0), chances(12), chances(12)
x[0], t[0], p[0], p[1], q[1], q[2] = t[0], t[0], TINY[1], rounded(1 - 2.0**-24), 0.0, 1.0
wide = [rounded(v) for v in [-200.0, -88.0, -30.0, -1e-8, 0.0, 1e-8, 1.5, 30.0, 88.0, 120.0, 3e4, -3e4]]
signs = [random.choice([-1.0, 1.0]) for _ in range(12)]
counts = [float(random.randrange(9)) for _ in range(12)]
elementwise("mse", "", x, t, lambda x, t: (x - t) ** 2)
elementwise("mae", "", x, t, lambda x, t: abs(x - t))
elementwise("huber", '"delta":"1"', x, t, lambda x, t: huber(x - t, mpf(1)))
elementwise("huber", '"delta":"7/3"', x, t, lambda x, t: huber(x - t, mpf(7) / 3))
elementwise("hinge", '"margin":"1"', x, signs, lambda x, t: max(mpf(0), 1 - t * x))
elementwise("bce", "", p, q, binary)
for logits in [x, wide]:
    for weight, w in [("1", mpf(1)), ("5/2", mpf(5) / 2)]:
        hit_and_miss = lambda x, t: w * t * log1p(exp(-x)) + (1 - t) * log1p(exp(x))  # -ln s(x) and -ln(1 - s(x))
        elementwise("bce_with_logits", '"positive_weight":"%s"' % weight, logits, q, hit_and_miss)
elementwise("kl", "", x, q, lambda x, t: (t * ln(t) if t else mpf(0)) - t * x)
elementwise("poisson", '"log_input":true,"epsilon":"0"', x, counts, lambda x, t: exp(x) - t * x)
elementwise("poisson", '"log_input":false,"epsilon":"1e-8"', p, counts, lambda x, t: x - t * ln(x + mpf(1) / 10**8))


def cosine(x, z, t, margin):
    cos = sum(mpf(a) * mpf(b) for a, b in zip(x, z)) / sqrt(sum(mpf(a) ** 2 for a in x) * sum(mpf(b) ** 2 for b in z))
    return 1 - cos if t == 1 else max(mpf(0), cos - margin)


margins = {"0": mpf(0), "-1/2": -mpf(1) / 2, "1/4": mpf(1) / 4}
for margin, scale in [("0", 1.0), ("-1/2", 1e-9), ("1/4", 1e9)]:
    x, z = draw(24, 1.0), draw(24, scale)
    losses = [cosine(x[i : i + 4], z[i : i + 4], t, margins[margin]) for i, t in zip(range(0, 24, 4), signs)]
    for reduction in ["none", "sum", "mean", "batch_mean"]:
        parents = [([3, 2, 4], x), ([3, 2, 4], z), ([3, 2], signs[:6])]
        emit("cosine", '"margin":"%s","reduction":"%s"' % (margin, reduction), parents, reduced(losses, reduction, 3))


def of_classes(keyword, attributes, x, logarithms, targets, weight, smoothing, ignored, reduction):
    """Predictions [2, 4, 3]: position n, d has the classes x[n, :, d]. A label is a class with all of the probability."""
    losses, total = [], mpf(0)
    places = [(n, d) for n in range(2) for d in range(3)]
    weights = [mpf(w) for w in weight or [1.0] * 4]
    labels = len(targets) == 6
    for n, d in places:
        label = int(targets[3 * n + d]) if labels else None
        if label is not None and label == ignored:
            losses.append(mpf(0))
            continue
        l = logarithms([x[12 * n + 3 * c + d] for c in range(4)])
        share = [mpf(c == label) if labels else mpf(targets[12 * n + 3 * c + d]) for c in range(4)]
        hit = sum(weights[c] * share[c] * l[c] for c in range(4))
        spread = sum(weights[c] * l[c] for c in range(4)) / 4
        losses.append(-(1 - smoothing) * hit - smoothing * spread)
        total += weights[label] if labels else 1
    parents = [([2, 4, 3], x), ([2, 3] if labels else [2, 4, 3], targets)] + ([([4], weight)] if weight else [])
    emit(keyword, attributes + ',"reduction":"%s"' % reduction, parents, reduced(losses, reduction, 2, total))


by_logits = lambda row: [ln(y) for y in softmax(row)]
by_chances = lambda row: [ln(mpf(y)) for y in row]
weight = chances(4)
labels = [3.0, 0.0, 1.0, 1.0, 2.0, 0.0]
for targets, kind in [(labels, "labels"), (chances(24), "probabilities")]:
    for reduction in ["none", "sum", "mean"]:
        for ignored in [None, 1] if kind == "labels" else [None]:
            for w in [None, weight]:
                rest = '"targets":"%s","ignore_index":[%s]' % (kind, "" if ignored is None else ignored)
                x = draw(24, 3.0)
                of_classes("nll", rest, x, lambda row: [mpf(v) for v in row], targets, w, mpf(0), ignored, reduction)
                for smoothing in ["0", "1/5", "1"]:
                    text = rest + ',"label_smoothing":"%s","predictions":' % smoothing
                    epsilon = mpf(1) / 5 if smoothing == "1/5" else mpf(smoothing)
                    x = draw(24, random.choice([1.0, 30.0]))
                    of_classes("cross_entropy", text + '"logits"', x, by_logits, targets, w, epsilon, ignored, reduction)
                    x = chances(24)
                    of_classes("cross_entropy", text + '"probabilities"', x, by_chances, targets, w, epsilon, ignored, reduction)
