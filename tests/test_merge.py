"""merge: what joins indexes gives the bytes of building them in one go, or leaves all as it was."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from indexed.modules import NESTED, crowd, family, write
from loaded import Started, loaded
from programs import program, renamed
from thorough import THOROUGH

import provenance
from provenance import IndexFileError, UsageError
from provenance.index import Index
from provenance.indexing import _enter, measured, merge_indexes
from provenance.integrity import verify
from provenance.model import Parameters
from provenance.origins import origin_of
from provenance.schema import seal
from provenance.segments import Segments
from provenance.sketch import permutations as drawn_for
from provenance.source import open_source

pytestmark = pytest.mark.usefixtures("in_this_process")

KILLS = int(os.environ.get("PROVENANCE_KILLS", "4"))
_DAYS = ("2025-03-01", "2024-03-01", "2025-03-01")


_LEFT_OUT: tuple[tuple[str, ...], ...] = ((), (), ("nothing.py",))
"""The first and the third are of one release, of which each is another selection."""
_WITH_METHOD = """\
class {}:
    def act(self, a, b):
        for one in a:
            b[one] = self.wing(one) * (b.beak + one)
        return [b, one, self.wing(a)]


class {}:
    def rest(self, c):
        return self.wing(c) - c
"""


def _sources(folder: Path) -> list[str]:
    """Three, with shared files, the same code under two marks, a method that two classes have,
    names known from elsewhere, and fingerprints that one of them, or only all of them together,
    make common."""
    whole = crowd(0, 70, "{} - fish[{}].fin(bird)")
    return [
        write(
            folder / "birds",
            a=program(1),
            b=family("Robin", 5),
            c=crowd(0, 40),
            d=NESTED,
            f=_WITH_METHOD.format("Wren", "Ibis"),
        ),
        write(
            folder / "fish",
            a=program(1),
            b=family("Trout", 5),
            c=crowd(30, 80),
            d=whole,
            e="",
            f=_WITH_METHOD.format("Auk", "Crane"),
        ),
        write(folder / "more" / "birds", z=program(1), b=renamed(family("Robin", 5))),
    ]


def _at_once(sources: list[str], path: Path, left_out: Sequence[Sequence[str]] = ((),) * 3) -> None:
    """The index of all, with nothing joined."""
    parameters = Parameters()
    drawn = drawn_for(parameters)
    with Segments(path, parameters, drawn, None) as segments:
        for text, day, left in zip(sources, _DAYS, left_out, strict=True):
            source = open_source(text, exclude=left)
            release = replace(source.release, date=day, date_source="given")
            number = segments.add_release(release, json.dumps([[], list(left), None]))
            named = partial(origin_of, release.package)
            _enter(segments, source, number, named, [], 0, None)
        segments.finish(measured)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Path]:
    """The index of each source, and that of all."""
    folder = tmp_path_factory.mktemp("made")
    parts = [folder / f"{number}.db" for number in range(3)]
    sources = _sources(folder)
    for part, source, day, left in zip(parts, sources, _DAYS, _LEFT_OUT, strict=True):
        provenance.build_index([source], part, date=day, exclude=left)
    _at_once(sources, folder / "all.db", _LEFT_OUT)
    return parts, folder / "all.db"


def test_what_is_added_is_as_if_built_at_once(
    made: tuple[list[Path], Path], tmp_path: Path
) -> None:
    """Byte for byte, though what is there is joined, not read."""
    for number, source in enumerate(_sources(tmp_path)):
        day, left, extend = _DAYS[number], _LEFT_OUT[number], number > 0
        provenance.build_index(
            [source], tmp_path / "added.db", date=day, exclude=left, extend=extend
        )
    assert (tmp_path / "added.db").read_bytes() == made[1].read_bytes()


def test_what_is_joined_is_what_is_built_at_once(
    made: tuple[list[Path], Path], tmp_path: Path
) -> None:
    """Byte for byte, in every order, an index twice, one after another too."""
    parts, whole = made
    for order in (*permutations(parts), (*parts, parts[0])):
        merge_indexes(order, tmp_path / "joined.db")
        assert (tmp_path / "joined.db").read_bytes() == whole.read_bytes()
    merge_indexes(parts[1:], tmp_path / "two.db")
    merge_indexes([tmp_path / "two.db", parts[0]], tmp_path / "joined.db")
    assert (tmp_path / "joined.db").read_bytes() == whole.read_bytes()
    verify(tmp_path / "joined.db")


def test_one_index_is_joined_to_itself(made: tuple[list[Path], Path], tmp_path: Path) -> None:
    """Nothing is lost on the way, and the file may be the one that is read."""
    whole = made[1].read_bytes()
    merge_indexes([made[1]], tmp_path / "same.db")
    assert (tmp_path / "same.db").read_bytes() == whole
    merge_indexes([tmp_path / "same.db", made[0][0]], tmp_path / "same.db")
    assert (tmp_path / "same.db").read_bytes() == whole


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.lists(st.integers(0, 6), max_size=5), min_size=1, max_size=4))
def test_any_sources_may_be_built_apart(tmp_path: Path, seeds: list[list[int]]) -> None:
    """Whatever files they share, and none at all."""
    folder = tmp_path / "-".join("".join(map(str, some)) or "x" for some in seeds)
    shutil.rmtree(folder, ignore_errors=True)
    sources = []
    for number, some in enumerate(seeds):
        files = {f"m{at}": program(seed) for at, seed in enumerate(some)}
        sources.append(write(folder / str(number) / "birds", last=f"x = {number}\n", **files))
        provenance.build_index(sources[-1:], folder / f"{number}.db", date="2025-01-01")
    provenance.build_index(sources, folder / "all.db", date="2025-01-01")
    merge_indexes(sorted(folder.glob("[0-9].db")), folder / "joined.db")
    assert (folder / "joined.db").read_bytes() == (folder / "all.db").read_bytes()


def test_what_is_written_in_many_stretches_is_the_same(
    made: tuple[list[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How much is in memory at once decides nothing."""
    few = 1 if THOROUGH else 7
    for name in ("WORDS", "PIECES", "TREES", "UNITS", "POSTINGS"):
        least = {"WORDS": 4096, "TREES": 8, "UNITS": 512, "POSTINGS": 64}.get(name, few)
        monkeypatch.setattr(f"provenance.merge._{name}_AT_ONCE", least)
    monkeypatch.setattr("provenance.numbering._AT_ONCE", few)
    monkeypatch.setattr("provenance.numbering._TREES_AT_ONCE", 8)
    monkeypatch.setattr("provenance.writing._KEYS_AT_ONCE", 5)
    merge_indexes(made[0], tmp_path / "joined.db")
    assert (tmp_path / "joined.db").read_bytes() == made[1].read_bytes()


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if each index were a large one."""
    monkeypatch.setattr("provenance.schema.WIDE_FROM", 10)


@pytest.mark.usefixtures("wide")
def test_large_indexes_are_joined_to_what_is_built_at_once(
    made: tuple[list[Path], Path], tmp_path: Path
) -> None:
    """In format 3, whose scan finds what it finds in format 2, and which is checked byte by
    byte."""
    sources = _sources(tmp_path)
    for number, (source, day) in enumerate(zip(sources, _DAYS, strict=True)):
        provenance.build_index([source], tmp_path / f"{number}.db", date=day)
    _at_once(sources, tmp_path / "all.db")
    merge_indexes([tmp_path / f"{at}.db" for at in (2, 0, 1)], tmp_path / "joined.db")
    assert (tmp_path / "joined.db").read_bytes() == (tmp_path / "all.db").read_bytes()
    with Index(tmp_path / "joined.db") as index, Index(made[1]) as small:
        assert (index.facts().format_version, small.facts().format_version) == (3, 2)
        assert index.places(5) == small.places(5)
    mine = write(tmp_path / "mine", m=family("Mine", 5) + program(1), n=renamed(program(2)))
    found = provenance.scan(mine, [tmp_path / "joined.db"])
    assert found.findings
    assert found.findings == provenance.scan(mine, [made[1]]).findings
    whole = (tmp_path / "joined.db").read_bytes()
    drawn = random.Random(3)
    for _ in range(20):
        at = drawn.randrange(len(whole))
        bad = whole[:at] + bytes([whole[at] ^ 1 << drawn.randrange(8)]) + whole[at + 1 :]
        (tmp_path / "bad.db").write_bytes(bad)
        with pytest.raises(IndexFileError, match=r"bad\.db"):
            verify(tmp_path / "bad.db")


@pytest.mark.usefixtures("wide")
def test_of_short_keys_no_long_ones_are_made(made: tuple[list[Path], Path], tmp_path: Path) -> None:
    """Small indexes have keys of 28 bits: so has the large one that is joined of them."""
    merge_indexes(made[0], tmp_path / "joined.db")
    verify(tmp_path / "joined.db")
    with Index(tmp_path / "joined.db") as index:
        assert (index.shape.version, index.shape.key_bits) == (3, 28)
    mine = write(tmp_path / "mine", m=family("Mine", 5) + program(1))
    found = provenance.scan(mine, [tmp_path / "joined.db"])
    assert found.findings == provenance.scan(mine, [made[1]]).findings


# --- refused ------------------------------------------------------------------------------


def test_indexes_of_other_parameters_are_refused(
    made: tuple[list[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file and the remedy are named, and nothing is left."""
    monkeypatch.setattr("provenance.indexing.Parameters", lambda: Parameters(k=9))
    provenance.build_index([write(tmp_path / "x", a=program(3))], tmp_path / "other.db")
    with pytest.raises(IndexFileError, match=r"other\.db: found parameters .*build one of them"):
        merge_indexes([made[1], tmp_path / "other.db"], tmp_path / "joined.db")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.db", "x"]


def test_a_damaged_index_is_named_and_nothing_is_changed(
    made: tuple[list[Path], Path], tmp_path: Path
) -> None:
    """Wherever the damage is."""
    out = Path(shutil.copy(made[1], tmp_path / "out.db"))
    whole = bytearray(made[0][0].read_bytes())
    whole[len(whole) // 2] ^= 1
    (tmp_path / "bad.db").write_bytes(whole)
    with pytest.raises(IndexFileError, match=r"bad\.db: found a damaged index"):
        merge_indexes([made[0][1], tmp_path / "bad.db"], out)
    assert out.read_bytes() == made[1].read_bytes()
    (tmp_path / "no.db").write_text("no index")
    with pytest.raises(IndexFileError, match=r"no\.db"):
        merge_indexes([made[0][1], tmp_path / "no.db"], out)
    with pytest.raises(IndexFileError, match=r"gone\.db: found no file"):
        merge_indexes([made[0][1], tmp_path / "gone.db"], out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.db", "no.db", "out.db"]


def test_a_full_disk_is_told_wherever_a_join_is(
    made: tuple[list[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is numbered stands in files too: no index and no remedy was named."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("provenance.merge.number_pieces", full)
    with pytest.raises(IndexFileError, match=r"joined\.db: .*expected room.*write it elsewhere"):
        merge_indexes(made[0], tmp_path / "joined.db")
    assert not os.listdir(tmp_path)


def test_no_index_and_no_place_are_refused(made: tuple[list[Path], Path], tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(UsageError, match="expected at least one"):
        merge_indexes([], tmp_path / "out.db")
    with pytest.raises(IndexFileError, match="name one with -o"):
        merge_indexes(made[0], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_kill_leaves_the_old_index_or_the_new_one(
    made: tuple[list[Path], Path], tmp_path: Path
) -> None:
    """At any moment of a merge; what it left behind is in nobody's way."""
    parts, whole = made
    out = tmp_path / "out.db"
    with loaded() as starts:

        def start() -> Started:
            shutil.copy(parts[0], out)
            return starts.start(["index", "merge", *map(str, parts), "-o", str(out)])

        begun = time.monotonic()
        assert start().wait() == 0
        took = time.monotonic() - begun
        drawn = random.Random("merge")
        for _ in range(KILLS):
            process = start()
            time.sleep(drawn.uniform(0, 1.1 * took))
            process.kill()
            process.wait()
            assert out.read_bytes() in (parts[0].read_bytes(), whole.read_bytes())
        assert start().wait() == 0
    assert out.read_bytes() == whole.read_bytes()
    assert [one.name for one in tmp_path.iterdir()] == ["out.db"]


def test_a_scan_says_the_same_with_the_parts_joined(
    made: tuple[list[Path], Path], tmp_path: Path
) -> None:
    """As with the index that was built at once."""
    mine = write(tmp_path / "mine", m=family("Mine", 5) + program(1))
    merge_indexes(made[0], tmp_path / "joined.db")
    found = provenance.scan(mine, [tmp_path / "joined.db"])
    assert found.findings
    assert found.findings == provenance.scan(mine, [made[1]]).findings


def test_sums_that_do_not_hold_are_refused_though_sealed(
    made: tuple[list[Path], Path], tmp_path: Path
) -> None:
    """A page in which another file's was put."""
    import sqlite3

    path = Path(shutil.copy(made[0][0], tmp_path / "bad.db"))
    path.write_bytes(path.read_bytes()[:-32])
    with closing(sqlite3.connect(path)) as opened, opened:
        opened.execute("UPDATE unit SET data = x'00'")
    opened.close()
    seal(path)
    with pytest.raises(IndexFileError, match=r"bad\.db"):
        merge_indexes([path, made[0][1]], tmp_path / "out.db")
    with Index(made[0][1]):
        pass
    assert [one.name for one in tmp_path.iterdir()] == ["bad.db"]
