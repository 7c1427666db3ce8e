"""Resistance to attacks: how well attacked model files are found, and rightly attributed.

    python benchmarks/resistance.py                       every attack, about ten minutes
    python benchmarks/resistance.py --attack rename --misses
    python benchmarks/resistance.py --files 20 --seed 2

Model files of transformers 4.57.1, drawn by the seed, are attacked (attacks/), written to a
temporary folder and scanned against an index of the same release, the originals included. What the
scan of the untouched files says is the ceiling: many families share code, and there the text
cannot tell them apart. Files of sympy, attacked likewise, are the false alarms.

A file is *found* when it has a finding, *right* when the first-named origin of its composition is
the original's family, or when more than half of what that origin explains is in findings that list
the family as close. Where all that is found is common the composition names nobody: then it is the
origin that explains most of the findings. A class
of 40 elements or more is *found* when it, or something in it, has a finding, *right* when the
strongest of these names the family or lists it as close. Of a merged file each original counts
by the findings in its own classes. *As close* is how many other families a class's finding lists
on average, *explained* the mean similarity of the attacked files.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath

from attacks import ATTACKS, COMBINED, merge, split
from tqdm import tqdm

import provenance
from provenance.cachefolder import cache_folder
from provenance.indexing import build_index
from provenance.model import Finding, Report, SourceFile, Unit
from provenance.origins import origin_of
from provenance.parse import parse
from provenance.scanning import scan
from provenance.source import open_source

PACKAGE = "transformers"
MODELS = f"pypi:{PACKAGE}==4.57.1"
UNRELATED = "pypi:sympy==1.13.3"
SMALLEST = 40
"""Elements of a class that is judged at least, ``Parameters.large``; a file without a class or
function of so many, such as a small part of a split one, is not judged."""
SHORTEST = 2000
"""Bytes of a file that is drawn at least."""
UNTOUCHED = "none"
SINGLE = {**ATTACKS, **COMBINED}
NAMES = (UNTOUCHED, *ATTACKS, "split", "merge", *COMBINED)
TARGETS = {
    "rename": "0.99",
    "strip": "0.99",
    "reorder": "0.99",
    "insert": "0.95",
    "tokens": "0.90",
    "split": "0.99",
    "merge": "0.99",
    "control": "0.85",
    "extract": "0.80",
    "inline": "0.80",
}
"""Design, section 7: found and rightly attributed, at no more than 1 % false alarms."""


@dataclass(frozen=True, slots=True)
class Original:
    path: str
    text: str

    @property
    def origin(self) -> str:
        return origin_of(PACKAGE, self.path)


@dataclass(frozen=True, slots=True)
class Attacked:
    """One attacked file and the originals it was made from, in the order of their classes."""

    path: str
    text: str
    originals: tuple[Original, ...]


@dataclass
class Row:
    """What was counted for one attack."""

    counts: Counter[str] = field(default_factory=Counter)
    explained: float = 0.0
    misses: list[str] = field(default_factory=list)

    def share(self, part: str, whole: str) -> float:
        return self.counts[part] / max(1, self.counts[whole])


# --- what is attacked ---------------------------------------------------------------------


def draw(
    source: str, wanted: Callable[[SourceFile], bool], count: int, seed: int
) -> list[Original]:
    """Files of a package, drawn by the seed, by path."""
    files = [
        file
        for file in open_source(source).files()
        if isinstance(file, SourceFile) and len(file.content) >= SHORTEST and wanted(file)
    ]
    rng = random.Random(f"{seed} {source}")
    chosen = rng.sample(files, min(count, len(files)))
    return sorted(
        (Original(file.path, file.content.decode()) for file in chosen),
        key=lambda one: one.path,
    )


def is_model(file: SourceFile) -> bool:
    name = PurePosixPath(file.path).name
    return "/models/" in file.path and name.startswith("modeling_") and b"\nclass " in file.content


def is_code(file: SourceFile) -> bool:
    return b"def " in file.content


def attacked(
    name: str, originals: Sequence[Original], seed: int, left_out: list[str] | None = None
) -> Iterator[Attacked]:
    """The files an attack makes of the originals; ``left_out`` grows by what it cannot read,
    such as an expression nested too deeply for Python's own ``ast``."""
    size = 3 if name == "merge" else 1
    for number, at in enumerate(range(0, len(originals), size)):
        group = tuple(originals[at : at + size])
        rng = random.Random(f"{seed} {name} {group[0].path}")
        try:
            texts = _texts(name, [one.text for one in group], rng)
        except (RecursionError, SyntaxError, ValueError) as error:
            if left_out is not None:
                left_out.append(f"{group[0].path}: {type(error).__name__}")
            continue
        for part, text in enumerate(texts):
            yield Attacked(f"{number:03}_{part}.py", text, group)


def _texts(name: str, sources: Sequence[str], rng: random.Random) -> Sequence[str]:
    if name == "merge":
        return [merge(sources, rng)]
    if name == "split":
        return split(sources[0], rng)
    return [sources[0] if name == UNTOUCHED else SINGLE[name](sources[0], rng)]


# --- judgement ----------------------------------------------------------------------------


def judge(files: Sequence[Attacked], report: Report, row: Row) -> None:
    """Add what a scan says of attacked model files to a row."""
    results = {file.path: file for file in report.files}
    findings: dict[str, list[Finding]] = {}
    for finding in report.findings:
        findings.setdefault(finding.suspect.path, []).append(finding)
    for file in files:
        row.counts["attacked"] += 1
        if (
            max((unit.stop - unit.start for unit in parse(file.text.encode()).units[1:]), default=0)
            < SMALLEST
        ):
            row.counts["too small"] += 1
            continue
        found = findings.get(file.path, [])
        row.explained += results[file.path].similarity
        owners = list(_owners(file))
        for original in file.originals:
            own = [unit for unit, owner in owners if owner is original]
            if len(file.originals) == 1:
                composition = results[file.path].composition
                first = composition[0].origin if composition else _most(found)
                relevant = found
            else:
                relevant = [one for one in found if any(_inside(one, unit) for unit in own)]
                first = _most(relevant)
            right = _is_right(first, relevant, original.origin)
            identical = results[file.path].identical
            if identical is not None:
                right = right or original.origin in identical.also
            row.counts["files"] += 1
            row.counts["files found"] += first is not None
            row.counts["files right"] += right
            if not right:
                row.misses.append(f"{original.path}: {first}")
            for unit in own:
                if unit.stop - unit.start < SMALLEST:
                    continue
                if identical is None:
                    _judge_class(unit, found, original, row)
                else:  # then its units are not compared: what the file is, its classes are
                    row.counts["classes"] += 1
                    row.counts["classes found"] += 1
                    row.counts["classes right"] += right
                    row.counts["as close"] += len(identical.also)


def _owners(file: Attacked) -> Iterator[tuple[Unit, Original]]:
    """The top-level classes of an attacked file, each with the original it comes from."""
    classes = list(_classes(file.text))
    if len(file.originals) == 1:
        yield from ((unit, file.originals[0]) for unit in classes)
        return
    owners = [one for one in file.originals for _ in _classes(one.text)]
    yield from zip(classes, owners, strict=True)


def _classes(text: str) -> Iterator[Unit]:
    for unit in parse(text.encode()).units:
        if unit.kind == "class" and unit.parent == 0:
            yield unit


def _inside(finding: Finding, unit: Unit) -> bool:
    suspect = finding.suspect
    return (
        suspect.kind != "module"
        and unit.start_line <= suspect.start_line
        and suspect.end_line <= unit.end_line
    )


def _most(findings: Sequence[Finding]) -> str | None:
    """The origin of the most matched elements."""
    matched: Counter[str] = Counter()
    for finding in findings:
        matched[finding.reference.origin] += finding.matched
    return min(matched, key=lambda origin: (-matched[origin], origin), default=None)


def _is_right(first: str | None, findings: Sequence[Finding], origin: str) -> bool:
    named = [one for one in findings if one.reference.origin == first]
    close = sum(one.matched for one in named if origin in one.also)
    return first == origin or 2 * close > sum(one.matched for one in named)


def _judge_class(unit: Unit, findings: Sequence[Finding], original: Original, row: Row) -> None:
    inside = [one for one in findings if _inside(one, unit)]
    row.counts["classes"] += 1
    if not inside:
        row.misses.append(f"{original.path} {unit.name} ({unit.stop - unit.start}): nothing")
        return
    row.counts["classes found"] += 1
    whole = [one for one in inside if one.suspect.name == unit.name]
    best = max(whole or inside, key=lambda one: (one.matched, one.id))
    right = original.origin in (best.reference.origin, *best.also)
    row.counts["classes right"] += right
    row.counts["as close"] += len(best.also)
    if not right:
        row.misses.append(
            f"{original.path} {unit.name} ({unit.stop - unit.start}): {best.reference.origin} "
            f"{best.reference.name} {best.resemblance:.2f}"
        )


# --- the run ------------------------------------------------------------------------------


def index_of_models() -> Path:
    """The index of the release, built once for each state of the product's code."""
    package = Path(provenance.__file__).parent
    state = sha256(b"".join(path.read_bytes() for path in sorted(package.glob("*.py"))))
    folder = Path(cache_folder(), "benchmarks")
    path = folder / f"{PACKAGE}-{state.hexdigest()[:12]}.db"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        build_index([MODELS], path, exclude=["modular_*.py"], jobs=1)
        built = sorted(folder.glob(f"{PACKAGE}-*.db"), key=lambda one: one.stat().st_mtime)
        for older in built[:-8]:  # another run may be using one that is not so old
            older.unlink(missing_ok=True)
    return path


def scan_attacked(files: Sequence[Attacked], index: Path) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            Path(folder, file.path).write_bytes(file.text.encode())
        return scan(folder, [index])


def measure(
    name: str, models: Sequence[Original], unrelated: Sequence[Original], index: Path, seed: int
) -> Row:
    """One row of the table."""
    row = Row()
    left_out: list[str] = []
    files = list(attacked(name, models, seed, left_out))
    judge(files, scan_attacked(files, index), row)
    others = list(attacked(name, unrelated, seed, left_out))
    alarms = scan_attacked(others, index)
    row.counts["unrelated"] = len(others)
    found = {finding.suspect.path for finding in alarms.findings}
    found |= {file.path for file in alarms.files if file.identical is not None}
    row.counts["alarms"] = len(found)
    sources = {file.path: file.originals[0].path for file in others}
    row.misses += [
        f"false alarm: {sources[one.suspect.path]} {one.suspect.name} "
        f"<- {one.reference.origin} {one.reference.name} ({one.resemblance:.2f})"
        for one in alarms.findings
    ]
    row.counts["left out"] = len(left_out)
    row.misses += [f"left out: {one}" for one in left_out]
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description="Resistance to attacks.")
    parser.add_argument("--files", type=int, default=60, help="model files to attack (60)")
    parser.add_argument("--unrelated", type=int, default=100, help="files of sympy (100)")
    parser.add_argument("--attack", choices=NAMES, action="append", help="only this one")
    parser.add_argument("--seed", type=int, default=1, help="draws files and attacks (1)")
    parser.add_argument("--misses", action="store_true", help="list what was missed")
    arguments = parser.parse_args()
    index = index_of_models()
    models = draw(MODELS, is_model, arguments.files, arguments.seed)
    unrelated = draw(UNRELATED, is_code, arguments.unrelated, arguments.seed)
    rows: dict[str, Row] = {}
    for name in tqdm(arguments.attack or NAMES, unit="attack", disable=None):
        rows[name] = measure(name, models, unrelated, index, arguments.seed)
    print(
        f"{len(models)} model files, {len(unrelated)} unrelated ones, seed {arguments.seed}\n\n"
        "| attack | files | found | right | classes | found | right | as close | explained "
        "| false alarms | to reach |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    for name, row in rows.items():
        cells = [
            str(row.counts["files"]),
            f"{row.share('files found', 'files'):.3f}",
            f"{row.share('files right', 'files'):.3f}",
            str(row.counts["classes"]),
            f"{row.share('classes found', 'classes'):.3f}",
            f"{row.share('classes right', 'classes'):.3f}",
            f"{row.share('as close', 'classes found'):.1f}",
            f"{row.explained / max(1, row.counts['attacked'] - row.counts['too small']):.2f}",
            f"{row.share('alarms', 'unrelated'):.3f}",
            TARGETS.get(name, ""),
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    for name, row in rows.items():
        if row.counts["too small"]:
            count = row.counts["too small"]
            print(f"\n{name}: {count} files without a unit of {SMALLEST} elements were not judged")
        if row.counts["left out"]:
            print(f"\n{name}: {row.counts['left out']} files could not be attacked")
    if arguments.misses:
        for name, row in rows.items():
            print(f"\n{name}, missed:", *row.misses, sep="\n  ")


if __name__ == "__main__":
    main()
