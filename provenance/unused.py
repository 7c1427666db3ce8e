"""unused: an index file as SQLite leaves it -> the same with zeros where nothing stands.

Releases of SQLite, and ways to compile it, differ in what they leave behind in bytes that they
do not use, and each puts its own number into the header. What is used, and where, they agree on
("Database File Format" of SQLite's documentation, sections 1.3, 1.6 and 1.7).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from provenance.regular import real_path

_HEADER = 100
"""Bytes before the first page's own."""
_NUMBER = slice(96, 100)
"""Of the release of SQLite that wrote the file."""
_INNER_KEYS, _INNER_ROWS, _KEYS, _ROWS = 2, 5, 10, 13
"""Kinds of pages, by their first byte."""
_Spilled = list[tuple[int, int]]
"""Of each cell that does not fit: its first page of overflow, and how many bytes are there."""


def blank_unused(path: Path) -> None:
    """Write zeros to all that says nothing in a file that was vacuumed.

    Raises:
        OSError: it cannot be read or written.
        sqlite3.DatabaseError: it is no SQLite file.
    """
    with closing(
        sqlite3.connect(Path(real_path(str(path))).as_uri() + "?mode=ro", uri=True)
    ) as connection:
        roots = connection.execute("SELECT rootpage FROM sqlite_schema WHERE rootpage > 0")
        numbers = [1, *(root for (root,) in roots)]
    with open(path, "r+b", buffering=0) as file:
        header = file.read(_HEADER)
        size = int.from_bytes(header[16:18], "big")
        usable = size - header[20]

        def read(number: int) -> bytes:
            file.seek((number - 1) * size)
            return file.read(size)

        def write(number: int, old: bytes, new: bytes | bytearray) -> None:
            if new != old:
                file.seek((number - 1) * size)
                file.write(new)

        while numbers:
            number = numbers.pop()
            page = read(number)
            blank, below, spilled = _blanked(page, _HEADER if number == 1 else 0, usable)
            write(number, page, blank)
            numbers += below
            for more, left in spilled:
                page = read(more)
                while left > usable - 4:
                    more, left = int.from_bytes(page[:4], "big"), left - (usable - 4)
                    page = read(more)
                write(more, page, page[: 4 + left] + bytes(usable - 4 - left) + page[usable:])


def _blanked(page: bytes, head: int, usable: int) -> tuple[bytearray, list[int], _Spilled]:
    """A page whose own header begins at a byte, with zeros in what is unused; the pages below it;
    what of its cells is on others."""

    def number(at: int, size: int) -> int:
        return int.from_bytes(page[at : at + size], "big")

    kind, inner = page[head], page[head] in (_INNER_KEYS, _INNER_ROWS)
    first = head + (12 if inner else 8)
    end = first + 2 * number(head + 3, 2)
    used = [(0, end), (usable, len(page))]
    below = [number(head + 8, 4)] if inner else []
    spilled = []
    hole = number(head + 1, 2)
    while hole:
        used.append((hole, hole + 4))
        hole = number(hole, 2)
    for at in range(first, end, 2):
        begin = after = number(at, 2)
        if inner:
            below.append(number(begin, 4))
            after += 4
        size, after = _varint(page, after)
        if kind == _ROWS:
            _, after = _varint(page, after)
        if kind != _INNER_ROWS:
            most = usable - 35 if kind == _ROWS else (usable - 12) * 64 // 255 - 23
            here = size
            if size > most:
                least = (usable - 12) * 32 // 255 - 23
                here = least + (size - least) % (usable - 4)
                here = here if here <= most else least
                spilled.append((number(after + here, 4), size - here))
                after += 4
            after += here
        used.append((begin, after))
    blank = bytearray(page)
    if head:
        blank[_NUMBER] = bytes(4)
    for (_, end), (begin, _) in pairwise(sorted(used)):
        blank[end:begin] = bytes(begin - end)
    return blank, below, spilled


def _varint(page: bytes, at: int) -> tuple[int, int]:
    """A number of SQLite's that begins at a byte, and where it ends."""
    value = 0
    for byte in page[at : at + 8]:
        value, at = value << 7 | byte & 127, at + 1
        if byte < 128:
            return value, at
    return value << 8 | page[at], at + 1
