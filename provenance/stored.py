"""stored: an index file, open, page by page."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provenance.errors import IndexFileError
from provenance.pages import unpack
from provenance.schema import open_checked, unread

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ASKED_AT_ONCE = 512
"""Pages in one query: any SQLite takes 999 parameters."""
_VAST = 100_000_000
"""Numbers that no sound part of an index has at once: pages have some thousands, and what of them
is looked at together is bounded."""


class Stored:
    """The pages of an open index file."""

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.connection = open_checked(Path(path))

    def read(self, table: str, number: int) -> list[NDArray[Any]]:
        """The arrays of a page.

        Raises:
            IndexFileError: it is not there, or not as it was written.
        """
        try:
            row = self.connection.execute(
                f"SELECT data FROM {table} WHERE id = ?",  # noqa: S608
                (number,),
            ).fetchone()
        except (sqlite3.DatabaseError, OverflowError, UnicodeDecodeError) as error:
            raise unread(self.path, error) or self.damaged(str(error)) from error
        if row is None:
            raise self.damaged(f"no {table} page {number} where one must be")
        try:
            return unpack(number, row[0])
        except (ValueError, TypeError) as error:
            raise self.damaged(f"{table} {number}: {error}") from error

    def short(self, numbers: Sequence[int]) -> list[bytes]:
        """Short pages of postings."""
        try:
            if len(numbers) > 1 and numbers[-1] - numbers[0] == len(numbers) - 1:
                rows = self.connection.execute(
                    "SELECT data FROM posting WHERE id BETWEEN ? AND ? ORDER BY id",
                    (numbers[0], numbers[-1]),
                )
                found = [row[0] for row in rows]
            else:
                found = []
                for at in range(0, len(numbers), _ASKED_AT_ONCE):
                    some = tuple(numbers[at : at + _ASKED_AT_ONCE])
                    asked = ",".join("?" * len(some))
                    sql = f"SELECT data FROM posting WHERE id IN ({asked}) ORDER BY id"  # noqa: S608
                    found += [row[0] for row in self.connection.execute(sql, some)]
        except (sqlite3.DatabaseError, OverflowError, UnicodeDecodeError) as error:
            raise unread(self.path, error) or self.damaged(str(error)) from error
        if len(found) != len(numbers):
            raise self.damaged("no posting page where one must be")
        return found

    def count(self, table: str) -> int:
        """How many pages a table has, numbered from 0.

        Raises:
            IndexFileError: they cannot be counted.
        """
        try:
            (last,) = self.connection.execute(f"SELECT max(id) FROM {table}").fetchone()  # noqa: S608
            return 0 if last is None else int(last) + 1
        except (sqlite3.DatabaseError, TypeError, ValueError) as error:
            raise unread(self.path, error) or self.damaged(str(error)) from error

    def unread(self, what: str, error: Exception) -> Exception:
        """The error of a part that could not be read: that it is damaged; but for want of memory
        that it lacks, of which a sound part asks for little, and no index is to blame."""
        shape = getattr(error, "shape", ())  # as numpy says what it was to make
        if isinstance(error, MemoryError) and prod(shape) < _VAST:
            return MemoryError(str(error))
        return self.damaged(f"{what}: {error}")

    def damaged(self, what: str) -> IndexFileError:
        """The error that says that something of the file is not as it was written."""
        return IndexFileError(
            f"{self.path}: found a damaged index ({what}), expected what "
            "'provenance index verify' accepts; build it again"
        )
