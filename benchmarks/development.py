"""Accuracy on the development set: transformers 4.57.1 and packages without model code.

    python benchmarks/development.py                  all rows, about five minutes
    python benchmarks/development.py --only lineage   classes and models
    python benchmarks/development.py --misses         and what was missed

The ground truth comes from the package itself (truth.py): the parents that ``modular_*.py``
declare, and ``# Copied from`` comments. Everything goes through the product: an index built
from the release, for lineage from older ones too, which say since when each family is there, and
a scan with the origins hidden that the case must not see. For a lineage case these are all
families that are not older than the child (first_days.csv); for a ``Copied from`` pair it is the
child's own family.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath

import truth

from provenance.index import Index
from provenance.indexing import build_index
from provenance.model import Finding, Report, SourceFile, Unit
from provenance.origins import origin_of
from provenance.parse import parse
from provenance.scanning import scan
from provenance.source import open_source

PACKAGE = "transformers"
RELEASE = f"pypi:{PACKAGE}==4.57.1"
DIFFUSERS = "pypi:diffusers==0.42.1"
OLDER = tuple(f"pypi:{PACKAGE}=={one}" for one in ("4.31.0", "4.40.0", "4.49.0", "4.53.0"))
"""The releases before it of the default index; without them all families are of one day."""
MODELS = ("transformers/models/**",)
PORTS = ("modular_*.py", "*_tf_*", "*_flax_*")
"""What repeats the generated files, and what the default index leaves out as well."""
WITHOUT_MODELS = (
    "sympy==1.13.3",
    "django==5.1.4",
    "networkx==3.4.2",
    "docutils==0.21.2",
    "jinja2==3.1.5",
    "werkzeug==3.1.3",
    "sqlalchemy==2.0.36",
    "click==8.1.8",
)
"""Packages with no model code: whatever is found in them is a false alarm."""


HALVES = ("", ", half a", ", half b")
"""All cases, and the two halves that the families fall into by their SHA-256: what was chosen on
one half was confirmed on the other."""


@dataclass
class Tally:
    """Counts of one row, and what was missed."""

    counts: Counter[str] = field(default_factory=Counter)
    shares: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    misses: list[str] = field(default_factory=list)

    def share(self, name: str) -> float:
        return (self.counts[name] + self.shares.get(name, 0.0)) / max(1, self.counts["all"])


def lineage(
    files: Sequence[SourceFile], index: Path, origins: Sequence[str]
) -> tuple[dict[str, Tally], dict[str, Tally]]:
    """Class lineage: is a declared parent in the closest class, is its family named first, how
    many others are said to be as close. And of all files of a model together: is the first-named
    family a declared parent, and which share of its declared parents is among as many named."""
    ages = truth.read_families()
    known = truth.class_lineage(((file.path, file.content) for file in files), ages)
    by_family: dict[str, list[truth.Lineage]] = defaultdict(list)
    for case in known.children:
        by_family[truth.family_of(case.child.path) or ""].append(case)
    classes = {f"{kind}{half}": Tally() for kind in ("pure", "edited") for half in HALVES}
    models = {
        f"{kind}{half}": Tally() for kind in ("all files", "modeling file") for half in HALVES
    }
    for family, cases in sorted(by_family.items()):
        younger = [
            origin
            for origin in origins
            if not truth.is_older(origin.removeprefix(f"{PACKAGE}/"), family, ages)
        ]
        half = HALVES[1 + sha256(family.encode()).digest()[-1] % 2]
        report = _scan(RELEASE, [case.child.path for case in cases], index, younger)
        for case in cases:
            for part in ("", half):
                _judge_class(classes[f"{'pure' if case.pure else 'edited'}{part}"], case, report)
        named = [share.origin for share in report.composition]
        own = f"modeling_{family}"
        inside = [one for one in cases if PurePosixPath(one.child.path).stem == own]
        file = next((one for one in report.files if PurePosixPath(one.path).stem == own), None)
        for part in ("", half):
            _judge_model(models[f"all files{part}"], family, cases, named)
            if inside and file:
                first = [share.origin for share in file.composition]
                _judge_model(models[f"modeling file{part}"], family, inside, first)
    return classes, models


def _judge_class(tally: Tally, case: truth.Lineage, report: Report) -> None:
    found = _of_unit(report, case.child.path, case.child.name)
    parents = {origin_of(PACKAGE, parent.path) for parent in case.parents}
    tally.counts["all"] += 1
    tally.counts["found"] += found is not None
    first = found is not None and found.reference.origin in parents
    among = found is not None and bool(parents & {found.reference.origin, *found.also})
    tally.counts["first"] += first
    tally.counts["among"] += among
    tally.counts["named"] += 1 + len(found.also) if found else 0
    if not among:
        named = found.reference.origin if found else "nothing"
        tally.misses.append(
            f"{case.child.path} {case.child.name}: {named}, declared {sorted(parents)}"
        )


def _judge_model(
    tally: Tally, family: str, cases: Sequence[truth.Lineage], named: Sequence[str]
) -> None:
    parents = {origin_of(PACKAGE, parent.path) for case in cases for parent in case.parents}
    tally.counts["all"] += 1
    tally.counts["first"] += bool(parents & set(named[:1]))
    tally.counts["among three"] += bool(parents & set(named[:3]))
    tally.shares["R-precision"] += len(parents & set(named[: len(parents)])) / len(parents)
    if not parents & set(named[:1]):
        tally.misses.append(f"{family}: {named[:3]}, declared {sorted(parents)}")


def copied(
    package: str, requirement: str, files: Sequence[SourceFile], index: Path
) -> dict[str, Tally]:
    """``Copied from`` pairs of two families: is the child found, is the parent's origin named."""
    known = truth.copied_pairs((file.path, file.content) for file in files)
    contents = {file.path: file.content for file in files}
    by_origin: dict[str, list[truth.CopiedPair]] = defaultdict(list)
    for pair in known.pairs:
        own = origin_of(package, pair.child.path)
        if origin_of(package, pair.parent.path) != own:
            by_origin[own].append(pair)
    tallies = {"40 elements or more": Tally(), "smaller": Tally()}
    for own, pairs in sorted(by_origin.items()):
        report = _scan(requirement, [pair.child.path for pair in pairs], index, [own])
        every = {path: parse(contents[path]) for path in {pair.child.path for pair in pairs}}
        for pair in pairs:
            parent = origin_of(package, pair.parent.path)
            parsed = every[pair.child.path]
            unit = _at(parsed.units, pair.child)
            size = unit.stop - unit.start
            tally = tallies["40 elements or more" if size >= 40 else "smaller"]
            touching = [
                finding
                for finding in report.findings
                if finding.suspect.path == pair.child.path
                and finding.suspect.start_line <= unit.end_line
                and finding.suspect.end_line >= unit.start_line
                and finding.suspect.kind != "module"
            ]
            lines = {
                line
                for finding in touching
                for block in finding.blocks
                for line in range(block.suspect_start, block.suspect_end + 1)
            }
            code = set(parsed.tokens.line[unit.start : unit.stop].tolist())
            found = 2 * len(lines & code) >= len(code)
            named = any(parent in (f.reference.origin, *f.also) for f in touching)
            tally.counts["all"] += 1
            tally.counts["found"] += found
            tally.counts["named"] += found and named
            if not found:
                tally.misses.append(f"{pair.child.path} {pair.child.name} ({size} elements)")
    return tallies


def _at(units: Sequence[Unit], place: truth.Place) -> Unit:
    """The unit of a definition: a getter and its setter have one name, so the line decides."""
    named = [unit for unit in units if unit.name == place.name]
    return next(
        (unit for unit in named if unit.start_line <= place.line <= unit.end_line), named[-1]
    )


def false_alarms(index: Path) -> dict[str, Tally]:
    """Files of packages without model code in which anything is found."""
    tallies: dict[str, Tally] = {}
    for requirement in WITHOUT_MODELS:
        report = scan(f"pypi:{requirement}", [index], jobs=2)
        tally = tallies[requirement] = Tally()
        tally.counts["all"] = len(report.files)
        tally.counts["found"] = len({finding.suspect.path for finding in report.findings})
        tally.misses = [
            f"{finding.suspect.path} {finding.suspect.name} <- {finding.reference.path} "
            f"{finding.reference.name} ({finding.resemblance:.2f})"
            for finding in report.findings
        ]
    return tallies


def _scan(requirement: str, paths: Sequence[str], index: Path, hidden: Sequence[str]) -> Report:
    return scan(requirement, [index], include=sorted(set(paths)), exclude_origin=hidden)


def _files(requirement: str) -> list[SourceFile]:
    return [file for file in open_source(requirement).files() if isinstance(file, SourceFile)]


def _of_unit(report: Report, path: str, name: str) -> Finding | None:
    for finding in report.findings:
        if finding.suspect.path == path and finding.suspect.name == name:
            return finding
    return None


def _print(title: str, columns: Sequence[str], tallies: dict[str, Tally], misses: bool) -> None:
    print(f"\n{title}\n\n| | cases | {' | '.join(columns)} |")
    print("|---|---:|" + "---:|" * len(columns))
    for name, tally in tallies.items():
        shares = " | ".join(f"{tally.share(column):.4f}" for column in columns)
        print(f"| {name} | {tally.counts['all']} | {shares} |")
    if misses:
        for name, tally in tallies.items():
            print(f"\n{name}, missed:")
            for miss in tally.misses:
                print(f"  {miss}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy on the development set.")
    parser.add_argument("--misses", action="store_true", help="list what was missed")
    parser.add_argument("--only", choices=("lineage", "copied", "alarms"), help="one table")
    arguments = parser.parse_args()
    misses, only = arguments.misses, arguments.only
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder, "transformers.db")
        if only in (None, "lineage"):
            dated = Path(folder, "dated.db")
            build_index([*OLDER, RELEASE], dated, include=MODELS, exclude=PORTS, jobs=2)
            with Index(dated) as opened:
                origins = [one.name for one in opened.origins()]
            classes, models = lineage(_files(RELEASE), dated, origins)
            title = "Class lineage, references older than the child only"
            _print(title, ("among", "first", "found", "named"), classes, misses)
            title = "Models, references older than the model only"
            _print(title, ("first", "R-precision", "among three"), models, misses)
        if only != "lineage":
            build_index([RELEASE], index, exclude=PORTS[:1], jobs=2)
        if only in (None, "copied"):
            columns = ("found", "named")
            tallies = copied(PACKAGE, RELEASE, _files(RELEASE), index)
            _print("`Copied from` pairs of two families, transformers", columns, tallies, misses)
            other = Path(folder, "diffusers.db")
            build_index([DIFFUSERS], other, jobs=2)
            tallies = copied("diffusers", DIFFUSERS, _files(DIFFUSERS), other)
            _print("`Copied from` pairs of two families, diffusers", columns, tallies, misses)
        if only in (None, "alarms"):
            _print("Files with any finding, no model code", ("found",), false_alarms(index), misses)


if __name__ == "__main__":
    main()
