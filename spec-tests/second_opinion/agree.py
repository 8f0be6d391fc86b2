#!/usr/bin/env python3
"""The second opinion against what is expected of tl-check, over the whole corpus `certs/{accept,reject,decline}`.

Agreement is the same verdict, and of ACCEPTED also the same sentence: digests of graph and parameters, number of inputs, tolerance.
A certificate that either checker does not decide cannot be a disagreement; both kinds are counted, the first with its reasons.
`agree.py FOLDER` takes another folder of NAME.json and NAME.expect. Exit 1 on a disagreement, or if nothing agrees.
"""
import collections, pathlib, re, sys
from fractions import Fraction
from check import verdict

SENTENCE = re.compile(r"for each of (\d+) listed inputs .*<= (\S+)\*\((\S+) \+ (\S+)\*max\(\|y\|, \|s\|\)(?: \+ (\S+)\*ulp\(y\))?\)"
                      r".* graph sha256:(\w+) with the parameters sha256:(\w+)")

def stated(expected):
    """What the sentence of tl-check says, in the words of the second opinion."""
    cases, *tolerance, graph, parameters = SENTENCE.search(expected).groups()
    figures = (Fraction(figure or 0) for figure in tolerance)
    return "graph {} parameters {} cases {} slack {} abs {} rel {} ulps {}".format(graph, parameters, cases, *figures)

def main(root):
    verdicts, unsupported, alone, disagreed, agreed = ["ACCEPTED", "REJECTED", "DECLINED", "UNREADABLE"], collections.Counter(), [], [], 0
    for expectation in sorted(root.rglob("*.expect")):
        expected = expectation.read_text()
        theirs = verdicts[int(re.search(r"^exit: (\d)", expected, re.M)[1])]
        ours, why = verdict(str(expectation.with_suffix(".json")))
        if ours in ("DECLINED", "UNREADABLE"):
            unsupported[why if ours == "DECLINED" else "files that are not there"] += 1
        elif theirs in ("DECLINED", "UNREADABLE"):
            alone.append(f"{expectation.stem} {ours}")
        elif ours == theirs and (ours == "REJECTED" or why == stated(expected)):
            agreed += 1
        else:
            disagreed.append(f"{expectation.relative_to(root)}: tl-check {theirs}, second opinion {ours} ({why})")
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(unsupported.items()))
    print(f"second opinion: agree {agreed}, not supported {sum(unsupported.values())} ({reasons}), "
          f"decided here alone {len(alone)} ({', '.join(alone)}), disagree {len(disagreed)}")
    print("\n".join(disagreed), file=sys.stderr)
    return 1 if disagreed or not agreed else 0

if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parent
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here.parent.parent / "certs"))
