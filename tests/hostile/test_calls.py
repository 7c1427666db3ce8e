"""Calls of the Python interface with values of every kind: the work is done, or a ``UsageError``
says which argument is wrong. Nothing is taken for what it is not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from programs import program

import provenance
from provenance.auditing import audit, without_policy
from provenance.errors import UsageError
from provenance.indexing import merge_indexes
from provenance.model import NONE_WANTED, Skipped
from provenance.planning import planned
from provenance.workers import Bounds

LONE = "a\ud800"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with reference code, an index of it, and code to scan."""
    folder = tmp_path_factory.mktemp("place")
    for name in ("theirs", "ours"):
        (folder / name).mkdir()
        (folder / name / "a.py").write_text(program(0))
    provenance.build_index([folder / "theirs"], folder / "index.db")
    return folder


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("indexes", [5, [5], [None], ["a\0b"], [LONE], "index.db", b"index.db", Path("index.db")]),
        ("include", [5, [5], [None], [b"*"], "*.py", b"*"]),
        ("exclude", [5, [5], [None], "*.py"]),
        ("exclude_origin", [5, [5], [None], "*"]),
        ("only", [5, [5], [None], "a.py", b"a.py"]),
        ("jobs", [None, -1, 1.5, "2", [], float("nan")]),
        ("as_of", [5, b"2024-01-01", [], "2024-1-1"]),
        ("suspect_date", [5, b"2024-01-01", [], "2024-1-1"]),
    ],
)
def test_a_scan_names_the_argument_that_is_wrong(place: Path, name: str, values: list[Any]) -> None:
    """Before anything is begun."""
    for value in values:
        given = {"indexes": [place / "index.db"], name: value}
        with pytest.raises(UsageError, match=name.replace("_", "[_-]")):
            provenance.scan(place / "ours", **given)


def test_a_source_is_a_path(place: Path) -> None:
    """Of any type that a path may have."""
    wrong: list[Any] = [5, None, [], "a\0b", LONE]
    for value in wrong:
        with pytest.raises(UsageError, match="source") as caught:
            provenance.scan(value, [place / "index.db"])
        assert "PYTHONUTF8" not in str(caught.value), "UTF-8 has no such sign"
    right: list[Any] = [os.fsencode(place / "ours"), str(place / "ours"), place / "ours"]
    for value in right:
        assert provenance.scan(value, [place / "index.db"]).files


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("sources", [5, [5], [None], "theirs", ["a\0b"]]),
        ("output", [None, 5, "a\0b", LONE]),
        ("origin", [5, b"x", LONE, []]),
        ("license", [5, b"x", LONE]),
        ("include", [5, [5], "*.py"]),
        ("jobs", [None, -1, "2"]),
    ],
)
def test_a_build_names_the_argument_that_is_wrong(
    place: Path, tmp_path: Path, name: str, values: list[Any]
) -> None:
    """And writes nothing."""
    for value in values:
        given = {"sources": [place / "theirs"], "output": tmp_path / "new.db", name: value}
        with pytest.raises(UsageError, match=name):
            provenance.build_index(**given)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match="paths"):
        merge_indexes("index.db", tmp_path / "new.db")


def test_what_can_be_read_once_counts_everywhere(place: Path, tmp_path: Path) -> None:
    """An iterator was used up where it was first asked: what was hidden was not reported, and what
    was to be left out was indexed."""
    report = provenance.scan(
        place / "ours",
        iter([place / "index.db"]),  # type: ignore[arg-type]
        exclude_origin=iter(["other/*"]),  # type: ignore[arg-type]
    )
    assert report.exclude_origin == ("other/*",)
    (tmp_path / "both").mkdir()
    for name in ("a.py", "b.py"):
        (tmp_path / "both" / name).write_text(program(0))
    built = provenance.build_index(
        iter([tmp_path / "both"]),  # type: ignore[arg-type]
        tmp_path / "new.db",
        include=iter(["b.py"]),  # type: ignore[arg-type]
    )
    assert built.files == 1


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Bounds(seconds=0),
        lambda: Bounds(seconds=-1),
        lambda: Bounds(seconds=float("nan")),
        lambda: Bounds(seconds=float("inf")),
        lambda: Bounds(seconds="5"),  # type: ignore[arg-type]
        lambda: Bounds(seconds=None),  # type: ignore[arg-type]
        lambda: Bounds(memory=0),
        lambda: Bounds(memory=-1),
        lambda: Bounds(memory=10**30),
        lambda: Bounds(memory=1.5),  # type: ignore[arg-type]
    ],
)
def test_a_bound_is_one(wrong: Callable[[], Bounds]) -> None:
    """What is none is no way to work without."""
    with pytest.raises(UsageError, match="expected a number"):
        wrong()


def test_globs_that_want_nothing_are_told(place: Path) -> None:
    """An empty report says why it is empty; no policy lets that pass, nor is it complete."""
    (place / "none").mkdir(exist_ok=True)
    for more in ({"include": ["*.txt"]}, {"exclude": ["*"]}):
        report = provenance.scan(place / "ours", [place / "index.db"], **more)  # type: ignore[arg-type]
        assert report.skipped == (Skipped(".", NONE_WANTED),)
        assert without_policy(report).incomplete
    assert not provenance.scan(place / "none", [place / "index.db"]).skipped
    plan = planned(
        [str(place / "ours")],
        settings={
            "default_index": False,
            "index": (str(place / "index.db"),),
            "include": ("*.txt",),
            "may_skip": ("*", "."),
        },
    )
    assert audit(plan).audit.incomplete


def test_a_name_that_no_file_can_have_is_told(place: Path) -> None:
    """Not as an error of the system's."""
    long = place / ("x" * 300 + ".db")
    calls: tuple[Callable[[], object], ...] = (
        lambda: provenance.build_index([place / "theirs"], long),
        lambda: provenance.scan(place / "ours", [long]),
        lambda: merge_indexes([long], place / "other.db"),
        lambda: merge_indexes([place / "index.db"], long),
    )
    for call in calls:
        with pytest.raises(provenance.ProvenanceError, match=r"x{300}.db: (found|the index)"):
            call()
