"""Writes real_reference.txt: values of real functions at exact dyadic points, by mpmath (an independent implementation).

Line: function, bits, argument[s], value; a number is [-]HEX p EXPONENT, the value truncated towards zero to `bits` bits.
Every value is computed twice, at different working precisions, and both have to agree.  Usage: python3 real_reference.py > real_reference.txt
"""
import random
from fractions import Fraction
import mpmath as m

random.seed(20240607)
BITS = 1300


def dyadic(x):
    """An exact dyadic (int, Fraction or mpf) as (mantissa, exponent)."""
    if isinstance(x, m.mpf):
        s, man, e, _ = x._mpf_
        return (-man if s else man), e
    x = Fraction(x)
    e = x.denominator.bit_length() - 1
    assert x.denominator == 1 << e
    return x.numerator, -e


def text(man, e):
    while man and man % 2 == 0:
        man, e = man // 2, e + 1
    return f"{'-' if man < 0 else ''}{abs(man):x}p{e}"


def truncated(x, bits):
    s, man, e, bc = x._mpf_
    shift = max(bc - bits, 0)
    return (-(man >> shift) if s else man >> shift), e + shift


FUNCTIONS = dict(exp=m.exp, expm1=m.expm1, log=m.log, log1p=m.log1p, sin=m.sin, cos=m.cos, tan=m.tan, atan=m.atan, sinh=m.sinh,
                 cosh=m.cosh, tanh=m.tanh, erf=m.erf, erfc=m.erfc, sqrt=m.sqrt, cbrt=lambda x: m.cbrt(abs(x)) * m.sign(x),
                 rsqrt=lambda x: 1 / m.sqrt(x), exp2=lambda x: m.power(2, x), log2=lambda x: m.log(x) / m.log(2),
                 log10=lambda x: m.log(x) / m.log(10), pow=m.power)


def line(name, bits, *args):
    args = [dyadic(a) for a in args]
    extra = 200 + max(abs(e) + abs(man).bit_length() for man, e in args)
    extra = min(extra, 2500)
    values = []
    for more in (0, 128):
        with m.workprec(2 * bits + 2 * extra + more):
            values.append(truncated(FUNCTIONS[name](*[m.ldexp(m.mpf(man), e) for man, e in args]), bits))
    assert values[0] == values[1], (name, args, values)
    print(name, bits, *[text(*a) for a in args], text(*values[0]))


def two(e):
    return Fraction(2) ** e


def near(constant, bits):
    """The dyadic next to a constant with so many bits."""
    with m.workprec(6000):
        v = constant()
    with m.workprec(bits):
        return +v


def short(e):
    return Fraction(random.getrandbits(23) | 1 << 23) * two(e - 24)


def long(e):
    return Fraction(random.getrandbits(127) | 1 << 127) * two(e - 128)


def both(points):
    return [s * p for p in points for s in (1, -1)]


small = [two(-149), two(-30), two(-12) * 3, short(-60), short(-20), short(-5), long(-7), long(-1)]
unit = [short(-1), short(0), short(1), long(0), 1, Fraction(1, 2), Fraction(3, 4)]
wide = [short(3), long(5), 10, 88, short(7)]
far = [10 ** 6, short(20)]
turns = [near(lambda: m.pi, 24), near(lambda: m.pi / 2, 24), near(lambda: m.pi, 300), near(lambda: 11 * m.pi / 2, 60),
         near(lambda: m.pi * 355, 53)]
points = {
    "exp": both(small + unit + wide + far),
    "expm1": both(small + unit + wide) + [-10 ** 6, 10 ** 6],
    "exp2": both(small[1:] + unit[:4] + wide[:2]) + [Fraction(1001, 2), Fraction(-100001, 4)],
    "log": small + unit + wide + [two(1000) * 3, two(-1000) * 3] + [1 + s for s in both(small)] + [Fraction(5, 4), Fraction(11, 8)],
    "log1p": both(small + unit[:2]) + wide + far + [two(300) * 3, -1 + two(-24), -1 + two(-100), two(-100)],
    "log2": small[2:] + unit[:4] + [1 + s for s in both(small[:4])] + [10],
    "log10": small[2:] + unit[:4] + [1 + s for s in both(small[:4])] + [1001],
    "sin": both(small) + unit + wide + far + turns + [10 ** 38, short(128), long(1000)],
    "cos": small + unit + wide + far + turns + [10 ** 38, short(128), long(1000)],
    "tan": both(small[:4]) + unit + wide[:3] + turns + [10 ** 38],
    "atan": both(small) + unit + wide + far + [two(200) * 3, -two(1500) * 5],
    "sinh": both(small + unit) + wide,
    "cosh": small + unit + [-w for w in wide],
    "tanh": both(small + unit) + wide + [50],
    "erf": both(small) + unit + [short(2), -short(2), 3, 5, 9, 30],
    "erfc": both(small[2:]) + unit + [short(2), -short(2), 3, 5, Fraction(41, 4), 20, 27, 100, short(4), 1000],
    "sqrt": small + unit + wide,
    "cbrt": both(small[2:]) + unit + wide,
    "rsqrt": small + unit + wide,
}
for name, xs in points.items():
    for x in xs:
        exact = x == 1 and name in ("log", "log2", "log10", "sqrt", "cbrt", "rsqrt")
        if not exact:
            line(name, BITS, x)
powers = [(short(0), short(3)), (short(7), short(-3)), (short(-20), -short(3)), (1 + two(-20), two(20) * 3), (short(1), 7), (-short(1), 7),
          (-short(1), -8), (short(2), 1000), (short(1), 4097), (-short(1), 5001), (1 - two(-60), two(63) + 1), (2, Fraction(1, 2)),
          (3, Fraction(5, 2)), (10, -38), (long(2), long(4)), (short(60), Fraction(-3, 2)), (short(-100), short(-90))]
for x, y in powers:
    line("pow", BITS, x, y)
for name in points:
    if name in ("log", "exp", "sin", "tanh", "erf", "erfc", "atan", "sqrt"):
        for x in (Fraction(3, 4), Fraction(5, 2)) + ((20,) if name in ("erfc", "exp") else ()):
            line(name, 4250, x)
