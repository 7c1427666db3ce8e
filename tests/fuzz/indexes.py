"""Readers of indexes, of either format."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import numpy as np
from programs import program, renamed

import provenance
from fuzz.place import inside, place, refused, source_file
from provenance import pages
from provenance.errors import IndexFileError
from provenance.index import Index
from provenance.integrity import verify
from provenance.library import Library
from provenance.merge import merge
from provenance.model import SourceFile
from provenance.null import Baseline
from provenance.parse import parse, syntax
from provenance.scanning import outcomes
from provenance.schema import WIDE, WIDE_FROM
from provenance.segments import Segments
from provenance.spoken import UNSPOKEN

_Made = TypeVar("_Made")


TEXTS = (
    program(0, functions=2, classes=0, statements=5),
    program(1, functions=0, classes=1, statements=3),
    program(2, functions=1, classes=0, statements=3),
)
"""Of the files of the small index: enough for pages of every kind, and no more."""


@cache
def small(wide: bool = False) -> Path:
    """A small index, with notices; on request in the format of large ones."""
    reference = inside("birds")
    reference.mkdir(exist_ok=True)
    for seed, text in enumerate(TEXTS):
        head = f"# Copyright 2024 Bird {seed}\n# SPDX-License-Identifier: MIT\n"
        (reference / f"m{seed}.py").write_text(head + text, "utf-8")
    path = inside("wide.db" if wide else "birds.db")
    with patch("provenance.schema.WIDE_FROM", 0 if wide else WIDE_FROM):
        provenance.build_index([str(reference)], path, date="2025-01-02", license="MIT")
    return path


@cache
def _whole(wide: bool) -> bytes:
    return small(wide).read_bytes()


@cache
def library() -> Library:
    """The small index, open."""
    return Library([str(small())])


@cache
def asked() -> list[SourceFile]:
    """A file that has a copy with other names, and a class as it is."""
    return [source_file("s.py", (renamed(TEXTS[0]) + TEXTS[1]).encode())]


def _once(made: Callable[..., _Made]) -> Callable[..., _Made]:
    known: dict[bytes, _Made] = {}

    def found(content: bytes, *_: object) -> _Made:
        if content not in known:
            known[content] = made(content)
        return known[content]

    return found


@contextmanager
def parsed_once() -> Iterator[None]:
    """What asks an index is the same each time, and has targets of its own: it is read once."""
    with patch("provenance.parse.syntax", _SYNTAX), patch("provenance.parse.parse", _PARSE):
        yield


_SYNTAX, _PARSE = _once(syntax), _once(parse)


def _looked_into(path: Path, data: bytes) -> None:
    """A forged index: what it says, or an error that names it. One in eight is asked by a scan,
    which takes ten times as long as to read all of its pages."""
    try:
        with Library([str(path)]) as forged:
            if sum(data) % 8:
                _read(forged.indexes[0])
                return
            with parsed_once():
                for result, found in outcomes(asked(), forged, UNSPOKEN, 60.0):
                    assert 0 <= result.novel <= 1
                    assert all(one.blocks for one in found)
    except IndexFileError as error:
        refused(error)
        assert path.name in str(error)  # noqa: PT017
    finally:
        path.unlink()


def _read(index: Index) -> None:
    """All that an index is asked for, of everything that is in it."""
    index.baseline  # noqa: B018
    index.facts()
    for door in index.shape.doors:
        keys, counts, listed = index.stretch(door, 0, 0)
        assert keys.size == counts.size
        assert int(counts.sum()) == listed.size
        index.lookup(door, keys[:3])
    for number in range(1, min(index.counts["tree"], 9) + 1):
        tree = index.tree(number)
        for at in range(min(tree.units.size, 20)):
            index.tokens_at(number, at)
        for one in index.files_of(number):
            index.name(one.path)
            index.origin_of(one)
    for unit in range(1, min(index.units, 30) + 1):
        for one in index.standing(unit):
            index.named(unit, one)
    index.views([1])


def fuzz_index(data: bytes) -> None:
    """An index with bytes changed; by the first byte, of which format. Of each five others, four
    are a place and one what stands there. One that is only damaged is never taken for a whole
    one."""
    before = _whole(data[:1] > b"\x7f")
    whole = bytearray(before)
    for at in range(1, len(data) - 4, 5):
        where = int.from_bytes(data[at : at + 4], "little") % len(whole)
        whole[where] = data[at + 4]
    path = place() / "bad.db"
    path.write_bytes(whole)
    if whole != before and sum(data) % 8 == 0:  # it takes ten times as long
        with suppress(IndexFileError):
            verify(path)
            raise AssertionError("a damaged index was found to be sound")
    _looked_into(path, data)


def fuzz_rows(data: bytes) -> None:
    """An index with one page that lies, or a value of its opening rows. The first byte says of
    which format, the next two which; the others are the page, or where the first of the two is
    large, numbers to put into the page that is there."""
    path = place() / "bad.db"
    path.write_bytes(_whole(data[:1] > b"\x7f")[:-32])
    _forge(path, data[1:])
    _looked_into(path, data)


def fuzz_joined(data: bytes) -> None:
    """Such an index, joined with a sound one or, where the first byte is odd, added to."""
    path, output = place() / "bad.db", place() / "joined.db"
    wide = data[:1] > b"\x7f"
    path.write_bytes(_whole(wide)[:-32])
    _forge(path, data[1:])
    try:
        if data[:1] and data[0] % 2:
            with (
                Index(path) as base,
                Segments(path, base.parameters, base.permutations, None, base) as segments,
            ):
                segments.finish()
        else:
            merge([path, small(wide)], output)
    except IndexFileError as error:
        refused(error)
        assert path.name in str(error)  # noqa: PT017
    finally:
        path.unlink()
        output.unlink(missing_ok=True)
    left = {one.name for one in place().iterdir()} - {"kept"}
    assert not left


PAGED = ("file", "tree", "piece", "unit", "word", "name", "posting")
ROWS = ("parameters", "page_bits", "counts", "baseline", "release", "origin", "shape")


def _forge(path: Path, data: bytes) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = MEMORY")
        _changed(connection, data)


def _changed(connection: sqlite3.Connection, data: bytes) -> None:
    from provenance.checksum import opening_rows, opening_sum

    table = data[0] % (len(PAGED) + len(ROWS)) if data else 0
    if table < len(PAGED):
        name = PAGED[table]
        ids = [row[0] for row in connection.execute(f"SELECT id FROM {name} ORDER BY id")]
        number = ids[data[1] % len(ids)] if len(data) > 1 else ids[0]
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if name == "posting" and version == WIDE:
            stored = summed(data[2:])
        elif data[:1] > b"\x7f":
            stored = pages.compress(_renumbered(connection, name, number, data[2:]))
        else:
            stored = pages.compress(number.to_bytes(8, "little") + data[2:])
        connection.execute(f"UPDATE {name} SET data = ? WHERE id = ?", (stored, number))
        return
    name, text = ROWS[table - len(PAGED)], data[2:].decode("utf-8", "replace")
    if name in ("release", "origin"):
        values = json_list(text)
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
        for column, value in zip(columns[1:], values, strict=False):
            with suppress(sqlite3.Error):
                connection.execute(f"UPDATE {name} SET {column} = ?", (value,))
    else:
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (text, name))
    with suppress(ValueError, TypeError, UnicodeError, sqlite3.Error):
        made = opening_sum(*opening_rows(connection))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'rows'", (json.dumps(made),))


def summed(rest: bytes) -> bytes:
    """A short page with its sum."""
    return zlib.crc32(rest).to_bytes(4, "little") + rest


def _renumbered(connection: sqlite3.Connection, name: str, number: int, data: bytes) -> bytes:
    """A page with numbers changed: of each seven bytes, one is an array, two a place in it, four
    what stands there; where the last of them is odd, what is added to it."""
    row = connection.execute(f"SELECT data FROM {name} WHERE id = ?", (number,)).fetchone()
    arrays = [array.astype(np.uint64) for array in pages.unpack(number, row[0])]
    for at in range(0, len(data) - 6, 7):
        array = arrays[data[at] % len(arrays)]
        if array.size:
            place = int.from_bytes(data[at + 1 : at + 3], "little") % array.size
            value = int.from_bytes(data[at + 3 : at + 6], "little")
            more = int(array[place]) + (data[at + 3] % 16) - 8 if data[at + 6] % 2 else value
            array[place] = max(0, more)
    return pages.plain(number, *arrays)


def json_list(text: str) -> list[str | int | float | None]:
    """The plain values of a JSON list that SQLite takes."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    listed: list[Any] = found if isinstance(found, list) else []
    return [
        one
        for one in listed
        if one is None
        or (isinstance(one, str) and one.isascii())
        or (isinstance(one, (int, float)) and abs(one) < 2**63)
    ]


def fuzz_pages(data: bytes) -> None:
    """A page of an index: values or ``ValueError``. The first byte is its number; where that is
    below 128 the others are the page as it is after unpacking, else as it is stored; 127 for a
    short page, by two more bytes of keys and units of so many."""
    if data[:1] == b"\x7f":
        key, unit = ((one % 8) + 1 for one in data[1:3].ljust(2, b"\0"))
        with suppress(ValueError):
            many, keys, counts, units = pages.read_short([summed(data[3:])], key, (unit + 1) // 2)
            assert int(many.sum()) == keys.size == counts.size
            assert int(counts.sum()) == units.size
        return
    number, page = data[0] % 128 if data else 0, data[1:]
    if data[:1] < b"\x80":
        page = pages.compress(number.to_bytes(8, "little") + page)
    try:
        arrays = pages.unpack(number, page)
    except ValueError:
        return
    assert sum(array.size for array in arrays) <= 1032 * len(page)  # DEFLATE's most


def fuzz_null(data: bytes) -> None:
    """The null baseline of an index -> rates between 0 and 1."""
    try:
        null = Baseline.from_json(data.decode("utf-8", "replace"))
    except ValueError:
        return
    for kind in ("score", "structure", "text", "file"):
        assert 0 <= null.percentile(0.5, 100, kind) <= 1
        assert 0 < null.false_alarm_rate(0.5, 100, kind) <= 1
