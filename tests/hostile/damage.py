"""Every file that Provenance writes and reads again, damaged in every way that is small.

    python tests/hostile/damage.py              all of it, on all processors: some minutes
    python tests/hostile/damage.py index-2      of one kind of file
    python tests/hostile/damage.py --most 500   a sample of each, by seed

A file is cut at every length; every byte is made another one; of every so many bytes each bit is
turned. (Of the bundle, by far the largest, it is a sample by seed of 60,000 of each.)

What must hold each time, within seconds and a bounded memory:

- an index gives an error that names it and says what to do, or the very findings of the whole one;
  ``verify`` accepts none;
- of a bundle, the error or the very content;
- the cache gives what was kept, or nothing;
- a baseline, a policy and a saved report, which carry no sum, since a user writes two of them,
  the error or something that can be read on.

Prints a table, and every damage for which that is not so; ends with 1 where there is one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from programs import program, renamed

import provenance
from provenance import bundle, cache, verifying
from provenance.auditing import without_policy
from provenance.errors import ProvenanceError
from provenance.integrity import verify
from provenance.ledger import Entry, ledger_text, read_ledger
from provenance.model import FileResult, Finding, SourceFile
from provenance.policy import parsed as read_policy
from provenance.report.formats import FORMATS, Texts
from provenance.report.json import json_report
from provenance.report.saved import report_of
from provenance.source import open_source

MEMORY = 1_500_000_000
STRIDE = 61
"""Of so many bytes one has each of its bits turned."""
_SHORT = {"functions": 1, "classes": 0, "statements": 8}
_POLICY = """\
fail-on = "resembles"
index = ["ours.db"]
deny-license = ["GPL-*"]
exclude = ["vendor/**", "*_pb2.py"]
timeout = 30

[[declared]]
path = "src/a.py"
origin = "birds/m0"
license = "MIT"
reason = "agreed"
expires = "2027-01-01"
"""

Outcome = tuple[FileResult, tuple[Finding, ...]]


@dataclass(frozen=True)
class Damage:
    """``cut`` to a length, a ``byte`` made another, or a ``bit`` turned; at a place."""

    how: str
    at: int
    value: int = 0

    def of(self, whole: bytes) -> bytes:
        if self.how == "cut":
            return whole[: self.at]
        changed = bytearray(whole)
        changed[self.at] = (
            (changed[self.at] + self.value) % 256
            if self.how == "byte"
            else (changed[self.at] ^ 1 << self.value)
        )
        return bytes(changed)


@dataclass
class Told:
    """What became of some damages: how many were refused, made no difference, or another value;
    what went wrong; the slowest, in seconds."""

    became: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def add(self, other: Told) -> None:
        self.became += other.became
        self.wrong += other.wrong
        self.slowest = max(self.slowest, other.slowest)


def damages(whole: bytes, most: int) -> list[Damage]:
    """All of them; no more than ``most`` of each way, drawn by seed."""
    drawn = random.Random(len(whole))
    size = len(whole)
    ways: list[list[Damage]] = [
        [Damage("cut", at) for at in range(size)],
        [Damage("byte", at, drawn.randrange(1, 256)) for at in range(size)],
        [Damage("bit", at, bit) for at in range(0, size, STRIDE) for bit in range(8)],
    ]
    return [
        one
        for way in ways
        for one in (way if len(way) <= most else sorted(drawn.sample(way, most), key=_place))
    ]


def _place(one: Damage) -> int:
    return one.at


# --- what is damaged ----------------------------------------------------------------------


class Files:
    """One file of each kind, whole, and how each is read. The folder is the same for all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = str(folder / "scanned")
        self.whole = {path.name: path.read_bytes() for path in sorted((folder / "whole").iterdir())}
        self.checks: dict[str, Callable[[Path], str]] = {
            "index-2": partial(self.index, expected=self._scan(folder / "whole" / "index-2")),
            "index-3": partial(self.index, expected=self._scan(folder / "whole" / "index-3")),
            "cache": self.cache,
            "bundle": self.bundle,
            "report": self.report,
            "baseline": self.ledger,
            "policy": self.policy,
        }
        self.kept = _outcomes(self.source)
        self.members = bundle.unpacked(self.whole["bundle"], "bundle")

    @staticmethod
    def make(folder: Path) -> None:
        """Write them."""
        whole, birds, scanned = (folder / name for name in ("whole", "birds", "scanned"))
        for one in (whole, birds, scanned):
            one.mkdir()
        for seed in range(2):
            head = f"# Copyright 2024 Bird {seed}\n# SPDX-License-Identifier: MIT\n"
            (birds / f"m{seed}.py").write_text(head + program(seed, **_SHORT), "utf-8")
        (scanned / "copy.py").write_text(renamed(program(0, **_SHORT)) + "\nx = 1\n", "utf-8")
        (scanned / "same.py").write_bytes((birds / "m1.py").read_bytes())
        from provenance import schema

        before = schema.WIDE_FROM
        for version, most in ((2, before), (3, 0)):
            schema.WIDE_FROM = most
            path = whole / f"index-{version}"
            provenance.build_index([str(birds)], path, date="2025-01-02", license="MIT", jobs=0)
        schema.WIDE_FROM = before
        report = provenance.scan(str(scanned), [whole / "index-2"], jobs=0)
        audit = without_policy(report)
        (whole / "report").write_text(json_report(report), "utf-8")
        (whole / "policy").write_text(_POLICY, "utf-8")
        entries = [
            Entry(f"{at:016x}", f"src/{at}.py", "f", "birds/m0", "origin", "2026-01-02", "agreed")
            for at in range(3)
        ]
        (whole / "baseline").write_text(ledger_text(entries), "utf-8")
        (whole / "bundle").write_bytes(bundle.packed(bundle.members(audit, Texts(), bundle.Call())))
        kept = cache.Cache(str(whole / "cache"), "context")
        for file, found in _outcomes(str(scanned)):
            kept.keep(file, found)
        kept.close()

    def _scan(self, path: Path) -> str:
        report = provenance.scan(self.source, [path], jobs=0)
        return json_report(report).replace(path.name, "INDEX")

    def index(self, path: Path, expected: str) -> str:
        try:
            verify(path)
        except ProvenanceError as error:
            _refused(error, path)
        else:
            raise AssertionError("'index verify' accepts it")
        try:
            found = self._scan(path)
        except ProvenanceError as error:
            return _refused(error, path)
        assert found == expected, "other findings"
        return "same"

    def cache(self, path: Path) -> str:
        opened = cache.Cache(str(path), "context")
        found = [opened.recall(file) for file, _ in self.kept]
        for file, one in self.kept:
            opened.keep(file, one)
        opened.close()
        again = cache.Cache(str(path), "context")
        later = [again.recall(file) for file, _ in self.kept]
        again.close()
        expected = [one for _, one in self.kept]
        for before, after, right in zip(found, later, expected, strict=True):
            assert before in (None, right), "something else was kept"
            assert after in (None, right), "something else is kept"
        return "same" if found == expected else "refused"

    def bundle(self, path: Path) -> str:
        try:
            verifying.verify_bundle(str(path))
        except ProvenanceError as error:
            return _refused(error, path)
        assert bundle.unpacked(path.read_bytes(), "bundle") == self.members, "other members"
        return "same"

    def report(self, path: Path) -> str:
        text = path.read_bytes().decode("utf-8", "replace")
        try:
            report = report_of(text, str(path))
        except ProvenanceError as error:
            return _refused(error, path)
        if json_report(report).encode() == self.whole["report"]:
            return "same"
        audit = without_policy(report)
        for one in FORMATS:
            if one.name != "html":  # it takes ten times as long, and is in the fuzzer
                assert not set(one.write(audit, Texts())) & set("\x1b\u202e\x9b\x00")
        return "other"

    def ledger(self, path: Path) -> str:
        text = path.read_bytes().decode("utf-8", "replace")
        try:
            entries = read_ledger(text, str(path))
        except ProvenanceError as error:
            return _refused(error, path)
        again = ledger_text(entries)
        assert ledger_text(read_ledger(again, "again")) == again
        return "same" if again.encode() == self.whole["baseline"] else "other"

    def policy(self, path: Path) -> str:
        text = path.read_bytes().decode("utf-8", "replace")
        try:
            found = read_policy(text, str(path))
        except ProvenanceError as error:
            return _refused(error, path)
        whole = read_policy(_POLICY, str(path))
        return "same" if found.policy == whole.policy else "other"


def _outcomes(source: str) -> list[tuple[SourceFile, Outcome]]:
    """The scanned files, and something that was found in each."""
    report = provenance.scan(source, [Path(source).parent / "whole" / "index-2"], jobs=0)
    by_path = {file.path: file for file in report.files}
    return [
        (
            file,
            (by_path[file.path], tuple(f for f in report.findings if f.suspect.path == file.path)),
        )
        for file in open_source(source).files()
        if isinstance(file, SourceFile)
    ]


def _refused(error: ProvenanceError, path: Path) -> str:
    said = str(error)
    assert str(path) in said, f"an error that does not name the file: {said[:200]}"
    assert ";" in said or "expected" in said, f"an error without a remedy: {said[:200]}"
    return "refused"


# --- damaging them ------------------------------------------------------------------------


def tried(files: Files, name: str, some: Sequence[Damage], place: Path) -> Told:
    """What becomes of some damages of one file, written at a place."""
    told = Told()
    whole, check = files.whole[name], files.checks[name]
    for one in some:
        place.write_bytes(one.of(whole))
        begun = time.perf_counter()
        try:
            became = check(place)
        except Exception as error:
            became = "wrong"
            told.wrong.append(f"{name}: {one}: {type(error).__name__}: {str(error)[:300]}")
        told.slowest = max(told.slowest, time.perf_counter() - begun)
        told.became[one.how, became] += 1
    for left in place.parent.glob(place.name + "*"):
        left.unlink()
    return told


_files: list[Files] = []


def _begin(folder: str) -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    _files.append(Files(Path(folder)))


def _some(work: tuple[str, Sequence[Damage]]) -> tuple[str, Told]:
    name, some = work
    place = _files[0].folder / str(os.getpid())
    place.mkdir(exist_ok=True)
    return name, tried(_files[0], name, some, place / name)


def _works(files: Files, names: Sequence[str], most: int) -> Iterator[tuple[str, list[Damage]]]:
    for name in names:
        all_ = damages(files.whole[name], most)
        for at in range(0, len(all_), 500):
            yield name, all_[at : at + 500]


def main() -> int:
    parser = argparse.ArgumentParser(description="Damage every file in every small way.")
    parser.add_argument("names", nargs="*", metavar="KIND")
    parser.add_argument("--most", type=int, default=60_000, help="damages of each way")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    begun = time.perf_counter()
    try:
        Files.make(folder)
        files = Files(folder)
        names = options.names or list(files.checks)
        told: dict[str, Told] = {name: Told() for name in names}
        with multiprocessing.get_context("spawn").Pool(
            options.jobs, _begin, (str(folder),)
        ) as pool:
            for name, one in pool.imap_unordered(_some, _works(files, names, options.most)):
                told[name].add(one)
                for words in one.wrong:
                    print(words, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("| file | bytes | damage | tried | refused | no difference | another value | wrong |")
    print("|---|---:|---|---:|---:|---:|---:|---:|")
    for name, one in told.items():
        for how in ("cut", "byte", "bit"):
            counts: list[Any] = [one.became[how, b] for b in ("refused", "same", "other", "wrong")]
            shown = " | ".join(f"{count:,}" for count in (sum(counts), *counts))
            print(f"| {name} | {len(files.whole[name]):,} | {how} | {shown} |")
        print(f"slowest of {name}: {one.slowest * 1000:.0f} ms", file=sys.stderr)
    print(f"{time.perf_counter() - begun:.0f} seconds", file=sys.stderr)
    return 1 if any(one.wrong for one in told.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
