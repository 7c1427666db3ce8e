"""index and build: written whole or not at all, the same every time, read back exactly, and
refused where it is not what was written."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import cycle, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import program, renamed
from thorough import THOROUGH, tried

import provenance
from provenance import IndexFileError, ProvenanceError, pages
from provenance.build import Builder
from provenance.checksum import checksum, logical_rows, opening_rows, opening_sum
from provenance.index import KINDS, Index
from provenance.indexing import merge_indexes
from provenance.integrity import verify
from provenance.library import Library
from provenance.model import Tokens
from provenance.parse import parse
from provenance.schema import PAGED, seal, sealed
from provenance.sketch import body, positions
from provenance.stored import Stored
from provenance.unused import blank_unused

pytestmark = pytest.mark.usefixtures("in_this_process")

_NESTED = '''"""A docstring that must not be stored."""
import os

LIMIT = 12345  # a comment that must not be stored
SECRET = "a literal that must not be stored"


class Outer:
    """Of two classes."""

    depth = LIMIT * 2 + os.getpid()

    def method(self, a, b):
        def nested(c):
            class Deepest:
                def last(self, d):
                    return [self, d, a + b * c - 1]

            return Deepest().last(c * 2 + a)

        return nested(a)(b) if a > b else self.depth

    class Inner(Base):
        width = [1, 2, 3, 4, 5, 6, 7, 8]

        def method(self, a):
            return {key: value + a for key, value in self.items() if value != key}

    after = method


async def free(x, *rest, y=None, **more):
    async with x as z:
        await z.run(rest, y=y, key=f"{x!r:>{y}}", **more)


if __name__ == "__main__":
    free(Outer(), LIMIT)
    for number in range(LIMIT):
        print(number, "done", sep="")
'''


_MORE = """

def more(beak, wing, tail):
    for feather in range(beak):
        wing[feather] = tail - wing.get(feather, beak) * 3
    return wing
"""
"""A function that makes a file another one, so that its units are compared one by one."""


def write(folder: Path, **files: str) -> str:
    """A folder with these modules."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    return str(folder)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of a few modules."""
    folder = tmp_path_factory.mktemp("made") / "birds"
    files = {f"m{seed}": program(seed, classes=2) for seed in range(6)}
    write(folder, nested=_NESTED, empty="", **files)
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


# --- what it says -------------------------------------------------------------------------


def test_facts_are_what_was_indexed(built: Path, tree: Path) -> None:
    """Release, date, licence, counts, parameters, and origins by the rule of paths."""
    with Index(built) as index:
        facts = index.facts()
        origins = index.origins()
        assert index.packages() == ("birds",)
        assert facts.checksum == index.checksum
    (release,) = facts.releases
    assert (release.package, release.version) == ("birds", None)
    assert (release.date, release.date_source, release.license) == ("2025-03-01", "given", "MIT")
    files = len(list(tree.rglob("*.py")))
    assert facts.counts["file"] == facts.counts["tree"] == files
    assert facts.counts["release"] == 1
    assert facts.counts["origin"] == len(origins)
    names = [one.name for one in origins]
    assert names == sorted(names)
    assert {one.first for one in origins} == {"2025-03-01"}
    assert facts.counts["unit"] <= sum(one.units for one in origins)
    assert {"birds/llama", "birds/m0", "birds/nested"} <= set(names)


def test_verify_accepts_what_was_built(built: Path) -> None:
    """And gives the checksum that the index names."""
    with Index(built) as index:
        assert verify(built) == index.checksum


def test_origin_by_hand(tree: Path, tmp_path: Path) -> None:
    """One name for all files."""
    provenance.build_index([str(tree)], tmp_path / "i.db", origin="ours")
    with Index(tmp_path / "i.db") as index:
        assert [one.name for one in index.origins()] == ["ours"]


def test_origins_say_how_often_their_units_stand_in_others(tmp_path: Path) -> None:
    """Counted unit by unit from where each one stands."""
    one, other = program(1, functions=3), program(2)
    source = write(tmp_path / "birds", a=one, b=one + _MORE, c=other, d=other + _MORE + one)
    provenance.build_index([source], tmp_path / "i.db")
    with Index(tmp_path / "i.db") as index:
        held = [index.origins_of(unit) for unit in range(1, index.units + 1)]
        for facts in index.origins():
            mine = [origins for origins in held if facts.name in origins]
            assert facts.units == len(mine)
            assert facts.shared == sum(len(origins) - 1 for origins in mine)


def test_a_file_under_two_origins_is_in_both(tmp_path: Path) -> None:
    """Neither is dropped because the other one came first."""
    source = write(tmp_path / "birds", a=program(1))
    made = []
    for order in (("ours", "theirs"), ("theirs", "ours")):
        path = tmp_path / f"{order[0]}.db"
        for origin in order:
            provenance.build_index([source], path, origin=origin, extend=origin != order[0])
        with Index(path) as index:
            assert [one.units for one in index.origins()] == [index.units] * 2
            assert index.origins_of(1) == ("ours", "theirs")
        made.append(path.read_bytes())
    assert made[0] == made[1]


# --- adding -------------------------------------------------------------------------------


def test_adding_a_known_release_parses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And leaves every row as it was; another selection of its files is another matter."""
    archive = tmp_path / "birds-1.0.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for seed in range(3):
            opened.writestr(f"birds/m{seed}.py", program(seed))
    provenance.build_index([str(archive)], tmp_path / "i.db", include=["m0.py"])
    provenance.build_index([str(archive)], tmp_path / "i.db", extend=True)
    before = verify(tmp_path / "i.db")
    monkeypatch.setattr("provenance.parse.parse", None)
    again = provenance.build_index([str(archive)], tmp_path / "i.db", extend=True)
    assert (again.files, again.parsed, again.known) == (0, 0, (str(archive),))
    assert verify(tmp_path / "i.db") == before


def test_adding_an_unchanged_directory_parses_nothing_new(tree: Path, copy: Path) -> None:
    """Every content is known."""
    again = provenance.build_index([str(tree)], copy, extend=True)
    assert again.parsed == 0


def test_adding_an_unchanged_directory_changes_nothing(tree: Path, copy: Path) -> None:
    """No second release, no second row for every file."""
    before = verify(copy)
    provenance.build_index([str(tree)], copy, date="2025-03-01", license="MIT", extend=True)
    assert verify(copy) == before


def test_a_source_that_is_named_twice_is_read_once(tree: Path, tmp_path: Path) -> None:
    """Its files were counted twice."""
    made = provenance.build_index([str(tree), str(tree)], tmp_path / "i.db")
    assert made.files == made.parsed == len(list(tree.rglob("*.py")))


def test_a_release_is_parsed_only_where_it_is_new(tree: Path, copy: Path, tmp_path: Path) -> None:
    """A second version with one changed and one new file costs these two."""
    second = tmp_path / "second" / "birds"
    shutil.copytree(tree, second)
    write(second, m0=program(900), added=program(901))
    made = provenance.build_index([str(second)], copy, date="2025-06-01", extend=True)
    assert made.parsed == 2
    assert made.files == len(list(second.rglob("*.py")))
    verify(copy)
    with Index(copy) as index:
        assert index.facts().counts["tree"] == len(list(tree.rglob("*.py"))) + 2


def test_code_of_a_later_release_is_not_dated_back(tmp_path: Path) -> None:
    """Two directories of the same name, entered with different days."""
    for number, day in enumerate(("2024-01-01", "2026-01-01")):
        source = write(tmp_path / f"at{number}" / "birds", **{f"m{number}": program(number)})
        provenance.build_index([source], tmp_path / "i.db", date=day, extend=number > 0)
    found = provenance.scan(write(tmp_path / "mine", a=program(1) + _MORE), [tmp_path / "i.db"])
    assert {finding.reference.first_seen for finding in found.findings} == {"2026-01-01"}


def test_adding_gives_the_index_of_building_at_once(tree: Path, tmp_path: Path) -> None:
    """Whether sources come in one call or one after another."""
    other = write(tmp_path / "fish", a=program(300), b=renamed(program(1)))
    sources = [str(tree), other]
    provenance.build_index(sources, tmp_path / "once.db")
    provenance.build_index(sources[:1], tmp_path / "added.db")
    provenance.build_index(sources[1:], tmp_path / "added.db", extend=True)
    assert verify(tmp_path / "once.db") == verify(tmp_path / "added.db")


def test_first_seen_is_the_first_release_that_ships_the_unit(tmp_path: Path) -> None:
    """Not the newest, and not the order of indexing."""
    same = program(7, functions=2)
    for day, name in (("2025-05-05", "late"), ("2024-04-04", "early"), ("2026-06-06", "last")):
        source = write(tmp_path / name, **{name: same})
        provenance.build_index(
            [source], tmp_path / "i.db", date=day, extend=(tmp_path / "i.db").exists()
        )
    report = provenance.scan(write(tmp_path / "mine", m=same + _MORE), [tmp_path / "i.db"])
    assert report.findings
    for finding in report.findings:
        assert finding.reference.first_seen == "2024-04-04"
        others = {finding.reference.origin, *finding.also}
        assert others == {"late/late", "early/early", "last/last"}


# --- the same every time ------------------------------------------------------------------


def test_a_notebook_that_is_indexed_already_can_be_added_again(tmp_path: Path) -> None:
    """It goes to the workers without its text, but went with its cells: an IndexError."""
    cells = [{"cell_type": "code", "source": f"def f{n}(a):\n    return a[{n}]"} for n in range(3)]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "a.ipynb").write_text(json.dumps({"nbformat": 4, "cells": cells}))
    provenance.build_index([tmp_path / "a"], tmp_path / "a.db")
    before = (tmp_path / "a.db").read_bytes()
    provenance.build_index([tmp_path / "a"], tmp_path / "a.db", extend=True)
    assert (tmp_path / "a.db").read_bytes() == before


def family(name: str, seed: int) -> str:
    """A module whose classes bear a family's mark: the same code but for it."""
    text = program(seed, classes=4, functions=2)
    for _ in range(4):
        text = text.replace("class ", f"klass {name}", 1)
    return text.replace("klass", "class")


def crowd(first: int, last: int, what: str = "bird.wing({}) * (bird.beak + {})") -> str:
    """Functions that end alike: more than a fingerprint may have before it is common."""
    alike = "".join(f"    total[{n}] = {what.format(n, n)}\n" for n in range(12))
    return "".join(
        f"def f{number}(total, bird):\n    call(name_{number}, {number})\n{alike}\n"
        for number in range(first, last)
    )


def in_every_way(folder: Path, sources: list[tuple[str, str]]) -> set[tuple[str, bytes]]:
    """Checksums and bytes of the index of some dated sources, entered in every order, or in as many
    as there are sources, with each of them first once and last once: one by one, and, where they
    are of one day, in one call too."""
    made = set()
    turned = [[*sources[at:], *sources[:at]] for at in range(len(sources))]
    for number, order in enumerate(permutations(sources) if THOROUGH else turned):
        path = folder / f"added{number}.db"
        for source, day in order:
            provenance.build_index([source], path, date=day, extend=path.exists(), jobs=0)
        made.add((verify(path), path.read_bytes()))
        if len({day for _, day in sources}) == 1:
            path = folder / f"once{number}.db"
            every = [source for source, _ in order]
            provenance.build_index(every, path, date=order[0][1], jobs=0)
            made.add((verify(path), path.read_bytes()))
    return made


def test_the_order_of_sources_changes_no_byte(tmp_path: Path) -> None:
    """Nor whether they are entered at once or one after another: with shared files, the same
    code under two family marks, names known from elsewhere, and fingerprints that only all of
    them together make common."""
    sources = [
        write(tmp_path / "birds", a=program(1), b=family("Robin", 5), c=crowd(0, 40), d=_NESTED),
        write(tmp_path / "fish", a=program(1), b=family("Trout", 5), c=crowd(30, 80), e=""),
        write(
            tmp_path / "more" / "birds", a=program(2), b=renamed(family("Robin", 5)), z=program(1)
        ),
    ]
    assert len(in_every_way(tmp_path, [(source, "2025-03-01") for source in sources])) == 1
    days = ("2025-03-01", "2024-03-01", "2026-01-01")
    dated = tmp_path / "dated"
    dated.mkdir()
    assert len(in_every_way(dated, list(zip(sources, days, strict=True)))) == 1


@settings(
    max_examples=tried(3, 6),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=4), min_size=2, max_size=2))
def test_any_two_sources_may_change_places(tmp_path: Path, seeds: list[list[int]]) -> None:
    """Whatever files they share."""
    folder = tmp_path / "-".join("".join(map(str, some)) for some in seeds)
    folder.mkdir(exist_ok=True)
    sources = []
    for number, some in enumerate(seeds):
        files = {f"m{at}": program(seed) for at, seed in enumerate(some)}
        shutil.rmtree(folder / str(number), ignore_errors=True)
        sources.append((write(folder / str(number) / "birds", **files), "2025-01-01"))
    for old in folder.glob("*.db"):
        old.unlink()
    assert len(in_every_way(folder, sources)) == 1


def test_two_builds_are_the_same_file(tree: Path, built: Path, tmp_path: Path) -> None:
    """Byte for byte."""
    again = tmp_path / "birds.db"
    provenance.build_index([str(tree)], again, date="2025-03-01", license="MIT")
    assert verify(again) == verify(built)
    assert again.read_bytes() == built.read_bytes()


@pytest.mark.parametrize("mode", ["OFF", "ON"])
def test_no_byte_is_what_sqlite_leaves(
    mode: str, tree: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Releases of SQLite differ in what they leave in bytes that they do not use, and in their
    number. What was deleted is left or cleared as asked, so it is both ways here."""
    connect = sqlite3.connect

    def leaving(*given: Any, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*given, **more)
        connection.execute(f"PRAGMA secure_delete = {mode}")
        return connection

    monkeypatch.setattr(sqlite3, "connect", leaving)
    again = tmp_path / "birds.db"
    provenance.build_index([str(tree)], again, date="2025-03-01", license="MIT")
    assert again.read_bytes() == built.read_bytes()
    assert again.read_bytes()[96:100] == bytes(4)


@pytest.mark.parametrize("size", [512, 4096])
def test_what_sqlite_uses_is_kept(size: int, tmp_path: Path) -> None:
    """Of cells on inner pages, on pages of overflow, of holes between them; the rest is zeros."""
    path = tmp_path / "any.db"
    chosen = random.Random(size)
    sizes = [chosen.choice([1, 2, 30, size // 4, size - 40, size, 5 * size]) for _ in range(900)]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {size}")
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, data, UNIQUE (data, id))")
        connection.execute("CREATE TABLE w (data PRIMARY KEY, id) WITHOUT ROWID")
        connection.execute("BEGIN")
        for number, many in enumerate(sizes):
            data = chosen.randbytes(many)
            row = (number << 8 * chosen.randrange(6), data)
            connection.execute("INSERT OR IGNORE INTO t VALUES (?, ?)", row)
            connection.execute("INSERT OR IGNORE INTO w VALUES (?, ?)", row[::-1])
        connection.execute("DELETE FROM t WHERE id % 3 = 0")
        connection.execute("DELETE FROM w WHERE id % 3 = 0")
        connection.execute("COMMIT")
        connection.execute("VACUUM")
        rows = [list(connection.execute(f"SELECT * FROM {table}")) for table in "tw"]
    left = path.read_bytes()
    blank_unused(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert [list(connection.execute(f"SELECT * FROM {table}")) for table in "tw"] == rows
    cleared = path.read_bytes()
    assert cleared != left
    assert all(new in (old, 0) for old, new in zip(left, cleared, strict=True))
    blank_unused(path)
    assert path.read_bytes() == cleared


def test_the_index_does_not_depend_on_jobs(
    tree: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes write what one does."""
    monkeypatch.setattr("provenance.workers._FEW_BYTES", 10)
    monkeypatch.setattr("provenance.workers._BATCH_FILES", 2)
    many = tmp_path / "birds.db"
    provenance.build_index([str(tree)], many, date="2025-03-01", license="MIT", jobs=2)
    assert many.read_bytes() == built.read_bytes()


def test_identical_units_are_stored_once(tmp_path: Path) -> None:
    """The same code in many files: more places, but no more units and contents."""
    text = program(11, classes=2)
    provenance.build_index([write(tmp_path / "one", a=text)], tmp_path / "one.db")
    copies = {f"m{number}": f"# copy {number}\n{text}" for number in range(5)}
    provenance.build_index([write(tmp_path / "five", **copies)], tmp_path / "five.db")
    with Index(tmp_path / "one.db") as one, Index(tmp_path / "five.db") as five:
        first, second = one.facts().counts, five.facts().counts
        assert second["unit"] == first["unit"]
        assert second["piece"] == first["piece"]
        assert second["place"] == 5 * first["place"]
        for unit in range(1, five.units + 1):
            assert {p.origin for p in five.places(unit)} == {f"five/m{n}" for n in range(5)}
            assert five.origins_of(unit) == tuple(f"five/m{n}" for n in range(5))


# --- read back ----------------------------------------------------------------------------


def check_round_trip(text: str, index: Index) -> int:
    """A file's only tree reads back as the units and elements that a fresh parse gives, and
    every unit knows its place in it."""
    parsed = parse(text.encode())
    assert index.counts["tree"] == 1
    tree = index.tree(1)
    assert tree.mark == parsed.mark
    for position, unit in enumerate(parsed.units):
        said = (unit.name, unit.kind, unit.start_line, unit.end_line, unit.start, unit.stop)
        number = int(tree.units[position])
        assert said == (
            index.name(int(tree.names[position])),
            KINDS[tree.kinds[position]],
            int(tree.first_line[position]),
            int(tree.last_line[position]),
            int(tree.start[position]),
            int(tree.stop[position]),
        )
        span = np.arange(unit.start, unit.stop)
        if position == 0:
            span = positions(body(parsed.units, 0))
        fresh = parsed.tokens[span]
        assert equal(index.tokens_at(1, position), fresh)
        assert index.tokens(number).text.tolist() == fresh.text.tolist()
        (place,) = (one for one in index.places(number) if one.position == position)
        assert (place.name, place.kind, place.mark) == (unit.name, unit.kind, parsed.mark)
        assert (place.first_line, place.last_line) == (unit.start_line, unit.end_line)
    assert len(tree.units) == len(parsed.units)
    assert set(tree.units.tolist()) == set(range(1, index.units + 1))
    return len(parsed.units)


def equal(left: Tokens, right: Tokens) -> bool:
    return all(
        np.array_equal(getattr(left, name), getattr(right, name))
        for name in ("structure", "text", "kind", "line", "word")
    )


def test_elements_are_read_back_as_they_were_parsed(tmp_path: Path) -> None:
    """Of classes in classes, classes in functions, nested functions and the module body."""
    provenance.build_index([write(tmp_path / "n", nested=_NESTED)], tmp_path / "i.db")
    with Index(tmp_path / "i.db") as index:
        assert check_round_trip(_NESTED, index) == 9


@settings(
    max_examples=tried(5, 12),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 10**6))
def test_elements_of_any_program_are_read_back(tmp_path: Path, seed: int) -> None:
    """In both views, with kinds, lines and words."""
    text = program(seed, classes=3)
    source = write(tmp_path / f"s{seed}", a=text)
    provenance.build_index([source], tmp_path / f"{seed}.db")
    with Index(tmp_path / f"{seed}.db") as index:
        check_round_trip(text, index)


_PARTS = [
    *("def ", "async ", "class ", "lambda ", "f", "A", "\u00e9", "(", ")", "[", "]", "{", "}", ":"),
    *("\n", "\n  ", "\n    ", "\\\n", "@", "= ", ", ", "1 ", "'s' ", '"""', "# c"),
]


@settings(
    max_examples=tried(12, 30),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.sampled_from(_PARTS), max_size=40))
def test_elements_of_broken_text_are_read_back(tmp_path: Path, parts: list[str]) -> None:
    """Whatever the grammar makes of it."""
    text = "".join(parts)
    source = tmp_path / "source"
    source.mkdir(exist_ok=True)
    (source / "a.py").write_text(text, "utf-8", newline="\n")
    provenance.build_index([str(source)], tmp_path / "i.db")
    with Index(tmp_path / "i.db") as index:
        check_round_trip(text, index)


def test_identifiers_are_read_back_and_nothing_else(tmp_path: Path) -> None:
    """Names of what was read are given by their hashes; strings and numbers are not known."""
    source = write(tmp_path / "n", nested=_NESTED)
    provenance.build_index([source], tmp_path / "i.db")
    parsed = parse(_NESTED.encode())
    with Index(tmp_path / "i.db") as index:
        for unit in range(1, index.units + 1):
            index.tokens(unit)
        for word, name in ((b"nested", "nested"), (b"getpid", "getpid"), (b"12345", "")):
            assert index.names(np.array([parsed.words[word]], np.uint64)) == [name]
        assert index.names(np.array([1, 2, 3], np.uint64)) == ["", "", ""]


def everything(path: Path) -> bytes:
    """The bytes of an index, and all its compressed values unpacked."""
    data = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection, connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema") if row[0]]
        for table in tables:
            try:
                rows = connection.execute(f"SELECT * FROM {table}").fetchall()
            except sqlite3.OperationalError:
                continue  # an index
            for row in rows:
                for value in row:
                    if isinstance(value, bytes):
                        try:
                            data += zlib.decompress(value)
                        except zlib.error:
                            data += value
    connection.close()
    return data


def test_no_source_text_is_stored(tmp_path: Path) -> None:
    """No comment, docstring, string or number, not even compressed; nor a line of code."""
    provenance.build_index([write(tmp_path / "n", nested=_NESTED)], tmp_path / "i.db")
    stored = everything(tmp_path / "i.db")
    assert b"nested" in stored
    for text in (b"must not be stored", b"12345", b"Of two classes", b"done", b"__main__"):
        assert text not in stored
    for line in _NESTED.encode().splitlines():
        if len(line.split()) > 2:
            assert line.strip() not in stored


# --- whole or not at all ------------------------------------------------------------------


def test_an_index_on_a_disk_that_fails_is_named(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was an error of the system alone."""

    def fails(_: object) -> bool:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("provenance.integrity.sealed", fails)
    with pytest.raises(IndexFileError, match=rf"{built.name}: found .*Input/output.*, expected"):
        verify(built)


def test_want_of_memory_is_no_damage(built: Path) -> None:
    """A file that needs much ended the run, and a sound index was blamed. What asks for more than
    any sound part holds is damaged."""
    stored = Stored(built)
    with pytest.raises(MemoryError) as vast:
        np.empty(10**16, np.uint64)
    with pytest.raises(MemoryError):
        raise stored.unread("page 1", MemoryError())
    with pytest.raises(IndexFileError, match="page 1"):
        raise stored.unread("page 1", vast.value)
    stored.connection.close()


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


# --- what is no sound index ---------------------------------------------------------------


def refused(path: Path, *, opened: bool = False) -> str:
    """The message with which an index is refused, at opening or at the latest by verify."""
    look: Callable[[Path], object] = Index if opened else verify
    with pytest.raises(IndexFileError) as caught:
        look(path)
    message = str(caught.value)
    assert str(path) in message
    assert "expected" in message
    assert "build" in message
    assert "\n" not in message
    return message


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """With the command that makes one."""
    assert "index build" in refused(tmp_path / "absent.db", opened=True)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """An index is a file."""
    refused(tmp_path, opened=True)


@pytest.mark.parametrize("size", [0, 1, 100, 5000])
def test_what_is_no_database_is_refused(size: int, tmp_path: Path) -> None:
    """An empty file, a few bytes, random bytes."""
    path = tmp_path / "i.db"
    path.write_bytes(random.Random(size).randbytes(size))
    refused(path, opened=True)


def test_another_database_is_refused(tmp_path: Path) -> None:
    """Of some other program."""
    with closing(sqlite3.connect(tmp_path / "i.db")) as connection, connection:
        connection.execute("CREATE TABLE meta (key TEXT, value BLOB)")
    connection.close()
    assert "other SQLite" in refused(tmp_path / "i.db", opened=True)


def test_another_format_version_is_refused(copy: Path) -> None:
    """With both versions in the message."""
    _execute(copy, "PRAGMA user_version = 999")
    assert "999" in refused(copy, opened=True)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE more (a)",
        "CREATE VIEW more AS SELECT * FROM meta",
        "CREATE TRIGGER more AFTER INSERT ON meta BEGIN DELETE FROM unit; END",
        "CREATE INDEX more ON unit (data)",
        "DROP TABLE posting",
        "ALTER TABLE unit ADD COLUMN more",
        "DROP TABLE unit; CREATE VIEW unit AS SELECT 1 AS id",
    ],
)
def test_another_schema_is_refused(statement: str, copy: Path) -> None:
    """A table, view, trigger or column more or less."""
    _execute(copy, statement)
    assert "tables" in refused(copy, opened=True)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM meta WHERE key = 'parameters'",
        "DELETE FROM meta",
        "UPDATE meta SET value = '{}' WHERE key = 'parameters'",
        "UPDATE meta SET value = 'no JSON' WHERE key = 'parameters'",
        "UPDATE meta SET value = x'00' WHERE key = 'permutations'",
        "UPDATE meta SET value = '{}' WHERE key = 'page_bits'",
        "UPDATE meta SET value = '[]' WHERE key = 'page_bits'",
        "UPDATE meta SET value = 'null' WHERE key = 'parameters'",
        "UPDATE meta SET value = 7 WHERE key = 'permutations'",
        "DELETE FROM meta WHERE key = 'checksum'",
    ],
)
def test_other_meta_data_are_refused(statement: str, copy: Path) -> None:
    """Whatever is missing or of another type, at opening."""
    _execute(copy, statement)
    refused(copy, opened=True)


_NO_ROWS = [
    "UPDATE release SET date = '2020-01-01'",
    "UPDATE release SET license = 'GPL-3.0-only'",
    "UPDATE release SET selection = '[]'",
    "UPDATE origin SET name = 'someone/else' WHERE id = 1",
    "UPDATE origin SET shared = shared + 1 WHERE id = 1",
    "INSERT INTO origin SELECT 99, 'more', family, title, organisation, country, first, units, "
    "shared FROM origin WHERE id = 1",
    "UPDATE meta SET value = json_replace(value, '$.k', 9) WHERE key = 'parameters'",
    "UPDATE meta SET value = json_replace(value, '$.seed', 9) WHERE key = 'parameters'",
    "UPDATE meta SET value = json_replace(value, '$.unit', 9) WHERE key = 'counts'",
    "UPDATE meta SET value = replace(value, '1', '2') WHERE key = 'checksum'",
]
"""What is read at opening, changed: it has a checksum of its own."""

_ROWS = [
    "DELETE FROM release",
    "DELETE FROM origin",
    *(f"DELETE FROM {table}" for table in PAGED),
    *(f"DELETE FROM {table} WHERE id = 1" for table in ("tree",)),
    *(f"UPDATE {table} SET data = x'00'" for table in PAGED),
    *(f"UPDATE {table} SET data = 5" for table in PAGED),
    *(f"UPDATE {table} SET data = x'789c030000000001'" for table in PAGED),
    *(f"UPDATE {table} SET data = zeroblob(length(data))" for table in PAGED),
    "UPDATE tree SET data = (SELECT data FROM tree WHERE id = 1)",
    "UPDATE posting SET data = (SELECT min(data) FROM posting)",
    "UPDATE name SET data = (SELECT data FROM word WHERE word.id = name.id)",
]


@pytest.mark.parametrize("statement", _NO_ROWS)
def test_changed_facts_are_refused_at_opening(statement: str, copy: Path) -> None:
    """A scan does not verify first, and looks at them all."""
    _execute(copy, statement)
    refused(copy, opened=True)


@pytest.mark.parametrize("statement", _ROWS)
def test_a_changed_row_is_refused(statement: str, copy: Path) -> None:
    """By verify, even where the bytes behind the last one say that they were written so."""
    _execute(copy, statement)
    refused(copy)
    _reseal(copy)
    refused(copy)


def _reseal(path: Path) -> None:
    """Write the SHA-256 behind the last byte anew."""
    data = path.read_bytes()
    page, count = int.from_bytes(data[16:18], "big"), int.from_bytes(data[28:32], "big")
    size = (65536 if page == 1 else page) * count  # as SQLite's header says
    path.write_bytes(data[:size])
    seal(path)
    assert sealed(path)


def _signed(path: Path) -> None:
    """Make all three checksums right again: what somebody wrote on purpose."""
    with closing(sqlite3.connect(path)) as connection, connection:
        total = json.dumps(checksum(logical_rows(connection)))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'checksum'", (total,))
        stated = json.dumps(opening_sum(*opening_rows(connection)))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'rows'", (stated,))
    connection.close()
    _reseal(path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE release SET selection = '5'",
        "UPDATE release SET selection = '[5]'",
        "UPDATE release SET selection = 5",
        f"UPDATE release SET selection = '{'[' * 5_000}'",
        "UPDATE release SET package = ''",
        f"UPDATE release SET link = 'https://x/{'{path}' * 21}'",  # which each finding would have
        f"UPDATE release SET license = '{'x' * 10_001}'",
        f"UPDATE release SET package = '{'x' * 10_001}'",
        f"UPDATE release SET date_source = '{'x' * 10_001}'",
        f"UPDATE origin SET name = '{'x' * 10_001}' WHERE id = 1",
        f"UPDATE origin SET family = '{'x' * 10_001}'",
        f"UPDATE origin SET title = '{'x' * 10_001}'",
        f"UPDATE origin SET organisation = '{'x' * 10_001}'",
        "UPDATE origin SET family = ''",
        "UPDATE release SET id = 2000000000 WHERE id = 1",
        "UPDATE piece SET id = 2000000000 WHERE id = (SELECT max(id) FROM piece)",
        "UPDATE word SET id = -1 WHERE id = 0",
        """UPDATE meta SET value = replace(value, '"tree": ', '"tree": 42949')
        WHERE key = 'counts'""",
    ],
)
def test_what_others_wrote_is_refused_before_room_is_made_for_it(
    statement: str, copy: Path, built: Path, tmp_path: Path
) -> None:
    """With right sums: numbers are those of what is there. To join what says that it has billions
    of releases or files asked for as much memory, and a selection that is none was a crash."""
    _execute(copy, statement)
    _signed(copy)
    refused(copy)
    with pytest.raises(IndexFileError, match="damaged"):
        merge_indexes([built, copy], tmp_path / "joined.db")
    assert not (tmp_path / "joined.db").exists()


@pytest.mark.parametrize(
    ("origin", "path", "family"),
    [("zoo/", "a.py", "zoo"), ("/", "a.py", "/"), (None, ".py", ".py"), (None, "a/.py", ".py")],
)
def test_every_family_has_a_name(
    origin: str | None, path: str, family: str, tmp_path: Path
) -> None:
    """An empty one stood in reports, against their schema."""
    file = tmp_path / "birds" / path
    file.parent.mkdir(parents=True)
    file.write_text(program(1))
    provenance.build_index([tmp_path / "birds"], tmp_path / "i.db", origin=origin, baseline=False)
    with Index(tmp_path / "i.db") as index:
        assert [(one.family.name, one.family.title) for one in index.origins()] == [(family,) * 2]


_Arrays = list["np.ndarray[Any, Any]"]
_Change = Callable[[_Arrays], _Arrays]
_VALUES: list[Callable[[Any], Any]] = [
    np.zeros_like,
    lambda one: one.astype(np.uint64) + np.uint64(3),
    lambda one: np.full(one.size, 2**31 + 7, np.uint64),
    lambda one: np.full(one.size, 2**64 - 1, np.uint64),
    lambda one: one[::-1],
    lambda one: one[:-1],
    lambda one: np.append(one, one[-1:]),
    lambda one: one[:0],
]


def _only(at: int, change: Callable[[Any], Any]) -> _Change:
    return lambda arrays: [*arrays[:at], change(arrays[at]), *arrays[at + 1 :]]


def _each(change: Callable[[Any], Any]) -> _Change:
    return lambda arrays: [change(one) for one in arrays]


_CHANGES: list[_Change] = [
    *map(_each, _VALUES),
    lambda arrays: arrays[:-1],
    lambda arrays: [*arrays, arrays[-1]],
    lambda arrays: arrays[::-1],
    lambda _: [],
]
"""What is done to the arrays of a page: to each of them, or to all."""


def _rewrite(path: Path, table: str, change: _Change) -> None:
    """Change the arrays of all pages of a table."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for number, data in connection.execute(f"SELECT id, data FROM {table}").fetchall():
            arrays = change(pages.unpack(number, data))
            written = pages.compress(pages.plain(number, *arrays))
            connection.execute(f"UPDATE {table} SET data = ? WHERE id = ?", (written, number))
    connection.close()


@pytest.mark.parametrize("table", PAGED)
def test_a_changed_page_is_refused(table: str, copy: Path) -> None:
    """One value of one page, packed as it must be, and the file sealed again."""

    def change(arrays: _Arrays) -> _Arrays:
        arrays = [one.astype(np.uint64) for one in arrays]
        for one in [one for one in arrays if one.size][-1:]:
            one[-1] += np.uint64(1)
        return arrays

    _rewrite(copy, table, change)
    _reseal(copy)
    assert "checksum" in refused(copy)


def _execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(statement)
    connection.close()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_index_is_refused(share: float, copy: Path) -> None:
    """Wherever it was cut off."""
    data = copy.read_bytes()
    copy.write_bytes(data[: int(share * len(data))])
    refused(copy)


def test_a_licence_is_given_to_what_states_none(tree: Path, tmp_path: Path) -> None:
    """It made MIT of a wheel under the GPL that stood beside a folder."""
    stated = str(tmp_path / "demo-1.0-py3-none-any.whl")
    with zipfile.ZipFile(stated, "w") as wheel:
        wheel.writestr(
            "demo-1.0.dist-info/METADATA",
            "Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nLicense-Expression: GPL-3.0-only\n",
        )
        wheel.writestr("demo/a.py", program(3))
    provenance.build_index([str(tree), stated], tmp_path / "i.db", license="MIT")
    with Index(tmp_path / "i.db") as index:
        found = {one.package: one.license for one in index.releases.values()}
    assert found == {"birds": "MIT", "demo": "GPL-3.0-only"}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, str]:
    """A small index, and what is scanned with it: equal, edited and renamed code."""
    folder = tmp_path_factory.mktemp("small")
    first, second = program(0, functions=2), program(1, functions=2)
    source = write(folder / "birds", a=first, b=second, c=program(2))
    provenance.build_index([source], folder / "i.db", date="2025-03-01", license="MIT")
    mine = write(folder / "mine", a=renamed(first), b=second + _MORE, c=program(2))
    return (folder / "i.db").read_bytes(), mine


def flipped(path: Path, at: int, by: int) -> None:
    """Change one byte of a file in place; a second time changes it back."""
    with open(path, "r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ by]))


def test_verify_refuses_every_flipped_byte(small: tuple[bytes, str], tmp_path: Path) -> None:
    """Wherever it is: in SQLite's header and trees, in pages, in room that is not used, in the
    checksum itself."""
    data, path = small[0], tmp_path / "i.db"
    path.write_bytes(data)
    drawn = random.Random(4711)
    used = [at for at, byte in enumerate(data) if byte]
    places = [*range(200), *range(len(data) - 100, len(data))]
    places += drawn.sample(range(len(data)), 150) + drawn.sample(used, 150)
    for at in places:
        by = 1 << drawn.randrange(8)
        flipped(path, at, by)
        with pytest.raises(IndexFileError):
            verify(path)
        flipped(path, at, by)
    assert path.read_bytes() == data
    verify(path)


def stated(data: bytes) -> list[int]:
    """Where the values of meta, the schema and the releases stand: what no page guards."""
    places: list[int] = []
    for start, length in ((b'{"bands"', 200), (b'{"0": ', 60), (b'{"release"', 100)):
        places += range(data.index(start), data.index(start) + length)
    at = data.rindex(b"checksum")  # the key of the value; the schema names it before
    places += range(at - 100, at + 80)
    schema = data.index(b"CREATE TABLE posting")
    return [*places, *range(schema - 40, schema + 40)]


def test_a_scan_of_a_damaged_index_is_right_or_says_so(
    small: tuple[bytes, str], tmp_path: Path
) -> None:
    """With one byte flipped: the very same report, or an error of ours. A scan does not verify
    first, so every value it reads must be guarded where it stands."""
    data, mine = small
    path = tmp_path / "i.db"
    path.write_bytes(data)
    ways: list[dict[str, Any]] = [{}, _HERE, {**_HERE, "as_of": "2026-01-01"}]
    expected = [provenance.json_report(provenance.scan(mine, [path], **way)) for way in ways]
    assert len(json.loads(expected[0])["findings"]) > 2
    drawn = random.Random(815)
    used = [at for at, byte in enumerate(data) if byte]
    said = 0
    most = tried(50, 110), tried(25, 50)
    for at in [*drawn.sample(used, most[0]), *drawn.sample(stated(data), most[1])]:
        by = drawn.randrange(1, 256)
        flipped(path, at, by)
        way = drawn.randrange(len(ways))
        try:
            found = provenance.json_report(provenance.scan(mine, [path], **ways[way]))
            assert found == expected[way], f"byte {at} by {by}"
        except ProvenanceError:
            said += 1
        flipped(path, at, by)
    assert said > sum(most) / 2


@pytest.mark.parametrize("statement", _ROWS)
def test_a_scan_of_wrong_rows_ends_with_an_error_of_ours(
    statement: str, copy: Path, tmp_path: Path
) -> None:
    """Whatever the rows are: a report or our own error, never a traceback."""
    _execute(copy, statement)
    ways = _WAYS if THOROUGH else [_WAYS[_ROWS.index(statement) % len(_WAYS)]]
    _scanned(copy, tmp_path, ways)


@pytest.mark.parametrize("table", PAGED)
def test_a_scan_of_wrong_pages_ends_with_an_error_of_ours(
    table: str, built: Path, tmp_path: Path
) -> None:
    """Nor do numbers that do not fit together let anything else out, though somebody made all
    three checksums right again."""
    path = tmp_path / "i.db"
    with Index(built) as index:
        (page,) = index.connection.execute(f"SELECT min(id) FROM {table}").fetchone()
        arrays = len(index._read(table, page))
    each = [_only(at, one) for at in range(arrays) for one in _VALUES]
    if not THOROUGH and len(each) > 14:
        each = random.Random(table).sample(each, 14)
    changes = [*_CHANGES, *each]
    for change, way in zip(changes, cycle(_WAYS), strict=False):
        shutil.copy(built, path)
        _rewrite(path, table, change)
        _signed(path)
        _scanned(path, tmp_path, [way])


_HERE: dict[str, Any] = {} if THOROUGH else {"jobs": 0}
"""In this process: to start a worker costs more than the scan."""
_WAYS: list[dict[str, Any]] = [
    {},
    {**_HERE, "as_of": "2026-01-01"},
    {**_HERE, "exclude_origin": ["*/m1"]},
]


def _scanned(path: Path, tmp_path: Path, ways: Iterable[dict[str, Any]]) -> None:
    source = write(
        tmp_path / "mine", a=program(1, classes=2) + _MORE, b=renamed(program(2)), c=_NESTED
    )
    for way in ways:
        try:
            report = provenance.scan(source, [path], **way)
            provenance.json_report(report), provenance.text_report(report)
        except ProvenanceError:
            pass


def test_extending_a_damaged_index_ends_with_an_error_of_ours(copy: Path, tmp_path: Path) -> None:
    """And leaves it as it was."""
    _execute(copy, "UPDATE piece SET data = x'00'")
    before = copy.read_bytes()
    with pytest.raises(ProvenanceError):
        provenance.build_index([write(tmp_path / "x", a=program(4))], copy, extend=True)
    assert copy.read_bytes() == before


def test_extending_what_is_not_there_is_refused(tree: Path, tmp_path: Path) -> None:
    """``index add`` needs an index."""
    with pytest.raises(IndexFileError, match="index build"):
        provenance.build_index([str(tree)], tmp_path / "absent.db", extend=True)


def test_indexes_of_different_parameters_are_refused_together(
    tree: Path, built: Path, copy: Path
) -> None:
    """With both names and the remedy."""
    sql = "UPDATE meta SET value = json_replace(value, '$.window', 5) WHERE key = 'parameters'"
    _execute(copy, sql)
    _signed(copy)
    with pytest.raises(IndexFileError) as caught:
        provenance.scan(str(tree), [built, copy])
    assert str(built) in str(caught.value)
    assert str(copy) in str(caught.value)
    assert "build" in str(caught.value)


def test_an_index_of_another_grammar_is_refused(tree: Path, copy: Path) -> None:
    """Its fingerprints would match nothing, and nobody would notice."""
    sql = "UPDATE meta SET value = json_replace(value, '$.grammar', 'x') WHERE key = 'parameters'"
    _execute(copy, sql)
    _signed(copy)
    with pytest.raises(IndexFileError, match="grammar 'x'"):
        provenance.scan(str(tree), [copy])


def test_an_index_is_opened_read_only(built: Path) -> None:
    """A scan cannot change it."""
    with Index(built) as index, pytest.raises(sqlite3.OperationalError):
        index.connection.execute("DELETE FROM meta")


def test_many_small_functions_are_built_in_bounded_time(tmp_path: Path) -> None:
    """Half a megabyte of one-line functions, which hostile text may well be."""
    text = "".join(f"def f{number}(a): return a + {number}\n" for number in range(15_000))
    provenance.build_index([write(tmp_path / "many", a=text)], tmp_path / "i.db")
    with Index(tmp_path / "i.db") as index:
        assert index.facts().counts["place"] == 15_001


@pytest.mark.parametrize("files", [True, False])
def test_a_file_or_unit_without_a_name_is_damage(files: bool, copy: Path) -> None:
    """With right sums, as somebody wrote it: reports had it, against their schema."""

    def change(arrays: _Arrays) -> _Arrays:
        names = arrays[0].tobytes().split(b"\0")
        kept = [b"" if one.endswith(b".py") is files else one for one in names]
        return [np.frombuffer(b"\0".join(kept), np.uint8)]

    _rewrite(copy, "name", change)
    _signed(copy)
    with Library([str(copy)]) as library:
        (index,) = library.indexes
        for unit in range(1, index.units + 1):
            standing = index.standing(unit)[0]
            for ask in (index.place, index.named):
                with pytest.raises(IndexFileError, match=r"name \d+ of a file or unit is empty"):
                    ask(unit, standing)
        same = next(same for n in (1, 2, 3) if (same := library.same_file(index.tree(n).sha256)))
        if files:
            with pytest.raises(IndexFileError, match="is empty"):
                library.identity(same, 0, exact=True)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.EACCES, "give permission to read it"), (errno.EMFILE, "more open files")],
)
def test_who_may_not_read_an_index_is_not_told_to_build_it(
    number: int, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever tests as root may read all."""

    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "a.db").write_text("no index")
    with pytest.raises(IndexFileError, match="build it again"):
        Index(tmp_path / "a.db")
    monkeypatch.setattr(os, "stat", refused)
    with pytest.raises(IndexFileError, match=remedy):
        Index(tmp_path / "a.db")


def test_a_notebook_with_the_bytes_of_a_known_file_is_read(tmp_path: Path) -> None:
    """It was entered unread, as if it were Python, where that file was done before: how far was
    read ahead decided it."""
    folder = tmp_path / "there"
    folder.mkdir()
    for name in ("a.py", "b.ipynb"):
        (folder / name).write_text(program(1), "utf-8")
    for name in ("c.py", "d.ipynb"):
        (folder / name).write_bytes(b"")
    provenance.build_index([folder / "a.py"], tmp_path / "known.db", origin="known/a")
    known = (tmp_path / "known.db").read_bytes()
    first = provenance.build_index([folder], tmp_path / "known.db", extend=True)
    again = provenance.build_index([folder], tmp_path / "known.db", extend=True, exclude=["x"])
    assert (first.files, again.files) == (2, 2)
    for built in (first, again):
        assert [one.path for one in built.skipped] == ["b.ipynb", "d.ipynb"]
    assert (tmp_path / "known.db").read_bytes() != known
