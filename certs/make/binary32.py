"""Binary32 and the schedules of FORMAT.md 5.2, a second time: exact fractions, rounded once.

It shares nothing with the checker, so that a word that both agree on has been computed twice. Plain and slow on purpose.
Words are integers; a schedule is the object that a certificate states.
"""

import math
import struct
from decimal import Decimal, localcontext
from fractions import Fraction

SIGN, INFINITY, QUIET = 0x80000000, 0x7F800000, 0x00400000
CANONICAL, X86 = 0x7FC00000, 0xFFC00000


def round_to_word(x, direction="nearest_even"):
    """The word nearest to the nonzero rational x in a rounding direction (IEEE 754-2019, 4.3)."""
    sign, magnitude = (SIGN if x < 0 else 0), abs(Fraction(x))
    exponent = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    if Fraction(2) ** exponent > magnitude:
        exponent -= 1
    quantum = max(exponent - 23, -149)
    scaled = magnitude / Fraction(2) ** quantum
    n = math.floor(scaled)
    rest = scaled - n
    up = {
        "nearest_even": rest > Fraction(1, 2) or (rest == Fraction(1, 2) and n % 2 == 1),
        "nearest_away": rest >= Fraction(1, 2),
        "toward_zero": False,
        "down": rest > 0 and sign != 0,
        "up": rest > 0 and sign == 0,
    }[direction]
    # A significand without its leading bit carries into the exponent by itself.
    word = ((quantum + 149) << 23) + n + (1 if up else 0)
    if word >= INFINITY:
        inward = direction == "toward_zero" or (direction == "down" and not sign) or (direction == "up" and sign)
        word = INFINITY - 1 if inward else INFINITY
    return sign | word


def as_float(word):
    return struct.unpack(">f", word.to_bytes(4, "big"))[0]


def value(word):
    """The rational value of a finite word."""
    return Fraction(as_float(word))


def is_finite(word):
    return word & INFINITY != INFINITY


def is_nan(word):
    return word & (SIGN - 1) > INFINITY


class Arithmetic:
    """Operations on words in one rounding direction under one NaN policy."""

    def __init__(self, rounding="nearest_even", nan="canonical"):
        self.rounding, self.nan = rounding, nan

    def _special(self, result, operands):
        """The word of a result that is no finite number; `result` is its binary64 counterpart."""
        if not math.isnan(result):
            return INFINITY | (SIGN if result < 0 else 0)
        if self.nan == "canonical":
            return CANONICAL
        return next((word | QUIET for word in operands if is_nan(word)), X86)

    def _round(self, x, zero):
        return zero if x == 0 else round_to_word(x, self.rounding)

    def _zero_sum(self, a, b):
        """The zero that is the sum of two numbers with these sign bits."""
        return a & SIGN if (a ^ b) & SIGN == 0 else SIGN if self.rounding == "down" else 0

    def add(self, a, b):
        if not (is_finite(a) and is_finite(b)):
            return self._special(as_float(a) + as_float(b), [a, b])
        return self._round(value(a) + value(b), self._zero_sum(a, b))

    def mul(self, a, b):
        if not (is_finite(a) and is_finite(b)):
            return self._special(as_float(a) * as_float(b), [a, b])
        return self._round(value(a) * value(b), (a ^ b) & SIGN)

    def div(self, a, b):
        """a/b of finite numbers, b not zero."""
        return self._round(value(a) / value(b), (a ^ b) & SIGN)

    def fma(self, x, y, a):
        """x·y + a of finite numbers, rounded once."""
        return self._round(value(x) * value(y) + value(a), self._zero_sum(x ^ y, a))

    def exp(self, a):
        """e^a, correctly rounded, of a finite number other than zero."""
        with localcontext() as context:
            context.prec = 120  # far beyond any run of equal digits that a binary32 exponential has
            exact = (Decimal(value(a).numerator) / Decimal(value(a).denominator)).exp()
        return round_to_word(Fraction(exact), self.rounding)


class Reduction:
    """One sum (`ys` absent) or dot product under a schedule."""

    def __init__(self, arithmetic, schedule, xs, ys=None, bias=None):
        self.on, self.schedule, self.xs, self.ys, self.bias = arithmetic, schedule, xs, ys, bias
        self.first = None  # the term that begins with the bias

    def product(self, i):
        return self.xs[i] if self.ys is None else self.on.mul(self.xs[i], self.ys[i])

    def step(self, a, i):
        if self.schedule["fma"] and self.ys is not None:
            return self.on.fma(self.xs[i], self.ys[i], a)
        return self.on.add(a, self.product(i))

    def begin(self, i):
        if i == self.first:
            return self.step(self.bias, i)
        return self.step(0, i) if self.schedule["start"] == "zero" else self.product(i)

    def chain(self, terms):
        a = self.begin(terms[0])
        for i in terms[1:]:
            a = self.step(a, i)
        return a

    def run(self):
        order, terms = self.schedule["order"], list(range(len(self.xs)))
        leading = self.bias is not None and self.schedule["bias"] == "first"
        if leading and order["kind"] == "blocks":
            return self.blocks(order, terms, self.bias)
        if leading:
            self.first = self.leftmost(order, len(terms))
        total = self.reduce(order, terms)
        return total if leading or self.bias is None else self.on.add(total, self.bias)

    def reduce(self, order, terms):
        match order["kind"]:
            case "sequential":
                return self.chain(terms)
            case "pairwise":
                return self.pairwise(order["leaf"], terms)
            case "lanes":
                lanes = [self.chain(terms[j :: order["width"]]) for j in range(min(order["width"], len(terms)))]
                return self.combine(order["combine"], order["width"], dict(enumerate(lanes)))
            case "blocks":
                return self.blocks(order, terms, None)
            case "tree":
                return self.tree(order["pairs"], len(terms))

    def pairwise(self, leaf, terms):
        if len(terms) <= leaf:
            return self.chain(terms)
        half = -(-len(terms) // 2)
        return self.on.add(self.pairwise(leaf, terms[:half]), self.pairwise(leaf, terms[half:]))

    def combine(self, how, width, lanes):
        def join(a, b):
            present = [lanes[j] for j in (a, b) if j in lanes]
            return self.on.add(*present) if len(present) == 2 else present[0]

        if how == "sequential":
            total = lanes[0]
            for j in range(1, len(lanes)):
                total = self.on.add(total, lanes[j])
            return total
        while width > 1:
            half = -(-width // 2)
            partners = {j: (j, j + half) if how == "halving" else (2 * j, 2 * j + 1) for j in range(half)}
            lanes = {j: join(a, b) for j, (a, b) in partners.items() if a in lanes}
            width = half
        return lanes[0]

    def blocks(self, order, terms, total):
        for start in range(0, len(terms), order["size"]):
            block = self.reduce(order["inner"], terms[start : start + order["size"]])
            total = block if total is None else self.on.add(total, block)
        return total

    def tree(self, pairs, n):
        made = []
        at = lambda node: self.begin(node) if node < n else made[node - n]
        for left, right in pairs:
            made.append(self.step(at(left), right) if right < n else self.on.add(at(left), at(right)))
        return made[-1]

    @staticmethod
    def leftmost(order, n):
        if order["kind"] != "tree":
            return 0
        node = n + len(order["pairs"]) - 1
        while node >= n:
            node = order["pairs"][node - n][0]
        return node


def schedule(kind="sequential", fma=False, start="first_term", bias="last", **order):
    """A schedule as certificates state it."""
    return {"order": {"kind": kind, **order}, "fma": fma, "start": start, "bias": bias}


def dot(stated, xs, ys, bias=None, arithmetic=Arithmetic()):
    """The dot product of two lists of words."""
    return Reduction(arithmetic, stated, xs, ys, bias).run()


def total(stated, xs, arithmetic=Arithmetic()):
    """The sum of a list of words."""
    return Reduction(arithmetic, stated, xs).run()
