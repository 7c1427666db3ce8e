"""Partial copies: one class of model code in a file five times as long that has nothing to do with
it.

    python benchmarks/partial.py                         two minutes
    python benchmarks/partial.py --classes 50 --misses

Classes of 40 lines or more of transformers 4.57.1, drawn by the seed, are pasted between the
statements of files of sympy, django and sqlalchemy, cut to four times as many lines, and scanned
against an index of the release, the original included. Once more with every name of the whole file
changed (attacks/rename.py).

*found*: a finding lies in the class, or is the class. *right*: the strongest of these names the
family that the class was taken from, or says that it is as close. *first*: so does the first part
of the file's composition, which is what the first line of a report says. *common*: found, but said
to be so common that it tells no origin. *outside*: files with a finding in what is not the class.
"""

from __future__ import annotations

import argparse
import ast
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from attacks import ATTACKS
from resistance import MODELS, Original, draw, index_of_models, is_code, is_model

from provenance.model import Finding, Report
from provenance.parse import parse
from provenance.scanning import scan

HOSTS = ("pypi:sympy==1.13.3", "pypi:django==5.1.4", "pypi:sqlalchemy==2.0.36")
LEAST_LINES, TIMES = 40, 5
"""Lines of a class at least, and how many times as long the file is."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """A file with a class of model code in it: where it is from, and what it is called here."""

    path: str
    text: str
    original: Original
    name: str


@dataclass
class Row:
    counts: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)


def classes(original: Original) -> Iterator[tuple[str, str, int]]:
    """The classes of a file that are long enough: name, text, lines."""
    lines = original.text.splitlines()
    for node in ast.parse(original.text).body:
        if isinstance(node, ast.ClassDef):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            last = node.end_lineno or first
            if last - first + 1 >= LEAST_LINES:
                yield node.name, "\n".join(lines[first - 1 : last]), last - first + 1


def hosted(host: str, wanted: int) -> tuple[list[str], list[str]] | None:
    """The first statements of a file, about so many lines of them, in two halves."""
    lines, ends = host.splitlines(), [0]
    for node in ast.parse(host).body:
        ends.append(node.end_lineno or node.lineno)
        if ends[-1] >= wanted:
            middle = min(ends, key=lambda end: abs(end - ends[-1] // 2))
            return lines[:middle], lines[middle : ends[-1]]
    return None


def paste(count: int, seed: int) -> list[Pasted]:
    """Files with a class each, of different model files, in hosts drawn by the seed."""
    rng = random.Random(f"{seed} partial")
    hosts = [
        one.text
        for source in HOSTS
        for one in draw(source, is_code, 400, seed)
        if "\f" not in one.text
    ]
    found: list[Pasted] = []
    for original in draw(MODELS, is_model, 2 * count, seed):
        listed = list(classes(original))
        if not listed or len(found) == count:
            continue
        name, text, size = rng.choice(listed)
        halves = None
        for _ in range(100):
            halves = halves or hosted(rng.choice(hosts), (TIMES - 1) * size)
        if halves is not None:
            before, after = halves
            whole = "\n".join([*before, "", "", text, "", "", *after, ""])
            found.append(Pasted(f"{len(found):03}.py", whole, original, name))
    return found


def renamed(file: Pasted, seed: int) -> Pasted | None:
    """With all names changed; the class is told by its place among the classes."""
    try:
        text = ATTACKS["rename"](file.text, random.Random(f"{seed} {file.path}"))
    except (RecursionError, SyntaxError, ValueError):
        return None
    before = [node.name for node in ast.parse(file.text).body if isinstance(node, ast.ClassDef)]
    after = [node.name for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    return Pasted(file.path, text, file.original, after[before.index(file.name)])


def judge(files: Sequence[Pasted], report: Report) -> Row:
    row = Row()
    of_path: dict[str, list[Finding]] = {}
    for finding in report.findings:
        of_path.setdefault(finding.suspect.path, []).append(finding)
    results = {one.path: one for one in report.files}
    for file in files:
        unit = next(one for one in parse(file.text.encode()).units if one.name == file.name)
        findings = of_path.get(file.path, [])
        inside = [
            one
            for one in findings
            if unit.start_line <= one.suspect.start_line
            and one.suspect.end_line <= unit.end_line
            and one.suspect.kind != "module"
        ]
        row.counts["all"] += 1
        row.counts["outside"] += len(inside) < len(findings)
        best = max(inside, key=lambda one: (one.matched, one.id), default=None)
        composition = results[file.path].composition
        right = best is not None and file.original.origin in (best.reference.origin, *best.also)
        row.counts["found"] += best is not None
        row.counts["right"] += right
        row.counts["common"] += best is not None and best.verdict == "common"
        row.counts["first"] += bool(composition) and file.original.origin in (
            composition[0].origin,
            *composition[0].also,
        )
        if not right:
            said = f"{best.reference.origin} {best.resemblance:.2f}" if best else "nothing"
            row.misses.append(f"{file.original.path} {file.name}: {said}")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description="A class of model code in a longer file.")
    parser.add_argument("--classes", type=int, default=200, help="how many are pasted (200)")
    parser.add_argument("--seed", type=int, default=1, help="draws classes and files (1)")
    parser.add_argument("--misses", action="store_true", help="list what was missed")
    options = parser.parse_args()
    index = index_of_models()
    files = paste(options.classes, options.seed)
    changed = [one for file in files if (one := renamed(file, options.seed)) is not None]
    print("| partial copy | cases | found | right | first | common | outside | to reach |")
    print("|---|---:|---:|---:|---:|---:|---:|---|")
    rows: dict[str, Row] = {}
    for name, some in (("as it is", files), ("every name changed", changed)):
        with tempfile.TemporaryDirectory() as folder:
            for file in some:
                Path(folder, file.path).write_bytes(file.text.encode())
            row = rows[name] = judge(some, scan(folder, [index]))
        columns = ("found", "right", "first", "common", "outside")
        shares = " | ".join(f"{row.counts[one] / max(1, row.counts['all']):.3f}" for one in columns)
        print(f"| {name} | {row.counts['all']} | {shares} | found .95 |")
    if options.misses:
        for name, row in rows.items():
            print(f"\n{name}, not right:", *row.misses, sep="\n  ")


if __name__ == "__main__":
    main()
