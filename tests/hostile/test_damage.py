"""A seeded sample of ``damage.py``, which does all of it; and what that has found."""

from __future__ import annotations

from pathlib import Path

import pytest

from hostile.damage import Damage, Files, damages, tried
from provenance.integrity import verify

SAMPLE = 40
"""Of each way to damage a file."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("damage")
    Files.make(folder)
    return Files(folder)


KINDS = ("index-2", "index-3", "cache", "bundle", "report", "baseline", "policy")


def test_every_kind_is_in_the_sample(files: Files) -> None:
    assert tuple(files.checks) == KINDS
    assert set(files.whole) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_told_or_makes_no_difference(
    kind: str, files: Files, tmp_path: Path
) -> None:
    """Cut anywhere, any byte another, any bit turned."""
    some = damages(files.whole[kind], SAMPLE)
    told = tried(files, kind, some, tmp_path / kind)
    assert told.wrong == []
    assert sum(told.became.values()) == len(some)
    assert any(became == "refused" for _, became in told.became)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_damaged_is_read(kind: str, files: Files, tmp_path: Path) -> None:
    """Else every damage would be refused, whatever it is."""
    place = tmp_path / kind
    place.write_bytes(files.whole[kind])
    if kind.startswith("index"):  # the check of damaged ones wants verify to refuse
        verify(place)
    else:
        assert files.checks[kind](place) == "same"


def test_damages_are_all_there_are() -> None:
    """Every length but the whole one, every byte, and never the same bytes again."""
    whole = bytes(range(256)) * 2
    made = damages(whole, 1 << 40)
    assert {one.at for one in made if one.how == "cut"} == set(range(512))
    assert {one.at for one in made if one.how == "byte"} == set(range(512))
    assert all(one.of(whole) != whole for one in made)
    assert Damage("bit", 1, 7).of(b"\0\0") == b"\0\x80"


def test_what_is_wrong_is_found(files: Files, tmp_path: Path) -> None:
    """Each promise that is not kept is told."""
    files.checks["kept"] = lambda path: files.index(path, expected="something else")
    files.whole["kept"] = files.whole["index-2"]
    told = tried(files, "kept", damages(files.whole["kept"], 20), tmp_path / "kept")
    assert any("other findings" in words for words in told.wrong)
    files.checks["kept"] = lambda path: str(1 // (path.stat().st_size - 9))
    told = tried(files, "kept", [Damage("cut", 9)], tmp_path / "kept")
    assert "ZeroDivisionError" in told.wrong[0]
    del files.checks["kept"], files.whole["kept"]
