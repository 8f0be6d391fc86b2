#!/usr/bin/env python3
"""Writes the small certificates of `certs/`, their tensor files, the heads of their expectations, and the table of them.

Deterministic; the standard library only. What the checker prints is not written here: the golden run renews it (`BLESS=1`).
What is true stands in `accepted.py`, what is malformed or false in `rejected.py`, what is not decided in `declined.py`,
and both sides of the other kinds of claims in `traces.py`, `divergences.py` and `derivatives.py`.
"""

import accepted
import declined
import derivatives
import divergences
import rejected
import traces
from corpus import Corpus

if __name__ == "__main__":
    corpus = Corpus()
    for module in (accepted, rejected, declined, traces, divergences, derivatives):
        module.write(corpus)
    corpus.write()
