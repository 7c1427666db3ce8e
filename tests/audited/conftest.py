"""Repositories to be audited."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from programs import program, renamed

import provenance
from audited.commands import OWN


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of three modules, each a family of its own."""
    folder = tmp_path_factory.mktemp("index")
    for seed in range(3):
        place = folder / "birds" / f"m{seed}.py"
        place.parent.mkdir(exist_ok=True)
        place.write_text("# Copyright 2024 The Aviary Team.\n" + program(seed))
    path = folder / "birds.db"
    provenance.build_index([str(folder / "birds")], path, date="2025-01-02", license="MIT")
    return path


@pytest.fixture
def clean(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a policy and nothing borrowed; the current folder."""
    root = tmp_path / "repository"
    (root / "src").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / "src" / "own.py").write_text(OWN)
    (root / "provenance.toml").write_text(
        f"fail-on = 'resembles'\ndefault-index = false\nindex = [{json.dumps(str(index))}]\n"
    )
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def dirty(clean: Path) -> Path:
    """The same with a renamed copy that nobody declares."""
    (clean / "src" / "borrowed.py").write_text(renamed(program(0)))
    return clean


@pytest.fixture
def held(dirty: Path) -> Path:
    """The same, where each family has a holder of its own."""
    for seed in range(3):
        (dirty.parent / f"m{seed}.py").write_text(f"# Copyright Team {seed}.\n" + program(seed))
    place = dirty.parent / "held.db"
    modules = [str(dirty.parent / f"m{seed}.py") for seed in range(3)]
    provenance.build_index(modules, place, license="MIT", date="2025-01-02")
    policy = f"fail-on = 'resembles'\ndefault-index = false\nindex = [{json.dumps(str(place))}]\n"
    Path("provenance.toml").write_text(policy)
    return dirty
