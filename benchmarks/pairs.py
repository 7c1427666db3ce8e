"""Random pairs of unrelated families: how many does a scan report as derived?

    python benchmarks/pairs.py                         three minutes
    python benchmarks/pairs.py --files 30 --misses

A ``modeling_*.py`` of transformers 4.57.1 and a family of models that has nothing to do with it,
as the package itself says: the parents that ``modular_*.py`` declare and the ``# Copied from``
comments (truth.py). Two families are *tied* when one names the other, *related* when there is a way
of two such steps between them: grandparents and sisters. Our own score is not asked.

Files are drawn by the seed, one of each family. Each is scanned against an index of the release as
anybody would, but its own family and those tied to it hidden (then those related to it, too), so
that whatever is named is a false alarm, or a tie that the package does not tell of. All pairs of
the file and a family that could be seen are counted: *derived*, the family is named by a finding
with that verdict; *or as close*, or is listed with one as close; *above common*: named by a finding
that *resembles* or is *derived*. *Files*: those with any such finding.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import truth
from resistance import MODELS, PACKAGE, Original, draw, index_of_models, is_model

from provenance.index import Index
from provenance.model import SourceFile
from provenance.origins import origin_of
from provenance.scanning import scan
from provenance.source import open_source


@dataclass
class Row:
    counts: Counter[str] = field(default_factory=Counter)
    named: Counter[str] = field(default_factory=Counter)

    def share(self, part: str, whole: str) -> float:
        return self.counts[part] / max(1, self.counts[whole])


def ties(files: Sequence[SourceFile]) -> dict[str, set[str]]:
    """The origins that each origin names, or is named by."""
    contents = [(file.path, file.content) for file in files]
    found: dict[str, set[str]] = defaultdict(set)
    pairs = [
        (case.child.path, parent.path)
        for case in truth.class_lineage(contents, truth.read_families()).children
        for parent in case.parents
    ]
    pairs += [(one.child.path, one.parent.path) for one in truth.copied_pairs(contents).pairs]
    for child, parent in pairs:
        one, other = origin_of(PACKAGE, child), origin_of(PACKAGE, parent)
        found[one].add(other)
        found[other].add(one)
    return found


def of_different_families(count: int, seed: int) -> list[Original]:
    drawn = draw(MODELS, is_model, 10_000, seed)
    random.Random(f"{seed} pairs").shuffle(drawn)
    first: dict[str, Original] = {}
    for one in drawn:
        first.setdefault(one.origin, one)
    return list(first.values())[:count]


def main() -> None:
    parser = argparse.ArgumentParser(description="Random pairs of unrelated families.")
    parser.add_argument("--files", type=int, default=60, help="how many files (60)")
    parser.add_argument("--seed", type=int, default=1, help="draws them (1)")
    parser.add_argument("--misses", action="store_true", help="list what is named")
    options = parser.parse_args()
    path = index_of_models()
    with Index(path) as index:
        every = {one.name for one in index.origins()}
    known = ties([file for file in open_source(MODELS).files() if isinstance(file, SourceFile)])
    models = {one.origin for one in draw(MODELS, is_model, 10_000, options.seed)} & every
    print("| pairs | | derived | or as close | above common | files | derived | above common |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    rows = {"not tied": Row(), "nor related": Row()}
    for file in of_different_families(options.files, options.seed):
        tied = {file.origin} | known[file.origin]
        related = tied.union(*(known[one] for one in tied))
        for row, hidden in zip(rows.values(), (tied, related), strict=True):
            seen = models - hidden  # library code, such as modeling_utils, declares no ties
            out_of_sight = sorted(every - seen)
            report = scan(MODELS, [path], include=[file.path], exclude_origin=out_of_sight)
            loud = [one for one in report.findings if one.verdict in ("resembles", "derived")]
            derived = [one for one in loud if one.verdict == "derived"]
            close = {name for one in derived for name in (one.reference.origin, *one.also)}
            row.counts["pairs"] += len(seen)
            row.counts["derived"] += len({one.reference.origin for one in derived})
            row.counts["as close"] += len(close)
            row.counts["above"] += len({one.reference.origin for one in loud})
            row.counts["files"] += 1
            row.counts["files derived"] += bool(derived)
            row.counts["files above"] += bool(loud)
            row.named.update(
                f"{file.origin} <- {one.reference.origin}: {one.suspect.name}, "
                f"{one.resemblance:.2f}, {one.families} families"
                for one in derived
            )
    for name, row in rows.items():
        shares = [row.share(part, "pairs") for part in ("derived", "as close", "above")]
        files = [row.share(part, "files") for part in ("files derived", "files above")]
        print(
            f"| {name} | {row.counts['pairs']} | {' | '.join(f'{one:.4f}' for one in shares)} "
            f"| {row.counts['files']} | {' | '.join(f'{one:.2f}' for one in files)} |"
        )
    if options.misses:
        for name, row in rows.items():
            print(f"\n{name}, derived:", *sorted(row.named), sep="\n  ")


if __name__ == "__main__":
    main()
