"""The corpus as files: how small certificates are written down, and how they lie in their folders.

A case is a name, a sentence, the text of a certificate, the options of the command, and the verdict that a reader of FORMAT.md expects.
Writing it renews NAME.json and the head of NAME.expect; what the command prints, below the head, is left to the golden run.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from binary32 import round_to_word

CERTS = Path(__file__).resolve().parent.parent
WIDTH = 120
EXIT = {"accept": 0, "reject": 1, "decline": 2}


def words(values):
    """Words of numbers (rounded to nearest) and of words in hexadecimal (`x7fc00000`)."""
    word = lambda v: int(v[1:], 16) if isinstance(v, str) and v[0] == "x" else number(v)
    return [word(v) for v in values]


def number(v):
    return 0 if v == 0 else round_to_word(v)


def tensor(shape, values):
    """A tensor inline."""
    return {"shape": shape, "words": " ".join(f"{word:08x}" for word in words(values))}


def in_file(shape, path, name):
    """A tensor of a file."""
    return {"shape": shape, "file": path, "tensor": name}


def node(op, parents, shape, /, **attributes):
    """A node; one without attributes does not mention them."""
    return {"op": op, **({"attributes": attributes} if attributes else {}), "parents": parents, "shape": shape}


def source(op, name, shape):
    """An `input` or a `const`."""
    return node(op, [], shape, name=name)


def graph(nodes, **outputs):
    return {"nodes": nodes, "outputs": outputs}


def certificate(claim, graph, inputs, parameters=None, files=None, witness=None):
    """A certificate without its sentence. Keys that may be absent are absent."""
    document = {"format": "tl-cert/1", "claim": claim, "model": {"graph": graph, "parameters": parameters or {}}}
    document["inputs"] = inputs
    return document | ({"files": files} if files else {}) | ({"witness": witness} if witness else {})


def forward(graph, inputs, outputs, abs="0", rel="0", slack=None, **rest):
    """Recorded outputs near the exact ones."""
    tolerance = {"abs": abs, "rel": rel} | ({"slack": slack} if slack else {})
    return certificate({"kind": "forward", "tolerance": tolerance, "outputs": outputs}, graph, inputs, **rest)


def executed(schedule, graph, inputs, outputs, rounding="nearest_even", nan="canonical", nodes=None, **rest):
    """Recorded outputs that are those of an execution."""
    execution = {"rounding": rounding, "nan": nan, "schedule": schedule} | ({"nodes": nodes} if nodes else {})
    return certificate({"kind": "exec", "execution": execution, "outputs": outputs}, graph, inputs, **rest)


def pretty(value, indent, column):
    """JSON on one line where it fits from this column, else an entry a line, two columns in."""
    flat = json.dumps(value, ensure_ascii=False)
    if column + len(flat) < WIDTH or not isinstance(value, (dict, list)):
        return flat
    pad = " " * (indent + 2)
    keys = [json.dumps(key) + ": " for key in value] if isinstance(value, dict) else [""] * len(value)
    items = value.values() if isinstance(value, dict) else value
    lines = [pad + key + pretty(item, indent + 2, indent + 2 + len(key)) for key, item in zip(keys, items)]
    before, after = "{}" if isinstance(value, dict) else "[]"
    return before + "\n" + ",\n".join(lines) + "\n" + " " * indent + after


def text(about, document):
    """The text of a certificate, its sentence second."""
    whole = {"format": document["format"], "about": about} | document
    return pretty(whole, 0, WIDTH) + "\n"


def safetensors(entries, data, table=None, length=None):
    """A tensor file of these table entries (or of this text of a table) over these data."""
    table = (table or json.dumps(entries, separators=(",", ":"))).encode()
    return (len(table) if length is None else length).to_bytes(8, "little") + table + data


def entry(shape, start, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def little_endian(values):
    return b"".join(word.to_bytes(4, "little") for word in words(values))


def digest(data):
    return hashlib.sha256(data).hexdigest()


@dataclass
class Case:
    folder: str
    name: str
    about: str
    text: bytes
    code: str | None
    options: str


class Corpus:
    """Cases under headings, and the tensor files beside them."""

    def __init__(self):
        self.sections, self.files, self.links = [], {}, {}

    def section(self, folder, title):
        self.folder = folder
        self.sections.append((folder, title, []))

    def add(self, name, about, document, code=None, change=(), options=""):
        """A case: a document (or the bytes of one) with `change`, a list of (old, new), made to its text; each old text occurs once."""
        content = document if isinstance(document, bytes) else text(about, document).encode()
        for old, new in change:
            old, new = (part if isinstance(part, bytes) else part.encode() for part in (old, new))
            assert content.count(old) == 1, f"{name}: {old} occurs {content.count(old)} times"
            content = content.replace(old, new)
        self.sections[-1][2].append(Case(self.folder, name, about, content, code, options))

    def file(self, path, content):
        """A tensor file in the folder of the section; its entry in `files`."""
        self.files[f"{self.folder}/{path}"] = content
        return {path: digest(content)}

    def write(self):
        """Writes everything, and the table of contents."""
        names = set()
        for path, content in self.files.items():
            (CERTS / path).parent.mkdir(parents=True, exist_ok=True)
            (CERTS / path).write_bytes(content)
        for path, target in self.links.items():
            (CERTS / path).unlink(missing_ok=True)
            os.symlink(target, CERTS / path)
        for case in (case for _, _, cases in self.sections for case in cases):
            path = CERTS / case.folder / f"{case.name}.json"
            assert path not in names, f"{path} twice"
            names.add(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(case.text)
            write_expectation(case, path.with_suffix(".expect"))
        (CERTS / "README.md").write_text(self.contents(names))

    def contents(self, names):
        """The page of all certificates, those of others included."""
        page = [OPENING]
        sections = list(self.sections)
        for folder in EXIT:
            others = [path for path in sorted((CERTS / folder).glob("*.json")) if path not in names]
            own = [(title, [own_row(case) for case in cases]) for f, title, cases in sections if f == folder]
            page.append(f"\n## `{folder}/`: {VERDICT[folder]}\n")
            for title, is_bug in OTHERS:
                rows = [other_row(path) for path in others if path.name.startswith("bug_") == is_bug]
                own += [(title, rows)] if rows else []
            for title, lines in own:
                page += [
                    f"\n### {title}\n\n| file | {HEAD[folder]} |\n|---|{'---|' * HEAD[folder].count('|')}---|\n",
                    *lines,
                ]
        return "".join(page)


# Certificates that other programs write: `tl bugs run -o certs` (bug_NAME, docs/bugs.md) and `make.sh`.
OTHERS = [("The bug zoo", True), ("Networks", False)]

OPENING = """# Certificates, and what becomes of them

Each `NAME.json` here shows one thing; the sentence in its `about` says which. `NAME.expect` beside it says how the checker
is run (from the folder of the file), its exit code, the code of its diagnostic, and every character that it prints.
[`FORMAT.md`](FORMAT.md) is the specification.

`python3 certs/make/small.py` writes the small ones and this page. Words of executions come from `certs/make/binary32.py`,
which computes them from the specification with exact fractions and shares nothing with the checker. The bug zoo comes from `tl bugs run -o certs`;
[`docs/bugs.md`](../docs/bugs.md) tells what each entry is about.
"""
VERDICT = {
    "accept": "true, and accepted",
    "reject": "malformed or false, and rejected",
    "decline": "not decided, and declined",
}
HEAD = {"accept": "shows", "reject": "code | shows", "decline": "code | shows"}


def cell(about):
    return about.replace("|", "\\|")


def own_row(case):
    code = f"{case.code} | " if case.code else ""
    run = f" (`{case.options}`)" if case.options else ""
    return f"| [{case.name}]({case.folder}/{case.name}.json) | {code}{cell(case.about)}{run} |\n"


def other_row(path):
    about = json.loads(path.read_bytes()).get("about", "")
    code = "" if path.parent.name == "accept" else f"{code_of(path)} | "
    return f"| [{path.stem}]({path.parent.name}/{path.name}) | {code}{cell(about)} |\n"


def code_of(path):
    """The code in the expectation of a certificate, once there is one."""
    expect = path.with_suffix(".expect")
    lines = expect.read_text().splitlines() if expect.exists() else []
    return next((line.removeprefix("code: ") for line in lines if line.startswith("code: ")), "")


def write_expectation(case, path):
    """The head of an expectation; what the command printed stays as it was."""
    head = f"run: tl-check {case.options + ' ' if case.options else ''}{case.name}.json\nexit: {EXIT[case.folder]}\n"
    head += f"code: {case.code}\n" if case.code else ""
    before = path.read_text() if path.exists() else ""
    printed = before[before.find("stdout:\n") :] if "stdout:\n" in before else "stdout:\nstderr:\n"
    path.write_text(head + printed)
