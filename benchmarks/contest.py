"""The contest's models against the default index: is the answer that of their makers?

    python benchmarks/contest.py                          about ten minutes
    python benchmarks/contest.py --wheels FOLDER          packages from local wheels
    python benchmarks/contest.py --only models --misses

Kept back: to measure, never to tune on. transformers 5.23.0 holds the contest's models, and its
``modular_*.py`` declare each class's parents (truth.py). Every ``modeling_*.py`` is scanned as of
the day its family first shipped, all origins of its own family hidden besides: other packages have
some of them earlier, and so no date hides them. Scanned once more with nothing hidden, it must be
recognised as itself.

A family is judged, not an origin: ``vllm/deepseek_v2`` is as right as
``transformers/deepseek_v2``. A class is *named* when its finding names a declared parent's family,
*told* when that family is the named one, one said to be as close, or in the lineage. One that is
not told is *common* where the finding says that the text tells no origin, *by members* where it has
no finding of its own but one of its methods tells the parent, *nothing* where none does, else
*other*. A class whose declared parents are all hidden by the date is left out, and counted.
``--misses`` lists what is not told, with what the declared parents alone score.
"""

from __future__ import annotations

import argparse
import random
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from platform import python_version

import truth
from attacks import ATTACKS
from development import WITHOUT_MODELS

from provenance.explained import weigh
from provenance.index import Index
from provenance.library import Library
from provenance.model import FileResult, Finding, Report, SourceFile
from provenance.references import DEFAULT_INDEX
from provenance.scanning import scan
from provenance.source import open_source
from provenance.weigh import Weighing

CONFIRMATION = (
    "flask==3.1.0",
    "fastapi==0.115.6",
    "pytest==8.3.4",
    "lark==1.2.2",
    "mpmath==1.3.0",
    "twisted==24.11.0",
    "pandas==2.2.3",
    "scikit-learn==1.6.0",
    "scipy==1.14.1",
    "requests==2.32.3",
    "aiohttp==3.11.11",
    "sphinx==8.1.3",
    "mypy==1.13.0",
    "pydantic==2.10.4",
)
"""Packages with no model code that no rule was made by looking at."""
NEWEST = "transformers==5.23.0"
SERVING = "vllm-tpu==0.32.0"
LLAMA = "https://github.com/vllm-project/vllm/blob/main/vllm/model_executor/models/llama.py"


@dataclass(frozen=True, slots=True)
class Case:
    """A family of models, the release that is scanned, and the day its family first shipped."""

    family: str
    day: str
    requirement: str = NEWEST


CASES = (
    Case("solar_open", "2026-01-26"),
    Case("axk1", "2026-08-10"),
    Case("axk2", "2026-08-10"),
    Case("hyperclovax", "2026-05-20"),
    Case("hyperclovax_vision_v2", "2026-09-30"),
    Case("exaone4_5", "2026-05-05"),
    Case("exaone_moe", "2026-02-05"),
    Case("kimi_k25", "2026-07-03"),
    Case("voxtral", "2025-07-25"),
    Case("voxtral_realtime", "2026-02-16"),
    Case("falcon_h1", "2025-06-26", "transformers==4.53.0"),
)
"""Design, section 5."""
SERVED = (
    ("AXK1", "axk1"),
    ("glm4_moe", "glm4_moe"),
    ("glm4_moe_lite", "glm4_moe_lite"),
    ("exaone_moe", "exaone_moe"),
    ("hyperclovax", "hyperclovax"),
    ("solar", "solar"),
)
"""Files of vLLM's models, and the family that is hidden as their own."""


@dataclass(frozen=True, slots=True)
class Families:
    """Of each origin of the index its family, and the first day of each family."""

    of_origin: dict[str, str]
    first: dict[str, str]

    def of(self, origins: Iterable[str]) -> set[str]:
        return {self.of_origin.get(origin, origin) for origin in origins}

    def origins(self, family: str) -> list[str]:
        """All origins of a family."""
        return sorted(origin for origin, name in self.of_origin.items() if name == family)

    def of_path(self, path: str) -> str:
        """The family of a path of transformers."""
        directory = truth.family_of(path) or ""
        return self.of_origin.get(f"transformers/{directory}", directory)


@dataclass
class Judged:
    """What a scan says of one case."""

    declared: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)
    composition: list[str] = field(default_factory=list)
    verdict: str = ""
    first: str = ""
    among: str = ""
    itself: str = ""


def read_index(index: Path) -> Families:
    of_origin: dict[str, str] = {}
    first: dict[str, str] = {}
    with Index(index) as opened:
        for origin in opened.origins():
            of_origin[origin.name] = origin.family.name
            if origin.first:
                day = first.get(origin.family.name, origin.first)
                first[origin.family.name] = min(day, origin.first)
    return Families(of_origin, first)


def place(requirement: str, wheels: Path | None) -> str:
    """A requirement as a source: the local wheel where there is one."""
    name, version = requirement.split("==")
    stem = f"{name.replace('-', '_')}-{version}-".lower()
    for wheel in sorted(wheels.iterdir()) if wheels else ():
        if wheel.suffix == ".whl" and wheel.name.lower().startswith(stem):
            return str(wheel)
    return f"pypi:{requirement}"


def declared_parents(source: str, families: Families) -> dict[str, list[truth.Lineage]]:
    """The classes of the contest's families, by family, with all parents they declare."""
    files = [
        (file.path, file.content)
        for file in open_source(source).files()
        if isinstance(file, SourceFile)
    ]
    ages = {
        family: truth.FirstRelease("", "")
        for path, _ in files
        if (family := truth.family_of(path)) is not None
    }
    ages |= {case.family: truth.FirstRelease("", case.day) for case in CASES}
    found: dict[str, list[truth.Lineage]] = {}
    for child in truth.class_lineage(files, ages).children:
        found.setdefault(truth.family_of(child.child.path) or "", []).append(child)
    return found


# --- models -------------------------------------------------------------------------------


def judge(
    case: Case, source: str, index: Path, truths: Sequence[truth.Lineage], families: Families
) -> Judged:
    path = f"transformers/models/{case.family}/modeling_{case.family}.py"
    judged = Judged()
    report = scan(
        source,
        [index],
        include=[path],
        as_of=case.day,
        exclude_origin=families.origins(case.family),
    )
    children = [child for child in truths if child.child.path == path]
    all_parents = {families.of_path(one.path) for child in children for one in child.parents}
    others = [origin for origin, name in families.of_origin.items() if name not in all_parents]
    parents_only = scan(source, [index], include=[path], as_of=case.day, exclude_origin=others)
    (scanned,) = (one for one in open_source(source, include=[path]).files())
    if not isinstance(scanned, SourceFile):
        raise SystemExit(f"{path}: found {scanned}, expected a file that is read")
    with Library(
        [str(index)], as_of=case.day, exclude_origin=families.origins(case.family)
    ) as library:
        wanted = {one: families.origins(one) for one in sorted(all_parents)}
        weighing = weigh(scanned, report.findings, library, wanted)
        for child in children:
            parents = {families.of_path(parent.path) for parent in child.parents}
            judged.declared.update(parents)
            visible = {one for one in parents if families.first.get(one, "9999") < case.day}
            judged.counts["hidden" if not visible else "classes"] += 1
            if visible:
                name = child.child.name
                if not _judge_class(judged, name, visible, report, parents_only, families):
                    _judge_why(judged, name, visible, weighing)
    file = report.files[0]
    judged.verdict = file.verdict
    judged.composition = described(file)
    groups = [families.of([share.origin]) for share in file.composition[:3]]
    close = [families.of([share.origin, *share.also]) for share in file.composition[:3]]
    declared = set(judged.declared)
    if declared:
        judged.first = "as close"
        if not groups or not close[0] & declared:
            judged.first = "no"
        elif groups[0] & declared:
            judged.first = "yes"
        judged.among = "yes" if any(group & declared for group in groups) else "no"
    alone = scan(source, [index], include=[path]).files[0].identical
    origin = f"transformers/{case.family}"
    judged.itself = "yes" if alone and origin in (alone.origin, *alone.also) else "no"
    return judged


def _judge_class(
    judged: Judged,
    name: str,
    parents: set[str],
    report: Report,
    parents_only: Report,
    families: Families,
) -> bool:
    """Whether a finding of the class tells a parent."""
    found = _of(name, report)
    alone = _of(name, parents_only)
    reached = _said(alone) if alone else "nothing"
    if found is None:
        members = [one for one in report.findings if one.suspect.name.startswith(f"{name}.")]
        told_by = [one for one in members if _told(one, families) & parents]
        judged.counts["by members" if told_by else "nothing"] += 1
        what = f"nothing, {len(told_by)} of {len(members)} members' findings tell it"
    else:
        told = _told(found, families) & parents
        judged.counts["named"] += bool(families.of([found.reference.origin]) & parents)
        judged.counts["told"] += bool(told)
        if told:
            return True
        judged.counts["common" if found.verdict == "common" else "other"] += 1
        what = _said(found)
    judged.misses.append(f"{name}: {what}; declared {sorted(parents)}, alone: {reached}")
    return False


def _judge_why(judged: Judged, name: str, parents: set[str], weighing: Weighing) -> None:
    """Why no parent is named for a class, as ``provenance explain --against PARENT`` says it: every
    unit of the parent that could be seen on that day was compared. It scores less than what is
    named (*lower*), too little to be reported (*below*), is so small that it may be chance
    (*alone*). *not compared* is a limit of ours: the index did not propose it."""
    units = weighing.parsed.units
    position = next(at for at, unit in enumerate(units) if unit.name == name)
    unit = weighing.unit(position)
    best = next(one for one in unit.weighed if one.family in parents)
    judged.counts[f"why {best.reason}"] += 1
    judged.counts["shown"] += best.reason not in ("named", "as close")
    said = f"{best.family} {best.reason}"
    if best.near:
        said += f", {best.near.name} {best.near.scores.score:.2f}"
        if unit.finding and unit.finding.scores:
            said += f", named {unit.finding.scores.score:.2f}"
        elif best.false_alarm_rate is not None:
            said += f", as {best.false_alarm_rate:.1%} of unrelated families"
    if best.hidden:
        said += f"; hidden: {best.hidden.scores.score:.2f}, first seen {best.hidden.first_seen}"
    judged.misses.append(f"    why: {said}")


def _of(name: str, report: Report) -> Finding | None:
    return next((one for one in report.findings if one.suspect.name == name), None)


def _told(found: Finding, families: Families) -> set[str]:
    """The families that a finding names, as closest, as close or in its lineage."""
    lineage = [one.origin for one in found.lineage]
    return families.of([found.reference.origin, *found.also, *lineage])


def _said(found: Finding) -> str:
    reference = found.reference
    return (
        f"{reference.origin} {reference.name} ({reference.version}), {found.verdict}, "
        f"resemblance {found.resemblance:.2f}, {found.families} families"
    )


def described(file: FileResult) -> list[str]:
    """The first three parts of a composition, and what is own."""
    parts = [
        f"{share.share:.0%} {share.origin}"
        + (f" (or {', '.join(share.also[:3])}{', ...' * (len(share.also) > 3)})" * bool(share.also))
        for share in file.composition[:3]
    ]
    return [*parts, f"{file.common:.0%} common", f"{file.novel:.0%} own"]


def models(index: Path, families: Families, wheels: Path | None, misses: bool) -> None:
    print(
        "\n| model | as of | declared parents (classes) | closest | verdict | first | among three "
        "| classes | named | told | common | by members | nothing | other | hidden | itself |"
    )
    print("|---|---|---|---|---|---|---|" + "---:|" * 8 + "---|")
    truths: dict[str, dict[str, list[truth.Lineage]]] = {}
    missed: dict[str, list[str]] = {}
    total: Counter[str] = Counter()
    for case in CASES:
        source = place(case.requirement, wheels)
        if source not in truths:
            truths[source] = declared_parents(source, families)
        judged = judge(case, source, index, truths[source].get(case.family, []), families)
        total += judged.counts
        missed[case.family] = judged.misses
        parents = ", ".join(f"{name} ({n})" for name, n in judged.declared.most_common())
        print(
            f"| {case.family} | {case.day} | {parents or 'none'} "
            f"| {'; '.join(judged.composition)} | {judged.verdict} | {judged.first} "
            f"| {judged.among} | {_row(judged.counts)} | {judged.itself} |"
        )
    print(f"| together | | | | | | | {_row(total)} | |")
    reasons = sorted(one for one in total if one.startswith("why "))
    print(
        f"\nOf {total['classes']} classes {total['told']} tell a declared parent; of "
        f"{total['shown']} others explain shows why not ("
        + ", ".join(f"{total[one]} {one.removeprefix('why ')}" for one in reasons)
        + f"): {total['told'] + total['shown']} of {total['classes']}."
    )
    for family, lines in missed.items() if misses else ():
        print(f"\n{family}, not told:", *lines, sep="\n  ")


def _row(counts: Counter[str]) -> str:
    columns = ("classes", "named", "told", "common", "by members", "nothing", "other", "hidden")
    return " | ".join(str(counts[column]) for column in columns)


# --- serving code -------------------------------------------------------------------------


def serving(index: Path, families: Families, wheels: Path | None) -> None:
    """Files of vLLM, their own family hidden; then one renamed, with false notices."""
    print("\n| file of vLLM | hidden | closest | verdict | findings by attribution |")
    print("|---|---|---|---|---|")
    source = place(SERVING, wheels)
    for name, family in SERVED:
        path = f"vllm/model_executor/models/{name}.py"
        hidden = families.origins(family)
        report = scan(source, [index], include=[path], exclude_origin=hidden)
        _print_served(f"{name}.py", f"family {family}", report)
    path = "vllm/model_executor/models/glm4_moe.py"
    files = open_source(source, include=[path]).files()
    text = next(file.content for file in files if isinstance(file, SourceFile)).decode()
    renamed = ATTACKS["rename"](text, random.Random(1))
    for name, other in (("glm4_moe", "example"), ("Glm4Moe", "Example")):
        renamed = renamed.replace(name, other)  # what is imported, too
    disguised = (
        "# SPDX-License-Identifier: Apache-2.0\n# Copyright 2026 Example Company.\n"
        f"# Adapted from {LLAMA}\n{renamed}"
    )
    with tempfile.TemporaryDirectory() as folder:
        suspect = Path(folder, "example.py")
        suspect.write_text(disguised, encoding="utf-8")
        report = scan(str(suspect), [index])
    _print_served("glm4_moe.py, renamed, holder replaced, llama named", "nothing", report)
    types = [one.clone_type for one in report.findings if one.suspect.kind == "class"]
    print(f"\nIts classes: {_counted(types)}. Notices:")
    for notice in report.files[0].notices:
        print(
            f"* {notice.origin}, {notice.share:.0%}: missing {', '.join(notice.missing_holders)}; "
            f"new {', '.join(notice.new_holders)}; {'replaced' * notice.replaced or 'kept'}"
        )


def _print_served(name: str, hidden: str, report: Report) -> None:
    attributions = [
        one.attribution for one in report.findings if one.verdict in ("derived", "resembles")
    ]
    file = report.files[0]
    print(
        f"| {name} | {hidden} | {'; '.join(described(file))} | {file.verdict} "
        f"| {_counted(attributions)} |"
    )


def _counted(words: Iterable[str]) -> str:
    counts = Counter(words)
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


# --- code without models ------------------------------------------------------------------


def alarms(index: Path, wheels: Path | None, jobs: int, misses: bool) -> None:
    """Packages that rules were made by, and the standard library; then those kept back."""
    tuned = [(requirement, place(requirement, wheels)) for requirement in WITHOUT_MODELS]
    standard = f"standard library of Python {python_version()}, no tests"
    tuned.append((standard, sysconfig.get_paths()["stdlib"]))
    kept_back = [(requirement, place(requirement, wheels)) for requirement in CONFIRMATION]
    for title, sources in (("no model code", tuned), ("the same, never looked at", kept_back)):
        print(f"\n| {title} | files | common | resembles | derived | above common |")
        print("|---|---:|---:|---:|---:|---:|")
        total: Counter[str] = Counter()
        above: list[str] = []
        for name, source in sources:
            left_out = ["site-packages/", "dist-packages/", "test/", "tests/"]
            exclude = left_out if name == standard else ()
            report = scan(source, [index], exclude=exclude, jobs=jobs)
            counts: Counter[str] = Counter(file.verdict for file in report.files)
            print(f"| {name} | {_alarm_row(counts)} |")
            total += counts
            above += _above(report)
        print(f"| together | {_alarm_row(total)} |")
        if misses:
            print("\nabove common:", *above, sep="\n  ")


def _above(report: Report) -> list[str]:
    """What is said above *common*."""
    found = [
        f"{one.suspect.path} {one.suspect.name} <- {_said(one)}"
        for one in report.findings
        if one.verdict in ("resembles", "derived")
    ]
    return found + [
        f"{file.path} is {file.identical.origin} {file.identical.path}"
        for file in report.files
        if file.identical
    ]


def _alarm_row(counts: Counter[str]) -> str:
    files = counts.total()
    loud = counts["resembles"] + counts["derived"]
    shown = (files, counts["common"], counts["resembles"], counts["derived"])
    return " | ".join([*map(str, shown), f"{loud / max(1, files):.4f}"])


def main() -> None:
    parser = argparse.ArgumentParser(description="The contest's models, kept back.")
    parser.add_argument("--wheels", type=Path, help="a folder with wheels, instead of fetching")
    parser.add_argument("--index", type=Path, default=Path(DEFAULT_INDEX))
    parser.add_argument("--only", choices=("models", "serving", "alarms"))
    parser.add_argument("--misses", action="store_true", help="list what is not told")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    families = read_index(options.index)
    if options.only in (None, "models"):
        models(options.index, families, options.wheels, options.misses)
    if options.only in (None, "serving"):
        serving(options.index, families, options.wheels)
    if options.only in (None, "alarms"):
        alarms(options.index, options.wheels, options.jobs, options.misses)


if __name__ == "__main__":
    main()
