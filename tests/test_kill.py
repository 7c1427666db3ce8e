"""Killed at any moment, ``index build`` and ``index add`` leave the old index or the new one.

PROVENANCE_KILLS=200 python -m pytest tests/test_kill.py
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loaded import Loaded, Started, loaded
from programs import program
from thorough import THOROUGH

import provenance
from provenance.index import Index
from provenance.integrity import verify

KILLS = int(os.environ.get("PROVENANCE_KILLS", "4"))
MORE = 40 if THOROUGH else 8
"""Files of what is built or added."""


def _sources(folder: Path, seeds: range) -> str:
    folder.mkdir()
    for seed in seeds:
        (folder / f"m{seed}.py").write_text(program(seed), "utf-8")
    return str(folder)


def _files(path: Path) -> int:
    verify(path)
    with Index(path) as opened:
        return opened.facts().counts["file"]


@pytest.fixture(scope="module")
def starts() -> Iterator[Loaded]:
    with loaded() as starting:
        yield starting


@pytest.mark.parametrize("command", ["add", "build"])
def test_a_kill_leaves_the_old_index_or_the_new_one(
    command: str, starts: Loaded, tmp_path: Path
) -> None:
    old = tmp_path / "old.db"
    provenance.build_index([_sources(tmp_path / "first", range(5))], old, date="2024-01-01")
    second = _sources(tmp_path / "second", range(5, 5 + MORE))
    words = {"add": ["add", "FILE", second], "build": ["build", second, "-o", "FILE"]}[command]
    path = tmp_path / "index.db"
    before, after = 5, {"add": 5 + MORE, "build": MORE}[command]

    def start() -> Started:
        path.write_bytes(old.read_bytes())
        return starts.start(["index", *(str(path) if word == "FILE" else word for word in words)])

    begun = time.monotonic()
    assert start().wait() == 0
    whole = time.monotonic() - begun
    assert _files(path) == after
    drawn = random.Random(command)
    for _ in range(KILLS):
        process = start()
        time.sleep(drawn.uniform(0, 1.1 * whole))
        process.kill()
        process.wait()
        assert _files(path) in (before, after)
    assert start().wait() == 0  # what was left behind is in nobody's way
    assert _files(path) == after
    assert not list(tmp_path.glob(".index.db*"))


_HELD = """
import sys, time
import provenance
from provenance import segments, workers, writing
segments.MOST_UNITS, workers._BATCH_FILES = 30, 2
source, path, where = sys.argv[1:]
sealed, left = writing.seal, [int(where or 0)]

def seal(temporary):
    left[0] -= temporary.parent.name.startswith(".0")
    if (left[0] == 0) if where else temporary.parent.name.startswith(".index.db"):
        print("here", flush=True)
        time.sleep(600)
    sealed(temporary)

writing.seal = seal
provenance.build_index([source], path, date="2024-01-01")
"""


@pytest.mark.parametrize("where", ["1", "3", ""], ids=["segment 1", "segment 3", "join"])
def test_a_build_in_segments_that_was_killed_is_gone_on_with(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while a segment is written, or the index of all: the next build of the same sources
    parses only what no whole segment holds, gives the same bytes, and leaves nothing behind."""
    source, path = _sources(tmp_path / "source", range(16)), tmp_path / "index.db"
    provenance.build_index([source], tmp_path / "whole.db", date="2024-01-01")
    line = [sys.executable, "-c", _HELD, source, str(path), where]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.kill()
    assert not path.exists()
    monkeypatch.setattr("provenance.segments.MOST_UNITS", 30)
    built = provenance.build_index([source], path, date="2024-01-01")
    assert built.files == 16
    assert built.parsed == 16 if where == "1" else built.parsed < 16
    assert path.read_bytes() == (tmp_path / "whole.db").read_bytes()
    assert not list(tmp_path.glob(".index.db*"))
