"""An index is read back exactly, and has no text of what was indexed."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import program
from thorough import tried

import provenance
from indexed.modules import NESTED, write
from provenance.index import KINDS, Index
from provenance.model import Tokens
from provenance.parse import parse
from provenance.sketch import body, positions

pytestmark = pytest.mark.usefixtures("in_this_process")


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
    provenance.build_index([write(tmp_path / "n", nested=NESTED)], tmp_path / "i.db")
    with Index(tmp_path / "i.db") as index:
        assert check_round_trip(NESTED, index) == 9


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
    source = write(tmp_path / "n", nested=NESTED)
    provenance.build_index([source], tmp_path / "i.db")
    parsed = parse(NESTED.encode())
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
    provenance.build_index([write(tmp_path / "n", nested=NESTED)], tmp_path / "i.db")
    stored = everything(tmp_path / "i.db")
    assert b"nested" in stored
    for text in (b"must not be stored", b"12345", b"Of two classes", b"done", b"__main__"):
        assert text not in stored
    for line in NESTED.encode().splitlines():
        if len(line.split()) > 2:
            assert line.strip() not in stored


def test_an_index_is_opened_read_only(built: Path) -> None:
    """A scan cannot change it."""
    with Index(built) as index, pytest.raises(sqlite3.OperationalError):
        index.connection.execute("DELETE FROM meta")
