"""What an index costs as it grows: 0.1, 1, 10 million distinct units.

    python benchmarks/scale.py FOLDER --units 100000 1000000 --build   makes them, then measures
    python benchmarks/scale.py FOLDER --units 100000 1000000           measures what is there

Units are those of real packages (``BASE``), parsed, and of seeded mutations of them: after parsing,
elements of a file are replaced by others of it, at a rate drawn for each mutant from 2 to 20 %, and
an eighth of its distinct identifiers get other names; then all is sketched and built as by
``provenance index build``. A mutated package is another one: each mutant has families of its own,
so that families grow with units. Smaller indexes hold the first mutants of the larger ones.

Needs the extra ``dev`` (psutil), and for ten million units 20 GB in FOLDER.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from provenance.index import Index
from provenance.indexing import measured
from provenance.model import Parameters, Parsed, Release, SourceFile, Tokens
from provenance.origins import origin_of
from provenance.parse import grammar, hash64, parse
from provenance.pypi import fetch
from provenance.segments import Segments
from provenance.sketch import permutations, sketches
from provenance.source import open_source

BASE = (
    ("transformers", "4.57.1"),
    ("sympy", "1.13.3"),
    ("django", "5.1.4"),
    ("pandas", "2.2.3"),
    ("scipy", "1.14.1"),
    ("scikit-learn", "1.6.0"),
    ("sqlalchemy", "2.0.36"),
    ("networkx", "3.4.2"),
    ("diffusers", "0.42.1"),
)
SCANNED = (
    ("transformers", "5.23.0", "transformers/models/*/modeling_*.py", 50),
    ("twisted", "24.11.0", "twisted/**", 50),
)
"""Real files that are in no index: half resemble it, half do not."""


def files() -> Iterator[tuple[str, str, SourceFile]]:
    """(package, version, file) of the base, files of all packages mixed by their SHA-256."""
    found = []
    for package, version in BASE:
        for file in open_source(
            fetch(package, version), include=[], exclude=["**/tests/**"]
        ).files():
            if isinstance(file, SourceFile) and len(file.content) < 400_000:
                packed = zlib.compress(file.content, 1)
                found.append((file.sha256, package, version, replace(file, content=packed)))
    for _, package, version, file in sorted(found, key=lambda one: one[:2]):
        yield package, version, replace(file, content=zlib.decompress(file.content))


def mutant(parsed: Parsed, seed: int) -> Parsed:
    """A file like one that is parsed, with other elements and names."""
    drawn = np.random.default_rng(seed)
    tokens, known = parsed.tokens, grammar()
    kind, word = tokens.kind.copy(), tokens.word.copy()
    changed = np.flatnonzero(drawn.random(kind.size) < drawn.uniform(0.02, 0.2))
    taken = drawn.integers(0, max(1, kind.size), changed.size)
    kind[changed], word[changed] = tokens.kind[taken], tokens.word[taken]
    text_of = {number: text for text, number in parsed.words.items()}
    names, at = np.unique(word[kind == known.identifier], return_inverse=True)
    words = dict(parsed.words)
    new = names.copy()
    for place in np.flatnonzero(drawn.random(names.size) < 0.125).tolist():
        text = text_of.get(int(names[place]), b"name") + b"_" + b"abcdefghijklmnop"[seed % 16 :][:1]
        new[place] = words[text] = hash64(text)
    word[kind == known.identifier] = new[at]
    structure = known.kind_hash[kind]
    return replace(
        parsed,
        tokens=Tokens(structure, structure ^ word, kind, tokens.line, word),
        texts=tuple(words),
        hashes=np.array([*words.values()], np.uint64),
    )


def build(folder: Path, wanted: list[int]) -> None:
    """Make the indexes, each in a process of its own, so that memory is its own."""
    for units in wanted:
        path = folder / f"{units}.db"
        if not path.exists():
            subprocess.run([sys.executable, __file__, str(folder), "--one", str(units)], check=True)


def one(folder: Path, units: int) -> None:
    """Make one index of about so many units, in one process."""
    path = folder / f"{units}.db"
    started, spent = time.perf_counter(), time.process_time()
    parameters = Parameters()
    drawn = permutations(parameters)
    made = 0
    with Segments(path, parameters, drawn, f"scale {units}") as segments:
        releases: dict[tuple[str, str, int], int] = {}
        copies = max(1, -(-units // 130_000))  # of each file: the base has some 140,000 units
        for number, (package, version, file) in enumerate(files()):
            if made >= units:
                break
            parsed = parse(file.content)
            versions = [parsed, *(mutant(parsed, 1000 * number + at) for at in range(1, copies))]
            for at, (one, sketch) in enumerate(
                zip(versions, sketches(versions, parameters, drawn), strict=True)
            ):
                name = package if not at else f"{package}-{at}"
                release = releases.get((package, version, at))
                if release is None:
                    facts = Release(name, version, "MIT", f"20{10 + at % 15}-01-01", "given", None)
                    release = releases[package, version, at] = segments.add_release(facts, "[]")
                sha = hashlib.sha256(f"{file.sha256} {at}".encode()).hexdigest()
                if not segments.knows_tree(sha):
                    segments.add_tree(replace(file, content=b"", sha256=sha), one, sketch)
                origin = origin_of(name, file.path) + (f"-{at}" if at else "")
                segments.add_file(release, origin, file.path, sha)
            segments.breathe()
            made = segments.units
        collected, used = time.perf_counter() - started, time.process_time() - spent
        segments.finish(measured)
    told = {
        "collected": [round(collected), round(used)],
        "wall": round(time.perf_counter() - started),
        "cpu": round(time.process_time() - spent),
        "memory": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000),
    }
    path.with_suffix(".json").write_text(json.dumps(told))
    print(path, told, flush=True)


_OPEN = """
import sys, time
import numpy
from provenance.library import Library
start = time.process_time()
with Library([sys.argv[1]]) as library:
    library.standings, library.names
print(time.process_time() - start)
"""
_LOOK_UP = """
import sys, time
import numpy as np
from provenance.index import Index
from provenance.schema import TEXT_RUN
keys = np.random.default_rng(1).integers(0, 1 << 64, 20_000, dtype=np.uint64)
with Index(sys.argv[1]) as index:
    index.lookup(TEXT_RUN, keys[:1000])
    start = time.process_time()
    for at in range(1000, 20_000, 1000):
        index.lookup(TEXT_RUN, keys[at : at + 1000])
print((time.process_time() - start) / 19_000 * 1e6)
"""
_SCAN = """
import resource, sys, time
from provenance.scanning import scan
start = time.process_time()
report = scan(sys.argv[2], [sys.argv[1]], jobs=0)
print(time.process_time() - start, len(report.findings))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
"""


def run(code: str, *arguments: str) -> list[float]:
    """The numbers that a fresh interpreter prints."""
    ended = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True
    )
    return [float(word) for word in ended.stdout.split()]


def suspects(folder: Path) -> Path:
    """The files that are scanned."""
    place = folder / "scanned"
    for package, version, include, many in SCANNED:
        found = open_source(fetch(package, version), include=[include]).files()
        whole = [
            file for file in found if isinstance(file, SourceFile) and len(file.content) > 4000
        ]
        for number, file in enumerate(sorted(whole, key=lambda one: one.sha256)[:many]):
            path = place / package / f"{number}_{Path(file.path).name}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
    return place


def main() -> None:
    parser = argparse.ArgumentParser(description="What an index costs as it grows.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--units", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--build", action="store_true")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.one:
        one(given.folder, given.one)
        return
    if given.build:
        build(given.folder, given.units)
    paths = [given.folder / f"{units}.db" for units in given.units]
    place = str(suspects(given.folder))
    scans: dict[Path, list[list[float]]] = {path: [] for path in paths}
    for _ in range(given.runs):
        for path in paths:  # in turns
            scans[path].append(run(_SCAN, str(path), place))
    print(
        "| units | families | bytes a unit | built, wall / CPU | memory of it | opened | a look-up "
        "| scan, CPU | findings | memory of it | over a tenth |\n" + "|---:" * 11 + "|"
    )
    before = 0.0
    for path in paths:
        with Index(path) as index:
            units, families = index.units, index.families
        facts = json.loads(path.with_suffix(".json").read_text())
        opened = statistics.median(run(_OPEN, str(path))[0] for _ in range(given.runs))
        looked = statistics.median(run(_LOOK_UP, str(path))[0] for _ in range(given.runs))
        scan = statistics.median(found[0] for found in scans[path])
        ratio = f"{scan / before:.2f}" if before else ""
        before = scan
        print(
            f"| {units:,} | {families:,} | {path.stat().st_size / units:.0f} | {facts['wall']} s / "
            f"{facts['cpu']} s | {facts['memory']} MB | {1000 * opened:.0f} ms | {looked:.0f} us | "
            f"{scan:.1f} s | {scans[path][0][1]:.0f} | {scans[path][0][2]:.0f} MB | {ratio} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
