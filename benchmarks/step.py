"""The audit step on a real package into which a model file of others was put.

    python benchmarks/step.py                     about two minutes
    python benchmarks/step.py --package sympy==1.13.3

A copy of a package without model code is made a repository, and one model file of transformers is
put into it: its family's name changed throughout, header and imports of its package taken off, a
function of its own in front. Then the steps of a user are taken, by the command line alone: audit,
notices, audit, an edit elsewhere, audit, a second run, a pull request.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from provenance.pypi import fetch, parse_requirement

MODEL = ("transformers==5.23.0", "transformers/models/qwen2_vl/modeling_qwen2_vl.py")
RENAMES = (("Qwen2VL", "Borealis"), ("qwen2_vl", "borealis"), ("Qwen2", "Boreal"))
OWN = "def halves(values):\n    return [one / 2 for one in values]\n\n\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="The audit step on a real package.")
    parser.add_argument("--package", default="click==8.1.8")
    package = parser.parse_args().package
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "repository")
        with zipfile.ZipFile(fetch(*parse_requirement(package))) as opened:
            opened.extractall(root)
        os.environ["PROVENANCE_CACHE"] = str(Path(folder, "cache"))
        steps(root, package)


def steps(root: Path, package: str) -> None:
    print(f"| {package} with {MODEL[1]} | exit code | seen | wall, s | CPU, s |")
    print("|---|---:|---|---:|---:|")
    for line in ("init -q -b main .", "add .", "commit -q -m package"):
        git(root, *line.split())
    audit(root, "as it is", "--no-cache")
    place = root / next(root.glob("*/__init__.py")).parent.name / "vision.py"
    with zipfile.ZipFile(fetch(*parse_requirement(MODEL[0]))) as opened:
        text = opened.read(MODEL[1]).decode()
    text = text[text.index("\nimport ") + 1 :]
    text = re.sub(r"^from \.[^\n(]*(?:\([^)]*\))?\n", "", text, flags=re.MULTILINE)
    for old, new in RENAMES:
        text = text.replace(old, new)
    place.write_text('"""Our own vision model."""\n\n\n' + OWN + text, "utf-8")
    audit(root, "the file added")
    audit(root, "the same again, nothing changed")
    audit(root, "only what changed", "--no-cache", "--diff", "main")
    command(root, "`notices --write`", "notices", "--write")
    audit(root, "declared")
    text = place.read_text("utf-8")
    place.write_text("import math\n\n" + text + "\n\ndef twice(x):\n    return math.fabs(2 * x)\n")
    audit(root, "edited elsewhere")
    (root / "THIRD_PARTY_NOTICES.md").unlink()
    audit(root, "notices taken away", "--require-notices")


def git(root: Path, *arguments: str) -> None:
    named = ["-c", "user.name=n", "-c", "user.email=e@example.invalid"]
    subprocess.run(["git", *named, *arguments], cwd=root, check=True)


def audit(root: Path, what: str, *more: str) -> None:
    """One audit, as a row of the table."""
    output = root.parent / "audit.json"
    code, wall, cpu = run(root, "audit", "--output", str(output), *more)
    said = json.loads(output.read_text("utf-8"))
    fails = [one for one in said["rulings"] if one["level"] == "error" and one["status"] == "new"]
    files = sorted({one["path"] for one in fails})
    lines = {name: Path(root, name).read_text("utf-8").split("\n") for name in files}
    right = 0
    for one in fails:
        name = one["message"].partition(":")[0].rpartition(".")[2]
        right += name == "module body" or name in lines[one["path"]][one["start_line"] - 1]
    seen = f"{said['counts']['files']} files, {len(fails)} failures"
    if fails:
        seen += f" in {', '.join(files)}, {right} at the line of their name"
    if said["counts"]["warnings"]:
        seen += f", {said['counts']['warnings']} warnings"
    row(what, code, seen, wall, cpu)


def command(root: Path, what: str, *arguments: str) -> None:
    code, wall, cpu = run(root, *arguments)
    row(what, code, "", wall, cpu)


def run(root: Path, *arguments: str) -> tuple[int, float, float]:
    """Run a command: its exit code, wall clock and CPU seconds, workers' too."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ended = subprocess.run(
        [sys.executable, "-m", "provenance", *arguments], cwd=root, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return ended.returncode, time.perf_counter() - began, cpu


def row(what: str, code: int, seen: str, wall: float, cpu: float) -> None:
    print(f"| {what} | {code} | {seen} | {wall:.1f} | {cpu:.1f} |", flush=True)


if __name__ == "__main__":
    main()
