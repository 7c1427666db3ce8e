"""The same every time: no order, number of jobs or release of SQLite changes a byte of an index."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import program, renamed
from thorough import THOROUGH, tried

import provenance
from indexed.modules import NESTED, crowd, family, write
from provenance.integrity import verify
from provenance.unused import blank_unused

pytestmark = pytest.mark.usefixtures("in_this_process")


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
        write(tmp_path / "birds", a=program(1), b=family("Robin", 5), c=crowd(0, 40), d=NESTED),
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


def test_the_index_does_not_depend_on_jobs(
    tree: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes write what one does."""
    monkeypatch.setattr("provenance.workers._FEW_BYTES", 10)
    monkeypatch.setattr("provenance.workers._BATCH_FILES", 2)
    many = tmp_path / "birds.db"
    provenance.build_index([str(tree)], many, date="2025-03-01", license="MIT", jobs=2)
    assert many.read_bytes() == built.read_bytes()


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
