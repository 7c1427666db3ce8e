"""Accuracy on the development set: transformers 4.57.1 and packages without model code.

    python benchmarks/development.py            all rows, about five minutes
    python benchmarks/development.py --misses   and what was missed

The ground truth comes from the package itself (truth.py): the parents that ``modular_*.py``
declare, and ``# Copied from`` comments. Everything goes through the product: an index built
from the release, a scan with the origins hidden that the case must not see. For a lineage case
these are all families that are not older than the child (families.csv); for a ``Copied from``
pair it is the child's own family.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import truth

from provenance.audit import scan
from provenance.index import Index
from provenance.indexing import build_index
from provenance.model import Finding, Report, SourceFile, Unit
from provenance.origins import origin_of
from provenance.parse import parse
from provenance.source import open_source

PACKAGE = "transformers"
RELEASE = f"pypi:{PACKAGE}==4.57.1"
DIFFUSERS = "pypi:diffusers==0.42.1"
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


@dataclass
class Tally:
    """Counts of one row, and what was missed."""

    counts: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    def share(self, name: str) -> float:
        return self.counts[name] / max(1, self.counts["all"])


def lineage(files: Sequence[SourceFile], index: Path, origins: Sequence[str]) -> dict[str, Tally]:
    """Class lineage: is a declared parent in the closest class, is its family named first."""
    ages = truth.read_families()
    known = truth.class_lineage(((file.path, file.content) for file in files), ages)
    by_family: dict[str, list[truth.Lineage]] = defaultdict(list)
    for case in known.children:
        by_family[truth.family_of(case.child.path) or ""].append(case)
    tallies = {"pure": Tally(), "edited": Tally()}
    for family, cases in sorted(by_family.items()):
        younger = [
            origin
            for origin in origins
            if not truth.is_older(origin.removeprefix(f"{PACKAGE}/"), family, ages)
        ]
        report = _scan(RELEASE, [case.child.path for case in cases], index, younger)
        for case in cases:
            tally = tallies["pure" if case.pure else "edited"]
            found = _of_unit(report, case.child.path, case.child.name)
            parents = {origin_of(PACKAGE, parent.path) for parent in case.parents}
            tally.counts["all"] += 1
            tally.counts["found"] += found is not None
            first = found is not None and found.reference.origin in parents
            among = found is not None and bool(parents & {found.reference.origin, *found.also})
            tally.counts["first"] += first
            tally.counts["among"] += among
            if not among:
                named = found.reference.origin if found else "nothing"
                tally.misses.append(
                    f"{case.child.path} {case.child.name}: {named}, declared {sorted(parents)}"
                )
    return tallies


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
    parser.add_argument("--only", choices=("lineage", "copied", "alarms"))
    arguments = parser.parse_args()
    misses, only = arguments.misses, arguments.only
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder, "transformers.db")
        build_index([RELEASE], index, exclude=["modular_*.py"], jobs=2)
        if only in (None, "lineage"):
            with Index(index) as opened:
                origins = [one.name for one in opened.origins()]
            _print(
                "Class lineage, references older than the child only",
                ("among", "first", "found"),
                lineage(_files(RELEASE), index, origins),
                misses,
            )
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
