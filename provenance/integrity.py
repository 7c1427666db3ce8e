"""integrity: a whole index, against the sums that stand in it. Reads every page; a scan checks
only what it reads.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np

from provenance.checksum import checksum, logical_rows
from provenance.index import Index
from provenance.schema import (
    NAMES_PER_PAGE,
    PIECES_PER_PAGE,
    TREES_PER_PACK,
    TREES_PER_PAGE,
    UNITS_PER_PAGE,
    WORDS_PER_PAGE,
    sealed,
    unread,
)


def verify(path: str | Path) -> str:
    """Check a whole index: the SHA-256 behind its last byte, SQLite's own structure, everything
    stored against the checksum, and the stored permutations against datasketch's.

    Returns:
        The checksum.

    Raises:
        IndexFileError: something is not as it was written.
    """
    from provenance.sketch import permutations

    with Index(path) as index:
        try:
            if not sealed(Path(path)):
                raise index.damaged("its bytes are not those that were written")
            _check_counts(index)
            sound = index.connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
            found = checksum(logical_rows(index.connection))
        except (sqlite3.DatabaseError, OSError, ValueError, TypeError) as error:
            raise unread(path, error) or index.damaged(str(error)) from error
        if sound != "ok":
            raise index.damaged(str(sound).replace("\n", " "))
        if found != index.checksum:
            raise index.damaged(f"checksum {found}, stored {index.checksum}")
        if not np.array_equal(index.permutations, permutations(index.parameters)):
            raise index.damaged("permutations that are not those of its parameters")
        return found


def _check_counts(index: Index) -> None:
    """That pages are numbered from 0 on, and hold as much as the index says that it has, before
    anything is made that is as large as that.

    Raises:
        ValueError: it is not so.
    """
    for table, held in (
        ("tree", TREES_PER_PACK),
        ("unit", UNITS_PER_PAGE),
        ("piece", PIECES_PER_PAGE),
        ("word", WORDS_PER_PAGE),
        ("name", NAMES_PER_PAGE),
        ("file", TREES_PER_PAGE),
    ):
        asked = f"SELECT count(*), coalesce(max(id), -1), coalesce(min(id), 0) FROM {table}"  # noqa: S608
        pages, last, first = index.connection.execute(asked).fetchone()
        if (first, last) != (0, pages - 1):
            raise ValueError(f"{table} pages that are not numbered from 0 on")
        if index.counts.get(table, 0) > pages * held and table != "file":
            raise ValueError(f"fewer of {table} than it says")
