"""What the tests here are given."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from programs import program, renamed

import provenance
from indexed.modules import MORE, NESTED, write


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of a few modules."""
    folder = tmp_path_factory.mktemp("made") / "birds"
    files = {f"m{seed}": program(seed, classes=2) for seed in range(6)}
    write(folder, nested=NESTED, empty="", **files)
    write(folder / "models" / "llama", modeling=program(50))
    return folder


@pytest.fixture(scope="module")
def built(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its index."""
    path = tmp_path_factory.mktemp("built") / "birds.db"
    provenance.build_index([str(tree)], path, date="2025-03-01", license="MIT")
    return path


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    """A copy of the index that a test may damage."""
    return Path(shutil.copy(built, tmp_path / "damaged.db"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    """A small index, and what is scanned with it: equal, edited and renamed code."""
    folder = tmp_path_factory.mktemp("small")
    first, second = program(0, functions=2), program(1, functions=2)
    source = write(folder / "birds", a=first, b=second, c=program(2))
    provenance.build_index([source], folder / "i.db", date="2025-03-01", license="MIT")
    mine = write(folder / "mine", a=renamed(first), b=second + MORE, c=program(2))
    return (folder / "i.db").read_bytes(), mine
