"""An index is written whole or not at all: what fails leaves the old one and nothing else."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from programs import program

import provenance
from indexed.modules import write
from indexed.unsound import execute
from provenance import IndexFileError, ProvenanceError
from provenance.build import Builder
from provenance.index import Index

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.mark.parametrize("extend", [False, True])
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("place", ["add_tree", "finish"])
def test_what_fails_leaves_the_old_index_and_nothing_else(
    error: type[BaseException],
    extend: bool,
    place: str,
    copy: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Byte for byte, with no temporary file beside it."""
    before = copy.read_bytes()

    def fail(*_: object) -> None:
        raise error("no more")

    monkeypatch.setattr(Builder, "save" if extend and place == "finish" else place, fail)
    other = write(tmp_path / "other", a=program(77))
    with pytest.raises(error):
        provenance.build_index([other], copy, extend=extend)
    assert copy.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged.db", "other"]


def test_a_bad_source_leaves_the_old_index(copy: Path, tmp_path: Path) -> None:
    """The first source was read before the second one failed."""
    before = copy.read_bytes()
    good = write(tmp_path / "good", a=program(78))
    with pytest.raises(ProvenanceError):
        provenance.build_index([good, str(tmp_path / "absent")], copy)
    assert copy.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["damaged.db", "good"]


def test_extending_a_damaged_index_ends_with_an_error_of_ours(copy: Path, tmp_path: Path) -> None:
    """And leaves it as it was."""
    execute(copy, "UPDATE piece SET data = x'00'")
    before = copy.read_bytes()
    with pytest.raises(ProvenanceError):
        provenance.build_index([write(tmp_path / "x", a=program(4))], copy, extend=True)
    assert copy.read_bytes() == before


def test_a_folder_that_is_not_there_is_an_error_of_ours(tree: Path, tmp_path: Path) -> None:
    """With the name of the index, before any work."""
    path = tmp_path / "absent" / "i.db"
    with pytest.raises(ProvenanceError, match="absent"):
        provenance.build_index([str(tree)], path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_an_error_of_ours(tree: Path, tmp_path: Path) -> None:
    """Not a traceback."""
    tmp_path.chmod(0o500)
    with pytest.raises(ProvenanceError):
        provenance.build_index([str(tree)], tmp_path / "i.db")


def test_what_was_written_and_cannot_be_read_is_told_by_the_name_that_was_given(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To measure the new index it is read: not as one that somebody should build again."""

    def cannot(path: Path) -> Index:
        error = sqlite3.OperationalError("unable to open database file")
        raise IndexFileError(f"{path}: found no readable index ({error})") from error

    monkeypatch.setattr("provenance.writing.Index", cannot)
    with pytest.raises(IndexFileError) as raised:
        provenance.build_index([str(tree)], tmp_path / "i.db")
    said = str(raised.value)
    assert said.startswith(f"{tmp_path / 'i.db'}: the index could not be written (unable to open")
    assert "build it again" not in said
    assert not list(tmp_path.glob(".*.part"))


def test_a_folder_in_the_place_of_the_index_is_an_error_of_ours(tree: Path, tmp_path: Path) -> None:
    """The folder stays."""
    (tmp_path / "i.db").mkdir()
    with pytest.raises(ProvenanceError, match=r"i\.db"):
        provenance.build_index([str(tree)], tmp_path / "i.db")
    assert [path.name for path in tmp_path.iterdir()] == ["i.db"]
