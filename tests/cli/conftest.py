"""What the tests here are given."""

from __future__ import annotations

from pathlib import Path

import pytest
from programs import program, renamed

import provenance


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of three modules."""
    folder = tmp_path_factory.mktemp("index")
    (folder / "birds").mkdir()
    for seed in range(3):
        (folder / "birds" / f"m{seed}.py").write_text(program(seed))
    path = folder / "birds.db"
    provenance.build_index([str(folder / "birds")], path, date="2025-01-02", license="MIT")
    return path


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A repository with one renamed copy and one file that cannot be read."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "copy.py").write_text(renamed(program(0)))
    (folder / "own.py").write_text("def f(a):\n    return [a.b(c) for c in a if c.d]\n")
    (folder / "bad.py").write_bytes(b"\xff\xfe\x00")
    return folder
