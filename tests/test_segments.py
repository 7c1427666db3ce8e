"""segments: however a build is cut up, interrupted and gone on with, its index is the same."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest
from indexed.modules import NESTED, crowd, family, write
from programs import program, renamed

import provenance
from provenance import IndexFileError
from provenance.index import Index
from provenance.integrity import verify

pytestmark = pytest.mark.usefixtures("in_this_process")


def _sources(folder: Path) -> list[str]:
    """Two, which share files; the second has one of its files twice."""
    first = {f"m{number}": program(number) for number in range(6)}
    second = {f"n{number}": program(number) for number in range(3, 9)}
    return [
        write(folder / "birds", a=family("Robin", 5), c=crowd(0, 40), d=NESTED, **first),
        write(folder / "fish", a=family("Trout", 5), c=crowd(30, 80), e="", f="", **second),
    ]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment for each few files."""
    monkeypatch.setattr("provenance.segments.MOST_UNITS", 30)
    monkeypatch.setattr("provenance.workers._BATCH_FILES", 2)


def _whole(folder: Path, sources: list[str], monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The bytes of the index that is built at once."""
    with monkeypatch.context() as patched:
        patched.setattr("provenance.segments.MOST_UNITS", 10**9)
        provenance.build_index(sources, folder / "whole.db", date="2025-01-01")
    return (folder / "whole.db").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Those of all sources."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patched:
        return _whole(folder, _sources(folder), patched)


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The segments that are put down from now on."""
    from provenance.segments import Segments

    put: list[Path] = []
    before: Callable[..., None] = Segments._put_down

    def put_down(self: Segments) -> None:
        before(self)
        put.append(self._paths[-1])

    monkeypatch.setattr(Segments, "_put_down", put_down)
    return put


@pytest.mark.usefixtures("small")
def test_segments_are_those_of_the_very_name(tmp_path: Path) -> None:
    """A name was read as a pattern: ``i[1].db`` left its own behind, and took those of ``i1.db``;
    ``i`` took those of ``i.db``."""
    others = [tmp_path / f".{name}.{'ab' * 6}.segments" for name in ("i1.db", "i[1].db.db")]
    for folder in others:
        folder.mkdir()
    provenance.build_index(_sources(tmp_path), tmp_path / "i[1].db", date="2025-01-01")
    assert sorted(tmp_path.glob(".*")) == sorted(others)


@pytest.mark.parametrize("large", [10**9, 10])
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.usefixtures("small")
def test_a_build_in_segments_is_a_build_at_once(
    large: int, jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte, in both formats; files that a segment knows are parsed once; nothing is
    left beside it."""
    monkeypatch.setattr("provenance.schema.WIDE_FROM", large)
    monkeypatch.setattr("provenance.workers._FEW_BYTES", 1)
    sources = _sources(tmp_path)
    put = _counted(monkeypatch)
    built = provenance.build_index(sources, tmp_path / "i.db", date="2025-01-01", jobs=jobs)
    assert len(put) > 3
    assert built.files == 19
    assert (tmp_path / "i.db").read_bytes() == _whole(tmp_path, sources, monkeypatch)
    verify(tmp_path / "i.db")
    assert sorted(path.suffix for path in tmp_path.iterdir()) == ["", "", ".db", ".db"]


@pytest.mark.usefixtures("small")
def test_what_comes_behind_the_last_segment_may_have_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last file fills a segment, and releases of no file are still to be entered."""
    monkeypatch.setattr("provenance.segments.MOST_UNITS", 1)
    (tmp_path / "none").mkdir()
    sources = [str(tmp_path / "none"), write(tmp_path / "birds", a=family("Robin", 5))]
    provenance.build_index(sources, tmp_path / "cut.db", date="2025-01-01")
    assert (tmp_path / "cut.db").read_bytes() == _whole(tmp_path, sources, monkeypatch)


def _interrupted(
    sources: list[str], path: Path, monkeypatch: pytest.MonkeyPatch, after: int, **given: Any
) -> None:
    """A build that ends when so many segments are there."""
    from provenance.segments import Segments

    before: Callable[..., None] = Segments._put_down

    def put_down(self: Any) -> None:
        before(self)
        if len(self._paths) == after:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Segments, "_put_down", put_down)
        with pytest.raises(KeyboardInterrupt):
            provenance.build_index(sources, path, date="2025-01-01", **given)


@pytest.mark.usefixtures("small")
def test_an_interrupted_build_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bytes
) -> None:
    """What segments hold is not parsed again; the old index is there until the end."""
    sources, path = _sources(tmp_path), tmp_path / "i.db"
    path.write_text("old")
    _interrupted(sources, path, monkeypatch, 3)
    assert path.read_text() == "old"
    held = sorted(one.name for one in tmp_path.glob(".i.db.*.segments/*.db"))
    assert held == ["000001.db", "000002.db", "000003.db"]
    built = provenance.build_index(sources, path, date="2025-01-01")
    assert built.files == 19
    assert 0 < built.parsed < 15
    assert path.read_bytes() == whole
    assert not list(tmp_path.glob(".i.db*"))


@pytest.mark.usefixtures("small")
def test_what_changed_meanwhile_is_not_carried_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of the folder was changed, one is gone: the index is that of the folder as it is."""
    sources, path = _sources(tmp_path), tmp_path / "i.db"
    _interrupted(sources, path, monkeypatch, 3)
    (tmp_path / "birds" / "a.py").write_text(program(99))
    (tmp_path / "birds" / "m1.py").unlink()
    built = provenance.build_index(sources, path, date="2025-01-01")
    assert built.files == 18
    assert path.read_bytes() == _whole(tmp_path, sources, monkeypatch)


@pytest.mark.usefixtures("small")
def test_a_damaged_segment_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bytes
) -> None:
    """And so are those behind it, which rest on its content."""
    sources, path = _sources(tmp_path), tmp_path / "i.db"
    _interrupted(sources, path, monkeypatch, 3)
    (second,) = tmp_path.glob(".i.db.*.segments/000002.db")
    second.write_bytes(second.read_bytes()[:-100])
    provenance.build_index(sources, path, date="2025-01-01")
    assert path.read_bytes() == whole


@pytest.mark.skipif(sys.platform == "win32", reason="links")
@pytest.mark.usefixtures("small")
def test_a_link_where_segments_would_be_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bytes
) -> None:
    """A checkout may have one: what lies behind it was taken for bad segments, and removed."""
    sources, path = _sources(tmp_path), tmp_path / "i.db"
    _interrupted(sources, path, monkeypatch, 3)
    (folder,) = tmp_path.glob(".i.db.*.segments")
    shutil.rmtree(folder)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "2024.db").write_text("of somebody else")
    folder.symlink_to(tmp_path / "mine")
    provenance.build_index(sources, path, date="2025-01-01")
    assert [one.name for one in (tmp_path / "mine").iterdir()] == ["2024.db"]
    assert path.read_bytes() == whole


@pytest.mark.usefixtures("small")
def test_segments_that_somebody_else_put_there_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bytes
) -> None:
    """A checkout may bring along whole ones, of the very names, that say other things of the same
    files: what is built in it was what they said. Nor are they taken by a cache that it brings."""
    monkeypatch.setenv("PROVENANCE_CACHE", str(tmp_path / "trusted"))
    sources, path = _sources(tmp_path), tmp_path / "checkout" / "i.db"
    (path.parent / ".git").mkdir(parents=True)
    _interrupted(sources, path, monkeypatch, 3)
    (folder,) = path.parent.glob(".i.db.*.segments")
    before = (folder / "000001.db").read_bytes()
    (folder / "000001.db").write_bytes((folder / "000002.db").read_bytes())
    (folder / "000001.db").replace(folder / "000009.db")
    (folder / "000004.db").write_bytes(before)  # one of ours, whatever its name
    brought = shutil.copytree(folder, tmp_path / "brought")
    assert provenance.build_index(sources, path, date="2025-01-01").parsed > 0
    assert path.read_bytes() == whole
    assert not list((tmp_path / "trusted" / "builds").iterdir())
    for cache in ("trusted", "checkout/cache"):
        shutil.copytree(brought, folder)
        if cache != "trusted":
            (path.parent / "cache" / "builds").mkdir(parents=True)
            seals = "".join(one.read_bytes()[-32:].hex() + "\n" for one in brought.iterdir())
            for name in (blake2b(os.fsencode(folder), digest_size=16).hexdigest(),):
                (path.parent / "cache" / "builds" / name).write_text(seals)
        monkeypatch.setenv("PROVENANCE_CACHE", str(tmp_path / cache))
        built = provenance.build_index(sources, path, date="2025-01-01")
        assert built.parsed == 15, "all that is distinct"
        assert path.read_bytes() == whole


@pytest.mark.usefixtures("small")
def test_segments_of_another_build_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of other sources, to the same place."""
    sources, path = _sources(tmp_path), tmp_path / "i.db"
    _interrupted(sources, path, monkeypatch, 3)
    provenance.build_index(sources[1:], path, date="2025-01-01")
    assert path.read_bytes() == _whole(tmp_path, sources[1:], monkeypatch)
    assert not list(tmp_path.glob(".i.db*"))


@pytest.mark.usefixtures("small")
def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    """Before anything is parsed."""
    with pytest.raises(IndexFileError, match="name one with -o"):
        provenance.build_index(_sources(tmp_path), tmp_path)


# --- added to an index --------------------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_what_is_added_in_segments_is_built_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bytes
) -> None:
    """Interrupted, and gone on with; the index is as it was until the end."""
    sources, path = _sources(tmp_path), tmp_path / "i.db"
    provenance.build_index(sources[:1], path, date="2025-01-01")
    before = path.read_bytes()
    _interrupted(sources[1:], path, monkeypatch, 1, extend=True)
    assert path.read_bytes() == before
    built = provenance.build_index(sources[1:], path, date="2025-01-01", extend=True)
    assert built.files == 10
    assert 0 < built.parsed < 7
    assert path.read_bytes() == whole
    assert not list(tmp_path.glob(".i.db*"))


@pytest.mark.usefixtures("small")
def test_segments_added_to_another_index_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They rest on what the index had."""
    sources, path = _sources(tmp_path), tmp_path / "i.db"
    provenance.build_index(sources[:1], path, date="2025-01-01")
    _interrupted(sources[1:], path, monkeypatch, 2, extend=True)
    other = write(tmp_path / "other" / "birds", a=program(77))
    provenance.build_index([other], path, date="2025-01-01")
    provenance.build_index(sources[1:], path, date="2025-01-01", extend=True)
    assert path.read_bytes() == _whole(tmp_path, [other, sources[1]], monkeypatch)
    assert not list(tmp_path.glob(".i.db*"))


def test_an_index_that_becomes_a_large_one_keeps_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys of 28 bits were written as if they had 40, and what was there was not found."""
    path = tmp_path / "i.db"
    for number in range(2):
        source = write(tmp_path / f"birds{number}", a=program(number))
        provenance.build_index([source], path, date="2025-01-01", extend=number > 0)
        monkeypatch.setattr("provenance.schema.WIDE_FROM", 10)
    with Index(path) as index:
        assert index.facts().format_version == 3
    mine = write(tmp_path / "mine", a=renamed(program(0)), b=renamed(program(1)))
    report = provenance.scan(mine, [path])
    assert {found.reference.package for found in report.findings} == {"birds0", "birds1"}


def _while(
    build: Callable[..., object], monkeypatch: pytest.MonkeyPatch, *arguments: object
) -> tuple[list[object], list[str]]:
    """Do a thing once, while a segment is put down by another build; what it gave or said."""
    from provenance.segments import Segments

    gave: list[object] = []
    said: list[str] = []
    before: Callable[..., None] = Segments._put_down

    def put_down(self: Segments) -> None:
        before(self)
        with monkeypatch.context() as patched:
            patched.setattr(Segments, "_put_down", before)
            if not gave and not said:
                try:
                    gave.append(build(*arguments))
                except IndexFileError as error:
                    said.append(str(error))

    monkeypatch.setattr(Segments, "_put_down", put_down)
    return gave, said


@pytest.mark.skipif(sys.platform == "win32", reason="needs locks that a process may look at")
@pytest.mark.usefixtures("small")
def test_two_builds_of_the_same_at_once_do_not_take_their_segments_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: bytes
) -> None:
    """The second says so; one of other sources is made, and leaves those of the first."""
    sources, path = _sources(tmp_path), tmp_path / "i.db"

    def again() -> object:
        return provenance.build_index(sources, path, date="2025-01-01")

    gave, said = _while(again, monkeypatch)
    again()
    assert not gave
    assert "another process that builds it" in said[0]
    assert path.read_bytes() == whole

    path.unlink()  # else it is held
    gave, said = _while(provenance.build_index, monkeypatch, sources[:1], path)
    again()
    assert gave
    assert path.read_bytes() == whole
    assert not list(tmp_path.glob(".i.db*"))
